/**
 * batch_norm: every channel brought to mean 0 and variance 1 over the batch, or by the moving averages, then scaled and shifted.
 * Source: Ioffe and Szegedy 2015; paddle/phi/kernels/cpu/batch_norm_kernel.cc (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type FilledAttrs,
  type InferContext,
  type KernelTensor,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape } from '../../tensor/shape.ts'
import {
  channelAxis,
  channelSums,
  channelView,
  layoutCheck,
  requireParameterDType,
  requireRank,
  requireVectors,
} from './channels.ts'

const ATTRS = {
  is_test: attr.bool(false, { doc: 'Inference: normalises with Mean and Variance, which stay as they are.' }),
  momentum: attr.float(0.9, { doc: 'Share of the old value in a moving average.' }),
  epsilon: attr.float(1e-5, {
    doc: 'Added to the variance.',
    check: (epsilon) => (epsilon >= 0 && epsilon <= Math.fround(0.001) ? null : 'a number in [0, 0.001]'),
  }),
  data_layout: attr.string('NCHW', {
    doc: 'Where the channels are: NCHW in dimension 1, else in the last.',
    check: layoutCheck,
  }),
  use_global_stats: attr.bool(false, { doc: 'Normalises with Mean and Variance while training too.' }),
  trainable_statistics: attr.bool(false, { doc: 'Uses the batch also where is_test is set.' }),
}
type BatchNormAttrs = FilledAttrs<typeof ATTRS>

const isTesting = ({ is_test, trainable_statistics }: BatchNormAttrs): boolean => is_test && !trainable_statistics

/** True where the moving averages are used in place of the batch. */
const isGlobal = (attrs: BatchNormAttrs): boolean => isTesting(attrs) || attrs.use_global_stats

/** In a matrix the channels are the columns, whatever the layout. */
const axisOf = (shape: readonly number[], { data_layout }: BatchNormAttrs): number =>
  shape.length === 2 ? 1 : channelAxis(shape, data_layout)

/** @throws InvalidArgumentError E203 for shapes, E210 for element types. */
function checkShapes(
  opType: string,
  X: Meta,
  vectors: Readonly<Record<string, Meta | undefined>>,
  attrs: BatchNormAttrs,
): void {
  requireRank(opType, X, 2, 5)
  if (X.shape.includes(0)) {
    throw new InvalidArgumentError('E203', `${opType}: X must not be empty, got ${formatShape(X.shape)}`, {
      where: { opType, slot: 'X' },
      got: X.shape,
    })
  }
  requireVectors(opType, vectors, X.shape[axisOf(X.shape, attrs)]!)
  requireParameterDType(opType, X, vectors)
}

