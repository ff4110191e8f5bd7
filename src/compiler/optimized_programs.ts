/** The programs that an executor with passes runs in the place of those that it is given. */
import type { Program } from '../framework/program.ts'
import { Variable } from '../framework/variable.ts'
import { type OptimizeOptions, optimize } from './optimize.ts'

/** Programs kept for each given one: every list of fetches needs its own. */
const PER_PROGRAM = 8

interface Kept {
  readonly edits: number
  readonly optimized: Program
}

export class OptimizedPrograms {
  readonly #passes: OptimizeOptions['passes']
  readonly #kept = new WeakMap<Program, Map<string, Kept>>()

  /** @param passes as for {@link optimize}; without values, so that passes that compute with parameters do nothing: parameters may change. */
  constructor(passes: OptimizeOptions['passes']) {
    this.#passes = passes
  }

  /**
   * The program to run. A startup program is run as it is: what ran of it is remembered operator by operator.
   * @throws what {@link optimize} throws.
   */
  of(program: Program, fetch: readonly (Variable | string)[]): Program {
    if (this.#passes === undefined || this.#passes === 'none' || program.isStartup) return program
    const names = fetch.map((item) => (item instanceof Variable ? item.name : item))
    const key = JSON.stringify(names)
    let kept = this.#kept.get(program)
    if (kept === undefined) this.#kept.set(program, (kept = new Map()))
    let entry = kept.get(key)
    if (entry?.edits !== program.edits) {
      const { program: optimized } = optimize(program, { passes: this.#passes, fetch: names })
      entry = { edits: program.edits, optimized }
      kept.delete(key)
      kept.set(key, entry)
      if (kept.size > PER_PROGRAM) kept.delete(kept.keys().next().value!)
    }
    // A schedule may have been attached since.
    entry.optimized.learningRateSource = program.learningRateSource
    return entry.optimized
  }
}
