/**
 * Attributes of operator definitions: Paddle's type, the default and a check, as plain data. No schema library is loaded for them.
 * A FLOAT is held as the float32 nearest to what was given, a LONG as a number where exact, else a bigint.
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

export interface AttrOptions<T> {
  /** One sentence for the operator reference. */
  readonly doc?: string
  /** Paddle's "extra": kept in training programs, dropped from inference programs. */
  readonly extra?: boolean
  /** Returns what is wanted when `value` has the right type but is not allowed, else null. */
  readonly check?: (value: T) => string | null
}

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

type Parse<T> = Attr<T>['parse']

const INT_MIN = -2147483648
const INT_MAX = 2147483647
const isInt32 = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= INT_MIN && (value as number) <= INT_MAX

const parseInt32: Parse<number> = (value) =>
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
const parseLong: Parse<number | bigint> = (value) => {
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
const parseFloat32: Parse<number> = (value) => {
  const float = toFloat(value, true)
  return float === undefined ? { wanted: 'a number within float32' } : { value: float }
}
const parseFloat64: Parse<number> = (value) => {
  const float = toFloat(value, false)
  return float === undefined ? { wanted: 'a number' } : { value: float }
}
const parseBool: Parse<boolean> = (value) =>
  typeof value === 'boolean'
    ? { value }
    : value === 0 || value === 1
      ? { value: value === 1 }
      : { wanted: 'true or false' }
const parseString: Parse<string> = (value) => (typeof value === 'string' ? { value } : { wanted: 'text' })

function parseList<T>(one: Parse<T>, what: string): Parse<readonly T[]> {
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

const parseDTypeAttr: Parse<DType | -1> = (value) => {
  if (value === -1 || isDType(value)) return { value }
  const dtype = typeof value === 'number' ? dtypeFromProto(value) : undefined
  return dtype === undefined ? { wanted: 'the name of an element type, or -1' } : { value: dtype }
}

const SCALAR_KINDS = ['BOOLEAN', 'LONG', 'FLOAT64', 'COMPLEX128']
const parseScalar: Parse<ScalarValue> = (value) => {
  if (typeof value === 'boolean') return { value: { scalar: 'BOOLEAN', value } }
  if (typeof value === 'number') return { value: { scalar: 'FLOAT64', value } }
  if (typeof value === 'object' && value !== null && 'scalar' in value && 'value' in value) {
    if (SCALAR_KINDS.includes(value.scalar as string)) return { value: value as ScalarValue }
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

interface Maker<T> {
  (): Attr<T, true>
  (value: undefined, options: AttrOptions<T>): Attr<T, true>
  (value: T, options?: AttrOptions<T>): Attr<T, false>
}

function maker<T>(type: AttrType, parse: Parse<T>, meaning?: 'dtype'): Maker<T> {
  return ((value?: T, options: AttrOptions<T> = {}): Attr<T> => {
    const { check } = options
    const parsed = value === undefined ? undefined : parse(value)
    return {
      type,
      required: value === undefined,
      default: parsed !== undefined && 'value' in parsed ? parsed.value : undefined,
      doc: options.doc ?? '',
      extra: options.extra ?? false,
      ...(meaning === undefined ? {} : { meaning }),
      parse:
        check === undefined
          ? parse
          : (given) => {
              const result = parse(given)
              if ('wanted' in result) return result
              const wanted = check(result.value)
              return wanted === null ? result : { wanted }
            },
    }
  }) as Maker<T>
}

/** Makers of attributes: `attr.int(-1)` has a default, `attr.float()` must be given. */
export const attr = {
  int: maker<number>('INT', parseInt32),
  float: maker<number>('FLOAT', parseFloat32),
  string: maker<string>('STRING', parseString),
  ints: maker<readonly number[]>('INTS', parseList(parseInt32, '32-bit whole numbers')),
  floats: maker<readonly number[]>('FLOATS', parseList(parseFloat32, 'numbers')),
  strings: maker<readonly string[]>('STRINGS', parseList(parseString, 'texts')),
  bool: maker<boolean>('BOOLEAN', parseBool),
  bools: maker<readonly boolean[]>('BOOLEANS', parseList(parseBool, 'true or false')),
  block: maker<number>('BLOCK', parseInt32),
  long: maker<number | bigint>('LONG', parseLong),
  longs: maker<readonly (number | bigint)[]>('LONGS', parseList(parseLong, '64-bit whole numbers')),
  /** LONGS whose values are dimensions, so that they are always plain numbers. */
  dims: maker<readonly number[]>(
    'LONGS',
    parseList(
      (value) => (Number.isSafeInteger(value) ? { value: value as number } : { wanted: 'a dimension' }),
      'dimensions',
    ),
  ),
  float64s: maker<readonly number[]>('FLOAT64S', parseList(parseFloat64, 'numbers')),
  float64: maker<number>('FLOAT64', parseFloat64),
  scalars: maker<readonly ScalarValue[]>('SCALARS', parseList(parseScalar, 'scalars')),
  dtype: maker<DType | -1>('INT', parseDTypeAttr, 'dtype'),
}

/** A check for texts with a fixed choice. */
export const oneOf =
  (...choices: readonly string[]) =>
  (value: string): string | null =>
    choices.includes(value) ? null : `one of ${choices.map((choice) => `"${choice}"`).join(', ')}`
