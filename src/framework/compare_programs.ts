/**
 * A program held against a recorded one, operator by operator, by the rules for programs that Paddle made.
 */
import { isBackendHint } from './backend_hints.ts'
import type { Block } from './block.ts'
import {
  attrFields,
  blockFields,
  type FieldDifference,
  flowText,
  slotFields,
  variableFields,
} from './field_difference.ts'
import type { Operator } from './operator.ts'
import { counted, typeText } from './print_text.ts'
import type { Program } from './program.ts'
import type { Variable } from './variable.ts'

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

function compareVars(
  recorded: Block,
  made: Block,
  wanted: ((variable: Variable) => boolean) | undefined,
  found: string[],
): void {
  const place = (name: string): string => `block ${recorded.idx}, variable "${name}"`
  for (const variable of recorded.vars.values()) {
    if (wanted !== undefined && !wanted(variable)) continue
    const other = made.vars.get(variable.name)
    if (other === undefined) found.push(`${place(variable.name)} is missing, recorded ${typeText(variable)}`)
    else for (const field of variableFields(variable, other)) found.push(`${place(variable.name)}: ${mismatch(field)}`)
  }
  for (const variable of made.vars.values()) {
    if (wanted !== undefined && !wanted(variable)) continue
    if (!recorded.vars.has(variable.name))
      found.push(`${place(variable.name)} is not in the recorded program, ${typeText(variable)}`)
  }
}
