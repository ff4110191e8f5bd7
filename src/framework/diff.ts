/**
 * How two programs differ: `diffPrograms` aligns their operators and tells what was added, removed and changed, for people and the studio;
 * `comparePrograms` holds a program against a recorded one, operator by operator, by the rules for recorded programs. Neither looks at
 * the numbers that a program computes.
 */
import type { Attr } from './attr.ts'
import { isBackendHint } from './backend_hints.ts'
import type { Block } from './block.ts'
import { commonSubsequence } from './lcs.ts'
import { GRAD_SUFFIX } from './op_def.ts'
import { OP_NAMESCOPE, OP_ROLE, OP_ROLE_VAR } from './op_role.ts'
import { sameAttr } from './op_text.ts'
import type { Operator } from './operator.ts'
import { attrTypeOf, compactShape, formatAttr, printable, typeText } from './printer.ts'
import type { Program } from './program.ts'
import { isTensorKind, type Variable } from './variable.ts'

/** One member that differs. `from` and `to` are texts; undefined where that side has none. */
export interface FieldDifference {
  readonly what: 'attr' | 'input' | 'output' | 'member'
  /** The attribute, the slot, or the member as program files name it. */
  readonly name: string
  readonly from: string | undefined
  readonly to: string | undefined
}

export interface OpDifference {
  readonly kind: 'op'
  readonly change: 'added' | 'removed' | 'changed'
  readonly block: number
  /** Its index in the first program; of an added operator, in the second. */
  readonly index: number
  /** Of a changed operator: its index in the second program. */
  readonly toIndex?: number
  readonly type: string
  /** What it reads and writes: `x, w → y`. */
  readonly flow: string
  /** Of a changed operator. */
  readonly fields: readonly FieldDifference[]
}

export interface VarDifference {
  readonly kind: 'var'
  readonly change: 'added' | 'removed' | 'changed'
  readonly block: number
  readonly name: string
  /** `float32 [-1,5]`, in the program that has it. */
  readonly type: string
  readonly fields: readonly FieldDifference[]
}

export interface BlockDifference {
  readonly kind: 'block'
  readonly change: 'added' | 'removed' | 'changed'
  readonly block: number
  /** How many operators and variables it has; those of an added or removed block are not listed one by one. */
  readonly ops: number
  readonly vars: number
  readonly fields: readonly FieldDifference[]
}

/** Plain data, JSON-able. */
export type ProgramDifference = BlockDifference | OpDifference | VarDifference

export interface DiffOptions {
  /** Attributes that do not count. Default: `op_callstack`. */
  readonly ignoreAttr?: (name: string) => boolean
}

/**
 * What differs, block by block: the block itself, its operators in order, its variables. Operators are aligned by type and variables;
 * between those, an operator that another of its type stands for has changed. An attribute that is missing equals its default.
 * Linear for equal and nearly equal programs.
 */
export function diffPrograms(a: Program, b: Program, options: DiffOptions = {}): ProgramDifference[] {
  const ignoreAttr = options.ignoreAttr ?? ((name: string) => name === 'op_callstack')
  const found: ProgramDifference[] = []
  for (let idx = 0; idx < Math.max(a.blocks.length, b.blocks.length); idx++) {
    const from = a.blocks[idx]
    const to = b.blocks[idx]
    if (from === undefined || to === undefined) {
      const { ops, vars } = (from ?? to)!
      const change = from === undefined ? 'added' : 'removed'
      found.push({ kind: 'block', change, block: idx, ops: ops.length, vars: vars.size, fields: [] })
      continue
    }
    const fields = blockFields(from, to)
    if (fields.length > 0) {
      found.push({ kind: 'block', change: 'changed', block: idx, ops: to.ops.length, vars: to.vars.size, fields })
    }
    diffOps(from, to, ignoreAttr, found)
    diffVars(from, to, found)
  }
  return found
}

function blockFields(a: Block, b: Block): FieldDifference[] {
  const fields: FieldDifference[] = []
  addField(fields, 'member', 'parent_idx', a.parentIdx, b.parentIdx)
  addField(fields, 'member', 'forward_block_idx', a.forwardBlockIdx, b.forwardBlockIdx)
  return fields
}

