/** Shrinking a tensor, or selected rows, to a largest Euclidean norm. */
import { attr } from '../../framework/attr.ts'
import { defineOp, one } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { mergeRows } from '../../tensor/selected_rows.ts'
import { SelectedRows } from '../../tensor/tensor.ts'
import { numbersOf, rowsIn } from './rows.ts'

function shrink(x: NumberArray, maxNorm: number, out: NumberArray): void {
  let squares = 0
  for (let i = 0; i < x.length; i++) squares += x[i]! * x[i]!
  const norm = Math.sqrt(squares)
  // A NaN norm makes every element NaN.
  const scale = norm <= maxNorm ? 1 : maxNorm / norm
  for (let i = 0; i < out.length; i++) out[i] = x[i]! * scale
}

/** Out = X * min(1, max_norm / norm(X)). */
export const clipByNorm = defineOp({
  type: 'clip_by_norm',
  doc: 'X, scaled down to the Euclidean norm max_norm if its own norm is larger. Equal rows of selected rows are added up first.',
  source: 'paddle/phi/kernels/impl/clip_by_norm_kernel_impl.h, paddle/fluid/operators/clip_by_norm_op.h',
  differs: 'There is a float64 kernel, too. Selected rows work, on which Paddle 2.6.2 crashes.',
  inputs: { X: one('Any shape, or selected rows.', FLOATS) },
  outputs: { Out: one('Shape, element type and kind of X.') },
  attrs: { max_norm: attr.float(undefined, { check: (value) => (value > 0 ? null : 'a number above 0') }) },
  inferMeta: ({ X }) => ({ Out: X }),
  grad: 'none',
  inplace: { Out: 'X' },
  outputKind: (op, _output, kindOf) => kindOf(op.inputs['X']?.[0] ?? '') ?? 'LOD_TENSOR',
  kernels: {
    cpu: ({ X }, { max_norm }, { Out }) => shrink(X.data, max_norm, Out.data),
    selectedRows(ctx) {
      const x = mergeRows(rowsIn(ctx, 'X'))
      const value = x.value.clone()
      const data = numbersOf('clip_by_norm', value)
      shrink(data, ctx.attrs['max_norm'] as number, data)
      ctx.set(ctx.outputNames('Out')[0]!, new SelectedRows(x.rows, x.height, value))
    },
  },
})
