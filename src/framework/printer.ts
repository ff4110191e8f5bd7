/**
 * Programs as text for people: what `oarlock show` and `String(program)` print. The text depends on the program alone, so that it can be
 * compared. Single operators and variables are in `print_detail.ts`, an operator on one line in `op_text.ts`.
 */
import { byteSize } from '../tensor/dtype.ts'
import type { Block } from './block.ts'
import { EMPTY_VAR } from './op_def.ts'
import { OpRole, roleLetter } from './op_role.ts'
import type { Operator, SlotNames } from './operator.ts'
import {
  callSiteOf,
  compactShape,
  counted,
  cut,
  type FormatOptions,
  formatBytes,
  printable,
  type Symbols,
  slotOrder,
  symbolsOf,
  WIDEST,
} from './print_text.ts'
import type { Program } from './program.ts'
import { isTensorKind } from './variable.ts'
import { blockAttrs, resolveVar } from './variable_index.ts'

export { formatOperatorDetail, formatVariableDetail, formatVariables } from './print_detail.ts'
export { type FormatOptions, formatBytes, printable } from './print_text.ts'

export interface ProgramFormatOptions extends FormatOptions {
  /** Shown after the word `program`. */
  readonly file?: string
  /** Only operators of this role. */
  readonly role?: 'F' | 'B' | 'O' | 'L'
  /** Only the block of this index. */
  readonly block?: number
}

/** The listing of a program: a line of counts, then for each block a table of its operators. */
export function formatProgram(program: Program, options: ProgramFormatOptions = {}): string {
  const symbols = symbolsOf(options)
  const callers = blockCallers(program)
  const lines = [formatCounts(program, options, symbols)]
  for (const block of program.blocks) {
    if (options.block !== undefined && options.block !== block.idx) continue
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
    .map((name) =>
      (read === undefined ? inputs.includes(name) : read.has(name)) ? `${printable(name)} ${inPlace}` : printable(name),
    )
  return {
    inputs: inputs.map(printable).join(', '),
    outputs: written.length === 0 ? '' : `${to} ${written.join(', ')}`,
  }
}

/** Names in the order in which the definition declares the slots; slots that it does not know come last, by name. */
function slotNames(slots: SlotNames, declared: Readonly<Record<string, unknown>> | undefined): string[] {
  const names: string[] = []
  for (const slot of slotOrder(slots, declared)) for (const name of slots[slot]!) names.push(name)
  return names
}

function pushTable(lines: string[], rows: readonly Row[], width: number | undefined, symbols: Symbols): void {
  const title: Row = {
    index: '#',
    role: 'role',
    op: 'op',
    inputs: 'in',
    outputs: `${symbols.to} out`,
    shape: 'shape',
    site: 'at',
  }
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
    const others =
      2 + widest.index + 2 + 4 + 2 + widest.op + 2 + 2 + widest.shape + (widest.site === 0 ? 0 : 2 + widest.site)
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

const joined = ({ inputs, outputs }: Row): string =>
  inputs === '' || outputs === '' ? inputs + outputs : `${inputs} ${outputs}`

/** Inputs are cut before outputs are: what an operator makes says more than what it reads. */
function cutFlow(row: Row, room: number, more: string): string {
  const flow = joined(row)
  if (flow.length <= room) return flow
  const left = room - row.outputs.length - 1
  return left >= 8 && row.inputs.length > left ? `${cut(row.inputs, left, more)} ${row.outputs}` : cut(flow, room, more)
}
