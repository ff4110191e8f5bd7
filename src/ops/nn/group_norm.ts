/**
 * group_norm: the channels of each sample cut into groups, each brought to mean 0 and variance 1; then every channel scaled and shifted.
 * Source: Wu and He 2018; paddle/phi/kernels/cpu/group_norm_kernel.cc (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, isHalf } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'
import { channelAxis, layoutCheck, requireParameterDType, requireRank, requireVectors } from './channels.ts'

const ATTRS = {
  epsilon: attr.float(1e-5, { doc: 'Added to the variance.' }),
  groups: attr.int(-1, { doc: 'Number of groups; must divide the channels.' }),
  data_layout: attr.string('NCHW', {
    doc: 'Where the channels are: NCHW in dimension 1, else in the last.',
    check: layoutCheck,
  }),
}

/** Element i of channel c of sample n is at n * channels * size + c * channelStep + i * step. */
interface Walk {
  readonly batch: number
  readonly channels: number
  readonly size: number
  readonly channelStep: number
  readonly step: number
}

function walkOf(shape: Shape, layout: string): Walk {
  const axis = channelAxis(shape, layout)
  const channels = shape[axis]!
  const size = axis === 1 ? product(shape, 2) : product(shape, 1, shape.length - 1)
  const first = axis === 1 && shape.length > 2
  return { batch: shape[0]!, channels, size, channelStep: first ? size : 1, step: first ? 1 : channels }
}

/**
 * The number of channels, -1 while unknown.
 * @throws InvalidArgumentError E203 for shapes and for groups that do not divide the channels, E210 for element types.
 */
