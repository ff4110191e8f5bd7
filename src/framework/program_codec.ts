/**
 * Programs to and from their JSON form. The form itself (members, types, limits) is checked by `program_json.ts`; here attributes are
 * checked against the operator definitions, and what no definition knows is kept with its type.
 */
import { EnforceError, InvalidArgumentError } from '../errors.ts'
import { shortestFloat32 } from '../tensor/float32.ts'
import { numberToJson } from '../tensor/tensor_json.ts'
import type { Attr, AttrType, AttrValue, ScalarValue } from './attr_value.ts'
import { type Block, inferAttrType, parseAttr } from './block.ts'
import { FILE_KINDS, type FileKind, fileKind } from './file_kind.ts'
import { parseJsonText, pointerToken } from './json_text.ts'
import type { AnyOpDef, OpLibrary } from './op_def.ts'
import { GENERIC_ATTRS, Operator, type SlotNames } from './operator.ts'
import { type LrSchedulerState, Program } from './program.ts'
import { VAR_FLAGS } from './program_desc.ts'
import { offsetOf, type ReadProgramDesc, readProgramDesc } from './program_desc_reader.ts'
import {
  type AttrJson,
  type BlockJson,
  isAttrPointer,
  type OpJson,
  type ProgramJson,
  type ScalarJson,
  type ScalarsJson,
  type VarJson,
  validateProgramJson,
} from './program_json.ts'
import { isExtraMember } from './program_schema.ts'
import { isTensorKind, Parameter, type ParameterOptions, type Variable } from './variable.ts'

const VALUES_HINT =
  'it holds values: oarlock run PROGRAM --load FILE, oarlock show FILE, or load(program, path, executor)'

/** What to do with a file that is something else. */
const NOT_A_PROGRAM: Readonly<Partial<Record<FileKind, string>>> = {
  'tensor-stream': 'the program is in the .pdmodel file beside it',
  pickle: VALUES_HINT,
  zip: VALUES_HINT,
  safetensors: VALUES_HINT,
  npy: 'it holds one array: oarlock run PROGRAM --feed NAME=@FILE',
  onnx: 'ONNX models are not read; export the model from Paddle with paddle.static.save_inference_model',
}

interface FromOptions {
  readonly library: OpLibrary
  /** Named in errors. */
  readonly file?: string
}

/**
 * A program from a JSON object, JSON text or the bytes of one, or ProgramDesc bytes.
 * @throws InvalidArgumentError E501 to E508 and E201, ResourceExhaustedError E60x, with the JSON pointer, and line and column for text;
 * for ProgramDesc bytes also E527 and E528, with the offset; E529 for a file of another kind.
 */
export function programFromJson(source: unknown, options: FromOptions): Program {
  if (source instanceof Uint8Array) {
    const kind = fileKind(source)
    if (kind === 'program-desc' || kind === 'unknown') return programFromDesc(source, options)
    if (kind !== 'json' && kind !== 'text' && kind !== 'empty') {
      throw new InvalidArgumentError('E529', `this is ${FILE_KINDS[kind]}, not a program`, {
        where: options.file === undefined ? {} : { file: options.file },
        expected: 'program JSON, or a ProgramDesc (.pdmodel)',
        got: FILE_KINDS[kind],
        ...(Object.hasOwn(NOT_A_PROGRAM, kind) ? { hint: NOT_A_PROGRAM[kind]! } : {}),
      })
    }
  }
  if (typeof source !== 'string' && !(source instanceof Uint8Array))
    return buildProgram(validateProgramJson(source), options)
  const file = options.file === undefined ? {} : { file: options.file }
  const { value, locate } = parseJsonText(source, { ...file, bigIntegerAt: isAttrPointer })
  try {
    return buildProgram(validateProgramJson(value), options)
  } catch (error) {
    if (!(error instanceof EnforceError)) throw error
    throw error.at({ ...file, ...locate(error.where?.pointer ?? '') })
  }
}

