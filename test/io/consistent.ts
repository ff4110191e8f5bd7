/**
 * Whether what was read of a damaged file is what the file says, decided without the readers under test: by a second look at the bytes
 * (JSON.parse, a walk over protobuf fields, the header of an array), or by writing it again.
 */
import type { Program } from '../../src/framework/program.ts'
import type { Value } from '../../src/tensor/tensor.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
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

/** As `rewrites`; or the result is what writing and reading it again gives, for files whose values have several forms. */
export function rewritesOrAgrees<T>(
  good: Uint8Array,
  write: (result: T) => Uint8Array,
  read: (bytes: Uint8Array) => T,
  textOf: (result: T) => string,
): Judge<T> {
  const exact = rewrites(good, write)
  return (result, bytes) => {
    const fault = exact(result, bytes)
    return fault === undefined || textOf(read(write(result))) === textOf(result) ? undefined : fault
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
  Attr: { 20: 'Scalar', 21: 'Scalar' },
  Scalar: { 5: 'Complex' },
  Complex: {},
}

/** Fields that are true or false: protobuf takes any number but 0 for true. */
const FLAGS: Readonly<Record<string, readonly number[]>> = { Var: [3, 4, 5, 6], Attr: [10, 11], Scalar: [2] }

/** Fields that may stand more than once; of all others protobuf takes the last. */
const LISTS: Readonly<Record<string, readonly number[]>> = {
  Program: [1],
  OpVersionMap: [1],
  Block: [3, 4],
  Var: [7],
  Tensor: [2],
  Reader: [1],
  Op: [1, 2, 4],
  Slot: [2],
  Attr: [6, 7, 8, 11, 14, 15, 16, 18, 21],
}
/** Lists of whole numbers, which may be packed. */
const PACKED: Readonly<Record<string, readonly number[]>> = { Tensor: [2], Attr: [6, 11, 14, 15] }

/** The fields of a message, in the order of their numbers: [number, wire type, value]. */
export function fieldsOf(bytes: Uint8Array, message: string): [number, number, unknown][] {
  const found: [number, number, unknown][] = []
  const merged = new Map<number, Uint8Array[]>()
  let at = 0
  const varint = (): bigint => {
    const start = at
    while (bytes[at]! >= 128) at++
    return [...varints(bytes.subarray(start, ++at))][0]!
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const [field, wire] = [tag >> 3, tag & 7]
    if (wire === 0)
      found.push([field, wire, FLAGS[message]?.includes(field) === true ? (varint() === 0n ? 0n : 1n) : varint()])
    else {
      const size = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint())
      const part = bytes.subarray(at, at + size)
      at += size
      const inner = MESSAGES[message]![field]
      if (wire === 2 && PACKED[message]?.includes(field) === true) {
        for (const value of varints(part)) found.push([field, 0, value])
      } else if (inner === undefined || wire !== 2) found.push([field, wire, Buffer.from(part).toString('hex')])
      else if (LISTS[message]?.includes(field) === true) found.push([field, wire, fieldsOf(part, inner)])
      else {
        // A message that may stand once, and stands twice, has the fields of both.
        const parts = (merged.get(field) ?? []).concat(part)
        merged.set(field, parts)
        found.push([field, wire, fieldsOf(new Uint8Array(Buffer.concat(parts)), inner)])
      }
    }
  }
  const lists = LISTS[message] ?? []
  // A version that is not given is 0.
  if (message === 'Version' && !found.some(([field]) => field === 1)) found.push([1, 0, 0n])
  const kept = found.filter(
    ([field], i) => lists.includes(field) || !found.slice(i + 1).some(([later]) => later === field),
  )
  return (message === 'Op' ? mergedSlots(kept) : kept).sort(([a], [b]) => a - b)
}

function* varints(bytes: Uint8Array): Generator<bigint> {
  for (let at = 0, value = 0n, shift = 0n; at < bytes.length; at++) {
    value |= BigInt(bytes[at]! & 127) << shift
    shift += 7n
    if (bytes[at]! < 128) {
      yield BigInt.asUintN(64, value)
      value = 0n
      shift = 0n
    }
  }
}

