/** Whether two programs compute the same: both run on the same feeds and values, and everything that is fetched or kept is compared. */
import { EnforceError } from '../errors.ts'
import type { FeedValue } from '../executor/feed.ts'
import type { Program } from '../framework/program.ts'
import { isComplex, isFloating } from '../tensor/dtype.ts'
import { sameBits } from '../tensor/same_bits.ts'
import { SelectedRows, Tensor, TensorArray, type Value } from '../tensor/tensor.ts'
import { Executor } from './executor.ts'

export interface RunsToCompare {
  readonly feed: Readonly<Record<string, FeedValue>>
  readonly fetch: readonly string[]
  /** Values of persistable variables at the start; of `after` besides those that passes added. */
  readonly values: ReadonlyMap<string, Value>
  readonly added: ReadonlyMap<string, Value>
  readonly seed: number
  /** Runs one after another: the second sees what the first has kept. */
  readonly steps: number
  /** 0: equal bits. Else the difference allowed, as a share of the largest magnitude in a tensor. */
  readonly tolerance: number
}

export interface ComparedRuns {
  /** Values compared: fetched ones of each step, and kept ones in the end. */
  readonly compared: number
  /** The largest difference, as a share of the largest magnitude in its tensor; 0 for equal bits. */
  readonly largest: number
  /** Values that are NaN or infinite in some element before and after. */
  readonly nonFinite: number
  /** The first value that differs by more than is allowed. */
  readonly difference?: { readonly variable: string; readonly step: number; readonly share: number }
  /** Why nothing could be compared: the program does not run before the passes either. */
  readonly notRun?: EnforceError
}

/** @throws what only the second program throws when it runs. */
export function compareRuns(before: Program, after: Program, runs: RunsToCompare): ComparedRuns {
  const [first, second] = [
    new Executor({ seed: runs.seed, backend: 'ts' }),
    new Executor({ seed: runs.seed, backend: 'ts' }),
  ]
  try {
    for (const [name, value] of runs.values) {
      first.scope.set(name, value)
      second.scope.set(name, value)
    }
    for (const [name, value] of runs.added) second.scope.set(name, value)
    const result = { compared: 0, largest: 0, nonFinite: 0 }
    const options = { feed: runs.feed, fetch: runs.fetch }
    const compare = (
      variable: string,
      step: number,
      a: Value | undefined,
      b: Value | undefined,
    ): ComparedRuns | undefined => {
      const share = differenceOf(a, b)
      result.compared++
      if (hasNonFinite(a)) result.nonFinite++
      if (share <= runs.tolerance) {
        result.largest = Math.max(result.largest, share)
        return undefined
      }
      return { ...result, largest: share, difference: { variable, step, share } }
    }
    for (let step = 0; step < runs.steps; step++) {
      let expected: Value[]
      try {
        expected = first.run(before, options)
      } catch (error) {
        if (error instanceof EnforceError) return { ...result, notRun: error }
        throw error
      }
      const got = second.run(after, options)
      for (const [i, name] of runs.fetch.entries()) {
        const different = compare(name, step, expected[i], got[i])
        if (different !== undefined) return different
      }
    }
    for (const { name, persistable } of after.globalBlock().vars.values()) {
      if (!persistable || !first.scope.has(name)) continue
      const different = compare(name, runs.steps, first.scope.get(name), second.scope.get(name))
      if (different !== undefined) return different
    }
    return result
  } finally {
    first.dispose()
    second.dispose()
  }
}

/** 0 for equal bits, else the largest difference as a share of the largest finite magnitude; Infinity for values of different kinds. */
function differenceOf(a: Value | undefined, b: Value | undefined): number {
  if (a instanceof Tensor && b instanceof Tensor) return tensorDifference(a, b)
  if (a instanceof SelectedRows && b instanceof SelectedRows) {
    const alike = a.height === b.height && a.rows.join() === b.rows.join()
    return alike ? tensorDifference(a.value, b.value) : Infinity
  }
  if (a instanceof TensorArray && b instanceof TensorArray && a.items.length === b.items.length) {
    return Math.max(0, ...a.items.map((item, i) => tensorDifference(item, b.items[i]!)))
  }
  return a === b ? 0 : Infinity
}

function tensorDifference(a: Tensor, b: Tensor): number {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return Infinity
  if (sameBits(a, b)) return 0
  if (isComplex(a.dtype) || !isFloating(a.dtype)) return Infinity
  let largest = 0
  let difference = 0
  for (let i = 0; i < a.size; i++) {
    const [x, y] = [Number(a.at(i)), Number(b.at(i))]
    if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x))
    if (Object.is(x, y)) continue
    // Also where one is infinite or NaN and the other is not.
    difference = Math.max(difference, Number.isFinite(x - y) ? Math.abs(x - y) : Infinity)
  }
  // -0 for 0, or another NaN: no bits for a promise of equal bits.
  return difference === 0 ? Number.MIN_VALUE : largest === 0 ? Infinity : difference / largest
}

function hasNonFinite(value: Value | undefined): boolean {
  const tensor = value instanceof SelectedRows ? value.value : value
  if (!(tensor instanceof Tensor) || !isFloating(tensor.dtype)) return false
  for (let i = 0; i < tensor.size; i++) if (!Number.isFinite(Number(tensor.at(i)))) return true
  return false
}
