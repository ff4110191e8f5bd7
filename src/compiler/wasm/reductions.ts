/** Lowerings of sums and means over dimensions, and of their gradients. */
import { numel, type Shape } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, scalar, spread, whole } from './op_reader.ts'
import { type Combine, reductionKernel } from './reduction.ts'
import { mul, widen } from './wide.ts'

const mean: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!op.isFloat32() || !X || !Out) return undefined
  return total(
    X.shape,
    X.shape.map(() => 1),
    op,
    'add',
    numel(X.shape),
  )
}

const meanGrad: Lowering = (op) => {
  const [dOut, dX] = [op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!op.isFloat32('Out@GRAD', 'X@GRAD') || !dOut || !dX) return undefined
  return [loop(dX.shape, { target: dX, value: e.div(scalar(dOut, dX.shape), e.constant(numel(dX.shape))) })]
}

function total(space: Shape, kept: Shape, op: OpReader, combine: Combine, divisor?: number): ReturnType<Lowering> {
  const kernel = reductionKernel({
    space,
    value: whole(op.input('X')!, space),
    target: op.output('Out')!,
    strides: fullStrides(kept),
    combine,
    ...(divisor === undefined ? {} : { finish: (sum: e.Formula) => e.div(sum, e.constant(divisor)) }),
  })
  return kernel === undefined ? undefined : [kernel]
}

/** The shape with the reduced dimensions as 1. */
export function keptShape(op: Pick<OpReader, 'attr'>, shape: Shape): Shape {
  const dims = op.attr<readonly (number | bigint)[]>('dim').map(Number)
  const all = op.attr<boolean>('reduce_all') || dims.length === 0
  const reduced = new Set(dims.map((dim) => (dim < 0 ? dim + shape.length : dim)))
  return shape.map((size, d) => (all || reduced.has(d) ? 1 : size))
}

const reduce =
  (combine: Combine, average = false): Lowering =>
  (op) => {
    const [X, Out] = [op.input('X'), op.output('Out')]
    if (!op.isFloat32() || !X || !Out) return undefined
    const kept = keptShape(op, X.shape)
    return total(X.shape, kept, op, combine, average ? numel(X.shape) / numel(kept) : undefined)
  }

const reduceGrad =
  (average: boolean): Lowering =>
  (op) => {
    const [X, dOut, dX] = [op.input('X'), op.input('Out@GRAD'), op.output('X@GRAD')]
    if (!op.isFloat32('Out@GRAD', 'X@GRAD') || !X || !dOut || !dX) return undefined
    const kept = keptShape(op, X.shape)
    const value = spread(dOut, kept)
    const divisor = numel(X.shape) / numel(kept)
    return [loop(X.shape, { target: dX, value: average ? e.div(value, e.constant(divisor)) : value })]
  }

/** The sum of squares of all elements, in float64: squares may be beyond float32 where what follows, such as a root, is not. */
const squaredL2Norm: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!op.isFloat32() || !X || !Out) return undefined
  const x = widen(whole(X))
  const strides = X.shape.map(() => 0)
  const kernel = reductionKernel({ space: X.shape, value: mul(x, x), target: Out, strides, combine: 'add' })
  return kernel === undefined ? undefined : [kernel]
}

export const reductions: Readonly<Record<string, Lowering>> = {
  mean,
  mean_grad: meanGrad,
  reduce_sum: reduce('add'),
  reduce_mean: reduce('add', true),
  reduce_sum_grad: reduceGrad(false),
  reduce_mean_grad: reduceGrad(true),
  squared_l2_norm: squaredL2Norm,
}
