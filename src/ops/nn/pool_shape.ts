/** Attributes of pooling, and which elements of a plane each window takes. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import type { FilledAttrs } from '../../framework/op_def.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import {
  isChannelLast,
  PADDING_ALGORITHMS,
  planesOf,
  requireNumbers,
  resolvePaddings,
  shapeOf,
  windowCount,
} from './window.ts'

export const POOL_ATTRS = {
  ksize: attr.ints(undefined, { doc: 'Height and width of the window; with `adaptive` of the result.' }),
  strides: attr.ints([1, 1], { doc: 'Steps of the window: height, width.' }),
  paddings: attr.ints([0, 0], { doc: 'Around the planes: [height, width] or [top, bottom, left, right].' }),
  ceil_mode: attr.bool(false, { doc: 'A last window may reach past the padded plane.' }),
  exclusive: attr.bool(true, { doc: 'avg divides by the elements inside the plane only.' }),
  data_format: attr.string('NCHW', {
    doc: 'Layout of X and Out. AnyLayout is NCHW.',
    check: oneOf('NCHW', 'NHWC', 'AnyLayout'),
  }),
  pooling_type: attr.string('', { doc: 'max or avg.', check: oneOf('max', 'avg') }),
  global_pooling: attr.bool(false, { doc: 'One window, the whole plane; ksize and paddings have no effect.' }),
  adaptive: attr.bool(false, {
    doc: 'As many windows as ksize says, without paddings. For avg they share the plane equally; for max, as in Paddle, they slide by strides.',
  }),
  padding_algorithm: attr.string('EXPLICIT', {
    doc: 'EXPLICIT takes paddings; SAME makes ceil(size / stride) windows; VALID pads nothing.',
    check: oneOf(...PADDING_ALGORITHMS),
  }),
  is_test: attr.bool(false, { extra: true, doc: 'Has no effect.' }),
}
export type PoolAttrs = Omit<FilledAttrs<typeof POOL_ATTRS>, 'is_test'>

const { is_test: _, ...PLAIN } = POOL_ATTRS
export const POOL3D_ATTRS = {
  ...PLAIN,
  ksize: attr.ints(undefined, { doc: 'Depth, height and width of the window; with `adaptive` of the result.' }),
  strides: attr.ints([1, 1, 1], { doc: 'Steps of the window: depth, height, width.' }),
  paddings: attr.ints([0, 0, 0], { doc: 'Around the volumes: one number per dimension, or two: before, after.' }),
  data_format: attr.string('NCDHW', {
    doc: 'Layout of X and Out. AnyLayout is NCDHW.',
    check: oneOf('NCDHW', 'NDHWC', 'AnyLayout'),
  }),
}

/** What an empty window has as maximum, for every element type. */
export const LOWEST = -3.4028234663852886e38

/** Along one dimension, for each window: first element, one past the last, and the count that avg divides by. */
export interface Windows {
  readonly size: number
  readonly out: number
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly counts: Int32Array
}

export interface Pooling {
  readonly planes: number
  /** One layer and one window for planes. */
  readonly depth: Windows
  readonly height: Windows
  readonly width: Windows
}

export interface PoolDimension {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly before: number
  readonly after: number
  readonly out: number
}

/** @throws InvalidArgumentError E203 for a shape, E201 for attributes that do not fit it. */
export function matchPooling(
  opType: string,
  x: Shape,
  attrs: PoolAttrs,
  rank: 2 | 3 = 2,
): { readonly dims: readonly PoolDimension[]; readonly out: Shape } {
  const fail = (why: string): InvalidArgumentError =>
    new InvalidArgumentError('E203', `${opType}: X of shape ${formatShape(x)}: ${why}`, { got: { X: x, attrs } })
  if (x.length !== rank + 2) throw fail(`must have rank ${rank + 2}`)
  const { ksize, strides, paddings, global_pooling, adaptive, padding_algorithm, ceil_mode } = attrs
  if (attrs.pooling_type === '') {
    throw new InvalidArgumentError('E201', `${opType}: attr pooling_type must be "max" or "avg", got ""`)
  }
  const channelLast = isChannelLast(attrs.data_format)
  const { batch, channels, sizes } = planesOf(x, channelLast)
  requireNumbers(opType, 'strides', strides, rank, 1)
  requireNumbers(opType, 'ksize', ksize, rank, global_pooling ? -2147483648 : 1)
  const padded = resolvePaddings(opType, paddings, padding_algorithm, sizes, ksize, strides)
  const dims = sizes.map((size, i): PoolDimension => {
    const [kernel, stride] = [global_pooling ? size : ksize[i]!, strides[i]!]
    if (adaptive) return { size, kernel, stride, before: 0, after: 0, out: kernel }
    if (global_pooling) return { size, kernel, stride, before: 0, after: 0, out: 1 }
    const [before, after] = padded[i]!
    const out = windowCount(size, kernel, stride, 1, before + after, ceil_mode)
    if (size >= 0 && out < 1) throw fail(`a window of ${kernel} is larger than the padded dimension ${i} of the planes`)
    return { size, kernel, stride, before, after, out }
  })
  return { dims, out: shapeOf({ batch, channels, sizes: dims.map(({ out }) => out) }, channelLast) }
}

function windowsOf({ size, kernel, stride, before, out }: PoolDimension, attrs: PoolAttrs): Windows {
  const starts = new Int32Array(out)
  const ends = new Int32Array(out)
  const counts = new Int32Array(out)
  for (let o = 0; o < out; o++) {
    if (attrs.adaptive && attrs.pooling_type === 'avg') {
      starts[o] = Math.floor((o * size) / out)
      ends[o] = Math.ceil(((o + 1) * size) / out)
      counts[o] = ends[o]! - starts[o]!
      continue
    }
    const first = o * stride - before
    starts[o] = Math.max(first, 0)
    ends[o] = Math.min(first + kernel, size)
    // Outside of the plane Paddle's counts may be 0 or negative, and give NaN or 0. The padding in front counts at both ends.
    counts[o] = attrs.exclusive ? ends[o]! - starts[o]! : Math.min(first + kernel, size + before) - first
  }
  return { size, out, starts, ends, counts }
}

const STILL: Windows = {
  size: 1,
  out: 1,
  starts: Int32Array.of(0),
  ends: Int32Array.of(1),
  counts: Int32Array.of(1),
}

export function poolingOf(opType: string, shape: Shape, attrs: PoolAttrs, rank: 2 | 3 = 2): Pooling {
  const { batch, channels } = planesOf(shape, isChannelLast(attrs.data_format))
  const windows = matchPooling(opType, shape, attrs, rank).dims.map((dim) => windowsOf(dim, attrs))
  const [width, height, depth] = windows.toReversed() as [Windows, Windows, Windows?]
  return { planes: batch * channels, depth: depth ?? STILL, height, width }
}
