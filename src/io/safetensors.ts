/**
 * safetensors files: the length of a header, the header as JSON, then the elements of all tensors without gaps.
 * Source: huggingface/safetensors README.md and safetensors/src/tensor.rs.
 */
import { EnforceError, InvalidArgumentError, ResourceExhaustedError } from '../errors.ts'
import { parseJsonText } from '../framework/json_text.ts'
import { type Limits, withLimits } from '../framework/limits.ts'
import { byteSize, type DType } from '../tensor/dtype.ts'
import { formatShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { ByteReader, ByteWriter, countOf, dataBytes, notHeld, tensorFromBytes } from './bytes.ts'

/** The reference implementation reads no longer headers either. */
const MAX_HEADER = 100_000_000

const BY_NAME: Readonly<Record<string, DType>> = {
  BOOL: 'bool',
  U8: 'uint8',
  I8: 'int8',
  I16: 'int16',
  I32: 'int32',
  I64: 'int64',
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
  C64: 'complex64',
}
const NAMES = new Map(Object.entries(BY_NAME).map(([name, dtype]) => [dtype, name]))

export interface SafetensorsOptions {
  /** Named in errors. */
  readonly file?: string
  readonly limits?: Partial<Limits>
}

export interface SafetensorsFile {
  /** In the order of their elements. */
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly metadata?: Readonly<Record<string, string>>
}

const damaged = (what: string, offset = 0): InvalidArgumentError =>
  new InvalidArgumentError('E535', `a safetensors file is damaged: ${what}`, { where: { offset } })

/**
 * The tensors of a file.
 * @throws InvalidArgumentError E535 for a header that contradicts itself or the file, E501 to E503 for one that is no JSON;
 * UnimplementedError E513 for element types that are not held here; ResourceExhaustedError E604, E605.
 */
export function readSafetensors(bytes: Uint8Array, options: SafetensorsOptions = {}): SafetensorsFile {
  try {
    return read(bytes, withLimits(options.limits))
  } catch (error) {
    if (error instanceof EnforceError && options.file !== undefined) throw error.at({ file: options.file })
    throw error
  }
}

interface Entry {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

function read(bytes: Uint8Array, limits: Limits): SafetensorsFile {
  const reader = new ByteReader(bytes, damaged)
  const length = reader.u64('the length of the header')
  if (length > MAX_HEADER) {
    throw new ResourceExhaustedError('E605', `a header of ${length} bytes is beyond the limit of ${MAX_HEADER}`, {
      expected: `at most ${MAX_HEADER} bytes`,
      got: length,
    })
  }
  const header = reader.slice(length, 'the header')
  if (header[0] !== 0x7b) throw damaged('its header does not begin with {', 8)
  const { value } = parseJsonText(header, { limits: { programBytes: MAX_HEADER } })
  const body = bytes.subarray(reader.pos)
  let metadata: Record<string, string> | undefined
  const entries: Entry[] = []
  for (const [name, member] of Object.entries(value as Record<string, unknown>)) {
    if (name === '__metadata__') metadata = metadataOf(member)
    else entries.push(entryOf(name, member, limits))
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let taken = 0
  for (const { name, begin, end } of entries) {
    if (begin !== taken) throw damaged(`"${name}" begins at ${begin}, but ${taken} bytes are taken`, reader.pos)
    taken = end
  }
  if (taken !== body.length) throw damaged(`its tensors fill ${taken} bytes, but there are ${body.length}`, reader.pos)
  const tensors = new Map<string, Tensor>()
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, tensorFromBytes(dtype, shape, body.subarray(begin, end)))
  }
  return { tensors, ...(metadata === undefined ? {} : { metadata }) }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function metadataOf(value: unknown): Record<string, string> {
  if (isObject(value) && Object.values(value).every((text) => typeof text === 'string')) {
    return value as Record<string, string>
  }
  throw damaged('__metadata__ must be texts by name', 8)
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function entryOf(name: string, value: unknown, limits: Limits): Entry {
  const fault = (what: string): InvalidArgumentError => damaged(`"${name}" ${what}`, 8)
  if (!isObject(value)) throw fault('is no object')
  const { dtype: type, shape, data_offsets: offsets } = value
  if (typeof type !== 'string') throw fault('has no dtype')
  const dtype = Object.hasOwn(BY_NAME, type) ? BY_NAME[type] : undefined
  if (dtype === undefined) {
    if (!/^[A-Z][A-Z0-9_]{1,12}$/.test(type)) throw fault(`has the dtype ${JSON.stringify(type)}`)
    throw notHeld(`${type} ("${name}")`, { offset: 8 })
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) throw fault('has no shape of whole numbers')
  if (shape.length > limits.rank) throw fault(`has ${shape.length} dimensions`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) throw fault('has no data_offsets')
  const [begin, end] = offsets as [number, number]
  const wanted = countOf(shape, limits.tensorElements, { offset: 8 }) * byteSize(dtype)
  if (end - begin !== wanted) {
    throw fault(`is ${dtype}${formatShape(shape)} of ${wanted} bytes, but takes ${end - begin}`)
  }
  return { name, dtype, shape, begin, end }
}

/**
 * The bytes of a file: tensors by falling element size, then by name, so that each begins at a multiple of it.
 * @throws InvalidArgumentError E535 for a name that is taken, UnimplementedError E513 for complex128.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const order = [...tensors].sort(
    ([a, x], [b, y]) => byteSize(y.dtype) - byteSize(x.dtype) || (a < b ? -1 : a > b ? 1 : 0),
  )
  const entries: [string, unknown][] = metadata === undefined ? [] : [['__metadata__', metadata]]
  let at = 0
  for (const [name, { dtype, shape, byteLength }] of order) {
    if (name === '__metadata__' || name === '__proto__') throw damaged(`a tensor cannot have the name "${name}"`)
    const type = NAMES.get(dtype)
    if (type === undefined) throw notHeld(`${dtype} in safetensors files`)
    entries.push([name, { dtype: type, shape, data_offsets: [at, at + byteLength] }])
    at += byteLength
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const header = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20)
  header.set(text)
  const to = new ByteWriter().u64(header.length).raw(header)
  for (const [, tensor] of order) to.raw(dataBytes(tensor))
  return to.finish()
}
