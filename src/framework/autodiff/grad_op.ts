/**
 * Operators of a backward pass while they are being arranged: plain, with names that can still be changed.
 */
import type { AttrType, AttrValue } from '../attr_value.ts'
import type { AnyOpDef } from '../op_def.ts'

export interface GradOp {
  readonly type: string
  inputs: Record<string, string[]>
  outputs: Record<string, string[]>
  attrs: Record<string, AttrValue>
  attrTypes?: Record<string, AttrType>
  /** The definition, where the description named it. */
  readonly def?: AnyOpDef | undefined
}

/** All input names, slots in alphabetical order. */
export const inputNames = (op: GradOp): string[] => flatten(op.inputs)
/** All output names, slots in alphabetical order. */
export const outputNames = (op: GradOp): string[] => flatten(op.outputs)

function flatten(slots: Readonly<Record<string, readonly string[]>>): string[] {
  const keys = Object.keys(slots)
  if (keys.length === 1) return [...slots[keys[0]!]!]
  const names: string[] = []
  for (const slot of keys.sort()) for (const name of slots[slot]!) names.push(name)
  return names
}

export function renameInputs(op: GradOp, from: string, to: string): void {
  renameIn(op.inputs, from, to)
}

export function renameOutputs(op: GradOp, from: string, to: string): void {
  renameIn(op.outputs, from, to)
}

function renameIn(slots: Record<string, string[]>, from: string, to: string): void {
  for (const names of Object.values(slots)) {
    for (let i = 0; i < names.length; i++) if (names[i] === from) names[i] = to
  }
}
