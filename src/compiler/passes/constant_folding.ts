/** Computes what is the same in every run once, when the program is compiled. */

import { EnforceError } from '../../errors.ts'
import { interpretBlock } from '../../executor/interpreter.ts'
import { Scope } from '../../executor/scope.ts'
import { EMPTY_VAR } from '../../framework/op_def.ts'
import { Operator } from '../../framework/operator.ts'
import { Program } from '../../framework/program.ts'
import { ops } from '../../ops/index.ts'
import { type DType, isComplex, isFloating } from '../../tensor/dtype.ts'
import { Generator } from '../../tensor/random.ts'
import { sameBits } from '../../tensor/same_bits.ts'
import { numel } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { wasmBackend } from '../backends.ts'
import type { Pass } from './pass.ts'
import { type NewOperator, Rewriter } from './rewriter.ts'

/** Elements that an operator may read and write to be folded: more would make compiling slow. */
const MOST_ELEMENTS = 1 << 20
/** Values that are written into a program one by one; a tensor of one repeated value may be larger. */
const MOST_LITERALS = 1024

/**
 * An operator without effects whose inputs are all constants is replaced by `fill_constant` or `assign_value` for each of its results.
 * Constants start at operators that say so (`constant` of their definition). The kernels of both back ends compute, and only what has the
 * same bits on both is replaced, so that a run cannot tell. What an operator throws it still throws when it runs.
 */
export const constantFolding: Pass = {
  name: 'constant_folding',
  doc: 'Computes operators whose inputs are constants when the program is compiled, where both back ends give the same bits.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    const constants = new Constants(program)
    try {
      for (const op of rewriter.ops) {
        const def = rewriter.pureDef(op)
        const outputs = op.outputNames().filter((name) => name !== EMPTY_VAR)
        if (def === undefined || outputs.length === 0 || !outputs.every((name) => rewriter.isStable(name))) continue
        if (outputs.some((name) => program.globalBlock().vars.get(name)!.persistable)) continue
        const inputs = op.inputNames().filter((name) => name !== EMPTY_VAR)
        if (inputs.length === 0) {
          if (def.constant !== undefined && constants.sizeOf(op) <= MOST_ELEMENTS) constants.run(op)
          continue
        }
        if (!inputs.every((name) => constants.has(name)) || constants.sizeOf(op) > MOST_ELEMENTS) continue
        if (!constants.run(op)) continue
        const literals = outputs
          .filter((name) => rewriter.readers(name) > 0 || rewriter.isSeen(name))
          .map((name) => [name, literalOf(constants.get(name)!)] as const)
        if (literals.some(([, literal]) => literal === undefined)) continue
        rewriter.replace(
          op,
          ...literals.map(([name, literal]) => rewriter.operator({ ...literal!, outputs: { Out: [name] } }, op)),
        )
        for (const name of inputs) rewriter.removeIfUnused(rewriter.producer(name))
      }
      return rewriter.finish()
    } finally {
      constants.dispose()
    }
  },
}

/** Values of constant variables, on each back end. */
class Constants {
  readonly #program: Program
  readonly #scratch: Program
  readonly #scopes = [new Scope(), new Scope()] as const
  readonly #backends = [undefined, wasmBackend()] as const

  constructor(program: Program) {
    this.#program = program
    this.#scratch = new Program(program.library, { callSites: false })
  }

  has(name: string): boolean {
    return this.#scopes[0].has(name)
  }

  get(name: string): Tensor | undefined {
    const value = this.#scopes[0].get(name)
    return value instanceof Tensor ? value : undefined
  }

  /** Elements that the operator would read and write, as far as the program knows shapes. */
  sizeOf(op: Operator): number {
    const { vars } = this.#program.globalBlock()
    const names = new Set([...op.inputNames(), ...op.outputNames()])
    let size = 0
    for (const name of names) size += numel((vars.get(name)?.shape ?? []).map((dim) => Math.abs(dim)))
    return size
  }

