/**
 * One operator with given variables, attributes and names, run alone: what the conformance test makes of the recorded cases. The cases of
 * gradient operators are read off the backward pass of recorded forward cases.
 */
import { existsSync, readdirSync } from 'node:fs'
import { EnforceError } from '../../src/errors.ts'
import { Executor } from '../../src/executor/executor.ts'
import { interpretBlock } from '../../src/executor/interpreter.ts'
import { Scope } from '../../src/executor/scope.ts'
import { gradients } from '../../src/framework/autodiff/backward.ts'
import type { Block } from '../../src/framework/block.ts'
import type { InferredMetas } from '../../src/framework/infer.ts'
import { EMPTY_VAR, type Meta, type OpLibrary } from '../../src/framework/op_def.ts'
import type { Operator } from '../../src/framework/operator.ts'
import { Program } from '../../src/framework/program.ts'
import type { VarDesc } from '../../src/framework/variable.ts'
import { ops } from '../../src/ops/index.ts'
import { defaultGenerator, seed } from '../../src/tensor/random.ts'
import { SelectedRows, Tensor, TensorArray, type Value } from '../../src/tensor/tensor.ts'
import { valueFromJSON } from '../../src/tensor/tensor_json.ts'
import { readGolden } from '../golden.ts'
import { corrected } from './corrections.ts'
import type { GoldenCase } from './golden_case.ts'

type Names = Readonly<Record<string, readonly string[]>>

export interface OpCase {
  readonly label: string
  readonly op: string
  /** Values by variable, so that one variable may stand in several slots. */
  readonly values: ReadonlyMap<string, Value>
  readonly inputs: Names
  readonly outputs: Names
  readonly attrs: Readonly<Record<string, unknown>>
  readonly generatorSeed: number
  /** Recorded outputs; null where anything is right, undefined for gradient operators. */
  readonly recorded?: Readonly<Record<string, readonly (Value | null)[]>>
  readonly tolerance: { readonly rtol: number; readonly atol: number }
}

export const library: OpLibrary = ops
const FOLDER = new URL('../golden/ops/', import.meta.url)
export const hasCaseFile = (type: string): boolean => existsSync(new URL(`${type}.jsonl.gz`, FOLDER))
export const caseTypes = (): string[] =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.jsonl.gz'))
    .map((name) => name.replace('.jsonl.gz', ''))
    .sort()

export const goldenCases = (type: string): GoldenCase[] => readGolden<GoldenCase[]>(`ops/${type}.jsonl.gz`)

/** The recorded cases of an operator that have outputs. */
export function recordedCases(type: string): OpCase[] {
  return goldenCases(type)
    .filter((golden) => golden.error === undefined && library[type] !== undefined)
    .map(corrected)
    .map((golden) => ({
      label: `${type}/${golden.name}`,
      op: golden.op,
      values: valuesOf(golden),
      inputs: mapNames(golden.inputs, ({ name }) => name),
      outputs: golden.output_names!,
      attrs: golden.attrs,
      generatorSeed: golden.generator_seed ?? 0,
      recorded: mapNames(golden.outputs!, (json) => (json === null ? null : valueFromJSON(json))),
      tolerance: golden.tolerance ?? { rtol: 0, atol: 0 },
    }))
}

const valuesOf = (golden: GoldenCase): Map<string, Value> =>
  new Map(
    Object.values(golden.inputs)
      .flat()
      .map(({ name, tensor }) => [name, valueFromJSON(tensor)]),
  )

