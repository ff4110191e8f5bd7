/**
 * One operator on one line: `prob: float32[4, 10] = softmax(X=logits) {axis=1}`. Attributes are sorted and defaults left out.
 */

import { shortestFloat32 } from '../tensor/float32.ts'
import { formatShape } from '../tensor/shape.ts'
import type { Attr, AttrValue } from './attr_value.ts'
import { findOp, type OpLibrary } from './op_def.ts'
import { GENERIC_ATTRS, type SlotNames } from './operator.ts'
import { isTensorKind, type Variable } from './variable.ts'

interface OpLike {
  readonly type: string
  readonly inputs: SlotNames
  readonly outputs: SlotNames
  readonly attrs: Readonly<Record<string, unknown>>
}

/** @param lookup gives the variable of a name, so that outputs are shown with type and shape. */
export function formatOperator(
  op: OpLike,
  library: OpLibrary,
  lookup?: (name: string) => Variable | undefined,
): string {
  const outputs = Object.values(op.outputs).flat()
  const left = outputs.map((name) => {
    const variable = lookup?.(name)
    return variable === undefined || !isTensorKind(variable.type)
      ? name
      : `${name}: ${variable.dtype}${formatShape(variable.shape)}`
  })
  const slots = Object.entries(op.inputs)
    .filter(([, names]) => names.length > 0)
    .map(([slot, names]) => `${slot}=${names.length === 1 ? names[0] : `[${names.join(', ')}]`}`)
  const attrs = formatAttrs(op, library)
  return (
    (left.length === 0 ? '' : `${left.join(', ')} = `) +
    `${op.type}(${slots.join(', ')})` +
    (attrs === '' ? '' : ` {${attrs}}`)
  )
}

/** `axis=1, keep_dim=true`: sorted by name, without defaults and bookkeeping. */
export function formatAttrs(op: OpLike, library: OpLibrary): string {
  const def = findOp(library, op.type)
  const parts: string[] = []
  for (const name of Object.keys(op.attrs).sort()) {
    if (Object.hasOwn(GENERIC_ATTRS, name)) continue
    const value = op.attrs[name]
    const declared = def !== undefined && Object.hasOwn(def.attrs, name) ? (def.attrs[name] as Attr) : undefined
    if (def !== undefined && declared === undefined) continue
    if (declared !== undefined && sameAttr(value, declared.default)) continue
    parts.push(`${name}=${formatAttrValue(value, declared?.type)}`)
  }
  return parts.join(', ')
}

/** Equality of attribute values; NaN equals NaN. */
export function sameAttr(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a === 'number' && typeof b === 'number') return a === b
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => sameAttr(x, b[i]))
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const keys = Object.keys(a)
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => sameAttr((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
    )
  }
  return false
}

/** An attribute as people write it; long lists are cut. */
export function formatAttrValue(value: unknown, type?: string): string {
  if (typeof value === 'string') return /^[\w@./+-]+$/.test(value) ? value : JSON.stringify(value)
  if (typeof value === 'number') return String(type === 'FLOAT' || type === 'FLOATS' ? shortestFloat32(value) : value)
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map((item) => formatAttrValue(item as AttrValue, type))
    return `[${shown.join(', ')}${value.length > 8 ? `, … ${value.length - 8} more` : ''}]`
  }
  if (typeof value === 'object' && value !== null) return JSON.stringify(value)
  return String(value)
}
