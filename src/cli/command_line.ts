/**
 * The command line from its arguments to an exit code: finds the command, loads it, has commander read the flags, runs it, and turns every
 * error into one message (or, with --json, one document) and the exit code that its entry of the error catalogue names.
 */
import { readFileSync } from 'node:fs'
import { EnforceError, InvalidArgumentError, makeError, NotFoundError, suggest, UnimplementedError } from '../errors.ts'
import { BUILT_IN, COMMANDS, type CommandEntry, findCommand, PLANNED } from './commands.ts'
import { exists, pathOf } from './files.ts'
import { commandHelp, overview, screen } from './help.ts'
import type { Io } from './io.ts'
import { type ColorWhen, Output } from './output.ts'

interface CommonOptions {
  readonly json?: boolean
  /** Of `check`: `json` means --json. */
  readonly format?: string
  readonly quiet?: boolean
  readonly color?: ColorWhen
  readonly width?: number
  readonly ascii?: boolean
}

/** Flags before the command that take a value of their own. */
const LEADING_WITH_VALUE = ['--color', '--width']

/** Runs `oarlock ARGV` and returns its exit code; nothing is thrown. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  // Before the flags are read, and where reading them fails.
  let out = new Output(io, {
    json: argv.includes('--json'),
    quiet: false,
    color: 'auto',
    ascii: false,
    width: undefined,
  })
  try {
    const { name, rest } = splitCommand(argv)
    if (name === undefined) return withoutCommand(rest, out)
    if (name === 'version') return print(out, version())
    if (name === 'help') return await help(rest, out)
    if (name === '__complete') {
      const { complete } = await import('./complete.ts')
      for (const line of await complete(rest, io)) io.stdout.write(`${line}\n`)
      return 0
    }
    const { entry, args } = chooseCommand(name, rest, io)
    const definition = await entry.load()
    const { readFlags } = await import('./declare.ts')
    const read = readFlags(entry, definition, args, version())
    if ('text' in read) return print(out, read.text)
    const options: CommonOptions = read.options
    out = new Output(io, {
      json: options.json === true || options.format === 'json',
      quiet: options.quiet === true,
      color: options.color ?? 'auto',
      ascii: options.ascii === true,
      width: options.width,
    })
    return await definition.run(read, { io, out })
  } catch (error) {
    return await report(error, argv, out)
  }
}

/** The command's name and all other arguments; flags before the name are put behind it. */
function splitCommand(argv: readonly string[]): { name: string | undefined; rest: readonly string[] } {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--') return { name: argv[i + 1], rest: [...argv.slice(0, i), ...argv.slice(i + 2)] }
    if (LEADING_WITH_VALUE.includes(word)) i++
    else if (!word.startsWith('-') || word === '-')
      return { name: word, rest: [...argv.slice(0, i), ...argv.slice(i + 1)] }
  }
  return { name: undefined, rest: argv }
}

function withoutCommand(flags: readonly string[], out: Output): number {
  if (flags.length === 0) return print(out, screen())
  if (flags.includes('-V') || flags.includes('--version')) return print(out, version())
  if (flags.includes('-h') || flags.includes('--help')) return print(out, overview())
  throw new InvalidArgumentError('E702', `a command is missing: got only ${flags.join(' ')}`, {
    got: flags,
    hint: 'oarlock --help lists the commands',
  })
}

async function help(args: readonly string[], out: Output): Promise<number> {
  const [name] = args.filter((word) => !word.startsWith('-'))
  if (name === undefined) return print(out, overview())
  const entry = findCommand(name)
  if (entry === undefined) throw unknownCommand(name)
  const definition = await entry.load()
  const { declare } = await import('./declare.ts')
  return print(out, commandHelp(entry, definition, declare(entry, definition, version())))
}

/** A command by its name; anything that is a file, or looks like one, is shown. */
function chooseCommand(
  name: string,
  rest: readonly string[],
  io: Io,
): { entry: CommandEntry; args: readonly string[] } {
  const entry = findCommand(name)
  if (entry !== undefined) return { entry, args: rest }
  if (PLANNED.includes(name)) {
    throw new UnimplementedError('E407', `oarlock ${name} is not implemented yet`, {
      got: name,
      expected: COMMANDS.map((command) => command.name),
    })
  }
  if (name === '-' || /[./\\]/.test(name) || exists(pathOf(io, name)))
    return { entry: findCommand('show')!, args: [name, ...rest] }
  throw unknownCommand(name)
}

function unknownCommand(name: string): NotFoundError {
  const names = [...COMMANDS.map((command) => command.name), ...BUILT_IN]
  return new NotFoundError('E701', `there is no command "${name}"`, {
    got: name,
    expected: names,
    hint: suggest(name, names) ?? swapped(name, names) ?? 'oarlock --help lists the commands',
  })
}

/** Two letters in the wrong order are two edits, which is too far for short names. */
function swapped(name: string, names: readonly string[]): string | undefined {
  const sorted = (word: string): string => [...word].sort().join('')
  const found = names.find((each) => sorted(each) === sorted(name))
  return found === undefined ? undefined : `did you mean "${found}"?`
}

/** Exactly what package.json says. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function print(out: Output, text: string): number {
  out.data(text)
  return 0
}

async function report(error: unknown, argv: readonly string[], out: Output): Promise<number> {
  const { exitCodeOf } = await import('../error_catalogue.ts')
  if (error instanceof EnforceError) {
    out.error(error)
    return exitCodeOf(error)
  }
  const known = nodeLimit(error)
  if (known !== undefined) {
    out.error(known)
    return exitCodeOf(known)
  }
  const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error)
  if (out.json) {
    out.error(
      makeError('Fatal', 'E700', `oarlock has a defect: ${String(error)}`, { got: stack, hint: 'please report it' }),
    )
  } else {
    out.io.stderr.write(
      `error E700: oarlock has a defect. Please report it with the lines below and, if you can, the file.\n` +
        `  oarlock ${version()}, node ${process.version}, ${process.platform} ${process.arch}\n` +
        `  oarlock ${argv.join(' ')}\n${stack}\n`,
    )
  }
  return 70
}

/** Where JavaScript itself gives up: buffers and texts that it cannot make. */
function nodeLimit(error: unknown): EnforceError | undefined {
  if (!(error instanceof RangeError)) return undefined
  const memory = /allocation failed|Invalid (typed )?array (buffer )?length|Invalid string length/i.test(error.message)
  return memory
    ? makeError('ResourceExhausted', 'E611', `there is not enough memory: ${error.message}`, { cause: error })
    : undefined
}
