/**
 * Bilinear resizing of 8-bit images, bit for bit as `cv2.resize` with INTER_LINEAR does it: weights of 11 bits, sums of integers that are cut
 * off, not rounded, on the way. Source: OpenCV 4.10, modules/imgproc/src/resize.cpp; measured equal on images of all sizes.
 */
import type { Image } from './image.ts'

const CHANNELS = 3
const WEIGHT_ONE = 2048

/** Where the elements of an output row or column come from: the first of two neighbours, and the weight of each in 1/2048. */
interface Taps {
  readonly first: Int32Array
  readonly weights: Int32Array
}

/** @param width, height positive integers. */
export function resizeBilinear(image: Image, width: number, height: number): Image {
  if (image.width === 2 * width && image.height === 2 * height) return halve(image, width, height)
  const columns = taps(image.width, width, true)
  const rows = taps(image.height, height, false)
  const out = new Uint8Array(width * height * CHANNELS)
  const stretched = new RowCache(image, columns, width)
  const last = image.height - 1
  for (let y = 0; y < height; y++) {
    const from = rows.first[y]!
    const above = stretched.row(Math.min(Math.max(from, 0), last))
    const below = stretched.row(Math.min(Math.max(from + 1, 0), last))
    const b0 = rows.weights[2 * y]!
    const b1 = rows.weights[2 * y + 1]!
    const to = y * width * CHANNELS
    for (let i = 0; i < width * CHANNELS; i++) {
      // Each product is cut to its upper 16 bits, as the vector instructions do it.
      out[to + i] = (((b0 * (above[i]! >> 4)) >> 16) + ((b1 * (below[i]! >> 4)) >> 16) + 2) >> 2
    }
  }
  return { width, height, data: out }
}

/**
 * Output element d lies at f = (d + 0.5) * size / outSize - 0.5 of the input. Columns outside take the border alone; for rows the weights stay
 * as they are and both neighbours become the border row, which is not the same once products are cut off.
 */
function taps(size: number, outSize: number, clampWeights: boolean): Taps {
  const scale = size / outSize
  const first = new Int32Array(outSize)
  const weights = new Int32Array(outSize * 2)
  for (let d = 0; d < outSize; d++) {
    const at = Math.fround((d + 0.5) * scale - 0.5)
    let index = Math.floor(at)
    let part = Math.fround(at - index)
    if (clampWeights && (index < 0 || index >= size - 1)) {
      index = index < 0 ? 0 : size - 1
      part = 0
    }
    first[d] = index
    weights[2 * d] = roundHalfToEven(Math.fround(Math.fround(1 - part) * WEIGHT_ONE))
    weights[2 * d + 1] = roundHalfToEven(Math.fround(part * WEIGHT_ONE))
  }
  return { first, weights }
}

function roundHalfToEven(value: number): number {
  const down = Math.floor(value)
  const rest = value - down
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down
}

/** Input rows brought to the output width, in 1/2048; the two that were asked for last are kept. */
class RowCache {
  readonly #image: Image
  readonly #columns: Taps
  readonly #kept: { y: number; values: Int32Array }[]

  constructor(image: Image, columns: Taps, width: number) {
    this.#image = image
    this.#columns = columns
    this.#kept = [0, 1].map(() => ({ y: -1, values: new Int32Array(width * CHANNELS) }))
  }

  row(y: number): Int32Array {
    const found = this.#kept.findIndex((entry) => entry.y === y)
    // The one that was used last is in front.
    const entry = this.#kept[found >= 0 ? found : 1]!
    if (entry !== this.#kept[0]) this.#kept.reverse()
    if (found < 0) {
      entry.y = y
      this.#stretch(y, entry.values)
    }
    return entry.values
  }

  #stretch(y: number, values: Int32Array): void {
    const { width, data } = this.#image
    const { first, weights } = this.#columns
    const row = y * width * CHANNELS
    for (let x = 0; x < first.length; x++) {
      const left = row + first[x]! * CHANNELS
      const right = row + Math.min(first[x]! + 1, width - 1) * CHANNELS
      for (let c = 0; c < CHANNELS; c++) {
        values[x * CHANNELS + c] = data[left + c]! * weights[2 * x]! + data[right + c]! * weights[2 * x + 1]!
      }
    }
  }
}

/** Exactly half the size: OpenCV takes the rounded mean of four pixels. */
function halve({ width: stride, data }: Image, width: number, height: number): Image {
  const out = new Uint8Array(width * height * CHANNELS)
  const row = stride * CHANNELS
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 2 * y * row + 2 * x * CHANNELS
      for (let c = from; c < from + CHANNELS; c++) {
        out[to++] = (data[c]! + data[c + CHANNELS]! + data[c + row]! + data[c + row + CHANNELS]! + 2) >> 2
      }
    }
  }
  return { width, height, data: out }
}
