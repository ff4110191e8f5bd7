/** label_smooth: class probabilities mixed with an even or a given distribution. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, product } from '../../tensor/shape.ts'

const ATTRS = {
  epsilon: attr.float(0, {
    doc: 'Share of the other distribution.',
    check: (epsilon) => (epsilon >= 0 && epsilon <= 1 ? null : 'a number in [0, 1]'),
  }),
}

export const labelSmoothGrad = defineOp({
  type: 'label_smooth_grad',
  doc: 'Gradient of label_smooth: (1 - epsilon) * dOut. PriorDist gets none.',
  source: 'paddle/phi/kernels/cpu/label_smooth_grad_kernel.cc',
  inputs: { 'Out@GRAD': one('Gradient of Out.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: ATTRS,
  inferMeta: (inputs) => ({ 'X@GRAD': inputs['Out@GRAD'] }),
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu(inputs, { epsilon }, outputs) {
      const { data: dout } = inputs['Out@GRAD']
      const dx = outputs['X@GRAD']?.data
      const kept = Math.fround(1 - epsilon)
      if (dx !== undefined) for (let i = 0; i < dx.length; i++) dx[i] = kept * dout[i]!
    },
  },
})

/** Out = (1 - epsilon) * X + epsilon / C for C classes, or + epsilon * PriorDist. */
export const labelSmooth = defineOp({
  type: 'label_smooth',
  doc: 'Mixes the distributions in the last dimension of X with an even one, or with PriorDist: (1 - epsilon) * X + epsilon / C.',
  source: 'paddle/phi/kernels/cpu/label_smooth_kernel.cc',
  differs: 'epsilon outside of [0, 1] is refused.',
  inputs: {
    X: one('[…, C].', FLOATS),
    PriorDist: optional('C elements: the distribution that is mixed in.', FLOATS),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X, PriorDist }) {
    requireSameDType('label_smooth', { X, PriorDist })
    const classes = X.shape.at(-1) ?? 1
    if (PriorDist !== undefined && classes >= 0 && !PriorDist.shape.includes(-1)) {
      if (product(PriorDist.shape) !== classes) {
        throw new InvalidArgumentError(
          'E203',
          `label_smooth: PriorDist must hold ${classes} elements for X of shape ${formatShape(X.shape)}, got ${formatShape(PriorDist.shape)}`,
          { where: { opType: 'label_smooth', slot: 'PriorDist' }, expected: classes, got: PriorDist.shape },
        )
      }
    }
    return { Out: X }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(labelSmoothGrad, {
      inputs: { 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X, PriorDist }, { epsilon }, { Out }) {
      const { data: x } = X
      const { data: out } = Out
      const classes = X.shape.at(-1) ?? 1
      // The attribute is a float32, and so is what Paddle derives from it alone, also for float64 tensors.
      const kept = Math.fround(1 - epsilon)
      if (PriorDist === undefined) {
        const share = Math.fround(epsilon / classes)
        for (let i = 0; i < out.length; i++) out[i] = kept * x[i]! + share
        return
      }
      const { data: prior } = PriorDist
      for (let i = 0; i < out.length; i++) out[i] = kept * x[i]! + epsilon * prior[i % classes]!
    },
  },
})
