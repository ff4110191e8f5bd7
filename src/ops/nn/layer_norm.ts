/**
 * layer_norm: every row (the dimensions from begin_norm_axis on) brought to mean 0 and variance 1, then scaled and shifted element by element.
 * Source: Ba, Kiros and Hinton 2016; paddle/phi/kernels/cpu/layer_norm_kernel.cc (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, isHalf } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'
import { requireParameterDType, requireVectors } from './channels.ts'

const ATTRS = {
  epsilon: attr.float(1e-5, {
    doc: 'Added to the variance.',
    check: (epsilon) => (epsilon >= 0 && epsilon <= Math.fround(0.001) ? null : 'a number in [0, 0.001]'),
  }),
  begin_norm_axis: attr.int(1, {
    doc: 'First dimension of a row.',
    check: (axis) => (axis > 0 ? null : 'a dimension of 1 or more'),
  }),
  is_test: attr.bool(false, { extra: true, doc: 'Has no effect.' }),
}

/** Statistics of half tensors are float32. */
const statistics = (X: Meta, shape: Shape): Meta => ({ dtype: isHalf(X.dtype) ? 'float32' : X.dtype, shape })

/**
 * The elements of a row, -1 while unknown.
 * @throws InvalidArgumentError E202 for an axis past the rank, E203 for shapes, E210 for element types.
 */
function checkShapes(opType: string, X: Meta, Scale: Meta | undefined, Bias: Meta | undefined, axis: number): number {
  const { shape } = X
  if (axis >= shape.length) {
    throw new InvalidArgumentError(
      'E202',
      `${opType}: attr begin_norm_axis must be below the rank of X of shape ${formatShape(shape)}, got ${axis}`,
      { expected: shape.length - 1, got: axis },
    )
  }
  const row = shape.slice(axis)
  const size = row.includes(-1) ? -1 : product(row)
  requireVectors(opType, { Scale, Bias }, size, 'element of a row')
  requireParameterDType(opType, X, { Scale, Bias })
  return size
}

export const layerNormGrad = defineOp({
  type: 'layer_norm_grad',
  doc: 'Gradient of layer_norm.',
  source: 'paddle/phi/kernels/cpu/layer_norm_grad_kernel.cc',
  inputs: {
    X: one('X of layer_norm.', FLOATS),
    Scale: optional('Scale of layer_norm.', FLOATS),
    Bias: optional('Bias of layer_norm; not read.', FLOATS),
    Mean: one('Mean of each row.'),
    Variance: one('Variance of each row.'),
    'Y@GRAD': one('Gradient of Y.', FLOATS),
  },
  outputs: {
    'X@GRAD': optional('Gradient of X.'),
    'Scale@GRAD': optional('Gradient of Scale.'),
    'Bias@GRAD': optional('Gradient of Bias.'),
  },
  attrs: ATTRS,
  inferMeta(inputs, { begin_norm_axis }): { 'X@GRAD': Meta; 'Scale@GRAD': Meta; 'Bias@GRAD': Meta } {
    const { X, Scale, Bias, Mean, Variance } = inputs
    const size = checkShapes('layer_norm_grad', X, Scale, Bias, begin_norm_axis)
    requireParameterDType('layer_norm_grad', X, { Mean, Variance })
    const rows = X.shape.slice(0, begin_norm_axis)
    requireShape('layer_norm_grad', 'Mean', Mean, rows, 'one value per row')
    requireShape('layer_norm_grad', 'Variance', Variance, rows, 'one value per row')
    requireShape('layer_norm_grad', 'Y@GRAD', inputs['Y@GRAD'], X.shape, 'the shape of X')
    const vector = statistics(X, [size])
    return { 'X@GRAD': X, 'Scale@GRAD': Scale ?? vector, 'Bias@GRAD': Bias ?? vector }
  },
  grad: 'unregistered',
  differs:
    "X@GRAD counts Scale whether or not Scale@GRAD is asked for. Where Scale is not trained, Paddle's CPU kernel computes X@GRAD as if Scale were 1.",
  kernels: {
    cpu({ X, Scale, Mean, Variance, 'Y@GRAD': dY }, { epsilon, begin_norm_axis }, outputs) {
      const dx = outputs['X@GRAD']?.data
      const rows = product(X.shape, 0, begin_norm_axis)
      const size = product(X.shape, begin_norm_axis)
      const { data: x } = X
      const { data: dy } = dY
      const scale = Scale?.data
      const dscale = new Float64Array(size)
      const dbias = new Float64Array(size)
      const slopes = new Float64Array(size)
      for (let r = 0, from = 0; r < rows; r++, from += size) {
        const mean = Mean.data[r]!
        const inverse = 1 / Math.sqrt(Variance.data[r]! + epsilon)
        let plain = 0
        let weighted = 0
        for (let i = 0; i < size; i++) {
          const normal = (x[from + i]! - mean) * inverse
          const slope = scale === undefined ? dy[from + i]! : dy[from + i]! * scale[i]!
          slopes[i] = slope
          plain += slope
          weighted += slope * normal
          dscale[i] = dscale[i]! + dy[from + i]! * normal
          dbias[i] = dbias[i]! + dy[from + i]!
        }
        if (dx === undefined) continue
        plain /= size
        weighted /= size
        for (let i = 0; i < size; i++) {
          dx[from + i] = inverse * (slopes[i]! - plain - (x[from + i]! - mean) * inverse * weighted)
        }
      }
      outputs['Scale@GRAD']?.data.set(dscale)
      outputs['Bias@GRAD']?.data.set(dbias)
    },
  },
})

