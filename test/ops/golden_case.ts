/**
 * Runs one recorded operator case of Paddle 2.6.2 (test/golden/ops) through our program, backward and executor and says what differs.
 * A case is exactly one operator in an otherwise empty program, perhaps run several times, and its gradient by `gradients`.
 */

import { Executor } from '../../src/compiler/executor.ts'
import { EnforceError } from '../../src/errors.ts'
import type { LastRun } from '../../src/executor/executor.ts'
import { gradients } from '../../src/framework/autodiff/backward.ts'
import type { OpLibrary } from '../../src/framework/op_def.ts'
import { sameAttr } from '../../src/framework/op_text.ts'
import { Program } from '../../src/framework/program.ts'
import type { Variable } from '../../src/framework/variable.ts'
import { ops } from '../../src/ops/index.ts'
import { byteSize, type DType, isHalf } from '../../src/tensor/dtype.ts'
import { seed } from '../../src/tensor/random.ts'
import { hasUnknown } from '../../src/tensor/shape.ts'
import { SelectedRows, Tensor, TensorArray, type Value } from '../../src/tensor/tensor.ts'
import { valueFromJSON } from '../../src/tensor/tensor_json.ts'

interface CaseVariable {
  readonly name: string
  readonly tensor: unknown
}
interface OpJson {
  readonly type: string
  readonly inputs: Record<string, string[]>
  readonly outputs: Record<string, string[]>
  readonly attrs: Record<string, unknown>
}
interface Tolerance {
  readonly rtol: number
  readonly atol: number
}
export interface GoldenCase {
  readonly name: string
  readonly op: string
  readonly inputs: Record<string, CaseVariable[]>
  readonly attrs: Record<string, unknown>
  readonly outputs?: Record<string, (unknown | null)[]>
  readonly output_names?: Record<string, string[]>
  readonly generator_seed?: number
  readonly steps?: { readonly set: Record<string, unknown[]>; readonly outputs: Record<string, (unknown | null)[]> }[]
  readonly grad?: {
    readonly cotangents: Record<string, (unknown | null)[]>
    readonly wrt: Record<string, (unknown | null)[]>
    readonly ops: OpJson[]
    readonly tolerance?: Tolerance
  }
  readonly tolerance?: Tolerance
  readonly error?: { readonly category: string; readonly stage: string; readonly summary: string }
  readonly note?: string
}

/** What differs from the recording, one line each; empty when the case passes. `ran` is told of the first run, gradient included. */
export function runGoldenCase(
  golden: GoldenCase,
  library: OpLibrary = ops,
  backend: 'ts' | 'wasm' = 'ts',
  ran?: (program: Program, run: LastRun) => void,
): string[] {
  if (golden.error !== undefined) return runErrorCase(golden, library, backend)
  const faults: string[] = []
  const { program, inputs, outputs } = buildCase(golden, library)
  const executor = new Executor({ backend })
  setInputs(executor, golden.inputs, inputs)
  if (golden.generator_seed !== undefined) seed(golden.generator_seed)

  const wrtNames: Record<string, (string | null)[]> = {}
  const { grad } = golden
  const forward = program.clone()
  if (grad !== undefined) {
    const block = program.globalBlock()
    const targets: Variable[] = []
    const targetGradients: Variable[] = []
    eachInSlots(grad.cotangents, (json, slot, i) => {
      if (json === null) return
      const target = outputs[slot]![i]!
      const value = valueFromJSON(json) as Tensor
      const name = `${target.name}@GRAD`
      const variable = block.createVar({
        name,
        dtype: value.dtype,
        // `gradients` asks for the shape of the target, also where only the run knows it.
        shape: hasUnknown(target.shape) ? target.shape : value.shape,
        persistable: true,
        stopGradient: true,
      })
      executor.scope.set(name, value)
      targets.push(target)
      targetGradients.push(variable)
    })
    const asked: Variable[] = []
    for (const [slot, list] of Object.entries(grad.wrt)) {
      list.forEach((json, i) => {
        const variable = inputs[slot]![i]!
        variable.stopGradient = json === null
        asked.push(variable)
      })
    }
    for (const [slot, list] of Object.entries(inputs)) {
      if (!Object.hasOwn(grad.wrt, slot)) for (const variable of list) variable.stopGradient = true
    }
    const before = block.ops.length
    const made = gradients(targets, asked, { targetGradients })
    let next = 0
    for (const [slot, list] of Object.entries(grad.wrt)) {
      wrtNames[slot] = list.map((json) => {
        const variable = made[next++]
        if (json !== null && (variable === null || variable === undefined)) faults.push(`no gradient for ${slot}`)
        return json === null ? null : (variable?.name ?? null)
      })
    }
    compareOps(grad.ops, block.ops.slice(before), library, faults)
  }

  const steps = [{ set: {}, outputs: golden.outputs! }, ...(golden.steps ?? [])]
  steps.forEach((step, index) => {
    for (const [slot, list] of Object.entries(step.set)) {
      list.forEach((json, i) => {
        executor.scope.set(inputs[slot]![i]!.name, valueFromJSON(json))
      })
    }
    const label = index === 0 ? '' : `step ${index + 1}: `
    // The backward operators read what the first run left; later runs are of the forward operator alone.
    const runs = index === 0 ? program : forward
    const wanted: { label: string; name: string; json: unknown; tolerance: Tolerance }[] = []
    for (const [slot, list] of Object.entries(step.outputs)) {
      list.forEach((json, i) => {
        if (json === null) return
        wanted.push({
          label: `${label}${slot}`,
          name: golden.output_names![slot]![i]!,
          json,
          tolerance: golden.tolerance ?? EXACT,
        })
      })
    }
    if (index === 0 && grad !== undefined) {
      for (const [slot, list] of Object.entries(grad.wrt)) {
        list.forEach((json, i) => {
          const name = wrtNames[slot]![i]
          if (json === null || name === null || name === undefined) return
          wanted.push({
            label: `gradient of ${slot}`,
            name,
            json,
            tolerance: grad.tolerance ?? golden.tolerance ?? EXACT,
          })
        })
      }
    }
    const got = executor.run(runs, { fetch: wanted.map((item) => item.name) })
    if (index === 0) ran?.(runs, executor.lastRun!)
    wanted.forEach((item, i) => {
      const fault = compareValues(valueFromJSON(item.json), got[i]!, item.tolerance)
      if (fault !== undefined) faults.push(`${item.label}: ${fault}`)
    })
  })
  return faults
}

