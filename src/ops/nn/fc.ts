/** `fc`, the fully connected layer as one operator: what Paddle's passes for inference make of mul, elementwise_add and relu. */
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { matmul } from '../../tensor/matmul.ts'
import { relu } from '../math/activations_piecewise.ts'
import { elementwiseAdd } from '../math/elementwise.ts'
import { FC_ATTRS, fcOutShape, fcProduct } from './fc_shape.ts'

/** Out = activation(Input W + Bias). Rounded after the product, after the sum and after the activation, as the three operators do. */
export const fc = defineOp({
  type: 'fc',
  doc: 'A fully connected layer: the matrix product of Input, flattened at in_num_col_dims, and W, plus Bias, perhaps through relu.',
  source: 'paddle/phi/kernels/impl/fc_kernel_impl.h',
  differs: 'relu without Bias works, and so do halves.',
  inputs: {
    Input: one('Rank >= 2.', FLOATS),
    W: one('[columns of Input, N], element type of Input.', FLOATS),
    Bias: optional('[N] or [1, N], element type of Input.', FLOATS),
  },
  outputs: { Out: one('The leading dimensions of Input, then N.') },
  attrs: FC_ATTRS,
  inferMeta({ Input, W, Bias }, attrs, { atRun }) {
    requireSameDType('fc', { Input, W, Bias })
    return { Out: { dtype: Input.dtype, shape: fcOutShape(Input.shape, W.shape, Bias?.shape, attrs, atRun) } }
  },
  grad: 'none',
  kernels: {
    cpu({ Input, W, Bias }, attrs, { Out }, ctx) {
      const { m, n, k, weightRow } = fcProduct(Input.shape, W.shape, attrs)
      const left = { data: Input.data, offset: 0, row: k, col: 1 }
      matmul(m, n, k, left, { data: W.data, offset: 0, row: weightRow, col: 1 }, Out.data)
      if (Bias !== undefined) elementwiseAdd.kernels.cpu!({ X: Out, Y: Bias }, { axis: -1 }, { Out }, ctx)
      if (attrs.activation_type === 'relu') relu.kernels.cpu!({ X: Out }, {}, { Out }, ctx)
    },
  },
})