function programFromDesc(bytes: Uint8Array, options: FromOptions): Program {
  const file = options.file === undefined ? {} : { file: options.file }
  let read: ReadProgramDesc | undefined
  try {
    read = readProgramDesc(bytes)
    const program = buildProgram(read.json, options, true)
    program.wire = read.notes
    read.blocks.forEach((notes, b) => {
      const block = program.blocks[b]!
      block.wire = notes.notes
      let i = 0
      for (const variable of block.vars.values()) variable.wire = notes.vars[i++]
      block.ops.forEach((op, j) => {
        op.wire = notes.ops[j]
      })
    })
    return program
  } catch (error) {
    if (!(error instanceof EnforceError)) throw error
    throw error.at({ ...file, ...(read === undefined ? {} : { offset: offsetOf(read, error.where?.pointer ?? '') }) })
  }
}

/** @param coerce whether attributes of another type than declared are converted where Paddle does. */
function buildProgram(json: ProgramJson, { library }: FromOptions, coerce = false): Program {
  const program = new Program(library, { callSites: false })
  program.randomSeed = json.random_seed ?? 0
  program.version = json.version ?? 0
  program.opVersions = json.op_versions
  const { x_lr_scheduler: scheduler, ...extra } = extraMembers(json) ?? {}
  if (scheduler !== undefined) program.lrScheduler = schedulerFromJson(scheduler)
  if (Object.keys(extra).length > 0) program.extra = extra
  const blocks = json.blocks.map((block) => {
    const made = program.emptyBlock(block.idx, block.parent_idx, block.forward_block_idx ?? -1)
    made.extra = extraMembers(block)
    return made
  })
  program.replaceBlocks(blocks)
  json.blocks.forEach((block, i) => {
    fillBlock(blocks[i]!, block, `/blocks/${i}`, coerce)
  })
  return program
}

function fillBlock(block: Block, json: BlockJson, pointer: string, coerce: boolean): void {
  const { names } = block.program
  json.vars?.forEach((variable, i) => {
    addVariable(block, variable, `${pointer}/vars/${i}`)
    names.observe(variable.name)
    block.program.observeGeneratedVar(variable.name)
  })
  json.ops.forEach((op, i) => {
    try {
      block.insertOperator(block.ops.length, operatorFromJson(block, op, `${pointer}/ops/${i}`, coerce))
    } catch (error) {
      if (error instanceof EnforceError) throw error.at({ block: block.idx, op: i, opType: op.type })
      throw error
    }
  })
}

function addVariable(block: Block, json: VarJson, pointer: string): void {
  const { x_param: param, ...rest } = extraMembers(json) ?? {}
  const desc = {
    name: json.name,
    type: json.type,
    dtype: json.dtype,
    shape: json.shape,
    lodLevel: json.lod_level,
    // A parameter is persistable and stops no gradient by itself unless the file says so.
    persistable: json.persistable ?? false,
    needCheckFeed: json.need_check_feed,
    stopGradient: json.stop_gradient ?? false,
    extra: Object.keys(rest).length > 0 ? rest : undefined,
  } as const
  if (json.is_parameter === true) block.createParameter(desc, parameterOptions(param, `${pointer}/x_param`))
  else block.createVar(param === undefined ? desc : { ...desc, extra: { ...rest, x_param: param } })
}