  /** Runs the operator over the constants; false, and no trace of it, if it fails or its results depend on the back end. */
  run(op: Operator): boolean {
    const block = this.#scratch.globalBlock()
    const { vars } = this.#program.globalBlock()
    const outputs = op.outputNames().filter((name) => name !== EMPTY_VAR)
    for (const name of [...op.inputNames(), ...outputs]) {
      if (name !== EMPTY_VAR && !block.hasVar(name)) block.createVar({ ...vars.get(name)! })
    }
    block.replaceOps([new Operator(op.parts(), op.id)])
    try {
      this.#scopes.forEach((scope, i) => {
        interpretBlock(block, scope, { generator: new Generator(0), backend: this.#backends[i] })
      })
      const [a, b] = this.#scopes
      if (outputs.every((name) => areEqual(a.get(name), b.get(name)))) return true
    } catch (error) {
      if (!(error instanceof EnforceError)) throw error
    }
    for (const scope of this.#scopes) for (const name of outputs) scope.delete(name)
    return false
  }

  dispose(): void {
    for (const scope of this.#scopes) scope.drop()
  }
}

const areEqual = (a: unknown, b: unknown): boolean => a instanceof Tensor && b instanceof Tensor && sameBits(a, b)

/** The operator that makes this tensor out of its attributes, bit for bit; undefined if there is none. */
function literalOf(value: Tensor): Pick<NewOperator, 'def' | 'inputs' | 'attrs'> | undefined {
  // A file has one NaN, a run has many.
  if (isComplex(value.dtype) || hasNaN(value)) return undefined
  const { fill_constant: fill, assign_value: literal } = ops
  const candidates = [
    { def: fill, inputs: {}, attrs: fillAttrsOf(value) },
    ...(value.size <= MOST_LITERALS && LITERALS[value.dtype] !== undefined
      ? [{ def: literal, inputs: {}, attrs: literalAttrs(value) }]
      : []),
  ]
  return candidates.find(({ def, attrs }) => {
    try {
      const filled = Object.fromEntries(
        Object.entries(def.attrs).map(([name, declared]) => {
          const parsed = name in attrs ? declared.parse(attrs[name as keyof typeof attrs]) : { value: declared.default }
          return [name, 'value' in parsed ? parsed.value : undefined]
        }),
      )
      return areEqual(def.constant?.(filled as never), value)
    } catch (error) {
      if (error instanceof EnforceError) return false
      throw error
    }
  })
}

const hasNaN = ({ dtype, data, size }: Tensor): boolean => {
  if (!isFloating(dtype)) return false
  const elements = new Tensor(dtype, [size], data)
  for (let i = 0; i < size; i++) if (Number.isNaN(elements.at(i))) return true
  return false
}

/** `str_value` says what the float32 of `value` cannot. */
function fillAttrsOf({ dtype, shape, size, data }: Tensor): Readonly<Record<string, unknown>> {
  const first = size === 0 ? 0 : new Tensor(dtype, [1], data.slice(0, 1) as Tensor['data']).at(0)
  const number = Number(first)
  const text = Number.isFinite(number) ? (Object.is(number, -0) ? '-0' : String(first)) : number > 0 ? 'inf' : '-inf'
  const exact = Math.fround(number) === number && !Object.is(number, -0)
  return { dtype, shape, ...(exact ? { value: number } : { str_value: text }) }
}

const LITERALS: Partial<Record<DType, string>> = {
  bool: 'bool_values',
  float32: 'fp32_values',
  float64: 'fp64_values',
  int32: 'int32_values',
  int64: 'int64_values',
}

const literalAttrs = ({ dtype, shape, data }: Tensor): Readonly<Record<string, unknown>> => ({
  dtype,
  shape,
  [LITERALS[dtype]!]: [...(data as Iterable<number | bigint>)],
})
