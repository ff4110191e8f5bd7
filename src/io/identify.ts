/** What a file is and what reads it, for commands that take any file, and sentences for files given in the wrong place. */
import { InvalidArgumentError } from '../errors.ts'
import { FILE_KINDS, type FileKind, fileKind } from '../framework/file_kind.ts'
import { parseJsonText } from '../framework/json_text.ts'
import { isTensorLike } from './tensor_file.ts'

export { FILE_KINDS, type FileKind, fileKind } from '../framework/file_kind.ts'

/** What a file can be used as. */
export type FileUse = 'program' | 'values' | 'array'

export interface Identified {
  readonly kind: FileKind
  /** JSON that is a program, a tensor or named values is told apart. */
  readonly json?: 'program' | 'tensor' | 'values' | 'other'
  /** What a person calls it. */
  readonly text: string
  readonly uses: readonly FileUse[]
}

const USES: Readonly<Partial<Record<FileKind, readonly FileUse[]>>> = {
  'program-desc': ['program'],
  'tensor-stream': ['values', 'array'],
  pickle: ['values'],
  npy: ['array'],
  zip: ['values'],
  safetensors: ['values'],
}

const JSON_TEXTS = {
  program: 'a program as JSON',
  tensor: 'a tensor as JSON',
  values: 'values by name as JSON',
  other: 'JSON, but neither a program nor values',
} as const

const JSON_USES: Readonly<Record<keyof typeof JSON_TEXTS, readonly FileUse[]>> = {
  program: ['program'],
  tensor: ['array'],
  values: ['values'],
  other: [],
}

/** What a file is. Broken JSON is JSON of no use; nothing is thrown. */
export function identify(bytes: Uint8Array): Identified {
  const kind = fileKind(bytes)
  if (kind !== 'json') return { kind, text: FILE_KINDS[kind], uses: USES[kind] ?? [] }
  const json = jsonKind(bytes)
  return { kind, json, text: JSON_TEXTS[json], uses: JSON_USES[json] }
}

function jsonKind(bytes: Uint8Array): keyof typeof JSON_TEXTS {
  let value: unknown
  try {
    value = parseJsonText(bytes).value
  } catch {
    return 'other'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'other'
  if (Object.hasOwn(value, 'format') || Object.hasOwn(value, 'blocks')) return 'program'
  if (isTensorLike(value)) return 'tensor'
  return Object.values(value).every(isTensorLike) ? 'values' : 'other'
}

const WANTED: Readonly<Record<FileUse, string>> = {
  program: 'a program: JSON, or a ProgramDesc (.pdmodel)',
  values: 'values by name: JSON, .pdparams, .pdiparams, .npz or safetensors',
  array: 'an array: JSON or .npy',
}

/** @throws InvalidArgumentError E529 if the file cannot be used so; it says what the file is and where it would fit. */
export function needUse(bytes: Uint8Array, use: FileUse, file?: string): Identified {
  const found = identify(bytes)
  if (found.uses.includes(use)) return found
  const [other] = found.uses
  throw new InvalidArgumentError('E529', `this is ${found.text}, which cannot be used as ${WANTED[use]}`, {
    where: file === undefined ? {} : { file },
    expected: WANTED[use],
    got: found.text,
    ...(other === undefined ? {} : { hint: `it is ${WANTED[other]}` }),
  })
}
