/** Lowerings of element-wise operators: each becomes a loop over its output. Gradients of repeated operands become sums. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { type Shape, sameShape } from '../../tensor/shape.ts'
import { activations as plain } from './activations.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import type { Loop, Piece, Statement } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { broadcastOperands, type OpReader, scalar, whole } from './op_reader.ts'
import { powers } from './powers.ts'
import { reductionKernel } from './reduction.ts'
import { rounding, signOf } from './rounding.ts'
import { smooth } from './smooth.ts'
import { trigonometric } from './trigonometric.ts'
import { narrow, widen } from './wide.ts'
import { exponentSlope, power, powerSlope } from './wide_functions.ts'

export const loop = (space: Shape, ...statements: Statement[]): Loop => ({ kind: 'loop', space, statements })

const activations = { ...plain, ...powers, ...rounding, ...smooth, ...trigonometric }

const zero = e.constant(0)
/** Where X is taken of two numbers of which NaN is left aside: a NaN of X fails the comparison, one of Y is seen by itself. */
const notBelow = (x: Formula, y: Formula): Formula => e.or(e.ge(x, y), e.ne(y, y))
const notAbove = (x: Formula, y: Formula): Formula => e.or(e.le(x, y), e.ne(y, y))

const BINARY: Readonly<Record<string, (x: Formula, y: Formula) => Formula>> = {
  grad_add: e.add,
  elementwise_add: e.add,
  elementwise_sub: e.sub,
  elementwise_mul: e.mul,
  elementwise_div: e.div,
  elementwise_pow: (x, y) => narrow(power(widen(x), widen(y))),
  elementwise_max: (x, y) => e.select(e.gt(x, y), x, y),
  elementwise_min: (x, y) => e.select(e.lt(x, y), x, y),
  elementwise_fmax: (x, y) => e.select(notBelow(x, y), x, y),
  elementwise_fmin: (x, y) => e.select(notAbove(x, y), x, y),
  elementwise_heaviside: (x, y) => e.select(e.eq(x, zero), y, e.and(e.gt(x, zero), e.constant(1))),
}

interface Slopes {
  readonly x: Formula
  readonly y: Formula
  readonly out: Formula | undefined
  readonly dout: Formula
}

/** dX and dY at each index of the common shape. */
const BINARY_SLOPES: Readonly<Record<string, readonly [(at: Slopes) => Formula, (at: Slopes) => Formula]>> = {
  elementwise_add: [({ dout }) => dout, ({ dout }) => dout],
  elementwise_sub: [({ dout }) => dout, ({ dout }) => e.neg(dout)],
  elementwise_mul: [({ dout, y }) => e.mul(dout, y), ({ dout, x }) => e.mul(dout, x)],
  elementwise_div: [({ dout, y }) => e.div(dout, y), ({ dout, y, out }) => e.div(e.mul(e.neg(dout), out!), y)],
  elementwise_pow: [
    ({ x, y, dout }) => narrow(powerSlope(widen(x), widen(y), widen(dout))),
    ({ x, y, dout }) => narrow(exponentSlope(widen(x), widen(y), widen(dout))),
  ],
  elementwise_max: [({ x, y, dout }) => e.and(dout, e.gt(x, y)), ({ x, y, dout }) => e.and(dout, e.le(x, y))],
  elementwise_min: [({ x, y, dout }) => e.and(dout, e.lt(x, y)), ({ x, y, dout }) => e.and(dout, e.ge(x, y))],
  elementwise_fmax: [
    ({ x, y, dout }) => e.and(dout, notBelow(x, y)),
    ({ x, y, dout }) => e.andnot(dout, notBelow(x, y)),
  ],
  elementwise_fmin: [
    ({ x, y, dout }) => e.and(dout, notAbove(x, y)),
    ({ x, y, dout }) => e.andnot(dout, notAbove(x, y)),
  ],
  elementwise_heaviside: [({ dout }) => e.mul(dout, zero), ({ x, dout }) => e.and(dout, e.eq(x, zero))],
}

/** Those without the attribute align the last dimensions. */
const axisOf = (op: OpReader): number => (op.attrs['axis'] as number | undefined) ?? -1

const binary =
  (formula: (x: Formula, y: Formula) => Formula): Lowering =>
  (op) => {
    const [X, Y, Out] = [op.input('X'), op.input('Y'), op.output('Out')]
    if (!op.isFloat32() || X === undefined || Y === undefined || Out === undefined) return undefined
    const { space, x, y } = broadcastOperands(op.type, X, Y, axisOf(op))
    return [loop(space, { target: Out, value: formula(x, y) })]
  }

