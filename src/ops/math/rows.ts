/** What the operators of this folder need to compute on selected rows and tensor arrays, which reach them as variables. */
import { UnimplementedError } from '../../errors.ts'
import type { ScopeKernelContext } from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { mergeRows } from '../../tensor/selected_rows.ts'
import { SelectedRows, Tensor } from '../../tensor/tensor.ts'

/**
 * The elements of a tensor whose storage holds numbers.
 * @throws UnimplementedError E403 for other element types: no kernel converts the values of sparse variables.
 */
export function numbersOf(opType: string, value: Tensor): NumberArray {
  const { dtype, data } = value
  if (dtype === 'float32' || dtype === 'float64' || dtype === 'int32') return data as NumberArray
  throw new UnimplementedError('E403', `${opType} has no kernel for selected rows of element type ${dtype}`, {
    expected: ['float32', 'float64', 'int32'],
    got: dtype,
  })
}

/**
 * The selected rows in an input slot.
 * @throws UnimplementedError E403 if it holds a tensor array, or a dense tensor beside selected rows in another slot.
 */
export function rowsIn(ctx: ScopeKernelContext, slot: string): SelectedRows {
  const value = ctx.get(ctx.inputNames(slot)[0]!)
  if (value instanceof SelectedRows) return value
  throw new UnimplementedError('E403', `${ctx.opType} has no kernel for these kinds of inputs`, {
    where: { slot },
    expected: 'selected rows',
    got: value instanceof Tensor ? 'a dense tensor' : 'a tensor array',
  })
}

/** Paddle's merge without sorting: rows that are all different stay as they stand, others are added up and sorted. */
export function mergeRepeated(sparse: SelectedRows): SelectedRows {
  return new Set(sparse.rows).size === sparse.rows.length ? sparse : mergeRows(sparse)
}

/** The rows of several selected rows of one height, one after the other. */
export function concatRows(opType: string, parts: readonly SelectedRows[]): SelectedRows {
  const first = parts[0]!
  if (parts.length === 1) return first
  const rows = parts.flatMap((part) => part.rows)
  const shape = [rows.length, ...first.value.shape.slice(1)]
  const value = Tensor.zeros(first.value.dtype, shape)
  const to = numbersOf(opType, value)
  let next = 0
  for (const part of parts) {
    to.set(numbersOf(opType, part.value), next)
    next += part.value.size
  }
  return new SelectedRows(rows, first.height, value)
}
