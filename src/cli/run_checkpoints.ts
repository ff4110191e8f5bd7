/** Checkpoints of a run: going on from the newest one, and writing one every so many steps, at the end and when the run is stopped. */
import type { Executor } from '../executor/executor.ts'
import type { Program } from '../framework/program.ts'
import { hasCheckpoint, loadCheckpoint, saveCheckpoint } from '../io/node/checkpoint_files.ts'
import type { Context } from './command.ts'
import { usage } from './command.ts'
import { pathOf } from './files.ts'
import type { RunFlags } from './run.ts'

/** What a run needs to go on beside the training itself. */
interface RunData {
  /** Seed of feeds and of the order of rows. */
  readonly seed: number
}

export class RunCheckpoints {
  readonly #dir: string
  readonly #flags: RunFlags
  readonly #context: Context
  #last = -1

  constructor(flags: RunFlags & { readonly checkpoint: string }, context: Context) {
    this.#dir = pathOf(context.io, flags.checkpoint)
    this.#flags = flags
    this.#context = context
  }

  /** Whether the run goes on from a checkpoint, so that the startup program is not needed. */
  get resumes(): boolean {
    return this.#flags.resume === true && hasCheckpoint(this.#dir)
  }

  /**
   * Sets the run to the newest checkpoint. @returns the steps done, and the seed that feeds and the order of rows were made with.
   * @throws what loadCheckpoint throws; usage E700 for another --seed than that of the run that is gone on with.
   */
  load(executor: Executor, program: Program, warn: (text: string) => void): { step: number; seed: number } {
    const loaded = loadCheckpoint(this.#dir, { executor, program })
    const { seed } = loaded.data as RunData
    if (this.#flags.seed !== undefined && this.#flags.seed !== seed) {
      throw usage(`the run was begun with --seed ${seed}`, { expected: seed, got: this.#flags.seed })
    }
    for (const error of loaded.damaged) warn(error.message)
    this.#last = loaded.step
    this.#context.out.done(`resumed  step ${loaded.step} from ${loaded.path}`)
    return { step: loaded.step, seed }
  }

  /** Writes a checkpoint if one is due. @param end whether this is the last step. */
  after(executor: Executor, program: Program, step: number, seed: number, end: boolean): void {
    const every = this.#flags.checkpointEvery
    if (step === this.#last || (!end && (every === undefined || step % every !== 0))) return
    const data: RunData = { seed }
    const path = saveCheckpoint(this.#dir, { executor, program, step, data })
    this.#last = step
    if (end) this.#context.out.done(`saved    checkpoint of step ${step} in ${path}`)
  }
}
