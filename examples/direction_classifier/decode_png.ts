/**
 * PNG files as OpenCV's `imread` reads them in colour: alpha is dropped, not blended; of 16 bits the upper 8 stay; grey becomes three equal
 * channels; gamma and colour profiles are ignored. pngjs decodes; what it is given is checked and measured here first, so that a small file
 * cannot ask for much memory.
 */
import { inflateSync } from 'node:zlib'
import { PNG } from 'pngjs'
import { imageError } from './errors.ts'
import type { Image } from './image.ts'

const SIGNATURE_BYTES = 8
/** Length and type before the data of a chunk, a checksum behind it. */
const CHUNK_BYTES = 12
/** Channels for each colour type of the header; undefined for those that do not exist. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly channels: number
  readonly interlaced: boolean
}

/** @throws EnforceError IMAGE_CORRUPT; what `checkSize` throws for its width and height. */
export function decodePng(bytes: Uint8Array, checkSize: (width: number, height: number) => void): Image {
  const { header, essential, data } = readChunks(bytes)
  const { width, height } = header
  checkSize(width, height)
  checkPixelBytes(header, data)
  let decoded: { readonly data: Uint8Array }
  try {
    // pngjs would stretch 16 bits to 8 with rounding; unstretched it gives numbers of 16 bits.
    decoded = PNG.sync.read(essential, { skipRescale: header.depth === 16 })
  } catch (error) {
    throw corrupt(error instanceof Error ? error.message : String(error), error)
  }
  const shift = header.depth === 16 ? 8 : 0
  const rgba = decoded.data
  const bgr = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; to < bgr.length; from += 4, to += 3) {
    bgr[to] = rgba[from + 2]! >> shift
    bgr[to + 1] = rgba[from + 1]! >> shift
    bgr[to + 2] = rgba[from]! >> shift
  }
  return { width, height, data: bgr }
}

const corrupt = (why: string, cause?: unknown) =>
  imageError('IMAGE_CORRUPT', `the PNG file is damaged: ${why}`, { cause })

/** The header, a file of nothing but the chunks that matter for colours, and the compressed pixels alone. */
function readChunks(bytes: Uint8Array): { header: Header; essential: Buffer; data: Buffer } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept: Uint8Array[] = [bytes.subarray(0, SIGNATURE_BYTES)]
  const data: Uint8Array[] = []
  let header: Header | undefined
  for (let at = SIGNATURE_BYTES; ; ) {
    if (at + CHUNK_BYTES > bytes.length) throw corrupt('it ends before its last chunk')
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const end = at + CHUNK_BYTES + length
    if (end > bytes.length) throw corrupt(`its chunk ${JSON.stringify(type)} is longer than the file`)
    if (header === undefined) {
      if (type !== 'IHDR' || length !== 13) throw corrupt('it does not begin with a header')
      header = readHeader(view, at + 8)
    }
    // tRNS is left out: alpha is dropped anyway, and pngjs would blacken the transparent pixels.
    if (['IHDR', 'PLTE', 'IDAT', 'IEND'].includes(type)) kept.push(bytes.subarray(at, end))
    if (type === 'IDAT') data.push(bytes.subarray(at + 8, at + 8 + length))
    if (type === 'IEND') return { header, essential: Buffer.concat(kept), data: Buffer.concat(data) }
    at = end
  }
}

function readHeader(view: DataView, at: number): Header {
  const depth = view.getUint8(at + 8)
  const colorType = view.getUint8(at + 9)
  const channels = CHANNELS[colorType]
  const depths = colorType === 0 ? [1, 2, 4, 8, 16] : colorType === 3 ? [1, 2, 4, 8] : [8, 16]
  if (channels === undefined || !depths.includes(depth)) {
    throw corrupt(`there is no colour type ${colorType} with ${depth} bits`)
  }
  const interlaced = view.getUint8(at + 12)
  if (interlaced > 1) throw corrupt(`there is no interlace method ${interlaced}`)
  return {
    width: view.getUint32(at),
    height: view.getUint32(at + 4),
    depth,
    channels,
    interlaced: interlaced === 1,
  }
}

/** First and distance of the columns, first and distance of the rows of Adam7's seven passes. */
const PASSES = [
  [0, 8, 0, 8],
  [4, 8, 0, 8],
  [0, 4, 4, 8],
  [2, 4, 0, 4],
  [0, 2, 2, 4],
  [1, 2, 0, 2],
  [0, 1, 1, 2],
] as const

/** Bytes of the pixels once they are inflated: each row has one more for its filter. */
function pixelBytes({ width, height, depth, channels, interlaced }: Header): number {
  const plane = (columns: number, rows: number): number =>
    columns === 0 ? 0 : rows * (1 + Math.ceil((columns * depth * channels) / 8))
  if (!interlaced) return plane(width, height)
  const count = (size: number, first: number, step: number): number => Math.max(0, Math.ceil((size - first) / step))
  return PASSES.reduce(
    (sum, [left, stepX, top, stepY]) => sum + plane(count(width, left, stepX), count(height, top, stepY)),
    0,
  )
}

/** pngjs unpacks without a limit and fills missing rows up; so the pixels are unpacked once to see that they are as many as there should be. */
function checkPixelBytes(header: Header, data: Buffer): void {
  const expected = pixelBytes(header)
  let got: number
  try {
    got = inflateSync(data, { maxOutputLength: expected }).length
  } catch (error) {
    const tooMuch = (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE'
    throw corrupt(tooMuch ? 'it has more pixels than its header says' : 'its pixels cannot be unpacked', error)
  }
  if (got < expected) throw corrupt(`${expected - got} of ${expected} bytes of its pixels are missing`)
}
