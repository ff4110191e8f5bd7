/** argsort: all elements along an axis in order, and where they were. */
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { scatterBack, selectBest, sortAxis } from './top_k.ts'

const attrs = { axis: attr.int(-1), descending: attr.bool(false) }

export const argsortGrad = defineOp({
  type: 'argsort_grad',
  doc: 'Gradient of argsort: each element of Out@GRAD in the place its value came from.',
  source: 'paddle/phi/kernels/cpu/argsort_grad_kernel.cc',
  inputs: {
    Indices: one('Indices of argsort.', INDEXES),
    X: one('X of argsort; only its shape is read.'),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta({ Indices, X, 'Out@GRAD': outGrad }) {
    requireShape('argsort_grad', 'Indices', Indices, X.shape, 'the shape of X')
    requireShape('argsort_grad', 'Out@GRAD', outGrad, X.shape, 'the shape of X')
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: {
    cpu: (inputs, { axis }, outputs) =>
      scatterBack(inputs['Out@GRAD'], inputs.Indices, sortAxis('argsort', axis, inputs.X.shape), outputs['X@GRAD']),
  },
})

export const argsort = defineOp({
  type: 'argsort',
  doc: 'The elements of X in order along `axis`, and their positions in X. NaN counts as larger than every number.',
  source: 'paddle/phi/kernels/cpu/argsort_kernel.cc',
  differs: 'Of equal elements the one with the lower index comes first; Paddle leaves the order open.',
  inputs: { X: one('Any shape; a 0-D X counts as one element.', NUMBERS) },
  outputs: { Out: one('Shape and element type of X.'), Indices: one('Shape of X, int64.') },
  attrs,
  inferMeta({ X }, { axis }) {
    sortAxis('argsort', axis, X.shape)
    return { Out: X, Indices: { dtype: 'int64', shape: X.shape } }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(argsortGrad, {
      inputs: { Indices: outputs.Indices, X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    // Indices are int64, so this kernel is always the one.
    int64: ({ X }, { axis, descending }, { Out, Indices }) =>
      selectBest(X, Out, Indices, sortAxis('argsort', axis, X.shape), descending),
  },
})
