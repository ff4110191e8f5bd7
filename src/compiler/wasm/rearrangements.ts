/**
 * Lowerings of operators that deal channels and pixels out anew: each is a permutation of the dimensions of X in some other shape, and its
 * gradient is the permutation back. temporal_shift and roll move boxes of X.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { channelView } from '../../ops/nn/channels.ts'
import { isChannelLast } from '../../ops/nn/window.ts'
import { numel, type Shape } from '../../tensor/shape.ts'
import type { Piece } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { allOf, fillKernel, moveKernel } from './move.ts'
import { positive } from './movement.ts'
import type { OpReader } from './op_reader.ts'

/** X in `shape`; dimension i of Out, seen with as many dimensions, is dimension order[i]. */
interface View {
  readonly shape: Shape
  readonly order: readonly number[]
}

const isLast = (op: OpReader): boolean => isChannelLast(op.attr<string>('data_format'))

/** Groups of channels dealt out one by one. */
function dealt(shape: Shape, groups: number, channelLast: boolean): View {
  const { outer, channels, inner } = channelView(shape, channelLast ? shape.length - 1 : 1)
  return { shape: [outer, groups, channels / groups, inner], order: [0, 2, 1, 3] }
}

const VIEWS: Readonly<Record<string, (x: Shape, op: OpReader) => View>> = {
  channel_shuffle: (x, op) => dealt(x, op.attr<number>('groups'), isLast(op)),
  shuffle_channel: (x, op) => dealt(x, op.attr<number>('group'), false),
  pixel_shuffle(x, op) {
    const factor = op.attr<number>('upscale_factor')
    const [n, a, b, c] = x as readonly [number, number, number, number]
    const square = factor * factor
    const shape = isLast(op) ? [n, a, b, c / square, factor, factor] : [n, a / square, factor, factor, b, c]
    return { shape, order: [0, 1, 4, 2, 5, 3] }
  },
  pixel_unshuffle(x, op) {
    const factor = op.attr<number>('downscale_factor')
    const [n, a, b, c] = x as readonly [number, number, number, number]
    return isLast(op)
      ? { shape: [n, a / factor, factor, b / factor, factor, c], order: [0, 1, 3, 5, 2, 4] }
      : { shape: [n, a, b / factor, factor, c / factor, factor], order: [0, 1, 3, 5, 2, 4] }
  },
}

const rearrange =
  (viewOf: (x: Shape, op: OpReader) => View): Lowering =>
  (op) => {
    const [X, Out] = [op.input('X'), op.output('Out')]
    if (X === undefined || Out?.dtype !== X.dtype || numel(X.shape) === 0) return undefined
    const { shape, order } = viewOf(X.shape, op)
    const strides = fullStrides(shape)
    const space = order.map((d) => shape[d]!)
    return [moveKernel(space, allOf(Out, space), { tensor: X, strides: order.map((d) => strides[d]!) })]
  }

const rearrangeBack =
  (viewOf: (x: Shape, op: OpReader) => View): Lowering =>
  (op) => {
    const [dOut, dX] = [op.input('Out@GRAD'), op.output('X@GRAD')]
    if (dX === undefined || dOut?.dtype !== dX.dtype || numel(dX.shape) === 0) return undefined
    const { shape, order } = viewOf(dX.shape, op)
    const strides = fullStrides(order.map((d) => shape[d]!))
    return [
      moveKernel(shape, allOf(dX, shape), { tensor: dOut, strides: shape.map((_, d) => strides[order.indexOf(d)]!) }),
    ]
  }

/** A box that stands at one place of X and at another of Out. */
interface Box {
  readonly size: Shape
  readonly from: Shape
  readonly to: Shape
}

/** Moves boxes of tensors that are seen in `shape`; with `back` from where they went to where they were. */
function moveBoxes(
  shape: Shape,
  boxes: readonly Box[],
  source: PlannedTensor,
  target: PlannedTensor,
  back: boolean,
): Piece[] {
  const strides = fullStrides(shape)
  const place = (tensor: PlannedTensor, at: Shape, size: Shape) => ({
    tensor,
    offset: at.reduce((sum, index, d) => sum + index * strides[d]!, 0),
    strides: strides.map((step, d) => (size[d] === 1 ? 0 : step)),
  })
  return boxes
    .filter(({ size }) => numel(size) > 0)
    .map(({ size, from, to }) =>
      moveKernel(size, place(target, back ? from : to, size), place(source, back ? to : from, size)),
    )
}