/** The gradient operators that the recorded forward cases of `type` lead to, with the values that they read. */
export function gradientCases(type: string): OpCase[] {
  const found: OpCase[] = []
  for (const golden of goldenCases(type)) {
    if (golden.error !== undefined || golden.grad === undefined) continue
    const program = new Program(library, { callSites: false })
    const block = program.globalBlock()
    const root = new Scope()
    for (const [name, value] of valuesOf(golden)) {
      const variable = block.createVar({ name, persistable: true, ...metaOf(value) })
      const slot = Object.keys(golden.inputs).find((key) => golden.inputs[key]!.some((item) => item.name === name))!
      const index = golden.inputs[slot]!.findIndex((item) => item.name === name)
      variable.stopGradient = (golden.grad.wrt[slot]?.[index] ?? null) === null
      root.set(name, value)
    }
    const outputs = golden.output_names!
    for (const name of new Set(Object.values(outputs).flat())) if (!block.hasVar(name)) block.createVar({ name })
    block.appendOp({
      type,
      ...(Object.keys(golden.inputs).length > 0 ? { inputs: mapNames(golden.inputs, ({ name }) => name) } : {}),
      outputs,
      attrs: golden.attrs,
    })
    const forward = block.ops.length
    const targets = Object.keys(golden.grad.cotangents).flatMap((slot) =>
      golden.grad!.cotangents[slot]!.flatMap((json, i) => {
        if (json === null) return []
        const target = block.var(outputs[slot]![i]!)
        const value = valueFromJSON(json) as Tensor
        const gradient = block.createVar({
          name: `${target.name}@GRAD`,
          ...metaOf(value),
          shape: target.shape,
          persistable: true,
          stopGradient: true,
        })
        root.set(gradient.name, value)
        return [{ target, gradient }]
      }),
    )
    gradients(
      targets.map(({ target }) => target),
      [...valuesOf(golden).keys()].map((name) => block.var(name)),
      { targetGradients: targets.map(({ gradient }) => gradient) },
    )
    const scope = new Scope(root)
    seed(golden.generator_seed ?? 0)
    interpretBlock(block, scope, { generator: defaultGenerator })
    for (const op of block.ops.slice(forward)) {
      const values = new Map<string, Value>()
      const withValue = (names: readonly string[]): string[] =>
        names.filter((name) => {
          const value = name === EMPTY_VAR ? undefined : scope.get(name)
          if (value !== undefined) values.set(name, value)
          return value !== undefined
        })
      const inputs = Object.fromEntries(Object.entries(op.inputs).map(([slot, names]) => [slot, withValue(names)]))
      found.push({
        label: `${op.type} of ${type}/${golden.name}`,
        op: op.type,
        values,
        inputs,
        outputs: op.outputs,
        attrs: Object.fromEntries(
          Object.entries(op.attrs).filter(([name]) => Object.hasOwn(library[op.type]!.attrs, name)),
        ),
        generatorSeed: 0,
        tolerance: { rtol: 0, atol: 0 },
      })
    }
  }
  return found
}

/** What a variable for this value is declared as. */
export function metaOf(value: Value): Pick<VarDesc, 'dtype' | 'shape' | 'type'> & Meta {
  if (value instanceof SelectedRows) return { dtype: value.value.dtype, shape: value.denseShape, type: 'SELECTED_ROWS' }
  if (value instanceof TensorArray) return { dtype: 'float32', shape: [], type: 'LOD_TENSOR_ARRAY' }
  return { dtype: value.dtype, shape: value.shape }
}

export function mapNames<T, R>(
  slots: Readonly<Record<string, readonly T[]>>,
  map: (item: T) => R,
): Record<string, R[]> {
  return Object.fromEntries(Object.entries(slots).map(([slot, list]) => [slot, list.map(map)]))
}

/** Results by slot; undefined where the operator gives an output no value. */
export type Results = Readonly<Record<string, readonly (Value | undefined)[]>>
export type Outcome =
  | { readonly ok: true; readonly results: Results }
  | { readonly ok: false; readonly error: EnforceError; readonly at: 'append' | 'run' }

/** Slots of tensors whose dimensions decide the rank of a result, which must be known: there is no shape of unknown rank. */
const DECIDES_RANK: readonly RegExp[] = [
  // Its length is the rank of the result.
  /\.(Output)?Shape(Tensor)?$/,
  // Its last dimension says how many dimensions of X an index takes.
  /^(gather_nd|scatter_nd_add)(_grad)?\.Index$/,
  // Y is one vector for each matrix of X if their dimensions agree.
  /^solve(_grad)?\.[XY]$/,
]

/** The program of a case. @param unknown declares every dimension as one that only the run knows. */
export function caseProgram(given: OpCase, unknown = false): Program {
  const program = new Program(library, { callSites: false })
  const block = program.globalBlock()
  for (const [name, value] of given.values) {
    const meta = metaOf(value)
    const decidesRank = Object.entries(given.inputs).some(
      ([slot, names]) => names.includes(name) && DECIDES_RANK.some((pattern) => pattern.test(`${given.op}.${slot}`)),
    )
    const known = decidesRank || (given.op === 'squeeze2' && squeezesByValue(given.attrs['axes'], meta.shape))
    const shape = unknown && value instanceof Tensor && !known ? meta.shape.map(() => -1) : meta.shape
    block.createVar({ name, persistable: true, ...meta, shape })
  }
  for (const name of new Set(Object.values(given.outputs).flat())) {
    if (name !== EMPTY_VAR && !block.hasVar(name)) block.createVar({ name })
  }
  block.appendOp({
    type: given.op,
    ...(Object.keys(given.inputs).length > 0 ? { inputs: given.inputs } : {}),
    outputs: given.outputs,
    attrs: given.attrs,
  })
  return program
}

