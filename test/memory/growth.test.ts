/**
 * Nothing is left behind by many runs. Measured in a process of its own, since collections must be forced, and with V8's optimizing compiler
 * off: the machine code that it makes while the loop gets hot lies in the same heap (about 180 KB here, all of it code by a heap snapshot,
 * and not growing with the number of runs), and is not ours to bound.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const KB = 1024

test('100,000 plan runs leave less than 64 KB, 10,000 dygraph steps less than 1 MB', { timeout: 180_000 }, () => {
  const script = fileURLToPath(new URL('./growth.ts', import.meta.url))
  const text = execFileSync(process.execPath, ['--expose-gc', '--no-opt', '--import', 'tsx', script], {
    encoding: 'utf8',
  })
  const { plan, dygraph } = JSON.parse(text.trim().split('\n').pop()!) as { plan: number; dygraph: number }
  expect(plan).toBeLessThan(64 * KB)
  expect(dygraph).toBeLessThan(1024 * KB)
})