function addField(fields: FieldDifference[], what: FieldDifference['what'], name: string, from: unknown, to: unknown): void {
  if (from !== to) fields.push({ what, name, from: String(from), to: String(to) })
}

function diffOps(a: Block, b: Block, ignoreAttr: (name: string) => boolean, found: ProgramDifference[]): void {
  const one = (change: 'added' | 'removed', block: Block, index: number): OpDifference => {
    const op = block.ops[index]!
    return { kind: 'op', change, block: block.idx, index, type: op.type, flow: flowText(op), fields: [] }
  }
  const pair = (i: number, j: number, sameSlots: boolean): void => {
    const from = a.ops[i]!
    const to = b.ops[j]!
    const fields = [...(sameSlots ? [] : slotFields(from, to)), ...attrFields(a, from, b, to, ignoreAttr)]
    if (fields.length === 0) return
    found.push({ kind: 'op', change: 'changed', block: a.idx, index: i, toIndex: j, type: from.type, flow: flowText(from), fields })
  }
  /** Operators between two that match: those of one type are taken for changed ones. */
  const gap = (fromA: number, toA: number, fromB: number, toB: number): void => {
    const typesA = a.ops.slice(fromA, toA).map((op) => op.type)
    const typesB = b.ops.slice(fromB, toB).map((op) => op.type)
    eachStep(typesA, typesB, (i, j) => {
      if (i !== undefined && j !== undefined) pair(fromA + i, fromB + j, false)
      else if (i !== undefined) found.push(one('removed', a, fromA + i))
      else if (j !== undefined) found.push(one('added', b, fromB + j))
    })
  }
  let gapA = 0
  let gapB = 0
  eachStep(a.ops.map(operatorKey), b.ops.map(operatorKey), (i, j) => {
    if (i === undefined || j === undefined) return
    gap(gapA, i, gapB, j)
    pair(i, j, true)
    gapA = i + 1
    gapB = j + 1
  })
  gap(gapA, a.ops.length, gapB, b.ops.length)
}

/** Visits both lists in order along a common subsequence: a matching pair, or an item of one list alone (removed ones first). */
function eachStep(
  a: readonly string[],
  b: readonly string[],
  visit: (i: number | undefined, j: number | undefined) => void,
): void {
  let i = 0
  let j = 0
  const upTo = (endA: number, endB: number) => {
    while (i < endA) visit(i++, undefined)
    while (j < endB) visit(undefined, j++)
  }
  for (const [x, y] of commonSubsequence(a, b)) {
    upTo(x, y)
    visit(i++, j++)
  }
  upTo(a.length, b.length)
}

