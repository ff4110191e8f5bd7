/** Arithmetic on selected rows. Source: paddle/phi/kernels/funcs/selected_rows_functor.cc, MergeAdd (2.6.2). */
import { allocate, type NumberArray } from './dtype.ts'
import { product } from './shape.ts'
import { SelectedRows, Tensor } from './tensor.ts'

/** Equal rows added up, in the order in which they stand, and rows sorted. Rows that are sorted and unique already are returned as they are. */
export function mergeRows(sparse: SelectedRows): SelectedRows {
  const { rows, height, value } = sparse
  let strictlyIncreasing = true
  for (let i = 1; i < rows.length; i++) if (rows[i]! <= rows[i - 1]!) strictlyIncreasing = false
  if (strictlyIncreasing) return sparse
  const merged = [...new Set(rows)].sort((a, b) => a - b)
  const position = new Map(merged.map((row, i) => [row, i]))
  const width = product(value.shape, 1)
  const from = value.data as NumberArray
  const to = allocate(value.dtype, merged.length * width) as NumberArray
  rows.forEach((row, i) => {
    const start = position.get(row)! * width
    for (let k = 0; k < width; k++) to[start + k] = to[start + k]! + from[i * width + k]!
  })
  return new SelectedRows(merged, height, new Tensor(value.dtype, [merged.length, ...value.shape.slice(1)], to))
}
