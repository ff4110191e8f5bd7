/**
 * Lowerings of reductions that are more than one sum: extremes and products, logic, norms and what they scale, logarithms of sums, inner
 * products. Extremes and truth values are exact (of zeros of both signs either may be the result); products and sums are float32, one
 * rounding a factor or term.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { AttrValue } from '../../framework/attr_value.ts'
import { numel, type Shape } from '../../tensor/shape.ts'
import { isTrue, truth } from './conversions.ts'
import { hasLanes } from './elements.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { exp, log } from './functions.ts'
import { type Piece, Temporary } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, scalar, spread, whole } from './op_reader.ts'
import { type Combine, reductionKernel } from './reduction.ts'
import { keptShape } from './reductions.ts'
import { signOf } from './rounding.ts'
import * as w from './wide.ts'

const { add, and, constant, div, mul, sub } = e

/** The value folded over the dimensions that `kept` has as 1. */
const folded = (
  space: Shape,
  kept: Shape,
  value: Formula,
  target: PlannedTensor,
  combine: Combine,
  finish?: (sum: Formula) => Formula,
): Piece | undefined =>
  reductionKernel({ space, value, target, strides: fullStrides(kept), combine, ...(finish && { finish }) })

const all = (pieces: readonly (Piece | undefined)[]): readonly Piece[] | undefined =>
  pieces.includes(undefined) ? undefined : (pieces as readonly Piece[])

const fold =
  (combine: Combine): Lowering =>
  (op) => {
    const [X, Out] = [op.input('X'), op.output('Out')]
    if (X === undefined || Out === undefined || !op.isFloat32()) return undefined
    return all([folded(X.shape, keptShape(op, X.shape), whole(X), Out, combine)])
  }

/** dX from the elements of X and those of Out and Out@GRAD that they went into. */
const foldGrad =
  (slope: (x: Formula, out: Formula, dout: Formula) => Formula): Lowering =>
  (op) => {
    const [X, Out, dOut, dX] = [op.input('X'), op.input('Out'), op.input('Out@GRAD'), op.output('X@GRAD')]
    if (!X || !Out || !dOut || !dX || !op.isFloat32()) return undefined
    const kept = keptShape(op, X.shape)
    return [loop(X.shape, { target: dX, value: slope(whole(X), spread(Out, kept), spread(dOut, kept)) })]
  }

const extremeGrad = foldGrad((x, out, dout) => and(dout, e.eq(x, out)))

/** dOut in equal shares to all elements that are as large as the extreme. The count of them is exact, so each share is rounded once. */
const sharedGrad: Lowering = (op) => {
  const [X, Out, dOut, dX] = [op.input('X'), op.input('Out'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!X || !Out || !dOut || !dX || !op.isFloat32('X', 'Out', 'Out@GRAD', 'X@GRAD')) return undefined
  const kept = keptShape(op, X.shape)
  if (numel(X.shape) / numel(kept) >= 2 ** 24) return undefined
  const ties = new Temporary(kept)
  const isExtreme = e.eq(whole(X), spread(Out, kept))
  return all([
    folded(X.shape, kept, and(isExtreme, constant(1)), ties, 'add'),
    loop(X.shape, { target: dX, value: and(div(spread(dOut, kept), spread(ties, kept)), isExtreme) }),
  ])
}

const logical =
  (combine: 'max' | 'min'): Lowering =>
  (op) => {
    const [X, Out] = [op.input('X'), op.output('Out')]
    if (X === undefined || Out?.dtype !== 'bool' || !hasLanes(X.dtype) || numel(X.shape) === 0) return undefined
    const [ones, found] = [new Temporary(X.shape), new Temporary(Out.shape)]
    return all([
      loop(X.shape, { target: ones, value: and(isTrue(whole(X), X.dtype), constant(1)) }),
      folded(X.shape, keptShape(op, X.shape), whole(ones), found, combine),
      loop(Out.shape, { target: Out, value: truth(e.ne(whole(found), constant(0))) }),
    ])
  }

const everything = (shape: Shape): Shape => shape.map(() => 1)

const squaredL2NormGrad: Lowering = (op) => {
  const [X, dOut, dX] = [op.input('X'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!X || !dOut || !dX || !op.isFloat32()) return undefined
  return [loop(X.shape, { target: dX, value: mul(mul(constant(2), scalar(dOut, X.shape)), whole(X)) })]
}

/** X, scaled down to the norm max_norm if its own is larger. The root of the factor has a float32 where the norm or the factor may have none. */
const clipByNorm: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out === undefined || !op.isFloat32()) return undefined
  const root = new Temporary([1])
  const by = scalar(root, X.shape)
  const [x, most] = [w.widen(whole(X)), w.constant(op.attr<number>('max_norm'))]
  const finish = (squares: w.Wide): Formula => {
    const norm = w.sqrt(squares)
    // A NaN norm makes every element NaN.
    return w.narrow(w.select(w.gt(most, norm), w.constant(1), w.sqrt(w.div(most, norm))))
  }
  const strides = X.shape.map(() => 0)
  return all([
    reductionKernel({ space: X.shape, value: w.mul(x, x), target: root, strides, combine: 'add', finish }),
    loop(X.shape, { target: Out, value: mul(mul(whole(X), by), by) }),
  ])
}

