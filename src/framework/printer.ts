/**
 * Programs, operators and variables as text for people: what `oarlock show` and `String(program)` print. The text depends on the program
 * alone, so that it can be compared; one operator on one line is in `op_text.ts`, data for machines in `program_codec.ts`.
 */
import { NotFoundError, OutOfRangeError, suggest } from '../errors.ts'
import { byteSize } from '../tensor/dtype.ts'
import { shortestFloat32 } from '../tensor/float32.ts'
import type { Shape } from '../tensor/shape.ts'
import type { Attr } from './attr.ts'
import type { Block } from './block.ts'
import { type AnyOpDef, EMPTY_VAR } from './op_def.ts'
import { OpRole, roleLetter, roleName } from './op_role.ts'
import { formatAttrValue } from './op_text.ts'
import { GENERIC_ATTRS, type Operator, type SlotNames } from './operator.ts'
import type { Program } from './program.ts'
import { pythonFloat } from './python_text.ts'
import { blockAttrs, indexVariables, resolveVar, usesOf, type VariableIndex, type VariableUse } from './variable_index.ts'
import { isTensorKind, type Variable } from './variable.ts'

export interface FormatOptions {
  /** Columns of the terminal: longer lines are cut with `…`. Default: nothing is cut. */
  readonly width?: number
  /** Only ASCII for arrows, dots and marks. */
  readonly ascii?: boolean
}

export interface ProgramFormatOptions extends FormatOptions {
  /** Shown after the word `program`. */
  readonly file?: string
  /** Only operators of this role. */
  readonly role?: 'F' | 'B' | 'O' | 'L'
}

interface Symbols {
  readonly to: string
  readonly from: string
  readonly inPlace: string
  readonly more: string
  readonly dot: string
}
const UNICODE: Symbols = { to: '→', from: '←', inPlace: '⟲', more: '…', dot: '·' }
const ASCII: Symbols = { to: '->', from: '<-', inPlace: '@', more: '...', dot: '|' }
const symbolsOf = ({ ascii }: FormatOptions): Symbols => (ascii === true ? ASCII : UNICODE)

/** Columns are padded to their longest cell, but not beyond this; a longer cell pushes the rest of its line. */
const WIDEST = { op: 32, flow: 64, name: 48, type: 32 }
/** Operators named one by one before the rest is counted. */
const LISTED_USES = 6

/** The listing of a program: a line of counts, then for each block a table of its operators. */
export function formatProgram(program: Program, options: ProgramFormatOptions = {}): string {
  const symbols = symbolsOf(options)
  const callers = blockCallers(program)
  const lines = [formatCounts(program, options, symbols)]
  for (const block of program.blocks) {
    const rows: Row[] = []
    block.ops.forEach((op, i) => {
      const role = roleLetter(op.role)
      if (options.role === undefined || options.role === role) rows.push(rowOf(block, op, i, role, symbols))
    })
    if (rows.length === 0 && options.role !== undefined) continue
    lines.push('', blockTitle(block, callers.get(block.idx), symbols))
    if (rows.length === 0) lines.push('  (no operators)')
    else pushTable(lines, rows, options.width, symbols)
  }
  return lines.join('\n')
}

function formatCounts(program: Program, { file }: ProgramFormatOptions, { dot }: Symbols): string {
  let ops = 0
  let vars = 0
  for (const block of program.blocks) {
    ops += block.ops.length
    vars += block.vars.size
  }
  const params = program.parameters()
  let values = 0
  let bytes = 0
  for (const param of params) {
    const count = param.shape.reduce((total, dim) => total * Math.max(dim, 0), 1)
    values += count
    bytes += count * byteSize(param.dtype)
  }
  const size = params.length === 0 ? '' : ` (${counted(values, 'value')}, ${formatBytes(bytes)})`
  const counts = [
    counted(program.blocks.length, 'block'),
    counted(ops, 'op'),
    counted(vars, 'var'),
    counted(params.length, 'parameter') + size,
  ]
  return `program${file === undefined ? '' : ` ${printable(file)}`}   ${counts.join(` ${dot} `)}`
}

