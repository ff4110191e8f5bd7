/**
 * The arithmetic of convolutions over planes [batch, channels, height, width] or volumes: forward, gradient of the input, gradient of the filter.
 * Columns of windows are multiplied with the filter as a matrix (im2col); a filter of one input channel runs in direct loops (depthwise.ts).
 * A transposed convolution is the same three with forward and input gradient exchanged. Sums are float64 and rounded once on store.
 */
import type { NumberArray } from '../../tensor/dtype.ts'
import { type Matrix, matmul, transposed } from '../../tensor/matmul.ts'
import { gatherColumns, STILL, scatterColumns } from './columns.ts'
import { depthwiseFilterGrad, depthwiseForward, depthwiseInputGrad } from './depthwise.ts'
import { type Convolution, likeArray, type Span } from './window.ts'

/** Sizes derived once per call. */
interface Layout {
  /** Per group. */
  readonly channels: number
  readonly filters: number
  readonly plane: number
  readonly windows: number
  /** Elements of one window over all channels of a group. */
  readonly taps: number
  /** True for planes whose groups have one channel. */
  readonly depthwise: boolean
  /** True if the columns are the planes themselves. */
  readonly direct: boolean
}

function layoutOf({ groups, channels, filters, depth, height, width }: Convolution): Layout {
  const perGroup = channels / groups
  const spans = [depth ?? STILL, height, width]
  const product = (of: (span: Span) => number): number => spans.reduce((count, span) => count * of(span), 1)
  return {
    channels: perGroup,
    filters: filters / groups,
    plane: product(({ size }) => size),
    windows: product(({ out }) => out),
    taps: perGroup * product(({ kernel }) => kernel),
    depthwise: perGroup === 1 && depth === undefined,
    direct: spans.every(
      ({ kernel, stride, before, after }) => kernel === 1 && stride === 1 && before === 0 && after === 0,
    ),
  }
}

const rows = (data: NumberArray, offset: number, columns: number): Matrix => ({ data, offset, row: columns, col: 1 })

/** small[n, f, y, x] = sum over c, i, j of filter[f, c, i, j] * large[n, c, y * stride - before + i * dilation, …]. */
export function convolve(conv: Convolution, large: NumberArray, filter: NumberArray, small: NumberArray): void {
  const { channels, filters, plane, windows, taps, direct, depthwise } = layoutOf(conv)
  if (depthwise) {
    depthwiseForward(conv, large, filter, small)
    return
  }
  const columns = direct ? undefined : likeArray(large, taps * windows)
  for (let n = 0; n < conv.batch; n++) {
    for (let g = 0; g < conv.groups; g++) {
      const from = (n * conv.channels + g * channels) * plane
      if (columns !== undefined) gatherColumns(conv, channels, large, from, columns)
      matmul(
        filters,
        windows,
        taps,
        rows(filter, g * filters * taps, taps),
        columns === undefined ? rows(large, from, windows) : rows(columns, 0, windows),
        small,
        (n * conv.filters + g * filters) * windows,
      )
    }
  }
}

/** Gradient of `large` for a gradient of `small`; also the transposed convolution. */
export function convolveBack(conv: Convolution, small: NumberArray, filter: NumberArray, large: NumberArray): void {
  const { channels, filters, plane, windows, taps, direct, depthwise } = layoutOf(conv)
  if (depthwise) {
    depthwiseInputGrad(conv, small, filter, large)
    return
  }
  const columns = direct ? undefined : new Float64Array(taps * windows)
  const sums = direct ? undefined : new Float64Array(channels * plane)
  for (let n = 0; n < conv.batch; n++) {
    for (let g = 0; g < conv.groups; g++) {
      const to = (n * conv.channels + g * channels) * plane
      matmul(
        taps,
        windows,
        filters,
        transposed(rows(filter, g * filters * taps, taps)),
        rows(small, (n * conv.filters + g * filters) * windows, windows),
        columns ?? large,
        columns === undefined ? to : 0,
      )
      if (columns === undefined || sums === undefined) continue
      sums.fill(0)
      scatterColumns(conv, channels, columns, sums)
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
  const { channels, filters, plane, windows, taps, direct, depthwise } = layoutOf(conv)
  if (depthwise) {
    depthwiseFilterGrad(conv, large, small, filterGrad)
    return
  }
  const columns = direct ? undefined : likeArray(large, taps * windows)
  const sums = new Float64Array(filterGrad.length)
  for (let n = 0; n < conv.batch; n++) {
    for (let g = 0; g < conv.groups; g++) {
      const from = (n * conv.channels + g * channels) * plane
      if (columns !== undefined) gatherColumns(conv, channels, large, from, columns)
      matmul(
        filters,
        taps,
        windows,
        rows(small, (n * conv.filters + g * filters) * windows, windows),
        transposed(columns === undefined ? rows(large, from, windows) : rows(columns, 0, windows)),
        sums,
        g * filters * taps,
        true,
      )
    }
  }
  filterGrad.set(sums)
}
