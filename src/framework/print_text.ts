/**
 * The pieces that listings are made of: names, types, attributes, places and sizes as text.
 */
import { shortestFloat32 } from '../tensor/float32.ts'
import type { Shape } from '../tensor/shape.ts'
import type { Attr } from './attr_value.ts'
import type { AnyOpDef } from './op_def.ts'
import { formatAttrValue } from './op_text.ts'
import { GENERIC_ATTRS, type Operator, type SlotNames } from './operator.ts'
import { pythonFloat } from './python_text.ts'
import { isTensorKind, type Variable } from './variable.ts'

export interface FormatOptions {
  /** Columns of the terminal: longer lines are cut with `…`. Default: nothing is cut. */
  readonly width?: number
  /** Only ASCII for arrows, dots and marks. */
  readonly ascii?: boolean
}

export interface Symbols {
  readonly to: string
  readonly from: string
  readonly inPlace: string
  readonly more: string
  readonly dot: string
}

const UNICODE: Symbols = { to: '→', from: '←', inPlace: '⟲', more: '…', dot: '·' }

const ASCII: Symbols = { to: '->', from: '<-', inPlace: '@', more: '...', dot: '|' }

export const symbolsOf = ({ ascii }: FormatOptions): Symbols => (ascii === true ? ASCII : UNICODE)

/** Columns are padded to their longest cell, but not beyond this; a longer cell pushes the rest of its line. */
export const WIDEST = { op: 32, flow: 64, name: 48, type: 32 }

export function slotOrder(slots: SlotNames, declared: Readonly<Record<string, unknown>> | undefined): string[] {
  const given = Object.keys(slots)
  if (given.length < 2) return given
  const known = declared === undefined ? [] : Object.keys(declared).filter((slot) => Object.hasOwn(slots, slot))
  if (known.length === given.length) return known
  return [...known, ...given.filter((slot) => !known.includes(slot)).sort()]
}

export const cut = (text: string, room: number, more: string): string =>
  text.length <= room ? text : text.slice(0, Math.max(0, room - more.length)) + more.slice(0, room)

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

export interface Site {
  /** Without folders. */
  readonly file: string
  readonly line: string
  readonly column?: string
}

/** Where the operator was appended: in this process, or in the Python code whose frames a file holds. */
export function callSiteOf(op: Operator): Site | undefined {
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

export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

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
