/** A counter's step. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, describeOp, type OpDesc, one } from '../../framework/op_def.ts'
import { isFloating, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, numel } from '../../tensor/shape.ts'

/** Out = X + step; for integers the step is cut towards zero. The gradient operator takes the step back: it restores X from Out. */
export const increment = defineOp({
  type: 'increment',
  doc: 'X + step for an X of one element; for integers the step is cut towards zero. Mostly used in place, as a counter.',
  source: 'paddle/phi/kernels/cpu/increment_kernel.cc',
  inputs: { X: one('One element.', NUMBERS) },
  outputs: { Out: one('Shape and element type of X; often the same variable.') },
  attrs: { step: attr.float(1) },
  inferMeta({ X }) {
    // numel is -1 where the shape is not known yet.
    if (Math.abs(numel(X.shape)) !== 1) {
      throw new InvalidArgumentError('E203', `increment: X must have one element, got shape ${formatShape(X.shape)}`, {
        where: { slot: 'X' },
        expected: 1,
        got: X.shape,
      })
    }
    return { Out: X }
  },
  grad: ({ inputs, outputs, attrs }): OpDesc[] => [
    describeOp(increment, { inputs: { X: outputs.Out }, outputs: { Out: inputs.X }, attrs: { step: -attrs.step } }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X }, { step }, { Out }) {
      Out.data[0] = X.data[0]! + (isFloating(X.dtype) ? step : Math.trunc(step))
    },
    int64({ X }, { step }, { Out }) {
      const out = Out.data as BigInt64Array
      out[0] = (X.data as BigInt64Array)[0]! + BigInt(Number.isFinite(step) ? Math.trunc(step) : 0)
    },
  },
})
