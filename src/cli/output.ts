/**
 * Everything that is printed goes through here: data to stdout, talk to stderr, colours, JSON documents, errors.
 */
import { styleText } from 'node:util'
import type { EnforceError, ErrorJson } from '../errors.ts'
import { formatPlace } from '../errors.ts'
import { toJsonText } from '../framework/json_text.ts'
import type { Io, Sink } from './io.ts'

export type ColorWhen = 'auto' | 'always' | 'never'

export interface OutputFlags {
  readonly json: boolean
  readonly quiet: boolean
  readonly color: ColorWhen
  readonly ascii: boolean
  /** Columns; default: those of the terminal, none off a terminal. */
  readonly width: number | undefined
}

type Style = Parameters<typeof styleText>[0]

export class Output {
  readonly json: boolean
  readonly quiet: boolean
  readonly ascii: boolean
  /** Columns that listings on stdout have; undefined: nothing is cut. */
  readonly width: number | undefined
  readonly io: Io
  readonly #colors: { readonly stdout: boolean; readonly stderr: boolean }

  constructor(io: Io, flags: OutputFlags) {
    this.io = io
    this.json = flags.json
    this.quiet = flags.quiet
    this.ascii = flags.ascii || !isUtf8Locale(io.env)
    this.width = flags.width ?? (io.stdout.isTTY ? io.stdout.columns : undefined)
    this.#colors = {
      stdout: wantsColor(flags.color, io.stdout, io.env),
      stderr: wantsColor(flags.color, io.stderr, io.env),
    }
  }

  /** A line, or several, of what was asked for. */
  data(text: string): void {
    this.io.stdout.write(`${text}\n`)
  }

  /** The one document of `--json`. */
  document(value: object): void {
    this.data(toJsonText(plain(value)))
  }

  /** A line about what is going on: for people, not for pipes. Nothing with `--quiet` or `--json`. */
  talk(text: string): void {
    if (!this.quiet && !this.json) this.io.stderr.write(`${text}\n`)
  }

  /** A line that matters even so. */
  warn(text: string): void {
    this.io.stderr.write(`${this.talkStyle('yellow', 'warning')} ${text}\n`)
  }

  style(style: Style, text: string): string {
    return this.#colors.stdout ? styleText(style, text, { validateStream: false }) : text
  }

  talkStyle(style: Style, text: string): string {
    return this.#colors.stderr ? styleText(style, text, { validateStream: false }) : text
  }

  get hasColor(): boolean {
    return this.#colors.stdout
  }

  /** `✓ text` on stderr. */
  done(text: string): void {
    this.talk(`${this.talkStyle('green', this.ascii ? 'ok' : '✓')} ${text}`)
  }

  error(error: EnforceError): void {
    if (this.json) this.document({ ok: false, error: errorJson(error) })
    else this.io.stderr.write(`${formatError(error, (style, text) => this.talkStyle(style, text))}\n`)
  }
}

/** `error E110: sentence`, then the place, the hint and where to read more, each on a line of its own. */
export function formatError(error: EnforceError, style: (style: Style, text: string) => string): string {
  const lines = [`${style('red', 'error')} ${error.code}: ${visible(error.summary)}`]
  if (error.where !== undefined) {
    const place = formatPlace(error.where)
    const said = error.summary.includes(`"${place}"`)
    if (place !== '' && !said) lines.push(`  in ${visible(place)}`)
    if (error.where.site !== undefined) lines.push(`  appended at ${visible(error.where.site)}`)
  }
  if (Array.isArray(error.expected) && Array.isArray(error.got)) {
    lines.push(`  expected ${visible(someOf(error.expected))}`, `  got      ${visible(someOf(error.got))}`)
  }
  if (error.hint !== undefined) lines.push(`  hint: ${visible(error.hint)}`)
  lines.push(style('dim', `  more: oarlock explain ${error.code}`))
  return lines.join('\n')
}

/** Up to eight members of a list, and how many there are beyond. */
function someOf(list: readonly unknown[]): string {
  const most = 8
  const shown = list.slice(0, most).map(String).join(', ')
  return list.length > most ? `${shown} and ${list.length - most} more` : shown || 'nothing'
}

/** All members of the contract, null where there is nothing to say. */
export function errorJson(error: EnforceError): Record<keyof ErrorJson, unknown> {
  const { category, code, message, where, expected, got, hint } = error.toJSON()
  return {
    category,
    code,
    message,
    where: where ?? null,
    expected: expected ?? null,
    got: got ?? null,
    hint: hint ?? null,
  }
}

/** Text of files and arguments, with everything but line ends that could steer a terminal made visible. */
export const visible = (text: string): string =>
  text.replace(/[^\P{C}\n]|[\u2028\u2029]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`)

/** What JSON can hold. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  if ('toJSON' in value && typeof value.toJSON === 'function') return plain(value.toJSON())
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain)
  const object: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    // Not by plain assignment: a variable may be called __proto__.
    if (member !== undefined) {
      Object.defineProperty(object, name, {
        value: plain(member),
        enumerable: true,
        configurable: true,
        writable: true,
      })
    }
  }
  return object
}

/** NO_COLOR and FORCE_COLOR as https://no-color.org and https://force-color.org have them; a flag is stronger. */
function wantsColor(when: ColorWhen, { isTTY }: Sink, env: Io['env']): boolean {
  if (when !== 'auto') return when === 'always'
  if ((env['NO_COLOR'] ?? '') !== '') return false
  const forced = env['FORCE_COLOR']
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false'
  return isTTY && env['TERM'] !== 'dumb'
}

/** Without any setting UTF-8 is taken for granted; `C` and `POSIX` mean ASCII. */
function isUtf8Locale(env: Io['env']): boolean {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value !== undefined && value !== '')
  return locale === undefined || /utf-?8/i.test(locale)
}

const SPARKS = '▁▂▃▄▅▆▇█'
const ASCII_SPARKS = '.:-=+*#@'

/** The last `width` of `values`, each as a block between the smallest and the largest of them; what is not finite is left blank. */
export function sparkline(values: readonly number[], width: number, ascii: boolean): string {
  const shown = values.slice(-width)
  let low = Infinity
  let high = -Infinity
  for (const value of shown) {
    if (!Number.isFinite(value)) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  const levels = ascii ? ASCII_SPARKS : SPARKS
  const span = high - low
  return shown
    .map((value) => {
      if (!Number.isFinite(value)) return ascii ? '!' : '×'
      return levels[span > 0 ? Math.round(((value - low) / span) * (levels.length - 1)) : 0]!
    })
    .join('')
}

/** At most four digits that mean something: `0.0413`, `1.2e-7`. */
export function shortNumber(value: number): string {
  return Number.isFinite(value)
    ? String(Number(value.toPrecision(4)))
    : Number.isNaN(value)
      ? 'NaN'
      : value > 0
        ? 'Inf'
        : '-Inf'
}

/** `1.1 ms`, `12.3 s`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`
}
