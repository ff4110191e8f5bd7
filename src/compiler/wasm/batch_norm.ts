/** Lowerings of batch_norm and its gradient: a kernel makes the statistics of each channel, and a loop that others can join makes the elements. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { channelAxis, channelView } from '../../ops/nn/channels.ts'
import type { Shape } from '../../tensor/shape.ts'
import { channelKernel, emitStatistics, type F64, inverseRoot } from './channel_kernel.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import { f32, f32x4, f64 } from './instructions.ts'
import { Temporary } from './ir.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, whole } from './op_reader.ts'

/** A vector with one element for each index of dimension `axis`, read over the shape. */
const perIndex = (tensor: PlannedTensor, shape: Shape, axis: number): e.Formula =>
  e.read({ tensor, strides: shape.map((size, d) => (d === axis && size > 1 ? 1 : 0)) })

const isGlobal = (op: OpReader): boolean =>
  (op.attr<boolean>('is_test') && !op.attr<boolean>('trainable_statistics')) || op.attr<boolean>('use_global_stats')

const axisOf = (op: OpReader, shape: Shape): number =>
  shape.length === 2 ? 1 : channelAxis(shape, op.attr<string>('data_layout'))

/** Y = X factor + shift by channel; the moving averages and what the gradient needs are written beside. */
const batchNorm: Lowering = (op) => {
  const [X, Y, Mean, Variance] = [op.input('X'), op.output('Y'), op.input('Mean'), op.input('Variance')]
  const [Scale, Bias] = [op.input('Scale'), op.input('Bias')]
  const statistics = ['MeanOut', 'VarianceOut', 'SavedMean', 'SavedVariance']
  if (!op.isFloat32('X', 'Y', 'Mean', 'Variance', 'Scale', 'Bias', ...statistics)) return undefined
  if (!X || !Y || !Mean || !Variance) return undefined
  const axis = axisOf(op, X.shape)
  const view = channelView(X.shape, axis)
  const { channels, outer, inner } = view
  const global = isGlobal(op)
  if (!global && outer * inner === 1) return undefined
  const [meanOut, varianceOut, SavedMean, SavedVariance] = statistics.map((slot) => op.output(slot))
  // With global statistics the moving averages stay as they are, which needs one variable for both.
  if (global && ((meanOut ?? Mean) !== Mean || (varianceOut ?? Variance) !== Variance)) return undefined
  const factor = new Temporary([channels])
  const shift = new Temporary([channels])
  const [epsilon, momentum] = [op.attr<number>('epsilon'), op.attr<number>('momentum')]
  const kernel = channelKernel({
    key: `batch_norm|${JSON.stringify([epsilon, momentum, global])}`,
    view,
    numbers: 2,
    work: global ? 4 * channels : 8 * channels * outer * inner,
    reads: { ...(global ? {} : { X }), Mean, Variance, Scale, Bias },
    writes: {
      ...(global ? {} : { MeanOut: meanOut, VarianceOut: varianceOut }),
      SavedMean,
      SavedVariance,
      factor,
      shift,
    },
    body(group) {
      const { f } = group
      if (!global) emitStatistics(group, view)
      group.each(({ load, store, number }) => {
        const mean = global ? load('Mean') : number(0)
        const variance = global ? load('Variance') : number(1)
        if (!global) {
          const moved = (old: F64, value: F64): F64 =>
            f64.add(f64.mul(old, f64.const(momentum)), f64.mul(value, f64.const(1 - momentum)))
          store('MeanOut', moved(load('Mean'), mean))
          store('VarianceOut', moved(load('Variance'), variance))
        }
        const inverse = f.let(inverseRoot(variance, epsilon))
        store('SavedMean', mean)
        store('SavedVariance', inverse)
        const by = f.let(f64.mul(inverse, load('Scale', 1)))
        store('factor', by)
        store('shift', f64.sub(load('Bias', 0), f64.mul(mean, by)))
      })
    },
  })
  const value = e.add(e.mul(whole(X), perIndex(factor, X.shape, axis)), perIndex(shift, X.shape, axis))
  return [kernel, loop(X.shape, { target: Y, value })]
}

/** dX = factor (dY - shift - (X - mean) slope) by channel, or factor dY where the statistics are constants. */
const batchNormGrad: Lowering = (op) => {
  const [X, Scale, dY] = [op.input('X'), op.input('Scale'), op.input('Y@GRAD')]
  const global = op.attr<boolean>('is_test') || op.attr<boolean>('use_global_stats')
  const mean = global ? (op.input('Mean') ?? op.input('MeanOut')) : op.input('SavedMean')
  const variance = global ? (op.input('Variance') ?? op.input('VarianceOut')) : op.input('SavedVariance')
  const outputs = ['X@GRAD', 'Scale@GRAD', 'Bias@GRAD']
  const averages = ['Mean', 'Variance', 'MeanOut', 'VarianceOut', 'SavedMean', 'SavedVariance']
  if (!op.isFloat32('X', 'Scale', 'Y@GRAD', ...averages, ...outputs)) return undefined
  if (!X || !dY || !mean || !variance) return undefined
  const axis = axisOf(op, X.shape)
  const view = channelView(X.shape, axis)
  const { channels, outer, inner } = view
  const count = outer * inner
  if (!global && count === 1) return undefined
  const [dX, dScale, dBias] = outputs.map((slot) => op.output(slot))
  const [factor, shift, slope] = [new Temporary([channels]), new Temporary([channels]), new Temporary([channels])]
  const epsilon = op.attr<number>('epsilon')
  const kernel = channelKernel({
    key: `batch_norm_grad|${JSON.stringify([epsilon, global])}`,
    view,
    numbers: 2,
    work: 8 * channels * count,
    reads: { X, dY, mean, variance, Scale },
    writes: { dScale, dBias, factor, ...(global ? {} : { shift, slope }) },
    body(group) {
      const { f } = group
      group.sum({ first: 0, count: 2, tensors: ['X', 'dY'] }, ({ load }) => {
        const middle = f.let(f32x4.splat(f32.demoteF64(load('mean'))))
        return ([x, dy]) => [dy!, f32x4.mul(dy!, f32x4.sub(x!, middle))]
      })
      group.each(({ load, store, number }) => {
        const inverse = f.let(global ? inverseRoot(load('variance'), epsilon) : load('variance'))
        const plain = number(0)
        const weighted = f.let(f64.mul(number(1), inverse))
        store('dScale', weighted)
        store('dBias', plain)
        store('factor', f64.mul(load('Scale', 1), inverse))
        if (global) return
        store('shift', f64.div(plain, f64.const(count)))
        store('slope', f64.mul(f64.div(weighted, f64.const(count)), inverse))
      })
    },
  })
  if (dX === undefined) return [kernel]
  const by = (tensor: PlannedTensor): e.Formula => perIndex(tensor, X.shape, axis)
  const inside = global ? whole(dY) : e.sub(e.sub(whole(dY), by(shift)), e.mul(e.sub(whole(X), by(mean)), by(slope)))
  return [kernel, loop(X.shape, { target: dX, value: e.mul(by(factor), inside) })]
}

export const batchNormalization: Readonly<Record<string, Lowering>> = {
  batch_norm: batchNorm,
  batch_norm_grad: batchNormGrad,
}
