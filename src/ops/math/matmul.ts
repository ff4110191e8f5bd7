/** The matrix product with NumPy's rules (`matmul_v2`) and its gradient. */
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { NUMBERS } from '../../tensor/dtype.ts'
import { matchOperands, multiply, multiplyForX, multiplyForY, multiplyInt64, planProducts } from './matrix_products.ts'

const ATTRS = {
  trans_x: attr.bool(false, { doc: 'Exchange the last two dimensions of X first; a vector stays as it is.' }),
  trans_y: attr.bool(false, { doc: 'Exchange the last two dimensions of Y first; a vector stays as it is.' }),
}
/**
 * Out = X Y over the last two dimensions. A vector X is one row and a vector Y one column, and that dimension is left out of the result;
 * leading dimensions broadcast.
 */
export const matmulV2 = defineOp({
  type: 'matmul_v2',
  doc: 'The matrix product of the last two dimensions of X and Y; leading dimensions broadcast, vectors count as a row and a column.',
  source: 'paddle/phi/kernels/impl/matmul_kernel_impl.h',
  differs: 'Operands without elements work, and so does the gradient where both X and Y are repeated.',
  inputs: {
    X: one('[..., M, K], or [K]; [..., K, M] if trans_x.', NUMBERS),
    Y: one('[..., K, N], or [K]; [..., N, K] if trans_y. Element type of X.', NUMBERS),
  },
  outputs: { Out: one('[..., M, N], without M for a vector X and without N for a vector Y.') },
  attrs: ATTRS,
  inferMeta({ X, Y }, attrs) {
    requireSameDType('matmul_v2', { X, Y })
    return { Out: { dtype: X.dtype, shape: matchOperands('matmul_v2', X.shape, Y.shape, attrs).outShape } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(matmulV2Grad, {
      inputs: { X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Y }, attrs, { Out }) {
      multiply(planProducts('matmul_v2', X.shape, Y.shape, attrs), X.data, Y.data, Out.data)
    },
    int64({ X, Y }, attrs, { Out }) {
      const plan = planProducts('matmul_v2', X.shape, Y.shape, attrs)
      multiplyInt64(plan, X.data as BigInt64Array, Y.data as BigInt64Array, Out.data as BigInt64Array)
    },
  },
})

/** dX = dOut Yᵀ and dY = Xᵀ dOut, each summed over the leading dimensions in which its operand was repeated. */
export const matmulV2Grad = defineOp({
  type: 'matmul_v2_grad',
  doc: 'Gradient of matmul_v2: dX = dOut Yᵀ, dY = Xᵀ dOut, summed where an operand was repeated.',
  source: 'paddle/phi/kernels/impl/matmul_grad_kernel_impl.h',
  inputs: {
    X: one('X of matmul_v2.'),
    Y: one('Y of matmul_v2.'),
    'Out@GRAD': one('Gradient of Out.'),
  },
  outputs: {
    'X@GRAD': optional('Gradient of X, of its shape and element type.'),
    'Y@GRAD': optional('Gradient of Y, of its shape and element type.'),
  },
  attrs: ATTRS,
  inferMeta({ X, Y, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('matmul_v2_grad', { X, Y, 'Out@GRAD': dOut })
    const { outShape } = matchOperands('matmul_v2_grad', X.shape, Y.shape, attrs)
    requireShape('matmul_v2_grad', 'Out@GRAD', dOut, outShape, 'the shape of Out')
    return { 'X@GRAD': X, 'Y@GRAD': Y }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const plan = planProducts('matmul_v2', X.shape, Y.shape, attrs)
      multiplyForX(plan, Y.data, dOut.data, dX)
      multiplyForY(plan, X.data, dOut.data, dY)
    },
  },
})
