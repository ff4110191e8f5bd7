/**
 * Values by name in one JSON file: `{ "fc_0.w_0": { "dtype": …, "shape": …, "base64": … }, … }`, the forms of program-json.md. Written with
 * base64, so that every bit is kept; read with either form.
 */
import { EnforceError, InvalidArgumentError } from '../errors.ts'
import { parseJsonText, pointerToken } from '../framework/json_text.ts'
import { type Limits, withLimits } from '../framework/limits.ts'
import { SelectedRows, type Tensor, TensorArray, type Value } from '../tensor/tensor.ts'
import { isDataPointer, type TensorJson, type ValueJson, valueFromJSON } from '../tensor/tensor_json.ts'
import { countOf } from './bytes.ts'

/** Files of values may be as long as a text can be in JavaScript. */
export const VALUE_FILE_LIMITS: Partial<Limits> = { programBytes: 500 * 2 ** 20 }

/** The text of the file in pieces, one value a line: a whole file may be longer than a text can be. */
export function* tensorFileText(values: Iterable<readonly [name: string, value: Value]>): Generator<string> {
  let before = '{\n'
  for (const [name, value] of values) {
    yield `${before}${JSON.stringify(name)}:${JSON.stringify(valueWithBase64(value))}`
    before = ',\n'
  }
  yield before === '{\n' ? '{}\n' : '\n}\n'
}

/**
 * The values of a file.
 * @throws InvalidArgumentError E501 to E503 for what is no JSON, E524 if it is no object of values, E510 for a value that is none; with
 * file, line and column.
 */
export function readTensorFile(
  source: string | Uint8Array,
  options: { readonly file?: string } = {},
): Map<string, Value> {
  return readJsonValues(source, options).values
}

/**
 * As {@link readTensorFile}, but a single tensor is read too: then `single` is true, and its name is ''.
 * @throws as {@link readTensorFile}; ResourceExhaustedError E604 for too many elements.
 */
export function readJsonValues(
  source: string | Uint8Array,
  options: { readonly file?: string; readonly allowSingle?: boolean; readonly limits?: Partial<Limits> } = {},
): { readonly values: Map<string, Value>; readonly single: boolean } {
  const file = options.file === undefined ? {} : { file: options.file }
  const { value: json, locate } = parseJsonText(source, {
    ...file,
    limits: VALUE_FILE_LIMITS,
    bigIntegerAt: isDataPointer,
  })
  const { tensorElements } = withLimits(options.limits)
  const single = options.allowSingle === true && isTensorLike(json)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new InvalidArgumentError('E524', 'a file of saved values is an object of tensors by name', {
      where: { ...file, line: 1, column: 1 },
      expected: '{ NAME: tensor, … }',
      got: Array.isArray(json) ? 'a list' : String(json),
    })
  }
  if (Object.hasOwn(json, 'format') && (json as { format: unknown }).format === 'oarlock-program') {
    throw new InvalidArgumentError('E524', 'this is a program, not a file of saved values', { where: file })
  }
  const values = new Map<string, Value>()
  const members: [name: string, member: unknown, pointer: string][] = single
    ? [['', json, '']]
    : Object.entries(json).map(([name, member]) => [name, member, pointerToken(name)])
  for (const [name, member, pointer] of members) {
    try {
      const value = valueFromJSON(member, pointer)
      for (const { shape } of tensorsOf(value)) countOf(shape, tensorElements)
      values.set(name, value)
    } catch (error) {
      if (!(error instanceof EnforceError)) throw error
      const variable = single ? {} : { variable: name }
      throw error.at({ ...file, ...variable, ...locate(error.where?.pointer ?? pointer) })
    }
  }
  return { values, single }
}

const tensorsOf = (value: Value): readonly Tensor[] =>
  value instanceof TensorArray ? value.items : [value instanceof SelectedRows ? value.value : value]

/** True for what has the members of a value of program-json.md. */
export function isTensorLike(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const has = (name: string): boolean => Object.hasOwn(value, name)
  return (has('shape') && (has('data') || has('base64'))) || has('selected_rows') || has('tensor_array')
}

/** The JSON form with `base64` in place of `data`. */
export function valueWithBase64(value: Value): ValueJson {
  if (value instanceof TensorArray) return { tensor_array: value.items.map(tensorWithBase64) }
  if (value instanceof SelectedRows) {
    const { rows, height } = value
    return { selected_rows: { rows: [...rows], height, value: tensorWithBase64(value.value) } }
  }
  return tensorWithBase64(value)
}

function tensorWithBase64({ dtype, shape, data, lod }: Tensor): TensorJson {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return { dtype, shape: [...shape], base64: toBase64(bytes), ...(lod === undefined ? {} : { lod }) }
}

function toBase64(bytes: Uint8Array): string {
  // A multiple of 3, so that only the last piece is padded; small enough for the arguments of a call.
  const piece = 3 * 4096
  let text = ''
  for (let i = 0; i < bytes.length; i += piece) text += btoa(String.fromCharCode(...bytes.subarray(i, i + piece)))
  return text
}
