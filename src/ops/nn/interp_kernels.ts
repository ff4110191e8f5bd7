/** The loops of resizing: X seen as [outer, sizes…, inner], Out as [outer, outs…, inner]. Gradients are summed in float64. */
import type { NumberArray } from '../../tensor/dtype.ts'

/** Along one dimension, for each element of Out: the two elements of X around it and the weight of the second. */
export interface Axis {
  readonly size: number
  readonly out: number
  readonly low: Int32Array
  readonly high: Int32Array
  readonly weight: Float32Array
}

export interface Grid {
  readonly outer: number
  readonly inner: number
  /** Height and width, or depth, height and width. */
  readonly axes: readonly Axis[]
  /** True if Out has the sizes of X: Paddle then copies, whatever the ratio. */
  readonly copies: boolean
}

const STILL: Axis = {
  size: 1,
  out: 1,
  low: Int32Array.of(0),
  high: Int32Array.of(0),
  weight: Float32Array.of(0),
}

const volume = ({ axes }: Grid): readonly [Axis, Axis, Axis] =>
  axes.length === 3 ? [axes[0]!, axes[1]!, axes[2]!] : [STILL, axes[0]!, axes[1]!]

export function nearest(grid: Grid, x: NumberArray | BigInt64Array, out: NumberArray | BigInt64Array): void {
  const [depth, height, width] = volume(grid)
  const { outer, inner } = grid
  let to = 0
  for (let o = 0; o < outer; o++) {
    for (let z = 0; z < depth.out; z++) {
      for (let y = 0; y < height.out; y++) {
        const row = ((o * depth.size + depth.low[z]!) * height.size + height.low[y]!) * width.size
        for (let k = 0; k < width.out; k++) {
          const from = (row + width.low[k]!) * inner
          for (let i = from; i < from + inner; i++) out[to++] = x[i]!
        }
      }
    }
  }
}

export function nearestGrad(grid: Grid, dout: NumberArray, dx: NumberArray): void {
  const [depth, height, width] = volume(grid)
  const { outer, inner } = grid
  const sums = new Float64Array(dx.length)
  let at = 0
  for (let o = 0; o < outer; o++) {
    for (let z = 0; z < depth.out; z++) {
      for (let y = 0; y < height.out; y++) {
        const row = ((o * depth.size + depth.low[z]!) * height.size + height.low[y]!) * width.size
        for (let k = 0; k < width.out; k++) {
          const to = (row + width.low[k]!) * inner
          for (let i = to; i < to + inner; i++) sums[i] = sums[i]! + dout[at++]!
        }
      }
    }
  }
  dx.set(sums)
}

export function linear({ outer, inner, axes }: Grid, x: NumberArray, out: NumberArray): void {
  const [height, width] = axes as readonly [Axis, Axis]
  const whole = !(out instanceof Float32Array || out instanceof Float64Array)
  let to = 0
  for (let o = 0; o < outer; o++) {
    const plane = o * height.size * width.size
    for (let y = 0; y < height.out; y++) {
      const top = plane + height.low[y]! * width.size
      const bottom = plane + height.high[y]! * width.size
      const south = height.weight[y]!
      const north = Math.fround(1 - south)
      for (let k = 0; k < width.out; k++) {
        const east = width.weight[k]!
        const west = Math.fround(1 - east)
        const left = width.low[k]! * inner
        const right = width.high[k]! * inner
        for (let i = 0; i < inner; i++) {
          const value =
            north * (west * x[top * inner + left + i]! + east * x[top * inner + right + i]!) +
            south * (west * x[bottom * inner + left + i]! + east * x[bottom * inner + right + i]!)
          // A whole number is cut off after rounding to float32.
          out[to++] = whole ? Math.fround(value) : value
        }
      }
    }
  }
}

export function linearGrad({ outer, inner, axes }: Grid, dout: NumberArray, dx: NumberArray): void {
  const [height, width] = axes as readonly [Axis, Axis]
  const sums = new Float64Array(dx.length)
  let at = 0
  for (let o = 0; o < outer; o++) {
    const plane = o * height.size * width.size
    for (let y = 0; y < height.out; y++) {
      const top = (plane + height.low[y]! * width.size) * inner
      const bottom = (plane + height.high[y]! * width.size) * inner
      const south = height.weight[y]!
      const north = Math.fround(1 - south)
      for (let k = 0; k < width.out; k++) {
        const east = width.weight[k]!
        const west = Math.fround(1 - east)
        const left = width.low[k]! * inner
        const right = width.high[k]! * inner
        for (let i = 0; i < inner; i++) {
          const value = dout[at++]!
          sums[top + left + i] = sums[top + left + i]! + north * west * value
          sums[top + right + i] = sums[top + right + i]! + north * east * value
          sums[bottom + left + i] = sums[bottom + left + i]! + south * west * value
          sums[bottom + right + i] = sums[bottom + right + i]! + south * east * value
        }
      }
    }
  }
  dx.set(sums)
}
