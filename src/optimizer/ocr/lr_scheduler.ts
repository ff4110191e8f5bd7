/**
 * Learning rates as PaddleOCR's configurations describe them: in epochs, which the number of steps of an epoch turns into the steps that
 * schedules count, with a warm-up in front. Follows ppocr/optimizer/learning_rate.py of PaddleOCR 2.2, and Const of the releases after it.
 */
import { checkWhole } from '../lr/check.ts'
import { CosineAnnealingDecay } from '../lr/cosine.ts'
import { LinearWarmup } from '../lr/linear_warmup.ts'
import { PolynomialDecay } from '../lr/polynomial_decay.ts'
import type { LRScheduler } from '../lr/scheduler.ts'
import { PiecewiseDecay, StepDecay } from '../lr/steps.ts'
import { ConfigReader } from './config.ts'
import { CyclicalCosineDecay } from './cyclical_cosine.ts'

/** How long a training is: the unit of a configuration is the epoch, that of a schedule the step. */
export interface TrainingLength {
  readonly epochs: number
  /** Steps of an epoch: batches of the training data. */
  readonly stepsPerEpoch: number
}

interface Rate {
  readonly after: number | LRScheduler
  /** Where a warm-up leads to. */
  readonly highest: number
}

/** What each name makes of its members. */
const RATES = {
  /** The same rate in every step. */
  Const: (config) => {
    const rate = config.number('learning_rate')
    return { after: rate, highest: rate }
  },
  /** From learning_rate to end_lr along a power, over the whole training. */
  Linear: (config, { epochs, stepsPerEpoch }) => {
    const learningRate = config.number('learning_rate')
    const after = new PolynomialDecay({
      learningRate,
      decaySteps: epochs * stepsPerEpoch,
      endLr: config.number('end_lr', 0),
      power: config.number('power', 1),
      lastEpoch: config.number('last_epoch', -1),
    })
    return { after, highest: learningRate }
  },
  /** From learning_rate to 0 along half a cosine, over the whole training; a warm-up takes its beginning. */
  Cosine: (config, { epochs, stepsPerEpoch }) => {
    const learningRate = config.number('learning_rate')
    const lastEpoch = config.number('last_epoch', -1)
    return {
      after: new CosineAnnealingDecay({ learningRate, TMax: epochs * stepsPerEpoch, lastEpoch }),
      highest: learningRate,
    }
  },
  /** Times gamma every step_size epochs. */
  Step: (config, { stepsPerEpoch }) => {
    const learningRate = config.number('learning_rate')
    const stepSize = config.number('step_size') * stepsPerEpoch
    const lastEpoch = config.number('last_epoch', -1)
    return {
      after: new StepDecay({ learningRate, stepSize, gamma: config.number('gamma'), lastEpoch }),
      highest: learningRate,
    }
  },
  /** values[i] until epoch decay_epochs[i]. */
  Piecewise: (config, { stepsPerEpoch }) => {
    const values = config.numbers('values')
    const boundaries = config.numbers('decay_epochs').map((epoch) => epoch * stepsPerEpoch)
    const after = new PiecewiseDecay({ boundaries, values, lastEpoch: config.number('last_epoch', -1) })
    return { after, highest: values[0]! }
  },
  /** A cosine from learning_rate to 0 in every `cycle` epochs. */
  CyclicalCosine: (config, { stepsPerEpoch }) => {
    const learningRate = config.number('learning_rate')
    const cycle = roundHalfToEven(config.number('cycle') * stepsPerEpoch)
    const lastEpoch = config.number('last_epoch', -1)
    return { after: new CyclicalCosineDecay({ learningRate, cycle, lastEpoch }), highest: learningRate }
  },
} as const satisfies Readonly<Record<string, (config: ConfigReader, length: TrainingLength) => Rate>>

type RateName = keyof typeof RATES
const NAMES = Object.keys(RATES) as readonly RateName[]

/**
 * The rate that `config` describes: `{ name: 'Cosine', learning_rate: 0.001, warmup_epoch: 5 }`; without a name it is Const.
 * Members, beside those of the name: `warmup_epoch`, epochs of a line from 0 to the highest rate, may be a fraction. `epochs` and
 * `step_each_epoch` may stand there as in PaddleOCR and then count in place of `length`.
 * @returns a number where nothing changes the rate. The caller calls `step()` after every training step.
 * @throws InvalidArgumentError E319 for a name or member that is not known or has the wrong type, E315 for what a schedule refuses.
 */
export function buildLrScheduler(config: unknown, length: TrainingLength): number | LRScheduler {
  return readLrScheduler(new ConfigReader(config, 'lr'), length)
}

export function readLrScheduler(config: ConfigReader, length: TrainingLength): number | LRScheduler {
  const name = config.choice('name', NAMES, 'Const')
  const own: TrainingLength = {
    epochs: checkWhole('lr', 'epochs', config.number('epochs', length.epochs)),
    stepsPerEpoch: checkWhole('lr', 'stepsPerEpoch', config.number('step_each_epoch', length.stepsPerEpoch)),
  }
  const warmupSteps = roundHalfToEven(config.number('warmup_epoch', 0) * own.stepsPerEpoch)
  const { after, highest } = RATES[name](config, own)
  config.finish()
  if (warmupSteps <= 0) return after
  return new LinearWarmup({ learningRate: after, warmupSteps, startLr: 0, endLr: highest })
}

/** Python's round. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value)
  if (value - below !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}
