/** What a command is made of, and how it declares its flags. */
import { type Command, Option } from 'commander'
import { InvalidArgumentError, suggest } from '../errors.ts'
import type { Io } from './io.ts'
import type { Output } from './output.ts'

export interface Context {
  readonly io: Io
  readonly out: Output
}

export interface CommandInput<O> {
  readonly args: readonly string[]
  readonly options: O
}

export interface CommandDefinition<O extends object = object> {
  /** Arguments as the help shows them: `FILE [WHAT]`. */
  readonly usage: string
  /** Commands that work, each with what it does. */
  readonly examples: readonly (readonly [command: string, does: string])[]
  /** What its exit codes mean, beside those that all commands share. */
  readonly exits: Readonly<Record<number, string>>
  /** More about it, behind the flags. */
  readonly notes?: string
  /** Declares arguments and flags. */
  define(command: Command): void
  /** @returns the exit code. */
  run(input: CommandInput<O>, context: Context): Promise<number>
}

/** Wrong use: exit code 2. */
export function usage(
  summary: string,
  details: { readonly got?: unknown; readonly expected?: unknown; readonly hint?: string | undefined } = {},
) {
  return new InvalidArgumentError('E703', summary, details)
}

/**
 * A flag that takes one value. Given twice it is an error, and so is a value that begins with `--`: it is the next flag, and the value is
 * missing.
 */
export function addOption<T>(
  command: Command,
  flags: string,
  doc: string,
  parse: (text: string, flag: string) => T,
): void {
  const option = new Option(withBrackets(flags), doc)
  // `--no-grad NAMES` takes away nothing.
  option.negate = false
  const flag = option.long ?? flags
  option.argParser((text: string, previous: unknown) => {
    if (previous !== undefined) throw usage(`${flag} is given twice`, { got: [String(previous), text] })
    if (text.startsWith('--')) {
      throw usage(`${flag} needs a value, got the flag ${text}`, { expected: 'a value', got: text })
    }
    return parse(text, flag)
  })
  command.addOption(option)
}

/** A flag that may be given several times; its values make a list. */
export function addListOption<T>(
  command: Command,
  flags: string,
  doc: string,
  parse: (text: string, flag: string) => T,
): void {
  const option = new Option(withBrackets(flags), doc)
  const flag = option.long ?? flags
  option.argParser((text: string, previous: readonly T[] | undefined) => [...(previous ?? []), parse(text, flag)])
  command.addOption(option)
}

/** `--steps N` as commander writes it, `--steps <N>`. */
const withBrackets = (flags: string): string => flags.replace(/ (\S+)$/, ' <$1>')

export const asText = (text: string): string => text

export const asPath = (text: string, flag: string): string => {
  if (text === '') throw usage(`${flag} needs a path, got an empty text`)
  return text
}

/** `a,b` and `a, b`. */
export const asNames = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

/** A whole number from `least` on; `1e3` is one. */
export const asCount =
  (least: number) =>
  (text: string, flag: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (Number.isSafeInteger(value) && value >= least) return value
    throw usage(`${flag} must be a whole number of ${least} or more, got ${text}`, {
      expected: `a whole number of ${least} or more`,
      got: text,
    })
  }

export const asWhole = (text: string, flag: string): number => {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isSafeInteger(value)) return value
  throw usage(`${flag} must be a whole number, got ${text}`, { expected: 'a whole number below 2^53', got: text })
}

export const asNumber = (text: string, flag: string): number => {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(value)) return value
  throw usage(`${flag} must be a number, got ${text}`, { expected: 'a number', got: text })
}

/** Bytes: a whole number, or one with a unit such as `64MiB`, `1.5GB`. */
export const asBytes = (text: string, flag: string): number => {
  const units: Readonly<Record<string, number>> = {
    '': 1,
    b: 1,
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
    kib: 2 ** 10,
    mib: 2 ** 20,
    gib: 2 ** 30,
  }
  return withUnit(text, flag, units, 'a size such as 64MiB', Math.floor)
}

/** Milliseconds: seconds, or a number with the unit ms, s, m or h. */
export const asDuration = (text: string, flag: string): number =>
  withUnit(text, flag, { '': 1e3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 }, 'a time such as 90, 500ms or 2m', (ms) => ms)

function withUnit(
  text: string,
  flag: string,
  units: Readonly<Record<string, number>>,
  wanted: string,
  round: (value: number) => number,
): number {
  const [, number = '', unit = ''] = /^\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  const value = round(
    Number(number) * (Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()]! : Number.NaN),
  )
  if (value > 0 && Number.isFinite(value)) return value
  throw usage(`${flag} must be ${wanted}, got ${text}`, { expected: wanted, got: text })
}

export const asChoice =
  <T extends string>(...choices: readonly T[]) =>
  (text: string, flag: string): T => {
    if ((choices as readonly string[]).includes(text)) return text as T
    const hint = suggest(text, choices)
    throw usage(`${flag} must be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}, got ${text}`, {
      expected: choices,
      got: text,
      hint,
    })
  }

export interface Named {
  readonly name: string
  readonly value: string
}

/** `NAME=VALUE`, cut at the first equals sign. */
export const asNamed = (text: string, flag: string): Named => {
  const cut = text.indexOf('=')
  if (cut > 0) return { name: text.slice(0, cut), value: text.slice(cut + 1) }
  throw usage(`${flag} needs NAME=VALUE, got ${text}`, { expected: 'NAME=VALUE', got: text })
}
