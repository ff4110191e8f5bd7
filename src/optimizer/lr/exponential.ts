/** Rates that fall with a formula of the epoch alone. Source: python/paddle/optimizer/lr.py (2.6.2). */
import { checkNumber } from './check.ts'
import { LRScheduler, type SchedulerOptions } from './scheduler.ts'

export interface GammaOptions extends SchedulerOptions {
  /** The rate of epoch 0. */
  readonly learningRate: number
  /** How fast the rate falls. */
  readonly gamma: number
}

/** learningRate * gamma^epoch. */
export class ExponentialDecay extends LRScheduler {
  readonly gamma: number

  override get type(): string {
    return 'ExponentialDecay'
  }

  /** @throws InvalidArgumentError E315 for a gamma outside (0, 1). */
  constructor(options: GammaOptions) {
    super(options.learningRate, options)
    this.gamma = checkNumber(this.type, 'gamma', options.gamma, 'in (0, 1)', (gamma) => gamma > 0 && gamma < 1)
    this.start()
  }

  override getLr(): number {
    return this.learningRate * this.gamma ** this.lastEpoch
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, gamma: this.gamma }
  }
}

/** learningRate * e^(-gamma * epoch). */
export class NaturalExpDecay extends LRScheduler {
  readonly gamma: number

  override get type(): string {
    return 'NaturalExpDecay'
  }

  /** @throws InvalidArgumentError E315 for a gamma of 0 or less. */
  constructor(options: GammaOptions) {
    super(options.learningRate, options)
    this.gamma = checkNumber(this.type, 'gamma', options.gamma, 'above 0', (gamma) => gamma > 0)
    this.start()
  }

  override getLr(): number {
    return this.learningRate * Math.exp(-1 * this.gamma * this.lastEpoch)
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, gamma: this.gamma }
  }
}

/** learningRate / (1 + gamma * epoch). */
export class InverseTimeDecay extends LRScheduler {
  readonly gamma: number

  override get type(): string {
    return 'InverseTimeDecay'
  }

  constructor(options: GammaOptions) {
    super(options.learningRate, options)
    this.gamma = checkNumber(this.type, 'gamma', options.gamma)
    this.start()
  }

  override getLr(): number {
    return this.learningRate / (1 + this.gamma * this.lastEpoch)
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, gamma: this.gamma }
  }
}