/** Y = (X - mean) / sqrt(variance + epsilon) * Scale + Bias, mean and variance of each row (the variance divided by its size). */
export const layerNorm = defineOp({
  type: 'layer_norm',
  doc: 'Brings each row to mean 0 and variance 1, then scales and shifts it. A row has the dimensions from begin_norm_axis on.',
  source: 'paddle/phi/kernels/cpu/layer_norm_kernel.cc',
  inputs: {
    X: one('Rank 2 or more.', FLOATS),
    Scale: optional('As many elements as a row; default 1.', FLOATS),
    Bias: optional('As many elements as a row; default 0.', FLOATS),
  },
  outputs: {
    Y: one('Shape and element type of X.'),
    Mean: one('Mean of each row: the dimensions of X before begin_norm_axis.'),
    Variance: one('Variance of each row.'),
  },
  attrs: ATTRS,
  inferMeta({ X, Scale, Bias }, { begin_norm_axis }) {
    checkShapes('layer_norm', X, Scale, Bias, begin_norm_axis)
    const rows = statistics(X, X.shape.slice(0, begin_norm_axis))
    return { Y: X, Mean: rows, Variance: rows }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(layerNormGrad, {
      inputs: {
        X: inputs.X,
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
  olderRegistry: true,
  kernels: {
    cpu({ X, Scale, Bias }, { epsilon, begin_norm_axis }, outputs) {
      const { Y } = outputs
      const { Mean, Variance } = outputs as Partial<typeof outputs>
      const rows = product(X.shape, 0, begin_norm_axis)
      const size = product(X.shape, begin_norm_axis)
      const { data: x } = X
      const { data: y } = Y
      const scale = Scale?.data
      const bias = Bias?.data
      for (let r = 0, from = 0; r < rows; r++, from += size) {
        let sum = 0
        for (let i = from; i < from + size; i++) sum += x[i]!
        const mean = sum / size
        let squares = 0
        for (let i = from; i < from + size; i++) squares += (x[i]! - mean) * (x[i]! - mean)
        const variance = squares / size
        const inverse = 1 / Math.sqrt(variance + epsilon)
        if (Mean !== undefined) Mean.data[r] = mean
        if (Variance !== undefined) Variance.data[r] = variance
        for (let i = 0; i < size; i++) {
          const normal = (x[from + i]! - mean) * inverse
          y[from + i] = normal * (scale === undefined ? 1 : scale[i]!) + (bias === undefined ? 0 : bias[i]!)
        }
      }
    },
  },
})