const binaryGrad =
  ([dx, dy]: readonly [(at: Slopes) => Formula, (at: Slopes) => Formula]): Lowering =>
  (op) => {
    const [X, Y, dOut] = [op.input('X'), op.input('Y'), op.input('Out@GRAD')]
    if (!op.isFloat32() || X === undefined || Y === undefined || dOut === undefined) return undefined
    const { space, x, y, xShape, yShape } = broadcastOperands(op.type, X, Y, axisOf(op))
    const Out = op.input('Out')
    const at: Slopes = { x, y, out: Out && whole(Out, space), dout: whole(dOut, space) }
    const pieces: Piece[] = []
    const statements: Statement[] = []
    for (const [target, shape, value] of [
      [op.output('Y@GRAD'), yShape, dy(at)],
      [op.output('X@GRAD'), xShape, dx(at)],
    ] as const) {
      if (target === undefined) continue
      if (sameShape(shape, space)) {
        statements.push({ target, value })
        continue
      }
      const kernel = reductionKernel({ space, value, target, strides: fullStrides(shape), combine: 'add' })
      if (kernel === undefined) return undefined
      pieces.push(kernel)
    }
    if (statements.length > 0) pieces.push(loop(space, ...statements))
    return pieces
  }

const activation =
  (type: string): Lowering =>
  (op) => {
    const [X, Out] = [op.input('X'), op.output('Out')]
    if (!op.isFloat32() || X === undefined || Out === undefined) return undefined
    return [loop(X.shape, { target: Out, value: activations[type]!.value(whole(X), (name) => op.attr(name)) })]
  }

const activationGrad =
  (type: string): Lowering =>
  (op) => {
    const [dOut, dX] = [op.input('Out@GRAD'), op.output('X@GRAD')]
    if (!op.isFloat32() || dOut === undefined) return undefined
    if (dX === undefined) return []
    const [x, out] = [op.input('X'), op.input('Out')].map((tensor) => whole(tensor ?? dOut, dOut.shape)) as [
      Formula,
      Formula,
    ]
    const value = activations[type]!.slope({ x, out, dout: whole(dOut) }, (name) => op.attr(name))
    return [loop(dOut.shape, { target: dX, value })]
  }

/** Its gradient is a scale by 0. */
const sign: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!op.isFloat32() || X === undefined || Out === undefined) return undefined
  return [loop(X.shape, { target: Out, value: signOf(whole(X)) })]
}

/** Out = scale X + bias, or scale (X + bias). */
const scale: Lowering = (op) => {
  const [X, Out, factor] = [op.input('X'), op.output('Out'), op.input('ScaleTensor')]
  if (!op.isFloat32() || X === undefined || Out === undefined) return undefined
  const by = factor === undefined ? e.constant(op.attr<number>('scale')) : scalar(factor, X.shape)
  const bias = op.attr<number>('bias')
  const x = whole(X)
  const shifted = (value: Formula): Formula => (bias === 0 ? value : e.add(value, e.constant(bias)))
  const value = op.attr<boolean>('bias_after_scale') ? shifted(e.mul(by, x)) : e.mul(by, shifted(x))
  return [loop(X.shape, { target: Out, value })]
}

const sum: Lowering = (op) => {
  const [tensors, Out] = [op.inputs('X'), op.output('Out')]
  if (!op.isFloat32() || Out === undefined || tensors.length > 64) return undefined
  if (tensors.some((tensor) => tensor === undefined || !sameShape(tensor.shape, Out.shape))) return undefined
  const values = (tensors as readonly PlannedTensor[]).map((tensor) => whole(tensor))
  // What is added later must not be overwritten before.
  if (tensors.slice(7).includes(Out)) return undefined
  const pieces: Piece[] = []
  // A loop over more streams than a processor follows is one after the other.
  for (let from = 0; from < values.length; from += 7) {
    const start = from === 0 ? [] : [whole(Out)]
    const value = [...start, ...values.slice(from, from + 7)].reduce(e.add)
    pieces.push(loop(Out.shape, { target: Out, value }))
  }
  return pieces
}

const clip: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  const [low, high] = [op.attr<number>('min'), op.attr<number>('max')]
  if (!op.isFloat32() || X === undefined || Out === undefined || op.input('Min') || op.input('Max')) return undefined
  if (!(low <= high)) return undefined
  const x = whole(X)
  const raised = e.select(e.lt(x, e.constant(low)), e.constant(low), x)
  return [loop(X.shape, { target: Out, value: e.select(e.gt(raised, e.constant(high)), e.constant(high), raised) })]
}

export const elementwise: Readonly<Record<string, Lowering>> = {
  ...Object.fromEntries(Object.entries(BINARY).map(([type, formula]) => [type, binary(formula)])),
  ...Object.fromEntries(Object.entries(BINARY_SLOPES).map(([type, slopes]) => [`${type}_grad`, binaryGrad(slopes)])),
  ...Object.fromEntries(Object.keys(activations).map((type) => [type, activation(type)])),
  ...Object.fromEntries(Object.keys(activations).map((type) => [`${type}_grad`, activationGrad(type)])),
  scale,
  sign,
  sum,
  clip,
}
