/**
 * The shape of a program file: which members its objects have, and what each may hold. `program_json_schema.ts` says the same to editors,
 * and tests hold the two together.
 * What a schema cannot say (block numbers, names that repeat, limits) is in `program_issues.ts`; whether an attribute fits its operator is
 * for the operator's definition.
 */
import { DTYPES } from '../tensor/dtype.ts'
import { MAX_RANK } from '../tensor/shape.ts'
import { type AttrType, SCALAR_KINDS, type ScalarValue } from './attr_value.ts'
import type { VarType } from './variable.ts'

export const PROGRAM_FORMAT = 'oarlock-program'
export const PROGRAM_FORMAT_VERSION = 1

/** framework.proto's AttrType; the number of a type is its index. */
export const ATTR_TYPES = [
  'INT',
  'FLOAT',
  'STRING',
  'INTS',
  'FLOATS',
  'STRINGS',
  'BOOLEAN',
  'BOOLEANS',
  'BLOCK',
  'LONG',
  'BLOCKS',
  'LONGS',
  'FLOAT64S',
  'VAR',
  'VARS',
  'FLOAT64',
  'SCALAR',
  'SCALARS',
] as const satisfies readonly AttrType[]

/** framework.proto's VarType.Type without the element types: what a variable may be, and its number. */
export const VAR_TYPES = {
  LOD_TENSOR: 7,
  SELECTED_ROWS: 8,
  FEED_MINIBATCH: 9,
  FETCH_LIST: 10,
  STEP_SCOPES: 11,
  LOD_RANK_TABLE: 12,
  LOD_TENSOR_ARRAY: 13,
  PLACE_LIST: 14,
  READER: 15,
  RAW: 17,
  TUPLE: 18,
  STRING: 25,
  STRINGS: 26,
  VOCAB: 27,
  FEED_LIST: 28,
  PSTRING: 29,
  SPARSE_COO: 30,
  SPARSE_CSR: 31,
} as const satisfies Readonly<Record<VarType, number>>

export type ScalarKind = ScalarValue['scalar']

type Path = readonly (string | number)[]
/**
 * Takes one fault of an object: the path within it, what is wanted there, what is there, and the choices, where these are names. Returns
 * false when no more faults are wanted.
 */
export type Report = (path: Path, expected: string, got: unknown, choices?: readonly string[]) => boolean
/** Reports what is wrong with the member `at` of an object. */
type Check = (value: unknown, at: string, report: Report) => void

interface Member {
  readonly required: boolean
  readonly check: Check
  /** What a member that is left out stands for; empty lists and objects are left out too. */
  readonly default: unknown
}
/** Members of an object by name, in the order of a file. Others are faults, but for those of {@link isExtraMember}. */
export type ObjectSchema = Readonly<Record<string, Member>>

const required = (check: Check): Member => ({ required: true, check, default: undefined })
const optional = (check: Check, value?: unknown): Member => ({ required: false, check, default: value })

/** Faults that are found at most. */
export const MAX_ISSUES = 100

export const INT32_MAX = 2147483647

const text: Check = (value, at, report) => {
  if (typeof value !== 'string') report([at], 'text', value)
  else if (value === '') report([at], 'text that is not empty', value)
}

const flag: Check = (value, at, report) => {
  if (typeof value !== 'boolean') report([at], 'true or false', value)
}

const literal =
  (wanted: string | number): Check =>
  (value, at, report) => {
    if (value !== wanted) report([at], JSON.stringify(wanted), value)
  }

function oneOf(choices: readonly string[]): Check {
  const known = new Set<unknown>(choices)
  return (value, at, report) => {
    if (!known.has(value)) report([at], `one of ${choices.join(', ')}`, value, choices)
  }
}

