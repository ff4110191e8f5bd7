/** The attributes of an OpDesc, and what reading them shares with the rest of a ProgramDesc: names, limits and missing parts. */
import { type InvalidArgumentError, ResourceExhaustedError } from '../errors.ts'
import { numberToJson } from '../tensor/tensor_json.ts'
import { type AttrType, SCALAR_KINDS } from './attr_value.ts'
import type { Limits } from './limits.ts'
import { ATTR_TYPE_BY_FIELD, elementOf, isListAttr, wireTypeOf } from './program_desc.ts'
import type { AttrJson, ScalarJson } from './program_json.ts'
import { ATTR_TYPES } from './program_schema.ts'
import type { UnknownFields } from './wire_notes.ts'
import { nonsense, type WireReader } from './wire_reader.ts'

/** An attribute while it is read: its value may stand before its type. */
interface AttrDesc {
  name?: string
  type?: number
  /** The field that held the value; there must be one at most, and it must be the type's. */
  field?: number
  value?: unknown
}

/**
 * An attribute in its JSON form.
 * @throws InvalidArgumentError E528 for a type that is not known, for a value of another type, for two values and for none.
 */
export function readAttr(
  reader: WireReader,
  limits: Limits,
  unknown: UnknownFields,
): { name: string; type: AttrType; value: AttrJson } {
  const { start } = reader
  const found: AttrDesc = {}
  const rest: Uint8Array[] = []
  reader.message(() =>
    reader.fields(
      (field) => {
        if (field === 1) found.name = readName(reader, limits, 'an attribute')
        else if (field === 2) found.type = reader.int32()
        else {
          const type = ATTR_TYPE_BY_FIELD.get(field)
          if (type === undefined) return false
          if (found.field !== undefined && found.field !== field) {
            throw nonsense(`attribute "${found.name ?? '?'}" has values of two types`, reader.start)
          }
          found.field = field
          found.value = readValue(reader, limits, type, found.value)
        }
        return true
      },
      (bytes) => rest.push(bytes),
    ),
  )
  const { name, type: number, field } = found
  if (name === undefined) throw missing('an attribute', 'name', start)
  if (number === undefined) throw missing(`attribute "${name}"`, 'type', start)
  const type = ATTR_TYPES[number]
  if (type === undefined) {
    throw nonsense(`attribute "${name}" has the type ${number}, which is not known`, start, '0 to 17', number)
  }
  const holds = field === undefined ? undefined : ATTR_TYPE_BY_FIELD.get(field)
  if (holds !== type && (holds !== undefined || !isListAttr(type))) {
    const got = holds === undefined ? 'no value' : `a value of type ${holds}`
    throw nonsense(`attribute "${name}" is a ${type} but has ${got}`, start, type, holds ?? 'none')
  }
  for (const bytes of rest) unknown.add(`attrs/${name}`, bytes)
  return { name, type, value: (found.value ?? []) as AttrJson }
}

/** The value in the current field; elements of lists are added to `before`. */
function readValue(reader: WireReader, limits: Limits, type: AttrType, before: unknown): AttrJson {
  if (!isListAttr(type)) return readOne(reader, type)
  const list = (before ?? []) as AttrJson[]
  const element = elementOf(type)
  reader.repeated(wireTypeOf(element), () => {
    list.push(readOne(reader, element))
    within(reader, limits, 'valueList', list.length, 'elements of an attribute')
  })
  return list as AttrJson
}

function readOne(reader: WireReader, type: AttrType): AttrJson {
  switch (type) {
    case 'INT':
    case 'BLOCK':
      return reader.int32()
    case 'FLOAT':
      return numberToJson(reader.float())
    case 'FLOAT64':
      return numberToJson(reader.double())
    case 'BOOLEAN':
      return reader.bool()
    case 'LONG':
      return longToJson(reader.int64())
    case 'SCALAR':
      return readScalar(reader)
    default:
      return reader.string()
  }
}

function readScalar(reader: WireReader): ScalarJson {
  const { start } = reader
  const values: Record<number, ScalarJson['value']> = {}
  let type: number | undefined
  reader.message(() =>
    reader.fields(
      (field) => {
        if (field === 1) type = reader.int32()
        else if (field === 2) values[1] = reader.bool()
        else if (field === 3) values[2] = longToJson(reader.int64())
        else if (field === 4) values[3] = numberToJson(reader.double())
        else if (field === 5) values[4] = readComplex(reader)
        else return false
        return true
      },
      () => {
        throw nonsense('a scalar has a field that is not known', reader.start)
      },
    ),
  )
  const kind = SCALAR_KINDS[(type ?? 0) - 1]
  const value = values[type ?? 0]
  if (kind === undefined || value === undefined || Object.keys(values).length !== 1) {
    throw nonsense('a scalar must have one value, of its type', start, 'a type from 1 to 4 and its value', type)
  }
  return { scalar: kind, value }
}

function readComplex(reader: WireReader): (number | string)[] {
  const { start } = reader
  const parts: (number | string)[] = []
  reader.message(() =>
    reader.fields(
      (field) => {
        if (field !== 1 && field !== 2) return false
        parts[field - 1] = numberToJson(reader.double())
        return true
      },
      () => {
        throw nonsense('a complex number has a field that is not known', reader.start)
      },
    ),
  )
  if (parts[0] === undefined || parts[1] === undefined) throw missing('a complex number', 'part', start)
  return parts
}

/** A name: without the character NUL, and not the one that no map of JavaScript can hold. */
export function readName(reader: WireReader, limits: Limits, what: string): string {
  const { start } = reader
  const name = reader.string()
  within(reader, limits, 'nameLength', name.length, 'characters of a name')
  if (name === '__proto__' || name.includes('\0')) {
    throw nonsense(`the name of ${what} cannot be ${JSON.stringify(name)}`, start, 'another name', name)
  }
  return name
}

/** @throws ResourceExhaustedError E603 if `count` is beyond a limit. */
export function within(reader: WireReader, limits: Limits, limit: keyof Limits, count: number, what: string): void {
  const most = limits[limit]
  if (count <= most) return
  throw new ResourceExhaustedError('E603', `${what}: at most ${most}, got ${count}`, {
    where: { offset: reader.start },
    expected: `at most ${most}`,
    got: count,
    hint: `raise the limit \`${limit}\``,
  })
}

export const missing = (what: string, part: string, offset: number): InvalidArgumentError =>
  nonsense(`${what} has no ${part}`, offset, part)

const longToJson = (value: number | bigint): number | string => (typeof value === 'bigint' ? value.toString() : value)
