/** Lowerings of what mixed precision and dropout do to gradients, and of counters. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { byteSize } from '../../tensor/dtype.ts'
import { numel } from '../../tensor/shape.ts'
import { isSet, truth } from './conversions.ts'
import { hasLanes } from './elements.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { i32, i32x4, i64, v128 } from './instructions.ts'
import { type Kernel, type Piece, Temporary } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { scalar, whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'

const { addInt, and, bits, constant, mul, select } = e

/**
 * The largest magnitude of a tensor is infinite or NaN where any element is; that of all tensors so far decides whether a tensor is scaled
 * or multiplied by zero.
 */
const checkFiniteAndUnscale: Lowering = (op) => {
  const [given, out] = [op.inputs('X'), op.outputs('Out')]
  const [scale, found] = [op.input('Scale'), op.output('FoundInfinite')]
  if (!op.isFloat32('X', 'Out', 'Scale') || scale === undefined || found === undefined || given.length === 0)
    return undefined
  const pieces: Piece[] = []
  let largest: PlannedTensor | undefined
  const isBounded = (tensor: PlannedTensor, shape: readonly number[]): Formula =>
    e.lt(scalar(tensor, shape), constant(Number.POSITIVE_INFINITY))
  for (const [k, X] of given.entries()) {
    const target = out[k]
    if (X === undefined || target === undefined) return undefined
    const own = new Temporary([1])
    const strides = X.shape.map(() => 0)
    const kernel = reductionKernel({ space: X.shape, value: e.abs(whole(X)), target: own, strides, combine: 'max' })
    if (kernel === undefined) return undefined
    pieces.push(kernel)
    let sofar: PlannedTensor = own
    if (largest !== undefined) {
      sofar = new Temporary([1])
      pieces.push(loop([1], { target: sofar, value: e.max(scalar(largest, [1]), scalar(own, [1])) }))
    }
    largest = sofar
    const factor = select(isBounded(sofar, X.shape), e.div(constant(1), scalar(scale, X.shape)), constant(0))
    pieces.push(loop(X.shape, { target, value: mul(whole(X), factor) }))
  }
  pieces.push(loop([1], { target: found, value: truth(e.not(isBounded(largest!, [1]))) }))
  return pieces
}

/** Zeros in all of a tensor if the flag is set. */
function clearKernel(tensor: PlannedTensor, flag: PlannedTensor): Kernel {
  // Tensors begin at multiples of sixteen bytes, and nothing else lies in their last sixteen.
  const vectors = Math.ceil((numel(tensor.shape) * byteSize(tensor.dtype)) / 16)
  return {
    kind: 'kernel',
    key: 'clear',
    args: [tensor, flag],
    writes: [tensor],
    units: vectors,
    work: 16 * vectors,
    emit: (module) =>
      kernelFunction(module, 2, (f, [target, found], begin, end) => {
        const at = f.local('i32')
        f.if(i32.load8U(found!), () => {
          const first = i32.shl(begin, i32.const(4))
          f.count(at, first, f.let(i32.shl(end, i32.const(4))), 16, () =>
            f.do(v128.store(i32.add(target!, at), i32x4.const(0))),
          )
        })
      }),
  }
}

