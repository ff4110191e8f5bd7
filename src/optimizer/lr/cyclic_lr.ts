/**
 * A rate that goes up and down again and again: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.
 * Source: python/paddle/optimizer/lr.py (2.6.2).
 */
import { checkChoice, checkFunction, checkNumber, checkWhole } from './check.ts'
import { functionJson, LRScheduler, type SchedulerOptions } from './scheduler.ts'

export interface CyclicLROptions extends SchedulerOptions {
  /** The lowest rate. */
  readonly baseLearningRate: number
  /** The highest rate. */
  readonly maxLearningRate: number
  /** Epochs from the lowest to the highest rate. */
  readonly stepSizeUp: number
  /** Epochs back. Default stepSizeUp. */
  readonly stepSizeDown?: number | null
  /** Cycles of equal height, of half the height of the one before, or lower by expGamma each epoch. Default triangular. */
  readonly mode?: 'triangular' | 'triangular2' | 'exp_range'
  /** Default 1. */
  readonly expGamma?: number
  /** The height, in place of `mode`: a function of the cycle (1, 2, …) or of the epoch. */
  readonly scaleFn?: ((x: number) => number) | null
  /** What scaleFn is given. Default cycle. */
  readonly scaleMode?: 'cycle' | 'iterations'
}

/** baseLearningRate + (maxLearningRate - baseLearningRate) * (0 … 1 … 0 along the cycle) * height. */
export class CyclicLR extends LRScheduler {
  readonly maxLearningRate: number
  readonly stepSizeUp: number
  readonly stepSizeDown: number
  readonly mode: 'triangular' | 'triangular2' | 'exp_range'
  readonly expGamma: number
  readonly scaleFn: ((x: number) => number) | null
  readonly scaleMode: 'cycle' | 'iterations'

  override get type(): string {
    return 'CyclicLR'
  }

  /** @throws InvalidArgumentError E315 for step sizes that are no whole numbers above 0, and for words that are not listed. */
  constructor(options: CyclicLROptions) {
    const type = 'CyclicLR'
    const isRate = (rate: number): boolean => rate >= 0
    const { baseLearningRate: lowest, maxLearningRate: highest } = options
    super(checkNumber(type, 'baseLearningRate', lowest, 'a finite number of 0 or more', isRate), options)
    this.maxLearningRate = checkNumber(type, 'maxLearningRate', highest, 'a finite number of 0 or more', isRate)
    this.stepSizeUp = checkWhole(type, 'stepSizeUp', options.stepSizeUp)
    this.stepSizeDown = checkWhole(type, 'stepSizeDown', options.stepSizeDown ?? this.stepSizeUp)
    this.mode = checkChoice(type, 'mode', options.mode ?? 'triangular', ['triangular', 'triangular2', 'exp_range'])
    this.expGamma = checkNumber(type, 'expGamma', options.expGamma ?? 1)
    const scaleFn = options.scaleFn ?? null
    this.scaleFn = scaleFn === null ? null : checkFunction(type, 'scaleFn', scaleFn)
    this.scaleMode = checkChoice(type, 'scaleMode', options.scaleMode ?? 'cycle', ['cycle', 'iterations'])
    this.start()
  }

  override getLr(): number {
    const { lastEpoch: epoch, learningRate: lowest } = this
    const size = this.stepSizeUp + this.stepSizeDown
    const top = this.stepSizeUp / size
    const cycle = 1 + Math.floor(epoch / size)
    // In this order, as in Paddle: 1 + 0.2 - 1 is 0.19999999999999996.
    const place = 1 + epoch / size - cycle
    const share = place <= top ? place / top : (1 - place) / (1 - top)
    return lowest + (this.maxLearningRate - lowest) * share * this.#height(cycle, epoch)
  }

  #height(cycle: number, epoch: number): number {
    if (this.scaleFn !== null) return this.scaleFn(this.scaleMode === 'cycle' ? cycle : epoch)
    if (this.mode === 'triangular') return 1
    return this.mode === 'triangular2' ? 1 / 2 ** (cycle - 1) : this.expGamma ** epoch
  }

  override options(): Readonly<Record<string, unknown>> {
    return {
      base_learning_rate: this.learningRate,
      max_learning_rate: this.maxLearningRate,
      step_size_up: this.stepSizeUp,
      step_size_down: this.stepSizeDown,
      mode: this.mode,
      exp_gamma: this.expGamma,
      ...(this.scaleFn === null ? {} : { scale_fn: functionJson(this.scaleFn) }),
      scale_mode: this.scaleMode,
    }
  }
}
