/**
 * Convolutions whose filters see one channel each (depthwise): as many sums as there are elements of a window are too few for a matrix product,
 * so each filter element runs along the rows of its plane. Sums are float64 and rounded once on store.
 */
import type { NumberArray } from '../../tensor/dtype.ts'
import { type Convolution, insideRange } from './window.ts'

/** small[n, f] = the plane of channel f / multiplier under filter f. */
export function depthwiseForward(
  { batch, channels, filters, height, width }: Convolution,
  large: NumberArray,
  filter: NumberArray,
  small: NumberArray,
): void {
  const multiplier = filters / channels
  const plane = height.size * width.size
  const windows = height.out * width.out
  const sums = new Float64Array(windows)
  for (let n = 0; n < batch; n++) {
    for (let f = 0; f < filters; f++) {
      const channel = (n * channels + Math.floor(f / multiplier)) * plane
      sums.fill(0)
      let tap = f * height.kernel * width.kernel
      for (let i = 0; i < height.kernel; i++) {
        const top = i * height.dilation - height.before
        const [firstY, endY] = insideRange(height, top)
        for (let j = 0; j < width.kernel; j++, tap++) {
          const left = j * width.dilation - width.before
          const [firstX, endX] = insideRange(width, left)
          const factor = filter[tap]!
          for (let y = firstY; y < endY; y++) {
            const to = y * width.out
            let from = channel + (y * height.stride + top) * width.size + left + firstX * width.stride
            for (let x = firstX; x < endX; x++, from += width.stride)
              sums[to + x] = sums[to + x]! + factor * large[from]!
          }
        }
      }
      small.set(sums, (n * filters + f) * windows)
    }
  }
}

/** Gradient of the large side: every window adds its value times the filter to the elements under it. */
export function depthwiseInputGrad(
  { batch, channels, filters, height, width }: Convolution,
  small: NumberArray,
  filter: NumberArray,
  large: NumberArray,
): void {
  const multiplier = filters / channels
  const plane = height.size * width.size
  const windows = height.out * width.out
  const sums = new Float64Array(plane)
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      sums.fill(0)
      for (let f = c * multiplier; f < (c + 1) * multiplier; f++) {
        const window = (n * filters + f) * windows
        let tap = f * height.kernel * width.kernel
        for (let i = 0; i < height.kernel; i++) {
          const top = i * height.dilation - height.before
          const [firstY, endY] = insideRange(height, top)
          for (let j = 0; j < width.kernel; j++, tap++) {
            const left = j * width.dilation - width.before
            const [firstX, endX] = insideRange(width, left)
            const factor = filter[tap]!
            for (let y = firstY; y < endY; y++) {
              const from = window + y * width.out
              let to = (y * height.stride + top) * width.size + left + firstX * width.stride
              for (let x = firstX; x < endX; x++, to += width.stride) sums[to] = sums[to]! + factor * small[from + x]!
            }
          }
        }
      }
      large.set(sums, (n * channels + c) * plane)
    }
  }
}

/** Gradient of the filter: for each of its elements the product of the windows with the elements under it. */
export function depthwiseFilterGrad(
  { batch, channels, filters, height, width }: Convolution,
  large: NumberArray,
  small: NumberArray,
  filterGrad: NumberArray,
): void {
  const multiplier = filters / channels
  const plane = height.size * width.size
  const windows = height.out * width.out
  let tap = 0
  for (let f = 0; f < filters; f++) {
    for (let i = 0; i < height.kernel; i++) {
      const top = i * height.dilation - height.before
      const [firstY, endY] = insideRange(height, top)
      for (let j = 0; j < width.kernel; j++, tap++) {
        const left = j * width.dilation - width.before
        const [firstX, endX] = insideRange(width, left)
        let sum = 0
        for (let n = 0; n < batch; n++) {
          const channel = (n * channels + Math.floor(f / multiplier)) * plane
          const window = (n * filters + f) * windows
          for (let y = firstY; y < endY; y++) {
            const at = window + y * width.out
            let from = channel + (y * height.stride + top) * width.size + left + firstX * width.stride
            for (let x = firstX; x < endX; x++, from += width.stride) sum += small[at + x]! * large[from]!
          }
        }
        filterGrad[tap] = sum
      }
    }
  }
}