/**
 * Without axes squeeze2 takes out whatever is 1, and an axis that is not 1 stays: only known dimensions say so. As in Paddle it takes an
 * unknown dimension that is named for a 1.
 */
function squeezesByValue(axes: unknown, shape: readonly number[]): boolean {
  if (!Array.isArray(axes) || axes.length === 0) return true
  return axes.some((axis) => typeof axis !== 'number' || shape.at(axis) !== 1)
}

/** What the operator makes, as far as its inputs are still what they were: an in-place output may have changed what one is declared as. */
function inferred(block: Block, program: Program, op: Operator): InferredMetas | undefined {
  try {
    return block.infer(program.definition(op.type)!, op)
  } catch (error) {
    if (error instanceof EnforceError) return undefined
    throw error
  }
}

/** Runs cases on one executor of each engine, one after the other in the same scope. */
export class CaseRunner {
  readonly plan = new Executor({ engine: 'plan' })
  readonly interpreter = new Executor({ engine: 'interpreter' })

  /** @throws what is no EnforceError. */
  run(given: OpCase, engine: 'plan' | 'interpreter', unknown = false): Outcome {
    const executor = this[engine]
    const { scope } = executor
    let at: 'append' | 'run' = 'append'
    try {
      const program = caseProgram(given, unknown)
      at = 'run'
      const block = program.globalBlock()
      const op = block.ops[0]!
      const metas = inferred(block, program, op)
      for (const [name, value] of given.values) scope.set(name, value)
      seed(given.generatorSeed)
      const fetch: string[] = []
      const fetched: { slot: string; i: number }[] = []
      for (const [slot, names] of Object.entries(given.outputs)) {
        names.forEach((name, i) => {
          if (name === EMPTY_VAR || (metas !== undefined && metas[slot]?.[i] === undefined)) return
          fetch.push(name)
          fetched.push({ slot, i })
        })
      }
      const values = executor.run(program, { fetch })
      const results: Record<string, (Value | undefined)[]> = mapNames(given.outputs, () => undefined)
      fetched.forEach(({ slot, i }, k) => {
        results[slot]![i] = values[k]
      })
      return { ok: true, results }
    } catch (error) {
      if (error instanceof EnforceError) return { ok: false, error, at }
      throw new Error(
        `${given.label} (${engine}): an untyped error: ${error instanceof Error ? error.stack : String(error)}`,
      )
    } finally {
      for (const name of scope.names()) scope.delete(name)
    }
  }

  dispose(): void {
    this.plan.dispose()
    this.interpreter.dispose()
  }
}

/** Where two results differ in their bits, or undefined. */
export function differentBits(a: Results, b: Results): string | undefined {
  for (const slot of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const left = a[slot] ?? []
    const right = b[slot] ?? []
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      const fault = differentValues(left[i], right[i])
      if (fault !== undefined) return `${slot}[${i}] ${fault}`
    }
  }
  return undefined
}

/** Where two values differ in type, shape or bits, or undefined. */
export function differentValues(a: Value | undefined, b: Value | undefined): string | undefined {
  if (a === undefined || b === undefined) return a === b ? undefined : 'has a value in one of the two only'
  if (a instanceof SelectedRows || b instanceof SelectedRows) {
    if (!(a instanceof SelectedRows) || !(b instanceof SelectedRows)) return 'is of another kind'
    if (a.rows.join() !== b.rows.join() || a.height !== b.height) return 'has other rows'
    return differentValues(a.value, b.value)
  }
  if (a instanceof TensorArray || b instanceof TensorArray) {
    if (!(a instanceof TensorArray) || !(b instanceof TensorArray)) return 'is of another kind'
    if (a.items.length !== b.items.length) return 'has another length'
    return a.items.map((item, i) => differentValues(item, b.items[i])).find((fault) => fault !== undefined)
  }
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) {
    return `is ${a.dtype} [${a.shape.join(', ')}] and ${b.dtype} [${b.shape.join(', ')}]`
  }
  const p = bytesOf(a)
  const r = bytesOf(b)
  for (let i = 0; i < p.length; i++) {
    // Which of the many NaNs it is means nothing.
    if (p[i] !== r[i] && !bothNaN(a, b, i)) return `differs in byte ${i}`
  }
  return undefined
}

export const bytesOf = ({ data }: Tensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

function bothNaN(a: Tensor, b: Tensor, byte: number): boolean {
  const index = Math.floor(byte / (a.data.byteLength / a.data.length))
  if (a.dtype.startsWith('complex')) return Number.isNaN(a.data[index]) && Number.isNaN(b.data[index])
  return Number.isNaN(a.at(index)) && Number.isNaN(b.at(index))
}
