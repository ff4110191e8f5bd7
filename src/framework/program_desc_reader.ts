/**
 * ProgramDesc bytes (.pdmodel, __model__) to a program's JSON form, whose checks then apply, and the notes that make writing exact. Packed
 * numbers, fields in any order and unknown fields are read as protobuf reads them; what cannot be a program is refused with its place in
 * the file. Nothing is allocated by a number that the file declares. Source: framework.proto and op_desc.cc (2.6.2).
 */
import { EnforceError, ResourceExhaustedError } from '../errors.ts'
import type { AttrType } from './attr_value.ts'
import { type Limits, withLimits } from './limits.ts'
import { missing, readAttr, readName, within } from './program_desc_attrs.ts'
import { readVariable } from './program_desc_vars.ts'
import {
  type AttrJson,
  type BlockJson,
  type OpJson,
  type ProgramJson,
  type SlotsJson,
  type VarJson,
  validateProgramJson,
} from './program_json.ts'
import { type ExplicitField, UnknownFields, type WireNotes } from './wire_notes.ts'
import { nonsense, WireReader } from './wire_reader.ts'

export interface ProgramDescOptions {
  readonly limits?: Partial<Limits>
}

/** A ProgramDesc in its JSON form. */
export interface ReadProgramDesc {
  readonly json: ProgramJson
  readonly notes: WireNotes
  readonly blocks: readonly BlockNotes[]
}

export interface BlockNotes {
  readonly notes: WireNotes
  readonly vars: readonly WireNotes[]
  readonly ops: readonly WireNotes[]
  /** Where the block, its variables and its operators begin in the file. */
  readonly offset: number
  readonly varOffsets: readonly number[]
  readonly opOffsets: readonly number[]
}

/**
 * A program's JSON form from the bytes of a ProgramDesc, checked as a program file is.
 * @throws InvalidArgumentError E527 for bytes that break the wire format, E528 for a message that lacks or contradicts something, both with
 * the offset; E506 to E508 as for JSON; ResourceExhaustedError E601 and E603.
 */
export function readProgramDesc(bytes: Uint8Array, options: ProgramDescOptions = {}): ReadProgramDesc {
  const limits = withLimits(options.limits)
  if (bytes.length > limits.programBytes) {
    throw new ResourceExhaustedError('E601', `program file larger than the limit of ${limits.programBytes} bytes`, {
      expected: `at most ${limits.programBytes} bytes`,
      got: bytes.length,
    })
  }
  const read = new Decoder(bytes, limits).program()
  try {
    validateProgramJson(read.json, options)
  } catch (error) {
    if (!(error instanceof EnforceError)) throw error
    throw error.at({ offset: offsetOf(read, error.where?.pointer ?? '') })
  }
  return read
}

/** Where the part that a JSON pointer names begins in the file. */
export function offsetOf({ blocks }: ReadProgramDesc, pointer: string): number {
  const [, block, list, index] = /^\/blocks\/(\d+)(?:\/(ops|vars)\/(\d+))?/.exec(pointer) ?? []
  const notes = blocks[Number(block)]
  if (notes === undefined) return 0
  const offsets = list === 'ops' ? notes.opOffsets : list === 'vars' ? notes.varOffsets : []
  return offsets[Number(index)] ?? notes.offset
}

class Decoder {
  readonly #reader: WireReader
  readonly #limits: Limits
  #ops = 0
  #vars = 0

  constructor(bytes: Uint8Array, limits: Limits) {
    this.#reader = new WireReader(bytes)
    this.#limits = limits
  }

