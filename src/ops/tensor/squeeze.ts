/**
 * Dimensions of 1 taken away and put in, and everything made a matrix: squeeze2, unsqueeze2, flatten2. The elements stay in order. Their
 * output XShape is that of reshape2, and so are their gradients.
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import {
  defineOp,
  describeOp,
  type InferContext,
  type Meta,
  many,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { ALL, FLOATS, INDEXES } from '../../tensor/dtype.ts'
import { formatShape, hasUnknown, product, resolveAxis, type Shape } from '../../tensor/shape.ts'
import { copyElements, type RawTensor } from './copy.ts'
import { requireEigenRank } from './indices.ts'
import { reshapeGradient, xShapeOf } from './reshape.ts'
import { shapeInput, shapeListInput } from './shape_inputs.ts'

const outputs = { Out: one('Element type of X.'), XShape: one('[0, ...dims of X], no elements.') }
const kernel = ({ X }: { X: RawTensor }, _attrs: unknown, { Out }: { Out: RawTensor }): void => copyElements(X, Out)
const kernels = { cpu: kernel, int64: kernel, half: kernel }

/**
 * The shape without the dimensions of 1 in `axes`, or without all of them where `axes` is empty. As in Paddle an unknown dimension that
 * `axes` names counts as 1.
 */
function squeezed(shape: Shape, axes: readonly number[]): Shape {
  if (axes.length === 0) return shape.filter((dim) => dim !== 1)
  const named = new Set(axes.map((axis) => resolveAxis('squeeze2', axis, shape.length === 0 ? [1] : shape, 'axes')))
  return shape.filter((dim, d) => !((dim === 1 || dim < 0) && named.has(d)))
}

export const squeeze2Grad = reshapeGradient('squeeze2_grad', 'squeeze2')

export const squeeze2 = defineOp({
  type: 'squeeze2',
  doc: 'X without the dimensions `axes` that are 1 (others stay), or without all dimensions of 1 where `axes` is empty.',
  source: 'paddle/phi/kernels/squeeze_kernel.cc',
  inputs: { X: one('Up to six dimensions.', ALL) },
  outputs,
  attrs: { axes: attr.ints([]) },
  inferMeta({ X }, { axes }, ctx) {
    requireEigenRank('squeeze2', 'X', X.shape.length)
    return { Out: { dtype: X.dtype, shape: squeezed(X.shape, axes) }, XShape: xShapeOf(X, ctx) }
  },
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(squeeze2Grad, {
      inputs: { XShape: outputs.XShape, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels,
})

const axesSlots = {
  AxesTensor: optional('1-D: the axes, in place of the attribute.', INDEXES),
  AxesTensorList: many('One element each: the axes, in place of the attribute. May be empty.', INDEXES),
}

/** The axes that the inputs or the attribute name; the number of them alone while they are unknown. */
function axesOf(
  inputs: { AxesTensor?: Meta | undefined; AxesTensorList: readonly Meta[] },
  axes: readonly number[],
  ctx: InferContext,
): readonly number[] | number {
  if (inputs.AxesTensorList.length > 0) {
    const known = inputs.AxesTensorList.every((_, i) => ctx.constant('AxesTensorList', i) !== undefined)
    return known ? shapeListInput(ctx, 'AxesTensorList', inputs.AxesTensorList) : inputs.AxesTensorList.length
  }
  if (inputs.AxesTensor === undefined) return axes
  const given = shapeInput(ctx, 'AxesTensor', inputs.AxesTensor)
  return ctx.constant('AxesTensor') === undefined ? given.length : given
}

/** The shape with a dimension of 1 put in for each axis in turn, which counts in the shape reached by then. */
function unsqueezed(shape: Shape, axes: readonly number[]): Shape {
  const result = [...shape]
  for (const axis of axes) result.splice(resolveAxis('unsqueeze2', axis, [...result, 1], 'axes'), 0, 1)
  return result
}

const plainGrad = reshapeGradient('unsqueeze2_grad', 'unsqueeze2')

export const unsqueeze2Grad = defineOp({
  type: 'unsqueeze2_grad',
  doc: 'Gradient of unsqueeze2: Out@GRAD in the shape of X.',
  source: 'paddle/phi/kernels/unsqueeze_grad_kernel.cc',
  inputs: {
    ...axesSlots,
    'Out@GRAD': one('Gradient of Out.', ALL),
    XShape: one('[0, ...dims of X].'),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: {},
  inferMeta: (inputs, attrs, ctx) => plainGrad.inferMeta(inputs, attrs, ctx),
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu: (inputs, _attrs, outputs) => copyElements(inputs['Out@GRAD'], outputs['X@GRAD']),
    int64: (inputs, _attrs, outputs) => copyElements(inputs['Out@GRAD'], outputs['X@GRAD']),
    half: (inputs, _attrs, outputs) => copyElements(inputs['Out@GRAD'], outputs['X@GRAD']),
  },
})

export const unsqueeze2 = defineOp({
  type: 'unsqueeze2',
  doc: 'X with a dimension of 1 put in at each of `axes`, one after the other.',
  source: 'paddle/phi/kernels/unsqueeze_kernel.cc',
  inputs: { X: one('Any shape.', ALL), ...axesSlots },
  outputs,
  attrs: { axes: attr.ints([]) },
  inferMeta({ X, AxesTensor, AxesTensorList }, { axes }, ctx) {
    const given = axesOf({ AxesTensor, AxesTensorList }, axes, ctx)
    const count = typeof given === 'number' ? given : given.length
    requireEigenRank('unsqueeze2', 'Out', X.shape.length + count)
    const shape =
      typeof given === 'number' ? new Array<number>(X.shape.length + count).fill(-1) : unsqueezed(X.shape, given)
    return { Out: { dtype: X.dtype, shape }, XShape: xShapeOf(X, ctx) }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(unsqueeze2Grad, {
      inputs: {
        AxesTensor: inputs.AxesTensor,
        AxesTensorList: inputs.AxesTensorList,
        'Out@GRAD': outputGrads.Out,
        XShape: outputs.XShape,
      },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels,
})

export const flatten2Grad = reshapeGradient('flatten2_grad', 'flatten2')

const flat = (dims: Shape): number => (hasUnknown(dims) ? -1 : product(dims))

export const flatten2 = defineOp({
  type: 'flatten2',
  doc: 'X as a matrix: the dimensions before `axis` are the rows, the others the columns. A 0-D X becomes [1].',
  source: 'paddle/fluid/operators/flatten_op.cc',
  inputs: { X: one('Any shape.', [...FLOATS, 'int8', 'uint8', 'int32', 'int64']) },
  outputs,
  attrs: { axis: attr.int(1) },
  inferMeta({ X }, { axis }, ctx) {
    if (axis < 0 || axis > X.shape.length) {
      throw new InvalidArgumentError(
        'E202',
        `flatten2: attr axis must be in [0, ${X.shape.length}] for X of shape ${formatShape(X.shape)}, got ${axis}`,
        { expected: [0, X.shape.length], got: axis },
      )
    }
    const shape = X.shape.length === 0 ? [1] : [flat(X.shape.slice(0, axis)), flat(X.shape.slice(axis))]
    return { Out: { dtype: X.dtype, shape }, XShape: xShapeOf(X, ctx) }
  },
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(flatten2Grad, {
      inputs: { XShape: outputs.XShape, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels,
})
