/** pool2d: the largest element or the mean of each window, and its gradient. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type FilledAttrs, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import {
  channelFirst,
  isChannelLast,
  PADDING_ALGORITHMS,
  planesOf,
  requireNumbers,
  resolvePaddings,
  shapeOf,
  storePlanes,
  windowCount,
} from './window.ts'

const ATTRS = {
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
type PoolAttrs = FilledAttrs<typeof ATTRS>

/** What an empty window has as maximum, for every element type. */
const LOWEST = -3.4028234663852886e38

/** Along one dimension, for each window: first element, one past the last, and the count that avg divides by. */
interface Windows {
  readonly size: number
  readonly out: number
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly counts: Int32Array
}

interface Pooling {
  readonly planes: number
  readonly height: Windows
  readonly width: Windows
}

interface Dimension {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly before: number
  readonly after: number
  readonly out: number
}

/** @throws InvalidArgumentError E203 for a shape, E201 for attributes that do not fit it. */
function match(x: Shape, attrs: PoolAttrs): { readonly dims: readonly Dimension[]; readonly out: Shape } {
  const fail = (why: string): InvalidArgumentError =>
    new InvalidArgumentError('E203', `pool2d: X of shape ${formatShape(x)}: ${why}`, { got: { X: x, attrs } })
  if (x.length !== 4) throw fail('must have rank 4')
  const { ksize, strides, paddings, global_pooling, adaptive, padding_algorithm, ceil_mode } = attrs
  if (attrs.pooling_type === '') {
    throw new InvalidArgumentError('E201', 'pool2d: attr pooling_type must be "max" or "avg", got ""')
  }
  const channelLast = isChannelLast(attrs.data_format)
  const { batch, channels, sizes } = planesOf(x, channelLast)
  requireNumbers('pool2d', 'strides', strides, 2, 1)
  requireNumbers('pool2d', 'ksize', ksize, 2, global_pooling ? -2147483648 : 1)
  const padded = resolvePaddings('pool2d', paddings, padding_algorithm, sizes, ksize, strides)
  const dims = sizes.map((size, i): Dimension => {
    const [kernel, stride] = [global_pooling ? size : ksize[i]!, strides[i]!]
    if (adaptive) return { size, kernel, stride, before: 0, after: 0, out: kernel }
    if (global_pooling) return { size, kernel, stride, before: 0, after: 0, out: 1 }
    const [before, after] = padded[i]!
    const out = windowCount(size, kernel, stride, 1, before + after, ceil_mode)
    if (size >= 0 && out < 1) throw fail(`a window of ${kernel} is larger than the padded dimension ${i} of the planes`)
    return { size, kernel, stride, before, after, out }
  })
  const [height, width] = dims as [Dimension, Dimension]
  return { dims, out: shapeOf({ batch, channels, sizes: [height.out, width.out] }, channelLast) }
}

