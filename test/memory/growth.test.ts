/**
 * Nothing is left behind by many runs. Measured in a process of its own, since collections must be forced; V8's flags are the default ones.
 *
 * On the WASM back end everything counts. On the TypeScript one, machine code does not (`code_and_metadata_size` of v8.getHeapCodeStatistics,
 * 70 to 90 KB): a kernel that is called once a run is compiled by V8's optimizing compiler only after some 1,000 to 5,000 calls, so most of
 * them come after the warm-up; by runs of 20,000 and 50,000 nothing more is added. Dygraph has room for it in its megabyte.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const KB = 1024

function growth(what: 'ts' | 'wasm' | 'dygraph'): { readonly bytes: number; readonly code: number } {
  const script = fileURLToPath(new URL('./growth.ts', import.meta.url))
  const args = ['--expose-gc', '--import', 'tsx', script, what]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}

/**
 * Which functions V8 has compiled by run 1,000 depends on how busy the machine is, so a single reading lies between 30 and 70 KB, all of the
 * difference code. What the runs themselves left behind would be in each of three readings.
 */
test('100,000 plan runs on the WASM back end leave less than 64 KB', { timeout: 180_000 }, () => {
  const readings: number[] = []
  while (readings.length < 3 && !(Math.min(...readings) < 64 * KB)) readings.push(growth('wasm').bytes)
  expect(Math.min(...readings), `of ${readings.join(', ')}`).toBeLessThan(64 * KB)
})

test('100,000 plan runs on the TypeScript back end leave less than 64 KB beside machine code', {
  timeout: 180_000,
}, () => {
  const { bytes, code } = growth('ts')
  expect(bytes - code).toBeLessThan(64 * KB)
  expect(code, 'code has a bound too').toBeLessThan(256 * KB)
})

test('10,000 dygraph steps leave less than 1 MB', { timeout: 180_000 }, () => {
  expect(growth('dygraph').bytes).toBeLessThan(1024 * KB)
})
