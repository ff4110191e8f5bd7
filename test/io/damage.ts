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

/** Milliseconds and bytes that reading a small file may take, its error included. */
const MOST_MS = 100
const MOST_BYTES = 32 * 2 ** 20
const MOST_FAULTS = Number(process.env['OARLOCK_MOST_FAULTS'] ?? 10)

/**
 * What became of a file: its typed error's code, or 'read'. A result goes to `judge`, which names what is wrong with it.
 * @throws Error for anything else than an EnforceError, for a fault that `judge` found, for time or memory beyond the bounds.
 */
function outcome<T>(read: (bytes: Uint8Array) => T, judge: Judge<T>, bytes: Uint8Array): string {
  let code = 'read'
  let result: T | undefined
  const attempt = (): number => {
    const start = performance.now()
    try {
      result = read(bytes)
    } catch (error) {
      if (!(error instanceof EnforceError)) throw new Error(String((error as Error).stack))
      code = error.code
    }
    return performance.now() - start
  }
  const before = process.memoryUsage()
  // Whatever else the machine does is no fault of the file: slow once may be chance, slow three times is not.
  if (attempt() > MOST_MS && attempt() > MOST_MS && attempt() > MOST_MS) throw new Error('takes too long')
  const after = process.memoryUsage()
  const grown = Math.max(after.arrayBuffers - before.arrayBuffers, after.heapUsed - before.heapUsed)
  if (grown > MOST_BYTES) throw new Error(`takes ${grown} bytes`)
  if (code !== 'read') return code
  const fault = judge(result as T, bytes)
  if (fault !== undefined) throw new Error(fault)
  return code
}

/** What is wrong with that which was read of a damaged file, if anything is. */
export type Judge<T> = (result: T, bytes: Uint8Array) => string | undefined

export interface DamageOptions<T> {
  /** Default: nothing is wrong with any result. */
  readonly judge?: Judge<T>
  /** Every value of every byte, not each bit, 0 and 255. */
  readonly allValues?: boolean
}

/**
 * Cuts the file off at every byte, and changes every byte. Each time there must be a typed error or a sound result, soon and without much
 * memory. Returns how often which came, for cut-off files and for changed ones.
 */
export function damageEverywhere<T>(
  good: Uint8Array,
  read: (bytes: Uint8Array) => T,
  { judge = () => undefined, allValues = false }: DamageOptions<T> = {},
): { cut: Record<string, number>; changed: Record<string, number> } {
  const cut: Record<string, number> = {}
  const changed: Record<string, number> = {}
  const faults: string[] = []
  const count = (into: Record<string, number>, damaged: Uint8Array, what: string): void => {
    try {
      const code = outcome(read, judge, damaged)
      into[code] = (into[code] ?? 0) + 1
    } catch (error) {
      if (faults.length < MOST_FAULTS) faults.push(`${what}: ${(error as Error).message}`)
    }
  }
  for (let length = 0; length < good.length; length++) {
    // A copy: a reader that looks beyond its end must not find the rest.
    count(cut, good.slice(0, length), `cut off at ${length}`)
  }
  const bytes = good.slice()
  for (let at = 0; at < good.length; at++) {
    const old = good[at]!
    const values = allValues
      ? new Set(Array.from({ length: 256 }, (_, i) => i))
      : new Set([0, 255, ...[0, 1, 2, 3, 4, 5, 6, 7].map((bit) => old ^ (1 << bit))])
    values.delete(old)
    for (const value of values) {
      bytes[at] = value
      count(changed, bytes, `byte ${at} changed from ${old} to ${value}`)
    }
    bytes[at] = old
  }
  expect(faults.join('\n')).toBe('')
  return { cut, changed }
}
