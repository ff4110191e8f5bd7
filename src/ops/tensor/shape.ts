/** shape: the dimensions of a tensor as a tensor. */
import { defineOp, one } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { SelectedRows, Tensor } from '../../tensor/tensor.ts'

const write = (
  { Input }: { Input: { shape: readonly number[] } },
  _attrs: unknown,
  { Out }: { Out: { data: object } },
): void => {
  ;(Out.data as Int32Array).set(Input.shape)
}

export const shape = defineOp({
  type: 'shape',
  doc: 'The dimensions of Input; of selected rows those of their value.',
  source: 'paddle/phi/kernels/shape_kernel.cc',
  inputs: { Input: one('Any shape; its values are not read.', [...FLOATS, 'bool', 'int8', 'uint8', 'int32', 'int64']) },
  outputs: { Out: one('[rank of Input], int32.') },
  attrs: {},
  inferMeta: ({ Input }) => ({ Out: { dtype: 'int32', shape: [Input.shape.length] } }),
  grad: 'none',
  readsShapesOnly: true,
  kernels: {
    cpu: write,
    int64: write,
    half: write,
    selectedRows(ctx) {
      const value = ctx.get(ctx.inputNames('Input')[0]!)
      const dims = value instanceof SelectedRows ? value.value.shape : []
      ctx.set(ctx.outputNames('Out')[0]!, new Tensor('int32', [dims.length], Int32Array.from(dims)))
    },
  },
})
