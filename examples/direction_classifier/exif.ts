/** How a camera was held: the one number of EXIF that matters for reading an image. Source: EXIF 2.32, 4.6.2 and 4.6.4, tag Orientation. */

const ORIENTATION_TAG = 0x0112
const SHORT = 3
const ENTRY_BYTES = 12

/** @param segment content of a JPEG's APP1. @returns 1 to 8, or undefined if it does not say. */
export function exifOrientation(segment: Uint8Array): number | undefined {
  const text = String.fromCharCode(...segment.subarray(0, 6))
  if (text !== 'Exif\0\0') return undefined
  const tiff = new DataView(segment.buffer, segment.byteOffset + 6, segment.byteLength - 6)
  if (tiff.byteLength < 8) return undefined
  const order = tiff.getUint16(0)
  if (order !== 0x4949 && order !== 0x4d4d) return undefined
  const little = order === 0x4949
  const directory = tiff.getUint32(4, little)
  if (directory + 2 > tiff.byteLength) return undefined
  const count = tiff.getUint16(directory, little)
  for (let i = 0; i < count; i++) {
    const at = directory + 2 + i * ENTRY_BYTES
    if (at + ENTRY_BYTES > tiff.byteLength) return undefined
    if (tiff.getUint16(at, little) !== ORIENTATION_TAG || tiff.getUint16(at + 2, little) !== SHORT) continue
    const value = tiff.getUint16(at + 8, little)
    return value >= 1 && value <= 8 ? value : undefined
  }
  return undefined
}
