/**
 * A common subsequence of two lists, longest or nearly so, in time that is linear in their length for lists that differ little and bounded
 * for all others. Source: E. W. Myers, An O(ND) Difference Algorithm and Its Variations (1986); the bound on D is ours.
 */

/** Edits after which the search keeps what it has found and starts anew from there. */
const MOST_EDITS = 512

/** Pairs of indexes, ascending in both. It is a longest one if no stretch of the lists differs by more than 512 edits. */
export function commonSubsequence(a: readonly string[], b: readonly string[]): [number, number][] {
  const pairs: [number, number][] = []
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) {
    pairs.push([start, start])
    start++
  }
  let endA = a.length
  let endB = b.length
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--
    endB--
  }
  const numbers = new Map<string, number>()
  const numbered = (list: readonly string[], end: number): Int32Array => {
    const result = new Int32Array(Math.max(0, end - start))
    for (let i = start; i < end; i++) {
      const item = list[i]!
      let number = numbers.get(item)
      if (number === undefined) numbers.set(item, (number = numbers.size))
      result[i - start] = number
    }
    return result
  }
  const middleA = numbered(a, endA)
  const middleB = numbered(b, endB)
  let x = 0
  let y = 0
  while (x < middleA.length && y < middleB.length) {
    const stretch = searchFrom(middleA, middleB, x, y)
    for (const [i, j] of stretch.pairs) pairs.push([start + i, start + j])
    x = stretch.x
    y = stretch.y
  }
  for (let i = endA, j = endB; i < a.length; i++, j++) pairs.push([i, j])
  return pairs
}

/**
 * Myers' greedy search from (x0, y0) to the end of both lists, or, after MOST_EDITS edits, to the point that got furthest. `furthest[k]`
 * is the largest x on diagonal k = x - y that `d` edits reach, -1 where none was tried; beyond n or m it stands for no point.
 */
function searchFrom(
  a: Int32Array,
  b: Int32Array,
  x0: number,
  y0: number,
): { pairs: [number, number][]; x: number; y: number } {
  const n = a.length - x0
  const m = b.length - y0
  const middle = MOST_EDITS + 1
  const furthest = new Int32Array(2 * middle + 1).fill(-1)
  const history: Int32Array[] = []
  let best = { d: 0, k: 0, x: 0 }
  for (let d = 0; d <= MOST_EDITS; d++) {
    history.push(furthest.slice(middle - d - 1, middle + d + 2))
    for (let k = -d; k <= d; k += 2) {
      // Diagonals beyond the ends of a list hold no further step.
      if (k > n || -k > m) continue
      const down = k === -d || (k !== d && furthest[middle + k - 1]! < furthest[middle + k + 1]!)
      let x = d === 0 ? 0 : down ? furthest[middle + k + 1]! : furthest[middle + k - 1]! + 1
      let y = x - k
      while (x < n && y < m && a[x0 + x] === b[y0 + y]) {
        x++
        y++
      }
      furthest[middle + k] = x
      if (x > n || y > m) continue
      if (x >= n && y >= m) return { pairs: trace(history, k, x, x0, y0), x: x0 + x, y: y0 + y }
      if (best.d < d || 2 * x - k > 2 * best.x - best.k) best = { d, k, x }
    }
  }
  return { pairs: trace(history.slice(0, best.d + 1), best.k, best.x, x0, y0), x: x0 + best.x, y: y0 + best.x - best.k }
}

/** The matching pairs on the path that ended at `x` on diagonal `k`: walks back through what each round knew before it. */
function trace(history: readonly Int32Array[], k: number, x: number, x0: number, y0: number): [number, number][] {
  const pairs: [number, number][] = []
  for (let d = history.length - 1; d >= 0; d--) {
    // `history[d]` holds diagonals -d - 1 to d + 1 as they were before round d.
    const before = history[d]!
    const at = (diagonal: number): number => before[diagonal + d + 1]!
    const down = d > 0 && (k === -d || (k !== d && at(k - 1) < at(k + 1)))
    const start = d === 0 ? 0 : down ? at(k + 1) : at(k - 1) + 1
    while (x > start) {
      x--
      pairs.push([x0 + x, y0 + x - k])
    }
    if (d === 0) break
    x = down ? at(k + 1) : at(k - 1)
    k = down ? k + 1 : k - 1
  }
  return pairs.reverse()
}
