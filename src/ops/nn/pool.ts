/** pool2d: the largest element or the mean of each window, and its gradient. */
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { LOWEST, matchPooling, POOL_ATTRS, type Pooling, poolingOf } from './pool_shape.ts'
import { channelFirst, isChannelLast, storePlanes } from './window.ts'

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
  attrs: POOL_ATTRS,
  inferMeta({ X, Out, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('pool2d_grad', { X, Out, 'Out@GRAD': dOut })
    const { out } = matchPooling(X.shape, attrs)
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
  attrs: POOL_ATTRS,
  inferMeta: ({ X }, attrs) => ({ Out: { dtype: X.dtype, shape: matchPooling(X.shape, attrs).out } }),
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
