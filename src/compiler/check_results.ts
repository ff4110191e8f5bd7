/** Whether passes kept the results of a program, and if not, which of them did not. */
import { EnforceError } from '../errors.ts'
import type { Program } from '../framework/program.ts'
import { type ComparedRuns, compareRuns, type RunsToCompare } from './compare_runs.ts'
import { type Optimized, PassFailure, type PassStep } from './optimize.ts'

export type CheckSettings = Omit<RunsToCompare, 'added' | 'tolerance'>

/**
 * Runs the program as it was before the passes and as it is after them, and compares. Only where they differ are the programs between run
 * too, to find the pass.
 * @throws PassFailure E804 with the first pass whose program computes something else, or fails.
 */
export function checkResults(optimized: Optimized, settings: CheckSettings): ComparedRuns {
  const { steps, values, tolerance } = optimized
  const changing = steps.filter(({ before, after }) => before !== after)
  const [first] = changing
  if (first === undefined) return { compared: 0, largest: 0, nonFinite: 0 }
  const compare = (program: Program, allowed: number): ComparedRuns | EnforceError => {
    try {
      return compareRuns(first.before, program, { ...settings, added: values, tolerance: allowed })
    } catch (error) {
      if (error instanceof EnforceError) return error
      throw error
    }
  }
  const result = compare(optimized.program, tolerance)
  if (!(result instanceof EnforceError) && result.difference === undefined) return result
  let allowed = 0
  for (const step of changing) {
    allowed = Math.max(allowed, Number(step.pass.changesBits))
    const found = step === changing.at(-1) ? result : compare(step.after, allowed)
    if (isFault(found)) throw failure(step, found, allowed)
  }
  throw failure(changing.at(-1)!, result, tolerance)
}

const isFault = (result: ComparedRuns | EnforceError): boolean =>
  result instanceof EnforceError || result.difference !== undefined

function failure({ pass, before }: PassStep, found: ComparedRuns | EnforceError, allowed: number): PassFailure {
  const step = { pass, program: before }
  if (found instanceof EnforceError) {
    const summary = `after the pass ${pass.name} the program fails: ${found.code} ${found.summary}`
    return new PassFailure('E804', summary, step, { where: found.where, cause: found })
  }
  const { variable, step: at, share } = found.difference!
  const size =
    share === Infinity
      ? 'altogether'
      : share === Number.MIN_VALUE
        ? 'in its bits'
        : `by ${share.toExponential(1)} of its largest magnitude`
  return new PassFailure('E804', `after the pass ${pass.name} "${variable}" differs in step ${at + 1} ${size}`, step, {
    where: { variable },
    expected: allowed === 0 ? 'equal bits' : `at most ${allowed} of its largest magnitude`,
    got: share === Infinity ? 'Infinity' : share,
  })
}
