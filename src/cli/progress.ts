/**
 * How far a run is, on stderr: nothing for 300 ms, then one line, redrawn at most ten times a second. Off a terminal a plain line every
 * 10 s or 10 %, whichever comes later. Nothing with --no-progress, --quiet, --json or in CI.
 */
import { formatMs, type Output, shortNumber, sparkline } from './output.ts'

const QUIET_MS = 300
const REDRAW_MS = 100
const PLAIN_MS = 10_000
const SPARK_WIDTH = 16

export interface ProgressOptions {
  /** Total steps, where they are known. */
  readonly total: number | undefined
  readonly enabled: boolean
  /** Milliseconds since anything. Default performance.now. */
  readonly now?: () => number
}

export class Progress {
  readonly #out: Output
  readonly #total: number | undefined
  readonly #enabled: boolean
  readonly #now: () => number
  readonly #start: number
  #drawn = 0
  #drawnStep = 0
  #open = false
  #losses: number[] = []

  constructor(out: Output, options: ProgressOptions) {
    this.#out = out
    this.#total = options.total
    this.#now = options.now ?? (() => performance.now())
    this.#enabled =
      options.enabled && !out.quiet && !out.json && (out.io.env['CI'] ?? '') === '' && out.io.env['TERM'] !== 'dumb'
    this.#start = this.#now()
  }

  /** After step number `step` (from 1). */
  update(step: number, loss: number | undefined): void {
    if (loss !== undefined) this.#remember(loss)
    if (!this.#enabled) return
    const now = this.#now()
    const elapsed = now - this.#start
    if (elapsed < QUIET_MS) return
    if (this.#out.io.stderr.isTTY) {
      if (now - this.#drawn < REDRAW_MS) return
      this.#write(`\r\x1b[K${this.#line(step, loss, elapsed)}`)
      this.#open = true
    } else {
      const tenth = this.#total === undefined || step - this.#drawnStep >= this.#total / 10
      if (now - Math.max(this.#drawn, this.#start) < PLAIN_MS || !tenth) return
      this.#write(`${this.#line(step, loss, elapsed)}\n`)
    }
    this.#drawn = now
    this.#drawnStep = step
  }

  /** Takes the line away, so that something else can be printed. */
  clear(): void {
    if (!this.#open) return
    this.#open = false
    this.#write('\r\x1b[K')
  }

  /** The losses seen, thinned out, as a sparkline. */
  spark(): string {
    return this.#losses.length < 2 ? '' : sparkline(this.#losses, SPARK_WIDTH, this.#out.ascii)
  }

  /** Keeps between 8 and 16 losses, evenly spaced over the whole run. */
  #remember(loss: number): void {
    this.#seen++
    if (this.#seen % this.#stride !== 0) return
    this.#losses.push(loss)
    if (this.#losses.length <= SPARK_WIDTH) return
    this.#losses = this.#losses.filter((_, i) => i % 2 === 1)
    this.#stride *= 2
  }
  #seen = 0
  #stride = 1

  #line(step: number, loss: number | undefined, elapsed: number): string {
    const rate = step / (elapsed / 1000)
    const parts = [`step ${step}${this.#total === undefined ? '' : `/${this.#total}`}`]
    parts.push(`${rate < 10 ? rate.toFixed(1) : Math.round(rate)} steps/s`)
    if (this.#total !== undefined && step < this.#total)
      parts.push(`${formatMs(((this.#total - step) / rate) * 1000)} left`)
    if (loss !== undefined) parts.push(`loss ${shortNumber(loss)}`)
    const spark = this.spark()
    if (spark !== '') parts.push(spark)
    const line = parts.join('  ')
    const columns = this.#out.io.stderr.columns
    return columns === undefined ? line : line.slice(0, Math.max(1, columns - 1))
  }

  #write(text: string): void {
    this.#out.io.stderr.write(text)
  }
}
