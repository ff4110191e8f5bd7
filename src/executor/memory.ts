/**
 * The arena of a plan: temporaries share memory when their lifetimes do not overlap. Linear in the number of temporaries.
 */

/** A temporary with the positions of the operators between which it must keep its bytes. */
export interface Lifetime {
  bytes: number
  /** Operator that writes it first; -1 for a feed. */
  start: number
  /** Last operator that reads or writes it; the number of operators for a fetched value. */
  end: number
  /** Byte offset in the arena, filled in by {@link layOut}. */
  offset: number
}

const ALIGNMENT = 16

/** Gives every temporary its offset and returns the bytes of the arena. What an operator reads never shares memory with what it writes. */
export function layOut(lifetimes: readonly Lifetime[], operators: number): number {
  const starting: Lifetime[][] = Array.from({ length: operators + 1 }, () => [])
  const ending: Lifetime[][] = Array.from({ length: operators + 1 }, () => [])
  for (const lifetime of lifetimes) {
    starting[lifetime.start + 1]!.push(lifetime)
    ending[Math.min(lifetime.end, operators - 1) + 1]!.push(lifetime)
  }
  const free = new Map<number, number[]>()
  let top = 0
  for (let position = 0; position <= operators; position++) {
    for (const lifetime of starting[position]!) {
      const size = sizeClass(lifetime.bytes)
      const reused = free.get(size)?.pop()
      lifetime.offset = reused ?? top
      if (reused === undefined) top += size
    }
    for (const lifetime of ending[position]!) {
      if (lifetime.end >= operators) continue
      const size = sizeClass(lifetime.bytes)
      const list = free.get(size)
      if (list === undefined) free.set(size, [lifetime.offset])
      else list.push(lifetime.offset)
    }
  }
  return top
}

/** Bytes rounded up to one of four classes per power of two, so that blocks of about equal size can take each other's place. */
function sizeClass(bytes: number): number {
  if (bytes <= ALIGNMENT) return ALIGNMENT
  const step = Math.max(ALIGNMENT, 2 ** (Math.ceil(Math.log2(bytes)) - 3))
  return Math.ceil(bytes / step) * step
}
