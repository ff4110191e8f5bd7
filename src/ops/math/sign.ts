/** The sign of each element. */
import { defineOp, describeOp, type OpDesc, one } from '../../framework/op_def.ts'
import { REALS } from '../../tensor/dtype.ts'
import { scale } from './scale.ts'

/** Out = 1 where X > 0, -1 where X < 0, 0 where X is 0, NaN where it is NaN. The gradient is 0 everywhere: `scale` by 0. */
export const sign = defineOp({
  type: 'sign',
  doc: '1, 0 or -1 by the sign of X; NaN stays NaN. The gradient is 0.',
  source: 'paddle/phi/kernels/impl/sign_kernel_impl.h',
  inputs: { X: one('Any shape.', REALS) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: X }),
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(scale, { inputs: { X: outputGrads.Out }, outputs: { Out: inputGrads.X! }, attrs: { scale: 0 } }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X }, _attrs, { Out }) {
      const x = X.data
      const out = Out.data
      for (let i = 0; i < out.length; i++) out[i] = Math.sign(x[i]!)
    },
    int64({ X }, _attrs, { Out }) {
      const x = X.data as BigInt64Array
      const out = Out.data as BigInt64Array
      for (let i = 0; i < out.length; i++) out[i] = x[i]! > 0n ? 1n : x[i]! < 0n ? -1n : 0n
    },
  },
})
