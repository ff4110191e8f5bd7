/** Reductions of a whole tensor that Paddle has as operators of their own: the mean and the sum of squares. */
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'

/** Out = sum(X) / number of elements, a 0-D tensor; NaN if there are none. */
export const mean = defineOp({
  type: 'mean',
  doc: 'The mean of all elements of X, as a 0-D tensor.',
  source: 'paddle/phi/kernels/cpu/mean_all_kernel.cc',
  inputs: { X: one('Any shape.', FLOATS) },
  outputs: { Out: one('0-D, element type of X.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: { dtype: X.dtype, shape: [] } }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(meanGrad, {
      inputs: { X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, _attrs, { Out }) {
      const x = X.data
      let total = 0
      for (let i = 0; i < x.length; i++) total += x[i]!
      Out.data[0] = total / x.length
    },
  },
})

/** dX = dOut / number of elements, everywhere. */
export const meanGrad = defineOp({
  type: 'mean_grad',
  doc: 'Gradient of mean: dOut over the number of elements, everywhere.',
  source: 'paddle/phi/kernels/cpu/mean_all_grad_kernel.cc',
  inputs: { X: one('X of mean; only its shape is used.'), 'Out@GRAD': one('Gradient of Out, one element.') },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: {},
  inferMeta: ({ X }) => ({ 'X@GRAD': X }),
  grad: 'unregistered',
  kernels: {
    cpu({ 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': dX }) {
      dX?.data.fill(dOut.data[0]! / dX.data.length)
    },
  },
})

/** Out = sum(X * X), of shape [1]. */
export const squaredL2Norm = defineOp({
  type: 'squared_l2_norm',
  doc: 'The sum of the squares of all elements of X, of shape [1].',
  source: 'paddle/phi/kernels/cpu/squared_l2_norm_kernel.cc',
  inputs: { X: one('Any shape.', FLOATS) },
  outputs: { Out: one('Shape [1], element type of X.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: { dtype: X.dtype, shape: [1] } }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(squaredL2NormGrad, {
      inputs: { X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, _attrs, { Out }) {
      const x = X.data
      let total = 0
      for (let i = 0; i < x.length; i++) total += x[i]! * x[i]!
      Out.data[0] = total
    },
  },
})

/** dX = 2 * X * dOut. */
export const squaredL2NormGrad = defineOp({
  type: 'squared_l2_norm_grad',
  doc: 'Gradient of squared_l2_norm: 2 * X * dOut.',
  source: 'paddle/phi/kernels/cpu/squared_l2_norm_grad_kernel.cc',
  inputs: { X: one('X of squared_l2_norm.'), 'Out@GRAD': one('Gradient of Out, one element.') },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: {},
  inferMeta: ({ X }) => ({ 'X@GRAD': X }),
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'X' },
  kernels: {
    cpu({ X, 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': dX }) {
      if (dX === undefined) return
      const factor = 2 * dOut.data[0]!
      const x = X.data
      const to = dX.data
      for (let i = 0; i < to.length; i++) to[i] = factor * x[i]!
    },
  },
})