const l1Norm: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out === undefined || !op.isFloat32()) return undefined
  return all([folded(X.shape, everything(X.shape), e.abs(whole(X)), Out, 'add')])
}

const l1NormGrad: Lowering = (op) => {
  const [X, dOut, dX] = [op.input('X'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!X || !dOut || !dX || !op.isFloat32()) return undefined
  return [loop(X.shape, { target: dX, value: mul(scalar(dOut, X.shape), signOf(whole(X))) })]
}

/** Its attributes have names of their own. */
const logsumexpShape = (op: OpReader, shape: Shape): Shape =>
  keptShape({ attr: <T extends AttrValue>(name: string) => op.attr<T>(name === 'dim' ? 'axis' : name) }, shape)

/** The largest element, and the logarithm of the sum of the exponentials of what is below it. */
const logsumexp: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out === undefined || !op.isFloat32()) return undefined
  const kept = logsumexpShape(op, X.shape)
  const [largest, total] = [new Temporary(kept), new Temporary(kept)]
  return all([
    folded(X.shape, kept, whole(X), largest, 'max'),
    folded(X.shape, kept, exp(sub(whole(X), spread(largest, kept))), total, 'add'),
    loop(kept, { target: Out, value: add(whole(largest), log(whole(total))) }),
  ])
}

const logsumexpGrad: Lowering = (op) => {
  const [X, Out, dOut, dX] = [op.input('X'), op.input('Out'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!X || !Out || !dOut || !dX || !op.isFloat32()) return undefined
  const kept = logsumexpShape(op, X.shape)
  const value = mul(spread(dOut, kept), exp(sub(whole(X), spread(Out, kept))))
  return [loop(X.shape, { target: dX, value })]
}

const rows = (shape: Shape): Shape => shape.map((size, d) => (d === shape.length - 1 ? 1 : size))

const dot: Lowering = (op) => {
  const [X, Y, Out] = [op.input('X'), op.input('Y'), op.output('Out')]
  if (!X || !Y || !Out || !op.isFloat32()) return undefined
  return all([folded(X.shape, rows(X.shape), mul(whole(X), whole(Y)), Out, 'add')])
}

const dotGrad: Lowering = (op) => {
  const [X, Y, dOut] = [op.input('X'), op.input('Y'), op.input('Out@GRAD')]
  if (!X || !Y || !dOut || !op.isFloat32()) return undefined
  const dout = spread(dOut, rows(X.shape))
  const statements = [
    { target: op.output('X@GRAD'), value: mul(dout, whole(Y)) },
    { target: op.output('Y@GRAD'), value: mul(dout, whole(X)) },
  ].filter((statement): statement is { target: PlannedTensor; value: Formula } => statement.target !== undefined)
  return statements.length === 0 ? [] : [loop(X.shape, ...statements)]
}

/** X times a vector: a dot product for each row. */
const mv: Lowering = (op) => {
  const [X, Vec, Out] = [op.input('X'), op.input('Vec'), op.output('Out')]
  if (!X || !Vec || !Out || !op.isFloat32()) return undefined
  return all([folded(X.shape, rows(X.shape), mul(whole(X), spread(Vec, [1, X.shape[1]!])), Out, 'add')])
}

const mvGrad: Lowering = (op) => {
  const [X, Vec, dOut] = [op.input('X'), op.input('Vec'), op.input('Out@GRAD')]
  if (!X || !Vec || !dOut || !op.isFloat32()) return undefined
  const [dX, dVec] = [op.output('X@GRAD'), op.output('Vec@GRAD')]
  const columns = [1, X.shape[1]!]
  const dout = spread(dOut, rows(X.shape))
  return all([
    ...(dVec === undefined ? [] : [folded(X.shape, columns, mul(dout, whole(X)), dVec, 'add')]),
    ...(dX === undefined ? [] : [loop(X.shape, { target: dX, value: mul(dout, spread(Vec, columns)) })]),
  ])
}

export const extremes: Readonly<Record<string, Lowering>> = {
  reduce_max: fold('max'),
  reduce_max_grad: extremeGrad,
  reduce_min: fold('min'),
  reduce_min_grad: extremeGrad,
  reduce_amax: fold('max'),
  reduce_amax_grad: sharedGrad,
  reduce_amin: fold('min'),
  reduce_amin_grad: sharedGrad,
  reduce_prod: fold('mul'),
  reduce_prod_grad: foldGrad((x, out, dout) => div(mul(dout, out), x)),
  reduce_any: logical('max'),
  reduce_all: logical('min'),
  squared_l2_norm_grad: squaredL2NormGrad,
  clip_by_norm: clipByNorm,
  l1_norm: l1Norm,
  l1_norm_grad: l1NormGrad,
  logsumexp,
  logsumexp_grad: logsumexpGrad,
  dot,
  dot_grad: dotGrad,
  mv,
  mv_grad: mvGrad,
}
