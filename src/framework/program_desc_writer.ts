/**
 * A program as ProgramDesc bytes, in Paddle's order: messages by field number; slots by name; variables by name; of an operator's
 * attributes first those that Paddle calls extra, then the others, both by name. Optional fields that hold their default are left out. A
 * program that was read from such bytes keeps their order instead, and gives equal bytes. Source: op_desc.cc, block_desc.cc (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import { dtypeToProto, isDType } from '../tensor/dtype.ts'
import { numberFromJson } from '../tensor/tensor_json.ts'
import type { AttrType, AttrValue, ScalarValue } from './attr_value.ts'
import { type Block, inferAttrType } from './block.ts'
import { extraAttrs } from './extra_attrs.ts'
import { GENERIC_ATTRS, type Operator, type SlotNames } from './operator.ts'
import type { Program } from './program.ts'
import {
  ATTR_FIELDS,
  compareNames,
  elementOf,
  isListAttr,
  SCALAR_FIELDS,
  TENSOR_FIELDS,
  VAR_FLAGS,
  wireTypeOf,
} from './program_desc.ts'
import { ATTR_TYPES, VAR_TYPES } from './program_schema.ts'
import type { Variable } from './variable.ts'
import { WireType } from './wire_format.ts'
import { type ExplicitField, unknownFieldsAt, type WireNotes } from './wire_notes.ts'
import { WireWriter } from './wire_writer.ts'

const { Varint, Bit64, LengthDelimited } = WireType

/**
 * ProgramDesc bytes, as a .pdmodel holds them.
 * @throws InvalidArgumentError E528 for a text that is not Unicode, E506 for a member `x_unknown_fields` that was spoilt.
 */
export function programToProto(program: Program): Uint8Array {
  const w = new WireWriter()
  for (const block of program.blocks) message(w, 1, () => writeBlock(w, block))
  if (program.version !== 0 || wasExplicit(program.wire, 'version') || hasUnknown(program, 'version')) {
    message(w, 4, () => {
      w.tag(1, Varint).int64(program.version)
      writeUnknown(w, program, () => 'version')
    })
  }
  const { opVersions } = program
  if (opVersions !== undefined || wasExplicit(program.wire, 'op_version_map')) {
    message(w, 5, () => {
      for (const [name, version] of Object.entries(opVersions ?? {})) {
        message(w, 1, () => {
          text(w, 1, name)
          message(w, 2, () => w.tag(1, Varint).int32(version))
          writeUnknown(w, program, () => `op_version_map/${name}`)
        })
      }
      writeUnknown(w, program, () => 'op_version_map')
    })
  }
  writeUnknown(w, program, () => '')
  return w.finish()
}

interface Part {
  readonly extra: Readonly<Record<string, unknown>> | undefined
  readonly wire?: WireNotes | undefined
}

const wasExplicit = (notes: WireNotes | undefined, field: ExplicitField): boolean =>
  notes?.explicit.includes(field) === true

const hasUnknown = (part: Part, path: string): boolean => unknownFieldsAt(part.extra, () => path) !== undefined

function writeUnknown(w: WireWriter, part: Part, path: () => string): void {
  const bytes = unknownFieldsAt(part.extra, path)
  if (bytes !== undefined) w.raw(bytes)
}

function message(w: WireWriter, field: number, body: () => void): void {
  w.tag(field, LengthDelimited).fork()
  body()
  w.join()
}

const LONE_SURROGATE = /\p{Surrogate}/u

function text(w: WireWriter, field: number, value: string): void {
  if (LONE_SURROGATE.test(value)) {
    throw new InvalidArgumentError('E528', `${JSON.stringify(value)} is not Unicode, so a ProgramDesc cannot hold it`, {
      expected: 'text without half surrogate pairs',
      got: value,
    })
  }
  w.tag(field, LengthDelimited).string(value)
}

/** A flag that is left out where it is false, unless the file had it. */
function flag(w: WireWriter, field: number, value: boolean, part: Part, name: ExplicitField): void {
  if (value || wasExplicit(part.wire, name)) w.tag(field, Varint).bool(value)
}

function writeBlock(w: WireWriter, block: Block): void {
  w.tag(1, Varint).int32(block.idx)
  w.tag(2, Varint).int32(block.parentIdx)
  const vars = [...block.vars.values()]
  if (block.wire?.ordered !== true) vars.sort((a, b) => compareNames(a.name, b.name))
  for (const variable of vars) message(w, 3, () => writeVariable(w, variable))
  for (const op of block.ops) message(w, 4, () => writeOperator(w, block, op))
  if (block.forwardBlockIdx !== -1 || wasExplicit(block.wire, 'forward_block_idx')) {
    w.tag(5, Varint).int32(block.forwardBlockIdx)
  }
  writeUnknown(w, block, () => '')
}

function writeVariable(w: WireWriter, variable: Variable): void {
  text(w, 1, variable.name)
  message(w, 2, () => writeVarType(w, variable))
  for (const { field, name, member } of VAR_FLAGS) flag(w, field, variable[member], variable, name)
  writeUnknown(w, variable, () => '')
}

