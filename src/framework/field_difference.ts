/**
 * Where two blocks, operators or variables differ, member by member. A missing attribute equals its default and a missing slot an empty
 * one; the order of arguments counts except where Paddle takes it from a set.
 */
import type { Attr } from './attr_value.ts'
import type { Block } from './block.ts'
import { GRAD_SUFFIX } from './op_def.ts'
import { OP_NAMESCOPE, OP_ROLE, OP_ROLE_VAR } from './op_role.ts'
import { sameAttr } from './op_text.ts'
import type { Operator } from './operator.ts'
import { attrTypeOf, compactShape, formatAttr, printable } from './print_text.ts'
import { isTensorKind, type Variable } from './variable.ts'

/** One member that differs. `from` and `to` are texts; undefined where that side has none. */
export interface FieldDifference {
  readonly what: 'attr' | 'input' | 'output' | 'member'
  /** The attribute, the slot, or the member as program files name it. */
  readonly name: string
  readonly from: string | undefined
  readonly to: string | undefined
}

export function blockFields(a: Block, b: Block): FieldDifference[] {
  const fields: FieldDifference[] = []
  addField(fields, 'member', 'parent_idx', a.parentIdx, b.parentIdx)
  addField(fields, 'member', 'forward_block_idx', a.forwardBlockIdx, b.forwardBlockIdx)
  return fields
}

function addField(
  fields: FieldDifference[],
  what: FieldDifference['what'],
  name: string,
  from: unknown,
  to: unknown,
): void {
  if (from !== to) fields.push({ what, name, from: String(from), to: String(to) })
}

export function operatorKey(op: Operator): string {
  const { inputs, outputs } = canonicalSlots(op)
  let key = op.type
  for (const [slot, names] of inputs) key += `\n<${slot}\t${names.join('\t')}`
  for (const [slot, names] of outputs) key += `\n>${slot}\t${names.join('\t')}`
  return key
}

/** Operators whose arguments Paddle collects in Python sets: their order means nothing. */
const UNORDERED: ReadonlySet<string> = new Set(['while', 'while_grad', 'conditional_block', 'conditional_block_grad'])

/** Attributes of theirs that hold the names of such arguments. */
const UNORDERED_ATTR = 'original_output_grad'

type Slots = [slot: string, names: readonly string[]][]

/** Slots that are not empty, by name; where order means nothing, names are sorted and the gradients of a slot follow its order. */
function canonicalSlots(op: Operator): { inputs: Slots; outputs: Slots } {
  const inputs = filledSlots(op.inputs)
  const outputs = filledSlots(op.outputs)
  if (!UNORDERED.has(op.type)) return { inputs, outputs }
  // An output of the forward operator is an input of its gradient, and stands before its own gradient in either case.
  const orders = new Map<string, readonly number[]>()
  for (const [slot, names] of [...inputs, ...outputs]) {
    if (!slot.endsWith(GRAD_SUFFIX)) orders.set(slot, sortedOrder(names))
  }
  const reorder = ([slot, names]: Slots[number]): Slots[number] => {
    const base = slot.endsWith(GRAD_SUFFIX) ? orders.get(slot.slice(0, -GRAD_SUFFIX.length)) : orders.get(slot)
    const order = base !== undefined && base.length === names.length ? base : sortedOrder(names)
    return [slot, order.map((i) => names[i]!)]
  }
  return { inputs: inputs.map(reorder), outputs: outputs.map(reorder) }
}

const filledSlots = (slots: Operator['inputs']): Slots =>
  Object.keys(slots)
    .filter((slot) => slots[slot]!.length > 0)
    .sort()
    .map((slot) => [slot, slots[slot]!])

const sortedOrder = (names: readonly string[]): number[] =>
  names.map((_, i) => i).sort((i, j) => (names[i]! < names[j]! ? -1 : names[i]! > names[j]! ? 1 : i - j))