/** The first operator that runs each block. */
function blockCallers(program: Program): Map<number, string> {
  const callers = new Map<number, string>()
  for (const block of program.blocks) {
    block.ops.forEach((op, i) => {
      for (const { idx } of blockAttrs(op, program.definition(op.type))) {
        if (!callers.has(idx)) callers.set(idx, `b${block.idx}#${i} ${printable(op.type)}`)
      }
    })
  }
  return callers
}

function blockTitle(block: Block, caller: string | undefined, { dot }: Symbols): string {
  const facts: string[] = []
  if (block.parentIdx >= 0) facts.push(`inside block ${block.parentIdx}`)
  if (caller !== undefined) facts.push(`run by ${caller}`)
  if (block.forwardBlockIdx >= 0) facts.push(`gradients of block ${block.forwardBlockIdx}`)
  return `block ${block.idx}${facts.length === 0 ? '' : `   ${facts.join(` ${dot} `)}`}`
}

interface Row {
  readonly index: string
  readonly role: string
  readonly op: string
  readonly inputs: string
  readonly outputs: string
  readonly shape: string
  readonly site: string
}

function rowOf(block: Block, op: Operator, index: number, role: string, symbols: Symbols): Row {
  const def = block.program.definition(op.type)
  const inputs = slotNames(op.inputs, def?.inputs)
  const outputs = slotNames(op.outputs, def?.outputs)
  const first = outputs.find((name) => name !== EMPTY_VAR)
  const variable = first === undefined ? undefined : resolveVar(block, first)
  const site = callSiteOf(op)
  return {
    index: String(index),
    role,
    op: printable(op.type),
    ...flowOf(op, inputs, outputs, symbols),
    shape: variable === undefined ? '' : isTensorKind(variable.type) ? compactShape(variable.shape) : variable.type,
    site: site === undefined ? '' : printable(`${site.file}:${site.line}`),
  }
}

/** The parts left and right of the space: `x, w` and `→ y`; for a parameter's update `w ⟲` and `← w@GRAD`. */
function flowOf(
  op: Operator,
  inputs: readonly string[],
  outputs: readonly string[],
  { to, from, inPlace }: Symbols,
): { inputs: string; outputs: string } {
  if (op.role & OpRole.Optimize && op.roleVars.length === 2) {
    const [param, grad] = op.roleVars as [string, string]
    if (outputs.includes(param) && inputs.includes(param) && inputs.includes(grad)) {
      return { inputs: `${printable(param)} ${inPlace}`, outputs: `${from} ${printable(grad)}` }
    }
  }
  const read = inputs.length > 16 ? new Set(inputs) : undefined
  const written = outputs
    .filter((name) => name !== EMPTY_VAR)
    .map((name) => ((read === undefined ? inputs.includes(name) : read.has(name)) ? `${printable(name)} ${inPlace}` : printable(name)))
  return { inputs: inputs.map(printable).join(', '), outputs: written.length === 0 ? '' : `${to} ${written.join(', ')}` }
}

/** Names in the order in which the definition declares the slots; slots that it does not know come last, by name. */
function slotNames(slots: SlotNames, declared: Readonly<Record<string, unknown>> | undefined): string[] {
  const names: string[] = []
  for (const slot of slotOrder(slots, declared)) for (const name of slots[slot]!) names.push(name)
  return names
}

function slotOrder(slots: SlotNames, declared: Readonly<Record<string, unknown>> | undefined): string[] {
  const given = Object.keys(slots)
  if (given.length < 2) return given
  const known = declared === undefined ? [] : Object.keys(declared).filter((slot) => Object.hasOwn(slots, slot))
  if (known.length === given.length) return known
  return [...known, ...given.filter((slot) => !known.includes(slot)).sort()]
}

