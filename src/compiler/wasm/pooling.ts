/**
 * Lowerings of pool2d and its gradient: windows run over padded copies of planes, four or more windows at a time. A mean of whole planes is a sum,
 * and its gradient a loop.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { LOWEST, matchPooling, type PoolAttrs, type PoolDimension } from '../../ops/nn/pool_shape.ts'
import { planesOf, type Span } from '../../ops/nn/window.ts'
import { adaptiveMeanGradKernel, adaptiveMeanKernel } from './adaptive_pooling.ts'
import { channelLast } from './channel_last.ts'
import { loadLanes } from './elements.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import type { FunctionBuilder, I32, Vector } from './function_builder.ts'
import { f32x4, i32, i32x4, v128 } from './instructions.ts'
import type { Kernel, Statement } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { eachVector, fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, whole } from './op_reader.ts'
import {
  blockOffsets,
  columnOffset,
  eachBlock,
  emitFill,
  emitPad,
  emitUnpad,
  type PaddedPlane,
  paddedPlane,
} from './padded_plane.ts'
import { laneMask, reductionKernel } from './reduction.ts'
import { ResultEnd, resultEpilogue } from './result_end.ts'

interface Pooling {
  readonly planes: number
  readonly channels: number
  readonly height: Span
  readonly width: Span
  readonly isMax: boolean
  /** Elements outside of the plane do not count for means. */
  readonly exclusive: boolean
}

function poolingOf(op: OpReader, x: PlannedTensor): Pooling {
  const attrs = op.attrs as unknown as PoolAttrs
  const isMax = attrs.pooling_type === 'max'
  const [height, width] = matchPooling('pool2d', x.shape, attrs).dims.map((dim) =>
    spanOf(dim, attrs.adaptive && !isMax),
  )
  const { batch, channels } = planesOf(x.shape, false)
  return {
    planes: batch * channels,
    channels,
    height: height!,
    width: width!,
    isMax,
    exclusive: attrs.exclusive || attrs.adaptive,
  }
}

/** Where windows cannot share a dimension equally the span has a fraction, which `isUnequal` sees. */
function spanOf({ size, kernel, stride, before, after, out }: PoolDimension, shares: boolean): Span {
  if (!shares) return { size, kernel, stride, dilation: 1, before, after, out }
  const share = size / out
  return { size, kernel: share, stride: share, dilation: 1, before: 0, after: 0, out }
}

const isUnequal = ({ height, width }: Pooling): boolean => height.kernel % 1 !== 0 || width.kernel % 1 !== 0

const isWhole = ({ size, kernel, before, out }: Span): boolean => out === 1 && before === 0 && kernel === size

/** True where every window lies inside of the plane. */
const isInside = ({ size, kernel, stride, before, out }: Span): boolean =>
  before === 0 && (out - 1) * stride + kernel <= size

/** What a mean over windows from `first` (in four lanes) on is divided by along one dimension. */
function countOf(f: FunctionBuilder, span: Span, exclusive: boolean, first: Vector): Vector {
  const { size, kernel, stride, before } = span
  if (isInside(span)) return f32x4.const(kernel)
  const start = f.let(f32x4.sub(f32x4.mul(first, f32x4.const(stride)), f32x4.const(before)))
  const last = f32x4.add(start, f32x4.const(kernel))
  return exclusive
    ? f32x4.sub(f32x4.min(last, f32x4.const(size)), f32x4.max(start, f32x4.const(0)))
    : f32x4.sub(f32x4.min(last, f32x4.const(size + before)), start)
}

const asFloats = (value: I32): Vector => f32x4.convertI32x4S(i32x4.splat(value))
/** 0, 1, 2, 3 */
const LANES: Vector = { type: 'v128', bytes: [0xfd, 12, ...new Uint8Array(new Float32Array([0, 1, 2, 3]).buffer)] }

/** Counts of the windows (row, column) to (row, column + 3). */
function countsAt(f: FunctionBuilder, { height, width, exclusive }: Pooling, row: I32, column: I32): Vector {
  const rows = countOf(f, height, exclusive, asFloats(row))
  const columns = countOf(f, width, exclusive, f.let(f32x4.add(asFloats(column), LANES)))
  return f32x4.mul(rows, columns)
}

/** What stands in the padding for maxima: no number, and no NaN that arithmetic makes. */
const OUTSIDE = i32x4.const(0x7fc0aced)

/** The larger, as the TypeScript kernel takes it: a NaN is kept only until the next element. Padding is not looked at. */
function larger(max: Vector, value: Vector, isPadded: boolean): Vector {
  const stays = f32x4.gt(max, value)
  const kept = isPadded ? v128.or(stays, i32x4.eq(value, OUTSIDE)) : stays
  return v128.bitselect(max, value, kept)
}

