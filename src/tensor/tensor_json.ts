/**
 * The JSON form of values (program-json.md): a tensor with flat `data` or `base64` of its little-endian bytes, selected rows, tensor arrays.
 * NaN and infinities are strings, int64 beyond 2^53 strings of digits, halves decimal values.
 */
import { EnforceError, InvalidArgumentError } from '../errors.ts'
import { allocate, byteSize, type DType, isComplex, isDType, makeView } from './dtype.ts'
import { shortestFloat32 } from './float32.ts'
import { formatShape, MAX_RANK, numel } from './shape.ts'
import { SelectedRows, Tensor, TensorArray, type Value, writeElement } from './tensor.ts'

export type JsonNumber = number | string | boolean

export interface TensorJson {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data?: readonly JsonNumber[]
  readonly base64?: string
  readonly lod?: readonly (readonly number[])[]
}
export interface SelectedRowsJson {
  readonly selected_rows: { readonly rows: readonly number[]; readonly height: number; readonly value: TensorJson }
}
export interface TensorArrayJson {
  readonly tensor_array: readonly TensorJson[]
}
export type ValueJson = TensorJson | SelectedRowsJson | TensorArrayJson

/** Whether a JSON pointer leads to a value of a tensor, which may be an int64 beyond 2^53. */
export const isDataPointer = (pointer: string): boolean => /\/data\/\d+$/.test(pointer)

/** A float as JSON holds it: a number, or one of "NaN", "Infinity", "-Infinity". */
export function numberToJson(value: number): number | string {
  return Number.isFinite(value) ? value : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

const NON_FINITE: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity: Infinity, '-Infinity': -Infinity }

/** The number behind a JSON number, an integer that a number holds exactly or one of the three texts; undefined for anything else. */
export function numberFromJson(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return BigInt(Number(value)) === value ? Number(value) : undefined
  return typeof value === 'string' && Object.hasOwn(NON_FINITE, value) ? NON_FINITE[value] : undefined
}

export function tensorToJson(value: Tensor): TensorJson {
  const { dtype, data } = value
  const list: JsonNumber[] = new Array(data.length)
  for (let i = 0; i < data.length; i++) {
    if (data instanceof BigInt64Array) {
      const element = value.at(i)
      list[i] = typeof element === 'bigint' ? element.toString() : (element as number)
    } else if (dtype === 'bool') list[i] = data[i] !== 0
    else {
      const element = isComplex(dtype) ? data[i]! : (value.at(i) as number)
      list[i] = numberToJson(dtype === 'float32' || dtype === 'complex64' ? shortestFloat32(element) : element)
    }
  }
  return { dtype, shape: [...value.shape], data: list, ...(value.lod === undefined ? {} : { lod: value.lod }) }
}

/**
 * A value from its JSON form.
 * @throws InvalidArgumentError E510 with the JSON pointer of the member that is wrong.
 */
export function valueFromJSON(json: unknown, pointer = ''): Value {
  const object = expectObject(json, pointer)
  if (Object.hasOwn(object, 'selected_rows')) {
    const inner = expectObject(object['selected_rows'], `${pointer}/selected_rows`)
    const height = inner['height']
    const rows = inner['rows']
    if (!Number.isSafeInteger(height) || (height as number) < 0) {
      throw wrong(`${pointer}/selected_rows/height`, 'a number of rows', height)
    }
    if (!Array.isArray(rows) || !rows.every((row) => Number.isSafeInteger(row))) {
      throw wrong(`${pointer}/selected_rows/rows`, 'a list of row numbers', rows)
    }
    const value = tensorFromJson(inner['value'], `${pointer}/selected_rows/value`)
    return placed(pointer, () => new SelectedRows(rows as number[], height as number, value))
  }
  if (Object.hasOwn(object, 'tensor_array')) {
    const items = object['tensor_array']
    if (!Array.isArray(items)) throw wrong(`${pointer}/tensor_array`, 'a list of tensors', items)
    return new TensorArray(items.map((item, i) => tensorFromJson(item, `${pointer}/tensor_array/${i}`)))
  }
  return tensorFromJson(object, pointer)
}

