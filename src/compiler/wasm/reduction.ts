/**
 * Sums, products and extremes over some dimensions of a space. Where the innermost dimension is summed, four vectors of partial sums run along it and
 * are added up at the end; where it stays, a few columns run down the summed dimensions together. The order does not depend on threads.
 * Sums are float32: their error is at most the number of terms in a chain times half a unit in the last place of the sum of magnitudes. Wide values
 * are summed in float64, and only what is made of the sum is rounded.
 */

import type { PlannedTensor } from '../../executor/backend.ts'
import type { Shape } from '../../tensor/shape.ts'
import { numel } from '../../tensor/shape.ts'
import { loadLanes, storeLanes } from './elements.ts'
import { type Formula, FormulaEmitter, formulaKey, operandsOf, read, sameOperand } from './expression.ts'
import type { FunctionBuilder, I32, Local, Vector } from './function_builder.ts'
import { f32x4, f64x2, i32, v128 } from './instructions.ts'
import type { Kernel, Operand } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { mergeDims } from './loop.ts'
import { narrow, type Wide } from './wide.ts'

export type Combine = 'add' | 'mul' | 'max' | 'min'

export interface Reduction<V extends Formula | Wide = Formula> {
  readonly space: Shape
  /** Taken at every index. */
  readonly value: V
  readonly target: PlannedTensor
  /** Strides of the target over the space, 0 where it is summed. */
  readonly strides: readonly number[]
  readonly combine: Combine
  /** Makes the stored element of the sum. */
  readonly finish?: (sum: V) => Formula
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
export function reductionKernel<V extends Formula | Wide>(reduction: Reduction<V>): Kernel | undefined {
  const { space, value, target, combine } = reduction
  const values = partsOf(value)
  const vectors = values.length === 2 ? f64x2 : f32x4
  const operands = operandsOf(values)
  if (operands.some((operand) => operand.tensor.dtype !== 'float32')) return undefined
  const { sizes, strides } = mergeDims(space, [reduction.strides, ...operands.map((operand) => operand.strides)])
  const inner = sizes.length - 1
  if (strides.some((steps) => steps[inner]! > 1)) return undefined
  const targetSteps = strides[0]!
  const dims = sizes.map((size, d) => ({ size, steps: strides.map((steps) => steps[d]!) }))
  const kept = dims.filter((_, d) => d < inner && targetSteps[d] !== 0)
  const summed = dims.filter((_, d) => d < inner && targetSteps[d] === 0)
  const alongInner = targetSteps[inner] === 0
  // Stand-ins for the sums, so that what is made of them is a formula like any other.
  const sums = values.map((_, part): Operand => ({ tensor: target, strides: [-1 - part] }))
  const finished = finishedOf(reduction, sums.map(read))
  const numberOf = (operand: Operand): number => operands.findIndex((known) => sameOperand(known, operand))
  const key = [
    'reduce',
    combine,
    alongInner,
    JSON.stringify([kept, summed, dims[inner]]),
    formulaKey(values, numberOf),
    formulaKey([finished], ({ strides: [part] }) => part!),
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
        const emitter = new FormulaEmitter(f, values)
        emitter.prepare()
        const finish = new FormulaEmitter(f, [finished])
        finish.prepare()
        const emit: Emit = {
          f,
          emitter,
          operands,
          numberOf,
          parts: values.length,
          combine: vectors[combine],
          start: f.let(vectors.const(OF_NOTHING[combine])),
          finish: (totals) => finish.valuesOf(({ strides: [part] }) => totals[-1 - part!]!)[0]!,
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

const partsOf = (value: Formula | Wide): readonly Formula[] => ('low' in value ? [value.low, value.high] : [value])

/** What is stored, of the parts of the sum. */
function finishedOf<V extends Formula | Wide>({ value, finish }: Reduction<V>, parts: readonly Formula[]): Formula {
  const sum = ('low' in value ? { low: parts[0]!, high: parts[1]! } : parts[0]!) as V
  return finish !== undefined ? finish(sum) : 'low' in sum ? narrow(sum) : sum
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
  /** Vectors that hold four values: two where they are float64. */
  readonly parts: number
  readonly combine: (a: Vector, b: Vector) => Vector
  readonly start: Vector
  /** What is stored, of the parts of sums. */
  readonly finish: (totals: readonly Vector[]) => Vector
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

/** The parts of the value at `offset` bytes behind the addresses; lanes behind the last are left to the caller. */
function valuesAt(
  { f, emitter, operands, numberOf, steps }: Emit,
  at: readonly I32[],
  lanes: number,
  offset: number,
): readonly Vector[] {
  const held = operands.map((_, i) =>
    f.let(steps[i + 1] === 0 ? v128.load32Splat(at[i + 1]!) : loadLanes(at[i + 1]!, lanes, offset)),
  )
  return emitter.valuesOf((operand) => held[numberOf(operand)]!)
}

function emitAlong(emit: Emit, at: readonly I32[]): void {
  const { f, summed, size, steps, parts, combine, start } = emit
  const chains = size >= 4 * CHAINS * 2 ? CHAINS : 1
  const sums = f.locals('v128', chains * parts)
  for (const sum of sums) f.set(sum, start)
  const accumulate = (chain: number, moving: readonly I32[], lanes: number, offset: number): void =>
    valuesAt(emit, moving, lanes, offset).forEach((value, part) => {
      const sum = sums[chain * parts + part]!
      f.set(sum, combine(sum, lanes === 4 ? value : v128.bitselect(value, start, partMask(lanes, part, parts))))
    })
  nest(f, summed, at, undefined, (from) => {
    const turns = Math.floor(size / (4 * chains))
    const moving = from.map((address, i) => (steps[i] === 0 ? address : f.let(address)))
    f.count(f.local('i32'), 0, turns, 1, () => {
      for (let c = 0; c < chains; c++) accumulate(c, moving, 4, 16 * c)
      moving.forEach((address, i) => {
        if (steps[i] !== 0) f.advance(address as Local<'i32'>, 16 * chains)
      })
    })
    let done = turns * 4 * chains
    for (let offset = 0; done < size; offset += 16, done += 4) accumulate(0, moving, Math.min(4, size - done), offset)
  })
  let total: Vector = sums[0]!
  for (let c = 1; c < sums.length; c++) total = f.let(combine(total, sums[c]!))
  const swapped = f.let(combine(total, v128.shuffle32(total, total, [2, 3, 0, 1])))
  const all = f.let(parts === 2 ? swapped : combine(swapped, v128.shuffle32(swapped, swapped, [1, 0, 3, 2])))
  f.do(v128.store32Lane(at[0]!, f.let(emit.finish([all, all])), 0))
}

function emitDown(emit: Emit, at: readonly I32[], range: Range | undefined, blocks: number): void {
  const { f, summed, size, steps, parts, combine, start } = emit
  const block = f.local('i32')
  const columns = (vectors: readonly number[]): void => {
    const offset = f.let(i32.shl(block, i32.const(6)))
    const here = at.map((address, i) => (steps[i] === 0 ? address : f.let(i32.add(address, offset))))
    const sums = vectors.map(() => Array.from({ length: parts }, () => f.let(start)))
    nest(f, summed, here, undefined, (from) => {
      sums.forEach((held, v) => {
        valuesAt(emit, from, vectors[v]!, 16 * v).forEach((value, part) => {
          f.set(held[part]!, combine(held[part]!, value))
        })
      })
    })
    sums.forEach((held, v) => {
      storeLanes(f, here[0]!, emit.finish(held), vectors[v]!, 16 * v)
    })
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

/** The same for a part of the lanes, each of which is two lanes long where there are two parts. */
const partMask = (lanes: number, part: number, parts: number): Vector =>
  laneMask(parts === 1 ? lanes : 2 * Math.max(0, Math.min(2, lanes - 2 * part)))