const forward: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  const pooling = op.isFloat32() && X !== undefined ? poolingOf(op, X) : undefined
  if (X === undefined || Out === undefined || pooling === undefined) return undefined
  const { planes, height, width, isMax } = pooling
  if (!isMax && isWhole(height) && isWhole(width)) {
    const count = e.constant(height.size * width.size)
    const space = [planes, height.size * width.size]
    const strides = [planes > 1 ? 1 : 0, 0]
    const kernel = reductionKernel({
      space,
      value: whole(X, space),
      target: Out,
      strides,
      combine: 'add',
      finish: (sum) => e.div(sum, count),
    })
    return kernel && [kernel]
  }
  if (isUnequal(pooling)) return [adaptiveMeanKernel(planes, height, width, X, Out)]
  return [windowsKernel(pooling, X, Out)]
}

function windowsKernel(pooling: Pooling, x: PlannedTensor, out: PlannedTensor): Kernel {
  const { planes, channels, height, width, isMax } = pooling
  const view = { result: out, space: out.shape, batchDims: 1, rowDims: 1 }
  const plane = paddedPlane(height, width)
  const isPadded = !isInside(height) || !isInside(width)
  const kernelWith = (statements?: readonly Statement[]): Kernel => {
    const end = new ResultEnd(view, statements)
    return {
      kind: 'kernel',
      key: `pool2d|${JSON.stringify([channels, height, width, isMax, pooling.exclusive])}|${end.key}`,
      args: [x, { bytes: plane.bytes }, ...end.args],
      writes: end.targets,
      units: planes,
      work: planes * height.out * width.out * height.kernel * width.kernel,
      emit: (module) =>
        kernelFunction(module, 2 + end.args.length, (f, [from, scratch, ...rest], begin, unitEnd) => {
          const store = end.emit(f, rest)
          emitFill(f, plane, scratch!, isMax ? OUTSIDE : f32x4.const(0))
          const unit = f.local('i32')
          f.count(unit, begin, unitEnd, 1, () => {
            const batch = f.let(i32.divS(unit, i32.const(channels)))
            const row = f.let(i32.remS(unit, i32.const(channels)))
            emitPad(f, plane, i32.add(from!, i32.mul(unit, i32.const(4 * height.size * width.size))), scratch!)
            eachBlock(f, plane, scratch!, (block) => {
              const offsets = blockOffsets(plane, block)
              const sums = offsets.map(() => f.let(f32x4.const(isMax ? LOWEST : 0)))
              eachElement(f, plane, block.at, (address) => {
                sums.forEach((sum, v) => {
                  const value = f.let(v128.load(address, offsets[v]))
                  f.set(sum, isMax ? larger(sum, value, isPadded) : f32x4.add(sum, value))
                })
              })
              const vectors = block.lanes.length
              const windows = block.lanes.reduce((sum, lanes) => sum + lanes)
              for (let r = 0; r < block.rows; r++) {
                const first = f.let(i32.add(block.first, i32.const(r * width.out)))
                const results = sums.slice(r * vectors, (r + 1) * vectors)
                if (!isMax) {
                  const y = i32.divS(first, i32.const(width.out))
                  const column = f.let(i32.remS(first, i32.const(width.out)))
                  results.forEach((sum, v) => {
                    const counts = countsAt(f, pooling, y, i32.add(column, i32.const(4 * v)))
                    f.set(sum, f32x4.div(sum, counts))
                  })
                }
                store({ batch, row, column: first, width: windows }, results)
              }
            })
          })
        }),
    }
  }
  return { ...kernelWith(), epilogue: resultEpilogue(view, false, kernelWith) }
}

const backward: Lowering = (op) => {
  const [X, Out, dOut, dX] = [op.input('X'), op.input('Out'), op.input('Out@GRAD'), op.output('X@GRAD')]
  const pooling = op.isFloat32() && X !== undefined ? poolingOf(op, X) : undefined
  if (X === undefined || Out === undefined || dOut === undefined || pooling === undefined) return undefined
  if (dX === undefined) return []
  const { planes, height, width, isMax } = pooling
  if (!isMax && isWhole(height) && isWhole(width)) {
    // The factor is rounded before it is used, as in Paddle.
    const share = e.constant(1 / (height.size * width.size))
    const strides = [...fullStrides(X.shape.slice(0, 2)), 0, 0]
    return [loop(X.shape, { target: dX, value: e.mul(e.read({ tensor: dOut, strides }), share) })]
  }
  if (isUnequal(pooling)) return [adaptiveMeanGradKernel(planes, height, width, dOut, dX)]
  return [windowsGradKernel(pooling, X, Out, dOut, dX)]
}

