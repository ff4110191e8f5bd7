/** What remains of a pass that failed: the program that it was given, values where there are any, and the command that fails again. */
import { PassFailure } from '../compiler/optimize.ts'
import { writeNamedValues } from '../io/named_values.ts'
import type { Value } from '../tensor/tensor.ts'
import type { Context } from './command.ts'
import { exists, pathOf, writeOutput } from './files.ts'
import { programText } from './program_output.ts'

export interface ReproducerSettings {
  /** FILE as it was given. */
  readonly file: string
  readonly fetch: readonly string[]
  readonly values: ReadonlyMap<string, Value>
  /** Further flags that the run was made with, as they are written. */
  readonly flags: readonly string[]
}

/** Writes the files into the current folder, under names that are not taken. @returns the failure with the command as its hint. */
export function writeReproducer(failure: PassFailure, settings: ReproducerSettings, { io, out }: Context): PassFailure {
  const { pass } = failure
  const base = settings.file.replace(/^.*[/\\]/, '').replace(/\.(json|pdmodel)$/, '')
  const stem = `${base === '' || base === '-' ? 'program' : base}.${pass.name}.reproducer`
  let name = stem
  for (let i = 2; exists(pathOf(io, `${name}.json`)); i++) name = `${stem}_${i}`
  const program = failure.program.clone()
  const { vars } = program.globalBlock()
  const values = new Map([...settings.values].filter(([variable]) => vars.has(variable)))
  const load = values.size === 0 ? [] : ['--load', `${name}.safetensors`]
  const flags = ['--passes', pass.name, '--fetch', settings.fetch.join(','), ...load, ...settings.flags]
  const command = ['oarlock', 'opt', `${name}.json`, ...flags].map(quoted).join(' ')
  program.extra = { ...program.extra, x_reproducer: { pass: pass.name, error: failure.message, command } }
  writeOutput(io, `${name}.json`, [programText(program)], false)
  if (values.size > 0) writeOutput(io, `${name}.safetensors`, writeNamedValues('safetensors', values), false)
  out.talk(`wrote ${name}.json${values.size > 0 ? ` and ${name}.safetensors` : ''}`)
  const { code, summary, where, expected, got, cause } = failure
  const hint = `try again with: ${command}`
  return new PassFailure(code, summary, failure, { where, expected, got, cause, hint })
}

/** As a shell takes it for one word. */
const quoted = (word: string): string => (/^[\w@.,/:=+*-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
