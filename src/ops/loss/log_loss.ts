/** log_loss: binary cross entropy of a column of probabilities, kept away from log(0) by epsilon. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import type { DType } from '../../tensor/dtype.ts'
import { formatShape } from '../../tensor/shape.ts'

const attrs = { epsilon: attr.float(undefined, { doc: 'Added to what the logarithm is taken of.' }) }
/** Paddle has a kernel for float32 alone. */
const dtypes: readonly DType[] = ['float32', 'float16', 'bfloat16']

export const logLossGrad = defineOp({
  type: 'log_loss_grad',
  doc: 'Gradient of log_loss: dLoss (-Labels / (Predicted + epsilon) + (1 - Labels) / (1 - Predicted + epsilon)).',
  source: 'paddle/phi/kernels/impl/log_loss_grad_kernel_impl.h',
  inputs: {
    Predicted: one('Predicted of log_loss.', dtypes),
    Labels: one('Labels of log_loss.'),
    'Loss@GRAD': one('Gradient of Loss.'),
  },
  outputs: { 'Predicted@GRAD': optional('Gradient of Predicted.') },
  attrs,
  inferMeta({ Predicted, Labels, 'Loss@GRAD': lossGrad }) {
    requireShape('log_loss_grad', 'Labels', Labels, Predicted.shape, 'the shape of Predicted')
    requireShape('log_loss_grad', 'Loss@GRAD', lossGrad, Predicted.shape, 'the shape of Predicted')
    return { 'Predicted@GRAD': Predicted }
  },
  grad: 'unregistered',
  inplace: { 'Predicted@GRAD': 'Loss@GRAD' },
  kernels: {
    cpu({ Predicted, Labels, 'Loss@GRAD': lossGrad }, { epsilon }, outputs) {
      const dx = outputs['Predicted@GRAD']?.data
      if (dx === undefined) return
      const { data: p } = Predicted
      const { data: y } = Labels
      const { data: dloss } = lossGrad
      for (let i = 0; i < dx.length; i++) {
        dx[i] = dloss[i]! * (-y[i]! / (p[i]! + epsilon) + (1 - y[i]!) / (1 - p[i]! + epsilon))
      }
    },
  },
})

export const logLoss = defineOp({
  type: 'log_loss',
  doc: '-Labels log(Predicted + epsilon) - (1 - Labels) log(1 - Predicted + epsilon).',
  source: 'paddle/phi/kernels/impl/log_loss_kernel_impl.h',
  inputs: {
    Predicted: one('[N, 1], probabilities.', dtypes),
    Labels: one('[N, 1], element type of Predicted.', dtypes),
  },
  outputs: { Loss: one('[N, 1]') },
  attrs,
  inferMeta({ Predicted, Labels }) {
    const { shape } = Predicted
    requireShape('log_loss', 'Labels', Labels, shape, 'the shape of Predicted')
    requireSameDType('log_loss', { Predicted, Labels })
    if (shape.length !== 2 || (shape[1] !== 1 && shape[1]! >= 0)) {
      throw new InvalidArgumentError('E203', `log_loss: Predicted must be [N, 1], got ${formatShape(shape)}`, {
        where: { opType: 'log_loss', slot: 'Predicted' },
        expected: '[N, 1]',
        got: shape,
      })
    }
    return { Loss: Predicted }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(logLossGrad, {
      inputs: { Predicted: inputs.Predicted, Labels: inputs.Labels, 'Loss@GRAD': outputGrads.Loss },
      outputs: { 'Predicted@GRAD': inputGrads.Predicted },
      attrs: 'copied',
    }),
  ],
  inplace: { Loss: 'Predicted' },
  kernels: {
    cpu({ Predicted, Labels }, { epsilon }, { Loss }) {
      const { data: p } = Predicted
      const { data: y } = Labels
      const { data: out } = Loss
      for (let i = 0; i < out.length; i++) {
        out[i] = -y[i]! * Math.log(p[i]! + epsilon) - (1 - y[i]!) * Math.log(1 - p[i]! + epsilon)
      }
    },
  },
})