function pushTable(lines: string[], rows: readonly Row[], width: number | undefined, symbols: Symbols): void {
  const title: Row = { index: '#', role: 'role', op: 'op', inputs: 'in', outputs: `${symbols.to} out`, shape: 'shape', site: 'at' }
  const widest = { index: 2, op: 2, flow: 0, shape: 5, site: 0 }
  for (const row of rows) {
    widest.index = Math.max(widest.index, row.index.length)
    widest.op = Math.max(widest.op, Math.min(row.op.length, WIDEST.op))
    widest.flow = Math.max(widest.flow, Math.min(joined(row).length, WIDEST.flow))
    widest.shape = Math.max(widest.shape, row.shape.length)
    widest.site = Math.max(widest.site, row.site.length)
  }
  widest.flow = Math.max(widest.flow, joined(title).length)
  let flowRoom = Infinity
  if (width !== undefined) {
    const others = 2 + widest.index + 2 + 4 + 2 + widest.op + 2 + 2 + widest.shape + (widest.site === 0 ? 0 : 2 + widest.site)
    flowRoom = Math.max(12, width - others)
    widest.flow = Math.min(widest.flow, flowRoom)
  }
  for (const row of [title, ...rows]) {
    const op = width === undefined ? row.op : cut(row.op, WIDEST.op, symbols.more)
    const flow = cutFlow(row, flowRoom, symbols.more)
    const site = row === title && widest.site === 0 ? '' : row.site
    const line =
      `  ${row.index.padStart(widest.index)}  ${row.role.padEnd(4)}  ${op.padEnd(widest.op)}  ` +
      `${flow.padEnd(widest.flow)}  ${row.shape.padEnd(widest.shape)}  ${site}`
    lines.push(cut(line.trimEnd(), width ?? Infinity, symbols.more))
  }
}

const joined = ({ inputs, outputs }: Row): string => (inputs === '' || outputs === '' ? inputs + outputs : `${inputs} ${outputs}`)

/** Inputs are cut before outputs are: what an operator makes says more than what it reads. */
function cutFlow(row: Row, room: number, more: string): string {
  const flow = joined(row)
  if (flow.length <= room) return flow
  const left = room - row.outputs.length - 1
  return left >= 8 && row.inputs.length > left ? `${cut(row.inputs, left, more)} ${row.outputs}` : cut(flow, room, more)
}

const cut = (text: string, room: number, more: string): string =>
  text.length <= room ? text : text.slice(0, Math.max(0, room - more.length)) + more.slice(0, room)

/**
 * One operator whole: role, scope, caller's line; every slot with its variables, their type and where they come from; attributes.
 * @throws OutOfRangeError E225 if the block has no operator of that index.
 */
