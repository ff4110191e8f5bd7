/**
 * Matrix products over strided views of arrays. Both operands are copied block by block into panels of four rows or columns in float64, which
 * takes care of strides and conversion once; a tile of 4 by 4 sums then stays in registers. Sums are float64 and rounded once on store.
 */
import type { NumberArray } from './dtype.ts'

/** Element (i, j) is data[offset + i * row + j * col]. */
export interface Matrix<D extends NumberArray | BigInt64Array = NumberArray> {
  readonly data: D
  readonly offset: number
  readonly row: number
  readonly col: number
}

export const transposed = <D extends NumberArray | BigInt64Array>({
  data,
  offset,
  row,
  col,
}: Matrix<D>): Matrix<D> => ({
  data,
  offset,
  row: col,
  col: row,
})

/** Rows, columns and depth of a block: its panels and sums stay in a processor's second cache (1 MB). */
const ROWS = 128
const COLUMNS = 256
const DEPTH = 256

const leftPanels = new Float64Array(ROWS * DEPTH)
const rightPanels = new Float64Array(COLUMNS * DEPTH)
const sums = new Float64Array(ROWS * COLUMNS)

/**
 * C = A B for A [m, k] and B [k, n], written row by row into `out` from `outOffset` on; with `add`, C = C + A B.
 * `out` must not share memory with A or B.
 */
export function matmul(
  m: number,
  n: number,
  k: number,
  a: Matrix,
  b: Matrix,
  out: NumberArray,
  outOffset = 0,
  add = false,
): void {
  if (m < 4 || n < 4) {
    if (b.col === 1 && n >= 4) multiplyRows(m, n, k, a, b, out, outOffset, add)
    else multiplyDots(m, n, k, a, b, out, outOffset, add)
    return
  }
  for (let j0 = 0; j0 < n; j0 += COLUMNS) {
    const columns = Math.min(COLUMNS, n - j0)
    for (let i0 = 0; i0 < m; i0 += ROWS) {
      const rows = Math.min(ROWS, m - i0)
      sums.fill(0, 0, Math.ceil(rows / 4) * 4 * COLUMNS)
      for (let k0 = 0; k0 < k; k0 += DEPTH) {
        const depth = Math.min(DEPTH, k - k0)
        pack(a.data, a.offset + i0 * a.row + k0 * a.col, a.row, a.col, rows, depth, leftPanels)
        pack(b.data, b.offset + k0 * b.row + j0 * b.col, b.col, b.row, columns, depth, rightPanels)
        multiplyPanels(rows, columns, depth)
      }
      for (let i = 0; i < rows; i++) {
        const from = i * COLUMNS
        const to = outOffset + (i0 + i) * n + j0
        if (add) for (let j = 0; j < columns; j++) out[to + j] = out[to + j]! + sums[from + j]!
        else for (let j = 0; j < columns; j++) out[to + j] = sums[from + j]!
      }
    }
  }
}

/** Panels of four lines, in each the four elements of one depth side by side; missing lines are zero. */
function pack(
  data: NumberArray,
  offset: number,
  line: number,
  step: number,
  lines: number,
  depth: number,
  panels: Float64Array,
): void {
  let to = 0
  for (let first = 0; first < lines; first += 4) {
    const count = Math.min(4, lines - first)
    let from = offset + first * line
    if (count === 4) {
      for (let d = 0; d < depth; d++, from += step, to += 4) {
        panels[to] = data[from]!
        panels[to + 1] = data[from + line]!
        panels[to + 2] = data[from + 2 * line]!
        panels[to + 3] = data[from + 3 * line]!
      }
    } else {
      for (let d = 0; d < depth; d++, from += step, to += 4) {
        for (let l = 0; l < 4; l++) panels[to + l] = l < count ? data[from + l * line]! : 0
      }
    }
  }
}

