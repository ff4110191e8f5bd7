/** Checkpoints: training goes on bit for bit, damage is found, misfits are refused by name, a kill leaves a whole one. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  amp,
  build,
  type EnforceError,
  Executor,
  Generator,
  hasCheckpoint,
  input,
  loadCheckpoint,
  lr,
  nn,
  optimizer,
  type Program,
  saveCheckpoint,
  seed,
  Tensor,
} from '../../src/index.ts'
import { killRounds } from '../../tools/kill_checkpoints.ts'

const { fc, dropout, crossEntropy } = nn.functional
const folder = mkdtempSync(join(tmpdir(), 'oarlock-checkpoint-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const fresh = (): string => join(folder, `${count++}`)

type Make = (rate: lr.LRScheduler) => InstanceType<typeof optimizer.Optimizer>

interface Net {
  readonly main: Program
  readonly startup: Program
  readonly executor: Executor
  readonly rows: Generator
  readonly schedule: lr.LRScheduler
  step(): void
  bits(): Record<string, string>
  run(): void
}

/** A classifier with dropout (so the generator counts), a schedule, and mixed precision where it is asked for. */
function training(make: Make, mixed?: amp.LevelOptions, width = 5): Net {
  const schedule = new lr.LinearWarmup({
    learningRate: new lr.StepDecay({ learningRate: 0.02, stepSize: 4, gamma: 0.7 }),
    warmupSteps: 6,
    startLr: 0.001,
    endLr: 0.02,
  })
  const { main, startup, out } = build(() => {
    const x = input('x', [null, 6])
    const y = input('y', [null, 1], 'int64')
    const hidden = dropout(fc(x, width, { activation: 'tanh' }), { p: 0.3 })
    return { loss: crossEntropy(fc(hidden, 3), y) }
  })
  const plain = make(schedule)
  const decorated = mixed === undefined ? undefined : amp.decorate(plain, mixed)
  ;(decorated ?? plain).minimize(out.loss, { startup })
  const executor = new Executor({ seed: 11 })
  const rows = new Generator(4)
  const step = (): void => {
    const word = (): number => {
      rows.engine.next()
      return rows.engine.lo
    }
    const x = Float32Array.from({ length: 24 }, () => (word() % 2001) / 1000 - 1)
    const y = BigInt64Array.from({ length: 4 }, () => BigInt(word() % 3))
    // Now and then an infinity, so that the loss scale moves.
    if (word() % 5 === 0) x[3] = Number.POSITIVE_INFINITY
    executor.run(main, { feed: { x: new Tensor('float32', [4, 6], x), y: new Tensor('int64', [4, 1], y) } })
    schedule.step()
  }
  return {
    main,
    startup,
    executor,
    rows,
    schedule,
    step,
    run() {
      executor.run(startup)
      decorated?.ampInit(executor.scope)
    },
    bits() {
      const names = executor.scope.names().filter((name) => main.globalBlock().vars.get(name)?.persistable === true)
      return Object.fromEntries(
        names.sort().map((name) => {
          const { dtype, shape, data } = executor.scope.get(name) as Tensor
          return [
            name,
            `${dtype} ${shape} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')}`,
          ]
        }),
      )
    },
  }
}

const { Adagrad, Adadelta, Adam, Adamax, AdamW, Ftrl, Lamb, LarsMomentum, Momentum, RMSProp, SGD } = optimizer
const OPTIMIZERS: readonly (readonly [string, Make])[] = [
  ['SGD', (learningRate) => new SGD({ learningRate, gradClip: nn.ClipGradByGlobalNorm(1) })],
  ['Momentum', (learningRate) => new Momentum({ learningRate, weightDecay: 1e-3 })],
  ['LarsMomentum', (learningRate) => new LarsMomentum({ learningRate })],
  ['Adam', (learningRate) => new Adam({ learningRate })],
  ['AdamW', (learningRate) => new AdamW({ learningRate })],
  ['Adamax', (learningRate) => new Adamax({ learningRate })],
  ['Adagrad', (learningRate) => new Adagrad({ learningRate })],
  ['Adadelta', (learningRate) => new Adadelta({ learningRate })],
  ['RMSProp', (learningRate) => new RMSProp({ learningRate, centered: true })],
  ['Lamb', (learningRate) => new Lamb({ learningRate })],
  ['Ftrl', (learningRate) => new Ftrl({ learningRate, l1: 1e-3 })],
]
const O2: amp.LevelOptions = { level: 'O2', initLossScaling: 64, incrEveryNSteps: 3 }

const parts = (net: Net) => ({ executor: net.executor, program: net.main, generators: { rows: net.rows } })

