import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { UniqueNames } from '../../src/framework/unique_name.ts'
import { Recording } from '../../tools/replay/recording.ts'

const FOLDER = fileURLToPath(new URL('../golden/programs/', import.meta.url))
const recordings = readdirSync(FOLDER).map((name) => new Recording(`${FOLDER}${name}`))

/** Counters that leave no name behind: the optimizer's class name, and names that Paddle gave up again. */
const LEAVES_NO_NAME = (key: string, next: number, names: readonly string[]): boolean =>
  !names.some(
    (name) =>
      name === `${key}_${next - 1}` || name.startsWith(`${key}_${next - 1}.`) || name.startsWith(`${key}_${next - 1}_`),
  )

describe('UniqueNames', () => {
  test('counts each key for itself', () => {
    const names = new UniqueNames()
    expect([names.generate('fc'), names.generate('fc'), names.generate('fc_0.tmp'), names.generate('fc')]).toEqual([
      'fc_0',
      'fc_1',
      'fc_0.tmp_0',
      'fc_2',
    ])
    expect(names.count('fc')).toBe(3)
    expect(names.count('nobody')).toBe(0)
    names.set('fc', 10)
    expect(names.generate('fc')).toBe('fc_10')
  })

  test('a clone counts on for itself', () => {
    const names = new UniqueNames()
    names.generate('fc')
    const copy = names.clone()
    copy.generate('fc')
    expect([names.count('fc'), copy.count('fc')]).toEqual([1, 2])
  })

  test.each<[string, Record<string, number>]>([
    ['fc_1.tmp_0', { fc: 2, 'fc_1.tmp': 1 }],
    ['fc_0.w_0_moment1_0', { fc: 1, 'fc_0.w_0_moment1': 1 }],
    ['x', {}],
    ['_5', { '': 6 }],
    ['a.b.c_3', { 'a.b.c': 4 }],
    ['a_99999999999', {}],
    ['learning_rate_0', { learning_rate: 1 }],
    ['constructor_0', { constructor: 1 }],
    ['__proto___2', { ['__proto__']: 3 }],
  ])('observe %s', (name, wanted) => {
    const names = new UniqueNames()
    names.observe(name)
    expect(new Map(names.entries())).toEqual(new Map(Object.entries(wanted)))
  })

  test('observing never turns a counter back', () => {
    const names = new UniqueNames()
    names.observe('fc_7')
    names.observe('fc_2')
    expect(names.generate('fc')).toBe('fc_8')
  })

  const counted = recordings.filter(({ meta }) => meta.unique_names_before_backward !== undefined)
  test('recordings with counters are there', () => {
    expect(counted.length).toBeGreaterThanOrEqual(20)
  })

  test.each(counted.map((recording) => [recording.meta.name, recording] as const))(
    '%s: observing the names of the stored program gives the counters that Paddle had',
    (_, recording) => {
      const program = recording.program('main_before_backward') ?? recording.program('main')!
      const names = new UniqueNames()
      const seen = [...program.globalBlock().vars.keys()]
      for (const name of seen) names.observe(name)
      const wrong: string[] = []
      for (const [key, next] of Object.entries(recording.meta.unique_names_before_backward!)) {
        const got = names.count(key)
        if (got === next) continue
        // A counter may be ahead only where nothing of that name is in the program.
        if (got < next && LEAVES_NO_NAME(key, next, seen)) continue
        wrong.push(`${key}: ${got}, recorded ${next}`)
      }
      expect(wrong).toEqual([])
      // And whatever is generated next collides with no name of the program.
      for (const [key] of [...names.entries()]) expect(seen).not.toContain(names.generate(key))
      // A program that was read goes on in the same way.
      for (const [key, next] of Object.entries(recording.meta.unique_names_before_backward!)) {
        if (seen.some((name) => name.startsWith(`${key}_${next - 1}`))) expect(program.names.count(key), key).toBe(next)
      }
    },
  )
})