/** Adds the product of the packed blocks to `sums`. */
function multiplyPanels(rows: number, columns: number, depth: number): void {
  for (let j = 0; j < columns; j += 4) {
    for (let i = 0; i < rows; i += 4) {
      let c00 = 0
      let c01 = 0
      let c02 = 0
      let c03 = 0
      let c10 = 0
      let c11 = 0
      let c12 = 0
      let c13 = 0
      let c20 = 0
      let c21 = 0
      let c22 = 0
      let c23 = 0
      let c30 = 0
      let c31 = 0
      let c32 = 0
      let c33 = 0
      let p = i * depth
      let q = j * depth
      for (const end = p + 4 * depth; p < end; p += 4, q += 4) {
        const b0 = rightPanels[q]!
        const b1 = rightPanels[q + 1]!
        const b2 = rightPanels[q + 2]!
        const b3 = rightPanels[q + 3]!
        const a0 = leftPanels[p]!
        c00 += a0 * b0
        c01 += a0 * b1
        c02 += a0 * b2
        c03 += a0 * b3
        const a1 = leftPanels[p + 1]!
        c10 += a1 * b0
        c11 += a1 * b1
        c12 += a1 * b2
        c13 += a1 * b3
        const a2 = leftPanels[p + 2]!
        c20 += a2 * b0
        c21 += a2 * b1
        c22 += a2 * b2
        c23 += a2 * b3
        const a3 = leftPanels[p + 3]!
        c30 += a3 * b0
        c31 += a3 * b1
        c32 += a3 * b2
        c33 += a3 * b3
      }
      let s = i * COLUMNS + j
      sums[s] = sums[s]! + c00
      sums[s + 1] = sums[s + 1]! + c01
      sums[s + 2] = sums[s + 2]! + c02
      sums[s + 3] = sums[s + 3]! + c03
      s += COLUMNS
      sums[s] = sums[s]! + c10
      sums[s + 1] = sums[s + 1]! + c11
      sums[s + 2] = sums[s + 2]! + c12
      sums[s + 3] = sums[s + 3]! + c13
      s += COLUMNS
      sums[s] = sums[s]! + c20
      sums[s + 1] = sums[s + 1]! + c21
      sums[s + 2] = sums[s + 2]! + c22
      sums[s + 3] = sums[s + 3]! + c23
      s += COLUMNS
      sums[s] = sums[s]! + c30
      sums[s + 1] = sums[s + 1]! + c31
      sums[s + 2] = sums[s + 2]! + c32
      sums[s + 3] = sums[s + 3]! + c33
    }
  }
}

/** For few rows of A: one row of sums runs along the rows of B. */
function multiplyRows(
  m: number,
  n: number,
  k: number,
  a: Matrix,
  b: Matrix,
  out: NumberArray,
  outOffset: number,
  add: boolean,
): void {
  const right = b.data
  const row = new Float64Array(n)
  for (let i = 0; i < m; i++) {
    row.fill(0)
    for (let p = 0; p < k; p++) {
      const factor = a.data[a.offset + i * a.row + p * a.col]!
      const from = b.offset + p * b.row
      for (let j = 0; j < n; j++) row[j] = row[j]! + factor * right[from + j]!
    }
    const to = outOffset + i * n
    if (add) for (let j = 0; j < n; j++) out[to + j] = out[to + j]! + row[j]!
    else for (let j = 0; j < n; j++) out[to + j] = row[j]!
  }
}

/** For few rows or columns: one dot product after the other. */
function multiplyDots(
  m: number,
  n: number,
  k: number,
  a: Matrix,
  b: Matrix,
  out: NumberArray,
  outOffset: number,
  add: boolean,
): void {
  const left = a.data
  const right = b.data
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let total = 0
      let from = b.offset + j * b.col
      let at = a.offset + i * a.row
      for (let p = 0; p < k; p++, at += a.col, from += b.row) total += left[at]! * right[from]!
      const to = outOffset + i * n + j
      out[to] = add ? out[to]! + total : total
    }
  }
}

/** C = A B for int32, modulo 2^32: float64 sums would lose digits. */
export function matmulInt32(
  m: number,
  n: number,
  k: number,
  a: Matrix,
  b: Matrix,
  out: Int32Array,
  outOffset: number,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let total = 0
      for (let p = 0; p < k; p++) {
        const product = Math.imul(a.data[a.offset + i * a.row + p * a.col]!, b.data[b.offset + p * b.row + j * b.col]!)
        total = (total + product) | 0
      }
      out[outOffset + i * n + j] = total
    }
  }
}

/** C = A B for int64, modulo 2^64. */
export function matmulInt64(
  m: number,
  n: number,
  k: number,
  a: Matrix<BigInt64Array>,
  b: Matrix<BigInt64Array>,
  out: BigInt64Array,
  outOffset: number,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let total = 0n
      for (let p = 0; p < k; p++) {
        total += a.data[a.offset + i * a.row + p * a.col]! * b.data[b.offset + p * b.row + j * b.col]!
      }
      out[outOffset + i * n + j] = total
    }
  }
}
