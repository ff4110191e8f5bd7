/** The product of two tensors seen as matrices (`mul`, the operator behind fully connected layers) and its gradient. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { type Matrix, matmul, transposed } from '../../tensor/matmul.ts'
import { formatShape, hasUnknown, product, type Shape } from '../../tensor/shape.ts'

const ATTRS = {
  x_num_col_dims: attr.int(1, { doc: 'How many leading dimensions of X make the rows of its matrix.' }),
  y_num_col_dims: attr.int(1, { doc: 'How many leading dimensions of Y make the rows of its matrix.' }),
}
interface Splits {
  readonly x_num_col_dims: number
  readonly y_num_col_dims: number
}

/** @throws InvalidArgumentError E202 unless at least one dimension is left on each side of the split. */
function checkSplit(slot: 'X' | 'Y', shape: Shape, split: number): void {
  if (split >= 1 && split < shape.length) return
  const name = `${slot.toLowerCase()}_num_col_dims`
  const range = shape.length < 2 ? 'is not possible' : `must be in [1, ${shape.length - 1}]`
  throw new InvalidArgumentError(
    'E202',
    `mul: attr ${name} ${range} for ${slot} of shape ${formatShape(shape)}, got ${split}`,
    { where: { slot }, expected: [1, shape.length - 1], got: split },
  )
}

/** @throws InvalidArgumentError E202 (attributes), E203 (inner sizes differ). */
function outShape(x: Shape, y: Shape, { x_num_col_dims, y_num_col_dims }: Splits): Shape {
  checkSplit('X', x, x_num_col_dims)
  checkSplit('Y', y, y_num_col_dims)
  const columns = x.slice(x_num_col_dims)
  const rows = y.slice(0, y_num_col_dims)
  if (!hasUnknown(columns) && !hasUnknown(rows) && product(columns) !== product(rows)) {
    throw new InvalidArgumentError(
      'E203',
      `mul: X of shape ${formatShape(x)} has ${product(columns)} columns but Y of shape ${formatShape(y)} has ${product(rows)} rows`,
      { expected: product(columns), got: product(rows) },
    )
  }
  return [...x.slice(0, x_num_col_dims), ...y.slice(y_num_col_dims)]
}

const sizes = (x: Shape, y: Shape, { x_num_col_dims, y_num_col_dims }: Splits): [number, number, number] => [
  product(x, 0, x_num_col_dims),
  product(y, y_num_col_dims),
  product(y, 0, y_num_col_dims),
]

const matrix = (data: NumberArray, columns: number): Matrix => ({ data, offset: 0, row: columns, col: 1 })

/** Out = X Y for X as [M, K] and Y as [K, N]; Out has the leading dimensions of X and the trailing ones of Y. */
export const mul = defineOp({
  type: 'mul',
  doc: 'The matrix product of X and Y, each flattened to a matrix at x_num_col_dims and y_num_col_dims.',
  source: 'paddle/phi/kernels/impl/matmul_kernel_impl.h',
  inputs: {
    X: one('Rank >= 2.', FLOATS),
    Y: one('Rank >= 2, element type of X.', FLOATS),
  },
  outputs: { Out: one('The leading dimensions of X, then the trailing dimensions of Y.') },
  attrs: ATTRS,
  inferMeta({ X, Y }, attrs) {
    requireSameDType('mul', { X, Y })
    return { Out: { dtype: X.dtype, shape: outShape(X.shape, Y.shape, attrs) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(mulGrad, {
      inputs: { X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Y }, attrs, { Out }) {
      const [m, n, k] = sizes(X.shape, Y.shape, attrs)
      matmul(m, n, k, matrix(X.data, k), matrix(Y.data, n), Out.data)
    },
  },
})

/** dX = dOut Yᵀ, dY = Xᵀ dOut. */
export const mulGrad = defineOp({
  type: 'mul_grad',
  doc: 'Gradient of mul: dX = dOut Yᵀ, dY = Xᵀ dOut.',
  source: 'paddle/phi/kernels/impl/matmul_grad_kernel_impl.h',
  inputs: { X: one('X of mul.'), Y: one('Y of mul.'), 'Out@GRAD': one('Gradient of Out.') },
  outputs: {
    'X@GRAD': optional('Gradient of X, of its shape and element type.'),
    'Y@GRAD': optional('Gradient of Y, of its shape and element type.'),
  },
  attrs: ATTRS,
  inferMeta({ X, Y, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('mul_grad', { X, Y, 'Out@GRAD': dOut })
    requireShape('mul_grad', 'Out@GRAD', dOut, outShape(X.shape, Y.shape, attrs), 'the shape of Out')
    return { 'X@GRAD': X, 'Y@GRAD': Y }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const [m, n, k] = sizes(X.shape, Y.shape, attrs)
      const gradient = matrix(dOut.data, n)
      if (dX !== undefined) matmul(m, k, n, gradient, transposed(matrix(Y.data, n)), dX.data)
      if (dY !== undefined) matmul(k, n, m, transposed(matrix(X.data, k)), gradient, dY.data)
    },
  },
})
