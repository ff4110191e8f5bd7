import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { Executor, type Profile, Profiler, type Program } from '../../src/index.ts'
import { sameBits } from '../../src/tensor/same_bits.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { classifier } from './programs.ts'
import { type FailedDocument, Workspace } from './workspace.ts'

const work = new Workspace()
const GOLDEN = new URL('../golden/programs/', import.meta.url)
const golden = (program: string, names: readonly string[]): void => {
  for (const name of names)
    work.write(`${program}/${name}.json`, gunzipSync(readFileSync(new URL(`${program}/${name}.json.gz`, GOLDEN))))
}
golden('lenet', ['main', 'startup', 'feeds'])
const net = classifier(4, 3)
work.writeProgram('net/main.json', net.main)
work.writeProgram('net/startup.json', net.startup)

interface ProfileDocument extends Profile {
  readonly ok: true
  readonly wholeStepMs: number
  readonly trace: string | null
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, value) => total + value, 0)

describe('oarlock profile', () => {
  it.each(['wasm', 'ts'] as const)('%s: every operator once a step, and totals that add up', async (backend) => {
    const found = await work.document<ProfileDocument>([
      'profile',
      'lenet',
      '--feeds',
      'lenet/feeds.json',
      '--steps',
      '4',
      '--backend',
      backend,
    ])
    expect(found.run).toMatchObject({ engine: 'plan', backend })
    expect([found.steps, found.stepMs.length]).toEqual([4, 4])
    expect(found.units.every(({ calls, block }) => calls === 4 && block === 0)).toBe(true)
    const covered = found.units.flatMap(({ first, last }) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
    )
    expect(covered).toEqual(Array.from({ length: 44 }, (_, i) => i))
    expect(sum(found.units.map(({ share }) => share))).toBeCloseTo(1, 9)
    expect(sum(found.types.map(({ ms }) => ms))).toBeCloseTo(sum(found.units.map(({ ms }) => ms)), 6)
    expect(sum(found.units.map(({ ms }) => ms))).toBeLessThanOrEqual(sum(found.stepMs))
    expect(found.types.map(({ ms }) => ms)).toEqual([...found.types.map(({ ms }) => ms)].sort((a, b) => b - a))
    const compiled = sum(found.units.filter((unit) => unit.compiled).map(({ first, last }) => last - first + 1))
    expect(compiled).toBe(found.run.compiledOps)
    expect(compiled > 0).toBe(backend === 'wasm')
    expect(found.units.some(({ types }) => types.length > 1)).toBe(backend === 'wasm')
    expect(found.wholeStepMs).toBeGreaterThan(0)
  })

  it('bytes and operations, counted by hand', async () => {
    const { units } = await work.document<ProfileDocument>([
      'profile',
      'net',
      '--batch',
      '8',
      '--steps',
      '2',
      '--backend',
      'ts',
    ])
    const [first] = units
    // x [8, 4] by w [4, 16]: a multiplication and an addition for each of 8 * 16 results and 4 products.
    expect(first).toMatchObject({ types: ['mul'], first: 0, last: 0, flops: 2 * 8 * 16 * 4 })
    expect(first!.bytes).toBe(4 * (8 * 4 + 4 * 16 + 8 * 16))
    expect(units.find(({ types }) => types[0] === 'relu')).toMatchObject({ flops: null, bytes: 4 * 2 * 8 * 16 })
  })

  it('the arena: nothing that is alive at one time overlaps, and what is alive is the sum of it', async () => {
    const found = await work.document<ProfileDocument>([
      'profile',
      'lenet',
      '--feeds',
      'lenet/feeds.json',
      '--steps',
      '1',
      '--backend',
      'ts',
    ])
    const { values, alive, peak, arenaBytes, temporaryBytes } = found.memory!
    expect(alive).toHaveLength(44)
    for (let op = 0; op < 44; op++) {
      const living = values.filter(({ first, last }) => first <= op && op <= last).sort((a, b) => a.offset - b.offset)
      expect(alive[op]).toBe(sum(living.map(({ bytes }) => bytes)))
      living.forEach(({ offset, bytes }, i) => {
        expect(offset + bytes).toBeLessThanOrEqual(living[i + 1]?.offset ?? arenaBytes)
      })
    }
    expect(peak).toEqual({ op: alive.indexOf(Math.max(...alive)), bytes: Math.max(...alive) })
    expect(arenaBytes).toBeLessThan(temporaryBytes)
    // What stats says before anything runs is what the run then takes.
    const feeds = work.json<{ img: { shape: number[] } }[]>('lenet/feeds.json')
    const rows = feeds[0]!.img.shape[0]!
    const { planned } = await work.document<{ planned: object }>([
      'stats',
      'lenet',
      '--batch',
      String(rows),
      '--backend',
      'ts',
    ])
    expect(planned).toMatchObject({ backend: 'ts', arenaBytes, temporaryBytes, peakOp: peak!.op, reason: null })
  })

  it('--trace: events of all units and steps, inside their steps', async () => {
    await work.document(['profile', 'net', '--steps', '3', '--warmup', '1', '--trace', 'trace.json'])
    const { traceEvents } = work.json<{ traceEvents: Record<string, unknown>[] }>('trace.json')
    const complete = traceEvents.filter(({ ph }) => ph === 'X') as unknown as {
      cat: string
      ts: number
      dur: number
      args?: { first: number }
    }[]
    const steps = complete.filter(({ cat }) => cat === 'step')
    const units = complete.filter(({ cat }) => cat !== 'step')
    expect(steps).toHaveLength(3)
    expect(units.length % 3).toBe(0)
    for (const { ts, dur } of units) {
      const around = steps.filter((step) => step.ts <= ts && ts + dur <= step.ts + step.dur + 1e-6)
      expect(around).toHaveLength(1)
    }
    expect(traceEvents.filter(({ ph }) => ph === 'C')).toHaveLength(units.length)
    expect((await work.document<FailedDocument>(['profile', 'net', '--trace', 'trace.json'], 2)).error.code).toBe(
      'E706',
    )
  })

  it('text: sorted, with bars, in ASCII too', async () => {
    const { stdout, code } = await work.run([
      'profile',
      'lenet',
      '--steps',
      '2',
      '--ascii',
      '--top',
      '3',
      '--backend',
      'ts',
    ])
    expect(code).toBe(0)
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(
      /^profile lenet\/main\.json {3}2 steps \| \d.* a step, .* without timing each operator \| plan on ts, 0 of 44 ops compiled$/,
    )
    expect(stdout).toMatch(
      /\nthe 3 slowest operators .*\nb0#\d+ \w+ .*\nb0#\d+ \w+ .*\nb0#\d+ \w+ .*\n\nmemory {2}arena /,
    )
    expect(stdout).toMatch(/\n {2}most alive: .* at b0#\d+ /)
    expect(/^[\x20-\x7e\n]*$/.test(stdout)).toBe(true)
  })

  it('a program with blocks: the time of operators inside counts once', async () => {
    golden('case_chain', ['main', 'startup', 'feeds'])
    const found = await work.document<ProfileDocument>([
      'profile',
      'case_chain',
      '--feeds',
      'case_chain/feeds.json',
      '--steps',
      '3',
    ])
    expect(found.run.engine).toBe('interpreter')
    expect(found.memory).toBeNull()
    expect(found.units.some(({ block }) => block > 0)).toBe(true)
    expect(sum(found.units.map(({ ms }) => ms))).toBeLessThanOrEqual(sum(found.stepMs))
    expect(found.units.every(({ ms }) => ms >= 0)).toBe(true)
  })

  it.each([
    [['profile', 'net', '--steps', '0'], 2, 'E703'],
    [['profile', 'nothing.json'], 3, 'E520'],
    [['profile', 'net', '--feed', 'x=[[1]]'], 4, 'E110'],
    [['profile', 'net', '--feeds', 'a.json', '--data', 'x=@a.npy'], 2, 'E703'],
  ])('%j: exit %i, %s', async (argv, code, error) => {
    expect((await work.document<FailedDocument>(argv, code)).error.code).toBe(error)
  })
})

describe('Profiler', () => {
  const run = (main: Program, options: ConstructorParameters<typeof Executor>[0]): Tensor => {
    const executor = new Executor({ seed: 5, ...options })
    executor.run(main.startup!)
    const feed = {
      x: [
        [1, 2, 3, 4],
        [-1, 0.5, 2, -3],
      ],
      y: [[0], [2]],
    }
    return executor.run(main, { feed, fetch: [net.loss] })[0] as Tensor
  }

  it.each([
    { engine: 'plan', backend: 'ts' },
    { engine: 'plan', backend: 'wasm' },
    { engine: 'interpreter', backend: 'ts' },
    { engine: 'interpreter', backend: 'wasm' },
  ] as const)('%j: changes no bit', (options) => {
    expect(sameBits(run(net.main, { ...options, observer: new Profiler() }), run(net.main, options))).toBe(true)
  })
})
