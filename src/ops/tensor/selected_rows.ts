/** Selected rows made ready for operators on dense tensors: clipping by the global norm puts these two before its norms. */
import { InvalidArgumentError } from '../../errors.ts'
import { defineOp, type Meta, one } from '../../framework/op_def.ts'
import { mergeRows } from '../../tensor/selected_rows.ts'
import type { SelectedRows } from '../../tensor/tensor.ts'

/** @throws InvalidArgumentError E203 for anything but selected rows. */
function requireRows(opType: string, X: Meta): void {
  if (X.kind === 'SELECTED_ROWS') return
  const got = X.kind === 'LOD_TENSOR_ARRAY' ? 'a tensor array' : 'a dense tensor'
  throw new InvalidArgumentError('E203', `${opType}: X must be selected rows, got ${got}`, {
    where: { opType, slot: 'X' },
    expected: 'selected rows',
    got,
  })
}

/** Out has each row of X once, rows sorted; values of equal rows are added up in the order in which they stand. */
export const mergeSelectedRows = defineOp({
  type: 'merge_selected_rows',
  doc: 'Selected rows with equal rows added up and rows sorted.',
  source: 'paddle/phi/kernels/selected_rows/impl/merge_selected_rows_kernel_impl.h',
  inputs: { X: one('Selected rows.', ['float32', 'float64']) },
  outputs: { Out: one('Selected rows of the height and row shape of X.') },
  attrs: {},
  inferMeta({ X }) {
    requireRows('merge_selected_rows', X)
    return { Out: X }
  },
  grad: 'none',
  outputKind: () => 'SELECTED_ROWS',
  kernels: {
    selectedRows(ctx) {
      ctx.set(ctx.outputNames('Out')[0]!, mergeRows(ctx.get(ctx.inputNames('X')[0]!) as SelectedRows))
    },
  },
})

/** Out[i] is the value of the i-th row that X lists: shape [rows listed, …]; the variable is declared with X's dense shape, as in Paddle. */
export const getTensorFromSelectedRows = defineOp({
  type: 'get_tensor_from_selected_rows',
  doc: 'The values of selected rows as a dense tensor, one row for each row that is listed.',
  source: 'paddle/fluid/operators/get_tensor_from_selected_rows_op.cc',
  inputs: { X: one('Selected rows.', ['float32', 'float64', 'int32', 'int64']) },
  outputs: { Out: one('The values of X: as many rows as X lists. Until the run its shape is the dense shape of X.') },
  attrs: {},
  inferMeta({ X }) {
    requireRows('get_tensor_from_selected_rows', X)
    return { Out: { dtype: X.dtype, shape: X.shape } }
  },
  grad: 'none',
  outputKind: () => 'LOD_TENSOR',
  kernels: {
    selectedRows(ctx) {
      ctx.set(ctx.outputNames('Out')[0]!, (ctx.get(ctx.inputNames('X')[0]!) as SelectedRows).value)
    },
  },
})