function writeVarType(w: WireWriter, variable: Variable): void {
  const { type } = variable
  w.tag(1, Varint).int32(VAR_TYPES[type])
  const own = TENSOR_FIELDS[type]
  const fields = new Set(variable.wire?.stale?.keys())
  if (own !== undefined && variable.extra?.['x_no_tensor_desc'] !== true) fields.add(own)
  for (const field of [...fields].sort((a, b) => a - b)) {
    if (field !== own) w.tag(field, LengthDelimited).bytes(variable.wire!.stale!.get(field)!)
    else if (type === 'SELECTED_ROWS') message(w, field, () => writeTensorDesc(w, variable, 'type/desc'))
    else {
      message(w, field, () => {
        message(w, 1, () => writeTensorDesc(w, variable, 'type/desc/tensor'))
        if (variable.lodLevel !== 0 || wasExplicit(variable.wire, 'lod_level'))
          w.tag(2, Varint).int32(variable.lodLevel)
        writeUnknown(w, variable, () => 'type/desc')
      })
    }
  }
  writeUnknown(w, variable, () => 'type')
}

function writeTensorDesc(w: WireWriter, variable: Variable, path: string): void {
  w.tag(1, Varint).int32(dtypeToProto(variable.dtype))
  for (const dim of variable.shape) w.tag(2, Varint).int64(dim)
  writeUnknown(w, variable, () => path)
}

function writeOperator(w: WireWriter, block: Block, op: Operator): void {
  writeSlots(w, 1, op, op.inputs, 'inputs')
  writeSlots(w, 2, op, op.outputs, 'outputs')
  text(w, 3, op.type)
  const def = block.program.definition(op.type)
  for (const name of attrOrder(op)) {
    const declared = def !== undefined && Object.hasOwn(def.attrs, name) ? def.attrs[name]!.type : undefined
    const generic = Object.hasOwn(GENERIC_ATTRS, name) ? GENERIC_ATTRS[name] : undefined
    const value = op.attrs[name]!
    const type = declared ?? generic ?? op.attrTypes?.[name] ?? inferAttrType(value)
    message(w, 4, () => {
      text(w, 1, name)
      w.tag(2, Varint).int32(ATTR_TYPES.indexOf(type))
      writeAttr(w, type, value)
      writeUnknown(w, op, () => `attrs/${name}`)
    })
  }
  flag(w, 5, op.isTarget, op, 'is_target')
  writeUnknown(w, op, () => '')
}

function writeSlots(w: WireWriter, field: number, op: Operator, slots: SlotNames, path: string): void {
  for (const slot of Object.keys(slots).sort(compareNames)) {
    message(w, field, () => {
      text(w, 1, slot)
      for (const name of slots[slot]!) text(w, 2, name)
      writeUnknown(w, op, () => `${path}/${slot}`)
    })
  }
}

/** Names of the attributes in the order of the file, then those that were added since. */
function attrOrder(op: Operator): string[] {
  const read = op.wire?.attrs ?? []
  const known = new Set(read)
  const extra = extraAttrs(op.type)
  const added = Object.keys(op.attrs)
    .filter((name) => !known.has(name))
    .sort((a, b) => Number(extra.has(b)) - Number(extra.has(a)) || compareNames(a, b))
  return [...read.filter((name) => Object.hasOwn(op.attrs, name)), ...added]
}

/** The value of an attribute in the field of its type. The framework has checked that the value fits the type. */
function writeAttr(w: WireWriter, type: AttrType, value: AttrValue): void {
  const field = ATTR_FIELDS[type]
  if (!isListAttr(type)) writeOne(w, field, type, value)
  else for (const element of value as readonly AttrValue[]) writeOne(w, field, elementOf(type), element)
}

function writeOne(w: WireWriter, field: number, type: AttrType, value: AttrValue): void {
  switch (type) {
    case 'STRING':
    case 'VAR':
      text(w, field, value as string)
      break
    case 'SCALAR':
      writeScalar(w, field, value as ScalarValue)
      break
    case 'FLOAT':
      w.tag(field, wireTypeOf(type)).float(value as number)
      break
    case 'FLOAT64':
      w.tag(field, wireTypeOf(type)).double(value as number)
      break
    default:
      // A flag, or a whole number; an attribute that means an element type is held as its name.
      w.tag(field, Varint).int64(
        isDType(value) ? dtypeToProto(value) : typeof value === 'boolean' ? Number(value) : (value as number | bigint),
      )
  }
}

function writeScalar(w: WireWriter, field: number, { scalar, value }: ScalarValue): void {
  const { type, field: member } = SCALAR_FIELDS[scalar]
  message(w, field, () => {
    w.tag(1, Varint).int32(type)
    if (scalar === 'BOOLEAN') w.tag(member, Varint).bool(value as boolean)
    else if (scalar === 'LONG') w.tag(member, Varint).int64(BigInt(value as number | string | bigint))
    else if (scalar === 'FLOAT64') w.tag(member, Bit64).double(numberFromJson(value)!)
    else {
      const [re, im] = value as readonly (number | string)[]
      message(w, member, () => w.tag(1, Bit64).double(numberFromJson(re)!).tag(2, Bit64).double(numberFromJson(im)!))
    }
  })
}