function windowsOf({ size, kernel, stride, before, out }: Dimension, attrs: PoolAttrs): Windows {
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

function poolingOf(shape: Shape, attrs: PoolAttrs): Pooling {
  const { batch, channels } = planesOf(shape, isChannelLast(attrs.data_format))
  const [height, width] = match(shape, attrs).dims as [Dimension, Dimension]
  return { planes: batch * channels, height: windowsOf(height, attrs), width: windowsOf(width, attrs) }
}

function largest({ planes, height, width }: Pooling, x: NumberArray, out: NumberArray): void {
  let o = 0
  for (let p = 0; p < planes; p++) {
    const plane = p * height.size * width.size
    for (let i = 0; i < height.out; i++) {
      for (let j = 0; j < width.out; j++, o++) {
        let max = LOWEST
        for (let y = height.starts[i]!; y < height.ends[i]!; y++) {
          const row = plane + y * width.size
          for (let k = row + width.starts[j]!; k < row + width.ends[j]!; k++) {
            // Not Math.max: a NaN is kept only until the next element.
            const value = x[k]!
            if (!(max > value)) max = value
          }
        }
        out[o] = max
      }
    }
  }
}

function average({ planes, height, width }: Pooling, x: NumberArray, out: NumberArray): void {
  let o = 0
  for (let p = 0; p < planes; p++) {
    const plane = p * height.size * width.size
    for (let i = 0; i < height.out; i++) {
      for (let j = 0; j < width.out; j++, o++) {
        let sum = 0
        for (let y = height.starts[i]!; y < height.ends[i]!; y++) {
          const row = plane + y * width.size
          for (let k = row + width.starts[j]!; k < row + width.ends[j]!; k++) sum += x[k]!
        }
        out[o] = sum / (height.counts[i]! * width.counts[j]!)
      }
    }
  }
}

/** All of dOut goes to the first element of the window, row by row, that is the maximum. */
function largestGrad(
  { planes, height, width }: Pooling,
  x: NumberArray,
  out: NumberArray,
  dout: NumberArray,
  dx: NumberArray,
): void {
  const size = height.size * width.size
  const sums = new Float64Array(size)
  let o = 0
  for (let p = 0; p < planes; p++) {
    sums.fill(0)
    for (let i = 0; i < height.out; i++) {
      for (let j = 0; j < width.out; j++, o++) {
        const max = out[o]!
        window: for (let y = height.starts[i]!; y < height.ends[i]!; y++) {
          const row = y * width.size
          for (let k = row + width.starts[j]!; k < row + width.ends[j]!; k++) {
            if (x[p * size + k]! !== max) continue
            sums[k] = sums[k]! + dout[o]!
            break window
          }
        }
      }
    }
    dx.set(sums, p * size)
  }
}

function averageGrad({ planes, height, width }: Pooling, dout: NumberArray, dx: NumberArray): void {
  const size = height.size * width.size
  const sums = new Float64Array(size)
  let o = 0
  for (let p = 0; p < planes; p++) {
    sums.fill(0)
    for (let i = 0; i < height.out; i++) {
      for (let j = 0; j < width.out; j++, o++) {
        // The factor is a float32 in Paddle, also for float64 tensors.
        const share = dout[o]! * Math.fround(1 / (height.counts[i]! * width.counts[j]!))
        for (let y = height.starts[i]!; y < height.ends[i]!; y++) {
          const row = y * width.size
          for (let k = row + width.starts[j]!; k < row + width.ends[j]!; k++) sums[k] = sums[k]! + share
        }
      }
    }
    dx.set(sums, p * size)
  }
}

export const pool2dGrad = defineOp({
  type: 'pool2d_grad',
  doc: 'Gradient of pool2d: dOut to the first maximum of each window, or in equal shares to all of its elements.',
  source: 'paddle/phi/kernels/funcs/pooling.cc',
  inputs: {
    X: one('X of pool2d.', FLOATS),
    Out: one('Out of pool2d.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: ATTRS,
  inferMeta({ X, Out, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('pool2d_grad', { X, Out, 'Out@GRAD': dOut })
    const { out } = match(X.shape, attrs)
    requireShape('pool2d_grad', 'Out', Out, out, 'the shape that X gives')
    requireShape('pool2d_grad', 'Out@GRAD', dOut, out, 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Out, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX }) {
      if (dX === undefined) return
      const pooling = poolingOf(X.shape, attrs)
      const channelLast = isChannelLast(attrs.data_format)
      const dout = channelFirst(dOut, channelLast)
      if (attrs.pooling_type === 'avg') {
        storePlanes(dX, channelLast, (dx) => averageGrad(pooling, dout, dx))
        return
      }
      const x = channelFirst(X, channelLast)
      const out = channelFirst(Out, channelLast)
      storePlanes(dX, channelLast, (dx) => largestGrad(pooling, x, out, dout, dx))
    },
  },
})

export const pool2d = defineOp({
  type: 'pool2d',
  doc: 'The largest element (max) or the mean (avg) of each window that slides over the planes of X.',
  source: 'paddle/phi/kernels/funcs/pooling.cc',
  differs:
    'A pooling_type other than max and avg, an unknown padding_algorithm or data_format and a ksize of 0 are refused.',
  inputs: { X: one('[N, channels, height, width], or [N, height, width, channels] with data_format NHWC.', FLOATS) },
  outputs: { Out: one('[N, channels, out height, out width], laid out as X.') },
  attrs: ATTRS,
  inferMeta: ({ X }, attrs) => ({ Out: { dtype: X.dtype, shape: match(X.shape, attrs).out } }),
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(pool2dGrad, {
      inputs: { X: inputs.X, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, attrs, { Out }) {
      const pooling = poolingOf(X.shape, attrs)
      const channelLast = isChannelLast(attrs.data_format)
      const x = channelFirst(X, channelLast)
      storePlanes(Out, channelLast, (out) => {
        if (attrs.pooling_type === 'avg') average(pooling, x, out)
        else largest(pooling, x, out)
      })
    },
  },
})