const updateLossScaling: Lowering = (op) => {
  const [given, out] = [op.inputs('X'), op.outputs('Out')]
  const [found, scale, good, failed] = [
    op.input('FoundInfinite'),
    op.input('PrevLossScaling'),
    op.input('InGoodSteps'),
    op.input('InBadSteps'),
  ]
  const [scaleOut, goodOut, failedOut] = [op.output('LossScaling'), op.output('OutGoodSteps'), op.output('OutBadSteps')]
  const stop = op.input('StopUpdate')
  if (!found || !scale || !good || !failed || !scaleOut || !goodOut || !failedOut) return undefined
  if (!op.isFloat32('PrevLossScaling', 'LossScaling')) return undefined
  const pieces: Piece[] = []
  for (const [k, X] of given.entries()) {
    const target = out[k]
    if (X === undefined || target === undefined || !hasLanes(X.dtype) || numel(X.shape) === 0) return undefined
    const value = e.andnot(whole(X), isSet(scalar(found, X.shape)))
    pieces.push(X === target ? clearKernel(target, found) : loop(X.shape, { target, value }))
  }
  const one = [1]
  const isBad = isSet(scalar(found, one))
  const number = (name: string): number => op.attr<number>(name)
  const [oldScale, oldGood, oldFailed] = [scale, good, failed].map((tensor) => scalar(tensor, one)) as [
    Formula,
    Formula,
    Formula,
  ]
  const [nextGood, nextFailed] = [addInt(oldGood, bits(1)), addInt(oldFailed, bits(1))]
  const shrinks = e.eqInt(nextFailed, bits(number('decr_every_n_nan_or_inf')))
  const grows = e.eqInt(nextGood, bits(number('incr_every_n_steps')))
  const smaller = mul(oldScale, constant(number('decr_ratio')))
  const larger = mul(oldScale, constant(number('incr_ratio')))
  const shrunk = select(e.lt(smaller, constant(1)), constant(1), smaller)
  const grown = select(e.lt(e.abs(larger), constant(Number.POSITIVE_INFINITY)), larger, oldScale)
  const stays = stop === undefined ? bits(op.attr<boolean>('stop_update') ? -1 : 0) : isSet(scalar(stop, one))
  const unless = (old: Formula, next: Formula): Formula => select(stays, old, next)
  const zero = bits(0)
  pieces.push(
    loop(
      one,
      {
        target: scaleOut,
        value: unless(oldScale, select(isBad, select(shrinks, shrunk, oldScale), select(grows, grown, oldScale))),
      },
      { target: goodOut, value: unless(oldGood, select(isBad, zero, select(grows, zero, nextGood))) },
      { target: failedOut, value: unless(oldFailed, select(isBad, select(shrinks, zero, nextFailed), zero)) },
    ),
  )
  return pieces
}

/** The factor of inference; undefined while training. */
function inferenceFactor(op: Parameters<Lowering>[0]): number | undefined {
  if (!op.attr<boolean>('is_test')) return undefined
  const upscales = op.attr<string>('dropout_implementation') === 'upscale_in_train'
  return upscales ? 1 : Math.fround(1 - op.attr<number>('dropout_prob'))
}

/** Inference, and training that drops all. Random numbers are drawn in order, by the TypeScript kernel. */
const dropout: Lowering = (op) => {
  const [X, Out, Mask] = [op.input('X'), op.output('Out'), op.output('Mask')]
  if (X === undefined || Out === undefined || !op.isFloat32('X', 'Out')) return undefined
  const factor = inferenceFactor(op)
  if (factor !== undefined) return [loop(X.shape, { target: Out, value: mul(whole(X), constant(factor)) })]
  if (op.attr<number>('dropout_prob') !== 1) return undefined
  const mask = Mask === undefined ? [] : [{ target: Mask, value: bits(0) }]
  return [loop(X.shape, { target: Out, value: constant(0) }, ...mask)]
}

const dropoutGrad: Lowering = (op) => {
  const [Mask, dOut, dX] = [op.input('Mask'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (dOut === undefined || dX === undefined || !op.isFloat32('Out@GRAD', 'X@GRAD')) return undefined
  const factor = inferenceFactor(op)
  const dout = whole(dOut)
  if (factor !== undefined) return [loop(dX.shape, { target: dX, value: mul(dout, constant(factor)) })]
  if (Mask === undefined) return undefined
  const upscales = op.attr<string>('dropout_implementation') === 'upscale_in_train'
  const kept = upscales ? e.div(dout, constant(Math.fround(1 - op.attr<number>('dropout_prob')))) : dout
  return [loop(dX.shape, { target: dX, value: and(kept, isSet(whole(Mask, dX.shape))) })]
}

const increment: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  const step = op.attr<number>('step')
  if (X === undefined || Out === undefined || !Number.isFinite(step)) return undefined
  if (X.dtype === 'float32') return [loop(X.shape, { target: Out, value: e.add(whole(X), constant(step)) })]
  const count = Math.trunc(step)
  if (X.dtype === 'int32') return [loop(X.shape, { target: Out, value: addInt(whole(X), bits(count)) })]
  if (X.dtype !== 'int64') return undefined
  return [
    {
      kind: 'kernel',
      key: `increment|${count}`,
      args: [X, Out],
      writes: [Out],
      overwrites: [X],
      emit: (module) =>
        kernelFunction(module, 2, (f, [from, to]) =>
          f.do(i64.store(to!, i64.add(i64.load(from!), i64.const(BigInt(count))))),
        ),
    },
  ]
}

export const amp: Readonly<Record<string, Lowering>> = {
  check_finite_and_unscale: checkFiniteAndUnscale,
  update_loss_scaling: updateLossScaling,
  dropout,
  dropout_grad: dropoutGrad,
  increment,
}
