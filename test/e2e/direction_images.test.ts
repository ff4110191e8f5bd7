/** The classifier's images: read and resized as OpenCV does it, and every broken file answered by a typed error. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Image, orient, rotate180 } from '../../examples/direction_classifier/image.ts'
import { preprocess, resizedWidth } from '../../examples/direction_classifier/preprocess.ts'
import { decodeImage, LIMITS, readImage } from '../../examples/direction_classifier/read_image.ts'
import { resizeBilinear } from '../../examples/direction_classifier/resize.ts'
import { EnforceError } from '../../src/index.ts'
import { readGolden } from '../golden.ts'

interface Recorded {
  readonly opencv: string
  readonly files: readonly { name: string; file: string; width: number; height: number; bgr: string }[]
  readonly resize: readonly (readonly [
    seed: number,
    width: number,
    height: number,
    outWidth: number,
    outHeight: number,
    crc: number,
  ])[]
}

const recorded = readGolden<Recorded>('direction_classifier/opencv.json.gz')

test('every recorded file gives the pixels that OpenCV gives', async () => {
  expect(recorded.files.length).toBeGreaterThan(150)
  for (const { name, file, width, height, bgr } of recorded.files) {
    const image = await decodeImage(Buffer.from(file, 'base64'))
    expect([image.width, image.height], name).toEqual([width, height])
    expect(Buffer.from(image.data).toString('base64') === bgr, name).toBe(true)
  }
})

test('resizing is bit-equal to OpenCV', () => {
  expect(recorded.resize.length).toBe(240)
  for (const [seed, width, height, outWidth, outHeight, crc] of recorded.resize) {
    const { data } = resizeBilinear(formulaImage(width, height, seed), outWidth, outHeight)
    expect(crc32(data), `${width}x${height} to ${outWidth}x${outHeight}`).toBe(crc)
  }
})

/** As in tools/record_images.py. */
function formulaImage(width: number, height: number, seed: number): Image {
  const data = new Uint8Array(width * height * 3)
  let state = seed
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    data[i] = state >>> 24
  }
  return { width, height, data }
}

test('turning twice gives the image back, and is what orientation 3 means', () => {
  const image = formulaImage(5, 3, 1)
  expect(rotate180(rotate180(image))).toEqual(image)
  expect(orient(image, 3)).toEqual(rotate180(image))
  expect(rotate180(image).data.slice(0, 3)).toEqual(image.data.slice(-3))
})

test.each([
  [1, 1, 48],
  [20000, 1, 192],
  [1, 20000, 1],
  [193, 48, 192],
  [191, 48, 191],
  [100, 49, 98],
])('an image of %i x %i pixels becomes %i wide', (width, height, expected) => {
  expect(resizedWidth({ width, height })).toBe(expected)
  const lines = preprocess([formulaImage(width, height, 7)])
  expect(lines).toHaveLength(3 * 48 * 192)
  expect(lines.every((value) => value >= -1 && value <= 1)).toBe(true)
  for (let x = expected; x < 192; x++) expect(lines[x]).toBe(0)
})

const valid = (name: string): Buffer =>
  Buffer.from(recorded.files.find((file) => file.name.startsWith(name))!.file, 'base64')
const codeOf = async (bytes: Uint8Array): Promise<string> =>
  decodeImage(bytes).then(
    () => 'an image',
    (error) => (error instanceof EnforceError ? error.code : `${error}`),
  )

/** A PNG of a header and pixels; the checksums are right. */
function png(header: { width: number; height: number; depth?: number; color?: number }, pixels: Uint8Array): Buffer {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const start = Buffer.alloc(13)
  start.writeUInt32BE(header.width, 0)
  start.writeUInt32BE(header.height, 4)
  start.set([header.depth ?? 8, header.color ?? 0, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', start),
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', new Uint8Array()),
  ])
}

