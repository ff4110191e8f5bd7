/**
 * A block: variables by name and operators in order. All editing of a program goes through the methods here, so that the program's edit
 * counter and the writer index stay right. Source: python/paddle/base/framework.py, class Block (2.6.2).
 */
import {
  AlreadyExistsError,
  type ErrorPlace,
  InvalidArgumentError,
  NotFoundError,
  suggest,
  withPlace,
} from '../errors.ts'
import { type Attr, type AttrType, type AttrValue, PARSERS } from './attr_value.ts'
import { hintType } from './backend_hints.ts'
import { checkSlots, type InferredMetas, inferOperator, type MetaSource } from './infer.ts'
import { shortText } from './issue.ts'
import { type AnyOpDef, EMPTY_VAR, findOp, type Meta } from './op_def.ts'
import { OP_NAMESCOPE, OP_ROLE, OP_ROLE_VAR } from './op_role.ts'
import { formatOperator } from './op_text.ts'
import { GENERIC_ATTRS, Operator, type SlotNames } from './operator.ts'
import type { Program } from './program.ts'
import { isTensorKind, Parameter, type ParameterOptions, type VarDesc, Variable } from './variable.ts'
import type { WireNotes } from './wire_notes.ts'

/** A variable or its name, or a list of them. */
export type SlotValue = string | Variable | readonly (string | Variable)[]

export interface AppendOpDesc {
  readonly type: string
  readonly inputs?: Readonly<Record<string, SlotValue | undefined>>
  /** When left out, a variable is made for every output slot that is not optional. */
  readonly outputs?: Readonly<Record<string, SlotValue | undefined>>
  readonly attrs?: Readonly<Record<string, unknown>>
}

export class Block {
  readonly program: Program
  readonly idx: number
  /** -1 for block 0. */
  readonly parentIdx: number
  /** The block whose gradient this one holds, or -1. */
  forwardBlockIdx: number
  /** `$…` and `x_…` members of the file it came from. */
  extra: Readonly<Record<string, unknown>> | undefined
  /** How the ProgramDesc that it came from wrote it. */
  wire: WireNotes | undefined
  #vars = new Map<string, Variable>()
  #ops: Operator[] = []
  #writers: Map<string, Operator> | undefined = new Map()
  #source: MetaSource | undefined

  /** Use Program.createBlock. */
  constructor(program: Program, idx: number, parentIdx: number, forwardBlockIdx = -1) {
    this.program = program
    this.idx = idx
    this.parentIdx = parentIdx
    this.forwardBlockIdx = forwardBlockIdx
  }

  get ops(): readonly Operator[] {
    return this.#ops
  }

  get vars(): ReadonlyMap<string, Variable> {
    return this.#vars
  }

  get parent(): Block | undefined {
    return this.parentIdx < 0 ? undefined : this.program.blocks[this.parentIdx]
  }

  /** Parameters of this block in the order in which they were created. */
  parameters(): Parameter[] {
    const found: Parameter[] = []
    for (const variable of this.#vars.values()) if (variable instanceof Parameter) found.push(variable)
    return found
  }

  hasVar(name: string): boolean {
    return this.#vars.has(name)
  }

  /** The variable of that name in this block or an enclosing one, or undefined. */
  findVar(name: string): Variable | undefined {
    for (let block: Block | undefined = this; block !== undefined; block = block.parent) {
      const variable = block.#vars.get(name)
      if (variable !== undefined) return variable
    }
    return undefined
  }

  /**
   * The variable of that name in this block or an enclosing one.
   * @throws NotFoundError E207 with the nearest names.
   */
  var(name: string): Variable {
    const variable = this.findVar(name)
    if (variable !== undefined) return variable
    throw this.#noVariable(name)
  }

  /** @throws AlreadyExistsError E208 if this block has a variable of that name. */
  createVar(desc: VarDesc): Variable {
    return this.#addVar(new Variable(this, desc))
  }

  /** A persistable variable that training changes. @throws AlreadyExistsError E208. */
  createParameter(desc: VarDesc, options?: ParameterOptions): Parameter {
    return this.#addVar(new Parameter(this, desc, options))
  }

  #addVar<V extends Variable>(variable: V): V {
    if (this.#vars.has(variable.name)) {
      throw new AlreadyExistsError('E208', `block ${this.idx} already has a variable "${variable.name}"`, {
        where: { block: this.idx, variable: variable.name },
        got: variable.name,
      })
    }
    this.#vars.set(variable.name, variable)
    this.program.edited()
    return variable
  }

