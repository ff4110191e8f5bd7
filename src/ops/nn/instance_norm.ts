/**
 * instance_norm: every channel of every sample brought to mean 0 and variance 1, then scaled and shifted.
 * Source: Ulyanov, Vedaldi and Lempitsky 2016; paddle/phi/kernels/cpu/instance_norm_kernel.cc (2.6.2).
 */
import { PreconditionNotMetError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, isHalf } from '../../tensor/dtype.ts'
import { formatShape, product } from '../../tensor/shape.ts'
import { requireParameterDType, requireRank, requireVectors } from './channels.ts'

const ATTRS = { epsilon: attr.float(1e-5, { doc: 'Added to the variance.' }) }

/**
 * Samples times channels, -1 while unknown.
 * @throws InvalidArgumentError E203 for shapes, E210 for element types; PreconditionNotMetError E103, as Paddle, for an X without elements.
 */
function checkShapes(opType: string, X: Meta, vectors: Readonly<Record<string, Meta | undefined>>): number {
  requireRank(opType, X, 2, 5)
  if (X.shape.includes(0)) {
    throw new PreconditionNotMetError('E103', `${opType}: X must not be empty, got ${formatShape(X.shape)}`, {
      where: { opType, slot: 'X' },
      got: X.shape,
    })
  }
  const [batch, channels] = X.shape as [number, number]
  requireVectors(opType, vectors, channels)
  requireParameterDType(opType, X, vectors)
  return batch < 0 || channels < 0 ? -1 : batch * channels
}

export const instanceNormGrad = defineOp({
  type: 'instance_norm_grad',
  doc: 'Gradient of instance_norm.',
  source: 'paddle/phi/kernels/cpu/instance_norm_grad_kernel.cc',
  inputs: {
    X: one('X of instance_norm.', FLOATS),
    Scale: optional('Scale of instance_norm.', FLOATS),
    SavedMean: one('Mean of each channel of each sample.'),
    SavedVariance: one('1 / sqrt(variance + epsilon) of each channel of each sample.'),
    'Y@GRAD': one('Gradient of Y.', FLOATS),
  },
  outputs: {
    'X@GRAD': optional('Gradient of X.'),
    'Scale@GRAD': optional('Gradient of Scale.'),
    'Bias@GRAD': optional('Gradient of Bias.'),
  },
  attrs: ATTRS,
  inferMeta(inputs): { 'X@GRAD': Meta; 'Scale@GRAD': Meta; 'Bias@GRAD': Meta } {
    const { X, Scale, SavedMean, SavedVariance } = inputs
    const count = checkShapes('instance_norm_grad', X, { Scale })
    requireVectors('instance_norm_grad', { SavedMean, SavedVariance }, count, 'channel of a sample')
    requireParameterDType('instance_norm_grad', X, { SavedMean, SavedVariance })
    requireShape('instance_norm_grad', 'Y@GRAD', inputs['Y@GRAD'], X.shape, 'the shape of X')
    const vector = Scale ?? { dtype: SavedMean.dtype, shape: [X.shape[1]!] }
    return { 'X@GRAD': X, 'Scale@GRAD': vector, 'Bias@GRAD': vector }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Scale, SavedMean, SavedVariance, 'Y@GRAD': dY }, _attrs, outputs) {
      const dx = outputs['X@GRAD']?.data
      const { data: x } = X
      const { data: dy } = dY
      const [batch, channels] = X.shape as [number, number]
      const size = product(X.shape, 2)
      const dscale = new Float64Array(channels)
      const dbias = new Float64Array(channels)
      for (let n = 0, p = 0; n < batch; n++) {
        for (let c = 0; c < channels; c++, p++) {
          const from = p * size
          const mean = SavedMean.data[p]!
          const inverse = SavedVariance.data[p]!
          let plain = 0
          let weighted = 0
          for (let i = from; i < from + size; i++) {
            plain += dy[i]!
            weighted += dy[i]! * (x[i]! - mean)
          }
          weighted *= inverse
          dbias[c] = dbias[c]! + plain
          dscale[c] = dscale[c]! + weighted
          if (dx === undefined) continue
          const factor = inverse * (Scale === undefined ? 1 : Scale.data[c]!)
          const shift = plain / size
          const slope = (weighted / size) * inverse
          for (let i = from; i < from + size; i++) dx[i] = factor * (dy[i]! - shift - (x[i]! - mean) * slope)
        }
      }
      outputs['Scale@GRAD']?.data.set(dscale)
      outputs['Bias@GRAD']?.data.set(dbias)
    },
  },
})

/** Y = (X - mean) / sqrt(variance + epsilon) * Scale + Bias, mean and variance of each channel of each sample. */
export const instanceNorm = defineOp({
  type: 'instance_norm',
  doc: 'Brings each channel of each sample to mean 0 and variance 1, then scales and shifts it.',
  source: 'paddle/phi/kernels/cpu/instance_norm_kernel.cc',
  inputs: {
    X: one('[N, C, …], rank 2 to 5.', FLOATS),
    Scale: optional('[C]; default 1.', FLOATS),
    Bias: optional('[C]; default 0.', FLOATS),
  },
  outputs: {
    Y: one('Shape and element type of X.'),
    SavedMean: one('[N * C].'),
    SavedVariance: one('[N * C]: 1 / sqrt(variance + epsilon).'),
  },
  attrs: ATTRS,
  inferMeta({ X, Scale, Bias }) {
    const count = checkShapes('instance_norm', X, { Scale, Bias })
    const statistics: Meta = { dtype: isHalf(X.dtype) ? 'float32' : X.dtype, shape: [count] }
    return { Y: X, SavedMean: statistics, SavedVariance: statistics }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(instanceNormGrad, {
      inputs: {
        X: inputs.X,
        Scale: inputs.Scale,
        SavedMean: outputs.SavedMean,
        SavedVariance: outputs.SavedVariance,
        'Y@GRAD': outputGrads.Y,
      },
      outputs: { 'X@GRAD': inputGrads.X, 'Scale@GRAD': inputGrads.Scale, 'Bias@GRAD': inputGrads.Bias },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Scale, Bias }, { epsilon }, outputs) {
      const { data: y } = outputs.Y
      const { SavedMean, SavedVariance } = outputs as Partial<typeof outputs>
      const { data: x } = X
      const [batch, channels] = X.shape as [number, number]
      const size = product(X.shape, 2)
      for (let n = 0, p = 0; n < batch; n++) {
        for (let c = 0; c < channels; c++, p++) {
          const from = p * size
          let sum = 0
          for (let i = from; i < from + size; i++) sum += x[i]!
          const mean = sum / size
          let squares = 0
          for (let i = from; i < from + size; i++) squares += (x[i]! - mean) * (x[i]! - mean)
          const inverse = 1 / Math.sqrt(squares / size + epsilon)
          if (SavedMean !== undefined) SavedMean.data[p] = mean
          if (SavedVariance !== undefined) SavedVariance.data[p] = inverse
          const factor = inverse * (Scale === undefined ? 1 : Scale.data[c]!)
          const shift = Bias === undefined ? 0 : Bias.data[c]!
          for (let i = from; i < from + size; i++) y[i] = (x[i]! - mean) * factor + shift
        }
      }
    },
  },
})
