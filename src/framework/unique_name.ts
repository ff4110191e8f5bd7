/**
 * Names of variables and layers: `generate("fc")` gives `fc_0`, then `fc_1`. Counters belong to a program and are shared with its startup
 * program. Source: python/paddle/base/unique_name.py (2.6.2).
 */

export class UniqueNames {
  #next = new Map<string, number>()

  /** The next name for `key`: `key_0`, `key_1`, … */
  generate(key: string): string {
    const count = this.#next.get(key) ?? 0
    this.#next.set(key, count + 1)
    return `${key}_${count}`
  }

  /** How many names `key` has given so far. */
  count(key: string): number {
    return this.#next.get(key) ?? 0
  }

  /** Sets a counter, e.g. to the state that a recorded program was in. */
  set(key: string, next: number): void {
    this.#next.set(key, next)
  }

  /** Takes back the last name that `generate` gave, so that a call that fails leaves the counters as they were. */
  takeBack(name: string): void {
    const match = /^(.*)_(\d+)$/.exec(name)
    if (match !== null && this.count(match[1]!) === Number(match[2]) + 1) this.#next.set(match[1]!, Number(match[2]))
  }

  clear(): void {
    this.#next.clear()
  }

  entries(): IterableIterator<[string, number]> {
    return this.#next.entries()
  }

  /**
   * Counts a name that exists already: every prefix of it that ends in `_N` moves its key past N, so `fc_1.tmp_0` moves both `fc` and
   * `fc_1.tmp`. That is how a program read from a file goes on where its writer stopped.
   */
  observe(name: string): void {
    let end = name.indexOf('.')
    while (end !== -1) {
      this.#observePrefix(name.slice(0, end))
      end = name.indexOf('.', end + 1)
    }
    this.#observePrefix(name)
  }

  #observePrefix(name: string): void {
    const match = /^(.*)_(\d{1,9})$/.exec(name)
    if (match === null) return
    const next = Number(match[2]) + 1
    if (next > this.count(match[1]!)) this.#next.set(match[1]!, next)
  }

  clone(): UniqueNames {
    const copy = new UniqueNames()
    for (const [key, next] of this.#next) copy.#next.set(key, next)
    return copy
  }
}