function caught(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    return error as EnforceError
  }
  throw new Error('nothing was thrown')
}

describe('a training that goes on from a checkpoint', () => {
  const STEPS = 21
  test.each(
    OPTIMIZERS.flatMap(([name, make]) => [
      [name, 'float32', make, undefined] as const,
      [name, 'O2', make, O2] as const,
    ]),
  )('%s, %s: equals one that was not interrupted, at 20 cut points', (_name, _precision, make, mixed) => {
    const whole = training(make, mixed)
    whole.run()
    const dirs: string[] = []
    const wanted: Record<string, string>[] = []
    for (let step = 0; step < STEPS; step++) {
      if (step > 0) {
        const dir = fresh()
        dirs.push(dir)
        saveCheckpoint(dir, { ...parts(whole), step, data: { note: step } })
      }
      whole.step()
      wanted.push(whole.bits())
    }
    expect(dirs).toHaveLength(20)
    dirs.forEach((dir, i) => {
      const net = training(make, mixed)
      // Nothing was run: the checkpoint brings everything, and the default seed was another one.
      net.rows.seed(99)
      const loaded = loadCheckpoint(dir, parts(net))
      expect(loaded).toMatchObject({ step: i + 1, data: { note: i + 1 }, damaged: [] })
      for (let step = loaded.step; step < STEPS; step++) {
        net.step()
        if (step === loaded.step) expect(net.bits()).toEqual(wanted[step])
      }
      expect(net.bits()).toEqual(wanted[STEPS - 1])
      expect(net.schedule.lastLr).toBe(whole.schedule.lastLr)
      net.executor.dispose()
    })
  })
})

const adam: Make = (learningRate) => new Adam({ learningRate })

/** A folder with checkpoints of steps 1 and 2. */
function saved(make: Make = adam, mixed?: amp.LevelOptions): { dir: string; net: Net; newest: string } {
  const net = training(make, mixed)
  net.run()
  const dir = fresh()
  let newest = ''
  for (let step = 1; step <= 2; step++) {
    net.step()
    newest = saveCheckpoint(dir, { ...parts(net), step })
  }
  return { dir, net, newest }
}

describe('damage', () => {
  test('of any byte of any file is found', () => {
    const { newest } = saved()
    const alone = fresh()
    for (const file of readdirSync(newest)) {
      const good = readFileSync(join(newest, file))
      const net = training(adam)
      cpSync(newest, alone, { recursive: true })
      // Two generators are most of state.json, whose digest is one over all of it.
      for (let at = 0; at < good.length; at += file === 'state.json' ? 5 : 1) {
        const bad = Buffer.from(good)
        bad[at] = bad[at]! ^ (1 << (at % 8))
        writeFileSync(join(alone, file), bad)
        expect(caught(() => loadCheckpoint(alone, parts(net))).code, `${file}, byte ${at}`).toBe('E551')
      }
      expect(net.executor.scope.names(), 'nothing was set').toEqual([])
      net.executor.dispose()
    }
  }, 120_000)

  test('makes the checkpoint before it count, and is told', () => {
    const { dir, newest } = saved()
    const path = join(newest, 'values.safetensors')
    writeFileSync(path, readFileSync(path).subarray(0, 100))
    const loaded = loadCheckpoint(dir, parts(training(adam)))
    expect(loaded.step).toBe(1)
    expect(loaded.damaged.map(({ code, where }) => [code, where?.file])).toEqual([['E551', newest]])
  })

  test('of a tensor is told with its name', () => {
    const { newest } = saved()
    const path = join(newest, 'values.safetensors')
    const bytes = readFileSync(path)
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(path, bytes)
    const error = caught(() => loadCheckpoint(newest, parts(training(adam))))
    expect(error.code).toBe('E551')
    expect(error.where?.variable).toMatch(/_pow_acc_0$|moment|fc_|learning_rate/)
  })
})

