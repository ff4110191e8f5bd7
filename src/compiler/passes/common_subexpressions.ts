/** Computes equal things once. */
import { EMPTY_VAR } from '../../framework/op_def.ts'
import { GENERIC_ATTRS, type Operator } from '../../framework/operator.ts'
import type { Pass } from './pass.ts'
import { Rewriter } from './rewriter.ts'

/**
 * Two operators compute the same if they have the same type, attributes and inputs, and no input was written in between. Readers of the
 * second one's results then read those of the first, and the second goes. Operators with effects and random ones are never equal.
 */
export const commonSubexpressions: Pass = {
  name: 'common_subexpressions',
  doc: 'Of operators with the same type, attributes and inputs only the first runs; the others would compute the same.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    const versions = new Map<string, number>()
    const first = new Map<string, Operator>()
    for (const op of rewriter.ops) {
      const def = rewriter.pureDef(op)
      const outputs = op.outputNames().filter((name) => name !== EMPTY_VAR)
      // What is written more than once, or is no dense tensor, is not the same at every reader.
      if (def !== undefined && outputs.length > 0 && outputs.every((name) => rewriter.isStable(name))) {
        const key = keyText([op.type, withVersions(op, rewriter, versions), declaredAttrs(op, def.attrs)])
        const same = first.get(key)
        if (same === undefined) first.set(key, op)
        else if (canStandFor(same, op, rewriter)) {
          for (const [slot, names] of Object.entries(op.outputs)) {
            names.forEach((name, i) => {
              if (name !== EMPTY_VAR) rewriter.replaceUses(name, same.outputs[slot]![i]!)
            })
          }
          rewriter.replace(op)
          continue
        }
      }
      for (const name of outputs) versions.set(name, (versions.get(name) ?? 0) + 1)
    }
    return rewriter.finish()
  },
}

function withVersions(op: Operator, rewriter: Rewriter, versions: ReadonlyMap<string, number>): object {
  const versioned = (name: string): string => {
    const now = rewriter.nameOf(name)
    return `${versions.get(now) ?? 0} ${now}`
  }
  return Object.fromEntries(Object.entries(op.inputs).map(([slot, names]) => [slot, names.map(versioned)]))
}

/** Attributes that count: not those that say where an operator stands. Hints for other back ends stay apart. */
function declaredAttrs(op: Operator, declared: Readonly<Record<string, { readonly default?: unknown }>>): object {
  const attrs: Record<string, unknown> = {}
  for (const [name, { default: value }] of Object.entries(declared)) attrs[name] = value
  for (const [name, value] of Object.entries(op.attrs)) if (!Object.hasOwn(GENERIC_ATTRS, name)) attrs[name] = value
  return attrs
}

/** True if every result of `op` is free to be named otherwise and `same` has it too, declared alike. */
function canStandFor(same: Operator, op: Operator, rewriter: Rewriter): boolean {
  const { vars } = rewriter.program.globalBlock()
  return Object.entries(op.outputs).every(([slot, names]) =>
    names.every((name, i) => {
      const other = same.outputs[slot]?.[i]
      if (name === EMPTY_VAR) return true
      if (other === undefined || other === EMPTY_VAR || !rewriter.isFree(name)) return false
      const [a, b] = [vars.get(name)!, vars.get(other)!]
      return a.dtype === b.dtype && a.shape.join() === b.shape.join()
    }),
  )
}

/** A text that is the same only for equal values: members sorted, and unlike JSON with all numbers apart. */
function keyText(value: unknown): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return `[${value.map(keyText).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
  const members = value as Readonly<Record<string, unknown>>
  return `{${Object.keys(members)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${keyText(members[name])}`)
    .join(',')}}`
}
