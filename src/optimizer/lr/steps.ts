/** Rates that stay the same for some epochs, then jump. Source: python/paddle/optimizer/lr.py (2.6.2). */
import { checkNumber, checkNumbers, checkOption, checkWhole } from './check.ts'
import { LRScheduler, type SchedulerOptions } from './scheduler.ts'

export interface StepDecayOptions extends SchedulerOptions {
  readonly learningRate: number
  /** Epochs between two jumps. */
  readonly stepSize: number
  /** The factor of a jump, below 1. Default 0.1. */
  readonly gamma?: number
}

/** learningRate * gamma^floor(epoch / stepSize). */
export class StepDecay extends LRScheduler {
  readonly stepSize: number
  readonly gamma: number

  override get type(): string {
    return 'StepDecay'
  }

  /** @throws InvalidArgumentError E315 for a stepSize that is no whole number above 0 or a gamma of 1 or more. */
  constructor(options: StepDecayOptions) {
    super(options.learningRate, options)
    this.stepSize = checkWhole(this.type, 'stepSize', options.stepSize)
    this.gamma = checkGamma(this.type, options.gamma)
    this.start()
  }

  override getLr(): number {
    return this.learningRate * this.gamma ** Math.floor(this.lastEpoch / this.stepSize)
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, step_size: this.stepSize, gamma: this.gamma }
  }
}

export interface MultiStepDecayOptions extends SchedulerOptions {
  readonly learningRate: number
  /** The epochs in which the rate jumps, ascending. */
  readonly milestones: readonly number[]
  /** The factor of a jump, below 1. Default 0.1. */
  readonly gamma?: number
}

/** learningRate * gamma^(number of milestones that the epoch has reached). */
export class MultiStepDecay extends LRScheduler {
  readonly milestones: readonly number[]
  readonly gamma: number

  override get type(): string {
    return 'MultiStepDecay'
  }

  /** @throws InvalidArgumentError E315 for milestones that do not ascend or a gamma of 1 or more. */
  constructor(options: MultiStepDecayOptions) {
    super(options.learningRate, options)
    const milestones = checkNumbers(this.type, 'milestones', options.milestones)
    const ascends = milestones.every((milestone, i) => i === 0 || milestone > milestones[i - 1]!)
    this.milestones = checkOption(this.type, 'milestones', milestones, ascends, 'in ascending order')
    this.gamma = checkGamma(this.type, options.gamma)
    this.start()
  }

  override getLr(): number {
    const next = this.milestones.findIndex((milestone) => this.lastEpoch < milestone)
    return this.learningRate * this.gamma ** (next < 0 ? this.milestones.length : next)
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, milestones: this.milestones, gamma: this.gamma }
  }
}

export interface PiecewiseDecayOptions extends SchedulerOptions {
  /** The first epoch of every value but the first. */
  readonly boundaries: readonly number[]
  /** One more than boundaries. */
  readonly values: readonly number[]
}

/** values[i] for the first i with epoch < boundaries[i], else the last value. */
export class PiecewiseDecay extends LRScheduler {
  readonly boundaries: readonly number[]
  readonly values: readonly number[]

  override get type(): string {
    return 'PiecewiseDecay'
  }

  /** @throws InvalidArgumentError E315 without boundaries, or unless there is one value more than boundaries. */
  constructor(options: PiecewiseDecayOptions) {
    // The base rate scales nothing here.
    super(0, options)
    const boundaries = checkNumbers(this.type, 'boundaries', options.boundaries)
    this.boundaries = checkOption(
      this.type,
      'boundaries',
      boundaries,
      boundaries.length > 0,
      'a list that is not empty',
    )
    const values = checkNumbers(this.type, 'values', options.values)
    const count = boundaries.length + 1
    this.values = checkOption(this.type, 'values', values, values.length === count, `a list of ${count} numbers`)
    this.start()
  }

  override getLr(): number {
    const piece = this.boundaries.findIndex((boundary) => this.lastEpoch < boundary)
    return this.values.at(piece)!
  }

  override options(): Readonly<Record<string, unknown>> {
    return { boundaries: this.boundaries, values: this.values }
  }
}

const checkGamma = (type: string, gamma = 0.1): number =>
  checkNumber(type, 'gamma', gamma, 'below 1', (value) => value < 1)
