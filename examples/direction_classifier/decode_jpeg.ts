/**
 * JPEG files as OpenCV's `imread` reads them: decoded by libjpeg-turbo, bit for bit, and turned as their EXIF orientation says. Decoders
 * written anew (jpeg-js) differ by up to 36 of 255 at coloured edges, because they spread the coarser colour planes otherwise.
 */
import { createRequire } from 'node:module'
import { imageError } from './errors.ts'
import { exifOrientation } from './exif.ts'
import { type Image, orient } from './image.ts'

/** What is used of the compiled library: bytes go into and come out of its own memory. */
interface Decoder {
  getEncodedBuffer(size: number): Uint8Array
  decode(): void
  getDecodedBuffer(): Uint8Array
  getFrameInfo(): { readonly width: number; readonly height: number; readonly componentCount: number }
  delete(): void
}
interface Library {
  readonly JPEGDecoder: new () => Decoder
}

let library: Promise<Library> | undefined

/** To be awaited once before `decodeJpeg`: the library is compiled then. */
export async function loadJpegLibrary(): Promise<Library> {
  const quiet = { print: () => {}, printErr: () => {} }
  library ??= createRequire(import.meta.url)('@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs')(
    quiet,
  ) as Promise<Library>
  return await library
}

/** @throws EnforceError IMAGE_CORRUPT; IMAGE_UNSUPPORTED for four colours (CMYK); what `checkSize` throws for its width and height. */
export function decodeJpeg(
  { JPEGDecoder }: Library,
  bytes: Uint8Array,
  checkSize: (width: number, height: number) => void,
): Image {
  const { frame, orientation } = readHeaders(bytes)
  checkSize(frame.width, frame.height)
  if (frame.components === 4) {
    throw imageError('IMAGE_UNSUPPORTED', 'the JPEG file has four colours (CMYK)', {
      hint: 'convert it to RGB first',
    })
  }
  const decoder = new JPEGDecoder()
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes)
    decoder.decode()
    const { width, height, componentCount } = decoder.getFrameInfo()
    return orient({ width, height, data: toBgr(decoder.getDecodedBuffer(), componentCount) }, orientation)
  } catch (error) {
    // What is thrown is a place in the library's memory, and says nothing.
    throw imageError('IMAGE_CORRUPT', 'the JPEG file is damaged, or of a kind that libjpeg-turbo does not read', {
      cause: error,
    })
  } finally {
    decoder.delete()
  }
}

function toBgr(decoded: Uint8Array, channels: number): Uint8Array {
  const bgr = new Uint8Array((decoded.length / channels) * 3)
  // A grey image has one channel, which is all three.
  const [red, green, blue] = channels === 1 ? [0, 0, 0] : [0, 1, 2]
  for (let from = 0, to = 0; to < bgr.length; from += channels, to += 3) {
    bgr[to] = decoded[from + blue!]!
    bgr[to + 1] = decoded[from + green!]!
    bgr[to + 2] = decoded[from + red!]!
  }
  return bgr
}

interface Frame {
  readonly width: number
  readonly height: number
  readonly components: number
}

/** Walks the segments up to the pixels. */
function readHeaders(bytes: Uint8Array): { frame: Frame; orientation: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let frame: Frame | undefined
  let orientation = 1
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) break
    const marker = bytes[at + 1]!
    // Fill bytes, and markers that stand alone.
    if (marker === 0xff || (marker >= 0xd0 && marker <= 0xd7) || marker === 0x01) {
      at += marker === 0xff ? 1 : 2
      continue
    }
    const length = view.getUint16(at + 2)
    if (length < 2 || at + 2 + length > bytes.length) break
    if (marker === 0xe1) orientation = exifOrientation(bytes.subarray(at + 4, at + 2 + length)) ?? orientation
    if (isFrame(marker) && length >= 8) {
      frame = { width: view.getUint16(at + 7), height: view.getUint16(at + 5), components: bytes[at + 9]! }
    }
    if (marker === 0xda && frame !== undefined) return { frame, orientation }
    at += 2 + length
  }
  throw imageError('IMAGE_CORRUPT', 'the JPEG file is damaged: it ends before its pixels begin')
}

/** SOF0 to SOF15 without the three markers in between that mean something else. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
