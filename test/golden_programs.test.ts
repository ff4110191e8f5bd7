/** Programs recorded from real Paddle 2.6.2, replayed: backward, optimizer, startup, initial values, training trace, clone for test. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { replay } from '../tools/replay_program.ts'

const FOLDER = fileURLToPath(new URL('./golden/programs/', import.meta.url))
const names = readdirSync(FOLDER)

describe('recorded programs', () => {
  test('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(26)
  })

  // Of programs in half precision there is the text alone: Paddle's CPU build cannot run them. test/amp_training.test.ts trains.
  test.each(names)('%s: equal, op for op, and trains to the same numbers', (name) => {
    expect(replay(`${FOLDER}${name}`, { run: true })).toEqual([])
  })
})