  program(): ReadProgramDesc {
    const reader = this.#reader
    const blocks: BlockJson[] = []
    const notes: BlockNotes[] = []
    const unknown = new UnknownFields()
    const opVersions: Record<string, number> = {}
    let version: number | undefined
    let hasOpVersions = false
    reader.fields(
      (field) => {
        if (field === 1) {
          within(this.#reader, this.#limits, 'blocks', blocks.length + 1, 'blocks')
          const block = this.#block()
          blocks.push(block.json)
          notes.push(block.notes)
        } else if (field === 4) version = this.#version(unknown)
        else if (field === 5) {
          hasOpVersions = true
          this.#opVersionMap(opVersions, unknown)
        } else return false
        return true
      },
      (bytes) => unknown.add('', bytes),
    )
    const explicit: ExplicitField[] = []
    if (version === 0) explicit.push('version')
    if (hasOpVersions && Object.keys(opVersions).length === 0) explicit.push('op_version_map')
    return {
      json: {
        format: 'oarlock-program',
        format_version: 1,
        blocks,
        ...(version === undefined || version === 0 ? {} : { version }),
        ...(hasOpVersions ? { op_versions: opVersions } : {}),
        ...unknown.member(),
      },
      notes: { explicit },
      blocks: notes,
    }
  }

  #version(unknown: UnknownFields): number {
    let version = 0
    const { start } = this.#reader
    this.#reader.message(() =>
      this.#reader.fields(
        (field) => {
          if (field !== 1) return false
          version = Number(this.#reader.int64())
          return true
        },
        (bytes) => unknown.add('version', bytes),
      ),
    )
    if (version < 0 || !Number.isSafeInteger(version)) {
      throw nonsense(`the version of a program cannot be ${version}`, start, 'a whole number from 0 to 2^53', version)
    }
    return version
  }

  #opVersionMap(versions: Record<string, number>, unknown: UnknownFields): void {
    const reader = this.#reader
    reader.message(() =>
      reader.fields(
        (field) => {
          if (field !== 1) return false
          const { start } = reader
          let name: string | undefined
          let version: number | undefined
          const rest: Uint8Array[] = []
          reader.message(() =>
            reader.fields(
              (member) => {
                if (member === 1) name = readName(reader, this.#limits, 'an operator type')
                else if (member === 2) {
                  reader.message(() =>
                    reader.fields(
                      (inner) => {
                        if (inner !== 1) return false
                        version = reader.int32()
                        return true
                      },
                      (bytes) => rest.push(bytes),
                    ),
                  )
                } else return false
                return true
              },
              (bytes) => rest.push(bytes),
            ),
          )
          if (name === undefined || version === undefined) throw missing('an operator version', 'name or number', start)
          versions[name] = version
          for (const bytes of rest) unknown.add(`op_version_map/${name}`, bytes)
          return true
        },
        (bytes) => unknown.add('op_version_map', bytes),
      ),
    )
  }

  #block(): { json: BlockJson; notes: BlockNotes } {
    const reader = this.#reader
    const { start } = reader
    const unknown = new UnknownFields()
    const vars: VarJson[] = []
    const ops: OpJson[] = []
    const notes = {
      notes: { explicit: [] as ExplicitField[], ordered: true as const },
      vars: [] as WireNotes[],
      ops: [] as WireNotes[],
      offset: start,
      varOffsets: [] as number[],
      opOffsets: [] as number[],
    }
    let idx: number | undefined
    let parent: number | undefined
    let forward = -1
    reader.message(() =>
      reader.fields(
        (field) => {
          if (field === 1) idx = reader.int32()
          else if (field === 2) parent = reader.int32()
          else if (field === 3) {
            within(this.#reader, this.#limits, 'vars', ++this.#vars, 'variables of the program')
            notes.varOffsets.push(reader.start)
            const variable = readVariable(reader, this.#limits)
            vars.push(variable.json)
            notes.vars.push(variable.notes)
          } else if (field === 4) {
            within(this.#reader, this.#limits, 'ops', ++this.#ops, 'operators of the program')
            notes.opOffsets.push(reader.start)
            const op = this.#operator()
            ops.push(op.json)
            notes.ops.push(op.notes)
          } else if (field === 5) {
            forward = reader.int32()
            if (forward === -1) notes.notes.explicit.push('forward_block_idx')
          } else return false
          return true
        },
        (bytes) => unknown.add('', bytes),
      ),
    )
    if (idx === undefined || parent === undefined) {
      throw missing('a block', idx === undefined ? 'idx' : 'parent_idx', start)
    }
    return {
      json: {
        idx,
        parent_idx: parent,
        ...(forward === -1 ? {} : { forward_block_idx: forward }),
        vars,
        ops,
        ...unknown.member(),
      },
      notes,
    }
  }

  #operator(): { json: OpJson; notes: WireNotes } {
    const reader = this.#reader
    const { start } = reader
    const unknown = new UnknownFields()
    const explicit: ExplicitField[] = []
    const inputs: Record<string, readonly string[]> = {}
    const outputs: Record<string, readonly string[]> = {}
    const attrs: Record<string, AttrJson> = {}
    const attrTypes: Record<string, AttrType> = {}
    const order: string[] = []
    let type: string | undefined
    let isTarget = false
    reader.message(() =>
      reader.fields(
        (field) => {
          if (field === 1) this.#slot(inputs, 'inputs', unknown)
          else if (field === 2) this.#slot(outputs, 'outputs', unknown)
          else if (field === 3) type = readName(reader, this.#limits, 'an operator type')
          else if (field === 4) {
            const attr = readAttr(reader, this.#limits, unknown)
            attrs[attr.name] = attr.value
            attrTypes[attr.name] = attr.type
            order.push(attr.name)
          } else if (field === 5) {
            isTarget = reader.bool()
            if (!isTarget) explicit.push('is_target')
          } else return false
          return true
        },
        (bytes) => unknown.add('', bytes),
      ),
    )
    if (type === undefined) throw missing('an operator', 'type', start)
    return {
      json: {
        type,
        ...slots('inputs', inputs),
        ...slots('outputs', outputs),
        ...(order.length === 0 ? {} : { attrs, attr_types: attrTypes }),
        ...(isTarget ? { is_target: true } : {}),
        ...unknown.member(),
      },
      notes: { explicit, attrs: order },
    }
  }

  /** A slot given twice has the names of both, as in Paddle (op_desc.cc). */
  #slot(side: Record<string, readonly string[]>, path: string, unknown: UnknownFields): void {
    const reader = this.#reader
    const { start } = reader
    const names: string[] = []
    const rest: Uint8Array[] = []
    let slot: string | undefined
    reader.message(() =>
      reader.fields(
        (field) => {
          if (field === 1) slot = readName(reader, this.#limits, 'a slot')
          else if (field === 2) {
            names.push(readName(reader, this.#limits, 'a variable'))
            within(this.#reader, this.#limits, 'namesPerSlot', names.length, 'names in a slot')
          } else return false
          return true
        },
        (bytes) => rest.push(bytes),
      ),
    )
    if (slot === undefined) throw missing('a slot', 'name', start)
    side[slot] = Object.hasOwn(side, slot) ? [...side[slot]!, ...names] : names
    for (const bytes of rest) unknown.add(`${path}/${slot}`, bytes)
  }
}

function slots(side: 'inputs' | 'outputs', names: SlotsJson): { inputs?: SlotsJson; outputs?: SlotsJson } {
  return Object.keys(names).length === 0 ? {} : { [side]: names }
}
