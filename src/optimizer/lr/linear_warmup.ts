/** A rate that grows along a line before another schedule begins. Source: python/paddle/optimizer/lr.py (2.6.2). */
import { checkNumber, checkOption, checkWhole } from './check.ts'
import { badState, LRScheduler, type SchedulerOptions, type SchedulerState, stateMember } from './scheduler.ts'

export interface LinearWarmupOptions extends SchedulerOptions {
  /** The rate, or the schedule, after the warm-up. */
  readonly learningRate: number | LRScheduler
  /** Epochs of the warm-up. */
  readonly warmupSteps: number
  /** The rate of epoch 0. */
  readonly startLr: number
  /** Where the warm-up leads to. */
  readonly endLr: number
}

/** The member of the state that holds the state of the schedule after the warm-up. */
const INNER_STATE = 'LinearWarmup_LR'

/**
 * startLr + (endLr - startLr) * epoch / warmupSteps while epoch < warmupSteps, then the rate or schedule `after`, whose epoch 0 is
 * epoch warmupSteps. The schedule is set to each of its epochs with `step(epoch)`.
 */
export class LinearWarmup extends LRScheduler {
  readonly after: number | LRScheduler
  readonly warmupSteps: number
  readonly startLr: number
  readonly endLr: number

  override get type(): string {
    return 'LinearWarmup'
  }

  /** @throws InvalidArgumentError E315 for warmupSteps that is no whole number above 0 or an endLr that is not above startLr. */
  constructor(options: LinearWarmupOptions) {
    const type = 'LinearWarmup'
    const { learningRate: after, startLr } = options
    super(
      checkNumber(type, 'startLr', startLr, 'a finite number of 0 or more', (rate) => rate >= 0),
      options,
    )
    this.after = checkOption(
      type,
      'learningRate',
      after,
      Number.isFinite(after) || after instanceof LRScheduler,
      'a finite number or a schedule',
    )
    this.warmupSteps = checkWhole(type, 'warmupSteps', options.warmupSteps)
    this.startLr = startLr
    this.endLr = checkNumber(type, 'endLr', options.endLr, `above startLr (${startLr})`, (rate) => rate > startLr)
    this.start()
  }

  override getLr(): number {
    const { after, lastEpoch: epoch } = this
    if (epoch < this.warmupSteps) return ((this.endLr - this.startLr) * epoch) / this.warmupSteps + this.startLr
    if (typeof after === 'number') return after
    after.step(epoch - this.warmupSteps)
    return after.lastLr
  }

  override stateDict(): SchedulerState {
    const own = super.stateDict()
    return typeof this.after === 'number' ? own : { ...own, [INNER_STATE]: this.after.stateDict() }
  }

  override setStateDict(state: SchedulerState): void {
    if (typeof this.after !== 'number') {
      const inner = stateMember(this.type, state, INNER_STATE)
      if (typeof inner !== 'object' || inner === null) throw badState(this.type, INNER_STATE, 'an object', inner)
      this.after.setStateDict(inner as SchedulerState)
    }
    super.setStateDict(state)
  }

  override options(): Readonly<Record<string, unknown>> {
    return {
      learning_rate: typeof this.after === 'number' ? this.after : this.after.toJSON(),
      warmup_steps: this.warmupSteps,
      start_lr: this.startLr,
      end_lr: this.endLr,
    }
  }
}
