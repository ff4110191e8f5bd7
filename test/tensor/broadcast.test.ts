/** expand and reduceTo against the definition by indices. */
import { describe, expect, it } from 'vitest'
import { expand, reduceTo } from '../../src/tensor/broadcast.ts'
import { product, rowMajorStrides, type Shape } from '../../src/tensor/shape.ts'

const PAIRS: [Shape, Shape][] = [
  [[], []],
  [[1], [5]],
  [[3], [3]],
  [
    [1, 4],
    [3, 4],
  ],
  [
    [3, 1],
    [3, 4],
  ],
  [
    [1, 3, 1],
    [2, 3, 4],
  ],
  [
    [2, 1, 4],
    [2, 3, 4],
  ],
  [
    [2, 1, 3, 1, 2],
    [2, 5, 3, 2, 2],
  ],
  [
    [1, 2, 1, 2, 1],
    [7, 2, 3, 2, 5],
  ],
  [
    [1, 1, 3],
    [4, 5, 3],
  ],
  [
    [1, 3],
    [0, 3],
  ],
  [
    [0, 1],
    [0, 3],
  ],
  [
    [1, 1],
    [1, 1],
  ],
]

/** Position in the small tensor of each element of the large one. */
function positions(small: Shape, large: Shape): number[] {
  const strides = rowMajorStrides(large)
  const steps = rowMajorStrides(small)
  return Array.from({ length: product(large) }, (_, at) =>
    large.reduce(
      (to, dim, axis) => to + (small[axis] === 1 ? 0 : (Math.floor(at / strides[axis]!) % dim) * steps[axis]!),
      0,
    ),
  )
}

describe.each(PAIRS)('%j in %j', (small, large) => {
  const data = Float32Array.from({ length: product(small) }, (_, i) => i + 1)
  it('expands', () => {
    expect([...expand(data, small, large)]).toEqual(positions(small, large).map((at) => data[at]!))
    const big = BigInt64Array.from(data, (x) => BigInt(x))
    expect([...expand(big, small, large)]).toEqual(positions(small, large).map((at) => big[at]!))
  })
  it('adds up again', () => {
    const full = Float32Array.from({ length: product(large) }, (_, i) => (i % 13) - 5)
    const sums = new Array<number>(product(small)).fill(0)
    positions(small, large).forEach((at, i) => {
      sums[at]! += full[i]!
    })
    const out = new Float32Array(product(small)).fill(99)
    reduceTo(full, large, small, out)
    expect([...out]).toEqual(sums)
    const out64 = new Float64Array(product(small)).fill(99)
    reduceTo(full, large, small, out64)
    expect([...out64]).toEqual(sums)
  })
})

it('rounds sums once', () => {
  const out = new Float32Array(1)
  reduceTo(Float32Array.of(16777216, 1, 1), [3], [1], out)
  expect(out[0]).toBe(16777218)
})
