/**
 * Lowerings of operators that pick elements along an axis, one slice at a time: by indices, or the largest of each group. Equal bits: what is added
 * up is float32, in the order of the indices. An index outside of its dimension is reported by the TypeScript kernel.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { byteSize } from '../../tensor/dtype.ts'
import { numel, product, type Shape } from '../../tensor/shape.ts'
import type { FunctionBuilder, I32, Local } from './function_builder.ts'
import { f32, i32, i64 } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { emitElement } from './move.ts'
import { positive } from './movement.ts'
import type { OpReader } from './op_reader.ts'
import { eachSlice, type Slices, slicesOf } from './ranking.ts'

/** Slices of the large tensor, and how many of their elements each slice of the indices names. */
interface Picks {
  readonly slices: Slices
  readonly count: number
  readonly index: PlannedTensor
}

type PicksOf = (op: OpReader, large: Shape) => Picks | undefined

/** Indices lie as the large tensor does, with another size along the axis. */
function picksAlong(index: PlannedTensor | undefined, large: Shape, axis: number): Picks | undefined {
  if (index === undefined || (index.dtype !== 'int64' && index.dtype !== 'int32')) return undefined
  if (numel(index.shape) === 0 || product(large) === 0) return undefined
  const along = positive(axis, large.length)
  if (large.some((size, d) => d !== along && size !== index.shape[d])) return undefined
  return { slices: slicesOf(large, along), count: index.shape[along] ?? 1, index }
}

/** The places of the picked elements in a slice that begins at `base`. */
function eachPick(
  f: FunctionBuilder,
  { slices: { size, step }, count, index }: Picks,
  [indices, base]: readonly [Local<'i32'>, I32],
  bytes: number,
  fail: (status: number) => void,
  visit: (place: I32) => void,
): void {
  const width = byteSize(index.dtype)
  const value = f.local('i64')
  f.count(f.local('i32'), 0, count, 1, () => {
    f.set(value, width === 8 ? i64.load(indices) : i64.extendI32S(i32.load(indices)))
    f.if(i32.or(i64.ltS(value, i64.const(0n)), i64.geS(value, i64.const(BigInt(size)))), () => fail(1))
    visit(f.let(i32.add(base, i32.mul(i32.wrapI64(value), i32.const(bytes * step)))))
    f.advance(indices, width * step)
  })
}

const keyOf = ({ slices, count, index }: Picks): string => `${JSON.stringify(slices)}|${count}|${index.dtype}`

const taking =
  (input: string, output: string, picksOf: PicksOf): Lowering =>
  (op) => {
    const [from, to] = [op.input(input), op.output(output)]
    const picks = from && picksOf(op, from.shape)
    if (picks === undefined || from?.dtype !== to?.dtype || !to || to.dtype.startsWith('complex')) return undefined
    const { slices, count, index } = picks
    const bytes = byteSize(to.dtype)
    return [
      {
        kind: 'kernel',
        key: `pick|${bytes}|${keyOf(picks)}`,
        args: [index, from!, to],
        writes: [to],
        units: slices.outer * slices.step,
        work: 4 * numel(to.shape),
        mayFail: true,
        emit: (module) =>
          kernelFunction(module, 3, (f, [indices, source, target], begin, end, fail) =>
            eachSlice(f, slices, begin, end, (start) => {
              const write = start(target!, count, bytes)
              const places = [
                start(indices!, count, byteSize(index.dtype)),
                start(source!, slices.size, bytes),
              ] as const
              eachPick(f, picks, places, bytes, fail, (place) => {
                emitElement(f, write, place, bytes)
                f.advance(write, bytes * slices.step)
              })
            }),
          ),
      } satisfies Kernel,
    ]
  }

/** Zeros, and in the picked places what is given, or the sums of it. */
const givingBack =
  (input: string, output: string, adds: boolean, picksOf: PicksOf): Lowering =>
  (op) => {
    const [from, to] = [op.input(input), op.output(output)]
    const picks = to && picksOf(op, to.shape)
    if (picks === undefined || !from || !to || !op.isFloat32(input, output)) return undefined
    const { slices, count, index } = picks
    return [
      {
        kind: 'kernel',
        key: `give_back|${adds}|${keyOf(picks)}`,
        args: [index, from, to],
        writes: [to],
        units: slices.outer * slices.step,
        work: 4 * numel(to.shape),
        mayFail: true,
        emit: (module) =>
          kernelFunction(module, 3, (f, [indices, source, target], begin, end, fail) =>
            eachSlice(f, slices, begin, end, (start) => {
              const base = start(target!, slices.size, 4)
              const zero = f.let(base)
              f.count(f.local('i32'), 0, slices.size, 1, () => {
                f.do(f32.store(zero, f32.const(0)))
                f.advance(zero, 4 * slices.step)
              })
              const read = start(source!, count, 4)
              const places = [start(indices!, count, byteSize(index.dtype)), base] as const
              eachPick(f, picks, places, 4, fail, (place) => {
                f.do(f32.store(place, adds ? f32.add(f32.load(place), f32.load(read)) : f32.load(read)))
                f.advance(read, 4 * slices.step)
              })
            }),
          ),
      } satisfies Kernel,
    ]
  }

