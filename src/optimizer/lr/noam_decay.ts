/** The schedule of "Attention Is All You Need" (Vaswani and others, 2017). Source: python/paddle/optimizer/lr.py (2.6.2). */
import { checkNumber } from './check.ts'
import { LRScheduler, type SchedulerOptions } from './scheduler.ts'

export interface NoamDecayOptions extends SchedulerOptions {
  /** Width of the model. */
  readonly dModel: number
  /** Epochs in which the rate grows. */
  readonly warmupSteps: number
  /** A factor of the whole. Default 1. */
  readonly learningRate?: number
}

/** learningRate * dModel^-0.5 * min(epoch^-0.5, warmupSteps^-1.5 * epoch); 0 in epoch 0. */
export class NoamDecay extends LRScheduler {
  readonly dModel: number
  readonly warmupSteps: number

  override get type(): string {
    return 'NoamDecay'
  }

  /** @throws InvalidArgumentError E315 for a dModel or warmupSteps of 0 or less. */
  constructor(options: NoamDecayOptions) {
    super(options.learningRate ?? 1, options)
    this.dModel = checkNumber(this.type, 'dModel', options.dModel, 'above 0', (value) => value > 0)
    this.warmupSteps = checkNumber(this.type, 'warmupSteps', options.warmupSteps, 'above 0', (value) => value > 0)
    this.start()
  }

  override getLr(): number {
    const falling = this.lastEpoch === 0 ? 1 : this.lastEpoch ** -0.5
    const growing = this.warmupSteps ** -1.5 * this.lastEpoch
    return this.learningRate * this.dModel ** -0.5 * Math.min(falling, growing)
  }

  override options(): Readonly<Record<string, unknown>> {
    return { d_model: this.dModel, warmup_steps: this.warmupSteps, learning_rate: this.learningRate }
  }
}
