/** bce_loss: binary cross entropy of probabilities. */
import { InvalidArgumentError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'

/** Logarithms below this count as this. */
const SMALLEST_LOG = -100
/** The least that (1 - x) x is taken for in the gradient. */
const SMALLEST_SLOPE = 1e-12

export const bceLossGrad = defineOp({
  type: 'bce_loss_grad',
  doc: 'Gradient of bce_loss: dOut (X - Label) / max((1 - X) X, 1e-12).',
  source: 'paddle/phi/kernels/cpu/bce_loss_grad_kernel.cc',
  inputs: {
    X: one('X of bce_loss.', FLOATS),
    Label: one('Label of bce_loss.'),
    'Out@GRAD': one('Gradient of Out.'),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: {},
  inferMeta({ X, Label, 'Out@GRAD': outGrad }) {
    requireShape('bce_loss_grad', 'Label', Label, X.shape, 'the shape of X')
    requireShape('bce_loss_grad', 'Out@GRAD', outGrad, X.shape, 'the shape of X')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu({ X, Label, 'Out@GRAD': outGrad }, _attrs, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const { data: x } = X
      const { data: label } = Label
      const { data: dout } = outGrad
      for (let i = 0; i < dx.length; i++) {
        dx[i] = (dout[i]! * (x[i]! - label[i]!)) / Math.max((1 - x[i]!) * x[i]!, SMALLEST_SLOPE)
      }
    },
  },
})

export const bceLoss = defineOp({
  type: 'bce_loss',
  doc: '-Label log(X) - (1 - Label) log(1 - X), the logarithms at least -100.',
  source: 'paddle/phi/kernels/cpu/bce_loss_kernel.cc',
  inputs: { X: one('Probabilities, any shape.', FLOATS), Label: one('Shape and element type of X.', FLOATS) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {},
  inferMeta({ X, Label }) {
    requireShape('bce_loss', 'Label', Label, X.shape, 'the shape of X')
    requireSameDType('bce_loss', { X, Label })
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(bceLossGrad, {
      inputs: { X: inputs.X, Label: inputs.Label, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X, Label }, _attrs, { Out }) {
      const { data: x } = X
      const { data: label } = Label
      const { data: out } = Out
      for (let i = 0; i < out.length; i++) {
        const p = x[i]!
        if (!(p >= 0 && p <= 1)) {
          throw new InvalidArgumentError('E224', `bce_loss: element ${i} of X is ${p}, outside [0, 1]`, {
            where: { opType: 'bce_loss', slot: 'X' },
            expected: [0, 1],
            got: p,
          })
        }
        const y = label[i]!
        out[i] = (y - 1) * Math.max(Math.log(1 - p), SMALLEST_LOG) - y * Math.max(Math.log(p), SMALLEST_LOG)
      }
    },
  },
})