const EXACT: Tolerance = { rtol: 0, atol: 0 }

function runErrorCase(golden: GoldenCase, library: OpLibrary, backend: 'ts' | 'wasm'): string[] {
  try {
    const { program, inputs } = buildCase(golden, library)
    const executor = new Executor({ backend })
    setInputs(executor, golden.inputs, inputs)
    executor.run(program)
  } catch (error) {
    if (!(error instanceof EnforceError)) return [`an untyped error: ${String(error)}`]
    const { category } = golden.error!
    return error.category === category ? [] : [`category ${error.category}, recorded ${category}: ${error.summary}`]
  }
  return [`no error, recorded ${golden.error!.category} (${golden.error!.summary})`]
}

function buildCase(
  golden: GoldenCase,
  library: OpLibrary,
): { program: Program; inputs: Record<string, Variable[]>; outputs: Record<string, Variable[]> } {
  const program = new Program(library)
  const block = program.globalBlock()
  const inputs = mapSlots(golden.inputs, ({ name, tensor }) => {
    const value = valueFromJSON(tensor)
    return block.vars.get(name) ?? block.createVar({ name, persistable: true, ...metaOf(value) })
  })
  const outputNames = golden.output_names ?? defaultOutputs(golden, library)
  const outputs = mapSlots(outputNames, (name) => block.vars.get(name) ?? block.createVar({ name }))
  block.appendOp({
    type: golden.op,
    ...(Object.keys(inputs).length > 0 ? { inputs } : {}),
    outputs,
    attrs: golden.attrs,
  })
  return { program, inputs, outputs }
}

function defaultOutputs(golden: GoldenCase, library: OpLibrary): Record<string, string[]> {
  const def = library[golden.op]
  return Object.fromEntries(
    Object.entries(def?.outputs ?? {})
      .filter(([, slot]) => slot.arity === 'one')
      .map(([slot]) => [slot, [slot.toLowerCase()]]),
  )
}

function metaOf(value: Value): { dtype: DType; shape: readonly number[]; type?: 'SELECTED_ROWS' | 'LOD_TENSOR_ARRAY' } {
  if (value instanceof SelectedRows) return { dtype: value.value.dtype, shape: value.denseShape, type: 'SELECTED_ROWS' }
  if (value instanceof TensorArray) return { dtype: 'float32', shape: [], type: 'LOD_TENSOR_ARRAY' }
  return { dtype: value.dtype, shape: value.shape }
}

function setInputs(
  executor: Executor,
  given: Record<string, CaseVariable[]>,
  inputs: Record<string, Variable[]>,
): void {
  for (const [slot, list] of Object.entries(given)) {
    list.forEach(({ tensor }, i) => {
      executor.scope.set(inputs[slot]![i]!.name, valueFromJSON(tensor))
    })
  }
}

