import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Lifetime, layOut } from '../../src/executor/memory.ts'

/** The last operator during which the bytes must be kept: a fetched value lives on after the last one. */
const overlap = (a: Lifetime, b: Lifetime): boolean => a.start <= b.end && b.start <= a.end
const share = (a: Lifetime, b: Lifetime): boolean => a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes
const lifetime = (bytes: number, start: number, end: number): Lifetime => ({ bytes, start, end, offset: -1 })

describe('layOut', () => {
  test('what lives one after the other shares bytes, what an operator reads and writes does not', () => {
    const a = lifetime(64, 0, 1)
    const b = lifetime(64, 1, 2)
    const c = lifetime(64, 2, 3)
    const bytes = layOut([a, b, c], 4)
    expect(share(a, b)).toBe(false)
    expect(share(b, c)).toBe(false)
    expect(a.offset).toBe(c.offset)
    expect(bytes).toBe(128)
  })

  test('a chain of n operators needs the bytes of two, not of n', () => {
    const chain = Array.from({ length: 100 }, (_, i) => lifetime(1024, i, i + 1))
    expect(layOut(chain, 101)).toBe(2048)
  })

  test('a feed lives from before the first operator, a fetch to after the last', () => {
    const feed = lifetime(32, -1, 0)
    const first = lifetime(32, 0, 0)
    const fetched = lifetime(32, 1, 3)
    const last = lifetime(32, 2, 2)
    layOut([feed, first, fetched, last], 3)
    expect(share(feed, first)).toBe(false)
    expect(share(fetched, last)).toBe(false)
  })

  test('nothing at all needs nothing, and a program without operators keeps its feeds apart', () => {
    expect(layOut([], 0)).toBe(0)
    const a = lifetime(16, -1, 0)
    const b = lifetime(16, -1, 0)
    expect(layOut([a, b], 0)).toBe(32)
    expect(share(a, b)).toBe(false)
  })

  test('two lifetimes that overlap never share a byte; all lie in the arena at multiples of 16', () => {
    const program = fc.integer({ min: 1, max: 30 }).chain((operators) =>
      fc.record({
        operators: fc.constant(operators),
        list: fc.array(
          fc
            .tuple(
              fc.oneof(fc.constantFrom(0, 1, 4, 16, 17, 64, 100), fc.integer({ min: 0, max: 100_000 })),
              fc.integer({ min: -1, max: operators - 1 }),
              fc.integer({ min: 0, max: operators }),
            )
            .map(([bytes, start, length]) => lifetime(bytes, start, Math.min(operators, start + length))),
          { maxLength: 40 },
        ),
      }),
    )
    let shared = 0
    fc.assert(
      fc.property(program, ({ operators, list }) => {
        const bytes = layOut(list, operators)
        for (const [i, a] of list.entries()) {
          expect(a.offset % 16).toBe(0)
          expect(a.offset).toBeGreaterThanOrEqual(0)
          expect(a.offset + a.bytes).toBeLessThanOrEqual(bytes)
          for (const b of list.slice(i + 1)) {
            if (!share(a, b)) continue
            if (a.bytes > 0 && b.bytes > 0) shared++
            expect(overlap(a, b), `${JSON.stringify(a)} and ${JSON.stringify(b)}`).toBe(false)
          }
        }
        // Never more than everything side by side, each rounded up by at most a quarter or to 16 bytes.
        expect(bytes).toBeLessThanOrEqual(list.reduce((sum, a) => sum + Math.max(16, a.bytes * 1.25 + 16), 0))
      }),
      { seed: 77, numRuns: 500 },
    )
    expect(shared, 'memory is shared at all').toBeGreaterThan(100)
  })
})
