/**
 * An optimizer from the `Optimizer` part of a PaddleOCR configuration, which names the optimizer, its learning rate, its weight decay and its
 * clipping in one object. Follows ppocr/optimizer/__init__.py, optimizer.py and regularizer.py of PaddleOCR 2.2; AdamW, Adadelta,
 * clip_norm_global and weight_decay are of the releases after it.
 */
import type { Regularizer } from '../../framework/variable.ts'
import type { ParameterTensor } from '../../tensor/parameter_tensor.ts'
import { Adadelta, RMSProp } from '../accumulating.ts'
import { Adam } from '../adam.ts'
import { AdamW } from '../adamw.ts'
import { ClipGradByGlobalNorm, ClipGradByNorm, type GradClip } from '../clip.ts'
import type { LRScheduler } from '../lr/scheduler.ts'
import { Momentum } from '../momentum.ts'
import type { Optimizer, OptimizerOptions } from '../optimizer.ts'
import { L1Decay, L2Decay } from '../regularizer.ts'
import { ConfigReader } from './config.ts'
import { readLrScheduler, type TrainingLength } from './lr_scheduler.ts'

export interface BuildOptimizerOptions extends TrainingLength {
  /** Dygraph: what `step` updates. */
  readonly parameters?: readonly ParameterTensor[]
}

export interface BuiltOptimizer {
  readonly optimizer: Optimizer
  /** The schedule, whose `step()` is due after every training step; a number where the rate stays. */
  readonly learningRate: number | LRScheduler
}

interface Shared extends OptimizerOptions {
  readonly weightDecay: number | Regularizer | null
}

/** What each name makes of its members. PaddleOCR's defaults, where they are not Paddle's, are written out. */
const OPTIMIZERS = {
  Momentum: (config, shared) => new Momentum({ ...shared, momentum: config.number('momentum') }),
  Adam: (config, shared) =>
    new Adam({
      ...shared,
      ...betas(config),
      epsilon: config.number('epsilon', 1e-8),
      lazyMode: config.flag('lazy_mode', false),
    }),
  RMSProp: (config, shared) =>
    new RMSProp({
      ...shared,
      momentum: config.number('momentum', 0),
      rho: config.number('rho', 0.95),
      epsilon: config.number('epsilon', 1e-6),
    }),
  Adadelta: (config, shared) =>
    new Adadelta({ ...shared, epsilon: config.number('epsilon', 1e-8), rho: config.number('rho', 0.95) }),
  AdamW: (config, { weightDecay, ...shared }) => {
    const still = config
      .text('no_weight_decay_name', '')
      .split(/\s+/)
      .filter((part) => part !== '')
    return new AdamW({
      ...shared,
      ...betas(config),
      epsilon: config.number('epsilon', 1e-8),
      lazyMode: config.flag('lazy_mode', false),
      multiPrecision: config.flag('multi_precision', false),
      weightDecay: strength(weightDecay),
      ...(still.length === 0 ? {} : { applyDecayParamFun: (name) => !still.some((part) => name.includes(part)) }),
    })
  },
} as const satisfies Readonly<Record<string, (config: ConfigReader, shared: Shared) => Optimizer>>

const NAMES = Object.keys(OPTIMIZERS) as readonly (keyof typeof OPTIMIZERS)[]

const betas = (config: ConfigReader): { beta1: number; beta2: number } => ({
  beta1: config.number('beta1', 0.9),
  beta2: config.number('beta2', 0.999),
})

/** AdamW takes its decay as a number, and decays by 0.01 where the configuration says nothing. */
function strength(decay: number | Regularizer | null): number {
  if (decay === null) return 0.01
  return typeof decay === 'number' ? decay : decay.coeff
}

/**
 * The optimizer that `config` describes, with its learning rate:
 *
 *     buildOptimizer(
 *       { name: 'Adam', beta1: 0.9, beta2: 0.999, lr: { name: 'Cosine', learning_rate: 0.001 }, regularizer: { name: 'L2', factor: 0 } },
 *       { epochs: 100, stepsPerEpoch: 1169 },
 *     )
 *
 * Names: Momentum, Adam, RMSProp, Adadelta, AdamW. Members of all: `lr` (see buildLrScheduler), `regularizer` (`name` L1 or L2, with or
 * without "Decay"; `factor`) or `weight_decay` (a number), `clip_norm` (each gradient by its own norm) or `clip_norm_global`; others belong
 * to the optimizer and carry PaddleOCR's names. A factor of 0 keeps the operators of the decay, as in Paddle.
 * @throws InvalidArgumentError E319 for a name or member that is not known, is missing or has the wrong type; E315 and E310 for values that
 * a schedule or an optimizer refuses.
 */
export function buildOptimizer(config: unknown, options: BuildOptimizerOptions): BuiltOptimizer {
  const reader = new ConfigReader(config, 'Optimizer')
  const name = reader.choice('name', NAMES)
  const learningRate = readLrScheduler(reader.inner('lr'), options)
  const { parameters } = options
  const optimizer = OPTIMIZERS[name](reader, {
    learningRate,
    weightDecay: decayOf(reader, name),
    gradClip: clipOf(reader),
    ...(parameters === undefined ? {} : { parameters }),
  })
  reader.finish()
  return { optimizer, learningRate }
}

function decayOf(config: ConfigReader, optimizer: string): number | Regularizer | null {
  if (!config.has('regularizer')) return config.has('weight_decay') ? config.number('weight_decay') : null
  const inner = config.inner('regularizer')
  // AdamW's own decay is one of L2.
  const kinds = optimizer === 'AdamW' ? (['L2', 'L2Decay'] as const) : (['L1', 'L1Decay', 'L2', 'L2Decay'] as const)
  const kind = inner.choice('name', kinds)
  const factor = inner.number('factor', 0)
  inner.finish()
  return kind.startsWith('L1') ? L1Decay(factor) : L2Decay(factor)
}

function clipOf(config: ConfigReader): GradClip | null {
  if (config.has('clip_norm')) return ClipGradByNorm(config.number('clip_norm'))
  return config.has('clip_norm_global') ? ClipGradByGlobalNorm(config.number('clip_norm_global')) : null
}