const byAxis: PicksOf = (op, large) => picksAlong(op.input('Index'), large, op.attr<number>('Axis'))
const byColumns: PicksOf = (op, large) => picksAlong(op.input('Index'), large, 1)
const byRank: PicksOf = (op, large) =>
  picksAlong(op.input('Indices'), large, (op.attrs['axis'] as number | undefined) ?? -1)

/** Groups of neighbouring channels. */
function groupsOf(op: OpReader, shape: Shape): Slices {
  const [groups, axis] = [op.attr<number>('groups'), positive(op.attr<number>('axis'), shape.length)]
  const outer = product(shape, 0, axis) * (shape[axis]! / groups)
  return { outer, size: groups, step: product(shape, axis + 1) }
}

/** The first counts, and what is larger than all before it. */
const maxout: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!X || !Out || !op.isFloat32()) return undefined
  const slices = groupsOf(op, X.shape)
  return [
    {
      kind: 'kernel',
      key: `maxout|${JSON.stringify(slices)}`,
      args: [X, Out],
      writes: [Out],
      units: slices.outer * slices.step,
      work: 4 * numel(X.shape),
      emit: (module) =>
        kernelFunction(module, 2, (f, [x, out], begin, end) =>
          eachSlice(f, slices, begin, end, (start) => {
            const read = start(x!, slices.size, 4)
            const largest = f.let(f32.load(read))
            f.count(f.local('i32'), 1, slices.size, 1, () => {
              f.advance(read, 4 * slices.step)
              const value = f.let(f32.load(read))
              f.set(largest, f32.select(f32.gt(value, largest), value, largest))
            })
            f.do(f32.store(start(out!, 1, 4), largest))
          }),
        ),
    } satisfies Kernel,
  ]
}

/** dOut to the first element of each group that is its maximum. */
const maxoutGrad: Lowering = (op) => {
  const [X, Out, dOut, dX] = [op.input('X'), op.input('Out'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!X || !Out || !dOut || !dX || !op.isFloat32()) return undefined
  const slices = groupsOf(op, X.shape)
  return [
    {
      kind: 'kernel',
      key: `maxout_grad|${JSON.stringify(slices)}`,
      args: [X, Out, dOut, dX],
      writes: [dX],
      overwrites: [X],
      units: slices.outer * slices.step,
      work: 4 * numel(X.shape),
      emit: (module) =>
        kernelFunction(module, 4, (f, [x, out, dout, dx], begin, end) =>
          eachSlice(f, slices, begin, end, (start) => {
            const [read, write] = [start(x!, slices.size, 4), start(dx!, slices.size, 4)]
            const largest = f.let(f32.load(start(out!, 1, 4)))
            const slope = f.let(f32.load(start(dout!, 1, 4)))
            f.count(f.local('i32'), 0, slices.size, 1, () => {
              const isFirst = f.let(f32.eq(f32.load(read), largest))
              f.do(f32.store(write, f32.select(isFirst, slope, f32.const(0))))
              // Nothing is equal to NaN.
              f.set(largest, f32.select(isFirst, f32.const(Number.NaN), largest))
              f.advance(read, 4 * slices.step)
              f.advance(write, 4 * slices.step)
            })
          }),
        ),
    } satisfies Kernel,
  ]
}

export const alongAxis: Readonly<Record<string, Lowering>> = {
  take_along_axis: taking('Input', 'Result', byAxis),
  take_along_axis_grad: givingBack('Result@GRAD', 'Input@GRAD', true, byAxis),
  index_sample: taking('X', 'Out', byColumns),
  index_sample_grad: givingBack('Out@GRAD', 'X@GRAD', true, byColumns),
  top_k_grad: givingBack('Out@GRAD', 'X@GRAD', false, byRank),
  top_k_v2_grad: givingBack('Out@GRAD', 'X@GRAD', false, byRank),
  maxout,
  maxout_grad: maxoutGrad,
}