function parameterOptions(json: unknown, pointer: string): ParameterOptions {
  if (json === undefined) return {}
  const fail = (member: string, expected: string, got: unknown): never => {
    throw new InvalidArgumentError('E506', `x_param: ${member} must be ${expected}, got ${JSON.stringify(got)}`, {
      where: { pointer: pointer + (member === '' ? '' : pointerToken(member)) },
      expected,
      got,
    })
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return fail('', 'an object', json)
  const { trainable, learning_rate: rate, regularizer, need_clip: clip } = json as Record<string, unknown>
  if (trainable !== undefined && typeof trainable !== 'boolean') fail('trainable', 'true or false', trainable)
  if (clip !== undefined && typeof clip !== 'boolean') fail('need_clip', 'true or false', clip)
  if (rate !== undefined && typeof rate !== 'number') fail('learning_rate', 'a number', rate)
  if (regularizer !== undefined && regularizer !== null && !isRegularizer(regularizer)) {
    fail('regularizer', '{ "type": "L1Decay" or "L2Decay", "coeff": number }', regularizer)
  }
  return { trainable, learningRate: rate, needClip: clip, regularizer } as ParameterOptions
}

function isRegularizer(value: unknown): boolean {
  const { type, coeff } = value as Record<string, unknown>
  return (type === 'L1Decay' || type === 'L2Decay') && typeof coeff === 'number'
}

function schedulerFromJson(json: unknown): LrSchedulerState {
  const state = json as Record<string, unknown> | null
  if (
    typeof state === 'object' &&
    state !== null &&
    typeof state['type'] === 'string' &&
    typeof state['var'] === 'string'
  ) {
    return state as unknown as LrSchedulerState
  }
  throw new InvalidArgumentError('E506', 'x_lr_scheduler must be an object with the texts `type` and `var`', {
    where: { pointer: '/x_lr_scheduler' },
    expected: '{ "type": …, "var": … }',
  })
}

function operatorFromJson(block: Block, json: OpJson, pointer: string, coerce: boolean): Operator {
  const def = block.program.definition(json.type)
  const attrs: Record<string, AttrValue> = {}
  let attrTypes: Record<string, AttrType> | undefined
  for (const [name, value] of Object.entries(json.attrs ?? {})) {
    const stated =
      json.attr_types !== undefined && Object.hasOwn(json.attr_types, name) ? json.attr_types[name] : undefined
    const known = knownAttrType(def, name)
    const where = { pointer: `${pointer}/attrs${pointerToken(name)}` }
    if (
      known !== undefined &&
      stated !== undefined &&
      stated !== known &&
      !(coerce && COERCED[known]?.includes(stated))
    ) {
      throw new InvalidArgumentError(
        'E201',
        `${json.type}: attr ${name} is a ${known}, but attr_types says ${stated}`,
        {
          where: { pointer: `${pointer}/attr_types${pointerToken(name)}` },
          expected: known,
          got: stated,
        },
      )
    }
    const type = known ?? stated ?? inferAttrType(value)
    try {
      attrs[name] = parseAttr(def, name, type === 'SCALARS' ? scalarsFromJson(value) : value, type)
    } catch (error) {
      if (error instanceof EnforceError) throw error.at(where)
      throw error
    }
    if (known === undefined) {
      attrTypes ??= {}
      attrTypes[name] = type
    }
  }
  const extra = extraMembers(json)
  return new Operator({
    type: json.type,
    inputs: json.inputs ?? {},
    outputs: json.outputs ?? {},
    attrs,
    isTarget: json.is_target ?? false,
    attrTypes,
    extra,
  })
}

/** Types that Paddle converts to a declared type when it reads an attribute (paddle/fluid/framework/attribute.h). */
const COERCED: Readonly<Partial<Record<AttrType, readonly AttrType[]>>> = {
  BOOLEAN: ['INT', 'FLOAT'],
  LONG: ['INT', 'FLOAT'],
  FLOAT: ['INT', 'LONG'],
  FLOAT64: ['FLOAT', 'INT', 'LONG'],
  LONGS: ['INTS', 'FLOATS'],
  FLOAT64S: ['INTS', 'FLOATS'],
  SCALAR: ['FLOAT', 'FLOAT64', 'BOOLEAN'],
}

/** The type of an attribute that a definition (or every operator) declares. */
function knownAttrType(def: AnyOpDef | undefined, name: string): AttrType | undefined {
  if (def !== undefined && Object.hasOwn(def.attrs, name)) return (def.attrs[name] as Attr).type
  return Object.hasOwn(GENERIC_ATTRS, name) ? GENERIC_ATTRS[name] : undefined
}

function scalarsFromJson(value: AttrJson): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'scalar')) return value
  const { scalar, values } = value as ScalarsJson
  return values.map((item) => ({ scalar, value: item }))
}

/** The `$…` and `x_…` members, or undefined if there are none. */
function extraMembers(json: object): Record<string, unknown> | undefined {
  let extra: Record<string, unknown> | undefined
  for (const [name, value] of Object.entries(json)) {
    if (!isExtraMember(name)) continue
    extra ??= {}
    extra[name] = value
  }
  return extra
}

/** The canonical JSON form: members in a fixed order, slots and attributes sorted by name, members with their default left out. */
export function programToJson(program: Program): ProgramJson {
  const scheduler = program.lrScheduler
  return {
    ...leading(program.extra),
    format: 'oarlock-program',
    format_version: 1,
    blocks: program.blocks.map((block) => blockToJson(block)),
    ...(program.version === 0 ? {} : { version: program.version }),
    ...(program.opVersions === undefined ? {} : { op_versions: program.opVersions }),
    ...(program.randomSeed === 0 ? {} : { random_seed: program.randomSeed }),
    ...(scheduler === undefined ? {} : { x_lr_scheduler: scheduler }),
    ...trailing(program.extra),
  }
}

