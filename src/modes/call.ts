/**
 * The one door through which operators are called: in static mode the call appends an operator, in dygraph it computes at once.
 */
import { InvalidArgumentError } from '../errors.ts'
import type { SlotValue } from '../framework/block.ts'
import { LayerHelper } from '../framework/layer_helper.ts'
import type { Attrs, Filled, GivenAttrs, OpDef, Slot, Slots } from '../framework/op_def.ts'
import { Variable } from '../framework/variable.ts'

/** What operators are called with. */
export type OpValue = Variable

export interface CallOptions<O extends Slots> {
  /** Variables to write instead of new ones: in-place operators. */
  readonly outputs?: Partial<Filled<O, OpValue>>
  /** The layer that names the new variables, or its type. Default: a new layer named after the operator. */
  readonly layer?: LayerHelper | string
}

/**
 * Calls an operator by its definition; the definition gives the types of slots and attributes. Optional outputs are left out unless given.
 *
 * @example
 * const y = callOp(ops.softmax, { X: x }, { axis: 1 }).Out
 * @throws what appending the operator throws (see Block.appendOp); PreconditionNotMetError E040 outside of build.
 */
export function callOp<const I extends Slots, const O extends Slots, const A extends Attrs>(
  def: OpDef<I, O, A>,
  inputs: Filled<I, OpValue>,
  attrs: GivenAttrs<A>,
  options: CallOptions<O> = {},
): Filled<O, OpValue> {
  const { layer } = options
  const helper = layer instanceof LayerHelper ? layer : new LayerHelper(layer ?? def.type)
  const given = (options.outputs ?? {}) as Readonly<Record<string, SlotValue | undefined>>
  const first = Object.values(inputs).flat()[0]
  const dtype = first instanceof Variable ? first.dtype : 'float32'
  const outputs: Record<string, SlotValue> = {}
  for (const [slot, { arity }] of Object.entries(def.outputs) as [string, Slot][]) {
    const own = given[slot]
    if (own !== undefined) outputs[slot] = own
    else if (arity === 'one') outputs[slot] = helper.createVariable(dtype)
    else if (arity === 'many') {
      throw new InvalidArgumentError('E206', `${def.type}: the variables of output slot ${slot} must be given`, {
        where: { opType: def.type, slot },
      })
    }
  }
  helper.appendOp({
    type: def.type,
    inputs: inputs as Readonly<Record<string, SlotValue | undefined>>,
    outputs,
    attrs: attrs as Readonly<Record<string, unknown>>,
  })
  return outputs as Filled<O, OpValue>
}
