/** The blocked product against the definition, for sizes around the borders of blocks and tiles and all layouts. */
import { describe, expect, it } from 'vitest'
import { type Matrix, matmul, matmulInt32, matmulInt64, transposed } from '../../src/tensor/matmul.ts'

const SIZES: [number, number, number][] = [
  [1, 1, 1],
  [1, 9, 5],
  [3, 8, 2],
  [9, 1, 7],
  [9, 3, 7],
  [4, 4, 4],
  [5, 6, 7],
  [13, 11, 300],
  [130, 5, 3],
  [6, 259, 2],
  [129, 257, 257],
  [4, 4, 0],
  [2, 5, 0],
  [0, 4, 4],
  [4, 0, 4],
]

/** Whole numbers, so that sums are exact. */
const whole = (count: number, start: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => ((i * 7 + start) % 11) - 5)
const layout = (data: Float32Array, rows: number, columns: number, flip: boolean, offset: number): Matrix =>
  flip ? { data, offset, row: 1, col: rows } : { data, offset, row: columns, col: 1 }

describe.each(SIZES)('%i x %i, depth %i', (m, n, k) => {
  for (const flipA of [false, true]) {
    for (const flipB of [false, true]) {
      it(`${flipA ? 'transposed' : 'plain'} by ${flipB ? 'transposed' : 'plain'}`, () => {
        const a = layout(whole(m * k + 3, 1), m, k, flipA, 3)
        const b = layout(whole(k * n + 2, 4), k, n, flipB, 2)
        const at = (x: Matrix, i: number, j: number): number => x.data[x.offset + i * x.row + j * x.col]!
        const wanted: number[] = []
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0
            for (let p = 0; p < k; p++) sum += at(a, i, p) * at(b, p, j)
            wanted.push(sum)
          }
        }
        const out = new Float32Array(m * n + 5).fill(7)
        matmul(m, n, k, a, b, out, 5)
        expect([...out.subarray(0, 5)]).toEqual([7, 7, 7, 7, 7])
        expect([...out.subarray(5)].every((x, i) => x === wanted[i])).toBe(true)
        matmul(m, n, k, a, b, out, 5, true)
        expect([...out.subarray(5)].every((x, i) => x === 2 * wanted[i]!)).toBe(true)
      })
    }
  }
})

it('keeps sums in float64', () => {
  const ones: Matrix = { data: new Float32Array(3).fill(1), offset: 0, row: 1, col: 1 }
  const out = new Float32Array(1)
  matmul(1, 1, 3, { data: Float32Array.of(16777216, 1, 1), offset: 0, row: 3, col: 1 }, ones, out)
  expect(out[0]).toBe(16777218)
})

it('multiplies whole numbers modulo 2^32 and 2^64', () => {
  const int32 = new Int32Array(1)
  const large = { data: Int32Array.of(2147483647, 2147483647), offset: 0, row: 2, col: 1 }
  matmulInt32(1, 1, 2, large, transposed(large), int32, 0)
  expect(int32[0]).toBe(2)
  const int64 = new BigInt64Array(1)
  const huge = { data: BigInt64Array.of(2n ** 62n + 1n, 3n), offset: 0, row: 2, col: 1 }
  matmulInt64(1, 1, 2, huge, transposed(huge), int64, 0)
  expect(int64[0]).toBe(BigInt.asIntN(64, (2n ** 62n + 1n) ** 2n + 9n))
})
