/**
 * Sets of text lines, drawn for this project, half of them turned by 180 degrees: `<name>.images.gz` holds count * height * width grey bytes,
 * `<name>.json` their labels and widths. data/ holds `train` and `test`.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { InvalidArgumentError, Tensor } from '../../src/index.ts'
import { CHANNELS, HEIGHT, LINE_SIZE, NORMALIZED, WIDTH } from './preprocess.ts'

export const DATA = fileURLToPath(new URL('data', import.meta.url))

const PLANE = HEIGHT * WIDTH

/** A batch as the network is fed it. */
export interface Batch {
  /** float32 [N, 3, 48, 192]. */
  readonly image: Tensor
  /** int64 [N, 1]: 0 upright, 1 turned. */
  readonly label: Tensor
}

export class TextLines {
  readonly count: number
  readonly labels: readonly number[]
  /** Where each line stood in the set that this one was taken from. */
  readonly rows: readonly number[] | undefined
  readonly #widths: readonly number[]
  readonly #pixels: Uint8Array

  /** @throws InvalidArgumentError E521 for files that do not fit together, or are not there. */
  constructor(name: string, folder = DATA) {
    const path = `${folder}/${name}`
    const { count, height, width, labels, widths, rows } = JSON.parse(readText(`${path}.json`)) as {
      count: number
      height: number
      width: number
      labels: number[]
      widths: number[]
      rows?: number[]
    }
    this.#pixels = gunzipSync(readBytes(`${path}.images.gz`))
    if (
      height !== HEIGHT ||
      width !== WIDTH ||
      this.#pixels.length !== count * PLANE ||
      labels?.length !== count ||
      widths?.length !== count
    ) {
      throw new InvalidArgumentError(
        'E521',
        `"${path}.images.gz" does not hold the lines that "${path}.json" describes`,
        {
          expected: `${count} lines of ${HEIGHT} x ${WIDTH} pixels`,
          got: `${this.#pixels.length} bytes, lines of ${height} x ${width}, ${labels?.length} labels, ${widths?.length} widths`,
        },
      )
    }
    this.count = count
    this.labels = labels
    this.rows = rows
    this.#widths = widths
  }

  /** @param rows numbers of lines, from 0. */
  batch(rows: ArrayLike<number>): Batch {
    const image = new Float32Array(rows.length * LINE_SIZE)
    const label = new BigInt64Array(rows.length)
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!
      label[i] = BigInt(this.labels[row]!)
      for (let y = 0; y < HEIGHT; y++) {
        const to = i * LINE_SIZE + y * WIDTH
        const from = row * PLANE + y * WIDTH
        for (let x = 0; x < this.#widths[row]!; x++) image[to + x] = NORMALIZED[this.#pixels[from + x]!]!
      }
      // Grey: the other two channels are the same.
      const start = i * LINE_SIZE
      for (let c = 1; c < CHANNELS; c++) image.copyWithin(start + c * PLANE, start, start + PLANE)
    }
    return {
      image: new Tensor('float32', [rows.length, CHANNELS, HEIGHT, WIDTH], image),
      label: new Tensor('int64', [rows.length, 1], label),
    }
  }
}

const readText = (path: string): string => Buffer.from(readBytes(path)).toString('utf8')

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    const reason = (error as { code?: string }).code
    throw new InvalidArgumentError('E521', `"${path}" cannot be read: ${reason}`, {
      where: { file: path },
      cause: error,
    })
  }
}
