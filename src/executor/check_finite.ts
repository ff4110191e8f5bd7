/** Whether an operator gave NaN or an infinity, for FLAGS_check_nan_inf. Source: paddle/fluid/framework/details/nan_inf_utils_detail.cc (2.6.2). */
import { PreconditionNotMetError } from '../errors.ts'
import { EMPTY_VAR } from '../framework/op_def.ts'
import type { Operator } from '../framework/operator.ts'
import { isFloating } from '../tensor/dtype.ts'
import { SelectedRows, Tensor } from '../tensor/tensor.ts'
import { type Scope, TensorSlot } from './scope.ts'

/** @throws PreconditionNotMetError E122 naming the output and how many of its elements are not finite. */
export function checkFinite(op: Operator, scope: Scope): void {
  for (const [slot, names] of Object.entries(op.outputs)) {
    for (const name of names) {
      const value = name === EMPTY_VAR ? undefined : scope.find(name)
      const tensor = value instanceof SelectedRows ? value.value : value
      if (!(tensor instanceof TensorSlot || tensor instanceof Tensor) || !isFloating(tensor.dtype)) continue
      const elements = new Tensor(tensor.dtype, [tensor.data.length], tensor.data)
      const count = { nan: 0, infinite: 0, first: -1 }
      for (let i = 0; i < elements.size; i++) {
        const element = Number(elements.at(i))
        if (Number.isFinite(element)) continue
        if (Number.isNaN(element)) count.nan++
        else count.infinite++
        if (count.first < 0) count.first = i
      }
      if (count.first < 0) continue
      throw new PreconditionNotMetError(
        'E122',
        `${op.type}: ${slot} ("${name}") has ${count.nan} NaN and ${count.infinite} infinities in ${elements.size} elements, the first at element ${count.first}`,
        { where: { opType: op.type, slot, variable: name }, got: { nan: count.nan, infinite: count.infinite } },
      )
    }
  }
}
