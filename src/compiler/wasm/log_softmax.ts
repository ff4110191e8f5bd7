/**
 * Lowerings of log_softmax and its gradient along any axis: sums over the axis, and a loop that others can join. Errors, in units in the last
 * place against float64 of the larger of the result and what it is a difference of: 8.
 */
import type { Shape } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import { exp, log } from './functions.ts'
import { Temporary } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, spread, whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'
import { LOWEST_EXPONENT } from './softmax.ts'

/** The shape with the axis as 1. */
function keptShape(op: OpReader, shape: Shape): Shape {
  const axis = op.attr<number>('axis')
  return shape.map((size, d) => (d === (axis < 0 ? axis + shape.length : axis) ? 1 : size))
}

/** Out = X - max(X) - log(sum(exp(X - max(X)))). As in Paddle, X - max(X) is cut below. */
const logSoftmax: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!op.isFloat32() || X === undefined || Out === undefined) return undefined
  const kept = keptShape(op, X.shape)
  const strides = fullStrides(kept)
  const [largest, logSum] = [new Temporary(kept), new Temporary(kept)]
  const below = e.max(e.sub(whole(X), spread(largest, kept)), e.constant(LOWEST_EXPONENT))
  const top = reductionKernel({ space: X.shape, value: whole(X), target: largest, strides, combine: 'max' })
  const sum = { space: X.shape, value: exp(below), target: logSum, strides, combine: 'add', finish: log } as const
  const total = reductionKernel(sum)
  if (top === undefined || total === undefined) return undefined
  return [top, total, loop(X.shape, { target: Out, value: e.sub(below, spread(logSum, kept)) })]
}

/** dX = dOut - exp(Out) sum(dOut) */
const logSoftmaxGrad: Lowering = (op) => {
  const [Out, dOut, dX] = [op.input('Out'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!op.isFloat32() || Out === undefined || dOut === undefined || dX === undefined) return undefined
  const kept = keptShape(op, Out.shape)
  const total = new Temporary(kept)
  const sum = { space: Out.shape, value: whole(dOut), target: total, strides: fullStrides(kept) }
  const kernel = reductionKernel({ ...sum, combine: 'add' })
  if (kernel === undefined) return undefined
  const value = e.sub(whole(dOut), e.mul(exp(whole(Out)), spread(total, kept)))
  return [kernel, loop(Out.shape, { target: dX, value })]
}

export const logSoftmaxes: Readonly<Record<string, Lowering>> = {
  log_softmax: logSoftmax,
  log_softmax_grad: logSoftmaxGrad,
}
