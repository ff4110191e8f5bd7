/** Checkpoints of a training: written every so many steps and where it ends, read to go on with the same numbers as without the break. */
// Outside of this repository: from 'oarlock'.
import {
  type Executor,
  hasCheckpoint,
  loadCheckpoint,
  PreconditionNotMetError,
  type Program,
  saveCheckpoint,
} from '../../src/index.ts'

export interface CheckpointOptions {
  readonly dir: string
  /** Steps from one to the next; without it there is one where the training ends. */
  readonly every?: number | undefined
  /** Goes on from the newest one, if there is any. */
  readonly resume?: boolean | undefined
}

/** What decides the course of a training beside its start. */
export interface Course {
  readonly epochs: number
  readonly batch: number
  readonly learningRate: number
  readonly seed: number
}

/** Where a training stands. */
export interface Progress {
  readonly step: number
  /** Of the epoch that is running. */
  readonly losses: readonly number[]
}

interface Kept extends Course {
  readonly losses: readonly number[]
}

export class TrainingCheckpoints {
  readonly #options: CheckpointOptions
  readonly #course: Course
  readonly #training: { readonly executor: Executor; readonly program: Program }
  #last = -1

  constructor(options: CheckpointOptions, course: Course, executor: Executor, program: Program) {
    this.#options = options
    const { epochs, batch, learningRate, seed } = course
    this.#course = { epochs, batch, learningRate, seed }
    this.#training = { executor, program }
  }

  /**
   * Sets the training to the newest checkpoint, if it is to go on and there is one.
   * @throws PreconditionNotMetError E554 for one of another course; what loadCheckpoint throws.
   */
  load(): Progress | undefined {
    const { dir, resume } = this.#options
    if (resume !== true || !hasCheckpoint(dir)) return undefined
    const { step, data, path } = loadCheckpoint(dir, this.#training)
    const { losses, ...course } = data as Kept
    const names = Object.keys(this.#course) as (keyof Course)[]
    const other = names.filter((name) => course[name] !== this.#course[name])
    if (other.length > 0) {
      const text = (of: Course): string => other.map((name) => `${name} ${of[name]}`).join(', ')
      throw new PreconditionNotMetError('E554', `"${path}" was written by a training with ${text(course)}`, {
        expected: text(course),
        got: text(this.#course),
        hint: 'give the same options, or another folder',
      })
    }
    this.#last = step
    return { step, losses }
  }

  /** Writes one if it is due. @param end whether the training ends here. */
  save({ step, losses }: Progress, end: boolean): void {
    const { dir, every } = this.#options
    if (step === this.#last || (!end && (every === undefined || step % every !== 0))) return
    const data: Kept = { ...this.#course, losses }
    saveCheckpoint(dir, { ...this.#training, step, data })
    this.#last = step
  }
}
