/** transpose2: the dimensions of X in another order. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { ALL } from '../../tensor/dtype.ts'
import { formatShape, rowMajorStrides, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { fromXShape, xShapeOf } from './reshape.ts'

/** `axis` counted from the front. @throws InvalidArgumentError E202 unless it names each dimension of `shape` once. */
function resolveOrder(axis: readonly number[], shape: Shape): number[] {
  const rank = shape.length
  const order = axis.map((dim) => (dim < 0 ? dim + rank : dim))
  if (order.length === rank && order.every((dim, i) => dim >= 0 && dim < rank && order.indexOf(dim) === i)) return order
  throw new InvalidArgumentError(
    'E202',
    `transpose2: attr axis must name each of the ${rank} dimensions of X of shape ${formatShape(shape)} once, got ${formatShape(axis)}`,
    { expected: shape.map((_, i) => i), got: axis },
  )
}

/** Fills `out`, whose dimension i is dimension order[i] of `x`. Moves bits, whatever the element type. */
function permute(x: RawTensor, order: readonly number[], out: RawTensor): void {
  const from = x.data as Float32Array
  const to = out.data as Float32Array
  if (to.length === 0) return
  const xStrides = rowMajorStrides(x.shape)
  // Dimensions of 1 are left out and dimensions that stay neighbours are made one, so that the inner loop is as long as it can be.
  const dims: number[] = []
  const strides: number[] = []
  for (const axis of order) {
    const dim = x.shape[axis]!
    const stride = xStrides[axis]!
    const last = dims.length - 1
    if (dim === 1) continue
    if (last >= 0 && strides[last] === stride * dim) {
      dims[last] = dims[last]! * dim
      strides[last] = stride
    } else {
      dims.push(dim)
      strides.push(stride)
    }
  }
  const width = dims.pop() ?? 1
  const step = strides.pop() ?? 1
  const counter = new Array<number>(dims.length).fill(0)
  let start = 0
  for (let o = 0; o < to.length; o += width) {
    for (let k = 0, i = start; k < width; k++, i += step) to[o + k] = from[i]!
    for (let d = dims.length - 1; d >= 0; d--) {
      start += strides[d]!
      if (++counter[d]! < dims[d]!) break
      start -= strides[d]! * dims[d]!
      counter[d] = 0
    }
  }
}

const attrs = {
  axis: attr.ints(undefined, { doc: 'Dimension i of Out is dimension axis[i] of X.' }),
  data_format: attr.string('AnyLayout', {
    extra: true,
    doc: 'Has no effect: what would have Paddle lay the elements out anew first is refused.',
    check: oneOf('AnyLayout', 'NCHW'),
  }),
}

function permuteBack(outGrad: RawTensor, axis: readonly number[], xGrad: RawTensor | undefined): void {
  if (xGrad === undefined) return
  const order = resolveOrder(axis, xGrad.shape)
  const inverse = order.map((_, i) => order.indexOf(i))
  permute(outGrad, inverse, xGrad)
}

export const transpose2Grad = defineOp({
  type: 'transpose2_grad',
  doc: 'Gradient of transpose2: Out@GRAD with its dimensions in the order of X.',
  source: 'paddle/phi/kernels/transpose_grad_kernel.cc',
  inputs: { 'Out@GRAD': one('Gradient of Out.', ALL), XShape: one('[0, ...dims of X].') },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta({ XShape, 'Out@GRAD': outGrad }, { axis }) {
    const X = fromXShape(XShape, outGrad)
    const wanted = resolveOrder(axis, X.shape).map((dim) => X.shape[dim]!)
    requireShape('transpose2_grad', 'Out@GRAD', outGrad, wanted, 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu: (inputs, { axis }, outputs) => permuteBack(inputs['Out@GRAD'], axis, outputs['X@GRAD']),
    int64: (inputs, { axis }, outputs) => permuteBack(inputs['Out@GRAD'], axis, outputs['X@GRAD']),
    half: (inputs, { axis }, outputs) => permuteBack(inputs['Out@GRAD'], axis, outputs['X@GRAD']),
  },
})

export const transpose2 = defineOp({
  type: 'transpose2',
  doc: 'X with its dimensions in the order `axis`.',
  source: 'paddle/fluid/operators/transpose_op.cc',
  inputs: { X: one('Any shape.', ALL) },
  outputs: { Out: one('Element type of X.'), XShape: one('[0, ...dims of X], no elements.') },
  attrs,
  inferMeta: ({ X }, { axis }, ctx) => ({
    Out: { dtype: X.dtype, shape: resolveOrder(axis, X.shape).map((dim) => X.shape[dim]!) },
    XShape: xShapeOf(X, ctx),
  }),
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(transpose2Grad, {
      inputs: { XShape: outputs.XShape, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu: ({ X }, { axis }, { Out }) => permute(X, resolveOrder(axis, X.shape), Out),
    int64: ({ X }, { axis }, { Out }) => permute(X, resolveOrder(axis, X.shape), Out),
    half: ({ X }, { axis }, { Out }) => permute(X, resolveOrder(axis, X.shape), Out),
  },
})
