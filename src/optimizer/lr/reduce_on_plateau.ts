/** A rate that falls when a measured number no longer improves. Source: python/paddle/optimizer/lr.py (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { checkChoice, checkNumber } from './check.ts'
import { badState, LRScheduler, type SchedulerState, stateMember } from './scheduler.ts'

export interface ReduceOnPlateauOptions {
  readonly learningRate: number
  /** Whether smaller or greater numbers are better. Default min. */
  readonly mode?: 'min' | 'max'
  /** The factor of a reduction, below 1. Default 0.1. */
  readonly factor?: number
  /** How many steps in a row may be no better before the rate falls. Default 10. */
  readonly patience?: number
  /** How much better counts as better. Default 0.0001. */
  readonly threshold?: number
  /** Whether the threshold is a share of the best number or a difference from it. Default rel. */
  readonly thresholdMode?: 'rel' | 'abs'
  /** Steps after a reduction in which nothing is counted. Default 0. */
  readonly cooldown?: number
  /** The rate falls no further. Default 0. */
  readonly minLr?: number
  /** A reduction by no more than this is left out. Default 1e-8. */
  readonly epsilon?: number
}

/** After more than `patience` steps without improvement: max(rate * factor, minLr). */
export class ReduceOnPlateau extends LRScheduler {
  readonly mode: 'min' | 'max'
  readonly factor: number
  readonly patience: number
  readonly threshold: number
  readonly thresholdMode: 'rel' | 'abs'
  readonly cooldown: number
  readonly minLr: number
  readonly epsilon: number
  /** The best number so far. */
  best: number | null = null
  /** Steps without improvement since the best number or the last reduction. */
  badEpochs = 0
  /** Steps in which nothing is counted that are left. */
  cooldownCounter = 0

  override get type(): string {
    return 'ReduceOnPlateau'
  }

  /** @throws InvalidArgumentError E315 for a factor of 1 or more, and for words that are not listed. */
  constructor(options: ReduceOnPlateauOptions) {
    super(options.learningRate)
    const { type } = this
    this.mode = checkChoice(type, 'mode', options.mode ?? 'min', ['min', 'max'])
    this.factor = checkNumber(type, 'factor', options.factor ?? 0.1, 'below 1', (value) => value < 1)
    this.patience = checkNumber(type, 'patience', options.patience ?? 10)
    this.threshold = checkNumber(type, 'threshold', options.threshold ?? 0.0001)
    this.thresholdMode = checkChoice(type, 'thresholdMode', options.thresholdMode ?? 'rel', ['rel', 'abs'])
    this.cooldown = checkNumber(type, 'cooldown', options.cooldown ?? 0)
    this.minLr = checkNumber(type, 'minLr', options.minLr ?? 0)
    this.epsilon = checkNumber(type, 'epsilon', options.epsilon ?? 1e-8)
    this.lastEpoch = 0
  }

  /** The rate stays until `step` lowers it. */
  override getLr(): number {
    return this.lastLr
  }

  /**
   * Counts one measured number.
   * @param metrics a number, or a tensor of one element. @throws InvalidArgumentError E316 for anything else.
   */
  override step(metrics?: number | Tensor, epoch?: number): void {
    const current = this.#numberOf(metrics)
    if (epoch !== undefined) this.requireEpoch(epoch)
    this.lastEpoch = epoch ?? this.lastEpoch + 1
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--
      return
    }
    if (this.best === null || this.#isBetter(current, this.best)) {
      this.best = current
      this.badEpochs = 0
    } else this.badEpochs++
    if (this.badEpochs <= this.patience) return
    this.cooldownCounter = this.cooldown
    this.badEpochs = 0
    const rate = Math.max(this.lastLr * this.factor, this.minLr)
    if (this.lastLr - rate > this.epsilon) this.lastLr = rate
  }

  #numberOf(metrics: unknown): number {
    if (typeof metrics === 'number') return metrics
    if (metrics instanceof Tensor && metrics.size === 1) return Number(metrics.at(0))
    const got = metrics instanceof Tensor ? `a tensor of shape [${metrics.shape.join(', ')}]` : String(metrics)
    throw new InvalidArgumentError('E316', `${this.type}: step takes a number or a tensor of one element, got ${got}`, {
      expected: 'a number or a tensor of one element',
      got,
      hint: 'pass what is measured, such as the mean loss',
    })
  }

  #isBetter(current: number, best: number): boolean {
    const margin = this.thresholdMode === 'rel' ? best * this.threshold : this.threshold
    return this.mode === 'min' ? current < best - margin : current > best + margin
  }

  override stateDict(): SchedulerState {
    return {
      cooldown_counter: this.cooldownCounter,
      best: this.best,
      num_bad_epochs: this.badEpochs,
      ...super.stateDict(),
    }
  }

  override setStateDict(state: SchedulerState): void {
    const cooldown = this.stateNumber(state, 'cooldown_counter')
    const bad = this.stateNumber(state, 'num_bad_epochs')
    const best = stateMember(this.type, state, 'best')
    if (best !== null && typeof best !== 'number') throw badState(this.type, 'best', 'a number or null', best)
    super.setStateDict(state)
    this.cooldownCounter = cooldown
    this.badEpochs = bad
    this.best = best
  }

  override options(): Readonly<Record<string, unknown>> {
    return {
      learning_rate: this.learningRate,
      mode: this.mode,
      factor: this.factor,
      patience: this.patience,
      threshold: this.threshold,
      threshold_mode: this.thresholdMode,
      cooldown: this.cooldown,
      min_lr: this.minLr,
      epsilon: this.epsilon,
    }
  }
}
