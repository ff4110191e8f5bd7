/**
 * What could stand where the cursor is: the hidden command `__complete` that the scripts of `oarlock completion` call with the words so far,
 * the one under the cursor last. Prints one candidate a line; the line `:files` asks the shell for file names.
 */
import { readdirSync } from 'node:fs'
import { Command } from 'commander'
import { BUILT_IN, COMMANDS, findCommand } from './commands.ts'
import { isFolder, pathOf } from './files.ts'
import { COMMON_FLAGS } from './help.ts'
import type { Io } from './io.ts'

const FILES = ':files'

/** Flags whose value is one of a few words. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  '--backend': ['ts', 'wasm'],
  '--color': ['auto', 'always', 'never'],
  '--engine': ['interpreter', 'plan'],
  '--format': ['text', 'gcc', 'json'],
  '--optimizer': ['adam', 'sgd'],
  '--role': ['F', 'B', 'O', 'L'],
}

/** Flags that name variables of the program in the line. */
const VARIABLES = ['--fetch', '--loss', '--param-list', '--no-grad', '--feed', '--data', '--test-data']

export async function complete(words: readonly string[], io: Io): Promise<string[]> {
  const given = words[0] === '--' ? words.slice(1) : words
  const current = given.at(-1) ?? ''
  const before = given.slice(0, -1)
  const name = before.find((word) => !word.startsWith('-'))
  if (name === undefined) {
    const commands = [...COMMANDS.map((entry) => entry.name), ...BUILT_IN]
    if (current.startsWith('-')) return fitting(['--help', '--version', '--json'], current)
    return [...fitting(commands, current), FILES]
  }
  if (name === 'help')
    return fitting(
      COMMANDS.map((entry) => entry.name),
      current,
    )
  const entry = findCommand(name)
  if (entry === undefined) return [FILES]
  const previous = before.at(-1)!
  if (Object.hasOwn(CHOICES, previous)) return fitting(CHOICES[previous]!, current)
  const args = before.slice(before.indexOf(name) + 1).filter((word) => !word.startsWith('-'))
  if (previous === '--passes') {
    const { PASSES, PIPELINES } = await import('../compiler/passes/pipelines.ts')
    return fitting([...Object.keys(PIPELINES), ...PASSES.map((pass) => pass.name)], current)
  }
  if (VARIABLES.includes(previous)) return fitting(await variables(io, args), current)
  if (current.startsWith('-')) {
    const command = new Command(name)
    ;(await entry.load()).define(command)
    const flags = command.options.flatMap(({ long }) => long ?? [])
    return fitting([...flags, ...COMMON_FLAGS.filter((flag) => !flags.includes(flag))], current)
  }
  if (name === 'ops') return fitting(Object.keys((await import('../ops/index.ts')).ops), current)
  if (name === 'completion') return fitting(['bash', 'zsh', 'fish'], current)
  if (name === 'explain') {
    const { ERROR_CATALOGUE } = await import('../error_catalogue.ts')
    return fitting(
      ERROR_CATALOGUE.map(({ code }) => code),
      current,
    )
  }
  if (name === 'show' && args.length === 1) return fitting(['vars', ...(await variables(io, args))], current)
  return [FILES]
}

const fitting = (candidates: readonly string[], start: string): string[] =>
  candidates.filter((candidate) => candidate.startsWith(start)).sort()

/** Names in the first program of the line; none if it cannot be read. */
async function variables(io: Io, args: readonly string[]): Promise<string[]> {
  for (const path of args) {
    try {
      if (isFolder(pathOf(io, path)) && !readdirSync(pathOf(io, path)).includes('main.json')) continue
      const { loadMain } = await import('./load_program.ts')
      const { program } = await loadMain(io, path)
      return [...program.globalBlock().vars.keys()]
    } catch {
      // Not a program: completing goes on without it, and running the command will say why.
    }
  }
  return []
}
