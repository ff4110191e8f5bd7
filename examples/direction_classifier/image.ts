/** An image as OpenCV holds it, and turning it. */

/** Eight bits a channel, channels in the order blue, green, red, row after row from the top: `data[(y * width + x) * 3 + channel]`. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** A copy turned by 180 degrees: the pixels in reverse order (`cv2.rotate` with ROTATE_180). */
export function rotate180({ width, height, data }: Image): Image {
  const turned = new Uint8Array(data.length)
  for (let from = 0, to = data.length - 3; to >= 0; from += 3, to -= 3) {
    turned[to] = data[from]!
    turned[to + 1] = data[from + 1]!
    turned[to + 2] = data[from + 2]!
  }
  return { width, height, data: turned }
}

/**
 * The image as its EXIF orientation says it is to be seen.
 * @param orientation 1 to 8: where row 0 and column 0 of `image` belong; 1 is as stored, from 5 on rows and columns change places.
 */
export function orient(image: Image, orientation: number): Image {
  if (orientation === 1) return image
  if (orientation === 3) return rotate180(image)
  const { width, height, data } = image
  const swapped = orientation >= 5
  const [outWidth, outHeight] = swapped ? [height, width] : [width, height]
  // Read from the right or from the bottom.
  const mirrorX = [2, 7, 8].includes(orientation)
  const mirrorY = [4, 6, 7].includes(orientation)
  const out = new Uint8Array(data.length)
  for (let y = 0, to = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++, to += 3) {
      const [column, row] = swapped ? [y, x] : [x, y]
      const from = ((mirrorY ? height - 1 - row : row) * width + (mirrorX ? width - 1 - column : column)) * 3
      out[to] = data[from]!
      out[to + 1] = data[from + 1]!
      out[to + 2] = data[from + 2]!
    }
  }
  return { width: outWidth, height: outHeight, data: out }
}
