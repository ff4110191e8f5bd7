/**
 * The one door through which operators are called: inside `build` the call appends an operator to the program, outside it computes at once.
 * In dygraph an operator call computes; in static mode it appends a line to a program that is run later.
 */
import { PreconditionNotMetError } from '../errors.ts'
import type { SlotValue } from '../framework/block.ts'
import { initializer } from '../framework/initializer.ts'
import { LayerHelper } from '../framework/layer_helper.ts'
import type { AnyOpDef, Attrs, Filled, GivenAttrs, OpDef, Slot, Slots } from '../framework/op_def.ts'
import { currentPrograms, type ProgramPair } from '../framework/program_guard.ts'
import { Variable } from '../framework/variable.ts'
import { ParameterTensor } from '../tensor/parameter_tensor.ts'
import { Tensor } from '../tensor/tensor.ts'
import { attach, runNow, type TensorSlots } from './dygraph.ts'

/** What operators are called with: a variable of the program being built, or a tensor. */
export type OpValue = Variable | Tensor

export interface CallOptions<O extends Slots, V extends OpValue> {
  /** Values to write instead of new ones: in-place operators. */
  readonly outputs?: Partial<Filled<O, V>>
  /** Inside `build`: the layer that names the new variables, or its type. Default: a new layer named after the operator. */
  readonly layer?: LayerHelper | string | undefined
  /** How many values to make for an output slot that takes a list. */
  readonly counts?: Readonly<Record<string, number>> | undefined
}

/**
 * Calls an operator by its definition; the definition gives the types of slots and attributes. Optional outputs are left out unless given.
 *
 * @example
 * const y = callOp(ops.softmax, { X: x }, { axis: 1 }).Out
 * @throws what appending or running the operator throws; PreconditionNotMetError E040 for values of the other mode.
 */
export function callOp<const I extends Slots, const O extends Slots, const A extends Attrs>(
  def: OpDef<I, O, A>,
  inputs: Filled<I, Variable>,
  attrs: GivenAttrs<A>,
  options?: CallOptions<O, Variable>,
): Filled<O, Variable>
export function callOp<const I extends Slots, const O extends Slots, const A extends Attrs>(
  def: OpDef<I, O, A>,
  inputs: Filled<I, Tensor>,
  attrs: GivenAttrs<A>,
  options?: CallOptions<O, Tensor>,
): Filled<O, Tensor>
export function callOp<const I extends Slots, const O extends Slots, const A extends Attrs>(
  def: OpDef<I, O, A>,
  inputs: Filled<I, OpValue>,
  attrs: GivenAttrs<A>,
  options?: CallOptions<O, OpValue>,
): Filled<O, OpValue>
export function callOp(
  def: AnyOpDef,
  inputs: unknown,
  attrs: unknown,
  options: {
    readonly outputs?: unknown
    readonly layer?: LayerHelper | string | undefined
    readonly counts?: Readonly<Record<string, number>> | undefined
  } = {},
): unknown {
  const programs = currentPrograms()
  const given = (options.outputs ?? {}) as Readonly<Record<string, OpValue | readonly OpValue[] | undefined>>
  const slots = inputs as Readonly<Record<string, OpValue | readonly OpValue[] | undefined>>
  const plainAttrs = attrs as Readonly<Record<string, unknown>>
  return programs === undefined
    ? runNow(def, eagerSlots(def, slots), plainAttrs, eagerSlots(def, given), options.counts)
    : appendCall(
        def,
        programs,
        staticSlots(slots, programs),
        plainAttrs,
        staticSlots(given, programs),
        options.layer,
        options.counts ?? {},
      )
}

function appendCall(
  def: AnyOpDef,
  programs: ProgramPair,
  inputs: Readonly<Record<string, SlotValue | undefined>>,
  attrs: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, SlotValue | undefined>>,
  layer: LayerHelper | string | undefined,
  counts: Readonly<Record<string, number>>,
): Record<string, SlotValue> {
  const helper = layer instanceof LayerHelper ? layer : new LayerHelper(layer ?? def.type, { programs })
  const first = Object.values(inputs).flat()[0]
  const dtype = first instanceof Variable ? first.dtype : 'float32'
  const outputs: Record<string, SlotValue> = {}
  for (const [slot, { arity }] of Object.entries(def.outputs) as [string, Slot][]) {
    const own = given[slot]
    if (own !== undefined) outputs[slot] = own
    else if (arity === 'one') outputs[slot] = helper.createVariable(dtype)
    else if (arity === 'many' && counts[slot] !== undefined) {
      outputs[slot] = Array.from({ length: counts[slot] }, () => helper.createVariable(dtype))
    }
  }
  try {
    helper.appendOp({ type: def.type, inputs, outputs, attrs })
  } catch (error) {
    // A refused call leaves neither variables nor used-up names behind.
    const own = Object.entries(outputs).filter(([slot]) => given[slot] === undefined)
    for (const variable of own.flatMap(([, value]) => value).reverse()) {
      if (!(variable instanceof Variable)) continue
      helper.block.removeVar(variable.name)
      programs.main.names.takeBack(variable.name)
    }
    if (!(layer instanceof LayerHelper)) programs.main.names.takeBack(helper.name)
    throw error
  }
  return outputs
}

function eagerSlots(
  def: AnyOpDef,
  slots: Readonly<Record<string, OpValue | readonly OpValue[] | undefined>>,
): TensorSlots {
  return mapValues(slots, (value) => {
    if (value instanceof Tensor) return attach(value)
    throw new PreconditionNotMetError(
      'E040',
      `${def.type}: "${value.name}" is a variable of a program and has no value here`,
      {
        where: { opType: def.type, variable: value.name, ...siteOf(value) },
        hint: 'call it inside build(), or run the program and use the fetched tensor',
      },
    )
  })
}

function staticSlots(
  slots: Readonly<Record<string, OpValue | readonly OpValue[] | undefined>>,
  programs: ProgramPair,
): Record<string, SlotValue | undefined> {
  return mapValues(slots, (value) => {
    if (value instanceof Variable) return value
    if (value instanceof ParameterTensor) return adoptParameter(value, programs)
    throw new PreconditionNotMetError('E040', 'a tensor with values cannot be used while a program is built', {
      hint: 'declare it with input() and feed it, or compute outside of build()',
    })
  })
}

/** A dygraph parameter in a program: the startup program sets it to the value that it has now. */
function adoptParameter(value: ParameterTensor, { main, startup }: ProgramPair): Variable {
  const existing = main.globalBlock().vars.get(value.name)
  if (existing !== undefined) return existing
  const { name, learningRate, regularizer, trainable, needClip } = value
  const options = { name, learningRate, trainable, needClip, initializer: initializer.Assign(value) }
  return new LayerHelper('parameter', { name, programs: { main, startup } }).createParameter({
    attr: regularizer === null ? options : { ...options, regularizer },
    shape: value.shape,
    dtype: value.dtype,
  })
}

function siteOf(value: Variable): { site?: string } {
  const site = value.block.lastWriter(value.name)?.callSite?.text
  return site === undefined ? {} : { site }
}

function mapValues<T, R>(
  slots: Readonly<Record<string, T | readonly T[] | undefined>>,
  map: (value: T) => R,
): Record<string, R | R[] | undefined> {
  return Object.fromEntries(
    Object.entries(slots).map(([slot, value]) => [
      slot,
      value === undefined ? undefined : Array.isArray(value) ? (value as T[]).map(map) : map(value as T),
    ]),
  )
}
