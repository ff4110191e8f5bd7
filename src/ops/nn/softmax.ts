/** softmax along an axis. */
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { eachSlice, resolveAxis, type Shape } from '../../tensor/shape.ts'

/** Paddle's lower bound of x - max: the smallest exponential is e^-64, about 1.6e-28. */
export const LOWEST_EXPONENT = -64

const attrs = {
  axis: attr.int(-1),
  data_format: attr.string('AnyLayout', {
    extra: true,
    doc: 'Has no effect: what would have Paddle lay the elements out anew first is refused.',
    check: oneOf('AnyLayout', 'NCHW'),
  }),
  is_test: attr.bool(false, { extra: true, doc: 'Has no effect.' }),
}

/** A 0-D tensor counts as [1]. */
const atLeast1D = (shape: Shape): Shape => (shape.length === 0 ? [1] : shape)

/** dX = Out * (dOut - sum(Out * dOut)), the sum along `axis`. Reads Out only, so that X can be freed. */
export const softmaxGrad = defineOp({
  type: 'softmax_grad',
  doc: 'Gradient of softmax: dX = Out * (dOut - sum(Out * dOut)).',
  source: 'paddle/phi/kernels/funcs/softmax_impl.h',
  inputs: { Out: one('Out of softmax.', FLOATS), 'Out@GRAD': one('Gradient of Out.') },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta({ Out, 'Out@GRAD': dOut }, { axis }) {
    requireSameDType('softmax_grad', { Out, 'Out@GRAD': dOut })
    requireShape('softmax_grad', 'Out@GRAD', dOut, Out.shape, 'the shape of Out')
    resolveAxis('softmax_grad', axis, atLeast1D(Out.shape), 'axis', 'Out')
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
      eachSlice(shape, resolveAxis('softmax_grad', axis, shape), (start, step, size) => {
        const end = start + size * step
        let dot = 0
        for (let i = start; i < end; i += step) dot += out[i]! * dout[i]!
        for (let i = start; i < end; i += step) dx[i] = out[i]! * (dout[i]! - dot)
      })
    },
  },
})

/**
 * Out = exp(X - max(X)) / sum(exp(X - max(X))), max and sum taken along `axis`. Subtracting the max leaves the value unchanged and keeps exp
 * from overflowing.
 */
export const softmax = defineOp({
  type: 'softmax',
  doc: 'Scales the slices of X along `axis` to be positive and to sum to 1. X - max(X) is cut off at -64, as in Paddle.',
  source: 'paddle/phi/kernels/funcs/softmax_impl.h',
  inputs: { X: one('Any shape; a 0-D X gives 1.', FLOATS) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs,
  inferMeta({ X }, { axis }) {
    resolveAxis('softmax', axis, atLeast1D(X.shape))
    return { Out: X }
  },
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(softmaxGrad, {
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
      const along = resolveAxis('softmax', axis, shape)
      // The exponentials of one slice, unrounded, so that the result is rounded once.
      const exps = new Float64Array(shape[along]!)
      eachSlice(shape, along, (start, step, size) => {
        let max = -Infinity
        for (let k = 0, i = start; k < size; k++, i += step) max = Math.max(max, x[i]!)
        let sum = 0
        for (let k = 0, i = start; k < size; k++, i += step)
          sum += exps[k] = Math.exp(Math.max(x[i]! - max, LOWEST_EXPONENT))
        for (let k = 0, i = start; k < size; k++, i += step) y[i] = exps[k]! / sum
      })
    },
  },
})
