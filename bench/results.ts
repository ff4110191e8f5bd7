/** What a run of compare.ts leaves, and how figures are read from it. */
import type { ContenderName, Goal, Work } from './works.ts'

/** Milliseconds a call, one entry a round, by phase ('' where a call is one measurement). */
export type Samples = Record<string, number[]>

export interface Results {
  readonly date: string
  readonly machine: string
  readonly load: { readonly before: number; most: number; after: number }
  readonly rounds: number
  /** What a reader must know about this run; written by hand. */
  readonly note?: string
  readonly versions: Partial<Record<ContenderName, string>>
  readonly works: Record<string, Partial<Record<ContenderName, Samples>>>
  /** Bytes of what a page loads, gzipped, by title. */
  readonly sizes: Record<string, number>
  /** Why a contender has no times. */
  readonly missing: Record<string, Partial<Record<ContenderName, string>>>
}

export const best = (samples: readonly number[]): number => Math.min(...samples)
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export interface Outcome {
  readonly goal: Goal
  /** Of best times: how many times as fast, or milliseconds. Undefined where one of them was not measured. */
  readonly reached: number | undefined
  readonly met: boolean
  /** The one of `against` that was quicker. */
  readonly rival?: ContenderName
}

export function outcomeOf(results: Results, work: Work, goal: Goal): Outcome {
  const times = results.works[work.name] ?? {}
  const bestOf = (name: ContenderName): number | undefined => {
    const samples = times[name]?.[goal.phase ?? '']
    return samples === undefined || samples.length === 0 ? undefined : best(samples)
  }
  const ours = bestOf(goal.ours)
  if (ours === undefined) return { goal, reached: undefined, met: false }
  if (goal.atMostMs !== undefined) return { goal, reached: ours, met: ours <= goal.atMostMs }
  const rivals = (goal.against ?? []).flatMap((name) => {
    const theirs = bestOf(name)
    return theirs === undefined ? [] : [{ name, theirs }]
  })
  if (rivals.length === 0) return { goal, reached: undefined, met: false }
  const { name, theirs } = rivals.reduce((a, b) => (b.theirs < a.theirs ? b : a))
  const reached = theirs / ours
  return { goal, reached, met: reached >= goal.atLeast!, rival: name }
}