/** Each window adds its gradient to the first of its elements that is the maximum, or a share of it to all of them. */
function windowsGradKernel(
  pooling: Pooling,
  x: PlannedTensor,
  out: PlannedTensor,
  outGrad: PlannedTensor,
  xGrad: PlannedTensor,
): Kernel {
  const { planes, height, width, isMax } = pooling
  const plane = paddedPlane(height, width)
  const windows = height.out * width.out
  return {
    kind: 'kernel',
    key: `pool2d_grad|${JSON.stringify([height, width, isMax, pooling.exclusive])}`,
    args: [outGrad, xGrad, { bytes: plane.bytes }, ...(isMax ? [x, out, { bytes: plane.bytes }] : [])],
    writes: [xGrad],
    units: planes,
    work: planes * windows * height.kernel * width.kernel * 3,
    emit: (module) =>
      kernelFunction(module, isMax ? 6 : 3, (f, addresses, begin, end) => {
        const [slopes, to, sums, from, maxima, padded] = addresses as [I32, I32, I32, I32, I32, I32]
        // No element of the padding is equal to a maximum.
        if (isMax) emitFill(f, plane, padded, OUTSIDE)
        const unit = f.local('i32')
        f.count(unit, begin, end, 1, () => {
          const size = i32.const(4 * height.size * width.size)
          emitFill(f, plane, sums, f32x4.const(0))
          if (isMax) emitPad(f, plane, i32.add(from, i32.mul(unit, size)), padded)
          const [row, line] = [f.let(i32.const(0)), f.let(sums)]
          const slopeAt = f.let(i32.add(slopes, i32.mul(unit, i32.const(4 * windows))))
          const maxAt = isMax ? f.let(i32.add(maxima, i32.mul(unit, i32.const(4 * windows)))) : slopeAt
          const apart = isMax ? f.let(i32.sub(padded, sums)) : line
          f.count(f.local('i32'), 0, height.out, 1, () => {
            eachVector(f, width.out, (at, lanes) => {
              const slope = f.let(loadLanes(i32.add(slopeAt, at), lanes))
              const place = i32.add(line, at)
              if (isMax) {
                const max = f.let(loadLanes(i32.add(maxAt, at), lanes))
                emitMaximum(f, plane, place, apart, slope, max, lanes)
              } else {
                const counts = countsAt(f, pooling, row, i32.shrU(at, i32.const(2)))
                const share = f32x4.mul(slope, f32x4.div(f32x4.const(1), counts))
                f.set(slope, lanes === 4 ? share : v128.and(share, laneMask(lanes)))
                eachElement(f, plane, place, (address) =>
                  f.do(v128.store(address, f32x4.add(v128.load(address), slope))),
                )
              }
            })
            f.advance(row, 1)
            f.advance(line, 4 * height.stride * plane.row)
            f.advance(slopeAt, 4 * width.out)
            if (isMax) f.advance(maxAt, 4 * width.out)
          })
          emitUnpad(f, plane, sums, i32.add(to, i32.mul(unit, size)))
        })
      }),
  }
}

/** Adds the slopes to the first element of each window that is the maximum. */
function emitMaximum(
  f: FunctionBuilder,
  plane: PaddedPlane,
  place: I32,
  apart: I32,
  slope: Vector,
  max: Vector,
  lanes: number,
): void {
  /** Lanes that still look for their maximum. */
  const open = f.let(laneMask(lanes))
  eachElement(f, plane, place, (address) => {
    const found = f.let(v128.and(open, f32x4.eq(v128.load(i32.add(address, apart)), max)))
    f.do(v128.store(address, f32x4.add(v128.load(address), v128.and(slope, found))))
    f.set(open, v128.andnot(open, found))
  })
}

/** Calls `body` with the addresses under the elements of the windows at `at`, row by row, as the first of several maxima is defined. */
function eachElement(f: FunctionBuilder, plane: PaddedPlane, at: I32, body: (address: I32) => void): void {
  const { height, width, row } = plane
  const rowAt = f.let(at)
  f.count(f.local('i32'), 0, height.kernel, 1, () => {
    if (width.stride === 1) {
      const address = f.let(rowAt)
      f.count(f.local('i32'), 0, width.kernel, 1, () => {
        body(address)
        f.advance(address, 4)
      })
    } else {
      for (let j = 0; j < width.kernel; j++) body(f.let(i32.add(rowAt, i32.const(4 * columnOffset(plane, j)))))
    }
    f.advance(rowAt, 4 * row)
  })
}

const images = (lowering: Lowering): Lowering => channelLast(lowering, 'data_format', 'X', 'Out', 'Out@GRAD', 'X@GRAD')

export const pooling: Readonly<Record<string, Lowering>> = { pool2d: images(forward), pool2d_grad: images(backward) }
