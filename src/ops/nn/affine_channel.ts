/** affine_channel: every channel scaled and shifted. */
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { channelAxis, channelSums, channelView, layoutCheck, requireRank, requireVectors } from './channels.ts'

const ATTRS = {
  data_layout: attr.string('AnyLayout', {
    doc: 'Where the channels are: NCHW in dimension 1, else in the last.',
    check: layoutCheck,
  }),
}

/** @throws InvalidArgumentError E203 for shapes, E210 for element types. */
function checkShapes(opType: string, X: Meta, vectors: Readonly<Record<string, Meta>>, layout: string): void {
  requireRank(opType, X, 2, 9)
  requireVectors(opType, vectors, X.shape[channelAxis(X.shape, layout)]!)
  requireSameDType(opType, { X, ...vectors })
}

export const affineChannelGrad = defineOp({
  type: 'affine_channel_grad',
  doc: 'Gradient of affine_channel.',
  source: 'paddle/fluid/operators/affine_channel_op.cc',
  inputs: {
    X: one('X of affine_channel.', FLOATS),
    Scale: one('Scale of affine_channel.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: {
    'X@GRAD': optional('Gradient of X.'),
    'Scale@GRAD': optional('Gradient of Scale.'),
    'Bias@GRAD': optional('Gradient of Bias.'),
  },
  attrs: ATTRS,
  inferMeta({ X, Scale, 'Out@GRAD': dOut }, attrs) {
    checkShapes('affine_channel_grad', X, { Scale }, attrs.data_layout)
    requireSameDType('affine_channel_grad', { X, 'Out@GRAD': dOut })
    requireShape('affine_channel_grad', 'Out@GRAD', dOut, X.shape, 'the shape of X')
    return { 'X@GRAD': X, 'Scale@GRAD': Scale, 'Bias@GRAD': Scale }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Scale, 'Out@GRAD': dOut }, { data_layout }, outputs) {
      const dx = outputs['X@GRAD']?.data
      const { data: dout } = dOut
      const view = channelView(X.shape, channelAxis(X.shape, data_layout))
      const { outer, channels, inner } = view
      const zeros = new Float64Array(channels)
      const { plain, weighted } = channelSums(view, X.data, dout, zeros, zeros.slice().fill(1))
      outputs['Scale@GRAD']?.data.set(weighted)
      outputs['Bias@GRAD']?.data.set(plain)
      if (dx === undefined) return
      for (let o = 0; o < outer; o++) {
        for (let c = 0; c < channels; c++) {
          const from = (o * channels + c) * inner
          const factor = Scale.data[c]!
          for (let i = from; i < from + inner; i++) dx[i] = factor * dout[i]!
        }
      }
    },
  },
})

export const affineChannel = defineOp({
  type: 'affine_channel',
  doc: 'Out = X * Scale + Bias with one value of Scale and Bias for each channel.',
  source: 'paddle/fluid/operators/affine_channel_op.cc',
  inputs: {
    X: one('[N, C, …] with data_layout NCHW, else […, C].', FLOATS),
    Scale: one('[C].', FLOATS),
    Bias: one('[C].', FLOATS),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X, Scale, Bias }, { data_layout }) {
    checkShapes('affine_channel', X, { Scale, Bias }, data_layout)
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(affineChannelGrad, {
      inputs: { X: inputs.X, Scale: inputs.Scale, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Scale@GRAD': inputGrads.Scale, 'Bias@GRAD': inputGrads.Bias },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X, Scale, Bias }, { data_layout }, { Out }) {
      const { data: x } = X
      const { data: out } = Out
      const { outer, channels, inner } = channelView(X.shape, channelAxis(X.shape, data_layout))
      for (let o = 0; o < outer; o++) {
        for (let c = 0; c < channels; c++) {
          const from = (o * channels + c) * inner
          const factor = Scale.data[c]!
          const shift = Bias.data[c]!
          for (let i = from; i < from + inner; i++) out[i] = x[i]! * factor + shift
        }
      }
    },
  },
})