function checkShapes(
  opType: string,
  X: Meta,
  Scale: Meta | undefined,
  Bias: Meta | undefined,
  { groups, data_layout }: { readonly groups: number; readonly data_layout: string },
): number {
  requireRank(opType, X, 2, 9)
  const channels = X.shape[channelAxis(X.shape, data_layout)]!
  if (groups < 1 || (channels >= 0 && (groups > channels || channels % groups !== 0))) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: attr groups must divide the ${channels} channels of X of shape ${formatShape(X.shape)}, got ${groups}`,
      { expected: `a divisor of ${channels}`, got: groups },
    )
  }
  requireVectors(opType, { Scale, Bias }, channels)
  requireParameterDType(opType, X, { Scale, Bias })
  return channels
}

export const groupNormGrad = defineOp({
  type: 'group_norm_grad',
  doc: 'Gradient of group_norm. Without Scale it follows Paddle, which leaves out the mean of dY: not the derivative.',
  source: 'paddle/phi/kernels/cpu/group_norm_grad_kernel.cc',
  inputs: {
    X: one('X of group_norm.', FLOATS),
    Y: one('Y of group_norm; not read.', FLOATS),
    Scale: optional('Scale of group_norm.', FLOATS),
    Bias: optional('Bias of group_norm; not read.', FLOATS),
    Mean: one('Mean of each group.'),
    Variance: one('Variance of each group.'),
    'Y@GRAD': one('Gradient of Y.', FLOATS),
  },
  outputs: {
    'X@GRAD': optional('Gradient of X.'),
    'Scale@GRAD': optional('Gradient of Scale.'),
    'Bias@GRAD': optional('Gradient of Bias.'),
  },
  attrs: ATTRS,
  inferMeta(inputs, attrs): { 'X@GRAD': Meta; 'Scale@GRAD': Meta; 'Bias@GRAD': Meta } {
    const { X, Scale, Bias, Mean, Variance } = inputs
    const channels = checkShapes('group_norm_grad', X, Scale, Bias, attrs)
    requireParameterDType('group_norm_grad', X, { Mean, Variance })
    const groups = [X.shape[0]!, attrs.groups]
    requireShape('group_norm_grad', 'Mean', Mean, groups, 'one value per group')
    requireShape('group_norm_grad', 'Variance', Variance, groups, 'one value per group')
    requireShape('group_norm_grad', 'Y@GRAD', inputs['Y@GRAD'], X.shape, 'the shape of X')
    const vector = { dtype: Mean.dtype, shape: [channels] }
    return { 'X@GRAD': X, 'Scale@GRAD': Scale ?? vector, 'Bias@GRAD': Bias ?? vector }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Scale, Mean, Variance, 'Y@GRAD': dY }, { epsilon, groups, data_layout }, outputs) {
      const dx = outputs['X@GRAD']?.data
      const { data: x } = X
      const { data: dy } = dY
      const { batch, channels, size, channelStep, step } = walkOf(X.shape, data_layout)
      const perGroup = channels / groups
      const count = perGroup * size
      const dscale = new Float64Array(channels)
      const dbias = new Float64Array(channels)
      for (let n = 0; n < batch; n++) {
        for (let g = 0; g < groups; g++) {
          const mean = Mean.data[n * groups + g]!
          const inverse = 1 / Math.sqrt(Variance.data[n * groups + g]! + epsilon)
          const first = g * perGroup
          let plain = 0
          let weighted = 0
          for (let c = first; c < first + perGroup; c++) {
            const from = n * channels * size + c * channelStep
            let sum = 0
            let product = 0
            for (let i = 0, at = from; i < size; i++, at += step) {
              sum += dy[at]!
              product += dy[at]! * (x[at]! - mean)
            }
            product *= inverse
            dbias[c] = dbias[c]! + sum
            dscale[c] = dscale[c]! + product
            const factor = Scale === undefined ? 1 : Scale.data[c]!
            plain += sum * factor
            weighted += product * factor
          }
          if (dx === undefined) continue
          // As in Paddle: without Scale the mean of dY is not taken off.
          plain = Scale === undefined ? 0 : plain / count
          weighted = (weighted / count) * inverse
          for (let c = first; c < first + perGroup; c++) {
            const from = n * channels * size + c * channelStep
            const factor = Scale === undefined ? 1 : Scale.data[c]!
            for (let i = 0, at = from; i < size; i++, at += step) {
              dx[at] = inverse * (dy[at]! * factor - plain - (x[at]! - mean) * weighted)
            }
          }
        }
      }
      outputs['Scale@GRAD']?.data.set(dscale)
      outputs['Bias@GRAD']?.data.set(dbias)
    },
  },
})

/** Y = (X - mean) / sqrt(variance + epsilon) * Scale + Bias, mean and variance of each group of channels of each sample. */
export const groupNorm = defineOp({
  type: 'group_norm',
  doc: 'Brings each group of channels of each sample to mean 0 and variance 1, then scales and shifts each channel.',
  source: 'paddle/phi/kernels/cpu/group_norm_kernel.cc',
  inputs: {
    X: one('[N, C, …], or [N, …, C] where data_layout is not NCHW.', FLOATS),
    Scale: optional('[C]; default 1.', FLOATS),
    Bias: optional('[C]; default 0.', FLOATS),
  },
  outputs: {
    Y: one('Shape and element type of X.'),
    Mean: one('[N, groups].'),
    Variance: one('[N, groups], divided by the size of a group.'),
  },
  attrs: ATTRS,
  inferMeta({ X, Scale, Bias }, attrs) {
    checkShapes('group_norm', X, Scale, Bias, attrs)
    const statistics: Meta = { dtype: isHalf(X.dtype) ? 'float32' : X.dtype, shape: [X.shape[0]!, attrs.groups] }
    return { Y: X, Mean: statistics, Variance: statistics }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(groupNormGrad, {
      inputs: {
        X: inputs.X,
        Y: outputs.Y,
        Scale: inputs.Scale,
        Bias: inputs.Bias,
        Mean: outputs.Mean,
        Variance: outputs.Variance,
        'Y@GRAD': outputGrads.Y,
      },
      outputs: { 'X@GRAD': inputGrads.X, 'Scale@GRAD': inputGrads.Scale, 'Bias@GRAD': inputGrads.Bias },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Scale, Bias }, { epsilon, groups, data_layout }, outputs) {
      const { data: y } = outputs.Y
      const { Mean, Variance } = outputs as Partial<typeof outputs>
      const { data: x } = X
      const { batch, channels, size, channelStep, step } = walkOf(X.shape, data_layout)
      const perGroup = channels / groups
      const count = perGroup * size
      for (let n = 0; n < batch; n++) {
        for (let g = 0; g < groups; g++) {
          const first = g * perGroup
          const start = n * channels * size
          let sum = 0
          for (let c = first; c < first + perGroup; c++) {
            for (let i = 0, at = start + c * channelStep; i < size; i++, at += step) sum += x[at]!
          }
          const mean = sum / count
          let squares = 0
          for (let c = first; c < first + perGroup; c++) {
            for (let i = 0, at = start + c * channelStep; i < size; i++, at += step) {
              squares += (x[at]! - mean) * (x[at]! - mean)
            }
          }
          const variance = squares / count
          if (Mean !== undefined) Mean.data[n * groups + g] = mean
          if (Variance !== undefined) Variance.data[n * groups + g] = variance
          const inverse = 1 / Math.sqrt(variance + epsilon)
          for (let c = first; c < first + perGroup; c++) {
            const factor = inverse * (Scale === undefined ? 1 : Scale.data[c]!)
            const shift = Bias === undefined ? 0 : Bias.data[c]!
            for (let i = 0, at = start + c * channelStep; i < size; i++, at += step) {
              y[at] = (x[at]! - mean) * factor + shift
            }
          }
        }
      }
    },
  },
})