function operatorKey(op: Operator): string {
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

function slotFields(a: Operator, b: Operator): FieldDifference[] {
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
function attrFields(
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
    const type = attrTypeOf(a, blockA.program.definition(a.type), name) ?? attrTypeOf(b, blockB.program.definition(b.type), name)
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
  if (type === 'FLOAT') return typeof a === 'number' && typeof b === 'number' && Object.is(Math.fround(a), Math.fround(b))
  if (type !== 'FLOATS' || !Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((x, i) => equalAttrs(x, b[i], 'FLOAT'))
}

function diffVars(a: Block, b: Block, found: ProgramDifference[]): void {
  const one = (change: VarDifference['change'], variable: Variable, fields: readonly FieldDifference[]): void => {
    found.push({ kind: 'var', change, block: a.idx, name: variable.name, type: typeText(variable), fields })
  }
  for (const variable of a.vars.values()) {
    const other = b.vars.get(variable.name)
    if (other === undefined) one('removed', variable, [])
    else {
      const fields = variableFields(variable, other)
      if (fields.length > 0) one('changed', variable, fields)
    }
  }
  for (const variable of b.vars.values()) if (!a.vars.has(variable.name)) one('added', variable, [])
}

/** Of a variable that holds no tensor only the type is looked at. */
function variableFields(a: Variable, b: Variable): FieldDifference[] {
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

function flowText(op: Operator): string {
  const inputs = op.inputNames().map(printable).join(', ')
  const outputs = op.outputNames().map(printable).join(', ')
  return outputs === '' ? inputs : `${inputs}${inputs === '' ? '' : ' '}→ ${outputs}`
}

export interface FormatDiffOptions {
  /** The two programs: the last line then says how many operators and variables each has. */
  readonly programs?: readonly [Program, Program]
  /** Only ASCII. */
  readonly ascii?: boolean
}

/** One line a difference, `~` changed, `−` removed, `+` added, and a line of counts. */
export function formatDiff(differences: readonly ProgramDifference[], options: FormatDiffOptions = {}): string {
  const ascii = options.ascii === true
  const arrow = ascii ? '->' : '→'
  const sign = { added: '+', removed: ascii ? '-' : '−', changed: '~' }
  const heads = differences.map(headOf)
  const widest = { place: 0, name: 0 }
  for (const [place, name] of heads) {
    widest.place = Math.max(widest.place, place.length)
    widest.name = Math.max(widest.name, Math.min(32, name.length))
  }
  const lines = differences.map((difference, i) => {
    const [place, name] = heads[i]!
    const fields = difference.fields.map(
      ({ what, name: member, from, to }) =>
        `${what === 'member' ? '' : `${what} `}${printable(member)} ${from ?? '(none)'} ${arrow} ${to ?? '(none)'}`,
    )
    const rest = difference.change === 'changed' ? fields.join(', ') : wholeOf(difference).replaceAll('→', arrow)
    return `${sign[difference.change]} ${place.padEnd(widest.place)}  ${name.padEnd(widest.name)}  ${rest}`.trimEnd()
  })
  lines.push(countsLine(differences, options.programs, ascii))
  return lines.join('\n')
}

function headOf(difference: ProgramDifference): [place: string, name: string] {
  if (difference.kind === 'op') return [`b${difference.block}#${difference.index}`, printable(difference.type)]
  if (difference.kind === 'var') return [`b${difference.block} var`, printable(difference.name)]
  return [`b${difference.block}`, 'block']
}

function wholeOf(difference: ProgramDifference): string {
  if (difference.kind === 'op') return difference.flow
  return difference.kind === 'var' ? difference.type : `${counted(difference.ops, 'op')}, ${counted(difference.vars, 'var')}`
}

function countsLine(differences: readonly ProgramDifference[], programs: readonly [Program, Program] | undefined, ascii: boolean): string {
  if (differences.length === 0) return 'no differences'
  const count = { op: 0, var: 0, block: 0 }
  for (const { kind } of differences) count[kind]++
  const parts: string[] = []
  if (programs === undefined) parts.push(`${counted(count.op, 'op')} and ${counted(count.var, 'var')} differ`)
  else {
    const [opsA, opsB] = programs.map(({ blocks }) => blocks.reduce((total, { ops }) => total + ops.length, 0)) as [number, number]
    const [varsA, varsB] = programs.map(({ blocks }) => blocks.reduce((total, { vars }) => total + vars.size, 0)) as [number, number]
    const arrow = ascii ? '->' : '→'
    parts.push(`${count.op} of ${counted(opsA, 'op')} differ${opsA === opsB ? '' : `, ops ${opsA} ${arrow} ${opsB}`}`)
    parts.push(varsA === varsB ? `${count.var} of ${counted(varsA, 'var')} differ` : `vars ${varsA} ${arrow} ${varsB}`)
  }
  if (count.block > 0) parts.push(`${counted(count.block, 'block')} differ`)
  return parts.join(ascii ? ' | ' : ' · ')
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** Attributes that mean nothing in a recorded program, or not here. */
export const isIgnoredInRecorded = (attr: string): boolean =>
  attr === 'op_callstack' || attr === 'op_device' || attr === 'with_quant_attr' || isBackendHint(attr)

export interface CompareOptions {
  /** Attributes that do not count beside those that never do in a recorded program. */
  readonly ignoreAttr?: (name: string) => boolean
  /** Compares only these operators, in their order. Default: all. */
  readonly ops?: (op: Operator) => boolean
  /** Compares only these variables. Default: all. */
  readonly vars?: (variable: Variable) => boolean
}

/**
 * Holds `made` against `recorded`, operator by operator in order, and returns what does not agree, the first difference first. At an
 * operator of another type the comparison of a block's operators ends: what follows would be the same difference again.
 * A missing attribute equals its default and a missing slot an empty one.
 */
export function comparePrograms(recorded: Program, made: Program, options: CompareOptions = {}): string[] {
  const found: string[] = []
  const ignoreAttr = (name: string): boolean => isIgnoredInRecorded(name) || options.ignoreAttr?.(name) === true
  if (recorded.blocks.length !== made.blocks.length) {
    found.push(`the program has ${counted(made.blocks.length, 'block')}, recorded ${recorded.blocks.length}`)
  }
  for (let idx = 0; idx < Math.min(recorded.blocks.length, made.blocks.length); idx++) {
    const want = recorded.blocks[idx]!
    const got = made.blocks[idx]!
    for (const field of blockFields(want, got)) found.push(`block ${idx}: ${mismatch(field)}`)
    compareOps(want, got, ignoreAttr, options.ops, found)
    compareVars(want, got, options.vars, found)
  }
  return found
}

const mismatch = ({ what, name, from, to }: FieldDifference): string =>
  `${what === 'member' ? '' : `${what} `}${name} is ${to ?? 'missing'}, recorded ${from ?? 'none'}`

function compareOps(
  recorded: Block,
  made: Block,
  ignoreAttr: (name: string) => boolean,
  wanted: ((op: Operator) => boolean) | undefined,
  found: string[],
): void {
  const pick = ({ ops }: Block): [Operator, number][] => {
    const picked: [Operator, number][] = []
    ops.forEach((op, i) => {
      if (wanted === undefined || wanted(op)) picked.push([op, i])
    })
    return picked
  }
  const want = pick(recorded)
  const got = pick(made)
  const place = (position: number): string => {
    const [, at] = want[position] ?? [undefined, undefined]
    const [, to] = got[position] ?? [undefined, at]
    return `block ${recorded.idx}, operator ${at ?? to}${at === undefined || at === to ? '' : ` (here ${to})`}`
  }
  for (let i = 0; i < Math.max(want.length, got.length); i++) {
    const a = want[i]?.[0]
    const b = got[i]?.[0]
    if (a === undefined || b === undefined || a.type !== b.type) {
      const text = (op: Operator | undefined) => (op === undefined ? 'no operator' : `${op.type}(${flowText(op)})`)
      found.push(`${place(i)}: ${text(b)}, recorded ${text(a)}`)
      if (want.length !== got.length) {
        found.push(`block ${recorded.idx}: ${counted(got.length, 'operator')}, recorded ${want.length}`)
      }
      return
    }
    for (const field of [...slotFields(a, b), ...attrFields(recorded, a, made, b, ignoreAttr)]) {
      found.push(`${place(i)} (${a.type}): ${mismatch(field)}`)
    }
  }
}

function compareVars(recorded: Block, made: Block, wanted: ((variable: Variable) => boolean) | undefined, found: string[]): void {
  const place = (name: string): string => `block ${recorded.idx}, variable "${name}"`
  for (const variable of recorded.vars.values()) {
    if (wanted !== undefined && !wanted(variable)) continue
    const other = made.vars.get(variable.name)
    if (other === undefined) found.push(`${place(variable.name)} is missing, recorded ${typeText(variable)}`)
    else for (const field of variableFields(variable, other)) found.push(`${place(variable.name)}: ${mismatch(field)}`)
  }
  for (const variable of made.vars.values()) {
    if (wanted !== undefined && !wanted(variable)) continue
    if (!recorded.vars.has(variable.name)) found.push(`${place(variable.name)} is not in the recorded program, ${typeText(variable)}`)
  }
}
