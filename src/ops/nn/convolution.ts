/**
 * The arithmetic of convolutions over planes [batch, channels, height, width]: forward, gradient of the input, gradient of the filter.
 * Columns of windows are multiplied with the filter as a matrix (im2col); a filter of one input channel runs in direct loops (depthwise.ts).
 * A transposed convolution is the same three with forward and input gradient exchanged. Sums are float64 and rounded once on store.
 */
import type { NumberArray } from '../../tensor/dtype.ts'
import { type Matrix, matmul, transposed } from '../../tensor/matmul.ts'
import { depthwiseFilterGrad, depthwiseForward, depthwiseInputGrad } from './depthwise.ts'
import { type Convolution, insideRange, likeArray, type Span } from './window.ts'

/** Sizes derived once per call. */
interface Layout {
  /** Per group. */
  readonly channels: number
  readonly filters: number
  readonly plane: number
  readonly windows: number
  /** Elements of one window over all channels of a group. */
  readonly depth: number
  /** True if the columns are the planes themselves. */
  readonly direct: boolean
}

function layoutOf({ groups, channels, filters, height, width }: Convolution): Layout {
  const perGroup = channels / groups
  const still = (span: Span): boolean => span.kernel === 1 && span.stride === 1 && span.before === 0 && span.after === 0
  return {
    channels: perGroup,
    filters: filters / groups,
    plane: height.size * width.size,
    windows: height.out * width.out,
    depth: perGroup * height.kernel * width.kernel,
    direct: still(height) && still(width),
  }
}

const rows = (data: NumberArray, offset: number, columns: number): Matrix => ({ data, offset, row: columns, col: 1 })

/** small[n, f, y, x] = sum over c, i, j of filter[f, c, i, j] * large[n, c, y * stride - before + i * dilation, …]. */
export function convolve(conv: Convolution, large: NumberArray, filter: NumberArray, small: NumberArray): void {
  const { channels, filters, plane, windows, depth, direct } = layoutOf(conv)
  if (channels === 1) {
    depthwiseForward(conv, large, filter, small)
    return
  }
  const columns = direct ? undefined : likeArray(large, depth * windows)
  for (let n = 0; n < conv.batch; n++) {
    for (let g = 0; g < conv.groups; g++) {
      const from = (n * conv.channels + g * channels) * plane
      if (columns !== undefined) gather(conv, channels, large, from, columns)
      matmul(
        filters,
        windows,
        depth,
        rows(filter, g * filters * depth, depth),
        columns === undefined ? rows(large, from, windows) : rows(columns, 0, windows),
        small,
        (n * conv.filters + g * filters) * windows,
      )
    }
  }
}

/** Gradient of `large` for a gradient of `small`; also the transposed convolution. */
export function convolveBack(conv: Convolution, small: NumberArray, filter: NumberArray, large: NumberArray): void {
  const { channels, filters, plane, windows, depth, direct } = layoutOf(conv)
  if (channels === 1) {
    depthwiseInputGrad(conv, small, filter, large)
    return
  }
  const columns = direct ? undefined : new Float64Array(depth * windows)
  const sums = direct ? undefined : new Float64Array(channels * plane)
  for (let n = 0; n < conv.batch; n++) {
    for (let g = 0; g < conv.groups; g++) {
      const to = (n * conv.channels + g * channels) * plane
      matmul(
        depth,
        windows,
        filters,
        transposed(rows(filter, g * filters * depth, depth)),
        rows(small, (n * conv.filters + g * filters) * windows, windows),
        columns ?? large,
        columns === undefined ? to : 0,
      )
      if (columns === undefined || sums === undefined) continue
      sums.fill(0)
      scatter(conv, channels, columns, sums)
      large.set(sums, to)
    }
  }
}

/** Gradient of the filter for a gradient of `small`. */
export function convolveFilterGrad(
  conv: Convolution,
  large: NumberArray,
  small: NumberArray,
  filterGrad: NumberArray,
): void {
  const { channels, filters, plane, windows, depth, direct } = layoutOf(conv)
  if (channels === 1) {
    depthwiseFilterGrad(conv, large, small, filterGrad)
    return
  }
  const columns = direct ? undefined : likeArray(large, depth * windows)
  const sums = new Float64Array(filterGrad.length)
  for (let n = 0; n < conv.batch; n++) {
    for (let g = 0; g < conv.groups; g++) {
      const from = (n * conv.channels + g * channels) * plane
      if (columns !== undefined) gather(conv, channels, large, from, columns)
      matmul(
        filters,
        depth,
        windows,
        rows(small, (n * conv.filters + g * filters) * windows, windows),
        transposed(columns === undefined ? rows(large, from, windows) : rows(columns, 0, windows)),
        sums,
        g * filters * depth,
        true,
      )
    }
  }
  filterGrad.set(sums)
}

/** columns[(c, i, j), (y, x)] = the element of plane c under element (i, j) of window (y, x), 0 in the padding. */
function gather(
  { height, width }: Convolution,
  channels: number,
  data: NumberArray,
  offset: number,
  columns: NumberArray,
): void {
  const windows = height.out * width.out
  let line = 0
  for (let c = 0; c < channels; c++) {
    const plane = offset + c * height.size * width.size
    for (let i = 0; i < height.kernel; i++) {
      const top = i * height.dilation - height.before
      const [firstY, endY] = insideRange(height, top)
      for (let j = 0; j < width.kernel; j++, line += windows) {
        const left = j * width.dilation - width.before
        const [firstX, endX] = insideRange(width, left)
        columns.fill(0, line, line + firstY * width.out)
        columns.fill(0, line + endY * width.out, line + windows)
        for (let y = firstY; y < endY; y++) {
          const to = line + y * width.out
          const from = plane + (y * height.stride + top) * width.size + left
          for (let x = 0; x < firstX; x++) columns[to + x] = 0
          if (width.stride === 1) for (let x = firstX; x < endX; x++) columns[to + x] = data[from + x]!
          else for (let x = firstX; x < endX; x++) columns[to + x] = data[from + x * width.stride]!
          for (let x = endX; x < width.out; x++) columns[to + x] = 0
        }
      }
    }
  }
}

/** Adds each element of `columns` to the element of `planes` that it stands for; the inverse walk of `gather`. */
function scatter({ height, width }: Convolution, channels: number, columns: Float64Array, planes: Float64Array): void {
  const windows = height.out * width.out
  let line = 0
  for (let c = 0; c < channels; c++) {
    const plane = c * height.size * width.size
    for (let i = 0; i < height.kernel; i++) {
      const top = i * height.dilation - height.before
      const [firstY, endY] = insideRange(height, top)
      for (let j = 0; j < width.kernel; j++, line += windows) {
        const left = j * width.dilation - width.before
        const [firstX, endX] = insideRange(width, left)
        for (let y = firstY; y < endY; y++) {
          const from = line + y * width.out
          let to = plane + (y * height.stride + top) * width.size + left + firstX * width.stride
          for (let x = firstX; x < endX; x++, to += width.stride) planes[to] = planes[to]! + columns[from + x]!
        }
      }
    }
  }
}
