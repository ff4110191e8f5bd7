/**
 * Lowerings of norms over dimensions, and of division by them, computed in float64 and rounded once: 1 unit in the last place from the TypeScript
 * kernels, and finite also where squares are beyond float32. Norms of order 0 and of infinite order are exact.
 */
import type { Shape } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { Temporary } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, spread, whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'
import { keptShape } from './reductions.ts'
import { signOf } from './rounding.ts'
import { abs, add, constant, div, mul, narrow, sqrt, sub, type Wide, widen } from './wide.ts'
import { power } from './wide_functions.ts'

const square = (x: Wide): Wide => mul(x, x)
const zero = e.constant(0)
const one = e.constant(1)

/** Keeps the gradient of a Frobenius norm of 0 at 0, as ops/reduce/norms.ts has it. */
const FROBENIUS_EPSILON = 1e-12

interface SlopeAt {
  readonly x: Formula
  readonly norm: Formula
  readonly dout: Formula
  readonly epsilon: number
}

/** A norm is made of a sum, or is an extreme of magnitudes. */
type Order = { readonly slope: (at: SlopeAt) => Formula } & (
  | { readonly value: (x: Formula) => Wide; readonly finish: (sum: Wide) => Wide }
  | { readonly extreme: 'max' | 'min' }
)

const extreme = (combine: 'max' | 'min'): Order => ({
  extreme: combine,
  slope: ({ x, norm, dout }) => e.mul(e.mul(dout, signOf(x)), e.and(e.eq(e.abs(x), norm), one)),
})

/** The orders that need no power. */
const ORDERS: ReadonlyMap<number, Order> = new Map([
  [0, { value: (x) => widen(e.and(one, e.ne(x, zero))), finish: (sum) => sum, slope: () => zero }],
  [
    1,
    {
      value: (x) => widen(e.abs(x)),
      finish: (sum) => sum,
      slope: ({ x, dout, epsilon }) => narrow(div(widen(e.mul(dout, signOf(x))), constant(1 + epsilon))),
    },
  ],
  [
    2,
    {
      value: (x) => square(widen(x)),
      finish: sqrt,
      slope: ({ x, norm, dout, epsilon }) =>
        narrow(div(mul(widen(dout), widen(x)), add(widen(norm), constant(epsilon)))),
    },
  ],
  [Number.POSITIVE_INFINITY, extreme('max')],
  [Number.NEGATIVE_INFINITY, extreme('min')],
] as const satisfies readonly (readonly [number, Order])[])

/** dX = dOut |X|^(p - 1) sign(X) / (Out^(p - 1) + epsilon) */
const powerOrder = (p: number): Order => ({
  value: (x) => power(abs(widen(x)), constant(p)),
  // Paddle takes the reciprocal in float32.
  finish: (sum) => power(sum, constant(Math.fround(1 / p))),
  slope({ x, norm, dout, epsilon }) {
    const size = mul(widen(dout), power(abs(widen(x)), constant(p - 1)))
    const below = add(power(widen(norm), constant(p - 1)), constant(epsilon))
    return narrow(div(mul(size, widen(signOf(x))), below))
  },
})

/** The shape with the dimension `axis`, or all of them, as 1. */
function alongAxis(op: OpReader, shape: Shape): Shape {
  const axis = op.attr<number>('axis')
  const along = axis < 0 ? axis + shape.length : axis
  return shape.map((size, d) => (op.attrs['asvector'] === true || d === along ? 1 : size))
}

interface Norm {
  readonly order: (op: OpReader) => Order
  readonly kept: (op: OpReader, shape: Shape) => Shape
  readonly epsilon: (op: OpReader) => number
}

const norm =
  ({ order: orderOf, kept: keptOf }: Norm): Lowering =>
  (op) => {
    const [X, Out] = [op.input('X'), op.output('Out')]
    if (!op.isFloat32() || !X || !Out) return undefined
    const order = orderOf(op)
    const to = { space: X.shape, target: Out, strides: fullStrides(keptOf(op, X.shape)) }
    const kernel =
      'extreme' in order
        ? reductionKernel({ ...to, value: e.abs(whole(X)), combine: order.extreme })
        : reductionKernel({
            ...to,
            value: order.value(whole(X)),
            combine: 'add',
            finish: (sum) => narrow(order.finish(sum)),
          })
    return kernel && [kernel]
  }

const normGrad =
  ({ order: orderOf, kept: keptOf, epsilon }: Norm): Lowering =>
  (op) => {
    const [X, Out, dOut, dX] = [op.input('X'), op.input('Out'), op.input('Out@GRAD'), op.output('X@GRAD')]
    if (!op.isFloat32('X', 'Out', 'Out@GRAD', 'X@GRAD') || !X || !Out || !dOut || !dX) return undefined
    const kept = keptOf(op, X.shape)
    const at = { x: whole(X), norm: spread(Out, kept), dout: spread(dOut, kept), epsilon: epsilon(op) }
    return [loop(X.shape, { target: dX, value: orderOf(op).slope(at) })]
  }

const frobenius: Norm = { order: () => ORDERS.get(2)!, kept: keptShape, epsilon: () => FROBENIUS_EPSILON }
const vectors: Norm = {
  order: (op) => ORDERS.get(op.attr<number>('porder')) ?? powerOrder(op.attr<number>('porder')),
  kept: alongAxis,
  epsilon: (op) => op.attr<number>('epsilon'),
}

/** Norm = sqrt(sum(X X) + epsilon) along the axis, Out = X / Norm. */
const normalize: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!op.isFloat32() || X === undefined || Out === undefined) return undefined
  const kept = alongAxis(op, X.shape)
  const Norm = op.output('Norm') ?? new Temporary(kept)
  const kernel = reductionKernel({
    space: X.shape,
    value: square(widen(whole(X))),
    target: Norm,
    strides: fullStrides(kept),
    combine: 'add',
    finish: (sum) => narrow(sqrt(add(sum, constant(op.attr<number>('epsilon'))))),
  })
  return kernel && [kernel, loop(X.shape, { target: Out, value: e.div(whole(X), spread(Norm, kept)) })]
}

/** dX = (dOut - X sum(X dOut) / Norm^2) / Norm, from the sum divided by Norm, which float32 holds where it holds a Norm. */
const normalizeGrad: Lowering = (op) => {
  const [X, Norm, dOut, dX] = [op.input('X'), op.input('Norm'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!op.isFloat32() || !X || !Norm || !dOut || !dX) return undefined
  const kept = alongAxis(op, X.shape)
  const along = new Temporary(kept)
  const [x, dout, size] = [widen(whole(X)), widen(whole(dOut)), widen(spread(Norm, kept))]
  const value = div(mul(x, dout), size)
  const kernel = reductionKernel({ space: X.shape, value, target: along, strides: fullStrides(kept), combine: 'add' })
  const slope = div(sub(dout, div(mul(x, widen(spread(along, kept))), size)), size)
  return kernel && [kernel, loop(X.shape, { target: dX, value: narrow(slope) })]
}

export const norms: Readonly<Record<string, Lowering>> = {
  frobenius_norm: norm(frobenius),
  frobenius_norm_grad: normGrad(frobenius),
  p_norm: norm(vectors),
  p_norm_grad: normGrad(vectors),
  norm: normalize,
  norm_grad: normalizeGrad,
}
