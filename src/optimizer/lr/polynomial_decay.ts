/** A rate that falls along a power of the epoch. Source: python/paddle/optimizer/lr.py (2.6.2). */
import { checkNumber, checkOption, checkWhole } from './check.ts'
import { LRScheduler, type SchedulerOptions } from './scheduler.ts'

export interface PolynomialDecayOptions extends SchedulerOptions {
  readonly learningRate: number
  /** Epochs until endLr is reached. */
  readonly decaySteps: number
  /** Default 0.0001. */
  readonly endLr?: number
  /** Default 1: a straight line. */
  readonly power?: number
  /** Begins again at the end, each time with a decay that is longer by decaySteps, where it otherwise stays at endLr. Default false. */
  readonly cycle?: boolean
}

/** (learningRate - endLr) * (1 - epoch / decaySteps)^power + endLr. */
export class PolynomialDecay extends LRScheduler {
  readonly decaySteps: number
  readonly endLr: number
  readonly power: number
  readonly cycle: boolean

  override get type(): string {
    return 'PolynomialDecay'
  }

  /** @throws InvalidArgumentError E315 for decaySteps that is no whole number above 0 or a power of 0 or less. */
  constructor(options: PolynomialDecayOptions) {
    super(options.learningRate, options)
    this.decaySteps = checkWhole(this.type, 'decaySteps', options.decaySteps)
    this.endLr = checkNumber(this.type, 'endLr', options.endLr ?? 0.0001)
    this.power = checkNumber(this.type, 'power', options.power ?? 1, 'above 0', (value) => value > 0)
    const cycle = options.cycle ?? false
    this.cycle = checkOption(this.type, 'cycle', cycle, typeof cycle === 'boolean', 'true or false')
    this.start()
  }

  override getLr(): number {
    let epoch = this.lastEpoch
    let steps = this.decaySteps
    if (this.cycle) steps *= epoch === 0 ? 1 : Math.ceil(epoch / steps)
    else epoch = Math.min(epoch, steps)
    return (this.learningRate - this.endLr) * (1 - epoch / steps) ** this.power + this.endLr
  }

  override options(): Readonly<Record<string, unknown>> {
    return {
      learning_rate: this.learningRate,
      decay_steps: this.decaySteps,
      end_lr: this.endLr,
      power: this.power,
      cycle: this.cycle,
    }
  }
}
