/**
 * Lowerings of operators that take slices of a tensor by indices, and of their gradients, which add slices up in the order of the indices. An
 * index outside of its dimension is reported by the TypeScript kernel.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { byteSize } from '../../tensor/dtype.ts'
import { numel, product } from '../../tensor/shape.ts'
import { loadLanes, storeLanes } from './elements.ts'
import { bitsOf } from './fill.ts'
import type { FunctionBuilder, I32 } from './function_builder.ts'
import { f32x4, i32, i64 } from './instructions.ts'
import type { Kernel, Piece } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { emitRun, fillKernel, storeBits, type Width } from './move.ts'
import type { OpReader } from './op_reader.ts'

/** Slices [outer, dims…, inner] of a tensor, of which index vectors name one of all dims at a time. */
interface Layout {
  readonly index: PlannedTensor
  /** Index vectors, each of as many numbers as there are dims. */
  readonly count: number
  readonly dims: readonly number[]
  readonly outer: number
  /** Elements of a slice that lie side by side. */
  readonly inner: number
  /** Names no slice: zeros are taken and nothing is added. */
  readonly padding?: number
}

const keyOf = ({ index, count, dims, outer, inner, padding }: Layout): string =>
  `${index.dtype}|${count}|${dims.join('x')}|${outer}|${inner}|${padding ?? ''}`

/**
 * For each index vector in [begin, end): `slice` with its number and that of the slice, or `none` for padding. Ends with status 1 at an index
 * that is outside.
 */
function eachIndex(
  f: FunctionBuilder,
  { index, dims, padding }: Layout,
  base: I32,
  [begin, end]: readonly [I32, I32],
  fail: (status: number) => void,
  slice: (position: I32, slice: I32) => void,
  none: (position: I32) => void,
): void {
  const bytes = byteSize(index.dtype)
  const position = f.local('i32')
  const value = f.local('i64')
  f.count(position, begin, end, 1, () => {
    const at = f.let(i32.add(base, i32.mul(position, i32.const(bytes * dims.length))))
    const row = f.let(i32.const(0))
    const read = (d: number): void =>
      f.set(value, bytes === 8 ? i64.load(at, 8 * d) : i64.extendI32S(i32.load(at, 4 * d)))
    const take = (): void => {
      dims.forEach((size, d) => {
        read(d)
        f.if(i32.or(i64.ltS(value, i64.const(0n)), i64.geS(value, i64.const(BigInt(size)))), () => fail(1))
        f.set(row, i32.add(i32.mul(row, i32.const(size)), i32.wrapI64(value)))
      })
      slice(position, row)
    }
    if (padding === undefined) take()
    else {
      read(0)
      f.if(i64.eq(value, i64.const(BigInt(padding))), () => none(position), take)
    }
  })
}

/** to[o, j, …] = from[o, index[j], …] */
function takeKernel(layout: Layout, from: PlannedTensor, to: PlannedTensor): Kernel {
  const { index, count, dims, outer, inner } = layout
  const run = inner * byteSize(to.dtype)
  return {
    kind: 'kernel',
    key: `take|${run}|${keyOf(layout)}`,
    args: [index, from, to],
    writes: [to],
    units: count,
    work: 2 * outer * count * run,
    mayFail: true,
    emit: (module) =>
      kernelFunction(module, 3, (f, [indices, source, target], begin, end, fail) => {
        const step = product(dims) * run
        const o = f.local('i32')
        const zero = f.local('i64')
        const each = (position: I32, body: (to: I32, o: I32) => void): void => {
          const write = f.let(i32.add(target!, i32.mul(position, i32.const(run))))
          f.count(o, 0, outer, 1, () => {
            body(write, o)
            f.advance(write, count * run)
          })
        }
        eachIndex(
          f,
          layout,
          indices!,
          [begin, end],
          fail,
          (position, row) => {
            const read = f.let(i32.add(source!, i32.mul(row, i32.const(run))))
            each(position, (write) => {
              emitRun(f, write, read, run)
              f.advance(read, step)
            })
          },
          (position) =>
            each(position, (write) => {
              const bytes = f.local('i32')
              f.count(bytes, 0, run, byteSize(to.dtype), () => {
                storeBits(f, i32.add(write, bytes), zero, byteSize(to.dtype) as Width)
              })
            }),
        )
      }),
  }
}

/** to[o, index[j], …] += from[o, j, …], one j after the other; a unit is four columns of all slices. */
function addKernel(layout: Layout, from: PlannedTensor, to: PlannedTensor): Kernel {
  const { index, count, dims, outer, inner } = layout
  const vectors = Math.ceil(inner / 4)
  return {
    kind: 'kernel',
    key: `add|${keyOf(layout)}`,
    args: [index, from, to],
    writes: [to],
    units: vectors,
    work: 12 * outer * count * inner,
    mayFail: true,
    emit: (module) =>
      kernelFunction(module, 3, (f, [indices, source, target], begin, end, fail) => {
        const [o, vector] = [f.local('i32'), f.local('i32')]
        const full = Math.floor(inner / 4)
        const last = f.let(i32.select(i32.ltS(end, i32.const(full)), end, i32.const(full)))
        const add = (write: I32, read: I32, offset: I32, lanes: number): void => {
          const [to, from] = [f.let(i32.add(write, offset)), f.let(i32.add(read, offset))]
          storeLanes(f, to, f32x4.add(loadLanes(to, lanes), loadLanes(from, lanes)), lanes)
        }
        eachIndex(
          f,
          layout,
          indices!,
          [i32.const(0), i32.const(count)],
          fail,
          (position, row) => {
            const write = f.let(i32.add(target!, i32.mul(row, i32.const(4 * inner))))
            const read = f.let(i32.add(source!, i32.mul(position, i32.const(4 * inner))))
            f.count(o, 0, outer, 1, () => {
              f.count(vector, begin, last, 1, () => add(write, read, i32.shl(vector, i32.const(4)), 4))
              if (inner % 4 > 0)
                f.if(i32.gtS(end, i32.const(full)), () => add(write, read, i32.const(16 * full), inner % 4))
              f.advance(write, 4 * product(dims) * inner)
              f.advance(read, 4 * count * inner)
            })
          },
          () => {},
        )
      }),
  }
}

