/**
 * Writes the handwritten digits of examples/digits/digits.csv.gz as the .npy files which `oarlock run --data` reads.
 *
 *   train_x.npy, test_x.npy   float32 [N, 64]   pixels, row by row, scaled from 0..16 to 0..1
 *   train_y.npy, test_y.npy   int64 [N, 1]      labels 0..9
 *
 * Rows whose index is a multiple of 5 are the test set (360 rows), the others the training set (1,437 rows). Equal
 * input gives equal bytes on every machine. Where the data comes from: examples/digits/DATA.md.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pixels = 64
const brightest = 16

/** The four files, by path from the project's root. */
export function digitsFiles(): Record<string, Uint8Array> {
  const csv = gunzipSync(readFileSync(join(root, 'examples/digits/digits.csv.gz'))).toString('ascii')
  const rows = csv.trimEnd().split('\n').map(parseRow)
  const test = rows.filter((_, index) => index % 5 === 0)
  const train = rows.filter((_, index) => index % 5 !== 0)
  return {
    'examples/digits/train_x.npy': images(train),
    'examples/digits/train_y.npy': labels(train),
    'examples/digits/test_x.npy': images(test),
    'examples/digits/test_y.npy': labels(test),
  }
}

/** One row of the CSV: 64 pixels, then the label. */
function parseRow(line: string, index: number): number[] {
  const row = line.split(',').map(Number)
  const label = row[pixels]
  const valid =
    row.length === pixels + 1 && row.every((value) => Number.isInteger(value) && value >= 0 && value <= brightest)
  if (!valid || label > 9) throw new Error(`digits.csv.gz, row ${index}: expected 64 pixels 0..16 and a label 0..9`)
  return row
}

function images(rows: number[][]): Uint8Array {
  const body = new DataView(new ArrayBuffer(rows.length * pixels * 4))
  rows.forEach((row, r) => {
    for (let i = 0; i < pixels; i++) body.setFloat32((r * pixels + i) * 4, row[i] / brightest, true)
  })
  return npy('<f4', [rows.length, pixels], body)
}

function labels(rows: number[][]): Uint8Array {
  const body = new DataView(new ArrayBuffer(rows.length * 8))
  rows.forEach((row, r) => {
    body.setBigInt64(r * 8, BigInt(row[pixels]), true)
  })
  return npy('<i8', [rows.length, 1], body)
}

/**
 * A .npy file of format version 1.0: magic, version, header length as uint16, a Python dict literal padded with spaces
 * to a multiple of 64 bytes and ended by a newline, then the values in C order.
 */
function npy(descr: string, shape: number[], body: DataView): Uint8Array {
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`
  const prefix = 10 // magic 6, version 2, header length 2
  const headerBytes = Math.ceil((prefix + dict.length + 1) / 64) * 64 - prefix
  const file = Buffer.alloc(prefix + headerBytes + body.byteLength)
  file.write('\x93NUMPY\x01\x00', 'latin1')
  file.writeUInt16LE(headerBytes, 8)
  file.write(`${dict.padEnd(headerBytes - 1)}\n`, prefix, 'latin1')
  file.set(new Uint8Array(body.buffer), prefix + headerBytes)
  return file
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, bytes] of Object.entries(digitsFiles())) {
    writeFileSync(join(root, path), bytes)
    console.log(`${path}: ${bytes.length} bytes`)
  }
}
