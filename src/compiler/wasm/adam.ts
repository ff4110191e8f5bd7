/** Lowerings of adam and adamw, in the order of operations of ops/optimizer/adam.ts. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, scalar, whole } from './op_reader.ts'
import { parameterOf } from './parameter.ts'

const { add, constant, div, mul, sqrt, sub } = e

/** What adam and lamb read and write beside the parameter; undefined where something is missing or given that is not covered. */
export function momentsOf(op: OpReader) {
  const inputs = ['Grad', 'LearningRate', 'Moment1', 'Moment2', 'Beta1Pow', 'Beta2Pow'].map((slot) => op.input(slot))
  const outputs = ['Moment1Out', 'Moment2Out'].map((slot) => op.output(slot))
  const parameter = parameterOf(op)
  if (parameter === undefined || [...inputs, ...outputs].includes(undefined) || !op.isFloat32()) return undefined
  if (op.input('SkipUpdate') !== undefined) return undefined
  const [grad, rate, moment1, moment2, pow1, pow2] = inputs as PlannedTensor[] as SixTensors
  return { ...parameter, grad, rate, moment1, moment2, pow1, pow2, outputs: outputs as PlannedTensor[] as TwoTensors }
}
type TwoTensors = [PlannedTensor, PlannedTensor]
type SixTensors = [...TwoTensors, ...TwoTensors, ...TwoTensors]

/** The moving averages of the gradient and of its square. */
export function nextMoments(first: Formula, second: Formula, g: Formula, b1: Formula, b2: Formula): [Formula, Formula] {
  const one = constant(1)
  return [add(mul(b1, first), mul(sub(one, b1), g)), add(mul(b2, second), mul(mul(sub(one, b2), g), g))]
}

const adamWith =
  (decays: boolean): Lowering =>
  (op) => {
    const moments = momentsOf(op)
    const [pow1Out, pow2Out] = [op.output('Beta1PowOut'), op.output('Beta2PowOut')]
    if (moments === undefined || !pow1Out || !pow2Out) return undefined
    const { param, targets, grad, rate, moment1, moment2, pow1, pow2, outputs } = moments
    const { shape } = param
    const one = constant(1)
    const given = (slot: string, name: string): Formula => {
      const tensor = op.input(slot)
      return tensor === undefined ? constant(op.attr<number>(name)) : scalar(tensor, shape)
    }
    const b1 = given('Beta1Tensor', 'beta1')
    const b2 = given('Beta2Tensor', 'beta2')
    const root = sqrt(sub(one, scalar(pow2, shape)))
    const rateT = div(mul(scalar(rate, shape), root), sub(one, scalar(pow1, shape)))
    const epsilon = mul(given('EpsilonTensor', 'epsilon'), root)
    const [first, second] = nextMoments(whole(moment1, shape), whole(moment2, shape), whole(grad, shape), b1, b2)
    const p = whole(param)
    const start = decays ? decayed(op, p, scalar(rate, shape)) : p
    const value = sub(start, mul(rateT, div(first, add(sqrt(second), epsilon))))
    const keeps = op.attr<boolean>('use_global_beta_pow')
    const next = (beta: Formula, pow: Formula): Formula => (keeps ? pow : mul(beta, pow))
    return [
      loop(
        shape,
        { target: outputs[0], value: first },
        { target: outputs[1], value: second },
        ...targets.map((target) => ({ target, value })),
      ),
      loop(
        [1],
        { target: pow1Out, value: next(rescale(b1), scalar(pow1, [1])) },
        { target: pow2Out, value: next(rescale(b2), scalar(pow2, [1])) },
      ),
    ]
  }

/** A scalar over another space: constants stay, operands are read without strides. */
function rescale(formula: Formula): Formula {
  return formula.operand === undefined ? formula : scalar(formula.operand.tensor, [1])
}

/** p - lr lr_ratio coeff p */
function decayed(op: OpReader, p: Formula, rate: Formula): Formula {
  if (!op.attr<boolean>('with_decay')) return p
  const share = mul(mul(rate, constant(op.attr<number>('lr_ratio'))), constant(op.attr<number>('coeff')))
  return sub(p, mul(share, p))
}

export const adam: Readonly<Record<string, Lowering>> = { adam: adamWith(false), adamw: adamWith(true) }