const isIndex = (tensor: PlannedTensor | undefined): tensor is PlannedTensor =>
  (tensor?.dtype === 'int64' || tensor?.dtype === 'int32') && numel(tensor.shape) > 0

const take = (layout: Layout | undefined, from: PlannedTensor, to: PlannedTensor): ReturnType<Lowering> =>
  layout === undefined || numel(to.shape) === 0 || to.dtype.startsWith('complex')
    ? undefined
    : [takeKernel(layout, from, to)]

/** Sums are float32, so only tensors of that type are covered. */
const addUp = (layout: Layout | undefined, from: PlannedTensor, to: PlannedTensor): ReturnType<Lowering> => {
  if (layout === undefined || to.dtype !== 'float32' || from.dtype !== 'float32' || numel(from.shape) === 0)
    return undefined
  return [fillKernel(to, 0n), addKernel(layout, from, to)] satisfies Piece[]
}

/** A 1 at the place that each number of X names in a row of zeros. */
const oneHot: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!isIndex(X) || Out === undefined || numel(Out.shape) === 0 || op.input('depth_tensor') !== undefined)
    return undefined
  const bits = bitsOf(1, Out.dtype)
  if (bits === undefined || Out.dtype.startsWith('complex')) return undefined
  const layout: Layout = { index: X, count: numel(X.shape), dims: [Out.shape.at(-1)!], outer: 1, inner: 1 }
  const bytes = byteSize(Out.dtype)
  const kernel: Kernel = {
    kind: 'kernel',
    key: `one_hot|${bits}|${bytes}|${keyOf(layout)}`,
    args: [X, Out],
    writes: [Out],
    units: layout.count,
    work: layout.count * bytes,
    mayFail: true,
    emit: (module) =>
      kernelFunction(module, 2, (f, [indices, target], begin, end, fail) => {
        const value = f.let(i64.const(BigInt.asIntN(64, bits)))
        eachIndex(
          f,
          layout,
          indices!,
          [begin, end],
          fail,
          (position, row) => {
            const element = i32.add(i32.mul(position, i32.const(layout.dims[0]!)), row)
            storeBits(f, f.let(i32.add(target!, i32.mul(element, i32.const(bytes)))), value, bytes as Width)
          },
          () => {},
        )
      }),
  }
  return [fillKernel(Out, 0n), kernel]
}

/** Which slices of a tensor an operator names: of the shape of X, or of what has the gradient of X. */
type LayoutOf = (op: OpReader, tensor: PlannedTensor) => Layout | undefined

const alongAxis =
  (attr: string): LayoutOf =>
  (op, { shape }) => {
    const index = op.input('Index')
    if (!isIndex(index) || op.input('Axis') !== undefined) return undefined
    const given = op.attr<number>(attr)
    const axis = given < 0 ? given + shape.length : given
    return {
      index,
      count: numel(index.shape),
      dims: [shape[axis]!],
      outer: product(shape, 0, axis),
      inner: product(shape, axis + 1),
    }
  }

const byVectors: LayoutOf = (op, { shape }) => {
  const index = op.input('Index')
  const depth = index?.shape.at(-1)
  if (!isIndex(index) || depth === undefined || depth === 0) return undefined
  return {
    index,
    count: numel(index.shape) / depth,
    dims: shape.slice(0, depth),
    outer: 1,
    inner: product(shape, depth),
  }
}

const rowsOf: LayoutOf = (op, { shape }) => {
  const index = op.input('Ids')
  if (!isIndex(index)) return undefined
  const padding = Number(op.attr<number | bigint>('padding_idx'))
  return {
    index,
    count: numel(index.shape),
    dims: [shape[0]!],
    outer: 1,
    inner: shape[1]!,
    ...(padding === -1 ? {} : { padding }),
  }
}

const taking =
  (slot: string, layoutOf: LayoutOf): Lowering =>
  (op) => {
    const [X, Out] = [op.input(slot), op.output('Out')]
    return X === undefined || Out === undefined || X.dtype !== Out.dtype ? undefined : take(layoutOf(op, X), X, Out)
  }

const givingBack =
  (slot: string, layoutOf: LayoutOf): Lowering =>
  (op) => {
    const [dOut, dX] = [op.input('Out@GRAD'), op.output(slot)]
    return dOut === undefined || dX === undefined ? undefined : addUp(layoutOf(op, dX), dOut, dX)
  }

export const indexed: Readonly<Record<string, Lowering>> = {
  one_hot_v2: oneHot,
  gather: taking('X', alongAxis('axis')),
  gather_grad: givingBack('X@GRAD', alongAxis('axis')),
  index_select: taking('X', alongAxis('dim')),
  index_select_grad: givingBack('X@GRAD', alongAxis('dim')),
  gather_nd: taking('X', byVectors),
  gather_nd_grad: givingBack('X@GRAD', byVectors),
  lookup_table: taking('W', rowsOf),
  lookup_table_grad: givingBack('W@GRAD', rowsOf),
  lookup_table_v2: taking('W', rowsOf),
  lookup_table_v2_grad: givingBack('W@GRAD', rowsOf),
}
