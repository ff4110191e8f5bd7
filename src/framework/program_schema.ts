/**
 * The shape of a program file as zod schemas: the one source of the validation in `program_json.ts` and of `schema/program.schema.json`
 * (program_json_schema.ts).
 * What a schema cannot say (block numbers, names that repeat, limits) is in `program_json.ts`; whether an attribute fits its operator is
 * for the operator's definition.
 */
import * as z from 'zod/mini'
import { DTYPES } from '../tensor/dtype.ts'
import { MAX_RANK } from '../tensor/shape.ts'
import type { AttrType } from './attr.ts'
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

export const SCALAR_KINDS = ['BOOLEAN', 'LONG', 'FLOAT64', 'COMPLEX128'] as const
export type ScalarKind = (typeof SCALAR_KINDS)[number]

type Path = readonly (string | number)[]
/** Takes one fault of a value: the path within it, what is wanted there, what is there. Returns false when no more faults are wanted. */
type Report = (path: Path, expected: string, got: unknown) => boolean
export type JsonSchema = Readonly<Record<string, unknown>>

/** Faults that one call reports at most. */
export const MAX_ISSUES = 100

/** Titles, descriptions and, for parts of our own, whole JSON Schemas, but for what lists hold. */
export const jsonSchemas = z.registry<JsonSchema>()

/** What the elements of lists are. */
export const listElements = new Map<unknown, z.ZodMiniType>()

/**
 * A schema by hand: `check` finds the faults, `jsonSchema` says the same to editors. For the maps and lists that make up most of a file,
 * where zod's own take ten times as long, stop at no number of faults and skip a member named `__proto__`. Tests hold the two together.
 */
function part(jsonSchema: JsonSchema, check: (value: unknown, report: Report) => void) {
  const schema = z.unknown().check((context) => {
    check(context.value, (path, expected, got) => {
      context.issues.push({ code: 'custom', path: [...path], input: got, params: { expected } })
      return context.issues.length < MAX_ISSUES
    })
  })
  return schema.register(jsonSchemas, jsonSchema)
}

function described<S extends z.ZodMiniType>(schema: S, description: string): S {
  jsonSchemas.add(schema, { ...jsonSchemas.get(schema), description })
  return schema
}

const INT32_MAX = 2147483647