  /** Takes a variable out; the operators that name it stay. */
  removeVar(name: string): void {
    if (this.#vars.delete(name)) this.program.edited()
  }

  /** The operator that last wrote a variable in this block, or undefined. */
  lastWriter(name: string): Operator | undefined {
    if (this.#writers === undefined) {
      this.#writers = new Map()
      for (const op of this.#ops) for (const output of op.outputNames()) this.#writers.set(output, op)
    }
    return this.#writers.get(name)
  }

  /**
   * Appends an operator: attributes are checked and filled with defaults, outputs get element type and shape by inference, and role and
   * name scope come from the program. If no input wants a gradient, no output does. Nothing changes when it throws.
   * @throws NotFoundError E204 (operator), E205 (slot), E207 (variable), E209 (attribute); InvalidArgumentError E206, E201 (attribute value),
   * E203 (shapes), E210 (element types); with block, operator and caller's line.
   */
  appendOp(desc: AppendOpDesc): Operator {
    return this.#insert(this.#ops.length, desc, true)
  }

  prependOp(desc: AppendOpDesc): Operator {
    return this.#insert(0, desc, false)
  }

  /** Puts an operator before the one at `index`; stop_gradient of the outputs stays as it is. */
  insertOp(index: number, desc: AppendOpDesc): Operator {
    return this.#insert(index, desc, false)
  }

  #insert(index: number, desc: AppendOpDesc, passStopGradient: boolean): Operator {
    const { program } = this
    const callSite = program.callSite()
    const place = (): ErrorPlace => ({
      block: this.idx,
      op: index,
      opType: desc.type,
      ...(callSite?.text === undefined ? {} : { site: callSite.text }),
    })
    return withPlace(place, () => {
      const def = findOp(program.library, desc.type)
      if (def === undefined) {
        const hint = suggest(desc.type, Object.keys(program.library))
        throw new NotFoundError('E204', `no operator "${desc.type}"`, {
          got: desc.type,
          hint,
        })
      }
      const inputs = this.#inputSlots(def, desc)
      const attrs = this.#attrs(def, desc.attrs ?? {})
      const created: string[] = []
      const generated: string[] = []
      const outputs = this.#outputSlots(def, desc, created, generated)
      const op = new Operator({
        type: desc.type,
        inputs,
        outputs,
        attrs,
        attrTypes: typesOfHints(def, attrs),
        callSite,
      })
      let metas: InferredMetas
      try {
        checkSlots(def, op)
        metas = withPlace(
          () => ({ text: formatOperator(op, program.library) }),
          () => this.infer(def, op),
        )
      } catch (error) {
        for (const name of generated.reverse()) program.names.takeBack(name)
        throw error
      }
      for (const name of created) {
        const mentioned = this.findVar(name)
        if (mentioned === undefined) this.createVar({ name })
      }
      this.#applyMetas(op, metas)
      if (passStopGradient && !this.#anyInputWantsGradient(op)) {
        for (const name of op.outputNames()) {
          const variable = this.findVar(name)
          if (variable !== undefined) variable.stopGradient = true
        }
      }
      this.insertOperator(index, op)
      return op
    })
  }

  #inputSlots(def: AnyOpDef, desc: AppendOpDesc): SlotNames {
    const inputs: Record<string, readonly string[]> = {}
    if (desc.inputs === undefined) return inputs
    for (const [slot, value] of Object.entries(desc.inputs)) {
      const names = toNames(value, desc.type, slot)
      for (const name of names)
        if (name !== EMPTY_VAR && this.findVar(name) === undefined) throw this.#noVariable(name, slot)
      inputs[slot] = names
    }
    // Paddle writes every declared slot of an operator that has inputs, with an empty list where nothing was given.
    for (const slot in def.inputs) if (!Object.hasOwn(inputs, slot)) inputs[slot] = []
    return inputs
  }

