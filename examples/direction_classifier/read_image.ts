/** From a file, or its bytes, to an image. What a file is, is decided by its content, not by its name. */
import { open } from 'node:fs/promises'
import { FILE_KINDS, fileKind } from '../../src/framework/file_kind.ts'
import { EnforceError } from '../../src/index.ts'
import { decodeJpeg, loadJpegLibrary } from './decode_jpeg.ts'
import { decodePng } from './decode_png.ts'
import { imageError } from './errors.ts'
import type { Image } from './image.ts'

/** Larger files are refused unread, larger images undecoded. A page scanned at 600 dots per inch has 35 million pixels. */
export const LIMITS = { bytes: 64 * 2 ** 20, pixels: 40_000_000 }

/**
 * Reads a PNG or JPEG file.
 * @throws EnforceError IMAGE_FILE if it cannot be read, IMAGE_KIND, IMAGE_CORRUPT, IMAGE_UNSUPPORTED or IMAGE_TOO_LARGE; all name the file.
 */
export async function readImage(file: string): Promise<Image> {
  try {
    return await decodeImage(await readBytes(file))
  } catch (error) {
    throw error instanceof EnforceError ? error.at({ file }) : error
  }
}

async function readBytes(file: string): Promise<Uint8Array> {
  let handle: Awaited<ReturnType<typeof open>> | undefined
  try {
    handle = await open(file)
    const { size } = await handle.stat()
    if (size > LIMITS.bytes) throw tooLarge('file', `${size} bytes`, LIMITS.bytes)
    return await handle.readFile()
  } catch (error) {
    if (error instanceof EnforceError) throw error
    const reason = (error as { code?: string }).code ?? String(error)
    throw imageError(
      'IMAGE_FILE',
      reason === 'ENOENT' ? 'there is no such file' : `the file cannot be read: ${reason}`,
      {
        got: reason,
        cause: error,
      },
    )
  } finally {
    await handle?.close()
  }
}

/** @throws as {@link readImage}, without the name of a file. */
export async function decodeImage(bytes: Uint8Array): Promise<Image> {
  const kind = fileKind(bytes)
  if (kind === 'png') return decodePng(bytes, checkSize)
  if (kind === 'jpeg') return decodeJpeg(await loadJpegLibrary(), bytes, checkSize)
  throw imageError('IMAGE_KIND', `this is ${FILE_KINDS[kind]}, not a PNG or JPEG image`, {
    expected: ['PNG', 'JPEG'],
    got: FILE_KINDS[kind],
  })
}

function checkSize(width: number, height: number): void {
  if (width === 0 || height === 0) {
    throw imageError('IMAGE_CORRUPT', `the image is damaged: it is ${width} pixels wide and ${height} high`)
  }
  if (width * height > LIMITS.pixels) throw tooLarge('image', `${width} x ${height} pixels`, LIMITS.pixels)
}

const tooLarge = (what: string, got: string, limit: number): EnforceError =>
  imageError('IMAGE_TOO_LARGE', `the ${what} is too large: ${got}; the limit is ${limit}`, {
    expected: limit,
    got,
    hint: 'cut the text line out first',
  })
