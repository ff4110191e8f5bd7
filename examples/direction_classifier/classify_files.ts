/** Directions of image files: single ones and those of folders, read and classified in batches. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { EnforceError } from '../../src/index.ts'
import { BATCH, type Direction, type DirectionClassifier } from './classifier.ts'
import { imageError } from './errors.ts'
import type { Image } from './image.ts'
import { readImage } from './read_image.ts'

const IMAGE_NAME = /\.(png|jpe?g)$/i

/** A file with its direction, or with what is wrong with it. */
export type FileDirection =
  | ({ readonly file: string; readonly image: Image } & Direction)
  | { readonly file: string; readonly error: EnforceError }

/**
 * Files as they are; folders replaced by the .png, .jpg and .jpeg files in them, sorted by name. Folders in folders are not entered.
 * A path that cannot be looked at stays, so that reading it says why.
 * @throws EnforceError IMAGE_FILE for a folder without images.
 */
export async function imageFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const path of paths) {
    const isFolder = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    )
    if (!isFolder) {
      files.push(path)
      continue
    }
    const names = (await readdir(path)).filter((name) => IMAGE_NAME.test(name)).sort()
    if (names.length === 0) {
      throw imageError('IMAGE_FILE', 'there is no .png, .jpg or .jpeg file in this folder', { where: { file: path } })
    }
    files.push(...names.map((name) => join(path, name)))
  }
  return files
}

/**
 * Reads and classifies files in their order, `batch` at a time; only so many are in memory. A file that is no image does not stop the others.
 * PaddleOCR sorts images by width/height first, for batches of one width; here all lines have the width that the network was made for, and
 * an image's result does not depend on its neighbours.
 */
export async function* classifyFiles(
  classifier: DirectionClassifier,
  files: readonly string[],
  batch = BATCH,
): AsyncGenerator<FileDirection> {
  for (let start = 0; start < files.length; start += batch) {
    const read = await Promise.all(files.slice(start, start + batch).map(tryRead))
    const directions = classifier.classify(read.flatMap((entry) => ('image' in entry ? [entry.image] : [])))
    let next = 0
    for (const entry of read) yield 'image' in entry ? { ...entry, ...directions[next++]! } : entry
  }
}

async function tryRead(file: string): Promise<{ file: string; image: Image } | { file: string; error: EnforceError }> {
  try {
    return { file, image: await readImage(file) }
  } catch (error) {
    if (error instanceof EnforceError) return { file, error }
    throw error
  }
}
