/**
 * Rates that swing along a cosine: SGDR, Loshchilov and Hutter 2017, without and with warm restarts.
 * Source: python/paddle/optimizer/lr.py (2.6.2).
 */
import { checkNumber, checkWhole } from './check.ts'
import { LRScheduler, type SchedulerOptions } from './scheduler.ts'

export interface CosineAnnealingDecayOptions extends SchedulerOptions {
  /** The highest rate. */
  readonly learningRate: number
  /** Epochs from the highest to the lowest rate. */
  readonly TMax: number
  /** The lowest rate. Default 0. */
  readonly etaMin?: number
}

/**
 * etaMin + (learningRate - etaMin) * (1 + cos(pi * epoch / TMax)) / 2. `step()` computes a rate from the one before, `step(epoch)` uses the
 * formula; they differ in the last bits, and after `step(epoch)` on another cosine `step()` stays on that one.
 */
export class CosineAnnealingDecay extends LRScheduler {
  readonly TMax: number
  readonly etaMin: number

  override get type(): string {
    return 'CosineAnnealingDecay'
  }

  /** @throws InvalidArgumentError E315 for a TMax that is no whole number above 0. */
  constructor(options: CosineAnnealingDecayOptions) {
    super(options.learningRate, options)
    this.TMax = checkWhole(this.type, 'TMax', options.TMax)
    this.etaMin = checkNumber(this.type, 'etaMin', options.etaMin ?? 0)
    this.start()
  }

  override getLr(): number {
    const { lastEpoch: epoch, TMax, etaMin } = this
    if (epoch === 0) return this.learningRate
    // At the lowest point the ratio below would be 0 / 0.
    if ((epoch - 1 - TMax) % (2 * TMax) === 0) {
      return this.lastLr + ((this.learningRate - etaMin) * (1 - Math.cos(Math.PI / TMax))) / 2
    }
    const now = 1 + Math.cos((Math.PI * epoch) / TMax)
    const before = 1 + Math.cos((Math.PI * (epoch - 1)) / TMax)
    return (now / before) * (this.lastLr - etaMin) + etaMin
  }

  override closedFormLr(): number {
    const { etaMin } = this
    return etaMin + ((this.learningRate - etaMin) * (1 + Math.cos((Math.PI * this.lastEpoch) / this.TMax))) / 2
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, T_max: this.TMax, eta_min: this.etaMin }
  }
}

export interface CosineAnnealingWarmRestartsOptions extends SchedulerOptions {
  /** The highest rate. */
  readonly learningRate: number
  /** Epochs until the first restart. */
  readonly T0: number
  /** How many times longer each cosine is than the one before. Default 1. */
  readonly TMult?: number
  /** The lowest rate. Default 0. */
  readonly etaMin?: number
}

/**
 * etaMin + (learningRate - etaMin) * (1 + cos(pi * t / T)) / 2, where t counts the epochs since the last restart and T is the length of the
 * present cosine.
 *
 * The state holds neither t nor T, as in Paddle: with TMult above 1 a loaded state goes on with t = 0 and T = T0. `step(epoch)` finds both
 * by counting; Paddle takes a logarithm that is rounded down too far for some epochs (T0 = 1, TMult = 3, epoch 121).
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly T0: number
  readonly TMult: number
  readonly etaMin: number
  #length: number
  #since: number

  override get type(): string {
    return 'CosineAnnealingWarmRestarts'
  }

  /** @throws InvalidArgumentError E315 for a T0 or TMult that is no whole number above 0. */
  constructor(options: CosineAnnealingWarmRestartsOptions) {
    super(options.learningRate, options)
    this.T0 = checkWhole(this.type, 'T0', options.T0)
    this.TMult = checkWhole(this.type, 'TMult', options.TMult ?? 1)
    this.etaMin = checkNumber(this.type, 'etaMin', options.etaMin ?? 0)
    this.#length = this.T0
    this.#since = this.lastEpoch
    this.start()
  }

  /** @throws InvalidArgumentError E316 for an epoch that is no number of 0 or more. */
  override step(epoch?: number): void {
    if (epoch === undefined && this.lastEpoch >= 0) {
      this.#since++
      if (this.#since >= this.#length) {
        this.#since -= this.#length
        this.#length *= this.TMult
      }
    } else this.#jump(epoch ?? 0)
    this.enter(Math.floor(epoch ?? this.lastEpoch + 1), () => this.getLr())
  }

  #jump(epoch: number): void {
    this.requireEpoch(epoch, 0)
    this.#length = this.T0
    this.#since = epoch
    if (this.TMult === 1) this.#since = epoch % this.T0
    else {
      while (this.#since >= this.#length) {
        this.#since -= this.#length
        this.#length *= this.TMult
      }
    }
  }

  override getLr(): number {
    const { etaMin } = this
    return etaMin + ((this.learningRate - etaMin) * (1 + Math.cos((Math.PI * this.#since) / this.#length))) / 2
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, T_0: this.T0, T_mult: this.TMult, eta_min: this.etaMin }
  }
}