export function formatOperatorDetail(block: Block, index: number, options: FormatOptions = {}): string {
  const op = block.ops[index]
  if (op === undefined) {
    throw new OutOfRangeError('E225', `block ${block.idx} has ${counted(block.ops.length, 'operator')}, no #${index}`, {
      where: { block: block.idx },
      expected: block.ops.length === 0 ? 'no operator at all' : `0 to ${block.ops.length - 1}`,
      got: index,
    })
  }
  const { program } = block
  const def = program.definition(op.type)
  const uses = indexVariables(program)
  const site = callSiteOf(op)
  const head = [`b${block.idx}#${index}  ${printable(op.type)}`, `role ${roleName(op.role)}`]
  if (op.nameScope !== '' && op.nameScope !== '/') head.push(`scope ${printable(op.nameScope)}`)
  if (site !== undefined) {
    head.push(`appended at ${printable(`${site.file}:${site.line}${site.column === undefined ? '' : `:${site.column}`}`)}`)
  }
  if (def === undefined) head.push('not implemented here')
  const read = new Set(op.inputNames())
  const rows: string[][] = []
  for (const [side, slots, declared] of [
    ['in', op.inputs, def?.inputs],
    ['out', op.outputs, def?.outputs],
  ] as const) {
    let label = side as string
    for (const slot of slotOrder(slots, declared)) {
      let slotLabel = printable(slot)
      for (const name of slots[slot]!) {
        const facts = side === 'out' && read.has(name) ? 'in place' : describeUse(block, index, name, side, uses)
        rows.push([label, slotLabel, printable(name), ...[facts].flat()])
        label = ''
        slotLabel = ''
      }
    }
  }
  const lines = [head.join('   ')]
  let slotWidth = 0
  let nameWidth = 0
  let typeWidth = 0
  for (const row of rows) {
    slotWidth = Math.max(slotWidth, row[1]!.length)
    nameWidth = Math.max(nameWidth, Math.min(WIDEST.name, row[2]!.length))
    if (row.length > 4) typeWidth = Math.max(typeWidth, row[3]!.length)
  }
  for (const [label, slot, name, ...facts] of rows) {
    const [type = '', where = ''] = facts
    const line = `  ${label!.padEnd(4)} ${slot!.padEnd(slotWidth)}  ${name!.padEnd(nameWidth)}  ${type.padEnd(typeWidth)}  ${where}`
    lines.push(line.trimEnd())
  }
  pushWrapped(lines, '  attr ', attrTexts(op, def), options.width ?? 110)
  const { more } = symbolsOf(options)
  return lines.map((line) => cut(line, options.width ?? Infinity, more)).join('\n')
}

/** Type and origin of an operator's variable: `float32 [4,5]` and `persistable`, `fed`, `written by #11` or `read by #12`. */
function describeUse(block: Block, index: number, name: string, side: 'in' | 'out', uses: VariableIndex): string[] {
  if (name === EMPTY_VAR) return ['', 'nobody wants it']
  const variable = resolveVar(block, name)
  if (variable === undefined) return ['', 'no such variable']
  const facts: string[] = []
  if (variable.persistable) facts.push('persistable')
  else if (side === 'in' && variable.needCheckFeed) facts.push('fed')
  const { writers, readers } = usesOf(uses, variable)
  if (side === 'out') {
    const later = readers.filter((use) => use.block !== block || use.index > index)
    if (later.length > 0) facts.push(`read by ${listUses(later, block)}`)
  } else {
    const sources = writersBefore(block, index, writers)
    if (sources.length > 0) facts.push(`written by ${listUses(sources, block)}`)
  }
  return [typeText(variable), facts.join(', ')]
}

/** The operator of the block that wrote last; else those of the nearest enclosing block that has any, else all. */
function writersBefore(block: Block, index: number, writers: readonly VariableUse[]): readonly VariableUse[] {
  const last = writers.findLast((use) => use.block === block && use.index < index)
  if (last !== undefined) return [last]
  for (let outer = block.parent; outer !== undefined; outer = outer.parent) {
    const found = writers.filter((use) => use.block === outer)
    if (found.length > 0) return found
  }
  return writers.filter((use) => use.block !== block)
}

/** `#3, #18`; `b1#3` for operators of another block than `home`. */
function listUses(uses: readonly VariableUse[], home: Block): string {
  const texts: string[] = []
  let last = ''
  for (const { block, index } of uses) {
    const text = block === home ? `#${index}` : `b${block.idx}#${index}`
    if (text !== last) texts.push(text)
    last = text
  }
  const shown = texts.slice(0, LISTED_USES).join(', ')
  return texts.length > LISTED_USES ? `${shown} and ${texts.length - LISTED_USES} more` : shown
}

/** `axis -1`, by name; the bookkeeping of every operator only where it says something that the head of the screen does not. */
function attrTexts(op: Operator, def: AnyOpDef | undefined): string[] {
  const texts: string[] = []
  for (const name of Object.keys(op.attrs).sort()) {
    const value = op.attrs[name]
    const generic = Object.hasOwn(GENERIC_ATTRS, name)
    if (generic && (name !== 'op_role_var' || op.roleVars.length === 0) && (name !== 'op_device' || value === '')) continue
    texts.push(`${printable(name)} ${cut(formatAttr(value, attrTypeOf(op, def, name)), 200, '…')}`)
  }
  return texts
}

