/** What an executor tells of its runs, for profiles and traces. Without an observer nothing is measured. */
import type { Operator } from '../framework/operator.ts'
import type { LastRun } from './executor.ts'
import type { Plan } from './plan.ts'

/** Operators that ran together: one, or several that were compiled into one kernel. */
export interface UnitRun {
  readonly block: number
  readonly first: number
  readonly last: number
  readonly compiled: boolean
  /** Milliseconds as performance.now() has them. */
  readonly begin: number
  readonly end: number
}

export interface RunObserver {
  /** True to be told of every unit. Compiled code then runs unit by unit, which costs a call and two looks at the clock for each. */
  readonly units: boolean
  /** A new plan was made. */
  planned?(plan: Plan): void
  /** A unit has run. Units of blocks inside come before the operator that runs the block. */
  ran?(unit: UnitRun, ops: readonly Operator[]): void
  /** A whole run is over; `ms` from checks to fetches. */
  finished?(run: LastRun, ms: number): void
}

/** The function with its time told. A run that gave up, or threw, is not told. */
export function observed(
  observer: RunObserver,
  unit: Pick<UnitRun, 'block' | 'first' | 'last' | 'compiled'>,
  ops: readonly Operator[],
  run: () => unknown,
): () => unknown {
  return () => {
    const begin = performance.now()
    const result = run()
    if (result !== false) observer.ran?.({ ...unit, begin, end: performance.now() }, ops)
    return result
  }
}
