/** One line on stderr that says how far something is; only on a terminal, and redrawn at most ten times a second. */

const REDRAW_MS = 100

export class StatusLine {
  #drawn = -Infinity
  readonly #enabled = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb'

  update(text: string): void {
    const now = performance.now()
    if (!this.#enabled || now - this.#drawn < REDRAW_MS) return
    this.#drawn = now
    process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`)
  }

  /** Takes the line away, so that something else can be printed. */
  clear(): void {
    if (this.#drawn === -Infinity) return
    this.#drawn = -Infinity
    process.stderr.write('\r\x1b[K')
  }
}
