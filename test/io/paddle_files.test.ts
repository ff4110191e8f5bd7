/** Files that real Paddle 2.6.2 loaded: the same bytes must come out today. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { paddleFiles } from '../../tools/paddle_files.ts'

interface Result {
  readonly paddle: string
  readonly checks: Readonly<Record<string, string>>
  readonly sha256: Readonly<Record<string, string>>
}

test('files written here are those that Paddle 2.6.2 loaded; if not, run tools/paddle_files.ts and check_with_paddle.py again', async () => {
  const path = new URL('../golden/files/paddle_check.json', import.meta.url)
  const { paddle, checks, sha256 } = JSON.parse(readFileSync(path, 'utf8')) as Result
  expect(paddle).toBe('2.6.2')
  expect(new Set(Object.values(checks))).toEqual(new Set(['ok']))
  const digests = [...(await paddleFiles()).files].map(([name, bytes]) => [
    name,
    createHash('sha256').update(bytes).digest('hex'),
  ])
  expect(Object.fromEntries(digests)).toEqual(sha256)
})
