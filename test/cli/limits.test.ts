/** Limits of a run: refused before anything is allocated, with the limit, the value and the flag that raises it, and exit code 6. */
import { describe, expect, it } from 'vitest'
import { regression } from './programs.ts'
import { type FailedDocument, reluProgram, Workspace } from './workspace.ts'

const work = new Workspace()
work.write('relu.json', reluProgram())
const chain = Array.from({ length: 20 }, () => ({ type: 'relu', inputs: { X: ['y'] }, outputs: { Out: ['y'] } }))
const first = { type: 'relu', inputs: { X: ['x'] }, outputs: { Out: ['y'] } }
work.write('chain.json', reluProgram({ ops: [first, ...chain] }))
const net = regression()
work.writeProgram('net/main.json', net.main)
work.writeProgram('net/startup.json', net.startup)
const feeds = ['--feed', 'x=[[1,2]]', '--feed', 'y=[[1]]']

describe('limits', () => {
  it('a feed of random numbers that would be too large', async () => {
    for (const value of ['random', 'zeros']) {
      const argv = ['run', 'relu.json', '--feed', `x=${value}`, '--batch', '1000000000']
      const { error } = await work.document<FailedDocument>(argv, 6)
      expect(error).toMatchObject({ code: 'E604', category: 'ResourceExhausted', got: 3_000_000_000 })
      expect(error.message).toContain('feed "x"')
    }
    expect((await work.run(['run', 'relu.json', '--feed', 'x=[[1,2,3]]'])).code).toBe(0)
  })

  it('--max-memory bounds one tensor and all together, and says what it was', async () => {
    const argv = (size: string, rows: string): string[] =>
      ['run', 'relu.json', '--feed', 'x=zeros', '--batch', rows, '--max-memory', size] // biome-ignore format: one command
    // 12 bytes a row, for x and for y.
    const one = await work.document<FailedDocument>(argv('64KiB', '6000'), 6)
    expect(one.error).toMatchObject({ code: 'E604', got: 72_000, hint: '--max-memory raises the limit' })
    expect(one.error.message).toContain('tensorBytes of 65536')
    const all = await work.document<FailedDocument>(argv('64KiB', '5000'), 6)
    expect(all.error).toMatchObject({ code: 'E610', hint: '--max-memory raises the limit' })
    expect((await work.run(argv('1MiB', '5000'))).code).toBe(0)
    expect((await work.run(argv('3GiB', '5000'))).code).toBe(0)
  })

  it('--max-ops bounds the operators of a step', async () => {
    const argv = (most: string): string[] => ['run', 'chain.json', '--feed', 'x=[[1,2,3]]', '--max-ops', most]
    const { error } = await work.document<FailedDocument>(argv('20'), 6)
    expect(error).toMatchObject({ code: 'E620', where: { op: 20 }, hint: '--max-ops raises the limit' })
    expect((await work.run(argv('21'))).code).toBe(0)
  })

  it('--timeout ends a run after a whole step and saves what was reached', async () => {
    const argv = ['run', 'net', ...feeds, '--steps', '100000000', '--timeout', '200ms', '--save', 'late.json']
    const { code, stderr } = await work.run(argv)
    expect(code).toBe(6)
    expect(stderr).toMatch(/error E621: stopped by --timeout 200\.0 ms after step \d+ of 100000000/)
    expect(Object.keys(work.json('late.json'))).toContain('fc_0.w_0')
    const json = await work.document<FailedDocument>(['run', 'net', ...feeds, '--steps', '1e8', '--timeout', '0.1'], 6)
    expect(json).toMatchObject({ ok: false, error: { code: 'E621', category: 'ResourceExhausted' } })
    expect((await work.run(['run', 'net', ...feeds, '--steps', '20', '--timeout', '1h'])).code).toBe(0)
  })

  it.each([
    ['--max-memory', '0'],
    ['--max-memory', '-1'],
    ['--max-memory', '5 apples'],
    ['--max-memory', 'MiB'],
    ['--max-memory', '1e400'],
    ['--timeout', '0'],
    ['--timeout', 'soon'],
    ['--timeout', '3constructor'],
    ['--max-ops', '0'],
    ['--max-ops', '1.5'],
  ])('%s %s is wrong use', async (flag, value) => {
    const { error } = await work.document<FailedDocument>(['run', 'relu.json', '--feed', 'x=[[1,2,3]]', flag, value], 2)
    expect(error).toMatchObject({ code: 'E703', got: value })
  })
})
