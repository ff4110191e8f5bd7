/**
 * What attributes of operators hold, by Paddle's type: a FLOAT is the float32 nearest to what was given, a LONG a number where exact, else a
 * bigint. How definitions declare attributes is in `attr.ts`.
 */
import { type DType, dtypeFromProto, isDType } from '../tensor/dtype.ts'
import { numberFromJson } from '../tensor/tensor_json.ts'

/** framework.proto's AttrType. */
export type AttrType =
  | 'INT'
  | 'FLOAT'
  | 'STRING'
  | 'INTS'
  | 'FLOATS'
  | 'STRINGS'
  | 'BOOLEAN'
  | 'BOOLEANS'
  | 'BLOCK'
  | 'LONG'
  | 'BLOCKS'
  | 'LONGS'
  | 'FLOAT64S'
  | 'VAR'
  | 'VARS'
  | 'FLOAT64'
  | 'SCALAR'
  | 'SCALARS'

/** A SCALAR attribute as program files hold it. */
export interface ScalarValue {
  readonly scalar: 'BOOLEAN' | 'LONG' | 'FLOAT64' | 'COMPLEX128'
  readonly value: number | string | boolean | bigint | readonly number[]
}

/** What an operator holds for an attribute. */
export type AttrValue =
  | number
  | bigint
  | string
  | boolean
  | readonly number[]
  | readonly (number | bigint)[]
  | readonly string[]
  | readonly boolean[]
  | ScalarValue
  | readonly ScalarValue[]

export interface Attr<T = unknown, Required extends boolean = boolean> {
  readonly type: AttrType
  readonly required: Required
  readonly default: T | undefined
  readonly doc: string
  readonly extra: boolean
  /** Set for attributes that mean an element type: a name in code and files, the number of VarType.Type in a ProgramDesc. */
  readonly meaning?: 'dtype'
  /** The value as operators hold it, or what is wanted instead. */
  readonly parse: (value: unknown) => { readonly value: T } | { readonly wanted: string }
}

export type Parse<T> = Attr<T>['parse']

const INT_MIN = -2147483648
const INT_MAX = 2147483647
const isInt32 = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= INT_MIN && (value as number) <= INT_MAX

export const parseInt32: Parse<number> = (value) =>
  isInt32(value) ? { value: value === 0 ? 0 : value } : { wanted: 'a 32-bit whole number' }

function toLong(value: unknown): number | bigint | undefined {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? (value === 0 ? 0 : value) : undefined
  }
  let big: bigint
  if (typeof value === 'bigint') big = value
  else if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) big = BigInt(value)
  else return undefined
  if (BigInt.asIntN(64, big) !== big) return undefined
  return big >= -9007199254740991n && big <= 9007199254740991n ? Number(big) : big
}
export const parseLong: Parse<number | bigint> = (value) => {
  const long = toLong(value)
  return long === undefined ? { wanted: 'a 64-bit whole number' } : { value: long }
}

function toFloat(value: unknown, round: boolean): number | undefined {
  const number = numberFromJson(value)
  if (number === undefined) return undefined
  const held = round ? Math.fround(number) : number
  if (held === 0 && number !== 0) return undefined
  return Number.isFinite(number) && !Number.isFinite(held) ? undefined : held
}
export const parseFloat32: Parse<number> = (value) => {
  const float = toFloat(value, true)
  return float === undefined ? { wanted: 'a number within float32' } : { value: float }
}
export const parseFloat64: Parse<number> = (value) => {
  const float = toFloat(value, false)
  return float === undefined ? { wanted: 'a number' } : { value: float }
}
export const parseBool: Parse<boolean> = (value) =>
  typeof value === 'boolean'
    ? { value }
    : value === 0 || value === 1
      ? { value: value === 1 }
      : { wanted: 'true or false' }
export const parseString: Parse<string> = (value) => (typeof value === 'string' ? { value } : { wanted: 'text' })

export function parseList<T>(one: Parse<T>, what: string): Parse<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && !(value instanceof DataView))) {
      return { wanted: `a list of ${what}` }
    }
    const source = value as ArrayLike<unknown>
    const list: T[] = new Array(source.length)
    for (let i = 0; i < source.length; i++) {
      const parsed = one(source[i])
      if ('wanted' in parsed) return { wanted: `a list of ${what}` }
      list[i] = parsed.value
    }
    return { value: list }
  }
}

export const parseDTypeAttr: Parse<DType | -1> = (value) => {
  if (value === -1 || isDType(value)) return { value }
  const dtype = typeof value === 'number' ? dtypeFromProto(value) : undefined
  return dtype === undefined ? { wanted: 'the name of an element type, or -1' } : { value: dtype }
}

/** Kinds of SCALAR in the order of Paddle's numbers, from 1. */
export const SCALAR_KINDS: readonly ScalarValue['scalar'][] = ['BOOLEAN', 'LONG', 'FLOAT64', 'COMPLEX128']
export const parseScalar: Parse<ScalarValue> = (value) => {
  if (typeof value === 'boolean') return { value: { scalar: 'BOOLEAN', value } }
  if (typeof value === 'number') return { value: { scalar: 'FLOAT64', value } }
  if (typeof value === 'object' && value !== null && 'scalar' in value && 'value' in value) {
    if ((SCALAR_KINDS as readonly unknown[]).includes(value.scalar)) return { value: value as ScalarValue }
  }
  return { wanted: 'a scalar' }
}

/** The parser of a plain attribute type: for attributes that no definition declares. */
export const PARSERS: Readonly<Record<AttrType, Parse<AttrValue>>> = {
  INT: parseInt32,
  FLOAT: parseFloat32,
  STRING: parseString,
  INTS: parseList(parseInt32, '32-bit whole numbers'),
  FLOATS: parseList(parseFloat32, 'numbers'),
  STRINGS: parseList(parseString, 'texts'),
  BOOLEAN: parseBool,
  BOOLEANS: parseList(parseBool, 'true or false'),
  BLOCK: parseInt32,
  LONG: parseLong,
  BLOCKS: parseList(parseInt32, 'block numbers'),
  LONGS: parseList(parseLong, '64-bit whole numbers'),
  FLOAT64S: parseList(parseFloat64, 'numbers'),
  VAR: parseString,
  VARS: parseList(parseString, 'variable names'),
  FLOAT64: parseFloat64,
  SCALAR: parseScalar,
  SCALARS: parseList(parseScalar, 'scalars'),
}