  #outputSlots(def: AnyOpDef, desc: AppendOpDesc, created: string[], generated: string[]): SlotNames {
    const outputs: Record<string, readonly string[]> = {}
    if (desc.outputs === undefined) {
      let layer: string | undefined
      for (const [slot, { arity }] of Object.entries(def.outputs)) {
        if (arity !== 'one') continue
        if (layer === undefined) generated.push((layer = this.program.names.generate(def.type)))
        const name = this.program.names.generate(`${layer}.tmp`)
        generated.push(name)
        created.push(name)
        outputs[slot] = [name]
      }
      return outputs
    }
    for (const [slot, value] of Object.entries(desc.outputs)) {
      if (value === undefined) continue
      const names = toNames(value, desc.type, slot)
      for (const name of names) if (name !== EMPTY_VAR && this.findVar(name) === undefined) created.push(name)
      outputs[slot] = names
    }
    return outputs
  }

  #attrs(def: AnyOpDef, given: Readonly<Record<string, unknown>>): Record<string, AttrValue> {
    const attrs = fillAttrs(def, given)
    const { program } = this
    attrs[OP_ROLE] ??= program.currentRole
    attrs[OP_ROLE_VAR] ??= [...program.currentRoleVars]
    attrs[OP_NAMESCOPE] ??= program.nameScopes.path
    return attrs
  }

  /** Inference of an operator over this block's variables, while the program is built. */
  infer(def: AnyOpDef, op: Operator): InferredMetas {
    return inferOperator(def, op, op.filledAttrs(def), this.metaSource())
  }

  /** What is known of variables seen from this block. */
  metaSource(): MetaSource {
    this.#source ??= {
      meta: (name) => {
        const variable = this.findVar(name)
        return variable === undefined || !isTensorKind(variable.type) ? undefined : variable.meta
      },
      constant: (name) => {
        const writer = this.lastWriter(name)
        // With an input (ShapeTensor, ValueTensor) the output does not follow from the attributes.
        if (writer === undefined || writer.inputNames().length > 0) return undefined
        const def = findOp(this.program.library, writer.type)
        return def?.constant?.(writer.filledAttrs(def))
      },
    }
    return this.#source
  }

  #applyMetas(op: Operator, metas: InferredMetas): void {
    for (const [slot, names] of Object.entries(op.outputs)) {
      names.forEach((name, i) => {
        const meta = metas[slot]?.[i]
        const variable = name === EMPTY_VAR ? undefined : this.findVar(name)
        if (variable === undefined || meta === undefined) return
        applyMeta(variable, meta)
      })
    }
  }

  #anyInputWantsGradient(op: Operator): boolean {
    for (const slot in op.inputs)
      for (const name of op.inputs[slot]!) if (this.findVar(name)?.stopGradient === false) return true
    return false
  }

  /** Puts an operator in without any check: for passes, backward and readers, whose operators are whole already. */
  insertOperator(index: number, op: Operator): void {
    if (index === this.#ops.length) {
      this.#ops.push(op)
      if (this.#writers !== undefined) for (const name of op.outputNames()) this.#writers.set(name, op)
    } else {
      this.#ops.splice(index, 0, op)
      this.#writers = undefined
    }
    this.program.edited()
  }

  /** Replaces the whole list of operators. */
  replaceOps(ops: readonly Operator[]): void {
    this.#ops = [...ops]
    this.#writers = undefined
    this.program.edited()
  }

  /** Copies variables and operators of another block in; operators keep their identity. */
  adopt(block: Block): void {
    this.extra = block.extra
    this.wire = block.wire
    for (const variable of block.#vars.values()) {
      if (variable instanceof Parameter) this.createParameter({ ...variable }, { ...variable })
      else this.createVar({ ...variable })
    }
    this.replaceOps(block.#ops.map((op) => new Operator(op.parts(), op.id)))
  }

  /** Sets (or with undefined takes away) an attribute of one of this block's operators. */
  setAttr(op: Operator, name: string, value: AttrValue | undefined): void {
    op.setAttr(name, value)
    this.program.edited()
  }

  #noVariable(name: string, slot?: string): NotFoundError {
    const names = function* (this: Block): Generator<string> {
      for (let block: Block | undefined = this; block !== undefined; block = block.parent) yield* block.#vars.keys()
    }.call(this)
    const hint = suggest(name, names)
    return new NotFoundError('E207', `block ${this.idx} has no variable "${name}"`, {
      where: { block: this.idx, variable: name, ...(slot === undefined ? {} : { slot }) },
      got: name,
      hint,
    })
  }
}

/**
 * The attributes that a caller gives, checked, with the defaults of the definition for the others. Hints for other back ends are kept.
 * @throws NotFoundError E209 for a name that the definition does not have, InvalidArgumentError E201 for a value or a missing attribute.
 */
