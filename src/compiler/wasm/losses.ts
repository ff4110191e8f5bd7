/**
 * Lowerings of losses and other functions of several tensors of one shape, as a table of formulas. Errors, in units in the last place against
 * float64 of the larger of the result and what it is a difference of: 8; clip_grad, huber_loss_grad and label_smooth_grad none, pow and its
 * slope 3.
 */

import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { exp, log, log1p } from './functions.ts'
import type { Statement } from './ir.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, spread, whole } from './op_reader.ts'

const { abs, add, and, constant, div, mul, neg, sub } = e

interface Pointwise {
  /** Inputs that are read, all of one shape; the first gives it. */
  readonly reads: readonly string[]
  /** Inputs that may be absent; a formula of an absent one is undefined. */
  readonly optional?: readonly string[]
  readonly writes: readonly string[]
  /** False for attributes or further inputs that are not covered. */
  readonly covers?: (op: OpReader) => boolean
  /** The outputs, in the order of `writes`, from the inputs. */
  readonly values: (
    inputs: readonly Formula[],
    op: OpReader,
    optional: readonly (Formula | undefined)[],
  ) => readonly Formula[]
}

const pointwise =
  ({ reads, optional = [], writes, covers, values }: Pointwise): Lowering =>
  (op) => {
    const tensors = reads.map((slot) => op.input(slot))
    const first = tensors[0]
    if (first === undefined || tensors.includes(undefined) || !op.isFloat32() || covers?.(op) === false)
      return undefined
    const extra = optional.map((slot) => op.input(slot))
    const results = values(
      tensors.map((tensor) => whole(tensor!, first.shape)),
      op,
      extra.map((tensor) => tensor && whole(tensor, first.shape)),
    )
    const statements = writes.flatMap((slot, i): Statement[] => {
      const target = op.output(slot)
      return target === undefined ? [] : [{ target, value: results[i]! }]
    })
    return statements.length === 0 ? [] : [loop(first.shape, ...statements)]
  }

const zero = constant(0)
const one = constant(1)
const number = (op: OpReader, name: string): Formula => constant(op.attr<number>(name))

/** v where the label's whole part is not the one that is ignored, else 0. */
const unlessIgnored = (label: Formula, op: OpReader, v: Formula): Formula =>
  and(v, e.ne(e.trunc(label), number(op, 'ignore_index')))

const notNormalized = (op: OpReader): boolean => !op.attr<boolean>('normalize')

/** Small whole powers as products; undefined for others. */
function power(x: Formula, exponent: number): Formula | undefined {
  if (exponent === 0) return one
  if (!Number.isInteger(exponent) || Math.abs(exponent) > 3) return undefined
  const size = Math.abs(exponent)
  const product = size === 1 ? x : size === 2 ? mul(x, x) : mul(mul(x, x), x)
  return exponent < 0 ? div(one, product) : product
}

const isPower = (offset: number) => (op: OpReader) =>
  op.input('FactorTensor') === undefined && power(one, op.attr<number>('factor') - offset) !== undefined