/** `$schema` and its like stand first. */
const leading = (extra: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> =>
  Object.fromEntries(Object.entries(extra ?? {}).filter(([name]) => name.startsWith('$')))
const trailing = (extra: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> =>
  Object.fromEntries(Object.entries(extra ?? {}).filter(([name]) => !name.startsWith('$')))

function blockToJson(block: Block): BlockJson {
  return {
    ...leading(block.extra),
    idx: block.idx,
    parent_idx: block.parentIdx,
    ...(block.forwardBlockIdx === -1 ? {} : { forward_block_idx: block.forwardBlockIdx }),
    vars: [...block.vars.values()].map(variableToJson),
    ops: block.ops.map((op) => operatorToJson(block, op)),
    ...trailing(block.extra),
  }
}

function variableToJson(variable: Variable): VarJson {
  const { type } = variable
  return {
    ...leading(variable.extra),
    name: variable.name,
    ...(type === 'LOD_TENSOR' ? {} : { type }),
    ...(variable.dtype === 'float32' || !isTensorKind(type) ? {} : { dtype: variable.dtype }),
    ...(variable.shape.length === 0 || !isTensorKind(type) ? {} : { shape: variable.shape }),
    ...(variable.lodLevel === 0 ? {} : { lod_level: variable.lodLevel }),
    ...Object.fromEntries(VAR_FLAGS.filter(({ member }) => variable[member]).map(({ name }) => [name, true])),
    ...(variable instanceof Parameter ? parameterToJson(variable) : {}),
    ...trailing(variable.extra),
  }
}

function parameterToJson(param: Parameter): { x_param?: unknown } {
  const options = {
    ...(param.trainable ? {} : { trainable: false }),
    ...(param.learningRate === 1 ? {} : { learning_rate: param.learningRate }),
    ...(param.regularizer === null ? {} : { regularizer: param.regularizer }),
    ...(param.needClip ? {} : { need_clip: false }),
  }
  return Object.keys(options).length === 0 ? {} : { x_param: options }
}

function operatorToJson(block: Block, op: Operator): OpJson {
  const def = block.program.definition(op.type)
  const attrs: Record<string, AttrJson> = {}
  const attrTypes: Record<string, AttrType> = {}
  for (const name of Object.keys(op.attrs).sort()) {
    const known = knownAttrType(def, name)
    const type = known ?? op.attrTypes?.[name] ?? inferAttrType(op.attrs[name])
    attrs[name] = attrToJson(op.attrs[name]!, type)
    if (known === undefined) attrTypes[name] = type
  }
  return {
    ...leading(op.extra),
    type: op.type,
    ...(Object.keys(op.inputs).length === 0 ? {} : { inputs: sorted(op.inputs) }),
    ...(Object.keys(op.outputs).length === 0 ? {} : { outputs: sorted(op.outputs) }),
    ...(Object.keys(attrs).length === 0 ? {} : { attrs }),
    ...(Object.keys(attrTypes).length === 0 ? {} : { attr_types: attrTypes }),
    ...(op.isTarget ? { is_target: true } : {}),
    ...trailing(op.extra),
  }
}

function sorted(slots: SlotNames): SlotNames {
  const result: Record<string, readonly string[]> = {}
  for (const slot of Object.keys(slots).sort()) result[slot] = slots[slot]!
  return result
}

function attrToJson(value: AttrValue, type: AttrType): AttrJson {
  if (typeof value === 'number') return numberToJson(type === 'FLOAT' ? shortestFloat32(value) : value)
  if (typeof value === 'bigint') return value.toString()
  if (!Array.isArray(value)) return scalarOrPlain(value as string | boolean | ScalarValue)
  return (value as readonly (number | bigint | string | boolean | ScalarValue)[]).map((item) => {
    if (typeof item === 'number') return numberToJson(type === 'FLOATS' ? shortestFloat32(item) : item)
    return typeof item === 'bigint' ? item.toString() : (scalarOrPlain(item) as string | ScalarJson)
  })
}

function scalarOrPlain(value: string | boolean | ScalarValue): string | boolean | ScalarJson {
  if (typeof value !== 'object') return value
  const { value: inner } = value
  return { scalar: value.scalar, value: typeof inner === 'bigint' ? inner.toString() : inner } as ScalarJson
}
