/** The older matrix product `matmul` with a factor, and its gradient. It is stricter with leading dimensions than `matmul_v2`. */
import { InvalidArgumentError, UnimplementedError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { formatShape, numel, type Shape } from '../../tensor/shape.ts'
import { matchOperands, multiply, multiplyForX, multiplyForY, type Plan, planProducts } from './matrix_products.ts'

const ATTRS = {
  transpose_X: attr.bool(false, {
    doc: 'Exchange the last two dimensions of X first; a vector, which is a row, becomes a column.',
  }),
  transpose_Y: attr.bool(false, {
    doc: 'Exchange the last two dimensions of Y first; a vector, which is a column, becomes a row.',
  }),
  alpha: attr.float(1, { doc: 'Factor of the product.' }),
  Scale_x: attr.float(1, { extra: true, doc: 'Has no effect: for quantized back ends.' }),
  Scale_y: attr.float(1, { extra: true, doc: 'Has no effect: for quantized back ends.' }),
  Scale_out: attr.float(1, { extra: true, doc: 'Has no effect: for quantized back ends.' }),
  force_fp32_output: attr.bool(false, { extra: true, doc: 'Has no effect: for quantized back ends.' }),
  head_number: attr.int(1, { doc: 'Must be 1: other values are an UnimplementedError.' }),
}
interface Attrs {
  readonly transpose_X: boolean
  readonly transpose_Y: boolean
  readonly head_number: number
}

/** Vectors as matrices, and all leading dimensions as one, which both operands have alike or one does not have at all. */
function asStacks(opType: string, x: Shape, y: Shape): [Shape, Shape] {
  if (x.length === 0 || y.length === 0) {
    throw new InvalidArgumentError('E203', `${opType}: a 0-D operand has no matrix product`, { got: { X: x, Y: y } })
  }
  const stack = (shape: Shape): Shape =>
    shape.length <= 3 ? shape : [numel(shape.slice(0, -2)), ...shape.slice(shape.length - 2)]
  const left = stack(x.length === 1 ? [1, x[0]!] : x)
  const right = stack(y.length === 1 ? [y[0]!, 1] : y)
  if (left.length === 3 && right.length === 3 && left[0] !== right[0] && left[0]! >= 0 && right[0]! >= 0) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: X of shape ${formatShape(x)} and Y of shape ${formatShape(y)} are stacks of ${left[0]} and ${right[0]} matrices`,
      { expected: 'as many matrices in X as in Y, or one without leading dimensions', got: { X: x, Y: y } },
    )
  }
  return [left, right]
}

function outShape(opType: string, x: Shape, y: Shape, { transpose_X, transpose_Y, head_number }: Attrs): Shape {
  if (head_number !== 1) {
    throw new UnimplementedError('E403', `${opType}: attr head_number must be 1, got ${head_number}`, {
      got: head_number,
    })
  }
  const transposes = { trans_x: transpose_X, trans_y: transpose_Y }
  const matched = matchOperands(opType, ...asStacks(opType, x, y), transposes)
  const leading = x.length > 2 ? x.slice(0, -2) : y.slice(0, -2)
  // A vector leaves out its dimension of the result where that is 1, which it is unless the vector was transposed.
  const rows = x.length === 1 && matched.m === 1 ? [] : [matched.m]
  const columns = y.length === 1 && matched.n === 1 ? [] : [matched.n]
  return [...leading, ...rows, ...columns]
}

function plan(opType: string, x: Shape, y: Shape, { transpose_X, transpose_Y }: Attrs): Plan {
  return planProducts(opType, ...asStacks(opType, x, y), { trans_x: transpose_X, trans_y: transpose_Y })
}

/** `alpha` times the values, in float64 unless alpha is 1. */
function scaled(values: NumberArray, alpha: number): NumberArray {
  return alpha === 1 ? values : Float64Array.from(values, (value) => alpha * value)
}

/** Out = alpha * X Y over the last two dimensions. */
export const matmulV1 = defineOp({
  type: 'matmul',
  doc: 'alpha times the matrix product of the last two dimensions of X and Y. Leading dimensions are one stack of matrices: X and Y have as many, or one of them has no leading dimensions.',
  source: 'paddle/fluid/operators/matmul_op.cc',
  differs: 'Operands without elements work. head_number, which Paddle needs MKL for, must be 1.',
  inputs: {
    X: one('[..., M, K], or [K]; [..., K, M] if transpose_X.', FLOATS),
    Y: one('[..., K, N], or [K]; [..., N, K] if transpose_Y. Element type of X.', FLOATS),
  },
  outputs: { Out: one('[..., M, N], without M for a vector X and without N for a vector Y.') },
  attrs: ATTRS,
  inferMeta({ X, Y }, attrs) {
    requireSameDType('matmul', { X, Y })
    return { Out: { dtype: X.dtype, shape: outShape('matmul', X.shape, Y.shape, attrs) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(matmulV1Grad, {
      inputs: { X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  olderRegistry: true,
  kernels: {
    cpu({ X, Y }, attrs, { Out }) {
      const out = attrs.alpha === 1 ? Out.data : new Float64Array(Out.data.length)
      multiply(plan('matmul', X.shape, Y.shape, attrs), X.data, Y.data, out)
      if (out !== Out.data) for (let i = 0; i < out.length; i++) Out.data[i] = attrs.alpha * out[i]!
    },
  },
})

/** dX = alpha * dOut Yᵀ and dY = alpha * Xᵀ dOut, summed where all products share the operand. */
export const matmulV1Grad = defineOp({
  type: 'matmul_grad',
  doc: 'Gradient of matmul: dX = alpha * dOut Yᵀ, dY = alpha * Xᵀ dOut, summed where an operand was repeated.',
  source: 'paddle/fluid/operators/matmul_op.cc',
  inputs: {
    X: one('X of matmul.', FLOATS),
    Y: one('Y of matmul.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: {
    'X@GRAD': optional('Gradient of X, of its shape and element type.'),
    'Y@GRAD': optional('Gradient of Y, of its shape and element type.'),
  },
  attrs: ATTRS,
  inferMeta({ X, Y, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('matmul_grad', { X, Y, 'Out@GRAD': dOut })
    const shape = outShape('matmul_grad', X.shape, Y.shape, attrs)
    requireShape('matmul_grad', 'Out@GRAD', dOut, shape, 'the shape of Out')
    return { 'X@GRAD': X, 'Y@GRAD': Y }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const products = plan('matmul_grad', X.shape, Y.shape, attrs)
      const dout = scaled(dOut.data, attrs.alpha)
      multiplyForX(products, Y.data, dout, dX)
      multiplyForY(products, X.data, dout, dY)
    },
  },
})
