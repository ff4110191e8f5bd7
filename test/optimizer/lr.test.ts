/**
 * Learning-rate schedules against values recorded from Paddle 2.6.2 (test/golden/lr), and their way through programs, files and runs.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  build,
  EnforceError,
  Executor,
  input,
  lr,
  nn,
  optimizer,
  Program,
  seed,
  standardOps,
  stringifyProgramJson,
  type Tensor,
  tensor,
  type Variable,
} from '../../src/index.ts'
import { schedulerJson } from '../../tools/replay/apply_calls.ts'
import type { SchedulerRecord } from '../../tools/replay/recording.ts'
import { readGolden } from '../golden.ts'

interface RecordedCase extends SchedulerRecord {
  readonly constructor_raises?: string
  readonly metrics?: readonly number[]
  readonly last_lr: readonly number[]
  readonly state_after_20_steps: Readonly<Record<string, unknown>>
  readonly reloaded: readonly number[]
  readonly reloaded_continues: boolean
  readonly step_epoch?: readonly (readonly [epoch: number, rate: number])[]
}

const FOLDER = fileURLToPath(new URL('../golden/lr/', import.meta.url))
const files = readdirSync(FOLDER)
const casesIn = (path: string): readonly RecordedCase[] => readGolden<{ cases: readonly RecordedCase[] }>(path).cases
/** Chosen settings of every class, and random ones (tools/oracle/record_rates.py). */
const cases = [...files.map((file) => `lr/${file}`), 'rates/schedules.json.gz'].flatMap(casesIn)
const named = cases.map((item, i) => [`${i} ${item.class} ${JSON.stringify(item.args)}`, item] as const)

/** The functions of the recording, by their text in Python. */
const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  '0.95 ** e': (e) => 0.95 ** e,
  '1 / (1 + e)': (e) => 1 / (1 + e),
  '0.9': () => 0.9,
  '0.5 + 0.5 * (e % 3)': (e) => 0.5 + 0.5 * (e % 3),
  '0.5 * (1 + sin(x * pi / 2))': (x) => 0.5 * (1 + Math.sin((x * Math.PI) / 2)),
  '1 / (5 ** (x * 0.0001))': (x) => 1 / 5 ** (x * 0.0001),
}

function make(record: SchedulerRecord): lr.LRScheduler {
  const { args } = record
  const text = (name: string): string => (args[name] as { readonly function: string }).function
  const learningRate = args['learning_rate'] as number
  if (record.class === 'LambdaDecay')
    return new lr.LambdaDecay({ learningRate, lrLambda: FUNCTIONS[text('lr_lambda')]! })
  if (record.class === 'MultiplicativeDecay')
    return new lr.MultiplicativeDecay({ learningRate, lrLambda: FUNCTIONS[text('lr_lambda')]! })
  if (args['scale_fn'] !== undefined) {
    return new lr.CyclicLR({
      baseLearningRate: args['base_learning_rate'] as number,
      maxLearningRate: args['max_learning_rate'] as number,
      stepSizeUp: args['step_size_up'] as number,
      scaleFn: FUNCTIONS[text('scale_fn')]!,
      scaleMode: args['scale_mode'] as 'cycle' | 'iterations',
    })
  }
  return lr.fromJSON(schedulerJson(record))
}

/** Goes to the next epoch; ReduceOnPlateau is given the number measured in it. */
const advance = (schedule: lr.LRScheduler, metric: number | undefined): void => {
  if (schedule instanceof lr.ReduceOnPlateau) schedule.step(metric!)
  else schedule.step()
}

/** Within 1e-12 of the recorded value; where a rate passes through 0, of the largest one. */
function expectClose(got: unknown, wanted: unknown, label: string, scale = 0): void {
  if (typeof wanted === 'number' && typeof got === 'number') {
    const limit = 1e-12 * Math.max(Math.abs(wanted), wanted === 0 ? scale : 0)
    if (!(Math.abs(got - wanted) <= limit)) expect.fail(`${label}: ${got}, recorded ${wanted}`)
  } else if (typeof wanted === 'object' && wanted !== null) {
    expect(Object.keys(got as object), label).toEqual(Object.keys(wanted))
    for (const [key, value] of Object.entries(wanted))
      expectClose((got as Record<string, unknown>)[key], value, `${label}.${key}`, scale)
  } else expect(got, label).toBe(wanted)
}

