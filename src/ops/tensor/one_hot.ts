/** one_hot_v2: class numbers as vectors with a single 1. */
import { makeError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, one, optional } from '../../framework/op_def.ts'
import { ALL, type DType, INDEXES } from '../../tensor/dtype.ts'
import type { RawTensor } from './copy.ts'
import { checkedIndex, fillZero } from './indices.ts'
import { numberInput } from './shape_inputs.ts'

function mark({ X }: { X: RawTensor }, _attrs: unknown, { Out }: { Out: RawTensor }): void {
  const depth = Out.shape.at(-1)!
  fillZero(Out)
  for (let i = 0; i < X.data.length; i++) {
    const place = i * depth + checkedIndex('one_hot_v2', 'X', X, i, depth, 'InvalidArgument')
    if (Out.data instanceof BigInt64Array) Out.data[place] = 1n
    else Out.data[place] = 1
  }
}

export const oneHotV2 = defineOp({
  type: 'one_hot_v2',
  doc: 'Out[..., k] = 1 where k is the number in X, else 0.',
  source: 'paddle/fluid/operators/one_hot_v2_op.cc',
  differs: 'float16 works; the 1 is infinite in Paddle.',
  inputs: {
    X: one('Class numbers in [0, depth), any shape.', INDEXES),
    depth_tensor: optional('One element: the number of classes, in place of the attribute.', INDEXES),
  },
  outputs: { Out: one('[..., depth], of the element type `dtype`.') },
  attrs: {
    depth: attr.int(-1, { doc: 'The number of classes.' }),
    dtype: attr.dtype('float32', {
      check: (dtype) => (ALL.includes(dtype as DType) ? null : `one of ${ALL.join(', ')}`),
    }),
    allow_out_of_range: attr.bool(false, {
      doc: 'Has no effect: a number outside of [0, depth) is an error, as in Paddle.',
    }),
  },
  inferMeta({ X, depth_tensor }, { depth, dtype }, ctx) {
    const given = depth_tensor === undefined ? depth : (numberInput(ctx, 'depth_tensor') ?? -1)
    if (given < 0 && ctx.atRun) {
      throw makeError('PreconditionNotMet', 'E201', `one_hot_v2: depth must be 0 or more, got ${given}`, {
        expected: '0 or more',
        got: given,
      })
    }
    return { Out: { dtype: dtype as DType, shape: [...X.shape, given] } }
  },
  grad: 'none',
  kernels: { cpu: mark, int64: mark },
})
