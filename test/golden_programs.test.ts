/** Programs recorded from real Paddle 2.6.2, replayed: backward, optimizer, startup, initial values, training trace, clone for test. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { replay } from '../tools/replay_program.ts'

const FOLDER = fileURLToPath(new URL('./golden/programs/', import.meta.url))
const names = readdirSync(FOLDER)

/** Paddle's CPU build cannot run these: there is no trace, and casts and loss scaling are taken over from the recording. */
const isMixedPrecision = (name: string): boolean => name.startsWith('amp_')

describe('recorded programs', () => {
  test('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(26)
  })

  test.each(names.filter((name) => !isMixedPrecision(name)))(
    '%s: equal, op for op, and trains to the same numbers',
    (name) => {
      expect(replay(`${FOLDER}${name}`, { run: true })).toEqual([])
    },
  )

  test.each(names.filter(isMixedPrecision))('%s: the optimizer operators are equal', (name) => {
    expect(replay(`${FOLDER}${name}`, { ops: 'optimizer' })).toEqual([])
  })
})
