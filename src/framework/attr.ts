/**
 * Attributes of operator definitions: Paddle's type, the default and a check, as plain data. No schema library is loaded for them.
 */
import type { DType } from '../tensor/dtype.ts'
import {
  type Attr,
  type AttrType,
  type Parse,
  parseBool,
  parseDTypeAttr,
  parseFloat32,
  parseFloat64,
  parseInt32,
  parseList,
  parseLong,
  parseScalar,
  parseString,
  type ScalarValue,
} from './attr_value.ts'

export interface AttrOptions<T> {
  /** One sentence for the operator reference. */
  readonly doc?: string
  /** Paddle's "extra": kept in training programs, dropped from inference programs. */
  readonly extra?: boolean
  /** Returns what is wanted when `value` has the right type but is not allowed, else null. */
  readonly check?: (value: T) => string | null
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
