/** Files of Paddle's, and what must hold for every damaged one. */
import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { EnforceError } from '../../src/errors.ts'

const FOLDER = new URL('../golden/files/', import.meta.url)

/** The bytes of test/golden/files/<path>.gz. */
export const golden = (path: string): Uint8Array =>
  new Uint8Array(gunzipSync(readFileSync(new URL(`${path}.gz`, FOLDER))))

export const goldenJson = <T>(path: string): T => JSON.parse(new TextDecoder().decode(golden(path))) as T

/** Names in a folder of test/golden/files, without `.gz`. */
export const goldenNames = (folder: string): string[] =>
  readdirSync(new URL(`${folder}/`, FOLDER)).map((name) => name.replace(/\.gz$/, ''))

/** The typed error that `body` throws. */
export function thrown(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    expect(error, String((error as Error).stack)).toBeInstanceOf(EnforceError)
    return error as EnforceError
  }
  throw new Error('nothing was thrown')
}

/** Reads `bytes`: 'read', or the code of the typed error; anything else fails the test. */
function outcome(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array, what: string): string {
  try {
    read(bytes)
    return 'read'
  } catch (error) {
    if (error instanceof EnforceError) return error.code
    throw new Error(`${what}: ${(error as Error).stack}`)
  }
}

/**
 * Cuts the file off at every byte, and changes every byte: each bit alone, and to 0 and 255. Each time there must be a typed error or a
 * result. Returns how often which came, for cut-off files and for changed ones.
 */
export function damageEverywhere(
  good: Uint8Array,
  read: (bytes: Uint8Array) => unknown,
): { cut: Record<string, number>; changed: Record<string, number> } {
  const cut: Record<string, number> = {}
  const changed: Record<string, number> = {}
  for (let length = 0; length < good.length; length++) {
    // A copy: a reader that looks beyond its end must not find the rest.
    const code = outcome(read, good.slice(0, length), `cut off at ${length}`)
    cut[code] = (cut[code] ?? 0) + 1
  }
  const bytes = good.slice()
  for (let at = 0; at < good.length; at++) {
    const old = good[at]!
    const values = new Set([0, 255, ...[0, 1, 2, 3, 4, 5, 6, 7].map((bit) => old ^ (1 << bit))])
    values.delete(old)
    for (const value of values) {
      bytes[at] = value
      const code = outcome(read, bytes, `byte ${at} changed from ${old} to ${value}`)
      changed[code] = (changed[code] ?? 0) + 1
    }
    bytes[at] = old
  }
  return { cut, changed }
}
