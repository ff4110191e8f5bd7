/**
 * Sums, products and extremes over some dimensions of a space. Where the innermost dimension is summed, four vectors of partial sums run along it and
 * are added up at the end; where it stays, a few columns run down the summed dimensions together. The order does not depend on threads.
 * Sums are float32: their error is at most the number of terms in a chain times half a unit in the last place of the sum of magnitudes.
 */

import type { PlannedTensor } from '../../executor/backend.ts'
import type { Shape } from '../../tensor/shape.ts'
import { numel } from '../../tensor/shape.ts'
import { loadLanes, storeLanes } from './elements.ts'
import { type Formula, FormulaEmitter, formulaKey, operandsOf, read, sameOperand } from './expression.ts'
import type { FunctionBuilder, I32, Local, Vector } from './function_builder.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import type { Kernel, Operand } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { mergeDims } from './loop.ts'

export type Combine = 'add' | 'mul' | 'max' | 'min'

export interface Reduction {
  readonly space: Shape
  /** Taken at every index. */
  readonly value: Formula
  readonly target: PlannedTensor
  /** Strides of the target over the space, 0 where it is summed. */
  readonly strides: readonly number[]
  readonly combine: Combine
  /** Makes the stored element of the sum. */
  readonly finish?: (sum: Formula) => Formula
}

/** The result for no elements. */
const OF_NOTHING: Readonly<Record<Combine, number>> = {
  add: 0,
  mul: 1,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
}

/** Vectors that are summed side by side. */
const CHAINS = 4

/** undefined where an operand is no float32, or is not read side by side or repeated along the innermost dimension. */
export function reductionKernel(reduction: Reduction): Kernel | undefined {
  const { space, value, target, combine } = reduction
  const operands = operandsOf([value])
  if (operands.some((operand) => operand.tensor.dtype !== 'float32')) return undefined
  const { sizes, strides } = mergeDims(space, [reduction.strides, ...operands.map((operand) => operand.strides)])
  const inner = sizes.length - 1
  if (strides.some((steps) => steps[inner]! > 1)) return undefined
  const targetSteps = strides[0]!
  const dims = sizes.map((size, d) => ({ size, steps: strides.map((steps) => steps[d]!) }))
  const kept = dims.filter((_, d) => d < inner && targetSteps[d] !== 0)
  const summed = dims.filter((_, d) => d < inner && targetSteps[d] === 0)
  const alongInner = targetSteps[inner] === 0
  // A stand-in for the sum, so that what is made of it is a formula like any other.
  const sum: Operand = { tensor: target, strides: [-1] }
  const finished = reduction.finish?.(read(sum))
  const numberOf = (operand: Operand): number => operands.findIndex((known) => sameOperand(known, operand))
  const key = [
    'reduce',
    combine,
    alongInner,
    JSON.stringify([kept, summed, dims[inner]]),
    formulaKey([value], numberOf),
    finished === undefined ? '' : formulaKey([finished], () => -1),
  ].join('|')
  const columnBlocks = Math.ceil(dims[inner]!.size / (4 * CHAINS))
  return {
    kind: 'kernel',
    key,
    args: [target, ...operands.map(({ tensor }) => tensor)],
    writes: [target],
    ...(kept.length > 0 ? { units: kept[0]!.size } : alongInner ? {} : { units: columnBlocks }),
    work: numel(space) * operands.length * 4,
    emit: (module) =>
      kernelFunction(module, 1 + operands.length, (f, addresses, begin, end) => {
        const emitter = new FormulaEmitter(f, [value])
        emitter.prepare()
        const finish = new FormulaEmitter(f, finished === undefined ? [] : [finished])
        finish.prepare()
        const emit: Emit = {
          f,
          emitter,
          operands,
          numberOf,
          combine: f32x4[combine],
          start: f.let(f32x4.const(OF_NOTHING[combine])),
          finish: (total) => (finished === undefined ? total : finish.valuesOf(() => total)[0]!),
          steps: dims[inner]!.steps,
          size: dims[inner]!.size,
          summed,
        }
        nest(f, kept, addresses, kept.length > 0 ? { begin, end } : undefined, (at) => {
          if (alongInner) emitAlong(emit, at)
          else emitDown(emit, at, kept.length > 0 ? undefined : { begin, end }, columnBlocks)
        })
      }),
  }
}

interface Dim {
  readonly size: number
  /** Of the target and the operands, in elements. */
  readonly steps: readonly number[]
}

interface Emit {
  readonly f: FunctionBuilder
  readonly emitter: FormulaEmitter
  readonly operands: readonly Operand[]
  readonly numberOf: (operand: Operand) => number
  readonly combine: (a: Vector, b: Vector) => Vector
  readonly start: Vector
  readonly finish: (total: Vector) => Vector
  /** Of the innermost dimension: of the target and the operands. */
  readonly steps: readonly number[]
  readonly size: number
  readonly summed: readonly Dim[]
}

interface Range {
  readonly begin: I32
  readonly end: I32
}

