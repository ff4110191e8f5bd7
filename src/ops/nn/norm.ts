/** Scaling the vectors along an axis to length 1, with its gradient. */
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { eachSlice, resolveAxis, type Shape } from '../../tensor/shape.ts'

const ATTRS = {
  axis: attr.int(),
  epsilon: attr.float(1e-10, { doc: 'Added to the sum of squares.' }),
  is_test: attr.bool(false, { doc: 'Has no effect: Norm is computed in any case.' }),
}

const normShape = (opType: string, shape: Shape, axis: number): Shape => shape.with(resolveAxis(opType, axis, shape), 1)

/** Norm = sqrt(sum(X * X) + epsilon) along `axis`, Out = X / Norm. */
export const norm = defineOp({
  type: 'norm',
  doc: 'X divided by the Euclidean norm of the vectors along `axis`.',
  source: 'paddle/phi/kernels/cpu/norm_kernel.cc',
  differs: 'An axis past the rank is an InvalidArgumentError; Paddle reads outside its memory.',
  inputs: { X: one('At least 1-D.', FLOATS) },
  outputs: {
    Out: one('Shape and element type of X.'),
    Norm: one('The norms: shape of X with 1 in place of the axis.'),
  },
  attrs: ATTRS,
  inferMeta: ({ X }, { axis }) => ({ Out: X, Norm: { dtype: X.dtype, shape: normShape('norm', X.shape, axis) } }),
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(normGrad, {
      inputs: { X: inputs.X, Norm: outputs.Norm, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, { axis, epsilon }, { Out, Norm }) {
      const x = X.data
      const out = Out.data
      let k = 0
      eachSlice(X.shape, resolveAxis('norm', axis, X.shape), (start, step, size) => {
        const end = start + size * step
        let squares = epsilon
        for (let i = start; i < end; i += step) squares += x[i]! * x[i]!
        const length = Math.sqrt(squares)
        for (let i = start; i < end; i += step) out[i] = x[i]! / length
        // An inference program does not have this output.
        if (Norm !== undefined) Norm.data[k++] = length
      })
    },
  },
})

/** dX = dOut / Norm - X * sum(X * dOut) / Norm^3, the sum along `axis`. */
export const normGrad = defineOp({
  type: 'norm_grad',
  doc: 'Gradient of norm: dX = dOut / Norm - X * sum(X * dOut) / Norm^3.',
  source: 'paddle/phi/kernels/cpu/norm_grad_kernel.cc',
  inputs: {
    X: one('X of norm.', FLOATS),
    Norm: one('Norm of norm.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: ATTRS,
  inferMeta({ X, Norm, 'Out@GRAD': dOut }, { axis }) {
    requireSameDType('norm_grad', { X, Norm, 'Out@GRAD': dOut })
    requireShape('norm_grad', 'Norm', Norm, normShape('norm_grad', X.shape, axis), 'one norm per vector of X')
    requireShape('norm_grad', 'Out@GRAD', dOut, X.shape, 'the shape of X')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu({ X, Norm, 'Out@GRAD': dOut }, { axis }, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const x = X.data
      const dout = dOut.data
      let k = 0
      eachSlice(X.shape, resolveAxis('norm_grad', axis, X.shape), (start, step, size) => {
        const end = start + size * step
        const length = Norm.data[k++]!
        let dot = 0
        for (let i = start; i < end; i += step) dot += x[i]! * dout[i]!
        const along = dot / (length * length)
        for (let i = start; i < end; i += step) dx[i] = (dout[i]! - x[i]! * along) / length
      })
    },
  },
})
