/**
 * framework.proto as tables: which field of OpDesc.Attr holds the value of which type of attribute, and which field of VarType describes
 * which type of variable. Reading is in `program_desc_reader.ts`, writing in `program_desc_writer.ts`.
 * Source: paddle/fluid/framework/framework.proto (2.6.2).
 */
import type { AttrType } from './attr_value.ts'
import { ATTR_TYPES, VAR_TYPES } from './program_schema.ts'
import type { VarType } from './variable.ts'
import { WireType } from './wire_format.ts'

/** Field of OpDesc.Attr that holds the value. */
export const ATTR_FIELDS: Readonly<Record<AttrType, number>> = {
  INT: 3,
  FLOAT: 4,
  STRING: 5,
  INTS: 6,
  FLOATS: 7,
  STRINGS: 8,
  BOOLEAN: 10,
  BOOLEANS: 11,
  BLOCK: 12,
  LONG: 13,
  BLOCKS: 14,
  LONGS: 15,
  FLOAT64S: 16,
  VAR: 17,
  VARS: 18,
  FLOAT64: 19,
  SCALAR: 20,
  SCALARS: 21,
}

/** The type of attribute whose value a field holds. */
export const ATTR_TYPE_BY_FIELD: ReadonlyMap<number, AttrType> = new Map(
  ATTR_TYPES.map((type) => [ATTR_FIELDS[type], type]),
)

/** Lists may be empty, so their field may be absent. */
export const isListAttr = (type: AttrType): boolean => type.endsWith('S')

/** The type of the elements of a list. */
export const elementOf = (listType: AttrType): AttrType => listType.slice(0, -1) as AttrType

/** How a value that is no list is written. */
export const wireTypeOf = (type: AttrType): WireType =>
  type === 'FLOAT'
    ? WireType.Bit32
    : type === 'FLOAT64'
      ? WireType.Bit64
      : /^(STRING|VAR|SCALAR)$/.test(type)
        ? WireType.LengthDelimited
        : WireType.Varint

/** Field of VarType that describes the tensor of a variable, for the types that have element type and shape here. */
export const TENSOR_FIELDS: Readonly<Partial<Record<VarType, number>>> = {
  SELECTED_ROWS: 2,
  LOD_TENSOR: 3,
  LOD_TENSOR_ARRAY: 4,
}

/** Flags of VarDesc: their fields, their names in files, which are those of the fields, and here. */
export const VAR_FLAGS = [
  { field: 3, name: 'persistable', member: 'persistable' },
  { field: 4, name: 'need_check_feed', member: 'needCheckFeed' },
  { field: 5, name: 'is_parameter', member: 'isParameter' },
  { field: 6, name: 'stop_gradient', member: 'stopGradient' },
] as const

/** Fields of VarType that are descriptions of some type. */
export const isDescriptionField = (field: number): boolean => field >= 2 && field <= 12 && field !== 6

export const VAR_TYPE_BY_NUMBER: ReadonlyMap<number, VarType> = new Map(
  Object.entries(VAR_TYPES).map(([name, number]) => [number, name as VarType]),
)

/** Scalar.Type, and the field of Scalar that holds the value. */
export const SCALAR_FIELDS = {
  BOOLEAN: { type: 1, field: 2 },
  LONG: { type: 2, field: 3 },
  FLOAT64: { type: 3, field: 4 },
  COMPLEX128: { type: 4, field: 5 },
} as const

/** Names in the order of their UTF-8 bytes, which is that of std::map<std::string, …> and of Python. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates stand for characters beyond all others.
    const xHigh = x >= 0xd800 && x <= 0xdfff
    const yHigh = y >= 0xd800 && y <= 0xdfff
    return xHigh === yHigh ? x - y : xHigh ? 1 : -1
  }
  return a.length - b.length
}