/** Of every clip of seg_num moments the first channels come from the moment before, the next ones from the moment after. */
function shiftedBoxes(op: OpReader, x: Shape): { readonly shape: Shape; readonly boxes: readonly Box[] } {
  const { outer, channels, inner } = channelView(x, isLast(op) ? x.length - 1 : 1)
  const moments = op.attr<number>('seg_num')
  const ratio = op.attr<number>('shift_ratio')
  const [first, second] = [ratio, 2 * ratio].map((share) => Math.trunc(Math.fround(channels * share))) as [
    number,
    number,
  ]
  // With the channels in the last dimension every pixel of a sample has its own.
  const pixels = isLast(op) ? outer / x[0]! : 1
  const clips = x[0]! / moments
  const shape = [clips, moments, pixels, channels, inner]
  const box = (count: number, begin: number, end: number, from: number, to: number): Box => ({
    size: [clips, count, pixels, end - begin, inner],
    from: [0, from, 0, begin, 0],
    to: [0, to, 0, begin, 0],
  })
  return {
    shape,
    boxes: [
      box(moments - 1, 0, first, 0, 1),
      box(moments - 1, first, second, 1, 0),
      box(moments, second, channels, 0, 0),
    ],
  }
}

const temporalShift =
  (input: string, output: string, back: boolean): Lowering =>
  (op) => {
    const [source, target] = [op.input(input), op.output(output)]
    if (source === undefined || target?.dtype !== source.dtype || numel(source.shape) === 0) return undefined
    const { shape, boxes } = shiftedBoxes(op, source.shape)
    return [fillKernel(target, 0n), ...moveBoxes(shape, boxes, source, target, back)]
  }

/** Axes beyond this make too many boxes. */
const MAX_ROLLED = 3

/** What passes the end of an axis comes in again at its beginning: two boxes for each axis. Without axes X counts as one row. */
const roll =
  (input: string, output: string, back: boolean): Lowering =>
  (op) => {
    const [source, target] = [op.input(input), op.output(output)]
    if (source === undefined || target?.dtype !== source.dtype || numel(source.shape) === 0) return undefined
    if (op.input('ShiftsTensor') !== undefined) return undefined
    const axes = op.attr<readonly (number | bigint)[]>('axis').map(Number)
    const shape = axes.length === 0 ? [numel(source.shape)] : source.shape
    const shifts = new Array<bigint>(shape.length).fill(0n)
    op.attr<readonly (number | bigint)[]>('shifts').forEach((shift, i) => {
      const axis = axes.length === 0 ? 0 : positive(axes[i]!, shape.length)
      shifts[axis] = shifts[axis]! + BigInt(shift)
    })
    const zeros = shape.map(() => 0)
    let boxes: Box[] = [{ size: shape, from: zeros, to: zeros }]
    let rolled = 0
    shape.forEach((size, d) => {
      const n = BigInt(size)
      const shift = Number(((shifts[d]! % n) + n) % n)
      if (shift === 0) return
      rolled++
      boxes = boxes.flatMap((box) => [
        { ...box, size: box.size.with(d, size - shift), to: box.to.with(d, shift) },
        { ...box, size: box.size.with(d, shift), from: box.from.with(d, size - shift) },
      ])
    })
    return rolled > MAX_ROLLED ? undefined : moveBoxes(shape, boxes, source, target, back)
  }

export const rearrangements: Readonly<Record<string, Lowering>> = {
  ...Object.fromEntries(Object.entries(VIEWS).map(([type, viewOf]) => [type, rearrange(viewOf)])),
  ...Object.fromEntries(Object.entries(VIEWS).map(([type, viewOf]) => [`${type}_grad`, rearrangeBack(viewOf)])),
  temporal_shift: temporalShift('X', 'Out', false),
  temporal_shift_grad: temporalShift('Out@GRAD', 'X@GRAD', true),
  roll: roll('X', 'Out', false),
  roll_grad: roll('Out@GRAD', 'X@GRAD', true),
}
