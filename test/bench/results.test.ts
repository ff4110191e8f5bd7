/** How the benchmark judges its figures: from made-up times, so that what is reached is known. */
import { describe, expect, test } from 'vitest'
import { page } from '../../bench/render.ts'
import { median, outcomeOf, type Results } from '../../bench/results.ts'
import { CONTENDERS, type Goal, WORKS, type Work } from '../../bench/works.ts'

const results: Results = {
  date: '2026-01-01',
  machine: 'a machine',
  load: { before: 0.5, most: 1.5, after: 1 },
  rounds: 3,
  versions: { oarlock: 'oarlock 0', limit: 'limits' },
  works: {
    'gemm-256': {
      oarlock: { '': [2, 4, 3] },
      limit: { '': [1, 9, 9] },
      'tfjs-wasm': { '': [5, 6, 8] },
      paddle: { '': [8, 8, 9] },
      'paddle-avx2': { '': [6, 7, 8] },
    },
    'layers-1000': { oarlock: { build: [10, 20], minimize: [1] }, paddle: { build: [100], minimize: [100] } },
    'layers-100': { oarlock: { build: [1] } },
  },
  sizes: { Everything: 250_000 },
  missing: { 'gemm-256': { jax: 'it does not start' } },
}
const gemm = WORKS.find(({ name }) => name === 'gemm-256')!
const outcome = (goal: Goal, work: Work = gemm) => outcomeOf(results, work, goal)

describe('a figure', () => {
  test('is the ratio of the best times', () => {
    const { reached, met } = outcome({ ours: 'oarlock', against: ['tfjs-wasm'], atLeast: 2.5 })
    expect({ reached, met }).toEqual({ reached: 2.5, met: true })
    expect(outcome({ ours: 'oarlock', against: ['tfjs-wasm'], atLeast: 2.51 }).met).toBe(false)
  })

  test('counts the quicker of two rivals', () => {
    const { reached, rival } = outcome({ ours: 'oarlock', against: ['paddle', 'paddle-avx2'], atLeast: 1 })
    expect({ reached, rival }).toEqual({ reached: 3, rival: 'paddle-avx2' })
  })

  test('against the limit is a share of it', () => {
    expect(outcome({ ours: 'oarlock', against: ['limit'], atLeast: 0.8 }).reached).toBe(0.5)
  })

  test('may be a time, and of one stage', () => {
    const layers = WORKS.find(({ name }) => name === 'layers-1000')!
    expect(outcome({ ours: 'oarlock', phase: 'minimize', atMostMs: 0.9 }, layers)).toMatchObject({
      reached: 1,
      met: false,
    })
    expect(outcome({ ours: 'oarlock', phase: 'build', against: ['paddle'], atLeast: 10 }, layers).met).toBe(true)
  })

  test('that was not measured is not met', () => {
    expect(outcome({ ours: 'oarlock', against: ['jax'], atLeast: 1 })).toMatchObject({ reached: undefined, met: false })
    expect(outcome({ ours: 'oarlock-2', against: ['oarlock'], atLeast: 1 }).met).toBe(false)
  })
})

test('the median of an even number of rounds lies between the middle two', () => {
  expect([median([4, 1, 3]), median([4, 1, 3, 2])]).toEqual([3, 2.5])
})

test('every figure names contenders that its work has', () => {
  for (const { name, contenders, goals } of WORKS) {
    for (const { ours, against = [], atLeast, atMostMs } of goals) {
      expect([...contenders], name).toEqual(expect.arrayContaining([ours, ...against]))
      expect(Object.keys(CONTENDERS), name).toEqual(expect.arrayContaining([...contenders]))
      expect(
        [atLeast, atMostMs].filter((wanted) => wanted !== undefined),
        name,
      ).toHaveLength(1)
    }
  }
})

test('the page says what is missed by how much, and who was left out', () => {
  const text = page(results)
  expect(text).toContain(
    '| Product of two 256 × 256 matrices | oarlock: share of the limit | 80 % | 50.0 % | **missed** |',
  )
  expect(text).toContain('50.0 % in place of 80 %: a factor of 1.60 is missing.')
  expect(text).toContain('* jax-js is left out: it does not start.')
  expect(text).toContain('| oarlock: build | 10.0 µs | 10.0 µs |')
  expect(text).not.toMatch(/undefined|NaN/)
})