describe('what is no image', () => {
  test.each([
    ['nothing', new Uint8Array(), 'IMAGE_KIND'],
    ['text', Buffer.from('not a picture\n'), 'IMAGE_KIND'],
    ['a GIF', Buffer.from('GIF89a\0\0'), 'IMAGE_KIND'],
    ['the first bytes of a PNG', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'IMAGE_CORRUPT'],
    ['the first bytes of a JPEG', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'IMAGE_CORRUPT'],
    ['a PNG without columns', png({ width: 0, height: 1 }, new Uint8Array([0])), 'IMAGE_CORRUPT'],
    ['a PNG that says it is huge', png({ width: 100_000, height: 100_000 }, new Uint8Array([0])), 'IMAGE_TOO_LARGE'],
    ['a PNG with too few rows', png({ width: 4, height: 4 }, new Uint8Array(15)), 'IMAGE_CORRUPT'],
    ['a PNG with 40 MB behind one pixel', png({ width: 1, height: 1 }, new Uint8Array(4e7)), 'IMAGE_CORRUPT'],
    ['a PNG of 3 bits', png({ width: 1, height: 1, depth: 3 }, new Uint8Array(2)), 'IMAGE_CORRUPT'],
    ['a PNG of no colour type', png({ width: 1, height: 1, color: 5 }, new Uint8Array(2)), 'IMAGE_CORRUPT'],
    ['a PNG with a filter that does not exist', png({ width: 1, height: 1 }, new Uint8Array([9, 0])), 'IMAGE_CORRUPT'],
    ['a PNG of a palette without one', png({ width: 1, height: 1, color: 3 }, new Uint8Array(2)), 'IMAGE_CORRUPT'],
    ['a JPEG that says it is huge', sized(valid('jpeg line'), 65535, 65535), 'IMAGE_TOO_LARGE'],
    ['a JPEG without rows', sized(valid('jpeg line'), 0, 10), 'IMAGE_CORRUPT'],
    ['a JPEG of four colours', fourColours(), 'IMAGE_UNSUPPORTED'],
  ])('%s: %s', async (_name, bytes, code) => {
    expect(await codeOf(bytes)).toBe(code)
    // And the next file is read as ever.
    expect(await codeOf(valid('jpeg line'))).toBe('an image')
  })

  /** Place of the frame header of a baseline JPEG. */
  function frameOf(bytes: Buffer): number {
    return bytes.indexOf(Buffer.from([0xff, 0xc0, 0x00, 0x11]))
  }
  function sized(bytes: Buffer, height: number, width: number): Buffer {
    bytes.writeUInt16BE(height, frameOf(bytes) + 5)
    bytes.writeUInt16BE(width, frameOf(bytes) + 7)
    return bytes
  }
  function fourColours(): Buffer {
    const bytes = valid('jpeg line')
    bytes[frameOf(bytes) + 9] = 4
    return bytes
  }

  test.each([
    'png colour 2, 8',
    'png colour 3, 2',
    'png colour 6, 16',
    'jpeg noise, quality 75',
    'jpeg noise, orientation 6',
  ])('every truncation of a %s file is refused by name', async (name) => {
    const bytes = valid(name)
    for (let length = 0; length < bytes.length - 2; length++) {
      expect(await codeOf(bytes.subarray(0, length)), `${length} bytes`).toMatch(/^IMAGE_(KIND|CORRUPT)$/)
    }
  })

  test.each(['png colour 2, 8', 'png colour 3, 4', 'jpeg noise, quality 75', 'jpeg noise, orientation 6'])(
    'changed bytes of a %s file give an image or a typed error',
    async (name) => {
      const bytes = valid(name)
      await fc.assert(
        fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, value) => {
          const changed = Buffer.from(bytes)
          changed[at] = value
          expect(await codeOf(changed)).toMatch(/^(IMAGE_(KIND|CORRUPT|TOO_LARGE|UNSUPPORTED)|an image)$/)
        }),
        { numRuns: 400 },
      )
    },
  )

  test('files that cannot be read are named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'direction-'))
    try {
      const missing = join(folder, 'missing.png')
      await expect(readImage(missing)).rejects.toMatchObject({ code: 'IMAGE_FILE', where: { file: missing } })
      await expect(readImage(folder)).rejects.toMatchObject({ code: 'IMAGE_FILE', where: { file: folder } })
      const text = join(folder, 'text.png')
      writeFileSync(text, 'text')
      await expect(readImage(text)).rejects.toMatchObject({ code: 'IMAGE_KIND', where: { file: text } })
      const large = join(folder, 'large.png')
      writeFileSync(large, new Uint8Array(LIMITS.bytes + 1))
      await expect(readImage(large)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE', where: { file: large } })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
