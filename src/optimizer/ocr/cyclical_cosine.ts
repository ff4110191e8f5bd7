/** The schedule that PaddleOCR adds to Paddle's. Follows CyclicalCosineDecay of ppocr/optimizer/lr_scheduler.py, release 2.2. */
import { checkNumber, checkWhole } from '../lr/check.ts'
import { LRScheduler, type SchedulerOptions } from '../lr/scheduler.ts'

export interface CyclicalCosineDecayOptions extends SchedulerOptions {
  /** The highest rate. */
  readonly learningRate: number
  /** Epochs of one cosine. */
  readonly cycle: number
  /** The lowest rate. Default 0. */
  readonly etaMin?: number
}

/** etaMin + (learningRate - etaMin) * (1 + cos(pi * (epoch mod cycle) / cycle)) / 2: jumps back to the highest rate after each cycle. */
export class CyclicalCosineDecay extends LRScheduler {
  readonly cycle: number
  readonly etaMin: number

  override get type(): string {
    return 'CyclicalCosineDecay'
  }

  /** @throws InvalidArgumentError E315 for a cycle that is no whole number above 0. */
  constructor(options: CyclicalCosineDecayOptions) {
    super(options.learningRate, options)
    this.cycle = checkWhole(this.type, 'cycle', options.cycle)
    this.etaMin = checkNumber(this.type, 'etaMin', options.etaMin ?? 0)
    this.start()
  }

  override getLr(): number {
    const { lastEpoch: epoch, cycle, etaMin, learningRate } = this
    if (epoch === 0) return learningRate
    return etaMin + 0.5 * (learningRate - etaMin) * (1 + Math.cos((Math.PI * (epoch % cycle)) / cycle))
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, cycle: this.cycle, eta_min: this.etaMin }
  }
}
