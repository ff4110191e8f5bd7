/** Square systems of equations: factors of a matrix, solutions with them, its determinant; and triangular systems. In float64. */
import type { NumberArray } from './dtype.ts'

/** P A = L U with partial pivoting: L without its diagonal of ones and U in one row-major array. */
export interface Factors {
  readonly n: number
  readonly lu: Float64Array
  /** Row i of P A is row order[i] of A. */
  readonly order: Int32Array
  /** The determinant of P. */
  readonly sign: number
  /** Whether a pivot is 0. */
  readonly singular: boolean
}

/** Factors of the n by n matrix that begins at `offset`, or of its transpose. */
export function factorize(data: NumberArray, offset: number, n: number, transpose = false): Factors {
  const lu = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) lu[i * n + j] = data[offset + (transpose ? j * n + i : i * n + j)]!
  }
  const order = Int32Array.from({ length: n }, (_, i) => i)
  let sign = 1
  let singular = false
  for (let k = 0; k < n; k++) {
    let best = k
    for (let i = k + 1; i < n; i++) if (Math.abs(lu[i * n + k]!) > Math.abs(lu[best * n + k]!)) best = i
    const pivot = lu[best * n + k]!
    if (pivot === 0) {
      singular = true
      continue
    }
    if (best !== k) {
      sign = -sign
      ;[order[k], order[best]] = [order[best]!, order[k]!]
      for (let j = 0; j < n; j++) {
        const kept = lu[k * n + j]!
        lu[k * n + j] = lu[best * n + j]!
        lu[best * n + j] = kept
      }
    }
    for (let i = k + 1; i < n; i++) {
      const factor = lu[i * n + k]! / pivot
      lu[i * n + k] = factor
      if (factor === 0) continue
      for (let j = k + 1; j < n; j++) lu[i * n + j] = lu[i * n + j]! - factor * lu[k * n + j]!
    }
  }
  return { n, lu, order, sign, singular }
}

/** A⁻¹ B for B [n, columns] that begins at `offset`. */
export function solveFactored(
  { n, lu, order }: Factors,
  b: NumberArray,
  offset: number,
  columns: number,
): Float64Array {
  const x = new Float64Array(n * columns)
  for (let i = 0; i < n; i++) {
    const from = offset + order[i]! * columns
    for (let c = 0; c < columns; c++) x[i * columns + c] = b[from + c]!
  }
  solveTriangular({ data: lu, offset: 0, row: n, col: 1 }, n, { upper: false, unit: true }, x, columns)
  solveTriangular({ data: lu, offset: 0, row: n, col: 1 }, n, { upper: true, unit: false }, x, columns)
  return x
}

/** A⁻¹, row by row. */
export function invertFactored(factors: Factors): Float64Array {
  const { n } = factors
  const identity = new Float64Array(n * n)
  for (let i = 0; i < n; i++) identity[i * n + i] = 1
  return solveFactored(factors, identity, 0, n)
}

interface Triangle {
  readonly upper: boolean
  /** Whether the diagonal counts as ones. */
  readonly unit: boolean
}

/** Replaces B [n, columns] by T⁻¹ B; of T only the one triangle is read. A 0 on its diagonal gives infinities or NaN. */
export function solveTriangular(
  t: { readonly data: NumberArray; readonly offset: number; readonly row: number; readonly col: number },
  n: number,
  { upper, unit }: Triangle,
  b: Float64Array,
  columns: number,
): void {
  for (let step = 0; step < n; step++) {
    const i = upper ? n - 1 - step : step
    const [from, to] = upper ? [i + 1, n] : [0, i]
    const row = t.offset + i * t.row
    for (let k = from; k < to; k++) {
      const factor = t.data[row + k * t.col]!
      for (let c = 0; c < columns; c++) b[i * columns + c] = b[i * columns + c]! - factor * b[k * columns + c]!
    }
    if (unit) continue
    const diagonal = t.data[row + i * t.col]!
    for (let c = 0; c < columns; c++) b[i * columns + c] = b[i * columns + c]! / diagonal
  }
}
