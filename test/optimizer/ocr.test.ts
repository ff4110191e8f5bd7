/** Optimizers and learning rates from PaddleOCR's configurations: rates against Paddle's own schedules, optimizers against hand-made ones. */
import { describe, expect, test } from 'vitest'
import { build, comparePrograms, EnforceError, input, lr, nn, optimizer, type Program } from '../../src/index.ts'
import { readGolden } from '../golden.ts'

interface RecordedRates {
  readonly config: Readonly<Record<string, unknown>>
  readonly epochs: number
  readonly stepsPerEpoch: number
  readonly rates: readonly number[]
}

const { cases } = readGolden<{ cases: readonly RecordedRates[] }>('rates/ocr.json.gz')

function caught(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('buildLrScheduler', () => {
  test('is recorded for every name', () => {
    const names = new Set(cases.map(({ config }) => config['name']))
    expect([...names].sort()).toEqual(['Const', 'Cosine', 'CyclicalCosine', 'Linear', 'Piecewise', 'Step', undefined])
  })

  test.each(cases.map((item) => [JSON.stringify([item.config, item.epochs, item.stepsPerEpoch]), item] as const))(
    '%s: the rate of every step',
    (_, { config, epochs, stepsPerEpoch, rates }) => {
      const rate = lr.buildLrScheduler(config, { epochs, stepsPerEpoch })
      const scale = Math.max(...rates)
      rates.forEach((wanted, i) => {
        const got = typeof rate === 'number' ? rate : rate.lastLr
        const bound = 1e-12 * (wanted === 0 ? scale : Math.abs(wanted))
        if (!(Math.abs(got - wanted) <= bound)) expect.fail(`step ${i}: ${got}, Paddle ${wanted}`)
        if (typeof rate !== 'number') rate.step()
      })
    },
  )

  test('CyclicalCosineDecay goes into a program file and comes back in its epoch', () => {
    const rate = new lr.CyclicalCosineDecay({ learningRate: 0.1, cycle: 4, etaMin: 0.01 })
    for (let i = 0; i < 6; i++) rate.step()
    const read = lr.fromJSON(JSON.parse(JSON.stringify(rate)))
    expect([read.lastEpoch, read.lastLr]).toEqual([6, rate.lastLr])
    // Half of the second cycle: the mean of the highest and the lowest rate.
    expect(rate.lastLr).toBeCloseTo((0.1 + 0.01) / 2, 15)
  })

  const length = { epochs: 2, stepsPerEpoch: 5 }
  test.each([
    [{ name: 'Cosin', learning_rate: 0.1 }, /lr\.name must be one of .*got "Cosin"/, 'E319'],
    [{ name: 'Cosine' }, /lr\.learning_rate must be a finite number, got nothing/, 'E319'],
    [{ name: 'Cosine', learning_rate: '1e-3' }, /lr\.learning_rate must be a finite number, got "1e-3"/, 'E319'],
    [{ name: 'Cosine', learning_rate: 0.1, gamma: 0.5 }, /lr\.gamma must be left out/, 'E319'],
    [{ name: 'Piecewise', decay_epochs: [1], values: 0.1 }, /lr\.values must be a list/, 'E319'],
    [{ name: 'Piecewise', decay_epochs: [1], values: [0.1] }, /PiecewiseDecay/, 'E315'],
    [{ name: 'Step', learning_rate: 0.1, step_size: 0, gamma: 0.5 }, /stepSize/, 'E315'],
    [[], /lr must be an object/, 'E319'],
    [{ learning_rate: 0.1, epochs: 0 }, /epochs/, 'E315'],
  ])('%j is refused', (config, message, code) => {
    const error = caught(() => lr.buildLrScheduler(config, length))
    expect(error.message).toMatch(message)
    expect([error.category, error.code]).toEqual(['InvalidArgument', code])
  })
})

/** The programs of a small net that `by` trains. */
function trained(by: optimizer.Optimizer): { main: Program; startup: Program } {
  return build(() => {
    const x = input('x', [null, 4])
    by.minimize(nn.functional.fc(nn.functional.fc(x, 3, { activation: 'tanh' }), 2).mean())
  })
}

describe('buildOptimizer', () => {
  const length = { epochs: 3, stepsPerEpoch: 10 }
  const schedule = () => new lr.CosineAnnealingDecay({ learningRate: 0.001, TMax: 30 })
  const rate = { name: 'Cosine', learning_rate: 0.001 }
  const { Adam, AdamW, Adadelta, L1Decay, L2Decay, Momentum, RMSProp } = optimizer
  test.each<[string, Readonly<Record<string, unknown>>, () => optimizer.Optimizer]>([
    [
      'the direction classifier',
      { name: 'Adam', beta1: 0.9, beta2: 0.999, lr: rate, regularizer: { name: 'L2', factor: 0 } },
      () => new Adam({ learningRate: schedule(), beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: L2Decay(0) }),
    ],
    [
      'Momentum with L2 and clipping of each gradient',
      { name: 'Momentum', momentum: 0.8, lr: rate, regularizer: { name: 'L2Decay', factor: 0.01 }, clip_norm: 5 },
      () =>
        new Momentum({
          learningRate: schedule(),
          momentum: 0.8,
          weightDecay: L2Decay(0.01),
          gradClip: nn.ClipGradByNorm(5),
        }),
    ],
    [
      'RMSProp with L1',
      { name: 'RMSProp', lr: rate, regularizer: { name: 'L1', factor: 0.1 } },
      () => new RMSProp({ learningRate: schedule(), momentum: 0, rho: 0.95, epsilon: 1e-6, weightDecay: L1Decay(0.1) }),
    ],
    [
      'Adadelta',
      { name: 'Adadelta', lr: { learning_rate: 0.5 }, rho: 0.8, weight_decay: 0.02 },
      () => new Adadelta({ learningRate: 0.5, rho: 0.8, epsilon: 1e-8, weightDecay: 0.02 }),
    ],
    [
      'AdamW with parameters that do not decay, and clipping by the global norm',
      {
        name: 'AdamW',
        lr: rate,
        weight_decay: 0.05,
        no_weight_decay_name: 'b_0 norm',
        clip_norm_global: 2,
        beta2: 0.99,
      },
      () =>
        new AdamW({
          learningRate: schedule(),
          beta2: 0.99,
          weightDecay: 0.05,
          applyDecayParamFun: (name) => !name.includes('b_0'),
          gradClip: nn.ClipGradByGlobalNorm(2),
        }),
    ],
  ])('%s: the programs of the same optimizer made by hand', (_, config, byHand) => {
    const before = JSON.stringify(config)
    const made = trained(optimizer.buildOptimizer(config, length).optimizer)
    const wanted = trained(byHand())
    expect(comparePrograms(wanted.main, made.main)).toEqual([])
    expect(comparePrograms(wanted.startup, made.startup)).toEqual([])
    expect(JSON.stringify(config), 'the configuration stays as it was').toBe(before)
  })

  test('gives the schedule that it trains with', () => {
    const { optimizer: by, learningRate } = optimizer.buildOptimizer({ name: 'Adam', lr: rate }, length)
    expect(by.learningRate).toBe(learningRate)
    expect(learningRate).toBeInstanceOf(lr.CosineAnnealingDecay)
  })

  test.each([
    [{ name: 'Adan', lr: rate }, /Optimizer\.name must be one of .*got "Adan"/, 'E319', 'Adam'],
    [{ name: 'Adam' }, /Optimizer\.lr must be an object, got nothing/, 'E319', undefined],
    [{ name: 'Momentum', lr: rate }, /Optimizer\.momentum must be a finite number/, 'E319', undefined],
    [{ name: 'Adam', lr: rate, momentum: 0.9 }, /Optimizer\.momentum must be left out/, 'E319', undefined],
    [{ name: 'Adam', lr: rate, beta1: 1 }, /beta1/, 'E310', undefined],
    [{ name: 'Adam', lr: rate, regularizer: { name: 'L3' } }, /Optimizer\.regularizer\.name/, 'E319', 'L2'],
    [{ name: 'AdamW', lr: rate, regularizer: { name: 'L1' } }, /Optimizer\.regularizer\.name/, 'E319', undefined],
    [{ name: 'Adam', lr: { ...rate, warmup: 1 } }, /Optimizer\.lr\.warmup must be left out/, 'E319', 'warmup_epoch'],
    [null, /Optimizer must be an object, got null/, 'E319', undefined],
  ])('%j is refused', (config, message, code, hint) => {
    const error = caught(() => optimizer.buildOptimizer(config, length))
    expect(error.message).toMatch(message)
    expect([error.category, error.code]).toEqual(['InvalidArgument', code])
    if (hint !== undefined) expect(error.hint).toContain(hint)
  })
})
