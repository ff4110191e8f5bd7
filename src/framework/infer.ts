/**
 * Slot checks and inference of one operator, shared by everything that needs shapes: append, verify, interpreter and plan.
 */
import { InvalidArgumentError, NotFoundError, suggest, UnimplementedError } from '../errors.ts'
import { compatibleShapes, formatShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { AttrValue } from './attr_value.ts'
import { extraOutputs } from './extra_attrs.ts'
import { type AnyOpDef, EMPTY_VAR, type InferContext, type Meta, type Slot, type Slots } from './op_def.ts'
import type { SlotNames } from './operator.ts'

/** Where inference finds what is known of variables. */
export interface MetaSource {
  /** undefined for a variable of which nothing is known. */
  meta(name: string): Meta | undefined
  /** The value of a variable, where it is known. */
  constant(name: string): Tensor | undefined
}

/** Throws where an output of a run would be too large. `what` is the subject of the sentence. */
export type CheckRoom = (what: string, meta: Meta | undefined) => void

interface OpLike {
  readonly type: string
  readonly inputs: SlotNames
  readonly outputs: SlotNames
}

/**
 * Slots against the definition: unknown slots, missing ones, too many names. Outputs that Paddle calls extra, such as XShape, may be missing.
 * @throws NotFoundError E205 (unknown slot), InvalidArgumentError E206 (missing, or too many names).
 */
export function checkSlots(def: AnyOpDef, op: OpLike): void {
  checkSide(def, op, 'input', def.inputs, op.inputs)
  checkSide(def, op, 'output', def.outputs, op.outputs)
}

function checkSide(def: AnyOpDef, op: OpLike, side: 'input' | 'output', slots: Slots, given: SlotNames): void {
  for (const slot in given) {
    if (Object.hasOwn(slots, slot)) continue
    const hint = suggest(slot, Object.keys(slots))
    throw new NotFoundError('E205', `${def.type} has no ${side} slot "${slot}"`, {
      where: { opType: op.type, slot },
      expected: Object.keys(slots),
      got: slot,
      hint: hint ?? `its ${side} slots are ${Object.keys(slots).join(', ') || 'none'}`,
    })
  }
  for (const slot in slots) {
    const { arity } = slots[slot] as Slot
    const names = given[slot]
    const count = names === undefined ? 0 : names.length
    if (arity === 'one' && isMissing(side, names) && !(side === 'output' && extraOutputs(def.type).has(slot))) {
      throw new InvalidArgumentError('E206', `${def.type}: ${side} slot ${slot} needs a variable, got none`, {
        where: { opType: op.type, slot },
        expected: 1,
        got: 0,
      })
    }
    if (arity !== 'many' && count > 1) {
      throw new InvalidArgumentError('E206', `${def.type}: ${side} slot ${slot} takes one variable, got ${count}`, {
        where: { opType: op.type, slot },
        expected: 1,
        got: count,
      })
    }
  }
}

/** An input that is named `@EMPTY@` is reported with the name that has no value, an output cannot be written there. */
const isMissing = (side: 'input' | 'output', names: readonly string[] | undefined): boolean =>
  names === undefined || names.length === 0 || (side === 'output' && names.length === 1 && names[0] === EMPTY_VAR)

/** Metas of all outputs: slot to list, parallel to the operator's names; undefined where inference says nothing. */
export type InferredMetas = Record<string, readonly (Meta | undefined)[]>

/**
 * Runs the definition's inference over the operator.
 * @param checkRoom given in a run, where dimensions are those of the values.
 * @throws what the definition and `checkRoom` throw, UnimplementedError E403 for an element type without kernel, InvalidArgumentError
 * E206/E210.
 */
export function inferOperator(
  def: AnyOpDef,
  op: OpLike,
  attrs: Readonly<Record<string, AttrValue>>,
  source: MetaSource,
  checkRoom?: CheckRoom,
): InferredMetas {
  const inputs: Record<string, Meta | readonly Meta[] | undefined> = {}
  let primary: string | undefined
  for (const slot in def.inputs) {
    const { arity, dtypes } = def.inputs[slot]! as Slot
    const names = op.inputs[slot]
    if (arity === 'many') {
      const list: Meta[] = []
      if (names !== undefined) {
        for (const name of names) {
          const meta = name === EMPTY_VAR ? undefined : source.meta(name)
          if (meta !== undefined) list.push(meta)
        }
      }
      inputs[slot] = list
      if (dtypes !== undefined) {
        for (const meta of list) checkDType(def, slot, meta, dtypes, primary === undefined || primary === slot)
        primary ??= list.length > 0 ? slot : undefined
      }
      continue
    }
    const name = names?.[0]
    const meta = name === undefined || name === EMPTY_VAR ? undefined : source.meta(name)
    if (meta === undefined) {
      if (arity === 'one') {
        throw new InvalidArgumentError('E206', `${def.type}: input slot ${slot} has no value`, {
          where: { opType: op.type, slot, ...(name === undefined ? {} : { variable: name }) },
        })
      }
      continue
    }
    inputs[slot] = meta
    if (dtypes !== undefined) {
      checkDType(def, slot, meta, dtypes, primary === undefined)
      primary ??= slot
    }
  }
  const ctx: InferContext = {
    opType: op.type,
    atRun: checkRoom !== undefined,
    constant(slot, index = 0) {
      const name = op.inputs[slot]?.[index]
      return name === undefined || name === EMPTY_VAR ? undefined : source.constant(name)
    },
    outputCount: (slot) => op.outputs[slot]?.length ?? 0,
    wantedCount: (slot) => (op.outputs[slot] ?? []).filter((name) => name !== EMPTY_VAR).length,
    sameVariable: (outputSlot, inputSlot) => {
      const name = op.outputs[outputSlot]?.[0]
      return name !== undefined && name === op.inputs[inputSlot]?.[0]
    },
  }
  const inferred = def.inferMeta(inputs, attrs, ctx) as Record<string, Meta | readonly Meta[] | undefined>
  const result: InferredMetas = {}
  for (const slot in op.outputs) {
    const names = op.outputs[slot]!
    const metas = inferred[slot]
    result[slot] = names.map((_, i) =>
      Array.isArray(metas) ? metas[i] : i === 0 ? (metas as Meta | undefined) : undefined,
    )
    if (checkRoom !== undefined) for (const meta of result[slot]) checkRoom(`${op.type}: ${slot}`, meta)
  }
  return result
}

function checkDType(def: AnyOpDef, slot: string, meta: Meta, dtypes: readonly string[], primary: boolean): void {
  if (dtypes.includes(meta.dtype)) return
  const details = { where: { opType: def.type, slot }, expected: dtypes, got: meta.dtype }
  if (primary && def.olderRegistry === true) {
    throw new NotFoundError('E409', `${def.type} has no kernel for ${slot} of element type ${meta.dtype}`, {
      ...details,
      hint: `it has kernels for ${dtypes.join(', ')}`,
    })
  }
  if (primary) {
    throw new UnimplementedError('E403', `${def.type} has no kernel for ${slot} of element type ${meta.dtype}`, {
      ...details,
      hint: `it has kernels for ${dtypes.join(', ')}`,
    })
  }
  throw new InvalidArgumentError('E210', `${def.type}: ${slot} cannot be ${meta.dtype}`, {
    ...details,
    hint: `it takes ${dtypes.join(', ')}; put a cast in front`,
  })
}

/**
 * The common element type of inputs that must agree.
 * @throws InvalidArgumentError E210 naming the first two that differ.
 */
export function requireSameDType(opType: string, metas: Readonly<Record<string, Meta | undefined>>): void {
  let first: [string, Meta] | undefined
  for (const [slot, meta] of Object.entries(metas)) {
    if (meta === undefined) continue
    if (first === undefined) first = [slot, meta]
    else if (meta.dtype !== first[1].dtype) {
      throw new InvalidArgumentError(
        'E210',
        `${opType}: ${first[0]} is ${first[1].dtype} but ${slot} is ${meta.dtype}`,
        {
          where: { opType, slot },
          expected: first[1].dtype,
          got: meta.dtype,
          hint: `put a cast to ${first[1].dtype} in front of ${slot}`,
        },
      )
    }
  }
}

/** @throws InvalidArgumentError E203 unless `got` could have the shape `wanted`. */
export function requireShape(opType: string, slot: string, got: Meta, wanted: readonly number[], why: string): void {
  if (compatibleShapes(got.shape, wanted)) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: ${slot} must have ${why}, ${formatShape(wanted)}, got ${formatShape(got.shape)}`,
    { where: { opType, slot }, expected: wanted, got: got.shape },
  )
}
