/**
 * Windows that slide over planes: paddings as Paddle writes them, sizes of results, channel-last layouts. Shared by convolution and pooling.
 * Source: paddle/phi/kernels/cpu/conv_util.h and paddle/phi/infermeta/ (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import type { KernelTensor } from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { product, type Shape } from '../../tensor/shape.ts'

export type PaddingAlgorithm = 'EXPLICIT' | 'SAME' | 'VALID'
export const PADDING_ALGORITHMS: readonly PaddingAlgorithm[] = ['EXPLICIT', 'SAME', 'VALID']

/** How a window moves along one dimension. Sizes of -1 are not known yet. */
export interface Span {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  /** Elements added before and after; negative ones are cut off. */
  readonly before: number
  readonly after: number
  /** Number of windows. */
  readonly out: number
}

/**
 * A convolution over planes: the large side [batch, channels, height, width], the small side one element per window and filter. Over volumes
 * there is a depth in front of the height.
 */
export interface Convolution {
  readonly batch: number
  readonly groups: number
  readonly channels: number
  readonly filters: number
  readonly depth?: Span | undefined
  readonly height: Span
  readonly width: Span
}

/** Number of windows over `size` elements; -1 while the size is unknown. */
export function windowCount(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: number,
  ceil = false,
): number {
  if (size < 0) return -1
  const room = size + padding - (dilation * (kernel - 1) + 1)
  return Math.floor((ceil ? room + stride - 1 : room) / stride) + 1
}

/** First and one-past-last window whose element `offset` (counted without padding) lies inside. */
export function insideRange({ size, stride, out }: Span, offset: number): readonly [first: number, end: number] {
  const first = offset >= 0 ? 0 : Math.ceil(-offset / stride)
  const end = Math.min(out, Math.floor((size - 1 - offset) / stride) + 1)
  return [Math.min(first, out), Math.max(end, Math.min(first, out))]
}

/**
 * Elements before and after each dimension. SAME makes ceil(size / stride) windows, the odd element behind; VALID has none.
 * @param paddings one number per dimension, or two: before, after. @returns zeros with SAME while the size is unknown.
 * @throws InvalidArgumentError E201 for another count of numbers.
 */
export function resolvePaddings(
  opType: string,
  paddings: readonly number[],
  algorithm: string,
  sizes: Shape,
  kernels: Shape,
  strides: readonly number[],
): readonly (readonly [before: number, after: number])[] {
  const rank = sizes.length
  if (paddings.length !== rank && paddings.length !== 2 * rank) {
    throw new InvalidArgumentError(
      'E201',
      `${opType}: attr paddings must hold ${rank} or ${2 * rank} numbers, got ${paddings.length}`,
      { expected: [rank, 2 * rank], got: paddings },
    )
  }
  return sizes.map((size, i) => {
    if (algorithm === 'VALID') return [0, 0]
    if (algorithm === 'SAME') {
      if (size < 0) return [0, 0]
      const stride = strides[i]!
      const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernels[i]! - size, 0)
      const before = Math.floor(total / 2)
      return [before, total - before]
    }
    return paddings.length === rank ? [paddings[i]!, paddings[i]!] : [paddings[2 * i]!, paddings[2 * i + 1]!]
  })
}

/** @throws InvalidArgumentError E201 unless there are `count` numbers, all of at least `least`. */
export function requireNumbers(
  opType: string,
  name: string,
  numbers: readonly number[],
  count: number,
  least: number,
): void {
  if (numbers.length === count && numbers.every((number) => number >= least)) return
  throw new InvalidArgumentError(
    'E201',
    `${opType}: attr ${name} must hold ${count} numbers of at least ${least}, got [${numbers.join(', ')}]`,
    { expected: { count, least }, got: numbers },
  )
}

/** A shape taken apart into batch, channels and the dimensions that windows slide over. */
export interface Planes {
  readonly batch: number
  readonly channels: number
  readonly sizes: Shape
}

export const planesOf = (shape: Shape, channelLast: boolean): Planes =>
  channelLast
    ? { batch: shape[0]!, channels: shape.at(-1)!, sizes: shape.slice(1, -1) }
    : { batch: shape[0]!, channels: shape[1]!, sizes: shape.slice(2) }

export const shapeOf = ({ batch, channels, sizes }: Planes, channelLast: boolean): Shape =>
  channelLast ? [batch, ...sizes, channels] : [batch, channels, ...sizes]

/** An array for results of the same precision. */
export const likeArray = (data: NumberArray, length: number): NumberArray =>
  data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)

/** Exchanges the last two dimensions of [batch, rows, columns]. */
export function moveChannels(data: NumberArray, out: NumberArray, batch: number, rows: number, columns: number): void {
  const size = rows * columns
  for (let n = 0; n < batch; n++) {
    for (let r = 0; r < rows; r++) {
      let from = n * size + r * columns
      const end = from + columns
      for (let to = n * size + r; from < end; from++, to += rows) out[to] = data[from]!
    }
  }
}

export const isChannelLast = (dataFormat: string): boolean => dataFormat === 'NHWC' || dataFormat === 'NDHWC'

/** The elements with the channels before the planes; the tensor's own where they lie so. */
export function channelFirst({ data, shape }: KernelTensor, channelLast: boolean): NumberArray {
  const channels = shape.at(-1)!
  const plane = product(shape, 1, shape.length - 1)
  if (!channelLast || channels === 1 || plane === 1) return data
  const planes = likeArray(data, data.length)
  moveChannels(data, planes, shape[0]!, plane, channels)
  return planes
}

/** Lets `fill` write planes with the channels before them, and stores those in the layout of the tensor. */
export function storePlanes(
  { data, shape }: KernelTensor,
  channelLast: boolean,
  fill: (planes: NumberArray) => void,
): void {
  const channels = shape.at(-1)!
  const plane = product(shape, 1, shape.length - 1)
  if (!channelLast || channels === 1 || plane === 1) {
    fill(data)
    return
  }
  const planes = likeArray(data, data.length)
  fill(planes)
  moveChannels(planes, data, shape[0]!, channels, plane)
}