const wholeNumber =
  (minimum: number, maximum: number): Check =>
  (value, at, report) => {
    if (Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return
    report([at], `a whole number from ${minimum} to ${maximum}`, value)
  }

/** Any list; its elements are checked one by one by the caller, who can stop early. */
const list: Check = (value, at, report) => {
  if (!Array.isArray(value)) report([at], 'a list', value)
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object used as a map. `__proto__` is no name, so that whoever copies the map by assignment is safe. */
const mapOf =
  (checkValue: (value: unknown, path: () => [string, string], report: Report) => boolean): Check =>
  (map, at, report) => {
    if (!isObject(map)) {
      report([at], 'an object', map)
      return
    }
    for (const name of Object.keys(map)) {
      const more =
        name === '__proto__'
          ? report([at, name], 'absent: it is no name', map[name])
          : checkValue(map[name], () => [at, name], report)
      if (!more) return
    }
  }

const slots = mapOf((names, path, report) => {
  if (!Array.isArray(names)) return report(path(), 'a list of variable names', names)
  for (let i = 0; i < names.length; i++) {
    if (typeof names[i] !== 'string' && !report([...path(), i], 'a variable name', names[i])) return false
  }
  return true
})

/** Integers beyond 2^53 are texts. */
export const DIGITS = /^-?\d{1,20}$/
export const NON_FINITE = ['NaN', 'Infinity', '-Infinity']
const isFloat = (value: unknown): boolean => Number.isFinite(value) || NON_FINITE.includes(value as string)

/** What is wanted of the value of a SCALAR. */
const SCALARS: Readonly<Record<ScalarKind, { expected: string; fits: (value: unknown) => boolean }>> = {
  BOOLEAN: { expected: 'true or false', fits: (value) => typeof value === 'boolean' },
  LONG: {
    expected: 'a 64-bit whole number',
    fits: (value) =>
      Number.isSafeInteger(value) || typeof value === 'bigint' || (typeof value === 'string' && DIGITS.test(value)),
  },
  FLOAT64: { expected: 'a number, "NaN", "Infinity" or "-Infinity"', fits: isFloat },
  COMPLEX128: {
    expected: 'a list of two numbers, [re, im]',
    fits: (value) => Array.isArray(value) && value.length === 2 && isFloat(value[0]) && isFloat(value[1]),
  },
}

function checkScalar(path: Path, value: Record<string, unknown>, member: 'value' | 'values', report: Report): boolean {
  const kind = value['scalar']
  if (typeof kind !== 'string' || !Object.hasOwn(SCALARS, kind)) {
    return report([...path, 'scalar'], `one of ${SCALAR_KINDS.map((name) => `"${name}"`).join(', ')}`, kind)
  }
  for (const key of Object.keys(value)) {
    if (
      key !== 'scalar' &&
      key !== member &&
      !report([...path, key], `absent: a scalar has "scalar" and "${member}"`, value[key])
    ) {
      return false
    }
  }
  const { expected, fits } = SCALARS[kind as ScalarKind]
  if (member === 'value') return fits(value['value']) || report([...path, member], expected, value['value'])
  const values = value['values']
  if (!Array.isArray(values)) return report([...path, member], 'a list', values)
  for (let i = 0; i < values.length; i++) {
    if (!fits(values[i]) && !report([...path, member, i], expected, values[i])) return false
  }
  return true
}

/** What is wanted of the scalar object instead, null when it is right. */
export function scalarProblem(value: Record<string, unknown>, member: 'value' | 'values'): string | null {
  let problem: string | null = null
  checkScalar([], value, member, (_path, expected) => {
    problem = expected
    return false
  })
  return problem
}

const PLAIN = 'a number, text, true, false, a list of these, or a scalar'

const attrs = mapOf((value, path, report) => {
  if (isPlain(value)) return true
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const element: unknown = value[i]
      if (isPlain(element)) continue
      const more = isObject(element)
        ? checkScalar([...path(), i], element, 'value', report)
        : report([...path(), i], 'a number, text, true, false or a scalar', element)
      if (!more) return false
    }
    return true
  }
  if (!isObject(value)) return report(path(), PLAIN, value)
  return checkScalar(path(), value, Object.hasOwn(value, 'values') ? 'values' : 'value', report)
})

function isPlain(value: unknown): boolean {
  return typeof value === 'number' ? Number.isFinite(value) : ['string', 'boolean', 'bigint'].includes(typeof value)
}

const attrTypeNames = new Set<unknown>(ATTR_TYPES)
const attrTypes = mapOf(
  (type, path, report) => attrTypeNames.has(type) || report(path(), 'the name of an AttrType', type),
)

const opVersions = mapOf((version, path, report) => {
  const fits = Number.isInteger(version) && (version as number) >= 0 && (version as number) <= INT32_MAX
  return fits || report(path(), `a whole number from 0 to ${INT32_MAX}`, version)
})

const shape: Check = (value, at, report) => {
  if (!Array.isArray(value)) {
    report([at], 'a list of dimensions', value)
    return
  }
  if (value.length > MAX_RANK) {
    report([at], `a list of at most ${MAX_RANK} dimensions`, value)
    return
  }
  for (let i = 0; i < value.length; i++) {
    const dim: unknown = value[i]
    if (!Number.isInteger(dim) || (dim as number) < -1 || (dim as number) > INT32_MAX) {
      report([at, i], `a dimension: a whole number from 0 to ${INT32_MAX}, or -1 for one that the run knows`, dim)
    }
  }
}

export const varSchema: ObjectSchema = {
  name: required(text),
  type: optional(oneOf(Object.keys(VAR_TYPES)), 'LOD_TENSOR'),
  dtype: optional(oneOf(DTYPES), 'float32'),
  shape: optional(shape),
  lod_level: optional(wholeNumber(0, INT32_MAX), 0),
  persistable: optional(flag, false),
  need_check_feed: optional(flag, false),
  is_parameter: optional(flag, false),
  stop_gradient: optional(flag, false),
}

export const opSchema: ObjectSchema = {
  type: required(text),
  inputs: optional(slots),
  outputs: optional(slots),
  attrs: optional(attrs),
  attr_types: optional(attrTypes),
  is_target: optional(flag, false),
}

export const blockSchema: ObjectSchema = {
  idx: required(wholeNumber(0, INT32_MAX)),
  parent_idx: required(wholeNumber(-1, INT32_MAX)),
  forward_block_idx: optional(wholeNumber(-1, INT32_MAX), -1),
  vars: optional(list),
  ops: required(list),
}

export const programSchema: ObjectSchema = {
  format: required(literal(PROGRAM_FORMAT)),
  format_version: required(literal(PROGRAM_FORMAT_VERSION)),
  blocks: required(list),
  version: optional(wholeNumber(0, Number.MAX_SAFE_INTEGER), 0),
  op_versions: optional(opVersions),
  random_seed: optional(wholeNumber(0, Number.MAX_SAFE_INTEGER), 0),
}

/** Reports the faults of the members that a schema names, in its order. */
export function checkMembers(schema: ObjectSchema, value: unknown, report: Report): void {
  if (!isObject(value)) {
    report([], 'an object', value)
    return
  }
  for (const name in schema) {
    const member = value[name]
    const { required, check } = schema[name]!
    if (member !== undefined || required) check(member, name, report)
  }
}

/** Members that readers keep without knowing them. */
export const isExtraMember = (name: string): boolean => name.startsWith('$') || name.startsWith('x_')
