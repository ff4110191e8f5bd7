/**
 * The loops of resizing: X seen as [outer, sizes…, inner], Out as [outer, outs…, inner]. An element of Out is the sum of a few elements of X
 * along each dimension, its taps, times their weights. Gradients are summed in float64.
 */
import type { NumberArray } from '../../tensor/dtype.ts'

/** Along one dimension: `taps` places in X for each element of Out, one after the other, and their weights. */
export interface Axis {
  readonly size: number
  readonly out: number
  readonly taps: number
  readonly places: Int32Array
  readonly weights: Float64Array
}

export interface Grid {
  readonly outer: number
  readonly inner: number
  /** Width; height and width; or depth, height and width. */
  readonly axes: readonly Axis[]
  /** True if Out has the sizes of X: Paddle then copies, whatever the ratio. */
  readonly copies: boolean
}

const STILL: Axis = { size: 1, out: 1, taps: 1, places: Int32Array.of(0), weights: Float64Array.of(1) }

const volume = ({ axes }: Grid): readonly [Axis, Axis, Axis] =>
  [...new Array<Axis>(3 - axes.length).fill(STILL), ...axes] as unknown as readonly [Axis, Axis, Axis]

export function nearest(grid: Grid, x: NumberArray | BigInt64Array, out: NumberArray | BigInt64Array): void {
  const [depth, height, width] = volume(grid)
  const { outer, inner } = grid
  let to = 0
  for (let o = 0; o < outer; o++) {
    for (let z = 0; z < depth.out; z++) {
      for (let y = 0; y < height.out; y++) {
        const row = ((o * depth.size + depth.places[z]!) * height.size + height.places[y]!) * width.size
        for (let k = 0; k < width.out; k++) {
          const from = (row + width.places[k]!) * inner
          for (let i = from; i < from + inner; i++) out[to++] = x[i]!
        }
      }
    }
  }
}

/**
 * Calls `visit(row, weight, at)` for each row of Out and each row of X that it is made of: where the row of X begins, its weight, and where the
 * row of Out does, all in elements without `inner`.
 */
function eachRowPair(grid: Grid, visit: (row: number, weight: number, at: number) => void): void {
  const [depth, height, width] = volume(grid)
  let at = 0
  for (let o = 0; o < grid.outer; o++) {
    for (let z = 0; z < depth.out; z++) {
      for (let y = 0; y < height.out; y++, at += width.out) {
        for (let a = z * depth.taps; a < (z + 1) * depth.taps; a++) {
          for (let b = y * height.taps; b < (y + 1) * height.taps; b++) {
            const row = ((o * depth.size + depth.places[a]!) * height.size + height.places[b]!) * width.size
            visit(row, depth.weights[a]! * height.weights[b]!, at)
          }
        }
      }
    }
  }
}

export function weighted(grid: Grid, x: NumberArray, out: NumberArray): void {
  if (!(out instanceof Float32Array || out instanceof Float64Array)) {
    weightedWhole(grid, x, out)
    return
  }
  const { taps, places, weights, out: columns } = grid.axes.at(-1)!
  const { inner } = grid
  const sums = new Float64Array(columns * inner)
  let started = 0
  const finish = (): void => {
    out.set(sums, started * inner)
    sums.fill(0)
  }
  eachRowPair(grid, (row, weight, at) => {
    if (at !== started) {
      finish()
      started = at
    }
    for (let k = 0; k < columns; k++) {
      for (let t = k * taps; t < (k + 1) * taps; t++) {
        const factor = weight * weights[t]!
        const from = (row + places[t]!) * inner
        for (let i = 0; i < inner; i++) sums[k * inner + i] = sums[k * inner + i]! + factor * x[from + i]!
      }
    }
  })
  if (out.length > 0) finish()
}

/**
 * Whole numbers are cut off, so that the last bit of a sum decides by one: as in Paddle it is a float32 that is rounded after each product (with
 * the weight in depth, in height, in width) and each addition. Boxes are added up with width running fastest, planes with height running fastest.
 */
function weightedWhole(grid: Grid, x: NumberArray, out: NumberArray): void {
  const { fround } = Math
  const [depth, height, width] = volume(grid)
  const { outer, inner } = grid
  const [rows, columns] = grid.axes.length === 3 ? [width.taps, 1] : [1, height.taps]
  const taps = depth.taps * height.taps * width.taps
  let to = 0
  for (let o = 0; o < outer; o++) {
    for (let z = 0; z < depth.out; z++) {
      for (let y = 0; y < height.out; y++) {
        for (let k = 0; k < width.out; k++) {
          for (let i = 0; i < inner; i++) {
            let sum = 0
            for (let t = 0; t < taps; t++) {
              const a = z * depth.taps + Math.floor(t / (height.taps * width.taps))
              const b = y * height.taps + (Math.floor(t / rows) % height.taps)
              const c = k * width.taps + (Math.floor(t / columns) % width.taps)
              const row = ((o * depth.size + depth.places[a]!) * height.size + height.places[b]!) * width.size
              const value = x[(row + width.places[c]!) * inner + i]!
              const deep = fround(value * fround(depth.weights[a]!))
              const high = fround(deep * fround(height.weights[b]!))
              sum = fround(sum + fround(high * fround(width.weights[c]!)))
            }
            out[to++] = sum
          }
        }
      }
    }
  }
}

/** Every element of dout goes back to the elements of X that it was made from, times their weights. */
export function weightedGrad(grid: Grid, dout: NumberArray, dx: NumberArray): void {
  const { taps, places, weights, out: columns } = grid.axes.at(-1)!
  const { inner } = grid
  const sums = new Float64Array(dx.length)
  eachRowPair(grid, (row, weight, at) => {
    for (let k = 0; k < columns; k++) {
      for (let t = k * taps; t < (k + 1) * taps; t++) {
        const factor = weight * weights[t]!
        const to = (row + places[t]!) * inner
        const from = (at + k) * inner
        for (let i = 0; i < inner; i++) sums[to + i] = sums[to + i]! + factor * dout[from + i]!
      }
    }
  })
  dx.set(sums)
}
