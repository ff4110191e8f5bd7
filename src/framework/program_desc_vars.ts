/** The variables of a ProgramDesc in their JSON form. */
import { type DType, dtypeFromProto } from '../tensor/dtype.ts'
import type { Limits } from './limits.ts'
import { isDescriptionField, TENSOR_FIELDS, VAR_FLAGS, VAR_TYPE_BY_NUMBER } from './program_desc.ts'
import { missing, readName, within } from './program_desc_attrs.ts'
import type { VarJson } from './program_json.ts'
import type { VarType } from './variable.ts'
import { WireType } from './wire_format.ts'
import { type ExplicitField, UnknownFields, type WireNotes } from './wire_notes.ts'
import { nonsense, WireReader } from './wire_reader.ts'

/** A message's description of a tensor. */
interface TensorDesc {
  dtype?: number
  readonly dims: (number | bigint)[]
  lodLevel: number | undefined
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** A variable: its name, its type and the description that fits the type. @throws InvalidArgumentError E528 for what is missing or unknown. */
export function readVariable(reader: WireReader, limits: Limits): { json: VarJson; notes: WireNotes } {
  const { start } = reader
  const unknown = new UnknownFields()
  const explicit: ExplicitField[] = []
  const flags: Partial<Record<ExplicitField, true>> = {}
  const descriptions = new Map<number, { readonly raw: Uint8Array; readonly start: number }[]>()
  let name: string | undefined
  let typeNumber: number | undefined
  let hasType = false
  reader.message(() =>
    reader.fields(
      (field) => {
        if (field === 1) name = readName(reader, limits, 'a variable')
        else if (field === 2) {
          hasType = true
          reader.message(() =>
            reader.fields(
              (member) => {
                if (member === 1) typeNumber = reader.int32()
                else if (isDescriptionField(member)) {
                  const at = reader.start
                  const raw = reader.rawBytes()
                  const list = descriptions.get(member)
                  if (list === undefined) descriptions.set(member, [{ raw, start: at }])
                  else list.push({ raw, start: at })
                } else return false
                return true
              },
              (bytes) => unknown.add('type', bytes),
            ),
          )
        } else {
          const flag = VAR_FLAGS.find((known) => known.field === field)?.name
          if (flag === undefined) return false
          if (reader.bool()) flags[flag] = true
          else explicit.push(flag)
        }
        return true
      },
      (bytes) => unknown.add('', bytes),
    ),
  )
  if (name === undefined) throw missing('a variable', 'name', start)
  if (!hasType || typeNumber === undefined) throw missing(`variable "${name}"`, 'type', start)
  const type = VAR_TYPE_BY_NUMBER.get(typeNumber)
  if (type === undefined) {
    const what = `variable "${name}" has the type ${typeNumber}, which is no type of variable`
    throw nonsense(what, start, [...VAR_TYPE_BY_NUMBER.values()].join(', '), typeNumber)
  }
  const json: Writable<VarJson> = { name }
  if (type !== 'LOD_TENSOR') json.type = type
  const own = TENSOR_FIELDS[type]
  const stale = new Map<number, Uint8Array>()
  for (const [field, list] of descriptions) {
    const raw = list.length === 1 ? list[0]!.raw : joined(list.map((part) => part.raw))
    // Of the types without element type and shape here the description is kept as it is.
    if (own !== undefined && field !== own) stale.set(field, raw)
    else if (own === undefined) unknown.add('type', lengthDelimited(field, raw))
  }
  if (own !== undefined) {
    const parts = descriptions.get(own)
    if (parts === undefined) json.x_no_tensor_desc = true
    else describe(reader, limits, json, type, parts, explicit, unknown)
  }
  Object.assign(json, flags, unknown.member())
  return { json, notes: { explicit, ...(stale.size > 0 ? { stale } : {}) } }
}

/** Element type, shape and LoD level; a description given twice is merged. */
function describe(
  reader: WireReader,
  limits: Limits,
  json: Writable<VarJson>,
  type: VarType,
  parts: readonly { readonly raw: Uint8Array; readonly start: number }[],
  explicit: ExplicitField[],
  unknown: UnknownFields,
): void {
  const found: TensorDesc = { dims: [], lodLevel: undefined }
  const { start } = parts[0]!
  for (const part of parts) {
    const inner = new WireReader(part.raw, part.raw.byteOffset - reader.bytes.byteOffset)
    if (type === 'SELECTED_ROWS') {
      tensorDesc(limits, inner, found, (bytes) => unknown.add('type/desc', bytes))
      continue
    }
    inner.fields(
      (field) => {
        if (field === 1) {
          inner.message(() => tensorDesc(limits, inner, found, (bytes) => unknown.add('type/desc/tensor', bytes)))
        } else if (field === 2) found.lodLevel = inner.int32()
        else return false
        return true
      },
      (bytes) => unknown.add('type/desc', bytes),
    )
  }
  const { dtype: number, dims, lodLevel } = found
  if (number === undefined) throw missing(`variable "${json.name}"`, 'element type', start)
  const dtype = elementType(json.name, number, start)
  if (dtype !== 'float32') json.dtype = dtype
  if (dims.length > 0) json.shape = dims.map(Number)
  if (lodLevel === 0) explicit.push('lod_level')
  else if (lodLevel !== undefined) json.lod_level = lodLevel
}

function tensorDesc(
  limits: Limits,
  reader: WireReader,
  found: TensorDesc,
  onUnknown: (bytes: Uint8Array) => void,
): void {
  reader.fields((field) => {
    if (field === 1) found.dtype = reader.int32()
    else if (field === 2) {
      reader.repeated(WireType.Varint, () => {
        const dim = reader.int64()
        found.dims.push(dim)
        within(reader, limits, 'rank', found.dims.length, 'dimensions')
      })
    } else return false
    return true
  }, onUnknown)
}

/** @throws InvalidArgumentError E528 for a number that is no element type held here. */
function elementType(name: string, number: number, offset: number): DType {
  const dtype = dtypeFromProto(number)
  if (dtype !== undefined) return dtype
  throw nonsense(
    `variable "${name}" has the element type ${number}, which is not held here`,
    offset,
    'an element type',
    number,
  )
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** A field with its tag and length in front, as it stood in the file. */
function lengthDelimited(field: number, raw: Uint8Array): Uint8Array {
  const head = [field * 8 + 2]
  for (let rest = raw.length; ; rest = Math.floor(rest / 128)) {
    head.push(rest < 128 ? rest : (rest % 128) + 128)
    if (rest < 128) break
  }
  return joined([Uint8Array.from(head), raw])
}
