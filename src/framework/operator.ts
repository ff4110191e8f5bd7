/**
 * One operator of a block: type, variables by slot, attributes. Attributes that no definition declares are kept with their type.
 */
import type { Attr, AttrType, AttrValue } from './attr_value.ts'
import type { CallSite } from './call_site.ts'
import type { AnyOpDef } from './op_def.ts'
import { OP_NAMESCOPE, OP_ROLE, OP_ROLE_VAR } from './op_role.ts'
import type { WireNotes } from './wire_notes.ts'

/** Variable names by slot. */
export type SlotNames = Readonly<Record<string, readonly string[]>>

/** Attributes that every operator may carry, with their types (op_proto_maker). */
export const GENERIC_ATTRS: Readonly<Record<string, AttrType>> = {
  op_role: 'INT',
  op_role_var: 'STRINGS',
  op_namescope: 'STRING',
  op_callstack: 'STRINGS',
  op_device: 'STRING',
  with_quant_attr: 'BOOLEAN',
}

export interface OperatorParts {
  readonly type: string
  readonly inputs: SlotNames
  readonly outputs: SlotNames
  readonly attrs: Record<string, AttrValue>
  /** Types of attributes that neither the definition nor GENERIC_ATTRS declares. */
  readonly attrTypes?: Readonly<Record<string, AttrType>> | undefined
  readonly isTarget?: boolean
  readonly extra?: Readonly<Record<string, unknown>> | undefined
  /** How the ProgramDesc that it came from wrote it. */
  readonly wire?: WireNotes | undefined
  readonly callSite?: CallSite | undefined
}

let lastId = 0

export class Operator {
  /** Identity that survives clone and passes; not written to files. */
  readonly id: number
  readonly type: string
  readonly inputs: SlotNames
  readonly outputs: SlotNames
  readonly attrs: Readonly<Record<string, AttrValue>>
  readonly attrTypes: Readonly<Record<string, AttrType>> | undefined
  isTarget: boolean
  readonly extra: Readonly<Record<string, unknown>> | undefined
  wire: WireNotes | undefined
  readonly callSite: CallSite | undefined
  #filled: { def: AnyOpDef; values: Readonly<Record<string, AttrValue>> } | undefined

  /** Use Block.appendOp. */
  constructor(parts: OperatorParts, id = ++lastId) {
    this.id = id
    this.type = parts.type
    this.inputs = parts.inputs
    this.outputs = parts.outputs
    this.attrs = parts.attrs
    this.attrTypes = parts.attrTypes
    this.isTarget = parts.isTarget ?? false
    this.extra = parts.extra
    this.wire = parts.wire
    this.callSite = parts.callSite
  }

  get role(): number {
    const role = this.attrs[OP_ROLE]
    return typeof role === 'number' ? role : 0
  }

  get roleVars(): readonly string[] {
    const vars = this.attrs[OP_ROLE_VAR]
    return Array.isArray(vars) ? (vars as readonly string[]) : []
  }

  get nameScope(): string {
    const scope = this.attrs[OP_NAMESCOPE]
    return typeof scope === 'string' ? scope : ''
  }

  /** All input names, slots in alphabetical order as an OpDesc keeps them. */
  inputNames(): string[] {
    return namesOf(this.inputs)
  }

  /** All output names, slots in alphabetical order. */
  outputNames(): string[] {
    return namesOf(this.outputs)
  }

  /** Index of the sub-block, for control flow. */
  get subBlock(): number | undefined {
    const idx = this.attrs['sub_block']
    return typeof idx === 'number' ? idx : undefined
  }

  /** The declared attributes of `def`, defaults filled in where the operator has none. */
  filledAttrs(def: AnyOpDef): Readonly<Record<string, AttrValue>> {
    if (this.#filled?.def === def) return this.#filled.values
    const values: Record<string, AttrValue> = {}
    for (const name in def.attrs) {
      const declared = def.attrs[name] as Attr
      const value = Object.hasOwn(this.attrs, name) ? this.attrs[name] : (declared.default as AttrValue | undefined)
      if (value !== undefined) values[name] = value
    }
    this.#filled = { def, values }
    return values
  }

  /** Sets an attribute in place. Callers go through Block.setAttr, which counts the edit. */
  setAttr(name: string, value: AttrValue | undefined): void {
    const attrs = this.attrs as Record<string, AttrValue>
    if (value === undefined) delete attrs[name]
    else attrs[name] = value
    this.#filled = undefined
  }

  /** The same operator over other variables: names are replaced through `map`, in inputs and outputs. */
  renamed(map: (name: string) => string): Operator {
    const apply = (slots: SlotNames): SlotNames =>
      Object.fromEntries(Object.entries(slots).map(([slot, names]) => [slot, names.map(map)]))
    return new Operator({ ...this.parts(), inputs: apply(this.inputs), outputs: apply(this.outputs) }, this.id)
  }

  /** The members to make an equal operator from; attributes are copied one level deep. */
  parts(): OperatorParts {
    return {
      type: this.type,
      inputs: this.inputs,
      outputs: this.outputs,
      attrs: { ...this.attrs },
      isTarget: this.isTarget,
      attrTypes: this.attrTypes,
      extra: this.extra,
      wire: this.wire,
      callSite: this.callSite,
    }
  }
}

function namesOf(slots: SlotNames): string[] {
  const keys = Object.keys(slots)
  if (keys.length === 1) return [...slots[keys[0]!]!]
  const names: string[] = []
  for (const slot of keys.sort()) for (const name of slots[slot]!) names.push(name)
  return names
}
