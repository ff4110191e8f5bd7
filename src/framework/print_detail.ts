/**
 * One operator, one variable, all variables as text: the screens of `oarlock show FILE '#18'`, `show FILE vars` and `show FILE NAME`.
 */
import { NotFoundError, OutOfRangeError, suggest } from '../errors.ts'
import type { Block } from './block.ts'
import { type AnyOpDef, EMPTY_VAR } from './op_def.ts'
import { roleName } from './op_role.ts'
import { GENERIC_ATTRS, type Operator } from './operator.ts'
import {
  attrTypeOf,
  callSiteOf,
  counted,
  cut,
  type FormatOptions,
  formatAttr,
  printable,
  slotOrder,
  symbolsOf,
  typeText,
  WIDEST,
} from './print_text.ts'
import type { Program } from './program.ts'
import type { Variable } from './variable.ts'
import { indexVariables, resolveVar, usesOf, type VariableIndex, type VariableUse } from './variable_index.ts'

/** Operators named one by one before the rest is counted. */
const LISTED_USES = 6

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
    head.push(
      `appended at ${printable(`${site.file}:${site.line}${site.column === undefined ? '' : `:${site.column}`}`)}`,
    )
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
    if (generic && (name !== 'op_role_var' || op.roleVars.length === 0) && (name !== 'op_device' || value === ''))
      continue
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
      hint,
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
