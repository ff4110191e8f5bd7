/**
 * Lowerings of norms over dimensions, and of division by them. Sums are float32, in the order of reduction.ts; what follows a sum adds at most
 * 4 units in the last place. Norms of order 0 and of infinite order are exact.
 */
import { numel, type Shape } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { Temporary } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, spread, whole } from './op_reader.ts'
import { type Combine, reductionKernel } from './reduction.ts'
import { keptShape } from './reductions.ts'
import { signOf } from './rounding.ts'

const { abs, add, and, constant, div, mul, sub } = e

const zero = constant(0)
const one = constant(1)

/** Keeps the gradient of a Frobenius norm of 0 at 0, as ops/reduce/norms.ts has it. */
const FROBENIUS_EPSILON = 1e-12

interface Order {
  /** What is folded, from an element. */
  readonly value: (x: Formula) => Formula
  readonly combine: Combine
  readonly finish?: (sum: Formula) => Formula
  readonly slope: (at: { x: Formula; norm: Formula; dout: Formula; epsilon: number }) => Formula
}

const extreme = (combine: 'max' | 'min'): Order => ({
  value: abs,
  combine,
  slope: ({ x, norm, dout }) => mul(mul(dout, signOf(x)), and(e.eq(abs(x), norm), one)),
})

/** The orders that need no power. */
const ORDERS: ReadonlyMap<number, Order> = new Map([
  [0, { value: (x) => and(one, e.ne(x, zero)), combine: 'add', slope: () => zero }],
  [
    1,
    {
      value: abs,
      combine: 'add',
      slope: ({ x, dout, epsilon }) => div(mul(dout, signOf(x)), constant(1 + epsilon)),
    },
  ],
  [
    2,
    {
      value: (x) => mul(x, x),
      combine: 'add',
      finish: e.sqrt,
      slope: ({ x, norm, dout, epsilon }) => div(mul(dout, x), add(norm, constant(epsilon))),
    },
  ],
  [Number.POSITIVE_INFINITY, extreme('max')],
  [Number.NEGATIVE_INFINITY, extreme('min')],
] as const satisfies readonly (readonly [number, Order])[])

/** The shape with the dimension `axis`, or all of them, as 1. */
function alongAxis(op: OpReader, shape: Shape): Shape {
  const axis = op.attr<number>('axis')
  const along = axis < 0 ? axis + shape.length : axis
  return shape.map((size, d) => (op.attrs['asvector'] === true || d === along ? 1 : size))
}

interface Norm {
  readonly order: (op: OpReader) => Order | undefined
  readonly kept: (op: OpReader, shape: Shape) => Shape
  readonly epsilon: (op: OpReader) => number
}

const norm =
  ({ order: orderOf, kept: keptOf }: Norm): Lowering =>
  (op) => {
    const [X, Out, order] = [op.input('X'), op.output('Out'), orderOf(op)]
    if (!op.isFloat32() || !X || !Out || order === undefined) return undefined
    // A count beyond this is not exact.
    if (numel(X.shape) >= 2 ** 24) return undefined
    const { value, combine, finish } = order
    const kernel = reductionKernel({
      space: X.shape,
      value: value(whole(X)),
      target: Out,
      strides: fullStrides(keptOf(op, X.shape)),
      combine,
      ...(finish && { finish }),
    })
    return kernel && [kernel]
  }

const normGrad =
  ({ order: orderOf, kept: keptOf, epsilon }: Norm): Lowering =>
  (op) => {
    const [X, Out, dOut, dX] = [op.input('X'), op.input('Out'), op.input('Out@GRAD'), op.output('X@GRAD')]
    const order = orderOf(op)
    if (!op.isFloat32('X', 'Out', 'Out@GRAD', 'X@GRAD') || !X || !Out || !dOut || !dX || !order) return undefined
    const kept = keptOf(op, X.shape)
    const at = { x: whole(X), norm: spread(Out, kept), dout: spread(dOut, kept), epsilon: epsilon(op) }
    return [loop(X.shape, { target: dX, value: order.slope(at) })]
  }

const frobenius: Norm = { order: () => ORDERS.get(2), kept: keptShape, epsilon: () => FROBENIUS_EPSILON }
const vectors: Norm = {
  order: (op) => ORDERS.get(op.attr<number>('porder')),
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
    value: mul(whole(X), whole(X)),
    target: Norm,
    strides: fullStrides(kept),
    combine: 'add',
    finish: (sum) => e.sqrt(add(sum, constant(op.attr<number>('epsilon')))),
  })
  return kernel && [kernel, loop(X.shape, { target: Out, value: div(whole(X), spread(Norm, kept)) })]
}

/** dX = (dOut - X sum(X dOut) / Norm^2) / Norm */
const normalizeGrad: Lowering = (op) => {
  const [X, Norm, dOut, dX] = [op.input('X'), op.input('Norm'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!op.isFloat32() || !X || !Norm || !dOut || !dX) return undefined
  const kept = alongAxis(op, X.shape)
  const along = new Temporary(kept)
  const dot = { space: X.shape, value: mul(whole(X), whole(dOut)), target: along, strides: fullStrides(kept) }
  const kernel = reductionKernel({ ...dot, combine: 'add' })
  const size = spread(Norm, kept)
  const value = div(sub(whole(dOut), mul(whole(X), div(spread(along, kept), mul(size, size)))), size)
  return kernel && [kernel, loop(X.shape, { target: dX, value })]
}

export const norms: Readonly<Record<string, Lowering>> = {
  frobenius_norm: norm(frobenius),
  frobenius_norm_grad: normGrad(frobenius),
  p_norm: norm(vectors),
  p_norm_grad: normGrad(vectors),
  norm: normalize,
  norm_grad: normalizeGrad,
}
