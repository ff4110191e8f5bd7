/**
 * Dygraph mode: an operator call computes at once. `tensor` makes values that can be computed with; the tape behind them is in `tape.ts`.
 */
import { NotFoundError, suggest } from '../errors.ts'
import { fillAttrs } from '../framework/block.ts'
import { type AnyOpDef, findOp, type OpLibrary, type Slot } from '../framework/op_def.ts'
import { Operator } from '../framework/operator.ts'
import { ops } from '../ops/index.ts'
import { type DType, isFloating } from '../tensor/dtype.ts'
import type { Shape } from '../tensor/shape.ts'
import { tensor as plainTensor, Tensor, type TensorLikeData } from '../tensor/tensor.ts'
import type { TensorEngine } from '../tensor/tensor_like.ts'
import { runOperatorOnTensors } from './run_operator.ts'
import { backward, isRecording, noGrad, record, tapeName } from './tape.ts'

/** Tensors by slot. */
export type TensorSlots = Readonly<Record<string, Tensor | readonly Tensor[] | undefined>>

/** What tensors call when methods are used on them. */
export const dygraph: TensorEngine = {
  call: (type, inputs, attrs) => runNow(standard(type), inputs, attrs)['Out'] as Tensor,
  run: ({ type, inputs, outputs, attrs }) => runNow(standard(type), inputs, attrs ?? {}, outputs),
  noGrad,
  backward,
}

function standard(type: string): AnyOpDef {
  const def = findOp(ops, type)
  if (def !== undefined) return def
  const hint = suggest(type, Object.keys(ops))
  throw new NotFoundError('E204', `no operator "${type}"`, { got: type, hint })
}

/**
 * A value to compute with, from nested lists, a typed array, a number or another tensor; see {@link plainTensor} for the rules.
 *
 * @example
 * const x = tensor([[1, 2], [3, 4]])
 * x.matmul(x).mean().item()
 */
export function tensor(data: TensorLikeData, dtype?: DType, shape?: Shape): Tensor {
  const value = dtype === undefined ? plainTensor(data) : plainTensor(data, dtype, shape)
  return attach(shape === undefined || dtype !== undefined ? value : plainTensor(value, value.dtype, shape))
}

/** The same elements as a tensor that can be computed with. */
export function attach(value: Tensor): Tensor {
  return value.engine === dygraph ? value : new Tensor(value.dtype, value.shape, value.data, value.lod, dygraph)
}

/**
 * Computes an operator, and writes it on the tape if an input wants a gradient.
 * @param given tensors to write in place of new ones. @param counts how many tensors to make for a list slot. Default 0.
 */
export function runNow(
  def: AnyOpDef,
  inputs: TensorSlots,
  attrs: Readonly<Record<string, unknown>>,
  given: TensorSlots = {},
  counts: Readonly<Record<string, number>> = {},
): Record<string, Tensor | Tensor[]> {
  const values = new Map<string, Tensor>()
  const namesOf = (slots: TensorSlots): Record<string, string[]> => {
    const result: Record<string, string[]> = {}
    for (const [slot, value] of Object.entries(slots)) {
      if (value === undefined) continue
      const list = value instanceof Tensor ? [value] : value
      result[slot] = list.map((item) => {
        values.set(tapeName(item), item)
        return tapeName(item)
      })
    }
    return result
  }
  const inputNames = namesOf(inputs)
  const inputTensors = [...values.values()]
  const outputNames = namesOf(given)
  for (const [slot, { arity }] of Object.entries(def.outputs) as [string, Slot][]) {
    if (outputNames[slot] !== undefined) continue
    if (arity === 'one') outputNames[slot] = [`${slot}@NEW`]
    else if (arity === 'many')
      outputNames[slot] = Array.from({ length: counts[slot] ?? 0 }, (_, i) => `${slot}@NEW${i}`)
  }
  const placeholder = new Operator({
    type: def.type,
    inputs: inputNames,
    outputs: outputNames,
    attrs: fillAttrs(def, attrs),
  })
  const results = runOperatorOnTensors(def, placeholder, values, dygraph)
  const outputs: Record<string, Tensor | Tensor[]> = {}
  const outputTensors: Tensor[] = []
  for (const [slot, { arity }] of Object.entries(def.outputs) as [string, Slot][]) {
    const list = (outputNames[slot] ?? []).map((name) => results.get(name)).filter((value) => value !== undefined)
    outputTensors.push(...list)
    if (arity === 'many') outputs[slot] = list
    else if (list[0] !== undefined) outputs[slot] = list[0]
  }
  const wanted = def.grad !== 'none' && isRecording() && inputTensors.some((value) => !value.stopGradient)
  if (wanted) {
    for (const value of outputTensors) if (isFloating(value.dtype)) value.stopGradient = false
    const named = Object.fromEntries(
      Object.entries(outputNames).map(([slot, list]) => [
        slot,
        list.map((name) => {
          const value = results.get(name)
          return value === undefined ? name : tapeName(value)
        }),
      ]),
    )
    record(libraryOf(def), new Operator({ ...placeholder.parts(), outputs: named }), inputTensors, outputTensors)
  }
  return outputs
}

/** The standard operators, and the one called if it is not among them. */
function libraryOf(def: AnyOpDef): OpLibrary {
  return findOp(ops, def.type) === def ? ops : { ...ops, [def.type]: def }
}