export function slotFields(a: Operator, b: Operator): FieldDifference[] {
  const fields: FieldDifference[] = []
  const from = canonicalSlots(a)
  const to = canonicalSlots(b)
  for (const [what, side] of [
    ['input', 'inputs'],
    ['output', 'outputs'],
  ] as const) {
    const before = new Map(from[side])
    const after = new Map(to[side])
    for (const slot of new Set([...before.keys(), ...after.keys()])) {
      const x = before.get(slot)
      const y = after.get(slot)
      if (x === undefined || y === undefined || !sameAttr(x, y)) {
        fields.push({ what, name: slot, from: x && namesText(x), to: y && namesText(y) })
      }
    }
  }
  return fields
}

const namesText = (names: readonly string[]): string =>
  names.length === 1 ? printable(names[0]!) : `[${names.map(printable).join(', ')}]`

/** Operators of different libraries may hold different defaults; each is filled from its own program's. */
export function attrFields(
  blockA: Block,
  a: Operator,
  blockB: Block,
  b: Operator,
  ignoreAttr: (name: string) => boolean,
): FieldDifference[] {
  const fields: FieldDifference[] = []
  const compare = (name: string): void => {
    const held = a.attrs[name]
    if (ignoreAttr(name) || (held !== undefined && held === b.attrs[name])) return
    const x = attrOrDefault(blockA, a, name)
    const y = attrOrDefault(blockB, b, name)
    const type =
      attrTypeOf(a, blockA.program.definition(a.type), name) ?? attrTypeOf(b, blockB.program.definition(b.type), name)
    const unordered = name === UNORDERED_ATTR && UNORDERED.has(a.type)
    if (equalAttrs(unordered ? sortedList(x) : x, unordered ? sortedList(y) : y, type)) return
    fields.push({
      what: 'attr',
      name,
      from: x === undefined ? undefined : formatAttr(x, type),
      to: y === undefined ? undefined : formatAttr(y, type),
    })
  }
  for (const name of Object.keys(a.attrs)) compare(name)
  for (const name of Object.keys(b.attrs)) if (!Object.hasOwn(a.attrs, name)) compare(name)
  return fields.length < 2 ? fields : fields.sort((x, y) => (x.name < y.name ? -1 : 1))
}

const sortedList = (value: unknown): unknown => (Array.isArray(value) ? [...value].sort() : value)

const GENERIC_DEFAULTS: Readonly<Record<string, unknown>> = {
  [OP_ROLE]: 0,
  [OP_ROLE_VAR]: [],
  [OP_NAMESCOPE]: '',
  op_device: '',
  op_callstack: [],
  with_quant_attr: false,
}

function attrOrDefault(block: Block, op: Operator, name: string): unknown {
  if (Object.hasOwn(op.attrs, name)) return op.attrs[name]
  const def = block.program.definition(op.type)
  if (def !== undefined && Object.hasOwn(def.attrs, name)) return (def.attrs[name] as Attr).default
  return Object.hasOwn(GENERIC_DEFAULTS, name) ? GENERIC_DEFAULTS[name] : undefined
}

function equalAttrs(a: unknown, b: unknown, type: string | undefined): boolean {
  if (sameAttr(a, b)) return true
  if (type === 'FLOAT')
    return typeof a === 'number' && typeof b === 'number' && Object.is(Math.fround(a), Math.fround(b))
  if (type !== 'FLOATS' || !Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((x, i) => equalAttrs(x, b[i], 'FLOAT'))
}

/** Of a variable that holds no tensor only the type is looked at. */
export function variableFields(a: Variable, b: Variable): FieldDifference[] {
  const fields: FieldDifference[] = []
  addField(fields, 'member', 'type', a.type, b.type)
  if (!isTensorKind(a.type) || !isTensorKind(b.type)) return fields
  addField(fields, 'member', 'dtype', a.dtype, b.dtype)
  if (!sameAttr(a.shape, b.shape)) addField(fields, 'member', 'shape', compactShape(a.shape), compactShape(b.shape))
  addField(fields, 'member', 'persistable', a.persistable, b.persistable)
  addField(fields, 'member', 'stop_gradient', a.stopGradient, b.stopGradient)
  addField(fields, 'member', 'is_parameter', a.isParameter, b.isParameter)
  return fields
}

export function flowText(op: Operator): string {
  const inputs = op.inputNames().map(printable).join(', ')
  const outputs = op.outputNames().map(printable).join(', ')
  return outputs === '' ? inputs : `${inputs}${inputs === '' ? '' : ' '}→ ${outputs}`
}