export function fillAttrs(def: AnyOpDef, given: Readonly<Record<string, unknown>>): Record<string, AttrValue> {
  const attrs: Record<string, AttrValue> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const declared = Object.hasOwn(def.attrs, name) || Object.hasOwn(GENERIC_ATTRS, name)
    const foreign = declared ? undefined : hintType(name, value)
    if (!declared && foreign === undefined) {
      const hint = suggest(name, Object.keys(def.attrs))
      throw new NotFoundError('E209', `${def.type} has no attribute "${name}"`, {
        expected: Object.keys(def.attrs),
        got: name,
        hint: hint ?? `its attributes are ${Object.keys(def.attrs).join(', ') || 'none'}`,
      })
    }
    attrs[name] = parseAttr(def, name, value, foreign)
  }
  for (const name in def.attrs) {
    if (Object.hasOwn(attrs, name)) continue
    const declared = def.attrs[name] as Attr
    if (declared.required) {
      throw new InvalidArgumentError('E201', `${def.type}: attr ${name} must be given`, { expected: declared.type })
    }
    attrs[name] = declared.default as AttrValue
  }
  return attrs
}

/** The types of attributes that are hints alone, which a file must name. */
function typesOfHints(def: AnyOpDef, attrs: Readonly<Record<string, AttrValue>>): Record<string, AttrType> | undefined {
  let attrTypes: Record<string, AttrType> | undefined
  for (const name in attrs) {
    if (Object.hasOwn(def.attrs, name)) continue
    const type = hintType(name, attrs[name])
    if (type !== undefined) (attrTypes ??= {})[name] = type
  }
  return attrTypes
}

/** Element type, shape and kind of a variable as inference found them. */
export function applyMeta(variable: Variable, meta: Meta): void {
  variable.dtype = meta.dtype
  variable.shape = meta.shape
  if (meta.kind !== undefined) variable.type = meta.kind
}

/**
 * An attribute's value as operators hold it.
 * @throws InvalidArgumentError E201 naming attribute, wanted and got.
 */
export function parseAttr(def: AnyOpDef | undefined, name: string, value: unknown, type?: AttrType): AttrValue {
  const declared =
    def !== undefined && Object.hasOwn(def.attrs, name) ? (def.attrs[name] as Attr<AttrValue>) : undefined
  const parse =
    declared?.parse ??
    PARSERS[type ?? (Object.hasOwn(GENERIC_ATTRS, name) ? GENERIC_ATTRS[name]! : inferAttrType(value))]
  const parsed = parse(value)
  if ('value' in parsed) return parsed.value
  const short = shortText(value)
  throw new InvalidArgumentError(
    'E201',
    `${def?.type ?? 'operator'}: attr ${name} must be ${parsed.wanted}, got ${short}`,
    {
      expected: parsed.wanted,
      got: short,
    },
  )
}

/** The attribute type that a plain value of an undeclared attribute most likely has. */
export function inferAttrType(value: unknown): AttrType {
  if (typeof value === 'boolean') return 'BOOLEAN'
  if (typeof value === 'string') return 'STRING'
  if (typeof value === 'bigint') return 'LONG'
  if (typeof value === 'number') {
    return !Number.isInteger(value) ? 'FLOAT' : Math.abs(value) <= 2147483647 ? 'INT' : 'LONG'
  }
  if (Array.isArray(value)) {
    const kinds = new Set(value.map(inferAttrType))
    if (kinds.has('STRING')) return 'STRINGS'
    if (kinds.has('BOOLEAN')) return 'BOOLEANS'
    if (kinds.has('SCALAR')) return 'SCALARS'
    return kinds.has('FLOAT') ? 'FLOATS' : kinds.has('LONG') ? 'LONGS' : 'INTS'
  }
  return 'SCALAR'
}

/** @throws InvalidArgumentError E206 for what is neither a name nor a variable. */
function toNames(value: SlotValue | undefined, opType: string, slot: string): string[] {
  if (value === undefined) return []
  return (Array.isArray(value) ? (value as readonly unknown[]) : [value]).map((item) => {
    if (typeof item === 'string') return item
    if (item instanceof Variable) return item.name
    const got = item === null || typeof item !== 'object' ? String(item) : item.constructor?.name
    throw new InvalidArgumentError('E206', `${opType}: slot ${slot} takes variables or their names, got ${got}`, {
      where: { opType, slot },
      expected: 'a variable, a name, or a list of them',
      got,
    })
  })
}
