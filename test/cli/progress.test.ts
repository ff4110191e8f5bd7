import { describe, expect, it } from 'vitest'
import { Output, sparkline } from '../../src/cli/output.ts'
import { Progress } from '../../src/cli/progress.ts'

/** A progress line with a clock that is moved by hand. */
function progress(
  settings: { tty?: boolean; total?: number; env?: Record<string, string>; json?: boolean; enabled?: boolean } = {},
) {
  const written: string[] = []
  let time = 0
  const sink = { write: (text: string) => void written.push(text), isTTY: settings.tty ?? true, columns: 80 }
  const io = {
    stdout: sink,
    stderr: sink,
    env: settings.env ?? {},
    cwd: '/',
    readStdin: async () => new Uint8Array(),
    onSignal: () => () => undefined,
    exit: (code: number): never => {
      throw new Error(String(code))
    },
  }
  const out = new Output(io, {
    json: settings.json ?? false,
    quiet: false,
    color: 'never',
    ascii: false,
    width: undefined,
  })
  const bar = new Progress(out, { total: settings.total ?? 1000, enabled: settings.enabled ?? true, now: () => time })
  const at = (ms: number, step: number, loss?: number): void => {
    time = ms
    bar.update(step, loss)
  }
  return { written, bar, at }
}

describe('on a terminal', () => {
  it('is silent for 300 ms, then redraws at most ten times a second', () => {
    const { written, at } = progress()
    for (let ms = 1; ms < 300; ms++) at(ms, ms, 1 / ms)
    expect(written).toEqual([])
    for (let ms = 300; ms < 1300; ms++) at(ms, ms, 1 / ms)
    expect(written).toHaveLength(10)
    expect(written[0]).toMatch(/Kstep 300\/1000 {2}1000 steps\/s {2}[\d.]+ ms left {2}loss 0\.003333 {2}[▁-█]+$/u)
  })

  it('takes its line away once', () => {
    const { written, bar, at } = progress()
    at(400, 4)
    bar.clear()
    bar.clear()
    expect(written.slice(1)).toEqual(['\r\x1b[K'])
  })

  it('fits the terminal', () => {
    const { written, at } = progress({ total: 123_456_789 })
    for (let step = 1; step < 100; step++) at(step * 200, step, step)
    for (const line of written) expect([...line.replace('\r\x1b[K', '')].length).toBeLessThan(80)
  })
})

describe('elsewhere', () => {
  it('a plain line every 10 s or 10 %, whichever is later', () => {
    const { written, at } = progress({ tty: false })
    // 10 steps a second: 10 % take 10 s.
    for (let step = 1; step <= 1000; step++) at(step * 100, step)
    expect(written).toHaveLength(10)
    expect(written[0]).toMatch(/^step 100\/1000 {2}10 steps\/s.*\n$/)
    const slow = progress({ tty: false })
    // 1 step a second: 10 % take 100 s.
    for (let step = 1; step <= 1000; step++) slow.at(step * 1000, step)
    expect(slow.written).toHaveLength(10)
    const fast = progress({ tty: false })
    for (let step = 1; step <= 1000; step++) fast.at(step * 5, step)
    expect(fast.written).toEqual([])
  })

  it.each([[{ env: { CI: '1' } }], [{ env: { TERM: 'dumb' } }], [{ json: true }], [{ enabled: false }]])(
    'nothing with %j',
    (settings) => {
      const { written, at } = progress(settings)
      for (let step = 1; step < 100; step++) at(step * 1000, step)
      expect(written).toEqual([])
    },
  )
})

describe('the sparkline', () => {
  it('goes from the smallest to the largest', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 16, false)).toBe('▁▂▃▄▅▆▇█')
    expect(sparkline([0, 7], 16, true)).toBe('.@')
  })

  it('shows the last values, level ones low, and what is not finite apart', () => {
    expect(sparkline([9, 1, 1, 1], 3, false)).toBe('▁▁▁')
    expect(sparkline([1, Number.NaN, 2], 3, false)).toBe('▁×█')
    expect(sparkline([], 3, false)).toBe('')
  })

  it('covers a whole run', () => {
    const { bar, at } = progress({ json: true })
    for (let step = 1; step <= 10_000; step++) at(step, step, 10_000 - step)
    const spark = [...bar.spark()]
    expect(spark.length).toBeGreaterThanOrEqual(8)
    expect(spark.length).toBeLessThanOrEqual(16)
    expect(spark[0]).toBe('█')
    expect(spark.at(-1)).toBe('▁')
  })
})
