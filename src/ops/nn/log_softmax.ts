/** The logarithm of softmax along an axis. */
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { eachSlice, resolveAxis, type Shape } from '../../tensor/shape.ts'
import { LOWEST_EXPONENT } from './softmax.ts'

const attrs = { axis: attr.int(-1) }

/** A 0-D tensor counts as [1]. */
const atLeast1D = (shape: Shape): Shape => (shape.length === 0 ? [1] : shape)

/** dX = dOut - exp(Out) * sum(dOut), the sum along `axis`. Reads Out only, so that X can be freed. */
export const logSoftmaxGrad = defineOp({
  type: 'log_softmax_grad',
  doc: 'Gradient of log_softmax: dX = dOut - exp(Out) * sum(dOut).',
  source: 'paddle/phi/kernels/cpu/log_softmax_grad_kernel.cc',
  inputs: { Out: one('Out of log_softmax.', FLOATS), 'Out@GRAD': one('Gradient of Out.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta({ Out, 'Out@GRAD': dOut }, { axis }) {
    requireSameDType('log_softmax_grad', { Out, 'Out@GRAD': dOut })
    requireShape('log_softmax_grad', 'Out@GRAD', dOut, Out.shape, 'the shape of Out')
    resolveAxis('log_softmax_grad', axis, atLeast1D(Out.shape), 'axis', 'Out')
    return { 'X@GRAD': dOut }
  },
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu(inputs, { axis }, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const { data: out } = inputs.Out
      const { data: dout } = inputs['Out@GRAD']
      const shape = atLeast1D(inputs.Out.shape)
      eachSlice(shape, resolveAxis('log_softmax_grad', axis, shape), (start, step, size) => {
        const end = start + size * step
        let sum = 0
        for (let i = start; i < end; i += step) sum += dout[i]!
        for (let i = start; i < end; i += step) dx[i] = dout[i]! - Math.exp(out[i]!) * sum
      })
    },
  },
})

/** Out = X - max(X) - log(sum(exp(X - max(X)))), max and sum taken along `axis`. */
export const logSoftmax = defineOp({
  type: 'log_softmax',
  doc: 'The logarithm of softmax along `axis`. X - max(X) is cut off at -64, as in Paddle; the gradient goes on as if it were not.',
  source: 'paddle/phi/kernels/cpu/log_softmax_kernel.cc',
  inputs: { X: one('Any shape; a 0-D X gives 0.', FLOATS) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs,
  inferMeta({ X }, { axis }) {
    resolveAxis('log_softmax', axis, atLeast1D(X.shape))
    return { Out: X }
  },
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(logSoftmaxGrad, {
      inputs: { Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X }, { axis }, { Out }) {
      const { data: x } = X
      const { data: y } = Out
      const shape = atLeast1D(X.shape)
      eachSlice(shape, resolveAxis('log_softmax', axis, shape), (start, step, size) => {
        const end = start + size * step
        let max = -Infinity
        for (let i = start; i < end; i += step) max = Math.max(max, x[i]!)
        let sum = 0
        for (let i = start; i < end; i += step) sum += Math.exp(Math.max(x[i]! - max, LOWEST_EXPONENT))
        const log = Math.log(sum)
        for (let i = start; i < end; i += step) y[i] = Math.max(x[i]! - max, LOWEST_EXPONENT) - log
      })
    },
  },
})
