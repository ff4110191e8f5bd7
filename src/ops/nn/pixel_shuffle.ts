/** pixel_shuffle: channels rearranged into larger planes, and its gradient, which arranges them back. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import { requireRank } from './channels.ts'
import { isChannelLast, planesOf, shapeOf } from './window.ts'

const ATTRS = {
  upscale_factor: attr.int(1, {
    doc: 'How many times as high and wide Out is.',
    check: (factor) => (factor > 0 ? null : 'a factor of 1 or more'),
  }),
  data_format: attr.string('NCHW', { doc: 'Layout. AnyLayout is NCHW.', check: oneOf('NCHW', 'NHWC', 'AnyLayout') }),
}

/**
 * Copies from many channels to few (X to Out), or with `back` from few to many. `shape` is that of the few: channel c * factor^2 + i * factor + j
 * of an element becomes element (i, j) of a square in channel c.
 */
function shuffle(
  shape: Shape,
  factor: number,
  channelLast: boolean,
  from: NumberArray,
  to: NumberArray,
  back: boolean,
): void {
  const { batch, channels, sizes } = planesOf(shape, channelLast)
  const [height, width] = sizes as [number, number]
  const square = factor * factor
  const [step, channelStep] = channelLast ? [channels, 1] : [1, height * width]
  // Distances of neighbours on the side of many channels.
  const rows = height / factor
  const columns = width / factor
  const [manyStep, manyChannelStep] = channelLast ? [channels * square, 1] : [1, rows * columns]
  const sample = channels * height * width
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let k = 0; k < square; k++) {
        const [i, j] = [Math.floor(k / factor), k % factor]
        const many = n * sample + (c * square + k) * manyChannelStep
        for (let y = 0; y < rows; y++) {
          let few = n * sample + c * channelStep + ((y * factor + i) * width + j) * step
          let at = many + y * columns * manyStep
          for (let x = 0; x < columns; x++, few += factor * step, at += manyStep) {
            if (back) to[at] = from[few]!
            else to[few] = from[at]!
          }
        }
      }
    }
  }
}

export const pixelShuffleGrad = defineOp({
  type: 'pixel_shuffle_grad',
  doc: 'Gradient of pixel_shuffle: Out@GRAD arranged back into the channels of X.',
  source: 'paddle/phi/kernels/impl/pixel_shuffle_grad_kernel_impl.h',
  inputs: { 'Out@GRAD': one('Gradient of Out.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: ATTRS,
  inferMeta(inputs, { upscale_factor, data_format }) {
    const { dtype, shape } = inputs['Out@GRAD']
    const channelLast = isChannelLast(data_format)
    requireRank('pixel_shuffle_grad', inputs['Out@GRAD'], 4, 4, 'Out@GRAD')
    const { batch, channels, sizes } = planesOf(shape, channelLast)
    if (sizes.some((size) => size >= 0 && size % upscale_factor !== 0)) {
      throw new InvalidArgumentError(
        'E203',
        `pixel_shuffle_grad: the planes of Out@GRAD must be multiples of ${upscale_factor}, got ${formatShape(shape)}`,
        { expected: upscale_factor, got: shape },
      )
    }
    const divided = sizes.map((size) => (size < 0 ? -1 : size / upscale_factor))
    const many = channels < 0 ? -1 : channels * upscale_factor * upscale_factor
    return { 'X@GRAD': { dtype, shape: shapeOf({ batch, channels: many, sizes: divided }, channelLast) } }
  },
  grad: 'unregistered',
  kernels: {
    cpu(inputs, { upscale_factor, data_format }, outputs) {
      const dx = outputs['X@GRAD']
      if (dx === undefined) return
      const { data, shape } = inputs['Out@GRAD']
      shuffle(shape, upscale_factor, isChannelLast(data_format), data, dx.data, true)
    },
  },
})

export const pixelShuffle = defineOp({
  type: 'pixel_shuffle',
  doc: 'Turns groups of upscale_factor^2 channels into squares of elements: [N, C * r^2, H, W] becomes [N, C, H * r, W * r].',
  source: 'paddle/phi/kernels/impl/pixel_shuffle_kernel_impl.h',
  inputs: { X: one('[N, channels, height, width], or [N, height, width, channels] with data_format NHWC.', FLOATS) },
  outputs: { Out: one('Fewer channels and larger planes, laid out as X.') },
  attrs: ATTRS,
  inferMeta({ X }, { upscale_factor, data_format }) {
    requireRank('pixel_shuffle', X, 4, 4)
    const channelLast = isChannelLast(data_format)
    const { batch, channels, sizes } = planesOf(X.shape, channelLast)
    const square = upscale_factor * upscale_factor
    if (channels >= 0 && channels % square !== 0) {
      throw new InvalidArgumentError(
        'E203',
        `pixel_shuffle: the channels of X must be a multiple of ${square}, got ${formatShape(X.shape)}`,
        { expected: square, got: channels },
      )
    }
    const larger = sizes.map((size) => (size < 0 ? -1 : size * upscale_factor))
    const fewer = channels < 0 ? -1 : channels / square
    return { Out: { dtype: X.dtype, shape: shapeOf({ batch, channels: fewer, sizes: larger }, channelLast) } }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(pixelShuffleGrad, {
      inputs: { 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, { upscale_factor, data_format }, { Out }) {
      shuffle(Out.shape, upscale_factor, isChannelLast(data_format), X.data, Out.data, false)
    },
  },
})
