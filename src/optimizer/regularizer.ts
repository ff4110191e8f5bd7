/**
 * Weight decay: operators that add a term to each gradient. Source: python/paddle/regularizer.py and Optimizer.append_regularization_ops
 * (2.6.2).
 */
import { UnimplementedError } from '../errors.ts'
import type { Regularizer } from '../framework/variable.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { Emitter, OptimizerValue, ParamGradPair } from './emitter.ts'
import type { OptimizedParameter } from './parameter.ts'

/** coeff * sign(parameter) is added to the gradient. */
export const L1Decay = (coeff = 0): Regularizer => ({ type: 'L1Decay', coeff })
/** coeff * parameter is added to the gradient. */
export const L2Decay = (coeff = 0): Regularizer => ({ type: 'L2Decay', coeff })

/** A number means L2Decay. */
export const toRegularizer = (decay: number | Regularizer | null | undefined): Regularizer | null =>
  typeof decay === 'number' ? L2Decay(decay) : (decay ?? null)

/**
 * Adds to each gradient, in place, the term of its regularizer. A coefficient of 0 gives the same
 * operators.
 * @param decayed the value that is decayed: the master weight of a half parameter where there is one.
 */
export function appendRegularization(
  pairs: readonly ParamGradPair[],
  regularizerOf: (param: OptimizedParameter) => Regularizer | null,
  emitter: Emitter,
  decayed: (pair: ParamGradPair) => OptimizerValue,
): void {
  for (const pair of pairs) {
    const own = regularizerOf(pair.param)
    if (own !== null) emitter.forPair(pair, () => appendDecay(pair, own, emitter, decayed(pair)))
  }
}

function appendDecay(
  { param, grad }: ParamGradPair,
  { type, coeff }: Regularizer,
  emitter: Emitter,
  source: OptimizerValue,
): void {
  if (!(grad instanceof Tensor) && grad.type !== 'LOD_TENSOR') {
    throw new UnimplementedError(
      'E405',
      `weight decay of "${param.name}", whose gradient is sparse, is not implemented yet`,
      {
        where: { variable: param.name },
      },
    )
  }
  let value = source
  if (value.dtype !== grad.dtype) {
    const attrs = { in_dtype: value.dtype, out_dtype: grad.dtype }
    value = emitter.apply('cast', { X: value }, attrs, { name: 'tmp' }, grad.dtype)
  }
  const generated = { generated: true } as const
  if (type === 'L1Decay') value = emitter.apply('sign', { X: value }, {}, generated, grad.dtype)
  const term = emitter.apply('scale', { X: value }, { scale: coeff }, generated, grad.dtype)
  emitter.apply('sum', { X: [grad, term] }, {}, { into: grad }, grad.dtype)
}
