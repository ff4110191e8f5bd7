/** `oarlock diff`: what differs between two programs, with diff(1)'s exit codes. */

import { InvalidArgumentError } from '../errors.ts'
import { isBackendHint } from '../framework/backend_hints.ts'
import { diffPrograms, formatDiff, type ProgramDifference } from '../framework/diff.ts'
import { type CommandDefinition, usage } from './command.ts'
import { diffValues, valueDiffText } from './diff_values.ts'
import { loadProgram, programEntry, programFiles } from './load_program.ts'
import { isValues, type Loaded, type LoadedValues, loadAny } from './load_values.ts'
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
    ['oarlock diff a.pdiparams b.npz', 'of two files of values, what differs and by how much'],
  ],
  exits: { 0: 'no differences', 1: 'there are differences' },
  define(command) {
    command.argument('<A>').argument('<B>')
    command.option('--hints', 'compare hints for other back ends too (use_mkldnn, force_cpu, …)')
  },
  async run({ args, options }, { io, out }) {
    const ignoreAttr = (name: string): boolean =>
      name === 'op_callstack' || (options.hints !== true && isBackendHint(name))
    if (args[0] === '-' && args[1] === '-') throw usage('only one of the two programs can come from stdin')
    const [first, second] = [await loadAny(io, args[0]!), await loadAny(io, args[1]!)]
    if (isValues(first) || isValues(second)) return diffOfValues(first, second, out)
    const [a, b] = [programFiles(io, args[0]!), programFiles(io, args[1]!)]
    const folders = a.main !== args[0] && b.main !== args[1]
    const pairs = [{ name: 'main', from: first, to: second }]
    if (folders && a.startup !== undefined && b.startup !== undefined) {
      pairs.push({ name: 'startup', from: await loadProgram(io, a.startup), to: await loadProgram(io, b.startup) })
    }
    const compared = pairs.map((pair) => ({
      ...pair,
      differences: diffPrograms(pair.from.program, pair.to.program, { ignoreAttr }),
    }))
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

/** @throws InvalidArgumentError E529 if only one of the two holds values. */
function diffOfValues(a: Loaded, b: Loaded, out: Output): number {
  if (!isValues(a) || !isValues(b)) {
    const [values, program] = isValues(a) ? [a, b] : [b as LoadedValues, a]
    throw new InvalidArgumentError('E529', `"${values.file}" holds values, "${program.file}" a program`, {
      where: { file: values.file },
      expected: 'two programs or two files of values',
    })
  }
  const differences = diffValues(a.found.values, b.found.values)
  const same = differences.length === 0
  if (out.json) {
    out.document({ ok: true, command: 'diff', same, a: programEntry(a), b: programEntry(b), differences })
  } else out.data(valueDiffText(differences, a, out))
  return same ? 0 : 1
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
