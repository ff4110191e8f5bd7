/**
 * Lowerings of losses and other functions of several tensors of one shape, as a table of formulas. Errors, in units in the last place against
 * float64 of the larger of the result and what it is a difference of: 8; clip_grad, huber_loss_grad and label_smooth_grad none, atan2
 * and its slope 1.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { numel } from '../../tensor/shape.ts'
import { atan2 } from './circular.ts'
import { loadLanes, storeLanes } from './elements.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { FormulaEmitter } from './expression.ts'
import { exp, log, log1p } from './functions.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import type { Kernel, Statement } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { eachVector } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, scalar, spread, whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'
import * as w from './wide.ts'

const { narrow, widen } = w

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
  atan2: {
    reads: ['X1', 'X2'],
    writes: ['Out'],
    values: ([y, x]) => [narrow(atan2(widen(y!), widen(x!)))],
  },
  atan2_grad: {
    reads: ['X1', 'X2', 'Out@GRAD'],
    writes: ['X1@GRAD', 'X2@GRAD'],
    values(given) {
      const [y, x, dout] = given.map(widen) as [w.Wide, w.Wide, w.Wide]
      const slope = w.div(dout, w.add(w.mul(y, y), w.mul(x, x)))
      return [narrow(w.mul(slope, x)), narrow(w.mul(w.neg(slope), y))]
    },
  },
  label_smooth_grad: {
    reads: ['Out@GRAD'],
    writes: ['X@GRAD'],
    values: ([dout], op) => [mul(constant(1 - op.attr<number>('epsilon')), dout!)],
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

/** Target (log(Target) - X) where Target is above 0. */
const divergence = (x: Formula, target: Formula): Formula => and(mul(target, sub(log(target), x)), e.gt(target, zero))

/** What a sum over all elements of X is divided by. */
function divisorOf(op: OpReader, { shape }: PlannedTensor): number {
  const reduction = op.attr<string>('reduction')
  return reduction === 'mean' ? numel(shape) : reduction === 'batchmean' ? (shape[0] ?? 1) : 1
}

const kldivLoss: Lowering = (op) => {
  const [X, Target, Loss] = [op.input('X'), op.input('Target'), op.output('Loss')]
  if (!X || !Target || !Loss || !op.isFloat32()) return undefined
  const value = divergence(whole(X), whole(Target))
  if (op.attr<string>('reduction') === 'none') return [loop(X.shape, { target: Loss, value })]
  const finish = (sum: Formula): Formula => div(sum, constant(divisorOf(op, X)))
  const strides = X.shape.map(() => 0)
  const kernel = reductionKernel({ space: X.shape, value, target: Loss, strides, combine: 'add', finish })
  return kernel && [kernel]
}

const kldivLossGrad: Lowering = (op) => {
  const [Target, dLoss, dX] = [op.input('Target'), op.input('Loss@GRAD'), op.output('X@GRAD')]
  if (!Target || !dLoss || !dX || !op.isFloat32('Target', 'Loss@GRAD', 'X@GRAD')) return undefined
  const target = whole(Target)
  const slope =
    op.attr<string>('reduction') === 'none'
      ? whole(dLoss)
      : div(scalar(dLoss, Target.shape), constant(divisorOf(op, Target)))
  return [loop(Target.shape, { target: dX, value: and(mul(neg(target), slope), e.gt(target, zero)) })]
}

/** Logarithms below this count as this. */
const SMALLEST_LOG = -100

/** -Label log(X) - (1 - Label) log(1 - X). A probability outside of [0, 1] is reported by the TypeScript kernel, before anything is written. */
const bceLoss: Lowering = (op) => {
  const [X, Label, Out] = [op.input('X'), op.input('Label'), op.output('Out')]
  if (!X || !Label || !Out || !op.isFloat32()) return undefined
  const count = numel(X.shape)
  const [p, y] = [whole(X), whole(Label)]
  const least = constant(SMALLEST_LOG)
  const value = sub(mul(sub(y, one), e.max(log(sub(one, p)), least)), mul(y, e.max(log(p), least)))
  return [
    {
      kind: 'kernel',
      key: `bce_loss|${count}`,
      args: [X, Label, Out],
      writes: [Out],
      overwrites: [X, Label],
      mayFail: true,
      work: 32 * count,
      emit: (module) =>
        kernelFunction(module, 3, (f, [x, label, out], _begin, _end, fail) => {
          eachVector(f, count, (at, lanes) => {
            const given = f.let(loadLanes(i32.add(x!, at), lanes))
            const inside = v128.and(f32x4.ge(given, f32x4.const(0)), f32x4.le(given, f32x4.const(1)))
            f.if(v128.anyTrue(v128.not(inside)), () => fail(1))
          })
          const emitter = new FormulaEmitter(f, [value])
          emitter.prepare()
          eachVector(f, count, (at, lanes) => {
            const [given, wanted] = [x!, label!].map((address) => f.let(loadLanes(i32.add(address, at), lanes)))
            const result = emitter.valuesOf(({ tensor }) => (tensor === X ? given! : wanted!))[0]!
            storeLanes(f, f.let(i32.add(out!, at)), result, lanes)
          })
        }),
    } satisfies Kernel,
  ]
}

export const losses: Readonly<Record<string, Lowering>> = {
  ...Object.fromEntries(Object.entries(LOSSES).map(([type, entry]) => [type, pointwise(entry)])),
  label_smooth: labelSmooth,
  bce_loss: bceLoss,
  kldiv_loss: kldivLoss,
  kldiv_loss_grad: kldivLossGrad,
}
