/** Whether all elements over some dimensions are true, or any of them. Numbers other than 0, NaN among them, are true. */
import { attr } from '../../framework/attr.ts'
import { defineOp, many, type OpDef, one, optional } from '../../framework/op_def.ts'
import { INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { eachRun, reducedDims, reducedShape } from './layout.ts'
import type { Raw } from './reduce.ts'

const inputs = {
  X: one('Any shape.', [...NUMBERS, 'bool']),
  AxisTensor: optional('Has no effect, as in Paddle: `dim` counts.', INDEXES),
  AxisTensorList: many('Has no effect, as in Paddle: `dim` counts. May be empty.', INDEXES),
}
const outputs = { Out: one('Shape of X without the reduced dimensions, or with 1 in their place; bool.') }
const attrs = {
  dim: attr.dims([0], { doc: 'Dimensions to reduce; empty for all.' }),
  keep_dim: attr.bool(false, { doc: 'Keep the reduced dimensions with size 1.' }),
  reduce_all: attr.bool(false),
  in_dtype: attr.dtype(-1, { doc: 'Has no effect.' }),
  out_dtype: attr.dtype(-1, { doc: 'Has no effect: Out is bool.' }),
}
type Definition = OpDef<typeof inputs, typeof outputs, typeof attrs>

/** An element that is not `ofNothing` settles the result, which is the opposite then. */
function logicalReduction(type: string, doc: string, ofNothing: 0 | 1): Definition {
  const fold = (X: Raw, Out: Raw, reduced: readonly boolean[]): void => {
    const x = X.data
    const out = Out.data as Uint8Array
    const zero = x instanceof BigInt64Array ? 0n : 0
    out.fill(ofNothing)
    eachRun(X.shape, reduced, (start, count, to, step) => {
      for (let i = 0; i < count; i++)
        if ((x[start + i] === zero) === (ofNothing === 1)) out[to + i * step] = 1 - ofNothing
    })
  }
  return defineOp({
    type,
    doc,
    source: 'paddle/phi/kernels/funcs/reduce_functor.h',
    differs: `The result for no elements is ${ofNothing === 1}, where Paddle refuses an X of size 0.`,
    inputs,
    outputs,
    attrs,
    inferMeta({ X }, given) {
      const shape = reducedShape(X, reducedDims(type, X.shape, given), given.keep_dim)
      return { Out: { dtype: 'bool', shape } }
    },
    grad: 'none',
    kernels: {
      cpu: ({ X }, given, { Out }) => fold(X, Out, reducedDims(type, X.shape, given)),
      int64: ({ X }, given, { Out }) => fold(X, Out, reducedDims(type, X.shape, given)),
    },
  })
}

export const reduceAll = logicalReduction('reduce_all', 'Whether all elements over the dimensions `dim` are true.', 1)
export const reduceAny = logicalReduction('reduce_any', 'Whether any element over the dimensions `dim` is true.', 0)
