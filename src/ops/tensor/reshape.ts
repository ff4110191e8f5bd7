/**
 * Operators that keep the elements in their order and change the shape: reshape2 and flatten_contiguous_range. Their second output XShape has
 * the shape [0, ...dims of X] and no elements; the gradient takes its shape from there, so that X can be freed.
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
import { ALL, INDEXES } from '../../tensor/dtype.ts'
import { formatShape, hasUnknown, product, resolveAxis, type Shape } from '../../tensor/shape.ts'
import { copyElements } from './copy.ts'
import { shapeInput, shapeListInput } from './shape_inputs.ts'

/** XShape of X. A run leaves it without an element type of its own in Paddle, which then reads as float32. */
export const xShapeOf = (X: Meta, ctx: InferContext): Meta => ({
  dtype: ctx.atRun ? 'float32' : X.dtype,
  shape: [0, ...X.shape],
})

/** The gradient of X: shape from XShape, element type from Out@GRAD. */
export const fromXShape = (XShape: Meta, outGrad: Meta): Meta => ({
  dtype: outGrad.dtype,
  shape: XShape.shape.slice(1),
})

/** The definition of an operator's gradient that puts the elements of Out@GRAD back into the shape of X. */
export function reshapeGradient(type: string, of: string) {
  return defineOp({
    type,
    doc: `Gradient of ${of}: Out@GRAD in the shape of X.`,
    source: 'paddle/phi/kernels/reshape_grad_kernel.cc',
    inputs: { 'Out@GRAD': one('Gradient of Out.', ALL), XShape: one('[0, ...dims of X].') },
    outputs: { 'X@GRAD': optional('Gradient of X.') },
    attrs: {},
    inferMeta({ XShape, 'Out@GRAD': outGrad }) {
      const X = fromXShape(XShape, outGrad)
      const known = !hasUnknown(X.shape) && !hasUnknown(outGrad.shape)
      if (XShape.shape.length === 0 || (known && product(X.shape) !== product(outGrad.shape))) {
        throw new InvalidArgumentError(
          'E203',
          `${type}: Out@GRAD must have as many elements as X, whose shape follows the 0 of XShape ${formatShape(XShape.shape)}, got ${formatShape(outGrad.shape)}`,
          { where: { slot: 'Out@GRAD' }, expected: X.shape, got: outGrad.shape },
        )
      }
      return { 'X@GRAD': X }
    },
    grad: 'unregistered',
    inplace: { 'X@GRAD': 'Out@GRAD' },
    kernels: {
      cpu: (inputs, _attrs, outputs) => copyElements(inputs['Out@GRAD'], outputs['X@GRAD']),
      int64: (inputs, _attrs, outputs) => copyElements(inputs['Out@GRAD'], outputs['X@GRAD']),
      half: (inputs, _attrs, outputs) => copyElements(inputs['Out@GRAD'], outputs['X@GRAD']),
    },
  })
}

const shapeError = (what: string, x: Shape, shape: Shape): InvalidArgumentError =>
  new InvalidArgumentError(
    'E203',
    `reshape2: ${what} for X of shape ${formatShape(x)}, got shape ${formatShape(shape)}`,
    {
      expected: 'a shape with as many elements as X',
      got: { X: x, shape },
    },
  )

/**
 * The shape that `shape` asks for: 0 copies the dimension of X in the same place, one -1 takes what is left.
 * @throws InvalidArgumentError E203.
 */
function reshapedTo(x: Shape, shape: Shape): Shape {
  const open = shape.indexOf(-1)
  if (open >= 0 && shape.indexOf(-1, open + 1) >= 0) throw shapeError('only one dimension may be -1', x, shape)
  if (shape.some((dim) => dim < -1)) throw shapeError('a dimension must be 0 or more, or -1', x, shape)
  if (shape.lastIndexOf(0) >= x.length) throw shapeError('0 copies a dimension that X does not have,', x, shape)
  const result = shape.map((dim, i) => (dim === 0 ? x[i]! : dim))
  if (hasUnknown(x)) return result
  // Copied dimensions are on both sides and are left out, so that -1 has a value also where one of them is 0.
  const left = x.reduce((count, dim, i) => (shape[i] === 0 ? count : count * dim), 1)
  const taken = shape.reduce((count, dim) => (dim <= 0 ? count : count * dim), 1)
  if (open >= 0) {
    if (left % taken !== 0) throw shapeError('-1 has no whole value', x, shape)
    result[open] = left / taken
  } else if (product(result) !== product(x)) {
    throw shapeError(`the element count must stay ${product(x)}`, x, shape)
  }
  return result
}