function pushWrapped(lines: string[], label: string, texts: readonly string[], width: number): void {
  let line = ''
  for (const text of texts) {
    if (line !== '' && label.length + line.length + 2 + text.length > width) {
      lines.push(label + line)
      label = ' '.repeat(label.length)
      line = ''
    }
    line += line === '' ? text : `  ${text}`
  }
  if (line !== '') lines.push(label + line)
}

/** All variables: parameters first, then what else is persistable, then the rest; each with type, and who writes and reads it. */
export function formatVariables(program: Program, options: FormatOptions = {}): string {
  const uses = indexVariables(program)
  const groups: { title: string; vars: Variable[] }[] = [
    { title: 'parameters', vars: [] },
    { title: 'other persistable variables', vars: [] },
    { title: 'other variables', vars: [] },
  ]
  for (const block of program.blocks) {
    for (const variable of block.vars.values()) {
      groups[variable.isParameter ? 0 : variable.persistable ? 1 : 2]!.vars.push(variable)
    }
  }
  const { more } = symbolsOf(options)
  const lines: string[] = []
  for (const { title, vars } of groups) {
    if (vars.length === 0) continue
    if (lines.length > 0) lines.push('')
    lines.push(`${title} (${vars.length})`)
    const rows = vars.map((variable) => {
      const { writers, readers } = usesOf(uses, variable)
      const facts = variableFacts(variable)
      if (writers.length > 0) facts.push(`written by ${listUses(writers, variable.block)}`)
      if (readers.length > 0) facts.push(`read by ${listUses(readers, variable.block)}`)
      const block = program.blocks.length > 1 ? `b${variable.block.idx}` : ''
      return { block, name: printable(variable.name), type: typeText(variable), facts: facts.join('  ') }
    })
    const widest = { block: 0, name: 0, type: 0 }
    for (const row of rows) {
      widest.block = Math.max(widest.block, row.block.length)
      widest.name = Math.max(widest.name, Math.min(WIDEST.name, row.name.length))
      widest.type = Math.max(widest.type, Math.min(WIDEST.type, row.type.length))
    }
    for (const { block, name, type, facts } of rows) {
      const start = widest.block === 0 ? '' : `${block.padEnd(widest.block)}  `
      const line = `  ${start}${name.padEnd(widest.name)}  ${type.padEnd(widest.type)}  ${facts}`
      lines.push(cut(line.trimEnd(), options.width ?? Infinity, more))
    }
  }
  return lines.length === 0 ? 'no variables' : lines.join('\n')
}

/**
 * One variable, in every block that has one of that name: what it is, who writes it and who reads it.
 * @throws NotFoundError E207 with the nearest names.
 */
export function formatVariableDetail(program: Program, name: string, options: FormatOptions = {}): string {
  const found = program.blocks.flatMap((block) => block.vars.get(name) ?? [])
  if (found.length === 0) {
    const names = function* (): Generator<string> {
      for (const block of program.blocks) yield* block.vars.keys()
    }
    const hint = suggest(name, new Set(names()))
    throw new NotFoundError('E207', `the program has no variable "${name}"`, {
      where: { variable: name },
      got: name,
      ...(hint === undefined ? {} : { hint }),
    })
  }
  const uses = indexVariables(program)
  const { more } = symbolsOf(options)
  const lines: string[] = []
  for (const variable of found) {
    const { writers, readers } = usesOf(uses, variable)
    const facts = [`block ${variable.block.idx}`, ...variableFacts(variable)]
    if (variable.isParameter) facts.push('parameter')
    else if (variable.persistable) facts.push('persistable')
    lines.push(`${printable(name)}   ${typeText(variable)}   ${facts.join('   ')}`)
    pushUses(lines, 'written by', writers)
    pushUses(lines, 'read by', readers)
  }
  return lines.map((line) => cut(line, options.width ?? Infinity, more)).join('\n')
}

