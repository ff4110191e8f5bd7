/**
 * Lowerings of optimizer updates. Every operation is rounded to float32 in the order of the TypeScript kernels (ops/optimizer), so both give
 * equal bits.
 */

import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import type { Piece } from './ir.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, scalar, whole } from './op_reader.ts'

const { add, constant, div, mul, sqrt, sub } = e
const fround = Math.fround

/** p = p - lr g */
const sgd: Lowering = (op) => {
  const [Param, Grad, rate, out] = [
    op.input('Param'),
    op.input('Grad'),
    op.input('LearningRate'),
    op.output('ParamOut'),
  ]
  if (!op.isFloat32() || !Param || !Grad || !rate || !out || op.input('MasterParam')) return undefined
  const value = sub(whole(Param), mul(scalar(rate, Param.shape), whole(Grad, Param.shape)))
  return [loop(Param.shape, { target: out, value })]
}

const adamWith =
  (decays: boolean): Lowering =>
  (op) => {
    const [Param, Grad, rate] = [op.input('Param'), op.input('Grad'), op.input('LearningRate')]
    const [moment1, moment2] = [op.input('Moment1'), op.input('Moment2')]
    const [pow1, pow2] = [op.input('Beta1Pow'), op.input('Beta2Pow')]
    if (!Param || !Grad || !rate || !moment1 || !moment2 || !pow1 || !pow2 || !op.isFloat32()) return undefined
    if (op.input('MasterParam') || op.input('SkipUpdate')) return undefined
    const [paramOut, moment1Out, moment2Out] = [op.output('ParamOut'), op.output('Moment1Out'), op.output('Moment2Out')]
    const [pow1Out, pow2Out] = [op.output('Beta1PowOut'), op.output('Beta2PowOut')]
    if (!paramOut || !moment1Out || !moment2Out || !pow1Out || !pow2Out) return undefined
    const { shape } = Param
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
    const gradient = whole(Grad, shape)
    const first = add(mul(b1, whole(moment1)), mul(sub(one, b1), gradient))
    const second = add(mul(b2, whole(moment2)), mul(mul(sub(one, b2), gradient), gradient))
    const p = whole(Param)
    const start = decays ? decayed(op, p, scalar(rate, shape)) : p
    const pieces: Piece[] = [
      loop(
        shape,
        { target: moment1Out, value: first },
        { target: moment2Out, value: second },
        { target: paramOut, value: sub(start, mul(rateT, div(first, add(sqrt(second), epsilon)))) },
      ),
    ]
    const keeps = op.attr<boolean>('use_global_beta_pow')
    const next = (beta: Formula, pow: Formula): Formula => (keeps ? pow : mul(beta, pow))
    pieces.push(
      loop(
        [1],
        { target: pow1Out, value: next(rescale(b1), scalar(pow1, [1])) },
        { target: pow2Out, value: next(rescale(b2), scalar(pow2, [1])) },
      ),
    )
    return pieces
  }

/** A scalar over another space: constants stay, operands are read without strides. */
function rescale(formula: Formula): Formula {
  return formula.operand === undefined ? formula : scalar(formula.operand.tensor, [1])
}

/** p - lr lr_ratio coeff p */
function decayed(op: OpReader, p: Formula, rate: Formula): Formula {
  if (!op.attr<boolean>('with_decay')) return p
  const share = mul(mul(rate, constant(fround(op.attr<number>('lr_ratio')))), constant(op.attr<number>('coeff')))
  return sub(p, mul(share, p))
}

export const optimizers: Readonly<Record<string, Lowering>> = {
  sgd,
  adam: adamWith(false),
  adamw: adamWith(true),
}
