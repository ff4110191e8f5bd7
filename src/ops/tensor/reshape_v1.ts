/** reshape: reshape2 without XShape, as programs before Paddle 2.0 have it. Its gradient reads the shape of X itself. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, describeOp, many, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { type DType, INDEXES } from '../../tensor/dtype.ts'
import { formatShape, hasUnknown, product } from '../../tensor/shape.ts'
import { copyElements } from './copy.ts'
import { inferReshaped } from './reshape.ts'

const DTYPES: readonly DType[] = ['float32', 'float64', 'int16', 'int32', 'int64']
const ATTRS = { shape: attr.ints([]) }

export const reshapeV1Grad = defineOp({
  type: 'reshape_grad',
  doc: 'Gradient of reshape: Out@GRAD in the shape of X.',
  source: 'paddle/fluid/operators/reshape_op.cc',
  inputs: {
    X: one('X of reshape; only its shape is read.'),
    Shape: optional('As for reshape.'),
    ShapeTensor: many('As for reshape.'),
    Out: one('Out of reshape; not read.'),
    'Out@GRAD': one('Gradient of Out.', DTYPES),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: ATTRS,
  inferMeta({ X, 'Out@GRAD': dOut }) {
    const known = !hasUnknown(X.shape) && !hasUnknown(dOut.shape)
    if (known && product(X.shape) !== product(dOut.shape)) {
      throw new InvalidArgumentError(
        'E203',
        `reshape_grad: Out@GRAD must have as many elements as X of shape ${formatShape(X.shape)}, got ${formatShape(dOut.shape)}`,
        { where: { opType: 'reshape_grad', slot: 'Out@GRAD' }, expected: X.shape, got: dOut.shape },
      )
    }
    return { 'X@GRAD': { dtype: dOut.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  olderRegistry: true,
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu: (inputs, _attrs, outputs) => copyElements(inputs['Out@GRAD'], outputs['X@GRAD']),
    int64: (inputs, _attrs, outputs) => copyElements(inputs['Out@GRAD'], outputs['X@GRAD']),
  },
})

export const reshapeV1 = defineOp({
  type: 'reshape',
  doc: 'The elements of X, in order, in another shape. In `shape` 0 copies the dimension of X in its place and one -1 takes what is left.',
  source: 'paddle/fluid/operators/reshape_op.cc',
  inputs: {
    X: one('Any shape.', DTYPES),
    Shape: optional('1-D: the shape, in place of the attribute.', INDEXES),
    ShapeTensor: many('One element each: the dimensions, in place of Shape and the attribute. May be empty.', INDEXES),
  },
  outputs: { Out: one('Element type of X.') },
  attrs: ATTRS,
  inferMeta: (given, attrs, ctx) => ({ Out: inferReshaped(given, attrs.shape, ctx) }),
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(reshapeV1Grad, {
      inputs: {
        X: inputs.X,
        Shape: inputs.Shape,
        ShapeTensor: inputs.ShapeTensor,
        Out: outputs.Out,
        'Out@GRAD': outputGrads.Out,
      },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  olderRegistry: true,
  inplace: { Out: 'X' },
  kernels: {
    cpu: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    int64: ({ X }, _attrs, { Out }) => copyElements(X, Out),
  },
})
