/**
 * Weight decay: operators that add a term to each gradient. Source: python/paddle/regularizer.py and Optimizer.append_regularization_ops
 * (2.6.2).
 */
import type { Regularizer } from '../framework/variable.ts'
import { Tensor } from '../tensor/tensor.ts'
import { checkOptions, FINITE } from './check.ts'
import type { Emitter, OptimizerValue, ParamGradPair } from './emitter.ts'
import type { OptimizedParameter } from './parameter.ts'

/** coeff * sign(parameter) is added to the gradient. */
export const L1Decay = (coeff = 0): Regularizer => decay('L1Decay', coeff)
/** coeff * parameter is added to the gradient. */
export const L2Decay = (coeff = 0): Regularizer => decay('L2Decay', coeff)

function decay(type: Regularizer['type'], coeff: number): Regularizer {
  checkOptions(type, FINITE, { coeff })
  return { type, coeff }
}

/** A number means L2Decay. */
export const toRegularizer = (decay: number | Regularizer | null | undefined): Regularizer | null =>
  typeof decay === 'number' ? L2Decay(decay) : (decay ?? null)

/**
 * Adds to each gradient the term of its regularizer, in place; selected rows become a dense gradient of another name. A coefficient of 0
 * gives the same operators.
 * @param decayed the value that is decayed: the master weight of a half parameter where there is one.
 * @returns the pairs to go on with.
 */
export function appendRegularization(
  pairs: readonly ParamGradPair[],
  regularizerOf: (param: OptimizedParameter) => Regularizer | null,
  emitter: Emitter,
  decayed: (pair: ParamGradPair) => OptimizerValue,
): ParamGradPair[] {
  return pairs.map((pair) => {
    const own = regularizerOf(pair.param)
    if (own === null) return pair
    const grad = emitter.forPair(pair, () => appendDecay(pair, own, emitter, decayed(pair)))
    return { param: pair.param, grad }
  })
}

function appendDecay(
  { param, grad }: ParamGradPair,
  { type, coeff }: Regularizer,
  emitter: Emitter,
  source: OptimizerValue,
): OptimizerValue {
  let value = source
  if (value.dtype !== grad.dtype) {
    const attrs = { in_dtype: value.dtype, out_dtype: grad.dtype }
    value = emitter.apply('cast', { X: value }, attrs, { name: 'tmp' }, grad.dtype)
  }
  const generated = { generated: true } as const
  if (type === 'L1Decay') value = emitter.apply('sign', { X: value }, {}, generated, grad.dtype)
  const term = emitter.apply('scale', { X: value }, { scale: coeff }, generated, grad.dtype)
  return emitter.apply('sum', { X: [grad, term] }, {}, { into: denseGradient(param, grad) }, grad.dtype)
}

/** Where a decayed gradient goes: itself, or a dense variable where it is selected rows. */
function denseGradient(param: OptimizedParameter, grad: OptimizerValue): OptimizerValue {
  if (grad instanceof Tensor || grad.type !== 'SELECTED_ROWS') return grad
  const { dtype, shape } = param
  return grad.block.createVar({ name: `${grad.name}@NEWGRAD@`, dtype, shape })
}
