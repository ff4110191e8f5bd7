/** Values of a file as a table and as data. */
import { counted, formatBytes } from '../framework/print_text.ts'
import { isComplex } from '../tensor/dtype.ts'
import { formatShape } from '../tensor/shape.ts'
import { SelectedRows, Tensor, type Value } from '../tensor/tensor.ts'
import type { LoadedValues } from './load_values.ts'
import { type Output, shortNumber, visible } from './output.ts'

export interface ValueRow {
  readonly name: string
  readonly kind: 'tensor' | 'selected rows' | 'tensor array'
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: number
  readonly elements: number
  /** Of the finite numbers; null where there are none. */
  readonly min: number | null
  readonly max: number | null
  readonly mean: number | null
  readonly nonFinite: number
}

export function valueRow(name: string, value: Value): ValueRow {
  const tensors = value instanceof Tensor ? [value] : value instanceof SelectedRows ? [value.value] : value.items
  const [first] = tensors
  const kind = value instanceof Tensor ? 'tensor' : value instanceof SelectedRows ? 'selected rows' : 'tensor array'
  const shape = value instanceof SelectedRows ? [value.height, ...value.value.shape.slice(1)] : (first?.shape ?? [])
  return {
    name,
    kind,
    dtype: first?.dtype ?? '',
    shape,
    bytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    elements: tensors.reduce((sum, { size }) => sum + size, 0),
    ...range(tensors),
  }
}

function range(tensors: readonly Tensor[]): Pick<ValueRow, 'min' | 'max' | 'mean' | 'nonFinite'> {
  let min = Infinity
  let max = -Infinity
  let sum = 0
  let finite = 0
  let nonFinite = 0
  for (const tensor of tensors) {
    if (isComplex(tensor.dtype)) continue
    for (let i = 0; i < tensor.size; i++) {
      const number = Number(tensor.at(i))
      if (!Number.isFinite(number)) {
        nonFinite++
        continue
      }
      finite++
      sum += number
      if (number < min) min = number
      if (number > max) max = number
    }
  }
  return finite === 0 ? { min: null, max: null, mean: null, nonFinite } : { min, max, mean: sum / finite, nonFinite }
}

/** `values FILE   .npz · 4 tensors · 45 values · 180 B`. */
export function valuesHead({ file, found, namedBy }: LoadedValues, rows: readonly ValueRow[], out: Output): string {
  const dot = out.ascii ? ' | ' : ' · '
  const sum = (of: (row: ValueRow) => number): number => rows.reduce((total, row) => total + of(row), 0)
  const parts = [
    `.${found.format}`,
    counted(rows.length, 'tensor'),
    counted(
      sum(({ elements }) => elements),
      'value',
    ),
    formatBytes(sum(({ bytes }) => bytes)),
  ]
  if (namedBy !== undefined) parts.push(`names from ${visible(namedBy)}`)
  else if (found.unnamed) parts.push('the file has no names')
  return `values ${visible(file)}   ${parts.join(dot)}`
}

export function valueTable(rows: readonly ValueRow[]): string[] {
  const number = (value: number | null): string => (value === null ? '' : shortNumber(value))
  const cells = [
    ['name', 'dtype', 'shape', 'min', 'max', 'mean', ''],
    ...rows.map(({ name, kind, dtype, shape, min, max, mean, nonFinite }) => [
      visible(name),
      kind === 'tensor' ? dtype : `${dtype} (${kind})`,
      formatShape(shape),
      number(min),
      number(max),
      number(mean),
      nonFinite === 0 ? '' : `${nonFinite} not finite`,
    ]),
  ]
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => Math.min(60, row[column]!.length))))
  return cells.map((row) =>
    `  ${row.map((cell, i) => (i < 3 || i === 6 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`.trimEnd(),
  )
}