function pushUses(lines: string[], label: string, uses: readonly VariableUse[]): void {
  if (uses.length === 0) lines.push(`  ${label.padEnd(10)}  no operator`)
  const places = uses.map(({ block, index }) => `b${block.idx}#${index}`)
  const widest = places.reduce((most, place) => Math.max(most, place.length), 0)
  const types = uses.reduce((most, { op }) => Math.max(most, Math.min(WIDEST.op, op.type.length)), 0)
  uses.forEach(({ op, slot }, i) => {
    const start = (i === 0 ? label : '').padEnd(10)
    lines.push(`  ${start}  ${places[i]!.padEnd(widest)}  ${printable(op.type).padEnd(types)}  ${printable(slot)}`)
  })
}

function variableFacts(variable: Variable): string[] {
  const facts: string[] = []
  if (variable.needCheckFeed) facts.push('fed')
  if (variable.stopGradient) facts.push('stop_gradient')
  return facts
}

/** `float32 [-1,5]`, `SELECTED_ROWS float32 [10,4]`, `STEP_SCOPES`. */
export function typeText(variable: Variable): string {
  if (!isTensorKind(variable.type)) return variable.type
  const kind = variable.type === 'LOD_TENSOR' ? '' : `${variable.type} `
  return `${kind}${variable.dtype} ${compactShape(variable.shape)}`
}

/** `[-1,5]`. */
export const compactShape = (shape: Shape): string => `[${shape.join(',')}]`

/** The type of an operator's attribute, where definition, generic attributes or file tell it. */
export function attrTypeOf(op: Operator, def: AnyOpDef | undefined, name: string): string | undefined {
  if (def !== undefined && Object.hasOwn(def.attrs, name)) return (def.attrs[name] as Attr).type
  if (Object.hasOwn(GENERIC_ATTRS, name)) return GENERIC_ATTRS[name]
  return op.attrTypes !== undefined && Object.hasOwn(op.attrTypes, name) ? op.attrTypes[name] : undefined
}

/** An attribute's value; a FLOAT as Python writes it, `2.0` and `1e-08`, so that it is not taken for an INT. */
export function formatAttr(value: unknown, type: string | undefined): string {
  if (value === undefined) return 'none'
  if (typeof value === 'number' && type === 'FLOAT') return pythonFloat(shortestFloat32(value))
  if (typeof value === 'number' && type === 'FLOAT64') return pythonFloat(value)
  return printable(formatAttrValue(value, type))
}

/** Names and texts of a file as one line of visible characters: control characters would steer the terminal. */
export const printable = (text: string): string =>
  HIDDEN.test(text) ? text.replace(ALL_HIDDEN, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`) : text
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const ALL_HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

interface Site {
  /** Without folders. */
  readonly file: string
  readonly line: string
  readonly column?: string
}

/** Where the operator was appended: in this process, or in the Python code whose frames a file holds. */
function callSiteOf(op: Operator): Site | undefined {
  const text = op.callSite?.text
  if (text !== undefined) {
    const match = /([^/\\]+):(\d+):(\d+)$/.exec(text)
    return match === null ? undefined : { file: match[1]!, line: match[2]!, column: match[3]! }
  }
  const frames = op.attrs['op_callstack']
  if (!Array.isArray(frames)) return undefined
  // Outermost frame first; those inside Paddle itself stand last.
  for (let i = frames.length - 1; i >= 0; i--) {
    const match = /^\s*File "(?:.*[/\\])?([^"/\\]+)", line (\d+)/.exec(String(frames[i]))
    if (match !== null && !/[/\\]paddle[/\\]/.test(String(frames[i]))) return { file: match[1]!, line: match[2]! }
  }
  return undefined
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** `180 B`, `2.4 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024
    unit++
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`
}
