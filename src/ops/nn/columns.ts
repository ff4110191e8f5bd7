/**
 * Windows as columns (im2col) and columns back to planes (col2im). Planes may be volumes: then windows move along a depth, too. Sums are the
 * caller's, in float64.
 */
import type { NumberArray } from '../../tensor/dtype.ts'
import { insideRange, type Span } from './window.ts'

export interface Spans {
  /** Absent for planes. */
  readonly depth?: Span | undefined
  readonly height: Span
  readonly width: Span
}

/** The depth of planes: one layer, one window. */
export const STILL: Span = { size: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, out: 1 }

/**
 * Calls `visit` for every row of windows under every tap of a window over `channels` volumes: `line` is where the row of columns begins, `at`
 * where its first element lies in the volumes. `at` is -1 where the row lies in the padding.
 */
function eachRow(
  { depth = STILL, height, width }: Spans,
  channels: number,
  visit: (line: number, at: number, left: number) => void,
): void {
  const volume = depth.size * height.size * width.size
  let line = 0
  for (let c = 0; c < channels; c++) {
    for (let h = 0; h < depth.kernel; h++) {
      const front = h * depth.dilation - depth.before
      for (let i = 0; i < height.kernel; i++) {
        const top = i * height.dilation - height.before
        for (let j = 0; j < width.kernel; j++) {
          const left = j * width.dilation - width.before
          for (let z = 0; z < depth.out; z++) {
            const layer = z * depth.stride + front
            for (let y = 0; y < height.out; y++, line += width.out) {
              const row = y * height.stride + top
              const inside = layer >= 0 && layer < depth.size && row >= 0 && row < height.size
              visit(line, inside ? c * volume + (layer * height.size + row) * width.size : -1, left)
            }
          }
        }
      }
    }
  }
}

/** columns[(c, h, i, j), (z, y, x)] = the element of volume c under tap (h, i, j) of window (z, y, x), 0 in the padding. */
export function gatherColumns(
  spans: Spans,
  channels: number,
  data: NumberArray,
  offset: number,
  columns: NumberArray,
): void {
  const { width } = spans
  eachRow(spans, channels, (line, at, left) => {
    if (at < 0) {
      columns.fill(0, line, line + width.out)
      return
    }
    const [first, end] = insideRange(width, left)
    const from = offset + at + left
    for (let x = 0; x < first; x++) columns[line + x] = 0
    if (width.stride === 1) for (let x = first; x < end; x++) columns[line + x] = data[from + x]!
    else for (let x = first; x < end; x++) columns[line + x] = data[from + x * width.stride]!
    for (let x = end; x < width.out; x++) columns[line + x] = 0
  })
}

/** Adds each element of `columns` to the element of `volumes` that it stands for; the inverse walk of `gatherColumns`. */
export function scatterColumns(spans: Spans, channels: number, columns: NumberArray, volumes: Float64Array): void {
  const { width } = spans
  eachRow(spans, channels, (line, at, left) => {
    if (at < 0) return
    const [first, end] = insideRange(width, left)
    let to = at + left + first * width.stride
    for (let x = first; x < end; x++, to += width.stride) volumes[to] = volumes[to]! + columns[line + x]!
  })
}
