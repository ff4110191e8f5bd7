/**
 * Whether what was read of a damaged file is what the file says, decided without the readers under test: by a second look at the bytes
 * (JSON.parse, a walk over protobuf fields, the header of an array), or by writing it again.
 */
import type { Program } from '../../src/framework/program.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import type { Value } from '../../src/tensor/tensor.ts'
import type { Judge } from './damage.ts'

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** Writing gives the file as it was read, or the good one: then only what has no meaning was changed. */
export function rewrites<T>(good: Uint8Array, write: (result: T) => Uint8Array): Judge<T> {
  return (result, bytes) => {
    const again = write(result)
    if (equalBytes(again, bytes) || equalBytes(again, good)) return undefined
    const at = bytes.findIndex((byte, i) => byte !== again[i])
    return `written again it differs at byte ${at}: ${bytes[at]} became ${again[at]} (of ${bytes.length} bytes, ${again.length})`
  }
}

/** Fields that are messages, by message. */
const MESSAGES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  Program: { 1: 'Block', 4: 'Version', 5: 'OpVersionMap' },
  Version: {},
  OpVersionMap: { 1: 'OpVersionPair' },
  OpVersionPair: { 2: 'OpVersion' },
  OpVersion: {},
  Block: { 3: 'Var', 4: 'Op' },
  Var: { 2: 'Type', 7: 'Attr' },
  Type: { 2: 'Tensor', 3: 'LoD', 4: 'LoD', 5: 'Reader', 7: 'Tuple' },
  Tensor: {},
  LoD: { 1: 'Tensor' },
  Reader: { 1: 'LoD' },
  Tuple: {},
  Op: { 1: 'Slot', 2: 'Slot', 4: 'Attr' },
  Slot: {},
  Attr: { 17: 'VarRef', 20: 'Scalar', 21: 'Scalar' },
  VarRef: {},
  Scalar: { 5: 'Complex' },
  Complex: {},
}

/** The fields of a message, in the order of their numbers: [number, wire type, value]. */
function fieldsOf(bytes: Uint8Array, message: string): unknown[] {
  const found: [number, number, unknown][] = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const [field, wire] = [tag >> 3, tag & 7]
    if (wire === 0) found.push([field, wire, varint()])
    else {
      const size = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint())
      const part = bytes.subarray(at, at + size)
      at += size
      const inner = MESSAGES[message]![field]
      found.push([field, wire, inner === undefined || wire !== 2 ? Buffer.from(part).toString('hex') : fieldsOf(part, inner)])
    }
  }
  return found.sort(([a], [b]) => a - b)
}

const text = (value: unknown): string => JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))

/** A program of a changed ProgramDesc has every field of it, with the same values. */
export const sameFields: Judge<Program> = (program, bytes) => {
  const [was, is] = [bytes, program.toProto()].map((all) => text(fieldsOf(all!, 'Program')))
  return was === is ? undefined : `${was}\n became ${is}`
}

/** A program of a changed JSON text says what the text says. */
export const sameJson: Judge<Program> = (program, bytes) => {
  const [was, is] = [JSON.parse(new TextDecoder().decode(bytes)) as unknown, program.toJSON()].map((all) => text(sorted(all)))
  return was === is ? undefined : `${was}\n became ${is}`
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  )
}

/** Name, type, shape and bits of every value. */
export const bitsOf = (values: ReadonlyMap<string, Value>): string =>
  text(
    [...values].map(([name, value]) =>
      value instanceof Tensor
        ? [name, value.dtype, value.shape, Buffer.from(value.data.buffer, value.data.byteOffset, value.data.byteLength).toString('hex'), value.lod]
        : [name, value.toJSON()],
    ),
  )

/** Nothing but the good values, however the file was changed. */
export const sameValues =
  (good: ReadonlyMap<string, Value>): Judge<ReadonlyMap<string, Value>> =>
  (values) =>
    bitsOf(values) === bitsOf(good) ? undefined : `${bitsOf(values)} instead of ${bitsOf(good)}`

/** What the header of a safetensors file says, and its bytes. */
export const sameHeader: Judge<ReadonlyMap<string, Value>> = (values, bytes) => {
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  const types: Readonly<Record<string, string>> = { F32: 'float32', I32: 'int32', F16: 'float16', I16: 'int16', BOOL: 'bool', U8: 'uint8', I8: 'int8', F64: 'float64', I64: 'int64', BF16: 'bfloat16' }
  const told = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1])
    .map(([name, { dtype, shape, data_offsets: [start, end] }]) =>
      text([name, types[dtype], shape, Buffer.from(bytes.subarray(8 + size + start, 8 + size + end)).toString('hex')]),
    )
  const is = JSON.parse(bitsOf(values)) as [string, string, number[], string][]
  const found = is.map(([name, dtype, shape, data]) => text([name, dtype, shape, data]))
  return text(found.sort()) === text(told.sort()) ? undefined : `${text(told)} became ${text(found)}`
}

/** What the header of a .npy file says, and its bytes. */
export const sameArray: Judge<Tensor> = (tensor, bytes) => {
  const header = Buffer.from(bytes.subarray(10, bytes.length - tensor.byteLength)).toString('latin1')
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1]
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(header)?.[1]
  const types: Readonly<Record<string, string>> = { '<f4': 'float32', '<i4': 'int32', '=f4': 'float32', '=i4': 'int32', '<u2': 'bfloat16', '<f2': 'float16', '<i2': 'int16' }
  const told = text([types[descr ?? ''], shape?.split(',').filter((dim) => dim.trim() !== '').map(Number)])
  if (told !== text([tensor.dtype, tensor.shape])) return `${header} became ${tensor.dtype} ${tensor.shape}`
  const data = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.byteLength)
  const column = /'fortran_order'\s*:\s*True/.test(header) && tensor.shape.length > 1
  return column || equalBytes(data, bytes.subarray(bytes.length - tensor.byteLength)) ? undefined : 'other bytes'
}
