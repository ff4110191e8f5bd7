/** Rates that a function of the caller gives. Source: python/paddle/optimizer/lr.py (2.6.2). */
import { checkFunction } from './check.ts'
import { functionJson, LRScheduler, type SchedulerOptions } from './scheduler.ts'

export interface LambdaOptions extends SchedulerOptions {
  readonly learningRate: number
  /** The factor of an epoch. */
  readonly lrLambda: (epoch: number) => number
}

/** learningRate * lrLambda(epoch). */
export class LambdaDecay extends LRScheduler {
  readonly lrLambda: (epoch: number) => number

  override get type(): string {
    return 'LambdaDecay'
  }

  /** @throws InvalidArgumentError E315 unless lrLambda is a function. */
  constructor(options: LambdaOptions) {
    super(options.learningRate, options)
    this.lrLambda = checkFunction(this.type, 'lrLambda', options.lrLambda)
    this.start()
  }

  override getLr(): number {
    return this.learningRate * this.lrLambda(this.lastEpoch)
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, lr_lambda: functionJson(this.lrLambda) }
  }
}

/** learningRate * lrLambda(1) * lrLambda(2) * … * lrLambda(epoch). */
export class MultiplicativeDecay extends LRScheduler {
  readonly lrLambda: (epoch: number) => number

  override get type(): string {
    return 'MultiplicativeDecay'
  }

  /** @throws InvalidArgumentError E315 unless lrLambda is a function. */
  constructor(options: LambdaOptions) {
    super(options.learningRate, options)
    this.lrLambda = checkFunction(this.type, 'lrLambda', options.lrLambda)
    this.start()
  }

  override getLr(): number {
    let rate = this.learningRate
    for (let epoch = 1; epoch <= this.lastEpoch; epoch++) rate *= this.lrLambda(epoch)
    return rate
  }

  override options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate, lr_lambda: functionJson(this.lrLambda) }
  }
}
