/**
 * One rise and one fall: the 1cycle policy of Smith and Topin ("Super-Convergence", 2018).
 * Source: python/paddle/optimizer/lr.py (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { checkChoice, checkNumber, checkOption, checkWhole } from './check.ts'
import { LRScheduler, type SchedulerOptions } from './scheduler.ts'

export interface OneCycleLROptions extends SchedulerOptions {
  /** The highest rate. */
  readonly maxLearningRate: number
  /** Epochs of the whole cycle; there is no rate after them. */
  readonly totalSteps: number
  /** The first rate is maxLearningRate / divideFactor. Default 25. */
  readonly divideFactor?: number
  /** Default 0.0001. */
  readonly endLearningRate?: number
  /** The share of the cycle in which the rate grows, in [0, 1]; below 0.5 with three phases. Default 0.3. */
  readonly phasePct?: number
  /** Default cos. */
  readonly annealStrategy?: 'cos' | 'linear'
  /** Falls to the first rate as fast as it grew, and from there to endLearningRate. Default false. */
  readonly threePhase?: boolean
}

interface Phase {
  /** Its last epoch, which need not be whole. */
  readonly end: number
  readonly epochs: number
  readonly from: number
  readonly to: number
}

/** Two or three phases, each along half a cosine or a line. */
export class OneCycleLR extends LRScheduler {
  readonly maxLearningRate: number
  readonly totalSteps: number
  readonly divideFactor: number
  readonly endLearningRate: number
  readonly phasePct: number
  readonly annealStrategy: 'cos' | 'linear'
  readonly threePhase: boolean
  readonly #phases: readonly Phase[]

  override get type(): string {
    return 'OneCycleLR'
  }

  /** @throws InvalidArgumentError E315 for options out of range, and where the first phase would have no length. */
  constructor(options: OneCycleLROptions) {
    const { maxLearningRate: highest, divideFactor = 25 } = options
    const type = 'OneCycleLR'
    const isRate = (rate: number): boolean => rate >= 0
    checkNumber(type, 'maxLearningRate', highest, 'a finite number of 0 or more', isRate)
    checkNumber(type, 'divideFactor', divideFactor, 'above 0', (value) => value > 0)
    super(highest / divideFactor, options)
    this.maxLearningRate = highest
    this.divideFactor = divideFactor
    this.totalSteps = checkWhole(type, 'totalSteps', options.totalSteps)
    const lowest = options.endLearningRate ?? 0.0001
    this.endLearningRate = checkNumber(type, 'endLearningRate', lowest, 'a finite number of 0 or more', isRate)
    this.annealStrategy = checkChoice(type, 'annealStrategy', options.annealStrategy ?? 'cos', ['cos', 'linear'])
    const threePhase = options.threePhase ?? false
    this.threePhase = checkOption(type, 'threePhase', threePhase, typeof threePhase === 'boolean', 'true or false')
    this.phasePct = checkNumber(
      type,
      'phasePct',
      options.phasePct ?? 0.3,
      threePhase ? 'in [0, 0.5)' : 'in [0, 1]',
      (share) => share >= 0 && (threePhase ? share < 0.5 : share <= 1),
    )
    this.#phases = this.#makePhases()
    checkOption(
      type,
      'phasePct',
      this.phasePct,
      this.#phases[0]!.epochs !== 0,
      `something else than 1 / totalSteps, with which the first phase has no length (totalSteps is ${this.totalSteps})`,
    )
    this.start()
  }

  #makePhases(): Phase[] {
    const { learningRate: first, maxLearningRate: highest, endLearningRate: last, totalSteps: total } = this
    const growth = this.phasePct * total
    const rise = { end: growth - 1, epochs: growth - 1, from: first, to: highest }
    if (!this.threePhase) return [rise, { end: total - 1, epochs: total - growth, from: highest, to: last }]
    return [
      rise,
      { end: 2 * growth - 2, epochs: growth - 1, from: highest, to: first },
      { end: total - 1, epochs: total - 2 * growth + 1, from: first, to: last },
    ]
  }

  override getLr(): number {
    const { lastEpoch: epoch, totalSteps } = this
    if (epoch > totalSteps) {
      throw new InvalidArgumentError('E316', `${this.type}: there is no epoch ${epoch}: totalSteps is ${totalSteps}`, {
        expected: { totalSteps },
        got: epoch,
      })
    }
    const last = this.#phases.length - 1
    const at = this.#phases.findIndex(({ end }, i) => epoch <= end || i === last)
    const { epochs, from, to } = this.#phases[at]!
    const share = (epoch - (at === 0 ? 0 : this.#phases[at - 1]!.end)) / epochs
    if (this.annealStrategy === 'linear') return (to - from) * share + from
    return to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1)
  }

  override options(): Readonly<Record<string, unknown>> {
    return {
      max_learning_rate: this.maxLearningRate,
      total_steps: this.totalSteps,
      divide_factor: this.divideFactor,
      end_learning_rate: this.endLearningRate,
      phase_pct: this.phasePct,
      anneal_strategy: this.annealStrategy,
      three_phase: this.threePhase,
    }
  }
}
