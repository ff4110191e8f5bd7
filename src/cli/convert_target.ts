/** What `convert` writes: decided by --to, by the ending of OUT, or by what was read. */
import { VALUE_FORMATS, type ValueFormat } from '../io/named_values.ts'
import { usage } from './command.ts'

/** Of programs, of values, and of whole models. */
export const TARGETS = ['json', 'pdmodel', 'text', 'legacy', ...VALUE_FORMATS.slice(0, 4), 'npy', 'separate'] as const
export type TargetName = (typeof TARGETS)[number]

export type ProgramFormat = 'json' | 'pdmodel' | 'text'

export type Target =
  | { readonly kind: 'program'; readonly format: ProgramFormat }
  | { readonly kind: 'values'; readonly format: ValueFormat }
  | { readonly kind: 'separate' }
  | { readonly kind: 'model'; readonly format: 'json' | 'pdmodel' | 'legacy' }

export interface Source {
  readonly kind: 'program' | 'values'
  /** A folder was named, so its whole model is meant. */
  readonly whole: boolean
  /** How the program or the values were written. */
  readonly format: string
}

const ENDINGS: Readonly<Record<string, TargetName>> = {
  json: 'json',
  pdmodel: 'pdmodel',
  txt: 'text',
  pdiparams: 'pdiparams',
  pdparams: 'pdparams',
  pdopt: 'pdparams',
  npz: 'npz',
  npy: 'npy',
  safetensors: 'safetensors',
}

const isValueFormat = (name: string): name is ValueFormat => (VALUE_FORMATS as readonly string[]).includes(name)

/** @param folder whether OUT is a folder. @throws InvalidArgumentError E703 where nothing says what to write, or it cannot be. */
export function targetOf(output: string, to: TargetName | undefined, source: Source, folder: boolean): Target {
  const ending = folder ? undefined : /\.([a-z]+)$/.exec(output)?.[1]
  const named = to ?? (ending !== undefined && Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined)
  if (folder) return intoFolder(named, source)
  if (named === undefined && output !== '-') {
    throw usage(`what should ${output} be? Its ending does not say`, {
      expected: Object.keys(ENDINGS),
      hint: '--to KIND',
    })
  }
  const name = named ?? 'json'
  if (name === 'legacy' || name === 'separate')
    throw usage(`--to ${name} needs a folder: -o ${output}/`, { got: output })
  if (source.kind === 'values') {
    if (isValueFormat(name)) return { kind: 'values', format: name }
    throw usage(`values cannot be written as ${name}, which is for programs`, { expected: VALUE_FORMATS, got: name })
  }
  if (name === 'json' || name === 'pdmodel' || name === 'text') {
    return source.whole && name !== 'text' && output !== '-'
      ? { kind: 'model', format: name }
      : { kind: 'program', format: name }
  }
  return { kind: 'values', format: name }
}

function intoFolder(name: TargetName | undefined, source: Source): Target {
  if (source.kind === 'values') {
    if (name === undefined || name === 'separate') return { kind: 'separate' }
    throw usage(`--to ${name} writes a file, not a folder`, { expected: 'separate', got: name })
  }
  if (name === 'separate') return { kind: 'separate' }
  if (name === undefined) return { kind: 'model', format: source.format === 'json' ? 'pdmodel' : 'json' }
  if (name === 'json' || name === 'pdmodel' || name === 'legacy') return { kind: 'model', format: name }
  throw usage(`--to ${name} writes a file, not a folder`, {
    expected: ['json', 'pdmodel', 'legacy', 'separate'],
    got: name,
  })
}