/** Slots by name: Paddle puts the names of equal ones together, and sorts them. */
function mergedSlots(fields: readonly [number, number, unknown][]): [number, number, unknown][] {
  const slots = new Map<string, [number, number, unknown][]>()
  const others: [number, number, unknown][] = []
  for (const field of fields) {
    if (field[0] > 2) others.push(field)
    else {
      const parts = field[2] as [number, number, unknown][]
      const name = `${field[0]} ${String(parts.find(([part]) => part === 1)?.[2])}`
      const known = slots.get(name)
      slots.set(name, known === undefined ? parts : [...known, ...parts.filter(([part]) => part !== 1)])
    }
  }
  const sorted = [...slots].sort(([a], [b]) => (a < b ? -1 : 1))
  return [...sorted.map(([name, parts]): [number, number, unknown] => [Number(name[0]), 2, parts]), ...others]
}

const text = (value: unknown): string => JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))

/** Where two texts part. */
function difference(was: string, is: string): string {
  let at = 0
  while (at < was.length && was[at] === is[at]) at++
  const from = Math.max(0, at - 40)
  return `${was.slice(from, at + 60)} became ${is.slice(from, at + 60)}`
}

/** A program of a changed ProgramDesc has every field of it, with the same values. */
export const sameFields: Judge<Program> = (program, bytes) => {
  const [was, is] = [bytes, program.toProto()].map((all) => text(fieldsOf(all!, 'Program')))
  return was === is ? undefined : difference(was!, is!)
}

/** A program of a changed JSON text says all that the text says; it may say more, such as the types of attributes that nobody declared. */
export const sameJson: Judge<Program> = (program, bytes) =>
  lacking(JSON.parse(new TextDecoder().decode(bytes)) as unknown, program.toJSON(), '')

function lacking(told: unknown, is: unknown, path: string): string | undefined {
  if (typeof told !== 'object' || told === null) {
    return Object.is(told, is) ? undefined : `${path}: ${text(told)} became ${text(is)}`
  }
  if (typeof is !== 'object' || is === null) return `${path}: ${text(told)} became ${text(is)}`
  if (Array.isArray(told) && told.length !== (is as unknown[]).length)
    return `${path}: ${text(told)} became ${text(is)}`
  for (const [key, value] of Object.entries(told)) {
    // A shape of no dimensions is what a variable without one has.
    if (Array.isArray(value) && value.length === 0 && !Object.hasOwn(is, key)) continue
    if (!Object.hasOwn(is, key)) return `${path}/${key} is gone`
    const fault = lacking(value, (is as Record<string, unknown>)[key], `${path}/${key}`)
    if (fault !== undefined) return fault
  }
  return undefined
}

/** Name, type, shape and bits of every value. */
export const bitsOf = (values: ReadonlyMap<string, Value>): string =>
  text(
    [...values].map(([name, value]) =>
      value instanceof Tensor
        ? [
            name,
            value.dtype,
            value.shape,
            Buffer.from(value.data.buffer, value.data.byteOffset, value.data.byteLength).toString('hex'),
            value.lod,
          ]
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
  const types: Readonly<Record<string, string>> = {
    F32: 'float32',
    I32: 'int32',
    F16: 'float16',
    I16: 'int16',
    BOOL: 'bool',
    U8: 'uint8',
    I8: 'int8',
    F64: 'float64',
    I64: 'int64',
    BF16: 'bfloat16',
  }
  const told = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1])
    .map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [start, end],
        },
      ]) =>
        text([
          name,
          types[dtype],
          shape,
          Buffer.from(bytes.subarray(8 + size + start, 8 + size + end)).toString('hex'),
        ]),
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
  const types: Readonly<Record<string, string>> = {
    '<f4': 'float32',
    '|f4': 'float32',
    '<i4': 'int32',
    '=f4': 'float32',
    '=i4': 'int32',
    '<u2': 'bfloat16',
    '<f2': 'float16',
    '<i2': 'int16',
  }
  const told = text([
    types[descr ?? ''],
    shape
      ?.split(',')
      .filter((dim) => dim.trim() !== '')
      .map(Number),
  ])
  if (told !== text([tensor.dtype, tensor.shape])) return `${header} became ${tensor.dtype} ${tensor.shape}`
  const data = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.byteLength)
  const column = /'fortran_order'\s*:\s*True/.test(header) && tensor.shape.length > 1
  return column || equalBytes(data, bytes.subarray(bytes.length - tensor.byteLength)) ? undefined : 'other bytes'
}