export const batchNormGrad = defineOp({
  type: 'batch_norm_grad',
  doc: 'Gradient of batch_norm. With is_test or use_global_stats the moving averages count as constants.',
  source: 'paddle/phi/kernels/cpu/batch_norm_grad_kernel.cc',
  inputs: {
    X: one('X of batch_norm.', FLOATS),
    Scale: optional('Scale of batch_norm.', FLOATS),
    Bias: optional('Bias of batch_norm; not read.', FLOATS),
    Mean: optional('Mean of batch_norm; given with is_test or use_global_stats.'),
    Variance: optional('Variance of batch_norm; given with is_test or use_global_stats.'),
    SavedMean: optional('Mean of the batch.'),
    SavedVariance: optional('1 / sqrt(variance of the batch + epsilon).'),
    ReserveSpace: optional('Not read.'),
    MeanOut: optional('Moving average of the mean.'),
    VarianceOut: optional('Moving average of the variance.'),
    'Y@GRAD': one('Gradient of Y.', FLOATS),
  },
  outputs: {
    'X@GRAD': optional('Gradient of X.'),
    'Scale@GRAD': optional('Gradient of Scale.'),
    'Bias@GRAD': optional('Gradient of Bias.'),
  },
  attrs: ATTRS,
  inferMeta(inputs, attrs): { 'X@GRAD': Meta; 'Scale@GRAD': Meta; 'Bias@GRAD': Meta } {
    const { X, Scale, Bias, Mean, Variance, SavedMean, SavedVariance, MeanOut, VarianceOut } = inputs
    const vectors = { Scale, Bias, Mean, Variance, SavedMean, SavedVariance, MeanOut, VarianceOut }
    checkShapes('batch_norm_grad', X, vectors, attrs)
    requireShape('batch_norm_grad', 'Y@GRAD', inputs['Y@GRAD'], X.shape, 'the shape of X')
    const global = attrs.is_test || attrs.use_global_stats
    const [mean, variance] = global ? [Mean ?? MeanOut, Variance ?? VarianceOut] : [SavedMean, SavedVariance]
    if (mean === undefined || variance === undefined) {
      const slots = global ? 'Mean and Variance' : 'SavedMean and SavedVariance'
      throw new InvalidArgumentError('E206', `batch_norm_grad: ${slots} have no value`, {
        where: { opType: 'batch_norm_grad' },
        hint: 'batch_norm sets them with the same is_test and use_global_stats',
      })
    }
    const vector = { dtype: mean.dtype, shape: [X.shape[axisOf(X.shape, attrs)]!] }
    return { 'X@GRAD': X, 'Scale@GRAD': Scale ?? vector, 'Bias@GRAD': Bias ?? vector }
  },
  grad: 'unregistered',
  kernels: {
    cpu(inputs, attrs, outputs) {
      const { X, Scale } = inputs
      const dX = outputs['X@GRAD']?.data
      const dScale = outputs['Scale@GRAD']?.data
      const dBias = outputs['Bias@GRAD']?.data
      const dy = inputs['Y@GRAD'].data
      const x = X.data
      const view = channelView(X.shape, axisOf(X.shape, attrs))
      const { outer, channels, inner } = view
      const global = attrs.is_test || attrs.use_global_stats
      if (!global && outer * inner === 1) {
        dX?.set(dy)
        dScale?.fill(0)
        dBias?.fill(0)
        return
      }
      const mean = global ? (inputs.Mean ?? inputs.MeanOut)!.data : inputs.SavedMean!.data
      const inverse = global
        ? inverseDeviations((inputs.Variance ?? inputs.VarianceOut)!, attrs.epsilon)
        : inputs.SavedVariance!.data
      const { plain, weighted } = channelSums(view, x, dy, mean, inverse)
      dScale?.set(weighted)
      dBias?.set(plain)
      if (dX === undefined) return
      const count = outer * inner
      for (let o = 0; o < outer; o++) {
        for (let c = 0; c < channels; c++) {
          const from = (o * channels + c) * inner
          const factor = (Scale === undefined ? 1 : Scale.data[c]!) * inverse[c]!
          if (global) {
            for (let i = from; i < from + inner; i++) dX[i] = factor * dy[i]!
            continue
          }
          const shift = plain[c]! / count
          const slope = (weighted[c]! / count) * inverse[c]!
          for (let i = from; i < from + inner; i++) dX[i] = factor * (dy[i]! - shift - (x[i]! - mean[c]!) * slope)
        }
      }
    },
  },
})

function inverseDeviations({ data }: KernelTensor, epsilon: number): Float64Array {
  const inverse = new Float64Array(data.length)
  for (let c = 0; c < inverse.length; c++) inverse[c] = 1 / Math.sqrt(data[c]! + epsilon)
  return inverse
}

function requireInPlace(ctx: InferContext): void {
  if (!ctx.atRun) return
  for (const [out, slot] of [
    ['MeanOut', 'Mean'],
    ['VarianceOut', 'Variance'],
  ] as const) {
    if (ctx.outputCount(out) === 0 || ctx.sameVariable(out, slot)) continue
    throw new InvalidArgumentError('E224', `batch_norm: ${out} must be the variable of ${slot}`, {
      where: { opType: 'batch_norm', slot: out },
    })
  }
}

/**
 * Y = (X - mean) / sqrt(variance + epsilon) * Scale + Bias for each channel; moving average = old * momentum + batch * (1 - momentum).
 * Both averages are of the batch as it is (variance divided by its size, not by one less).
 */