const LOSSES: Readonly<Record<string, Pointwise>> = {
  sigmoid_cross_entropy_with_logits: {
    reads: ['X', 'Label'],
    optional: ['pos_weight'],
    writes: ['Out'],
    covers: notNormalized,
    values([x, label], op, [weight]) {
      const tail = log1p(exp(neg(abs(x!))))
      const weighted = weight === undefined ? tail : mul(weight, tail)
      return [unlessIgnored(label!, op, add(sub(e.max(x!, zero), mul(x!, label!)), weighted))]
    },
  },
  sigmoid_cross_entropy_with_logits_grad: {
    reads: ['X', 'Label', 'Out@GRAD'],
    optional: ['pos_weight'],
    writes: ['X@GRAD'],
    covers: notNormalized,
    values: ([x, label, dout], op, [weight]) => [
      unlessIgnored(label!, op, mul(dout!, sub(div(weight ?? one, add(one, exp(neg(x!)))), label!))),
    ],
  },
  huber_loss: {
    reads: ['X', 'Y'],
    writes: ['Out', 'Residual'],
    values([x, y], op) {
      const delta = number(op, 'delta')
      const r = sub(y!, x!)
      const size = abs(r)
      const far = mul(delta, sub(size, mul(constant(0.5), delta)))
      return [e.select(e.le(size, delta), mul(mul(constant(0.5), r), r), far), r]
    },
  },
  huber_loss_grad: {
    reads: ['Residual', 'Out@GRAD'],
    writes: ['X@GRAD', 'Y@GRAD'],
    values([r, dout], op) {
      const delta = number(op, 'delta')
      const end = e.select(e.gt(r!, zero), delta, neg(delta))
      const limited = e.select(e.le(abs(r!), delta), r!, end)
      return [mul(neg(dout!), limited), mul(dout!, limited)]
    },
  },
  log_loss: {
    reads: ['Predicted', 'Labels'],
    writes: ['Loss'],
    values([p, y], op) {
      const epsilon = number(op, 'epsilon')
      const right = mul(neg(y!), log(add(p!, epsilon)))
      return [sub(right, mul(sub(one, y!), log(add(sub(one, p!), epsilon))))]
    },
  },
  log_loss_grad: {
    reads: ['Predicted', 'Labels', 'Loss@GRAD'],
    writes: ['Predicted@GRAD'],
    values([p, y, dloss], op) {
      const epsilon = number(op, 'epsilon')
      const wrong = div(sub(one, y!), add(sub(one, p!), epsilon))
      return [mul(dloss!, add(div(neg(y!), add(p!, epsilon)), wrong))]
    },
  },
  bce_loss_grad: {
    reads: ['X', 'Label', 'Out@GRAD'],
    writes: ['X@GRAD'],
    values: ([x, label, dout]) => [div(mul(dout!, sub(x!, label!)), e.max(mul(sub(one, x!), x!), constant(1e-12)))],
  },
  clip_grad: {
    reads: ['X', 'Out@GRAD'],
    writes: ['X@GRAD'],
    covers: (op) => !op.input('Min') && !op.input('Max') && op.attr<number>('min') <= op.attr<number>('max'),
    values: ([x, dout], op) => [and(dout!, and(e.gt(x!, number(op, 'min')), e.lt(x!, number(op, 'max'))))],
  },
  label_smooth_grad: {
    reads: ['Out@GRAD'],
    writes: ['X@GRAD'],
    values: ([dout], op) => [mul(constant(1 - op.attr<number>('epsilon')), dout!)],
  },
  pow: {
    reads: ['X'],
    writes: ['Out'],
    covers: isPower(0),
    values: ([x], op) => [power(x!, op.attr<number>('factor'))!],
  },
  pow_grad: {
    reads: ['X', 'Out@GRAD'],
    writes: ['X@GRAD'],
    covers: isPower(1),
    values: ([x, dout], op) => [mul(mul(dout!, number(op, 'factor')), power(x!, op.attr<number>('factor') - 1)!)],
  },
}

/** (1 - epsilon) X + epsilon / C, or + epsilon PriorDist. */
const labelSmooth: Lowering = (op) => {
  const [X, Prior, Out] = [op.input('X'), op.input('PriorDist'), op.output('Out')]
  if (X === undefined || Out === undefined || !op.isFloat32()) return undefined
  const epsilon = op.attr<number>('epsilon')
  const classes = X.shape.at(-1) ?? 1
  const last = X.shape.map((size, d) => (d === X.shape.length - 1 ? size : 1))
  const other = Prior === undefined ? constant(epsilon / classes) : mul(constant(epsilon), spread(Prior, last))
  return [loop(X.shape, { target: Out, value: add(mul(constant(1 - epsilon), whole(X)), other) })]
}

export const losses: Readonly<Record<string, Lowering>> = {
  ...Object.fromEntries(Object.entries(LOSSES).map(([type, entry]) => [type, pointwise(entry)])),
  label_smooth: labelSmooth,
}