function catchError(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('the values of Paddle 2.6.2', () => {
  test('are there for every class but the base', () => {
    // CyclicalCosineDecay is PaddleOCR's; test/optimizer/ocr.test.ts has its values.
    const classes = Object.values(lr).filter(
      (value) =>
        typeof value === 'function' && value.prototype instanceof lr.LRScheduler && value !== lr.CyclicalCosineDecay,
    )
    expect(files.map((file) => file.replace('.json.gz', '')).sort()).toEqual(classes.map(({ name }) => name).sort())
    expect(cases.length).toBeGreaterThan(310)
  })

  test.each(named)('%s', (_, item) => {
    if (item.constructor_raises !== undefined) {
      expect(catchError(() => make(item))).toMatchObject({ code: 'E315', category: 'InvalidArgument' })
      return
    }
    const schedule = make(item)
    const scale = Math.max(...item.last_lr)
    item.last_lr.forEach((rate, i) => {
      expectClose(schedule.lastLr, rate, `value ${i}`, scale)
      if (i === 20) expectClose(schedule.stateDict(), item.state_after_20_steps, 'state', scale)
      advance(schedule, item.metrics?.[i])
    })

    const reloaded = make(item)
    reloaded.setStateDict(JSON.parse(JSON.stringify(item.state_after_20_steps)))
    item.reloaded.forEach((rate, i) => {
      expectClose(reloaded.lastLr, rate, `value ${i} after loading`, scale)
      if (item.reloaded_continues) expectClose(reloaded.lastLr, item.last_lr[20 + i], `value ${20 + i}`, scale)
      advance(reloaded, item.metrics?.[20 + i])
    })

    for (const [epoch, rate] of item.step_epoch ?? []) {
      const jumped = make(item)
      jumped.step(epoch)
      expectClose(jumped.lastLr, rate, `step(${epoch})`, scale)
      expect(jumped.lastEpoch).toBe(epoch)
    }
  })
})

describe('a schedule as data', () => {
  const hasFunction = (item: RecordedCase): boolean => JSON.stringify(item.args).includes('"function"')
  const plain = named.filter(([, item]) => item.constructor_raises === undefined && !hasFunction(item))

  test.each(plain)('%s: toJSON and fromJSON', (_, item) => {
    const schedule = make(item)
    const first = JSON.parse(JSON.stringify(schedule))
    expect(first).toMatchObject({ type: item.class })
    expect(first).not.toHaveProperty('state')
    expect(lr.fromJSON(first).lastLr).toBe(schedule.lastLr)
    for (let i = 0; i < 7; i++) advance(schedule, item.metrics?.[i])
    const later = JSON.parse(JSON.stringify(schedule))
    const copy = lr.fromJSON(later)
    expect(copy.stateDict()).toEqual(schedule.stateDict())
    expect(JSON.parse(JSON.stringify(copy))).toEqual(later)
  })

  test('has the options under the names of Paddle', () => {
    const inner = new lr.CosineAnnealingDecay({ learningRate: 0.1, TMax: 30 })
    const schedule = new lr.LinearWarmup({ learningRate: inner, warmupSteps: 10, startLr: 0, endLr: 0.1 })
    expect(schedule.toJSON()).toEqual({
      type: 'LinearWarmup',
      learning_rate: { type: 'CosineAnnealingDecay', learning_rate: 0.1, T_max: 30, eta_min: 0 },
      warmup_steps: 10,
      start_lr: 0,
      end_lr: 0.1,
    })
  })

  test.each<[string, unknown, object]>([
    ['a misspelt type', { type: 'StepDeacy', learning_rate: 1, step_size: 2 }, { hint: 'did you mean "StepDecay"?' }],
    ['no type', { learning_rate: 1 }, { got: undefined }],
    ['no object', 'StepDecay', { got: 'StepDecay' }],
    ['a name of Object.prototype', { type: 'constructor' }, { got: 'constructor' }],
    ['a misspelt option', { type: 'StepDecay', learning_rate: 1, step_size: 2, gama: 0.5 }, { got: 'gama' }],
    ['a function', new lr.LambdaDecay({ learningRate: 1, lrLambda: (e) => e }).toJSON(), { got: 'LambdaDecay' }],
    [
      'a function of CyclicLR',
      new lr.CyclicLR({ baseLearningRate: 0, maxLearningRate: 1, stepSizeUp: 2, scaleFn: (x) => x }).toJSON(),
      { got: { function: 'scaleFn' } },
    ],
  ])('%s is refused', (_, json, details) => {
    expect(catchError(() => lr.fromJSON(json))).toMatchObject({ code: 'E318', ...details })
  })

  test('a bad option of a file is refused as in code', () => {
    const error = catchError(() => lr.fromJSON({ type: 'StepDecay', learning_rate: 1, step_size: 'two' }))
    expect(error).toMatchObject({ code: 'E315', got: 'two' })
  })

  test('a state of another class is refused, and changes nothing', () => {
    const schedule = new lr.ReduceOnPlateau({ learningRate: 1 })
    const error = catchError(() => schedule.setStateDict({ last_epoch: 3, last_lr: 0.5 }))
    expect(error).toMatchObject({ code: 'E317', category: 'NotFound' })
    expect(schedule.lastEpoch).toBe(0)
    const warmup = new lr.LinearWarmup({
      learningRate: new lr.StepDecay({ learningRate: 1, stepSize: 2 }),
      warmupSteps: 2,
      startLr: 0,
      endLr: 1,
    })
    expect(catchError(() => warmup.setStateDict({ last_epoch: 3, last_lr: 0.5 })).summary).toContain('LinearWarmup_LR')
    expect(catchError(() => warmup.setStateDict({ last_epoch: '3', last_lr: 0.5, LinearWarmup_LR: {} })).code).toBe(
      'E317',
    )
  })
})

describe('bad options', () => {
  const rate = { learningRate: 0.1 }
  test.each<[string, () => lr.LRScheduler, string]>([
    ['a negative rate', () => new lr.StepDecay({ learningRate: -0.1, stepSize: 1 }), 'learningRate'],
    ['NaN as rate', () => new lr.StepDecay({ learningRate: Number.NaN, stepSize: 1 }), 'learningRate'],
    ['lastEpoch', () => new lr.StepDecay({ ...rate, stepSize: 1, lastEpoch: -2 }), 'lastEpoch'],
    ['dModel', () => new lr.NoamDecay({ dModel: 0, warmupSteps: 3 }), 'dModel'],
    ['warmupSteps of NoamDecay', () => new lr.NoamDecay({ dModel: 64, warmupSteps: 0 }), 'warmupSteps'],
    ['no boundaries', () => new lr.PiecewiseDecay({ boundaries: [], values: [1] }), 'boundaries'],
    ['too few values', () => new lr.PiecewiseDecay({ boundaries: [3], values: [1] }), 'values'],
    ['gamma of NaturalExpDecay', () => new lr.NaturalExpDecay({ ...rate, gamma: 0 }), 'gamma'],
    ['gamma of ExponentialDecay', () => new lr.ExponentialDecay({ ...rate, gamma: 1 }), 'gamma'],
    ['gamma of InverseTimeDecay', () => new lr.InverseTimeDecay({ ...rate, gamma: Number.NaN }), 'gamma'],
    ['decaySteps', () => new lr.PolynomialDecay({ ...rate, decaySteps: 2.5 }), 'decaySteps'],
    ['power', () => new lr.PolynomialDecay({ ...rate, decaySteps: 2, power: 0 }), 'power'],
    ['warmupSteps', () => new lr.LinearWarmup({ ...rate, warmupSteps: 0, startLr: 0, endLr: 1 }), 'warmupSteps'],
    ['endLr', () => new lr.LinearWarmup({ ...rate, warmupSteps: 2, startLr: 0.1, endLr: 0.1 }), 'endLr'],
    ['milestones', () => new lr.MultiStepDecay({ ...rate, milestones: [2, 2] }), 'milestones'],
    ['milestones that are no list', () => new lr.MultiStepDecay({ ...rate, milestones: 5 as never }), 'milestones'],
    ['gamma of MultiStepDecay', () => new lr.MultiStepDecay({ ...rate, milestones: [2], gamma: 1 }), 'gamma'],
    ['stepSize', () => new lr.StepDecay({ ...rate, stepSize: 0 }), 'stepSize'],
    ['gamma of StepDecay', () => new lr.StepDecay({ ...rate, stepSize: 1, gamma: 2 }), 'gamma'],
    ['lrLambda', () => new lr.LambdaDecay({ ...rate, lrLambda: 3 as never }), 'lrLambda'],
    ['mode', () => new lr.ReduceOnPlateau({ ...rate, mode: 'x' as never }), 'mode'],
    ['factor', () => new lr.ReduceOnPlateau({ ...rate, factor: 1 }), 'factor'],
    ['thresholdMode', () => new lr.ReduceOnPlateau({ ...rate, thresholdMode: 'x' as never }), 'thresholdMode'],
    ['TMax', () => new lr.CosineAnnealingDecay({ ...rate, TMax: 0 }), 'TMax'],
    ['T0', () => new lr.CosineAnnealingWarmRestarts({ ...rate, T0: 1.5 }), 'T0'],
    ['TMult', () => new lr.CosineAnnealingWarmRestarts({ ...rate, T0: 1, TMult: 0 }), 'TMult'],
    ['totalSteps of LinearLR', () => new lr.LinearLR({ ...rate, totalSteps: 0 }), 'totalSteps'],
    ['startFactor', () => new lr.LinearLR({ ...rate, totalSteps: 4, startFactor: 0 }), 'startFactor'],
    ['endFactor', () => new lr.LinearLR({ ...rate, totalSteps: 4, endFactor: 1.1 }), 'endFactor'],
    ['maxLearningRate', () => new lr.OneCycleLR({ maxLearningRate: -1, totalSteps: 9 }), 'maxLearningRate'],
    ['totalSteps', () => new lr.OneCycleLR({ maxLearningRate: 1, totalSteps: 1.5 }), 'totalSteps'],
    ['divideFactor', () => new lr.OneCycleLR({ maxLearningRate: 1, totalSteps: 9, divideFactor: 0 }), 'divideFactor'],
    ['phasePct', () => new lr.OneCycleLR({ maxLearningRate: 1, totalSteps: 9, phasePct: 1.5 }), 'phasePct'],
    [
      'phasePct of three phases',
      () => new lr.OneCycleLR({ maxLearningRate: 1, totalSteps: 9, phasePct: 0.5, threePhase: true }),
      'phasePct',
    ],
    [
      'a phase without length',
      () => new lr.OneCycleLR({ maxLearningRate: 1, totalSteps: 10, phasePct: 0.1 }),
      'phasePct',
    ],
    ['stepSizeUp', () => new lr.CyclicLR({ baseLearningRate: 0, maxLearningRate: 1, stepSizeUp: 0 }), 'stepSizeUp'],
    [
      'scaleFn',
      () => new lr.CyclicLR({ baseLearningRate: 0, maxLearningRate: 1, stepSizeUp: 1, scaleFn: 3 as never }),
      'scaleFn',
    ],
  ])('%s', (_, body, option) => {
    const error = catchError(body)
    expect(error).toMatchObject({ code: 'E315', category: 'InvalidArgument' })
    expect(Object.keys(error.expected as object)).toEqual([option])
  })

  test('the message says option, rule and what was given', () => {
    const error = catchError(() => new lr.StepDecay({ learningRate: 1, stepSize: 0.5 }))
    expect(error.summary).toBe('StepDecay: stepSize must be a whole number of 1 or more, got 0.5')
  })

  test('a learning rate that is none', () => {
    for (const learningRate of [Number.NaN, '0.1', {}]) {
      expect(catchError(() => new optimizer.SGD({ learningRate: learningRate as never }))).toMatchObject({
        code: 'E310',
      })
    }
  })
})

describe('a step that cannot be', () => {
  test('OneCycleLR ends; the schedule stays where it was', () => {
    const schedule = new lr.OneCycleLR({ maxLearningRate: 1, totalSteps: 5 })
    for (let i = 0; i < 5; i++) schedule.step()
    const rate = schedule.lastLr
    expect(catchError(() => schedule.step())).toMatchObject({ code: 'E316', got: 6 })
    expect(schedule).toMatchObject({ lastEpoch: 5, lastLr: rate })
  })

  test('a function that gives no finite number', () => {
    const schedule = new lr.LambdaDecay({ learningRate: 1, lrLambda: (e) => (e < 2 ? 1 : Number.NaN) })
    schedule.step()
    expect(catchError(() => schedule.step())).toMatchObject({ code: 'E316', got: Number.NaN })
    expect(schedule.lastEpoch).toBe(1)
  })

  test('epochs that are none', () => {
    expect(catchError(() => new lr.StepDecay({ learningRate: 1, stepSize: 1 }).step(Number.NaN)).code).toBe('E316')
    expect(catchError(() => new lr.CosineAnnealingWarmRestarts({ learningRate: 1, T0: 2 }).step(-1)).code).toBe('E316')
  })

  test('ReduceOnPlateau takes one number, as such or in a tensor', () => {
    const schedule = new lr.ReduceOnPlateau({ learningRate: 1, patience: 0 })
    expect(catchError(() => schedule.step())).toMatchObject({ code: 'E316' })
    expect(catchError(() => schedule.step(tensor([1, 2])))).toMatchObject({
      code: 'E316',
      got: 'a tensor of shape [2]',
    })
    schedule.step(tensor([1]))
    schedule.step(tensor(1))
    expect(schedule.lastLr).toBe(0.1)
  })

  test('step(epoch) of warm restarts finds the restart by counting, where the logarithm of Paddle is rounded down', () => {
    for (const [epoch, since, length] of [
      [120, 80, 81],
      [121, 0, 243],
      [122, 1, 243],
    ] as const) {
      const schedule = new lr.CosineAnnealingWarmRestarts({ learningRate: 1, T0: 1, TMult: 3 })
      schedule.step(epoch)
      expect(schedule.lastLr).toBeCloseTo((1 + Math.cos((Math.PI * since) / length)) / 2, 12)
    }
  })
})

const bits = (value: unknown): string => {
  const { data } = value as Tensor
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
}

/** mean((x · w + b)^2) minimized by SGD. */
function regression(learningRate: number | lr.LRScheduler, times = 1) {
  return build(() => {
    const x = input('x', [null, 3])
    const sgd = new optimizer.SGD({ learningRate })
    const losses: Variable[] = []
    for (let i = 0; i < times; i++) {
      const loss = new nn.Linear(3, 1).forward(x).square().mean()
      sgd.minimize(loss)
      losses.push(loss)
    }
    return losses[0]!
  })
}

const X = [
  [1, 2, 3],
  [-1, 0, 1],
]
const rateOf = (executor: Executor, name = 'learning_rate_0'): unknown => (executor.scope.get(name) as Tensor).toArray()
const fills = (startup: {
  globalBlock(): { ops: readonly { type: string; outputNames(): readonly string[]; attrs: object }[] }
}) =>
  startup
    .globalBlock()
    .ops.filter((op) => op.type === 'fill_constant' && op.outputNames()[0]!.startsWith('learning_rate'))
    .map((op) => (op.attrs as { readonly str_value: string }).str_value)

describe('in a program', () => {
  test.each(['plan', 'interpreter'] as const)(
    'each run of the %s begins with the rate of the schedule, as float32',
    (engine) => {
      const schedule = new lr.StepDecay({ learningRate: 0.1, stepSize: 1, gamma: 0.3 })
      const { main, startup } = regression(schedule)
      const executor = new Executor({ engine })
      executor.run(startup)
      for (let i = 0; i < 4; i++) {
        executor.run(main, { feed: { x: X } })
        expect(rateOf(executor)).toBe(Math.fround(schedule.lastLr))
        const before = rateOf(executor)
        schedule.step()
        expect(rateOf(executor)).toBe(before)
      }
      expect(schedule.lastLr).toBe(0.1 * 0.3 ** 4)
    },
  )

  test('every minimize sets the variable to the present rate in startup, and only the first makes it', () => {
    const schedule = new lr.StepDecay({ learningRate: 0.5, stepSize: 1 })
    const { main, startup } = regression(schedule, 2)
    expect(fills(startup)).toEqual(['0.5', '0.5'])
    expect([...main.globalBlock().vars.keys()].filter((name) => name.startsWith('learning_rate'))).toEqual([
      'learning_rate_0',
    ])
    schedule.step()
    expect(fills(regression(schedule).startup)).toEqual(['0.05'])
    expect(fills(regression(0.5, 2).startup)).toEqual(['0.5'])
  })

  test('of two schedules the one that was linked last is live', () => {
    const [a, b] = [0.5, 0.25].map((learningRate) => new lr.StepDecay({ learningRate, stepSize: 1 })) as [
      lr.StepDecay,
      lr.StepDecay,
    ]
    const { main } = build(() => {
      const x = input('x', [null, 3])
      new optimizer.SGD({ learningRate: a }).minimize(new nn.Linear(3, 1).forward(x).square().mean())
      new optimizer.SGD({ learningRate: b }).minimize(new nn.Linear(3, 1).forward(x).square().mean())
      new optimizer.SGD({ learningRate: 0.1 }).minimize(new nn.Linear(3, 1).forward(x).square().mean())
    })
    expect(lr.schedulerOf(main)).toBe(b)
    expect(main.learningRateSource!.variable).toBe('learning_rate_1')
  })

  test('a clone for training shares the schedule, a clone for test has none', () => {
    const schedule = new lr.StepDecay({ learningRate: 0.5, stepSize: 1 })
    const { main } = regression(schedule)
    const training = main.clone()
    expect(lr.schedulerOf(training)).toBe(schedule)
    expect(training.lrScheduler).toEqual(main.lrScheduler)
    const testing = main.clone({ forTest: true })
    expect(testing.learningRateSource).toBeUndefined()
    expect(testing.toJSON()).not.toHaveProperty('x_lr_scheduler')
  })

  test('without startup the missing variables are named, as without a schedule', () => {
    const { main } = regression(new lr.StepDecay({ learningRate: 0.5, stepSize: 1 }))
    expect(catchError(() => new Executor().run(main, { feed: { x: X } })).code).toBe('E101')
  })
})

describe('in a program file', () => {
  const read = (program: { toJSON(): unknown }): Program =>
    Program.from(stringifyProgramJson(program.toJSON() as never), { library: standardOps })

  test('the schedule comes to life and trains on to the same bits', () => {
    const schedule = new lr.LinearWarmup({
      learningRate: new lr.CosineAnnealingDecay({ learningRate: 0.2, TMax: 5 }),
      warmupSteps: 3,
      startLr: 0,
      endLr: 0.2,
    })
    seed(3)
    const { main, startup } = regression(schedule)
    expect(main.toJSON()).toHaveProperty('x_lr_scheduler', { ...schedule.toJSON(), var: 'learning_rate_0' })
    const copy = read(main)
    expect(copy.learningRateSource).toBeUndefined()
    const revived = lr.attachScheduler(copy)!
    expect(lr.attachScheduler(copy)).toBe(revived)
    expect(copy.toJSON()).toEqual(main.toJSON())
    const executors = [new Executor({ seed: 5 }), new Executor({ seed: 5 })] as const
    for (const executor of executors) executor.run(startup)
    for (let i = 0; i < 9; i++) {
      executors[0].run(main, { feed: { x: X } })
      executors[1].run(copy, { feed: { x: X } })
      for (const name of executors[0].scope.names())
        expect(bits(executors[0].scope.get(name)), name).toBe(bits(executors[1].scope.get(name)))
      schedule.step()
      revived.step()
    }
  })

  test('a schedule that had moved before minimize is revived where it was', () => {
    const schedule = new lr.StepDecay({ learningRate: 0.5, stepSize: 1 })
    schedule.step()
    schedule.step()
    const revived = lr.attachScheduler(read(regression(schedule).main))!
    expect(revived.stateDict()).toEqual(schedule.stateDict())
  })

  test('a schedule with a function is given in code', () => {
    const schedule = new lr.LambdaDecay({ learningRate: 0.5, lrLambda: (e) => 0.9 ** e })
    const program = read(regression(schedule).main)
    const error = catchError(() => lr.attachScheduler(program))
    expect(error).toMatchObject({ code: 'E318', where: { pointer: '/x_lr_scheduler' } })
    expect(lr.attachScheduler(program, schedule)).toBe(schedule)
    expect(lr.schedulerOf(program)).toBe(schedule)
  })

  test('a program without a schedule has none', () => {
    const { main } = regression(0.1)
    expect(lr.attachScheduler(main)).toBeUndefined()
    const schedule = new lr.StepDecay({ learningRate: 0.5, stepSize: 1 })
    expect(catchError(() => lr.attachScheduler(main, schedule))).toMatchObject({ code: 'E318' })
  })

  test('a schedule for a variable that is not there is refused', () => {
    const json = regression(new lr.StepDecay({ learningRate: 0.5, stepSize: 1 })).main.toJSON()
    const program = Program.from(
      { ...json, x_lr_scheduler: { type: 'StepDecay', learning_rate: 1, step_size: 1, var: 'rate' } },
      { library: standardOps },
    )
    expect(catchError(() => lr.attachScheduler(program))).toMatchObject({ code: 'E318', got: 'rate' })
  })
})

describe('in both modes', () => {
  test.each<[string, () => lr.LRScheduler]>([
    ['LinearWarmup', () => new lr.LinearWarmup({ learningRate: 0.05, warmupSteps: 3, startLr: 0, endLr: 0.1 })],
    ['NoamDecay', () => new lr.NoamDecay({ dModel: 16, warmupSteps: 4 })],
    ['CosineAnnealingDecay', () => new lr.CosineAnnealingDecay({ learningRate: 0.03, TMax: 4, etaMin: 0.001 })],
    ['OneCycleLR', () => new lr.OneCycleLR({ maxLearningRate: 0.1, totalSteps: 8 })],
  ])('%s: the same schedule gives bit-equal parameters', (_, makeSchedule) => {
    seed(11)
    const model = new nn.Linear(3, 2)
    const [now, later] = [makeSchedule(), makeSchedule()]
    const eager = new optimizer.Adam({ learningRate: now, parameters: model.parameters() })
    const lossOf = <V extends Variable | Tensor>(x: V): V => (model.forward(x) as Tensor).square().mean() as V
    const { main, startup, out } = build(() => {
      const loss = lossOf(input('x', [null, 3]))
      new optimizer.Adam({ learningRate: later }).minimize(loss)
      return loss
    })
    const executor = new Executor()
    executor.run(startup)
    const seen = new Set<string>()
    for (let step = 0; step < 8; step++) {
      const loss = lossOf(tensor(X))
      loss.backward()
      const [fetched] = executor.run(main, { feed: { x: X }, fetch: [out] })
      expect(bits(loss)).toBe(bits(fetched))
      eager.step()
      eager.clearGrad()
      for (const param of model.parameters()) expect(bits(param)).toBe(bits(executor.scope.get(param.name)))
      seen.add(String(rateOf(executor)))
      now.step()
      later.step()
    }
    expect(seen.size).toBeGreaterThan(2)
  })

  test('dygraph: a step at rate 0 changes nothing, the next one does', () => {
    seed(2)
    const model = new nn.Linear(3, 1)
    const schedule = new lr.PiecewiseDecay({ boundaries: [1], values: [0, 0.1] })
    const sgd = new optimizer.SGD({ learningRate: schedule, parameters: model.parameters() })
    const before = bits(model.weight)
    const train = (): void => {
      model.forward(tensor(X)).square().mean().backward()
      sgd.step()
      sgd.clearGrad()
    }
    train()
    expect(bits(model.weight)).toBe(before)
    schedule.step()
    train()
    expect(bits(model.weight)).not.toBe(before)
  })
})

test('a class of your own', () => {
  class Halving extends lr.LRScheduler {
    override get type(): string {
      return 'Halving'
    }

    constructor(learningRate: number) {
      super(learningRate)
      this.start()
    }

    override getLr(): number {
      return this.lastEpoch === 0 ? this.learningRate : this.lastLr / 2
    }
  }
  const schedule = new Halving(1)
  schedule.step()
  schedule.step()
  expect(schedule.lastLr).toBe(0.25)
  const state = { last_epoch: 2, last_lr: 0.25 }
  expect(schedule.toJSON()).toEqual({ type: 'Halving', learning_rate: 1, state })
  const again = new Halving(1)
  again.setStateDict(state)
  again.step()
  expect(again.lastLr).toBe(0.125)
  expect(catchError(() => lr.fromJSON(schedule.toJSON())).code).toBe('E318')
})
