/**
 * How two programs differ, for people and the studio: operators are aligned, and told as added, removed or changed. The strict comparison
 * with a recorded program is in `compare_programs.ts`. Neither looks at the numbers that a program computes.
 */
import type { Block } from './block.ts'
import {
  attrFields,
  blockFields,
  type FieldDifference,
  flowText,
  operatorKey,
  slotFields,
  variableFields,
} from './field_difference.ts'
import { commonSubsequence } from './lcs.ts'
import { counted, printable, typeText } from './print_text.ts'
import type { Program } from './program.ts'
import type { Variable } from './variable.ts'

export { type CompareOptions, comparePrograms, isIgnoredInRecorded } from './compare_programs.ts'
export type { FieldDifference } from './field_difference.ts'

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
    found.push({
      kind: 'op',
      change: 'changed',
      block: a.idx,
      index: i,
      toIndex: j,
      type: from.type,
      flow: flowText(from),
      fields,
    })
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
  return difference.kind === 'var'
    ? difference.type
    : `${counted(difference.ops, 'op')}, ${counted(difference.vars, 'var')}`
}

function countsLine(
  differences: readonly ProgramDifference[],
  programs: readonly [Program, Program] | undefined,
  ascii: boolean,
): string {
  if (differences.length === 0) return 'no differences'
  const count = { op: 0, var: 0, block: 0 }
  for (const { kind } of differences) count[kind]++
  const parts: string[] = []
  if (programs === undefined) parts.push(`${counted(count.op, 'op')} and ${counted(count.var, 'var')} differ`)
  else {
    const [opsA, opsB] = programs.map(({ blocks }) => blocks.reduce((total, { ops }) => total + ops.length, 0)) as [
      number,
      number,
    ]
    const [varsA, varsB] = programs.map(({ blocks }) => blocks.reduce((total, { vars }) => total + vars.size, 0)) as [
      number,
      number,
    ]
    const arrow = ascii ? '->' : '→'
    parts.push(`${count.op} of ${counted(opsA, 'op')} differ${opsA === opsB ? '' : `, ops ${opsA} ${arrow} ${opsB}`}`)
    parts.push(varsA === varsB ? `${count.var} of ${counted(varsA, 'var')} differ` : `vars ${varsA} ${arrow} ${varsB}`)
  }
  if (count.block > 0) parts.push(`${counted(count.block, 'block')} differ`)
  return parts.join(ascii ? ' | ' : ' · ')
}