describe('a checkpoint that does not fit is refused, and nothing is set', () => {
  const refuses = (dir: string, net: Net, code: string, variable?: string): EnforceError => {
    const error = caught(() => loadCheckpoint(dir, parts(net)))
    expect(error.code).toBe(code)
    if (variable !== undefined) expect(error.where?.variable).toBe(variable)
    expect(net.executor.scope.names()).toEqual([])
    return error
  }

  test('wrong shapes of a parameter or an accumulator', () => {
    const error = refuses(saved().dir, training(adam, undefined, 7), 'E552', 'fc_0.b_0')
    expect(error.summary).toContain('float32[5]')
    expect(error.summary).toContain('float32[7]')
    const { dir, net } = saved()
    net.executor.scope.set('fc_0.w_0_moment1_0', new Tensor('float32', [3], new Float32Array(3)))
    saveCheckpoint(dir, { ...parts(net), step: 3 })
    expect(refuses(dir, training(adam), 'E552', 'fc_0.w_0_moment1_0').summary).toContain('Moment1 of "fc_0.w_0"')
  })

  test('a missing master weight', () => {
    const { dir } = saved(adam, { ...O2, masterWeight: false })
    const error = refuses(dir, training(adam, O2), 'E553')
    expect(error.summary).toContain('of "fc_0.')
    expect(error.where?.variable).toMatch(/fp32_master_0/)
  })

  test('another optimizer', () => {
    expect(
      refuses(
        saved().dir,
        training((learningRate) => new Momentum({ learningRate })),
        'E553',
      ).where?.variable,
    ).toBe('fc_0.b_0_velocity_0')
    refuses(
      saved((learningRate) => new Momentum({ learningRate })).dir,
      training((learningRate) => new SGD({ learningRate })),
      'E552',
    )
  })

  test('a program of the same variables and other operators, unless it is meant', () => {
    const { dir } = saved()
    const other = (): Net => training((learningRate) => new Adam({ learningRate, beta1: 0.5 }))
    refuses(dir, other(), 'E554')
    expect(loadCheckpoint(dir, { ...parts(other()), anyProgram: true }).step).toBe(2)
  })

  test('another schedule, other generators', () => {
    const { dir, net } = saved()
    delete (net.main as { learningRateSource?: unknown }).learningRateSource
    expect(caught(() => loadCheckpoint(dir, parts(net))).code).toBe('E554')
    const { executor, main } = training(adam)
    expect(caught(() => loadCheckpoint(dir, { executor, program: main })).code).toBe('E554')
  })

  test('a folder without one', () => {
    const dir = fresh()
    refuses(dir, training(adam), 'E550')
    expect(hasCheckpoint(dir)).toBe(false)
    mkdirSync(join(dir, 'ckpt-00000001-step-1'), { recursive: true })
    refuses(dir, training(adam), 'E551')
  })
})

describe('saving', () => {
  test('keeps as many as asked for, the newest by number and not by step', () => {
    const { dir, net } = saved()
    saveCheckpoint(dir, { ...parts(net), step: 1, keep: 3 })
    expect(readdirSync(dir).sort()).toEqual(['ckpt-00000001-step-1', 'ckpt-00000002-step-2', 'ckpt-00000003-step-1'])
    expect(loadCheckpoint(dir, parts(training(adam))).step).toBe(1)
    saveCheckpoint(dir, { ...parts(net), step: 9, keep: 1 })
    expect(readdirSync(dir)).toEqual(['ckpt-00000004-step-9'])
  })

  test('refuses a bad step, a bad number to keep, a folder that cannot be made', () => {
    const { net, dir } = saved()
    for (const step of [Number.NaN, -1, 0.5]) {
      expect(caught(() => saveCheckpoint(dir, { ...parts(net), step })).code).toBe('E555')
    }
    expect(caught(() => saveCheckpoint(dir, { ...parts(net), step: 1, keep: 0 })).code).toBe('E555')
    const file = join(folder, 'a-file')
    writeFileSync(file, 'x')
    expect(caught(() => saveCheckpoint(file, { ...parts(net), step: 1 })).code).toBe('E522')
    expect(loadCheckpoint(dir, parts(training(adam))).step).toBe(2)
  })

  test('removes what dead writers left', () => {
    const { dir, net } = saved()
    // No process has this number: it is beyond what Linux gives.
    mkdirSync(join(dir, '.ckpt-00000003-step-3.tmp-4194305-00000000'))
    saveCheckpoint(dir, { ...parts(net), step: 3 })
    expect(readdirSync(dir).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('the default generator is stored too', () => {
    const net = training(adam)
    const executor = new Executor()
    seed(5)
    executor.run(net.startup)
    const dir = fresh()
    saveCheckpoint(dir, { executor, program: net.main, step: 0 })
    const after = executor.generator.state
    seed(6)
    loadCheckpoint(dir, { executor, program: net.main })
    expect(executor.generator.state).toEqual(after)
  })
})

test('kills at random moments leave a whole checkpoint, never older than the last one reported', async () => {
  const result = await killRounds(5, fresh())
  expect(result).toMatchObject({ rounds: 5, unreadable: 0, mixed: 0, older: 0 })
  expect(result.saves).toBeGreaterThan(0)
}, 120_000)
