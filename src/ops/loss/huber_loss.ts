/** huber_loss: squared near zero, linear beyond delta. */
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type KernelTensor, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'

const attrs = { delta: attr.float(undefined, { doc: 'Where the loss becomes linear.' }) }

/** out = sign * dOut * (residual, limited to [-delta, delta]). */
function slope(residual: KernelTensor, dOut: KernelTensor, delta: number, sign: 1 | -1, out?: KernelTensor): void {
  if (out === undefined) return
  const { data: r } = residual
  const { data: d } = dOut
  for (let i = 0; i < r.length; i++) {
    const limited = Math.abs(r[i]!) <= delta ? r[i]! : r[i]! > 0 ? delta : -delta
    out.data[i] = sign * d[i]! * limited
  }
}

export const huberLossGrad = defineOp({
  type: 'huber_loss_grad',
  doc: 'Gradient of huber_loss: dOut times Residual limited to [-delta, delta], for Y, and its negative for X.',
  source: 'paddle/phi/kernels/impl/huber_loss_grad_kernel_impl.h',
  inputs: { Residual: one('Residual of huber_loss.', FLOATS), 'Out@GRAD': one('Gradient of Out.') },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Y@GRAD': optional('Gradient of Y.') },
  attrs,
  inferMeta({ Residual, 'Out@GRAD': outGrad }) {
    requireShape('huber_loss_grad', 'Out@GRAD', outGrad, Residual.shape, 'the shape of Residual')
    return { 'X@GRAD': Residual, 'Y@GRAD': Residual }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ Residual, 'Out@GRAD': outGrad }, { delta }, outputs) {
      slope(Residual, outGrad, delta, -1, outputs['X@GRAD'])
      slope(Residual, outGrad, delta, 1, outputs['Y@GRAD'])
    },
  },
})

export const huberLoss = defineOp({
  type: 'huber_loss',
  doc: 'With r = Y - X: r r / 2 where |r| <= delta, else delta (|r| - delta / 2).',
  source: 'paddle/phi/kernels/impl/huber_loss_kernel_impl.h',
  inputs: { X: one('Any shape.', FLOATS), Y: one('Shape and element type of X.', FLOATS) },
  outputs: { Out: one('Shape and element type of X.'), Residual: one('Y - X.') },
  attrs,
  inferMeta({ X, Y }) {
    requireShape('huber_loss', 'Y', Y, X.shape, 'the shape of X')
    requireSameDType('huber_loss', { X, Y })
    return { Out: X, Residual: X }
  },
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(huberLossGrad, {
      inputs: { Residual: outputs.Residual, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Y }, { delta }, { Out, Residual }) {
      const { data: x } = X
      const { data: y } = Y
      const residual = Residual.data
      for (let i = 0; i < residual.length; i++) {
        residual[i] = y[i]! - x[i]!
        const r = residual[i]!
        const size = Math.abs(r)
        Out.data[i] = size <= delta ? 0.5 * r * r : delta * (size - 0.5 * delta)
      }
    },
  },
})