const wholeNumber = (minimum: number, maximum: number) =>
  part({ type: 'integer', minimum, maximum }, (value, report) => {
    if (Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return
    report([], `a whole number from ${minimum} to ${maximum}`, value)
  })

/** Any list; its elements are checked one by one by the caller, who can stop early. */
function listOf(element: z.ZodMiniType) {
  const list = part({ type: 'array' }, (value, report) => {
    if (!Array.isArray(value)) report([], 'a list', value)
  })
  listElements.set(list, element)
  return list
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object used as a map. `__proto__` is no name, so that whoever copies the map by assignment is safe. */
const mapOf = (jsonSchema: JsonSchema, checkValue: (name: string, value: unknown, report: Report) => boolean) =>
  part(
    { type: 'object', propertyNames: { not: { const: '__proto__' } }, additionalProperties: jsonSchema },
    (map, report) => {
      if (!isObject(map)) {
        report([], 'an object', map)
        return
      }
      for (const name of Object.keys(map)) {
        const more =
          name === '__proto__'
            ? report([name], 'absent: it is no name', map[name])
            : checkValue(name, map[name], report)
        if (!more) return
      }
    },
  )

const slots = () =>
  mapOf({ type: 'array', items: { type: 'string' } }, (slot, names, report) => {
    if (!Array.isArray(names)) return report([slot], 'a list of variable names', names)
    for (let i = 0; i < names.length; i++) {
      if (typeof names[i] !== 'string' && !report([slot, i], 'a variable name', names[i])) return false
    }
    return true
  })

const DIGITS = /^-?\d{1,20}$/
const NON_FINITE = ['NaN', 'Infinity', '-Infinity']
const isFloat = (value: unknown): boolean => Number.isFinite(value) || NON_FINITE.includes(value as string)

/** What is wanted of the value of a SCALAR, and the same as JSON Schema. */
const SCALARS: Readonly<
  Record<ScalarKind, { expected: string; fits: (value: unknown) => boolean; schema: JsonSchema }>
> = {
  BOOLEAN: { expected: 'true or false', fits: (value) => typeof value === 'boolean', schema: { type: 'boolean' } },
  LONG: {
    expected: 'a 64-bit whole number',
    fits: (value) =>
      Number.isSafeInteger(value) || typeof value === 'bigint' || (typeof value === 'string' && DIGITS.test(value)),
    schema: {
      anyOf: [
        { type: 'integer', minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
        { type: 'string', pattern: DIGITS.source },
      ],
    },
  },
  FLOAT64: {
    expected: 'a number, "NaN", "Infinity" or "-Infinity"',
    fits: isFloat,
    schema: { anyOf: [{ type: 'number' }, { enum: NON_FINITE }] },
  },
  COMPLEX128: {
    expected: 'a list of two numbers, [re, im]',
    fits: (value) => Array.isArray(value) && value.length === 2 && isFloat(value[0]) && isFloat(value[1]),
    schema: {
      type: 'array',
      items: { anyOf: [{ type: 'number' }, { enum: NON_FINITE }] },
      minItems: 2,
      maxItems: 2,
    },
  },
}

const SCALAR_REF = { $ref: '#/definitions/scalar' }
const SCALARS_REF = { $ref: '#/definitions/scalars' }
export const scalarSchema = (member: 'value' | 'values'): JsonSchema => ({
  anyOf: SCALAR_KINDS.map((kind) => ({
    type: 'object',
    required: ['scalar', member],
    properties: {
      scalar: { const: kind },
      [member]: member === 'value' ? SCALARS[kind].schema : { type: 'array', items: SCALARS[kind].schema },
    },
    additionalProperties: false,
  })),
})

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

/** What is wanted of a scalar object instead, null when it is right. */
export function scalarProblem(value: Record<string, unknown>, member: 'value' | 'values'): string | null {
  let problem: string | null = null
  checkScalar([], value, member, (_path, expected) => {
    problem = expected
    return false
  })
  return problem
}

const PLAIN = 'a number, text, true, false, a list of these, or a scalar'

const attrs = mapOf(
  {
    anyOf: [
      { type: ['number', 'string', 'boolean'] },
      { type: 'array', items: { anyOf: [{ type: ['number', 'string', 'boolean'] }, SCALAR_REF] } },
      SCALAR_REF,
      SCALARS_REF,
    ],
  },
  (name, value, report) => {
    if (isPlain(value)) return true
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) {
        const element: unknown = value[i]
        if (isPlain(element)) continue
        const more = isObject(element)
          ? checkScalar([name, i], element, 'value', report)
          : report([name, i], 'a number, text, true, false or a scalar', element)
        if (!more) return false
      }
      return true
    }
    if (!isObject(value)) return report([name], PLAIN, value)
    return checkScalar([name], value, Object.hasOwn(value, 'values') ? 'values' : 'value', report)
  },
)

function isPlain(value: unknown): boolean {
  return typeof value === 'number' ? Number.isFinite(value) : ['string', 'boolean', 'bigint'].includes(typeof value)
}

const attrTypeNames = new Set<unknown>(ATTR_TYPES)
const attrTypes = mapOf(
  { enum: ATTR_TYPES },
  (name, type, report) => attrTypeNames.has(type) || report([name], 'the name of an AttrType', type),
)

const opVersions = mapOf({ type: 'integer', minimum: 0, maximum: INT32_MAX }, (name, version, report) => {
  const fits = Number.isInteger(version) && (version as number) >= 0 && (version as number) <= INT32_MAX
  return fits || report([name], `a whole number from 0 to ${INT32_MAX}`, version)
})

const shape = part(
  { type: 'array', items: { type: 'integer', minimum: -1, maximum: INT32_MAX }, maxItems: MAX_RANK },
  (value, report) => {
    if (!Array.isArray(value)) {
      report([], 'a list of dimensions', value)
      return
    }
    if (value.length > MAX_RANK) {
      report([], `a list of at most ${MAX_RANK} dimensions`, value)
      return
    }
    for (let i = 0; i < value.length; i++) {
      const dim: unknown = value[i]
      if (!Number.isInteger(dim) || (dim as number) < -1 || (dim as number) > INT32_MAX) {
        report([i], `a dimension: a whole number from 0 to ${INT32_MAX}, or -1 for one that the run knows`, dim)
      }
    }
  },
)

const text = () => z.string().check(z.minLength(1))
const flag = (description: string) => z.optional(described(z.boolean(), description))

export const varSchema = z.strictObject({
  name: described(text(), 'Unique in its block.'),
  type: z.optional(
    described(z.enum(Object.keys(VAR_TYPES) as VarType[]), "framework.proto's VarType.Type; default LOD_TENSOR."),
  ),
  dtype: z.optional(described(z.enum(DTYPES), 'Type of the elements; default float32.')),
  shape: z.optional(described(shape, 'Dimensions; -1 is one that only the run knows. Default [], one element.')),
  lod_level: z.optional(described(wholeNumber(0, INT32_MAX), 'Levels of sequence offsets (LoD); default 0.')),
  persistable: flag('Lives in the scope from run to run: parameters, optimizer state. Default false.'),
  need_check_feed: flag('Fed by the user: shape and dtype of the feed are compared. Default false.'),
  is_parameter: flag('Trained by an optimizer. Default false.'),
  stop_gradient: flag('No gradient flows through it. Default false.'),
})

export const opSchema = z.strictObject({
  type: described(text(), "Paddle's operator type, e.g. relu."),
  inputs: z.optional(described(slots(), 'Slot name to the names of the variables that are read.')),
  outputs: z.optional(described(slots(), 'Slot name to the names of the variables that are written.')),
  attrs: z.optional(
    described(
      attrs,
      'Attribute name to value. NaN and infinities are strings, integers beyond 2^53 strings of digits.',
    ),
  ),
  attr_types: z.optional(described(attrTypes, 'AttrType of the attributes that the operator does not declare.')),
  is_target: flag('Kept by pruning although nothing reads it. Default false.'),
})

export const blockSchema = z.strictObject({
  idx: described(wholeNumber(0, INT32_MAX), 'Position in `blocks`.'),
  parent_idx: described(wholeNumber(-1, INT32_MAX), 'The enclosing block, which comes earlier; -1 for block 0.'),
  forward_block_idx: z.optional(
    described(wholeNumber(-1, INT32_MAX), 'The block whose gradient this one computes; default -1.'),
  ),
  vars: z.optional(described(listOf(varSchema), 'Variables.')),
  ops: described(listOf(opSchema), 'Operators in the order in which they run.'),
})

export const programSchema = z.strictObject({
  format: described(z.literal(PROGRAM_FORMAT), 'Marks the file as a program.'),
  format_version: described(z.literal(PROGRAM_FORMAT_VERSION), 'Version of this format.'),
  blocks: described(listOf(blockSchema), 'Block 0 is the program; the others are bodies of control flow operators.'),
  version: z.optional(
    described(wholeNumber(0, Number.MAX_SAFE_INTEGER), 'Version of Paddle that wrote it, e.g. 2006002; default 0.'),
  ),
  op_versions: z.optional(described(opVersions, "Paddle's operator versions (op_version_map).")),
  random_seed: z.optional(
    described(wholeNumber(0, Number.MAX_SAFE_INTEGER), 'Seed of the random operators; 0 draws anew in each run.'),
  ),
})

/** Members that readers keep without knowing them. */
export const isExtraMember = (name: string): boolean => name.startsWith('$') || name.startsWith('x_')
