/**
 * Weight decay: operators that add a term to each gradient. Source: python/paddle/regularizer.py and Optimizer.append_regularization_ops
 * (2.6.2).
 */
import { UnimplementedError } from '../errors.ts'
import type { ParamGrad } from '../framework/autodiff/backward.ts'
import { OpRole } from '../framework/op_role.ts'
import type { Regularizer, Variable } from '../framework/variable.ts'

/** coeff * sign(parameter) is added to the gradient. */
export const L1Decay = (coeff = 0): Regularizer => ({ type: 'L1Decay', coeff })
/** coeff * parameter is added to the gradient. */
export const L2Decay = (coeff = 0): Regularizer => ({ type: 'L2Decay', coeff })

/** A number means L2Decay. */
export const toRegularizer = (decay: number | Regularizer | null | undefined): Regularizer | null =>
  typeof decay === 'number' ? L2Decay(decay) : (decay ?? null)

/**
 * Appends, per pair, the operators that add the parameter's own regularizer, else the optimizer's. A coefficient of 0 gives the same
 * operators. Returns the pairs to go on with.
 * @param decayed the variable whose value is decayed: the master weight of a half parameter where there is one.
 */
export function appendRegularizationOps(
  pairs: readonly ParamGrad[],
  regularizer: Regularizer | null,
  decayed: (pair: ParamGrad) => Variable,
): ParamGrad[] {
  const program = pairs[0]?.param.block.program
  if (program === undefined) return []
  return program.withNameScope('regularization', () =>
    pairs.map((pair) =>
      program.withRole(OpRole.Optimize, [pair.param.name, pair.grad.name], () => {
        const own = pair.param.regularizer ?? regularizer
        if (own !== null) appendDecay(pair, own, decayed(pair))
        return pair
      }),
    ),
  )
}

function appendDecay({ param, grad }: ParamGrad, { type, coeff }: Regularizer, source: Variable): void {
  const { block } = grad
  if (grad.type !== 'LOD_TENSOR') {
    throw new UnimplementedError(
      'E405',
      `weight decay of "${param.name}", whose gradient is sparse, is not implemented yet`,
      {
        where: { variable: param.name },
      },
    )
  }
  const generated = (): Variable =>
    block.createVar({ name: block.program.generateVarName(), dtype: source.dtype, shape: source.shape })
  let from = source
  if (type === 'L1Decay') {
    // Paddle makes both variables before the first operator.
    const sign = generated()
    const term = generated()
    block.appendOp({ type: 'sign', inputs: { X: from }, outputs: { Out: sign } })
    from = sign
    appendTerm(from, term)
    return
  }
  appendTerm(from, generated())

  function appendTerm(value: Variable, term: Variable): void {
    block.appendOp({ type: 'scale', inputs: { X: value }, outputs: { Out: term }, attrs: { scale: coeff } })
    block.appendOp({ type: 'sum', inputs: { X: [grad, term] }, outputs: { Out: grad } })
  }
}
