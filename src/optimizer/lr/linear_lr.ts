/** A rate that goes along a line from one factor to another. Source: python/paddle/optimizer/lr.py (2.6.2). */
import { checkNumber } from './check.ts'
import { LRScheduler, type SchedulerOptions } from './scheduler.ts'

export interface LinearLROptions extends SchedulerOptions {
  readonly learningRate: number
  /** Epochs until endFactor is reached. */
  readonly totalSteps: number
  /** The factor of epoch 0, in (0, 1]. Default 1/3. */
  readonly startFactor?: number
  /** The factor of epoch totalSteps and later, in [0, 1]. Default 1. */
  readonly endFactor?: number
}

/**
 * learningRate * (startFactor + (endFactor - startFactor) * epoch / totalSteps), each rate computed from the one before, as in Paddle:
 * after a jump with `step(epoch)` the rates are others than those of the line.
 */
export class LinearLR extends LRScheduler {
  readonly totalSteps: number
  readonly startFactor: number
  readonly endFactor: number

  override get type(): string {
    return 'LinearLR'
  }

  /** @throws InvalidArgumentError E315 for totalSteps of 0 or less and for factors outside of their intervals. */
  constructor(options: LinearLROptions) {
    super(options.learningRate, options)
    const { type } = this
    this.totalSteps = checkNumber(type, 'totalSteps', options.totalSteps, 'above 0', (value) => value > 0)
    this.startFactor = checkNumber(
      type,
      'startFactor',
      options.startFactor ?? 1 / 3,
      'in (0, 1]',
      (value) => value > 0 && value <= 1,
    )
    this.endFactor = checkNumber(
      type,
      'endFactor',
      options.endFactor ?? 1,
      'in [0, 1]',
      (value) => value >= 0 && value <= 1,
    )
    this.start()
  }

  override getLr(): number {
    if (this.lastEpoch === 0) return this.learningRate * this.startFactor
    if (this.lastEpoch > this.totalSteps) return this.lastLr
    const rise = this.endFactor - this.startFactor
    return this.lastLr * (1 + rise / (this.totalSteps * this.startFactor + (this.lastEpoch - 1) * rise))
  }

  override options(): Readonly<Record<string, unknown>> {
    return {
      learning_rate: this.learningRate,
      total_steps: this.totalSteps,
      start_factor: this.startFactor,
      end_factor: this.endFactor,
    }
  }
}
