/** atan2: the angle of a point. Source: paddle/phi/kernels/impl/atan2_kernel_impl.h (2.6.2). */
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, isFloating, NUMBERS } from '../../tensor/dtype.ts'

export const atan2Grad = defineOp({
  type: 'atan2_grad',
  doc: 'Gradient of atan2: dX1 = dOut X2 / (X1² + X2²), dX2 = -dOut X1 / (X1² + X2²).',
  source: 'paddle/phi/kernels/impl/atan2_grad_kernel_impl.h',
  inputs: {
    X1: one('X1 of atan2.', FLOATS),
    X2: one('X2 of atan2.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X1@GRAD': optional('Gradient of X1.'), 'X2@GRAD': optional('Gradient of X2.') },
  attrs: {},
  inferMeta({ X1, X2, 'Out@GRAD': dOut }) {
    requireSameDType('atan2_grad', { X1, X2, 'Out@GRAD': dOut })
    requireShape('atan2_grad', 'X2', X2, X1.shape, 'the shape of X1')
    requireShape('atan2_grad', 'Out@GRAD', dOut, X1.shape, 'the shape of X1')
    return { 'X1@GRAD': X1, 'X2@GRAD': X2 }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X1, X2, 'Out@GRAD': dOut }, _attrs, { 'X1@GRAD': dX1, 'X2@GRAD': dX2 }) {
      for (let i = 0; i < dOut.data.length; i++) {
        const [y, x] = [X1.data[i]!, X2.data[i]!]
        const slope = dOut.data[i]! / (y * y + x * x)
        if (dX1 !== undefined) dX1.data[i] = slope * x
        if (dX2 !== undefined) dX2.data[i] = -slope * y
      }
    },
  },
})

export const atan2 = defineOp({
  type: 'atan2',
  doc: 'The angle of the point (X2, X1) in radians, from -pi to pi.',
  source: 'paddle/phi/kernels/impl/atan2_kernel_impl.h',
  differs: 'X1 and X2 must have one shape.',
  inputs: {
    X1: one('The ordinates, any shape.', NUMBERS),
    X2: one('The abscissas, of shape and element type of X1.', NUMBERS),
  },
  outputs: { Out: one('Shape of X1, and its element type; for whole numbers float64, of float32 precision.') },
  attrs: {},
  inferMeta({ X1, X2 }): { Out: Meta } {
    requireSameDType('atan2', { X1, X2 })
    requireShape('atan2', 'X2', X2, X1.shape, 'the shape of X1')
    return { Out: isFloating(X1.dtype) ? X1 : { ...X1, dtype: 'float64' } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(atan2Grad, {
      inputs: { X1: inputs.X1, X2: inputs.X2, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X1@GRAD': inputGrads.X1, 'X2@GRAD': inputGrads.X2 },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X1, X2 }, _attrs, { Out }, ctx) {
      const whole = !isFloating(ctx.dtypeOf('X1')!)
      for (let i = 0; i < Out.data.length; i++) {
        const angle = Math.atan2(X1.data[i]!, X2.data[i]!)
        Out.data[i] = whole ? Math.fround(angle) : angle
      }
    },
  },
})