/** Loops over dimensions, with addresses that move along; a range limits the first. */
function nest(
  f: FunctionBuilder,
  dims: readonly Dim[],
  addresses: readonly I32[],
  range: Range | undefined,
  body: (addresses: readonly I32[]) => void,
): void {
  const [dim, ...rest] = dims
  if (dim === undefined) {
    body(addresses)
    return
  }
  const { size, steps } = dim
  const at = addresses.map((address, i) => {
    if (steps[i] === 0) return address
    const offset = range === undefined ? undefined : i32.mul(range.begin, i32.const(4 * steps[i]!))
    return f.let(offset === undefined ? address : i32.add(address, offset))
  })
  f.count(f.local('i32'), range?.begin ?? 0, range?.end ?? size, 1, () => {
    nest(f, rest, at, undefined, body)
    at.forEach((address, i) => {
      if (steps[i] !== 0) f.advance(address as Local<'i32'>, 4 * steps[i]!)
    })
  })
}

/** The value at `offset` bytes behind the addresses; lanes behind the last are left to the caller. */
function valueAt(
  { f, emitter, operands, numberOf, steps }: Emit,
  at: readonly I32[],
  lanes: number,
  offset: number,
): Vector {
  const held = operands.map((_, i) =>
    f.let(steps[i + 1] === 0 ? v128.load32Splat(at[i + 1]!) : loadLanes(at[i + 1]!, lanes, offset)),
  )
  return emitter.valuesOf((operand) => held[numberOf(operand)]!)[0]!
}

function emitAlong(emit: Emit, at: readonly I32[]): void {
  const { f, summed, size, steps, combine, start } = emit
  const chains = size >= 4 * CHAINS * 2 ? CHAINS : 1
  const sums = f.locals('v128', chains)
  for (const sum of sums) f.set(sum, start)
  const accumulate = (chain: number, value: Vector): void => f.set(sums[chain]!, combine(sums[chain]!, value))
  nest(f, summed, at, undefined, (from) => {
    const turns = Math.floor(size / (4 * chains))
    const moving = from.map((address, i) => (steps[i] === 0 ? address : f.let(address)))
    f.count(f.local('i32'), 0, turns, 1, () => {
      for (let c = 0; c < chains; c++) accumulate(c, valueAt(emit, moving, 4, 16 * c))
      moving.forEach((address, i) => {
        if (steps[i] !== 0) f.advance(address as Local<'i32'>, 16 * chains)
      })
    })
    let done = turns * 4 * chains
    for (let offset = 0; done < size; offset += 16, done += 4) {
      const lanes = Math.min(4, size - done)
      const value = valueAt(emit, moving, lanes, offset)
      accumulate(0, lanes === 4 ? value : v128.bitselect(value, start, laneMask(lanes)))
    }
  })
  let total: Vector = sums[0]!
  for (let c = 1; c < chains; c++) total = f.let(combine(total, sums[c]!))
  const pairs = f.let(combine(total, v128.shuffle32(total, total, [2, 3, 0, 1])))
  const all = combine(pairs, v128.shuffle32(pairs, pairs, [1, 0, 3, 2]))
  f.do(v128.store32Lane(at[0]!, f.let(emit.finish(f.let(all))), 0))
}

function emitDown(emit: Emit, at: readonly I32[], range: Range | undefined, blocks: number): void {
  const { f, summed, size, steps, combine, start } = emit
  const block = f.local('i32')
  const columns = (vectors: readonly number[]): void => {
    const offset = f.let(i32.shl(block, i32.const(6)))
    const here = at.map((address, i) => (steps[i] === 0 ? address : f.let(i32.add(address, offset))))
    const sums = vectors.map(() => f.let(start))
    nest(f, summed, here, undefined, (from) => {
      for (let v = 0; v < vectors.length; v++) {
        f.set(sums[v]!, combine(sums[v]!, valueAt(emit, from, vectors[v]!, 16 * v)))
      }
    })
    for (let v = 0; v < sums.length; v++) storeLanes(f, here[0]!, emit.finish(sums[v]!), vectors[v]!, 16 * v)
  }
  const fullBlocks = Math.floor(size / (4 * CHAINS))
  if (fullBlocks > 0) {
    const last =
      range === undefined
        ? fullBlocks
        : f.let(i32.select(i32.ltS(range.end, i32.const(fullBlocks)), range.end, i32.const(fullBlocks)))
    f.count(block, range?.begin ?? 0, last, 1, () => columns(new Array<number>(CHAINS).fill(4)))
  }
  if (fullBlocks < blocks) {
    const rest = size - 4 * CHAINS * fullBlocks
    const vectors = Array.from({ length: Math.ceil(rest / 4) }, (_, v) => Math.min(4, rest - 4 * v))
    f.set(block, i32.const(fullBlocks))
    if (range === undefined) columns(vectors)
    else f.if(i32.gtS(range.end, i32.const(fullBlocks)), () => columns(vectors))
  }
}

/** All ones in the first `lanes` lanes. */
export function laneMask(lanes: number): Vector {
  const bytes = Array.from({ length: 16 }, (_, i) => (i < 4 * lanes ? 0xff : 0))
  return { type: 'v128', bytes: [0xfd, 12, ...bytes] }
}