/** Bookkeeping and hints that the recording leaves out of gradient operators. */
const NOT_COMPARED = new Set(['op_role', 'op_role_var', 'op_namescope', 'op_callstack', 'op_device', 'with_quant_attr'])

function compareOps(
  recorded: readonly OpJson[],
  made: readonly OpJson[] | Program['blocks'][0]['ops'],
  library: OpLibrary,
  faults: string[],
): void {
  const types = (list: readonly { type: string }[]): string => list.map((op) => op.type).join(', ')
  if (types(recorded) !== types(made)) {
    faults.push(`gradient operators [${types(made)}], recorded [${types(recorded)}]`)
    return
  }
  recorded.forEach((op, i) => {
    const ours = made[i]!
    for (const side of ['inputs', 'outputs'] as const) {
      const slots = new Set([...Object.keys(op[side]), ...Object.keys(ours[side])])
      for (const slot of slots) {
        const a = op[side][slot] ?? []
        const b = ours[side][slot] ?? []
        if (a.join() !== b.join()) faults.push(`${op.type} ${side} ${slot}: [${b.join()}], recorded [${a.join()}]`)
      }
    }
    const declared = library[op.type]?.attrs ?? {}
    for (const name of new Set([...Object.keys(op.attrs), ...Object.keys(ours.attrs)])) {
      if (NOT_COMPARED.has(name)) continue
      const attr = Object.hasOwn(declared, name) ? declared[name] : undefined
      if (attr === undefined && !Object.hasOwn(op.attrs, name)) continue
      const read = (value: unknown): unknown => {
        if (value === undefined) return attr?.default
        if (attr === undefined) return value
        const parsed = attr.parse(value)
        return 'value' in parsed ? parsed.value : value
      }
      const a = read(op.attrs[name])
      const b = read((ours.attrs as Record<string, unknown>)[name])
      // The recording leaves out run-time extras that have their default.
      if (!Object.hasOwn(op.attrs, name) && attr?.extra === true && sameAttr(b, attr.default)) continue
      if (!sameAttr(a, b)) faults.push(`${op.type} attr ${name}: ${JSON.stringify(b)}, recorded ${JSON.stringify(a)}`)
    }
  })
}

/** The first element out of tolerance, or undefined. Integers, bools and shapes are exact; NaN equals NaN; -0 equals 0. */
export function compareValues(wanted: Value, got: Value, { rtol, atol }: Tolerance): string | undefined {
  if (wanted instanceof SelectedRows) {
    if (!(got instanceof SelectedRows)) return 'is no selected rows'
    if (wanted.rows.join() !== got.rows.join()) return `rows [${got.rows.join()}], recorded [${wanted.rows.join()}]`
    if (wanted.height !== got.height) return `height ${got.height}, recorded ${wanted.height}`
    return compareValues(wanted.value, got.value, { rtol, atol })
  }
  if (!(wanted instanceof Tensor) || !(got instanceof Tensor)) return 'is another kind of value'
  if (wanted.dtype !== got.dtype) return `is ${got.dtype}, recorded ${wanted.dtype}`
  if (wanted.shape.join() !== got.shape.join()) return `shape [${got.shape.join()}], recorded [${wanted.shape.join()}]`
  let worst = ''
  let count = 0
  for (let i = 0; i < wanted.size; i++) {
    const p = wanted.at(i)
    const r = got.at(i)
    if (Object.is(p, r) || p === r) continue
    if (typeof p === 'number' && typeof r === 'number' && byteSize(wanted.dtype) >= 2) {
      const integer = !isHalf(wanted.dtype) && !wanted.dtype.startsWith('float')
      if (!integer && Math.abs(r - p) <= atol + rtol * Math.abs(p)) continue
    }
    count++
    if (worst === '') worst = `element ${i} is ${r}, recorded ${p}`
  }
  return count === 0 ? undefined : `${count} of ${wanted.size} elements differ; ${worst}`
}

function eachInSlots<T>(
  slots: Record<string, readonly T[]>,
  visit: (item: T, slot: string, index: number) => void,
): void {
  for (const [slot, list] of Object.entries(slots)) for (const [i, item] of list.entries()) visit(item, slot, i)
}

function mapSlots<T, R>(
  slots: Record<string, readonly T[]>,
  map: (item: T, slot: string, index: number) => R,
): Record<string, R[]> {
  return Object.fromEntries(
    Object.entries(slots).map(([slot, list]) => [slot, list.map((item, i) => map(item, slot, i))]),
  )
}