export const batchNorm = defineOp({
  type: 'batch_norm',
  doc: 'Brings each channel to mean 0 and variance 1, over the batch or by moving averages, then scales and shifts it. One element per channel is passed through.',
  source: 'paddle/phi/kernels/cpu/batch_norm_kernel.cc',
  differs:
    'Without Scale or Bias there is a gradient too, and inference works; training works without ReserveSpace, which stays empty.',
  inputs: {
    X: one('[N, C], or rank 3 to 5 with the channels where data_layout says.', FLOATS),
    Scale: optional('[C]; default 1.', FLOATS),
    Bias: optional('[C]; default 0.', FLOATS),
    Mean: one('[C]: moving average of the mean.', FLOATS),
    Variance: one('[C]: moving average of the variance.', FLOATS),
    MomentumTensor: optional('Has no effect, as in Paddle on the CPU.'),
  },
  outputs: {
    Y: one('Shape and element type of X.'),
    MeanOut: one('The variable of Mean.'),
    VarianceOut: one('The variable of Variance.'),
    SavedMean: one('[C]: the mean that was used. Not set with is_test.'),
    SavedVariance: one('[C]: 1 / sqrt(the variance that was used + epsilon). Not set with is_test.'),
    ReserveSpace: optional('Empty.'),
  },
  attrs: ATTRS,
  inferMeta({ X, Scale, Bias, Mean, Variance }, attrs, ctx) {
    checkShapes('batch_norm', X, { Scale, Bias, Mean, Variance }, attrs)
    requireInPlace(ctx)
    const given = { Y: X, MeanOut: Mean, VarianceOut: Variance }
    const training = {
      ...given,
      SavedMean: Mean,
      SavedVariance: Variance,
      ReserveSpace: { dtype: X.dtype, shape: [ctx.atRun ? 0 : -1] },
    }
    return isTesting(attrs) ? (given as typeof training) : training
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads, attrs }): OpDesc[] => [
    describeOp(batchNormGrad, {
      inputs: {
        X: inputs.X,
        Scale: inputs.Scale,
        Bias: inputs.Bias,
        SavedMean: outputs.SavedMean,
        SavedVariance: outputs.SavedVariance,
        ReserveSpace: outputs.ReserveSpace,
        MeanOut: outputs.MeanOut,
        VarianceOut: outputs.VarianceOut,
        'Y@GRAD': outputGrads.Y,
        ...(attrs.is_test || attrs.use_global_stats ? { Mean: inputs.Mean, Variance: inputs.Variance } : {}),
      },
      outputs: { 'X@GRAD': inputGrads.X, 'Scale@GRAD': inputGrads.Scale, 'Bias@GRAD': inputGrads.Bias },
      attrs: 'copied',
    }),
  ],
  inplace: { MeanOut: 'Mean', VarianceOut: 'Variance' },
  dropInTest: ['ReserveSpace'],
  effects: 'state',
  kernels: {
    cpu({ X, Scale, Bias, Mean, Variance }, attrs, outputs) {
      const { Y } = outputs
      // Programs may be saved without the slots that only training fills.
      const { MeanOut, VarianceOut, SavedMean, SavedVariance } = outputs as Partial<typeof outputs>
      const { epsilon, momentum } = attrs
      const { data: x } = X
      const { outer, channels, inner } = channelView(X.shape, axisOf(X.shape, attrs))
      const global = isGlobal(attrs)
      const count = outer * inner
      if (global || count === 1) {
        if (MeanOut !== undefined && MeanOut.data !== Mean.data) MeanOut.data.set(Mean.data)
        if (VarianceOut !== undefined && VarianceOut.data !== Variance.data) VarianceOut.data.set(Variance.data)
      }
      if (!global && count === 1) {
        Y.data.set(x)
        SavedMean?.data.fill(0)
        SavedVariance?.data.fill(0)
        return
      }
      const mean = new Float64Array(channels)
      const inverse = new Float64Array(channels)
      if (global) {
        mean.set(Mean.data)
        inverse.set(inverseDeviations(Variance, epsilon))
      } else {
        const variance = new Float64Array(channels)
        for (let o = 0; o < outer; o++) {
          for (let c = 0; c < channels; c++) {
            const from = (o * channels + c) * inner
            let sum = 0
            for (let i = from; i < from + inner; i++) sum += x[i]!
            mean[c] = mean[c]! + sum / count
          }
        }
        for (let o = 0; o < outer; o++) {
          for (let c = 0; c < channels; c++) {
            const from = (o * channels + c) * inner
            const middle = mean[c]!
            let sum = 0
            for (let i = from; i < from + inner; i++) sum += (x[i]! - middle) * (x[i]! - middle)
            variance[c] = variance[c]! + sum / count
          }
        }
        for (let c = 0; c < channels; c++) {
          inverse[c] = 1 / Math.sqrt(variance[c]! + epsilon)
          if (MeanOut !== undefined) MeanOut.data[c] = Mean.data[c]! * momentum + mean[c]! * (1 - momentum)
          if (VarianceOut !== undefined) {
            VarianceOut.data[c] = Variance.data[c]! * momentum + variance[c]! * (1 - momentum)
          }
        }
      }
      SavedMean?.data.set(mean)
      SavedVariance?.data.set(inverse)
      for (let o = 0; o < outer; o++) {
        for (let c = 0; c < channels; c++) {
          const from = (o * channels + c) * inner
          const factor = inverse[c]! * (Scale === undefined ? 1 : Scale.data[c]!)
          const shift = (Bias === undefined ? 0 : Bias.data[c]!) - mean[c]! * factor
          for (let i = from; i < from + inner; i++) Y.data[i] = x[i]! * factor + shift
        }
      }
    },
  },
})
