/** kldiv_loss: Kullback-Leibler divergence of a target from log-probabilities. */
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import type { Shape } from '../../tensor/shape.ts'

const attrs = {
  reduction: attr.string('mean', {
    doc: '"mean" over all elements, "batchmean" over the first dimension, "sum" or "none".',
    check: oneOf('mean', 'batchmean', 'sum', 'none'),
  }),
}

/** What the sum is divided by. */
function divisor(reduction: string, shape: Shape, count: number): number {
  if (reduction === 'mean') return count
  return reduction === 'batchmean' ? (shape[0] ?? 1) : 1
}

export const kldivLossGrad = defineOp({
  type: 'kldiv_loss_grad',
  doc: 'Gradient of kldiv_loss: -Target dLoss where Target > 0, else 0, divided as the loss is.',
  source: 'paddle/phi/kernels/impl/kldiv_loss_grad_kernel_impl.h',
  inputs: {
    X: one('X of kldiv_loss; only its shape is read.', FLOATS),
    Target: one('Target of kldiv_loss.'),
    'Loss@GRAD': one('Gradient of Loss.'),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta({ X, Target, 'Loss@GRAD': lossGrad }, { reduction }) {
    requireShape('kldiv_loss_grad', 'Target', Target, X.shape, 'the shape of X')
    requireShape('kldiv_loss_grad', 'Loss@GRAD', lossGrad, reduction === 'none' ? X.shape : [], 'the shape of Loss')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ Target, 'Loss@GRAD': lossGrad }, { reduction }, outputs) {
      const xGrad = outputs['X@GRAD']
      if (xGrad === undefined) return
      const { data: dx, shape } = xGrad
      const { data: target } = Target
      const { data: dloss } = lossGrad
      if (reduction === 'none') {
        for (let i = 0; i < dx.length; i++) dx[i] = target[i]! > 0 ? -target[i]! * dloss[i]! : 0
        return
      }
      const scale = dloss[0]! / divisor(reduction, shape, dx.length)
      for (let i = 0; i < dx.length; i++) dx[i] = target[i]! > 0 ? -target[i]! * scale : 0
    },
  },
})

export const kldivLoss = defineOp({
  type: 'kldiv_loss',
  doc: 'Target (log(Target) - X) where Target > 0, else 0, summed up as `reduction` says.',
  source: 'paddle/phi/kernels/impl/kldiv_loss_kernel_impl.h',
  inputs: {
    X: one('Logarithms of probabilities, any shape.', FLOATS),
    Target: one('Probabilities, shape and element type of X.', FLOATS),
  },
  outputs: { Loss: one('0-D, or for "none" the shape of X.') },
  attrs,
  inferMeta({ X, Target }, { reduction }) {
    requireShape('kldiv_loss', 'Target', Target, X.shape, 'the shape of X')
    requireSameDType('kldiv_loss', { X, Target })
    return { Loss: reduction === 'none' ? X : { dtype: X.dtype, shape: [] } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(kldivLossGrad, {
      inputs: { X: inputs.X, Target: inputs.Target, 'Loss@GRAD': outputGrads.Loss },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Target }, { reduction }, { Loss }) {
      const { data: x, shape } = X
      const { data: target } = Target
      let sum = 0
      for (let i = 0; i < x.length; i++) {
        const t = target[i]!
        const loss = t > 0 ? t * (Math.log(t) - x[i]!) : 0
        if (reduction === 'none') Loss.data[i] = loss
        else sum += loss
      }
      if (reduction !== 'none') Loss.data[0] = sum / divisor(reduction, shape, x.length)
    },
  },
})
