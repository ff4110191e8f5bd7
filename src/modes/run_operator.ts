/** Runs one operator at once on tensors with memory of their own: what dygraph does for each call. */

import { type ErrorPlace, UnimplementedError, withPlace } from '../errors.ts'
import { type BoundTensor, bindKernel, placeholder } from '../executor/kernels.ts'
import { roomWithin } from '../executor/room.ts'
import { checkSlots, inferOperator } from '../framework/infer.ts'
import { type AnyOpDef, EMPTY_VAR } from '../framework/op_def.ts'
import { formatOperator } from '../framework/op_text.ts'
import type { Operator, SlotNames } from '../framework/operator.ts'
import { allocate, isComplex } from '../tensor/dtype.ts'
import { defaultGenerator } from '../tensor/random.ts'
import { hasUnknown, numel, sameShape } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { TensorEngine } from '../tensor/tensor_like.ts'
import { currentCompiler } from './backend.ts'

/**
 * Computes the operator's outputs. An output whose name is an input's, or that `into` holds, is written in place where type and shape are
 * the same.
 * @param values tensors by the names that the operator uses. @returns the outputs by name.
 */
export function runOperatorOnTensors(
  def: AnyOpDef,
  op: Operator,
  values: ReadonlyMap<string, Tensor>,
  engine?: TensorEngine,
): Map<string, Tensor> {
  const place = (): ErrorPlace => ({ opType: op.type, text: formatOperator(op, {}) })
  return withPlace(place, () => {
    checkSlots(def, op)
    if (def.kernels.scope !== undefined) {
      throw new UnimplementedError('E405', `${op.type} works on variables of a program and cannot be called in dygraph`)
    }
    const attrs = op.filledAttrs(def)
    const metas = inferOperator(
      def,
      op,
      attrs,
      { meta: (name) => values.get(name), constant: (name) => values.get(name) },
      roomWithin(),
    )
    const results = new Map<string, Tensor>()
    const late = new Map<string, BoundTensor>()
    for (const [slot, list] of Object.entries(op.outputs)) {
      list.forEach((name, i) => {
        const meta = metas[slot]?.[i]
        if (name === EMPTY_VAR || meta === undefined) return
        if (hasUnknown(meta.shape)) {
          late.set(name, placeholder(meta.dtype, meta.shape))
          return
        }
        const present = values.get(name)
        const reused = present !== undefined && present.dtype === meta.dtype && sameShape(present.shape, meta.shape)
        results.set(
          name,
          reused
            ? present
            : new Tensor(
                meta.dtype,
                meta.shape,
                allocate(meta.dtype, numel(meta.shape) * (isComplex(meta.dtype) ? 2 : 1)),
                undefined,
                engine,
              ),
        )
      })
    }
    const targets = new Map<string, BoundTensor>([...results, ...late])
    const inputs = bound(op.inputs, values)
    const outputs = bound(op.outputs, targets)
    if (late.size > 0 || currentCompiler()?.run(def, attrs, inputs, outputs) !== true) {
      bindKernel(def, attrs, inputs, outputs, defaultGenerator, (slot, { dtype, shape, data }) => {
        results.set(op.outputs[slot]![0]!, new Tensor(dtype, shape, data, undefined, engine))
      })()
    }
    for (const [name, value] of results) if (values.get(name) === value) value.version++
    return results
  })
}

function bound(
  slots: SlotNames,
  values: ReadonlyMap<string, BoundTensor>,
): Record<string, (BoundTensor | undefined)[]> {
  return Object.fromEntries(Object.entries(slots).map(([slot, names]) => [slot, names.map((name) => values.get(name))]))
}
