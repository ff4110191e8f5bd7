/**
 * The draft-07 JSON Schema of program files, for editors: what `program_schema.ts` checks, with descriptions. Apart from it, since no
 * program needs it to run.
 */
import { DTYPES } from '../tensor/dtype.ts'
import { MAX_RANK } from '../tensor/shape.ts'
import { SCALAR_KINDS } from './attr_value.ts'
import {
  ATTR_TYPES,
  blockSchema,
  DIGITS,
  INT32_MAX,
  NON_FINITE,
  type ObjectSchema,
  opSchema,
  PROGRAM_FORMAT,
  PROGRAM_FORMAT_VERSION,
  programSchema,
  type ScalarKind,
  VAR_TYPES,
  varSchema,
} from './program_schema.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

const text = { type: 'string', minLength: 1 }
const wholeNumber = (minimum: number, maximum: number) => ({ type: 'integer', minimum, maximum })
const choice = (values: readonly string[]) => ({ type: 'string', enum: values })
const flag = (description: string) => ({ type: 'boolean', description })
const mapOf = (values: JsonSchema) => ({
  type: 'object',
  propertyNames: { not: { const: '__proto__' } },
  additionalProperties: values,
})
const slots = mapOf({ type: 'array', items: { type: 'string' } })

/** An object with the members that `schema` names, each of which must be described here. */
const objectOf = (schema: ObjectSchema, properties: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(schema).filter((name) => schema[name]!.required),
  additionalProperties: false,
  patternProperties: { '^(\\$|x_)': {} },
})

const float = { anyOf: [{ type: 'number' }, { enum: NON_FINITE }] }
const SCALARS: Readonly<Record<ScalarKind, JsonSchema>> = {
  BOOLEAN: { type: 'boolean' },
  LONG: {
    anyOf: [wholeNumber(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), { type: 'string', pattern: DIGITS.source }],
  },
  FLOAT64: float,
  COMPLEX128: { type: 'array', items: float, minItems: 2, maxItems: 2 },
}

const scalar = (member: 'value' | 'values'): JsonSchema => ({
  anyOf: SCALAR_KINDS.map((kind) => ({
    type: 'object',
    required: ['scalar', member],
    properties: {
      scalar: { const: kind },
      [member]: member === 'value' ? SCALARS[kind] : { type: 'array', items: SCALARS[kind] },
    },
    additionalProperties: false,
  })),
})
const SCALAR_REF = { $ref: '#/definitions/scalar' }
const SCALARS_REF = { $ref: '#/definitions/scalars' }
const plain = { type: ['number', 'string', 'boolean'] }

const variable = objectOf(varSchema, {
  name: { ...text, description: 'Unique in its block.' },
  type: { ...choice(Object.keys(VAR_TYPES)), description: "framework.proto's VarType.Type; default LOD_TENSOR." },
  dtype: { ...choice(DTYPES), description: 'Type of the elements; default float32.' },
  shape: {
    type: 'array',
    items: wholeNumber(-1, INT32_MAX),
    maxItems: MAX_RANK,
    description: 'Dimensions; -1 is one that only the run knows. Default [], one element.',
  },
  lod_level: { ...wholeNumber(0, INT32_MAX), description: 'Levels of sequence offsets (LoD); default 0.' },
  persistable: flag('Lives in the scope from run to run: parameters, optimizer state. Default false.'),
  need_check_feed: flag('Fed by the user: shape and dtype of the feed are compared. Default false.'),
  is_parameter: flag('Trained by an optimizer. Default false.'),
  stop_gradient: flag('No gradient flows through it. Default false.'),
})

const operator = objectOf(opSchema, {
  type: { ...text, description: "Paddle's operator type, e.g. relu." },
  inputs: { ...slots, description: 'Slot name to the names of the variables that are read.' },
  outputs: { ...slots, description: 'Slot name to the names of the variables that are written.' },
  attrs: {
    ...mapOf({
      anyOf: [plain, { type: 'array', items: { anyOf: [plain, SCALAR_REF] } }, SCALAR_REF, SCALARS_REF],
    }),
    description: 'Attribute name to value. NaN and infinities are strings, integers beyond 2^53 strings of digits.',
  },
  attr_types: {
    ...mapOf({ enum: ATTR_TYPES }),
    description: 'AttrType of the attributes that the operator does not declare.',
  },
  is_target: flag('Kept by pruning although nothing reads it. Default false.'),
})

const block = objectOf(blockSchema, {
  idx: { ...wholeNumber(0, INT32_MAX), description: 'Position in `blocks`.' },
  parent_idx: {
    ...wholeNumber(-1, INT32_MAX),
    description: 'The enclosing block, which comes earlier; -1 for block 0.',
  },
  forward_block_idx: {
    ...wholeNumber(-1, INT32_MAX),
    description: 'The block whose gradient this one computes; default -1.',
  },
  vars: { type: 'array', items: variable, description: 'Variables.' },
  ops: { type: 'array', items: operator, description: 'Operators in the order in which they run.' },
})

/** The draft-07 JSON Schema of program files. */
export function programJsonSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'oarlock program',
    description: "A program in PaddlePaddle's Program, Block, Operator model, as JSON.",
    ...objectOf(programSchema, {
      format: { type: 'string', const: PROGRAM_FORMAT, description: 'Marks the file as a program.' },
      format_version: { type: 'number', const: PROGRAM_FORMAT_VERSION, description: 'Version of this format.' },
      blocks: {
        type: 'array',
        items: block,
        description: 'Block 0 is the program; the others are bodies of control flow operators.',
      },
      version: {
        ...wholeNumber(0, Number.MAX_SAFE_INTEGER),
        description: 'Version of Paddle that wrote it, e.g. 2006002; default 0.',
      },
      op_versions: {
        ...mapOf(wholeNumber(0, INT32_MAX)),
        description: "Paddle's operator versions (op_version_map).",
      },
      random_seed: {
        ...wholeNumber(0, Number.MAX_SAFE_INTEGER),
        description: 'Seed of the random operators; 0 draws anew in each run.',
      },
    }),
    definitions: { scalar: scalar('value'), scalars: scalar('values') },
  }
}
