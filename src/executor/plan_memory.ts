/** What a plan does with memory, as data: which temporary is where, from which operator to which. */
import type { Lifetime } from './memory.ts'

export interface PlannedValue {
  /** Names of the variables that are there, first the one that is written first; none for what a kernel needs while it runs. */
  readonly names: readonly string[]
  readonly bytes: number
  /** Where it begins in the arena. */
  readonly offset: number
  /** The operators between which it is alive, both counted; -1 for a feed, the number of operators for a fetched value. */
  readonly first: number
  readonly last: number
}

export interface MemoryTimeline {
  /** Bytes of the arena, which all temporaries share. */
  readonly arenaBytes: number
  /** Bytes that the temporaries would take without sharing. */
  readonly temporaryBytes: number
  /** Bytes that are alive while each operator runs. */
  readonly alive: readonly number[]
  /** The operator where most is alive, and how much; null for a program without operators. */
  readonly peak: { readonly op: number; readonly bytes: number } | null
  /** In the order in which they begin. Values that are never stored are left out. */
  readonly values: readonly PlannedValue[]
}

export interface NamedLifetime extends Lifetime {
  readonly names: readonly string[]
}

/** Linear in operators and values. */
export function memoryTimeline(
  lifetimes: readonly NamedLifetime[],
  operators: number,
  bytes: { readonly arenaBytes: number; readonly temporaryBytes: number },
): MemoryTimeline {
  const values = lifetimes
    .filter((lifetime) => lifetime.bytes > 0)
    .map(
      ({ names, bytes: size, offset, start, end }): PlannedValue => ({
        names,
        bytes: size,
        offset,
        first: start,
        last: end,
      }),
    )
    .sort((a, b) => a.first - b.first || a.offset - b.offset)
  const change = new Float64Array(operators + 1)
  for (const { bytes: size, first, last } of values) {
    change[Math.max(first, 0)]! += size
    change[Math.min(last, operators - 1) + 1]! -= size
  }
  const alive: number[] = []
  let now = 0
  let peak: MemoryTimeline['peak'] = null
  for (let op = 0; op < operators; op++) {
    now += change[op]!
    alive.push(now)
    if (peak === null || now > peak.bytes) peak = { op, bytes: now }
  }
  return { ...bytes, alive, peak, values }
}
