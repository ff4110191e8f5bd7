/** The loops of pooling over planes, or volumes: the largest element or the mean of each window, and where cotangents go. */
import type { NumberArray } from '../../tensor/dtype.ts'
import { LOWEST, type Pooling } from './pool_shape.ts'

/** Calls `visit(o, d, i, j)` for each window of one plane or volume: its number over all planes and its place in each dimension. */
function eachWindow(
  { depth, height, width }: Pooling,
  plane: number,
  visit: (o: number, d: number, i: number, j: number) => void,
): void {
  let o = plane * depth.out * height.out * width.out
  for (let d = 0; d < depth.out; d++) {
    for (let i = 0; i < height.out; i++) for (let j = 0; j < width.out; j++) visit(o++, d, i, j)
  }
}

const sizeOf = ({ depth, height, width }: Pooling): number => depth.size * height.size * width.size

/** The first largest element of each window, row by row: its value, and its place in the plane, -1 in an empty window. */
export function largest(pooling: Pooling, x: NumberArray, out: NumberArray, places?: Int32Array): void {
  const { depth, height, width } = pooling
  const size = sizeOf(pooling)
  for (let p = 0; p < pooling.planes; p++) {
    eachWindow(pooling, p, (o, d, i, j) => {
      let max = LOWEST
      let place = -1
      for (let z = depth.starts[d]!; z < depth.ends[d]!; z++) {
        for (let y = height.starts[i]!; y < height.ends[i]!; y++) {
          const row = (z * height.size + y) * width.size
          for (let k = row + width.starts[j]!; k < row + width.ends[j]!; k++) {
            // Not Math.max: a NaN is kept only until the next element. Of equal ones, 0 and -0, the last; the place is that of the first.
            const value = x[p * size + k]!
            if (max > value || (places !== undefined && max === value && place >= 0)) continue
            max = value
            place = k
          }
        }
      }
      out[o] = max
      if (places !== undefined) places[o] = place
    })
  }
}

export function average(pooling: Pooling, x: NumberArray, out: NumberArray): void {
  const { depth, height, width } = pooling
  const size = sizeOf(pooling)
  for (let p = 0; p < pooling.planes; p++) {
    eachWindow(pooling, p, (o, d, i, j) => {
      let sum = 0
      for (let z = depth.starts[d]!; z < depth.ends[d]!; z++) {
        for (let y = height.starts[i]!; y < height.ends[i]!; y++) {
          const row = p * size + (z * height.size + y) * width.size
          for (let k = row + width.starts[j]!; k < row + width.ends[j]!; k++) sum += x[k]!
        }
      }
      out[o] = sum / (depth.counts[d]! * height.counts[i]! * width.counts[j]!)
    })
  }
}

/** All of dOut goes to the first element of the window, row by row, that is the maximum. */
export function largestGrad(
  pooling: Pooling,
  x: NumberArray,
  out: NumberArray,
  dout: NumberArray,
  dx: NumberArray,
): void {
  const { depth, height, width } = pooling
  const size = sizeOf(pooling)
  const sums = new Float64Array(size)
  for (let p = 0; p < pooling.planes; p++) {
    sums.fill(0)
    eachWindow(pooling, p, (o, d, i, j) => {
      const max = out[o]!
      for (let z = depth.starts[d]!; z < depth.ends[d]!; z++) {
        for (let y = height.starts[i]!; y < height.ends[i]!; y++) {
          const row = (z * height.size + y) * width.size
          for (let k = row + width.starts[j]!; k < row + width.ends[j]!; k++) {
            if (x[p * size + k]! !== max) continue
            sums[k] = sums[k]! + dout[o]!
            return
          }
        }
      }
    })
    dx.set(sums, p * size)
  }
}

export function averageGrad(pooling: Pooling, dout: NumberArray, dx: NumberArray): void {
  const { depth, height, width } = pooling
  const size = sizeOf(pooling)
  const sums = new Float64Array(size)
  for (let p = 0; p < pooling.planes; p++) {
    sums.fill(0)
    eachWindow(pooling, p, (o, d, i, j) => {
      // The factor is a float32 in Paddle, also for float64 tensors.
      const share = dout[o]! * Math.fround(1 / (depth.counts[d]! * height.counts[i]! * width.counts[j]!))
      for (let z = depth.starts[d]!; z < depth.ends[d]!; z++) {
        for (let y = height.starts[i]!; y < height.ends[i]!; y++) {
          const row = (z * height.size + y) * width.size
          for (let k = row + width.starts[j]!; k < row + width.ends[j]!; k++) sums[k] = sums[k]! + share
        }
      }
    })
    dx.set(sums, p * size)
  }
}