interface ReshapeInputs {
  readonly X: Meta
  readonly Shape?: Meta | undefined
  readonly ShapeTensor: readonly Meta[]
}

/** Out: ShapeTensor goes before Shape, and both before the attribute. @throws InvalidArgumentError E203. */
export function inferReshaped({ X, Shape, ShapeTensor }: ReshapeInputs, shape: Shape, ctx: InferContext): Meta {
  if (ShapeTensor.length === 0 && Shape === undefined) return { dtype: X.dtype, shape: reshapedTo(X.shape, shape) }
  const known =
    ShapeTensor.length > 0
      ? ShapeTensor.every((_, i) => ctx.constant('ShapeTensor', i) !== undefined)
      : ctx.constant('Shape') !== undefined
  const given =
    ShapeTensor.length > 0 ? shapeListInput(ctx, 'ShapeTensor', ShapeTensor) : shapeInput(ctx, 'Shape', Shape!)
  // Unknown dimensions may be anything, 0 and -1 among it.
  const target = known ? reshapedTo(X.shape, given) : given.map((dim) => (dim > 0 ? dim : -1))
  return { dtype: X.dtype, shape: target }
}

export const reshape2Grad = reshapeGradient('reshape2_grad', 'reshape2')

export const reshape2 = defineOp({
  type: 'reshape2',
  doc: 'The elements of X, in order, in another shape. In `shape` 0 copies the dimension of X in its place and one -1 takes what is left.',
  source: 'paddle/fluid/operators/reshape_op.cc',
  inputs: {
    X: one('Any shape.', ALL),
    Shape: optional('1-D: the shape, in place of the attribute.', INDEXES),
    ShapeTensor: many('One element each: the dimensions, in place of Shape and the attribute. May be empty.', INDEXES),
  },
  outputs: { Out: one('Element type of X.'), XShape: one('[0, ...dims of X], no elements.') },
  attrs: { shape: attr.ints([]) },
  inferMeta: (given, { shape }, ctx) => ({
    Out: inferReshaped(given, shape, ctx),
    XShape: xShapeOf(given.X, ctx),
  }),
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(reshape2Grad, {
      inputs: { XShape: outputs.XShape, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    int64: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    half: ({ X }, _attrs, { Out }) => copyElements(X, Out),
  },
})

export const flattenContiguousRangeGrad = reshapeGradient('flatten_contiguous_range_grad', 'flatten_contiguous_range')

export const flattenContiguousRange = defineOp({
  type: 'flatten_contiguous_range',
  doc: 'X with the dimensions start_axis to stop_axis, both included, made one. A 0-D X becomes [1].',
  source: 'paddle/fluid/operators/flatten_op.cc',
  differs: 'An axis past the rank is an InvalidArgumentError.',
  inputs: { X: one('Any shape.', ALL) },
  outputs: { Out: one('Element type of X.'), XShape: one('[0, ...dims of X], no elements.') },
  attrs: { start_axis: attr.int(1), stop_axis: attr.int(1) },
  inferMeta({ X }, { start_axis, stop_axis }, ctx) {
    const from = X.shape.length === 0 ? [1] : X.shape
    const start = resolveAxis('flatten_contiguous_range', start_axis, from, 'start_axis')
    const stop = resolveAxis('flatten_contiguous_range', stop_axis, from, 'stop_axis')
    if (stop < start) {
      throw new InvalidArgumentError(
        'E202',
        `flatten_contiguous_range: stop_axis ${stop_axis} is before start_axis ${start_axis} for X of shape ${formatShape(X.shape)}`,
        { got: { start_axis, stop_axis } },
      )
    }
    const middle = from.slice(start, stop + 1)
    const shape = [...from.slice(0, start), hasUnknown(middle) ? -1 : product(middle), ...from.slice(stop + 1)]
    return { Out: { dtype: X.dtype, shape }, XShape: xShapeOf(X, ctx) }
  },
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(flattenContiguousRangeGrad, {
      inputs: { XShape: outputs.XShape, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    int64: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    half: ({ X }, _attrs, { Out }) => copyElements(X, Out),
  },
})
