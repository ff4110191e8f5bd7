/** Reads recorded data from test/golden: JSON, or one JSON value a line, plain or compressed with gzip. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const FOLDER = new URL('./golden/', import.meta.url)

/**
 * The content of test/golden/<path>: of .json the value, of .jsonl the array of the lines' values; `.gz` may follow either.
 * `T` is what the caller knows the file to hold; nothing checks it.
 */
export function readGolden<T = unknown>(path: string): T {
  const bytes = readFileSync(new URL(path, FOLDER))
  const plainPath = path.replace(/\.gz$/, '')
  const text = (plainPath === path ? bytes : gunzipSync(bytes)).toString('utf8')
  if (!plainPath.endsWith('.jsonl')) return JSON.parse(text) as T
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as unknown) as T
}
