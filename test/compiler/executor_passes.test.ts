/** The executor's option for passes, and the switches of the environment. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { debugObserver, debugStep } from '../../src/compiler/debug.ts'
import { Profiler } from '../../src/compiler/profiler.ts'
import { readSwitches } from '../../src/executor/switches.ts'
import { build, Executor, input, lr, nn, ops, optimize, optimizer, type Program } from '../../src/index.ts'
import { Program as StandardProgram } from '../../src/modes/static.ts'
import { sameBits } from '../../src/tensor/same_bits.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

function regression(): { main: Program; startup: Program; loss: string; extra: string; schedule: lr.StepDecay } {
  const schedule = new lr.StepDecay({ learningRate: 0.1, stepSize: 2 })
  const { main, startup, out } = build(
    () => {
      const y = nn.functional.fc(nn.functional.fc(input('x', [null, 4]), 8, { activation: 'relu' }), 3)
      const loss = y.square().mean()
      const extra = y.exp().sum()
      new optimizer.Adam({ learningRate: schedule }).minimize(loss)
      return { loss: loss.name, extra: extra.name }
    },
    { seed: 3 },
  )
  return { main, startup, schedule, ...out }
}

const feed = {
  x: [
    [1, -2, 3, 4],
    [0.5, 0.25, -1, 2],
  ],
}

describe('new Executor({ passes })', () => {
  test.each(['ts', 'wasm'] as const)(
    '%s: trains to the same bits, also with a schedule and changing fetches',
    (backend) => {
      const trained = (['none', 'training'] as const).map((passes) => {
        const { main, startup, loss, extra, schedule } = regression()
        const executor = new Executor({ backend, passes })
        executor.run(startup)
        const values: Tensor[] = []
        for (let step = 0; step < 5; step++) {
          const fetch = step % 2 === 0 ? [loss] : [extra, loss]
          values.push(...(executor.run(main, { feed, fetch }) as Tensor[]))
          schedule.step()
        }
        return [...values, ...main.parameters().map(({ name }) => executor.scope.get(name) as Tensor)]
      })
      expect(trained[1]!.map((value, i) => sameBits(value, trained[0]![i]!))).not.toContain(false)
    },
  )

  test('runs fewer operators, and follows edits', () => {
    const { main, startup, loss } = regression()
    const profiler = new Profiler()
    const executor = new Executor({ passes: 'training', observer: profiler, backend: 'ts' })
    executor.run(startup)
    profiler.start()
    executor.run(main, { feed, fetch: [loss] })
    const types = profiler.report().units.flatMap((unit) => unit.types)
    expect(types).toContain('merged_adam')
    expect(types).not.toContain('exp')
    main.globalBlock().appendOp({ type: 'scale', inputs: { X: loss }, outputs: { Out: 'twice' }, attrs: { scale: 2 } })
    const [value, twice] = executor.run(main, { feed, fetch: [loss, 'twice'] }) as [Tensor, Tensor]
    expect(twice.item()).toBe(Math.fround(Number(value.item()) * 2))
  })

  test('E801 for a name that is no pass', () => {
    const { main } = regression()
    expect(() => new Executor({ passes: ['no_such_pass'] }).run(main)).toThrowError(/no pass "no_such_pass"/)
  })
})

describe('switches', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })

  test('DEBUG is a level or of somebody else', () => {
    expect(readSwitches({})).toEqual({ debug: 0, checkNanInf: false })
    expect(readSwitches({ DEBUG: '3', FLAGS_check_nan_inf: '1' })).toEqual({ debug: 3, checkNanInf: true })
    for (const DEBUG of ['express:*', '0', '5', '']) expect(readSwitches({ DEBUG }).debug).toBe(0)
  })

  function told(level: 1 | 2 | 4): string[] {
    const lines: string[] = []
    const { main, startup, loss } = regression()
    const executor = new Executor({ backend: 'wasm', observer: debugObserver(level, (line) => lines.push(line))! })
    executor.run(startup)
    lines.length = 0
    executor.run(main, { feed, fetch: [loss] })
    return lines
  }

  test('1: the run; 2: the plan; 4: every operator with its shapes', () => {
    expect(told(1)).toEqual([expect.stringMatching(/^run [\d.]+ ms, plan on wasm, \d+ operators compiled$/)])
    expect(told(2)[0]).toMatch(/^plan of \d+ operators, \d+ compiled: arena .*, most alive .* at b0#\d+$/)
    const every = told(4)
    expect(every[1]).toMatch(
      /^b0#0 mul X float32\[2, 4\] Y float32\[4, 8\] -> Out float32\[2, 8\] compiled( \+| [\d.]+ ms)$/,
    )
    const { main } = regression()
    expect(every.filter((line) => line.startsWith('b0#'))).toHaveLength(main.globalBlock().ops.length)
  })

  test('3: the program after each pass that changed it', () => {
    const lines: string[] = []
    const { main, loss } = regression()
    const { steps } = optimize(main, { passes: 'training', fetch: [loss] })
    for (const step of steps) debugStep(step, 3, (line) => lines.push(line))
    expect(lines).toHaveLength(steps.length)
    expect(lines.find((line) => line.startsWith('pass merge_updates'))).toMatch(
      /\d+ to \d+ operators\n[\s\S]*merged_adam/,
    )
    expect(lines.find((line) => line.startsWith('pass cancel_casts'))).toMatch(/: unchanged$/)
    debugStep(steps[0]!, 2, (line) => lines.push(line))
    expect(lines).toHaveLength(steps.length)
  })

  test('DEBUG of the environment speaks on standard error', () => {
    vi.stubEnv('DEBUG', '1')
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const { startup } = regression()
    new Executor().run(startup)
    expect(said).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^oarlock: run /))
  })

  test('FLAGS_check_nan_inf: the first operator whose result is not finite', () => {
    const made = new StandardProgram(ops)
    const block = made.globalBlock()
    block.createVar({ name: 'x', shape: [3], needCheckFeed: true })
    block.appendOp({ type: 'relu', inputs: { X: 'x' }, outputs: { Out: 'a' } })
    block.appendOp({ type: 'log', inputs: { X: 'a' }, outputs: { Out: 'b' } })
    block.appendOp({ type: 'exp', inputs: { X: 'b' }, outputs: { Out: 'y' } })
    const run = (x: number[]): Tensor => new Executor().run(made, { feed: { x }, fetch: ['y'] })[0] as Tensor
    expect(run([1, -1, 0]).toArray()).toHaveLength(3)
    vi.stubEnv('FLAGS_check_nan_inf', '1')
    expect(() => run([1, -1, 0])).toThrowError(
      expect.objectContaining({
        code: 'E122',
        where: expect.objectContaining({ op: 1, opType: 'log', variable: 'b' }),
        got: { nan: 0, infinite: 2 },
      }),
    )
    expect(run([1, 2, 3]).toArray()).toHaveLength(3)
  })
})
