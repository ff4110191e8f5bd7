/** `oarlock diff`: what differs between two programs, with diff(1)'s exit codes. */
import { isBackendHint } from '../framework/backend_hints.ts'
import { diffPrograms, formatDiff, type ProgramDifference } from '../framework/diff.ts'
import { type CommandDefinition, usage } from './command.ts'
import { loadProgram, programEntry, programFiles } from './load_program.ts'
import { type Output, visible } from './output.ts'

const SIGNS = { added: 'green', removed: 'red', changed: 'yellow' } as const

interface DiffFlags {
  readonly hints?: boolean
}

export const diff: CommandDefinition<DiffFlags> = {
  usage: 'A B [--hints]',
  examples: [
    ['oarlock diff before.json after.json', 'operators, variables and blocks that differ'],
    ['oarlock diff net/ trained/', 'of two folders, main and startup programs'],
  ],
  exits: { 0: 'no differences', 1: 'there are differences' },
  define(command) {
    command.argument('<A>').argument('<B>')
    command.option('--hints', 'compare hints for other back ends too (use_mkldnn, force_cpu, …)')
  },
  async run({ args, options }, { io, out }) {
    const ignoreAttr = (name: string): boolean =>
      name === 'op_callstack' || (options.hints !== true && isBackendHint(name))
    const [a, b] = [programFiles(io, args[0]!), programFiles(io, args[1]!)]
    if (a.main === '-' && b.main === '-') throw usage('only one of the two programs can come from stdin')
    const folders = a.main !== args[0] && b.main !== args[1]
    const pairs: { name: string; files: [string, string] }[] = [{ name: 'main', files: [a.main, b.main] }]
    if (folders && a.startup !== undefined && b.startup !== undefined) {
      pairs.push({ name: 'startup', files: [a.startup, b.startup] })
    }
    const compared = []
    for (const { name, files } of pairs) {
      const from = await loadProgram(io, files[0])
      const to = await loadProgram(io, files[1])
      compared.push({ name, from, to, differences: diffPrograms(from.program, to.program, { ignoreAttr }) })
    }
    const same = compared.every(({ differences }) => differences.length === 0)
    if (out.json) {
      const programs = compared.map(({ name, from, to, differences }) => ({
        name,
        a: programEntry(from),
        b: programEntry(to),
        differences,
      }))
      out.document({ ok: true, command: 'diff', same, differences: programs[0]!.differences, programs })
      return same ? 0 : 1
    }
    for (const { name, from, to, differences } of compared) {
      if (compared.length > 1) out.data(`${name}: ${visible(from.file)} ${out.ascii ? '->' : '→'} ${visible(to.file)}`)
      const text = formatDiff(differences, { programs: [from.program, to.program], ascii: out.ascii })
      out.data(colored(text, differences, out))
    }
    return same ? 0 : 1
  },
}

/** The sign in front of each line in its colour. */
function colored(text: string, differences: readonly ProgramDifference[], out: Output): string {
  if (!out.hasColor) return text
  return text
    .split('\n')
    .map((line, i) => {
      const change = differences[i]?.change
      return change === undefined ? line : out.style(SIGNS[change], line.slice(0, 1)) + line.slice(1)
    })
    .join('\n')
}