/** A dense tensor from its JSON form. @throws InvalidArgumentError E510. */
export function tensorFromJson(json: unknown, pointer = ''): Tensor {
  const object = expectObject(json, pointer)
  const dtype = object['dtype']
  if (!isDType(dtype)) throw wrong(`${pointer}/dtype`, 'the name of an element type', dtype)
  const shape = object['shape']
  if (
    !Array.isArray(shape) ||
    shape.length > MAX_RANK ||
    !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)
  ) {
    throw wrong(`${pointer}/shape`, `a list of at most ${MAX_RANK} dimensions of 0 or more`, shape)
  }
  const count = placed(`${pointer}/shape`, () => numel(shape as number[]))
  const lod = object['lod']
  if (
    lod !== undefined &&
    !(Array.isArray(lod) && lod.every((level) => Array.isArray(level) && level.every(Number.isInteger)))
  ) {
    throw wrong(`${pointer}/lod`, 'a list of lists of offsets', lod)
  }
  const values = object['data']
  const base64 = object['base64']
  if ((values === undefined) === (base64 === undefined)) {
    throw wrong(pointer, 'exactly one of `data` and `base64`', values === undefined ? 'neither' : 'both')
  }
  const stored = count * (isComplex(dtype) ? 2 : 1)
  if (base64 !== undefined) {
    if (typeof base64 !== 'string') throw wrong(`${pointer}/base64`, 'text', base64)
    const bytes = decodeBase64(base64)
    const wanted = count * byteSize(dtype)
    if (bytes === undefined) throw wrong(`${pointer}/base64`, 'base64 text', base64.slice(0, 40))
    if (bytes.length !== wanted) throw wrong(`${pointer}/base64`, `${wanted} bytes`, `${bytes.length} bytes`)
    if (dtype === 'bool' && bytes.some((byte) => byte > 1))
      throw wrong(`${pointer}/base64`, 'bytes of 0 and 1', base64.slice(0, 40))
    const buffer = new ArrayBuffer(wanted)
    new Uint8Array(buffer).set(bytes)
    return new Tensor(dtype, shape as number[], makeView(dtype, buffer, 0, count), lod as number[][] | undefined)
  }
  if (!Array.isArray(values)) throw wrong(`${pointer}/data`, 'a list of numbers', values)
  if (values.length !== stored) {
    throw wrong(
      `${pointer}/data`,
      `${stored} values for shape ${formatShape(shape as number[])}`,
      `${values.length} values`,
    )
  }
  const data = allocate(dtype, count)
  for (let i = 0; i < stored; i++) {
    let value: unknown = values[i]
    if (typeof value === 'string') {
      value = dtype === 'int64' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : (numberFromJson(value) ?? value)
    } else if (typeof value === 'bigint' && dtype !== 'int64') value = numberFromJson(value) ?? value
    placed(`${pointer}/data/${i}`, () => writeElement(dtype, data, i, value))
  }
  return new Tensor(dtype, shape as number[], data, lod as number[][] | undefined)
}

function expectObject(json: unknown, pointer: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong(pointer, 'an object', json)
  return json as Record<string, unknown>
}

function wrong(pointer: string, expected: string, got: unknown): InvalidArgumentError {
  const text = typeof got === 'string' ? got : (JSON.stringify(got) ?? String(got))
  const short = text.length > 80 ? `${text.slice(0, 77)}…` : text
  return new InvalidArgumentError('E510', `a tensor in JSON needs ${expected}, got ${short}`, {
    where: { pointer },
    expected,
    got: short,
  })
}

function placed<T>(pointer: string, body: () => T): T {
  try {
    return body()
  } catch (error) {
    if (error instanceof EnforceError) throw error.at({ pointer })
    throw error
  }
}

/** Bits that no byte takes must be 0: each array has one text. */
function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  if (text.endsWith('=') && !/(?:[AQgw]==|[AEIMQUYcgkosw048]=)$/.test(text.slice(-4))) return undefined
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
