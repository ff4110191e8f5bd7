/**
 * Values by name from a file of any kind, and back. What the file is, its content decides. A .pdiparams file holds no names: its program
 * gives them.
 */
import { InvalidArgumentError } from '../errors.ts'
import type { Limits } from '../framework/limits.ts'
import type { Program } from '../framework/program.ts'
import { compareNames } from '../framework/program_desc.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import { ByteWriter, listed } from './bytes.ts'
import { fileKind, needUse } from './identify.ts'
import { readNpy, writeNpy } from './npy.ts'
import { readNpz, writeNpz } from './npz.ts'
import { readCombinedParams, writeCombinedParams } from './params.ts'
import { PickleTuple } from './pickle.ts'
import { readSafetensors, writeSafetensors } from './safetensors.ts'
import { readStateFile, type StateFile, writeStateFile } from './state_file.ts'
import { readJsonValues, tensorFileText } from './tensor_file.ts'
import { readTensorStream, writeTensorStream } from './tensor_stream.ts'

/** Files of values, by their usual ending. */
export const VALUE_FORMATS = ['pdiparams', 'pdparams', 'npz', 'safetensors', 'json', 'npy'] as const
export type ValueFormat = (typeof VALUE_FORMATS)[number]

export interface NamedValues {
  readonly format: ValueFormat
  readonly values: ReadonlyMap<string, Value>
  /** What a state file has beside its arrays. */
  readonly state?: StateFile
  /** True where the file has no names and no program gave them: then they are positions, `#0`, `#1`, …, or the name of the file. */
  readonly unnamed?: true
}

export interface ReadValuesOptions {
  /** Named in errors; without its folder and ending it is the name of a single array. */
  readonly file?: string
  /** Gives names to the tensors of a .pdiparams file. */
  readonly program?: Program | undefined
  readonly limits?: Partial<Limits>
}

/**
 * The values of a file.
 * @throws InvalidArgumentError E529 for a file that holds no values, saying what it is; what the reader of its kind throws.
 */
export function readNamedValues(bytes: Uint8Array, options: ReadValuesOptions = {}): NamedValues {
  const { file, program, limits } = options
  const place = { ...(file === undefined ? {} : { file }), ...(limits === undefined ? {} : { limits }) }
  const kind = fileKind(bytes)
  if (kind === 'json') {
    const { values, single } = readJsonValues(bytes, { ...place, allowSingle: true })
    return single
      ? { format: 'json', values: new Map([[stem(file), values.get('')!]]), unnamed: true }
      : { format: 'json', values }
  }
  if (kind === 'npy') return { format: 'npy', values: new Map([[stem(file), readNpy(bytes, place)]]), unnamed: true }
  needUse(bytes, 'values', file)
  if (kind === 'pickle') {
    const state = readStateFile(bytes, place)
    return { format: 'pdparams', values: stateValues(state), state }
  }
  if (kind === 'zip') return { format: 'npz', values: readNpz(bytes, place) }
  if (kind === 'safetensors') return { format: 'safetensors', values: readSafetensors(bytes, place).tensors }
  if (program !== undefined) return { format: 'pdiparams', values: readCombinedParams(bytes, program, place) }
  return { format: 'pdiparams', values: readUnnamed(bytes, place), unnamed: true }
}

const stem = (file: string | undefined): string =>
  (file ?? 'array').replace(/^.*[/\\]/, '').replace(/\.(npy|json)$/, '')

/** Arrays, and the master weights that Paddle keeps in a dict of their own, each as a pair of its name and its array. */
function stateValues(state: StateFile): Map<string, Value> {
  const values = new Map<string, Value>(state.tensors)
  const masters = state.others?.get('master_weights')
  if (!(masters instanceof Map)) return values
  for (const [parameter, item] of masters) {
    if (item instanceof Tensor && typeof parameter === 'string') values.set(`${parameter}_fp32_master_0`, item)
    if (!(item instanceof PickleTuple)) continue
    const [name, array] = item.items
    if (typeof name === 'string' && array instanceof Tensor) values.set(name, array)
  }
  return values
}

function readUnnamed(bytes: Uint8Array, options: { readonly file?: string }): Map<string, Value> {
  const tensors: Tensor[] = []
  for (let at = 0; at < bytes.length; ) {
    const { value, end } = readTensorStream(bytes, at, options)
    tensors.push(value)
    at = end
  }
  // A variable saved on its own is in a file of its name.
  if (tensors.length === 1) return new Map([[stem(options.file), tensors[0]!]])
  return new Map(tensors.map((tensor, i) => [`#${i}`, tensor]))
}

export interface WriteValuesOptions {
  /** A .pdiparams file must hold exactly its persistable variables. */
  readonly program?: Program | undefined
  /** Kept in a state file beside the arrays. */
  readonly state?: StateFile | undefined
}

/**
 * The content of a file, in pieces.
 * @throws InvalidArgumentError E540 for values that this kind of file cannot hold; InvalidArgumentError E533 for a .pdiparams file that would
 * lack variables of the program; E540 for a .npy file of several values.
 */
export function writeNamedValues(
  format: ValueFormat,
  values: ReadonlyMap<string, Value>,
  { program, state }: WriteValuesOptions = {},
): Iterable<string | Uint8Array> {
  if (format === 'json') return tensorFileText(values)
  const tensors = denseOnly(format, values)
  switch (format) {
    case 'pdiparams':
      return [program === undefined ? combined(tensors) : writeCombinedParams(program, (name) => tensors.get(name))]
    case 'pdparams':
      return [writeStateFile(state === undefined ? { tensors } : { ...state, tensors: plainOf(tensors, state) })]
    case 'npz':
      return [writeNpz(tensors)]
    case 'safetensors':
      return [writeSafetensors(tensors)]
    case 'npy': {
      const [only, ...rest] = tensors.values()
      if (only !== undefined && rest.length === 0) return [writeNpy(only)]
      throw new InvalidArgumentError('E540', `a .npy file holds one array, got ${tensors.size}`, {
        expected: 'one array',
        got: [...tensors.keys()],
        hint: 'choose one, or write .npz',
      })
    }
  }
}

/** The arrays without those that the state keeps elsewhere. */
function plainOf(tensors: ReadonlyMap<string, Tensor>, state: StateFile): Map<string, Tensor> {
  return new Map([...tensors].filter(([name]) => state.tensors.has(name)))
}

function denseOnly(format: ValueFormat, values: ReadonlyMap<string, Value>): Map<string, Tensor> {
  const others = [...values].filter(([, value]) => !(value instanceof Tensor)).map(([name]) => name)
  if (others.length === 0) return values as Map<string, Tensor>
  throw new InvalidArgumentError('E540', `a .${format} file holds dense tensors only, not ${listed(others)}`, {
    expected: 'dense tensors',
    got: others,
    hint: 'write .json, which holds every kind of value',
  })
}

/** In the order of the sorted names, as for a program that has exactly these persistable variables. */
function combined(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const to = new ByteWriter()
  for (const [, tensor] of [...tensors].sort(([a], [b]) => compareNames(a, b))) writeTensorStream(tensor, to)
  return to.finish()
}
