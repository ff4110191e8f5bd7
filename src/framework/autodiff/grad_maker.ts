/**
 * Asks an operator's definition for its gradient operators.
 * Source: paddle/fluid/framework/grad_op_desc_maker.h (2.6.2).
 */
import { UnimplementedError } from '../../errors.ts'
import type { AttrType, AttrValue } from '../attr_value.ts'
import { parseAttr } from '../block.ts'
import { type AnyOpDef, EMPTY_VAR, findOp, type OpDesc, type OpLibrary, type Slot } from '../op_def.ts'
import { OP_NAMESCOPE, OP_ROLE, OP_ROLE_VAR, OpRole } from '../op_role.ts'
import type { Operator } from '../operator.ts'
import type { GradOp } from './grad_op.ts'
import { gradName } from './names.ts'

export interface MadeGradOps {
  readonly ops: GradOp[]
  /** Gradient name to the forward variable that it belongs to. */
  readonly gradToVar: ReadonlyMap<string, string>
}

/**
 * The gradient operators of `op`. Gradients of outputs are always named; gradients of inputs in `noGrad` are left out (`@EMPTY@` in list slots).
 * @param noGrad gradient names (with @GRAD) that nobody wants.
 * @throws UnimplementedError E401 (operator unknown), E404 (no gradient registered).
 */
export function makeGradOps(
  library: OpLibrary,
  op: Operator,
  noGrad: ReadonlySet<string>,
  gradBlock: () => number,
): MadeGradOps {
  const def = findOp(library, op.type)
  if (def === undefined) {
    throw new UnimplementedError('E401', `operator "${op.type}" is not implemented, so its gradient is not known`, {
      where: { opType: op.type },
    })
  }
  if (typeof def.grad === 'string') {
    throw new UnimplementedError('E404', `the gradient of ${op.type} is not implemented`, {
      where: { opType: op.type },
    })
  }
  const gradToVar = new Map<string, string>()
  const descs = def.grad({
    inputs: bySlot(def.inputs, op.inputs, (name) => name),
    outputs: bySlot(def.outputs, op.outputs, (name) => name),
    outputGrads: bySlot(def.outputs, op.outputs, (name) => {
      gradToVar.set(gradName(name), name)
      return gradName(name)
    }),
    inputGrads: wanted(def.inputs, op.inputs, (name) => {
      const grad = gradName(name)
      if (noGrad.has(grad)) return undefined
      gradToVar.set(grad, name)
      return grad
    }),
    attrs: op.filledAttrs(def),
    gradBlock,
  })
  return { ops: descs.map((desc) => toGradOp(library, def, op, desc)), gradToVar }
}

function bySlot(
  slots: Readonly<Record<string, Slot>>,
  names: Operator['inputs'],
  map: (name: string) => string,
): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const slot in slots) {
    const mapped = (names[slot] ?? []).map(map)
    result[slot] = slots[slot]!.arity === 'many' ? mapped : mapped[0]
  }
  return result
}

function wanted(
  slots: Readonly<Record<string, Slot>>,
  names: Operator['inputs'],
  map: (name: string) => string | undefined,
): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [slot, { arity }] of Object.entries(slots)) {
    const mapped = (names[slot] ?? []).map(map)
    result[slot] = arity === 'many' ? mapped.map((name) => name ?? EMPTY_VAR) : mapped[0]
  }
  return result
}

function toGradOp(library: OpLibrary, forward: AnyOpDef, op: Operator, desc: OpDesc): GradOp {
  const def = findOp(library, desc.type) ?? desc.def
  const attrs: Record<string, AttrValue> = {}
  let attrTypes: Record<string, AttrType> | undefined
  if (desc.attrs === 'copied') {
    Object.assign(attrs, op.attrs)
    if (op.attrTypes !== undefined) attrTypes = { ...op.attrTypes }
    // An attribute that only the forward operator declares must keep its type in files.
    for (const name of Object.keys(attrs)) {
      if (Object.hasOwn(forward.attrs, name) && (def === undefined || !Object.hasOwn(def.attrs, name))) {
        attrTypes ??= {}
        attrTypes[name] = forward.attrs[name].type
      }
    }
  } else {
    for (const [name, value] of Object.entries(desc.attrs))
      if (value !== undefined) attrs[name] = parseAttr(def, name, value)
  }
  attrs[OP_ROLE] = OpRole.Backward
  const inputs: Record<string, string[]> = {}
  for (const [slot, names] of Object.entries(desc.inputs)) {
    // A slot handed on from the forward operator is there only if the forward operator has it.
    if (names.length === 0 && !Object.hasOwn(op.inputs, slot) && !Object.hasOwn(op.outputs, slot)) continue
    inputs[slot] = [...names]
  }
  const outputs: Record<string, string[]> = {}
  for (const [slot, names] of Object.entries(desc.outputs)) outputs[slot] = [...names]
  return { type: desc.type, def: desc.def, inputs, outputs, attrs, ...(attrTypes === undefined ? {} : { attrTypes }) }
}

/** Fills attributes that the operator lacks with the defaults of its definition, and the bookkeeping ones. */
export function fillDefaults(library: OpLibrary, op: GradOp): void {
  const def = findOp(library, op.type) ?? op.def
  if (def !== undefined) {
    for (const name in def.attrs) {
      const value = def.attrs[name].default
      if (!Object.hasOwn(op.attrs, name) && value !== undefined) op.attrs[name] = value
    }
  }
  op.attrs[OP_ROLE] ??= OpRole.Backward
  op.attrs[OP_ROLE_VAR] ??= []
  op.attrs[OP_NAMESCOPE] ??= ''
}
