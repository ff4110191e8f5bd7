/**
 * What all learning-rate schedules share: the epoch they are in, the rate of that epoch, and their state. Epoch is Paddle's word; whether
 * `step` is called after every step or every epoch of training is up to the caller.
 * Source: python/paddle/optimizer/lr.py, class LRScheduler (2.6.2).
 */
import { InvalidArgumentError, NotFoundError } from '../../errors.ts'
import { checkNumber, checkWhole } from './check.ts'

/** Options that every schedule takes. Paddle's `verbose` is left out: a library does not print. */
export interface SchedulerOptions {
  /** The epoch before the first one. Default -1: the schedule starts in epoch 0. */
  readonly lastEpoch?: number
}

/** A schedule as plain data: its options under Paddle's names, and its state once it has left its first epoch. */
export interface SchedulerJson {
  readonly type: string
  readonly state?: SchedulerState
  readonly [option: string]: unknown
}

/** What `stateDict` gives, under Paddle's names. */
export type SchedulerState = Readonly<Record<string, unknown>>

/**
 * A schedule computes the rate of an epoch in `getLr`; `step` goes to the next epoch.
 *
 * A class of your own names its `type`, implements `getLr` and calls `this.start()` as the last line of its constructor.
 */
export abstract class LRScheduler {
  /** Paddle's class name. */
  abstract get type(): string
  /** The rate that the schedule scales (Paddle's base_lr). */
  readonly learningRate: number
  /** The epoch that `lastLr` belongs to. */
  lastEpoch: number
  /** The rate that training uses now. */
  lastLr: number
  readonly #before: number

  /** @throws InvalidArgumentError E315 unless `learningRate` is a finite number of 0 or more and `lastEpoch` a whole number of -1 or more. */
  constructor(learningRate: number, options: SchedulerOptions = {}) {
    // An accessor on the prototype of the class, so it is there already.
    const { type } = this as { readonly type: string }
    this.learningRate = checkNumber(
      type,
      'learningRate',
      learningRate,
      'a finite number of 0 or more',
      (rate) => rate >= 0,
    )
    this.#before = checkWhole(type, 'lastEpoch', options.lastEpoch ?? -1, -1)
    this.lastEpoch = this.#before
    this.lastLr = this.learningRate
  }

  /** The rate of epoch `lastEpoch`; some schedules compute it from `lastLr`, the rate of the epoch before. `step` calls it once. */
  abstract getLr(): number

  /** The rate of any epoch, where the schedule has a formula for it that differs from `getLr`; `step(epoch)` uses it. */
  closedFormLr(): number {
    return this.getLr()
  }

  /** Enters the first epoch. */
  protected start(): void {
    this.step()
  }

  /**
   * Goes to the next epoch, or to `epoch`. If this throws, the schedule stays where it was.
   * @throws InvalidArgumentError E316 if there is no rate for that epoch.
   */
  step(epoch?: number): void {
    if (epoch !== undefined) this.requireEpoch(epoch)
    this.enter(epoch ?? this.lastEpoch + 1, () => (epoch === undefined ? this.getLr() : this.closedFormLr()))
  }

  /** Sets `lastEpoch`, then `lastLr` to what `rateOf` gives. */
  protected enter(epoch: number, rateOf: () => number): void {
    const before = this.lastEpoch
    this.lastEpoch = epoch
    try {
      const rate = rateOf()
      if (!Number.isFinite(rate)) {
        throw new InvalidArgumentError(
          'E316',
          `${this.type}: the rate of epoch ${epoch} is ${String(rate)}, not a finite number`,
          { expected: 'a finite number', got: rate },
        )
      }
      this.lastLr = rate
    } catch (error) {
      this.lastEpoch = before
      throw error
    }
  }

  protected requireEpoch(epoch: number, least = Number.NEGATIVE_INFINITY): void {
    if (Number.isFinite(epoch) && epoch >= least) return
    throw new InvalidArgumentError('E316', `${this.type}: step takes the number of an epoch, got ${String(epoch)}`, {
      expected: 'a finite number',
      got: epoch,
    })
  }

  /** What `setStateDict` needs to go on from here. As in Paddle these are the last epoch and rate, and a few counters. */
  stateDict(): SchedulerState {
    return { last_epoch: this.lastEpoch, last_lr: this.lastLr }
  }

  /** @throws NotFoundError E317 if a member is missing or has the wrong type; members of others are ignored. */
  setStateDict(state: SchedulerState): void {
    const epoch = this.stateNumber(state, 'last_epoch')
    const rate = this.stateNumber(state, 'last_lr')
    this.lastEpoch = epoch
    this.lastLr = rate
  }

  protected stateNumber(state: SchedulerState, name: string): number {
    const value = stateMember(this.type, state, name)
    if (typeof value === 'number') return value
    throw badState(this.type, name, 'a number', value)
  }

  /** The class's own options under Paddle's names. */
  options(): Readonly<Record<string, unknown>> {
    return { learning_rate: this.learningRate }
  }

  /** Plain data that `fromJSON` reads; of a function only its name is kept. */
  toJSON(): SchedulerJson {
    const json: SchedulerJson = {
      type: this.type,
      ...this.options(),
      ...(this.#before === -1 ? {} : { last_epoch: this.#before }),
    }
    return this.lastEpoch === this.#before + 1 ? json : { ...json, state: this.stateDict() }
  }
}

/** A member of a state that must be there. */
export function stateMember(type: string, state: SchedulerState, name: string): unknown {
  if (typeof state !== 'object' || state === null || !Object.hasOwn(state, name)) {
    throw badState(type, name, 'there', undefined)
  }
  return state[name]
}

export function badState(type: string, name: string, wanted: string, got: unknown): NotFoundError {
  return new NotFoundError('E317', `${type}: ${name} of the state must be ${wanted}, got ${JSON.stringify(got)}`, {
    expected: { [name]: wanted },
    got,
  })
}

/** How `toJSON` writes a function. */
export const functionJson = (given: { readonly name: string }): { readonly function: string } => ({
  function: given.name,
})
