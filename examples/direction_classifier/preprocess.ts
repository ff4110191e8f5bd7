/**
 * From an image of a text line to what the network is fed: 48 pixels high, at most 192 wide, values from -1 to 1, the rest of the width 0.
 * Source: PaddleOCR release/2.2, tools/infer/predict_cls.py, resize_norm_img.
 */
import type { Image } from './image.ts'
import { resizeBilinear } from './resize.ts'

export const CHANNELS = 3
export const HEIGHT = 48
export const WIDTH = 192
/** Elements of one line, [3, 48, 192]. */
export const LINE_SIZE = CHANNELS * HEIGHT * WIDTH

/** (value / 255 - 0.5) / 0.5, rounded to float32 after each operation. */
export const NORMALIZED = Float32Array.from(
  { length: 256 },
  (_, value) => Math.fround(Math.fround(value / 255) - 0.5) / 0.5,
)

/** The width that an image has once it is 48 pixels high: its shape is kept up to a width of 192, beyond it is squeezed. */
export const resizedWidth = ({ width, height }: Pick<Image, 'width' | 'height'>): number =>
  Math.min(WIDTH, Math.ceil(HEIGHT * (width / height)))

/** Lines as a batch, [N, 3, 48, 192], channels in the order blue, green, red. */
export function preprocess(images: readonly Image[]): Float32Array {
  const batch = new Float32Array(images.length * LINE_SIZE)
  images.forEach((image, i) => {
    const { width, data } = resizeBilinear(image, resizedWidth(image), HEIGHT)
    for (let c = 0; c < CHANNELS; c++) {
      for (let y = 0; y < HEIGHT; y++) {
        const to = i * LINE_SIZE + (c * HEIGHT + y) * WIDTH
        for (let x = 0; x < width; x++) batch[to + x] = NORMALIZED[data[(y * width + x) * CHANNELS + c]!]!
      }
    }
  })
  return batch
}
