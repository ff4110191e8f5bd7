/**
 * Logic on tensors, element by element: numbers other than 0, NaN among them, are true. Operands broadcast as in NumPy.
 * Source: paddle/phi/kernels/funcs/logical_functor.h (2.6.2).
 */
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, type OpDef, one, type Slot } from '../../framework/op_def.ts'
import { expand } from '../../tensor/broadcast.ts'
import { type DType, FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { broadcast } from '../../tensor/shape.ts'

/** uint8 has no kernel, as in Paddle. */
const DTYPES: readonly DType[] = ['bool', ...FLOATS, 'int8', 'int16', 'int32', 'int64']

interface Connective {
  readonly doc: string
  /** Fills out with 1 where the result is true and with 0 elsewhere. */
  readonly forward: (x: NumberArray, y: NumberArray, out: NumberArray) => void
  readonly int64: (x: BigInt64Array, y: BigInt64Array, out: NumberArray) => void
}

type BinarySlots = { readonly X: Slot<'one'>; readonly Y: Slot<'one'> }
type OutSlots = { readonly Out: Slot<'one'> }

function connective(type: string, formula: Connective): OpDef<BinarySlots, OutSlots, Readonly<Record<never, never>>> {
  return defineOp({
    type,
    doc: formula.doc,
    source: 'paddle/phi/kernels/funcs/logical_functor.h',
    inputs: {
      X: one('Any shape.', DTYPES),
      Y: one('Element type of X and a shape that broadcasts with that of X.', DTYPES),
    },
    outputs: { Out: one('The common shape, bool.') },
    attrs: {},
    inferMeta({ X, Y }) {
      requireSameDType(type, { X, Y })
      return { Out: { dtype: 'bool', shape: broadcast(type, X.shape, Y.shape, -1).shape } }
    },
    grad: 'none',
    kernels: {
      cpu({ X, Y }, _attrs, { Out }) {
        const { shape, x, y } = broadcast(type, X.shape, Y.shape, -1)
        formula.forward(expand(X.data, x, shape), expand(Y.data, y, shape), Out.data)
      },
      int64({ X, Y }, _attrs, { Out }) {
        const { shape, x, y } = broadcast(type, X.shape, Y.shape, -1)
        const left = expand(X.data as BigInt64Array, x, shape)
        formula.int64(left, expand(Y.data as BigInt64Array, y, shape), Out.data as NumberArray)
      },
    },
  })
}

export const logicalAnd = connective('logical_and', {
  doc: 'Whether both X and Y are true.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] !== 0 && y[i] !== 0 ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] !== 0n && y[i] !== 0n ? 1 : 0
  },
})

export const logicalOr = connective('logical_or', {
  doc: 'Whether X, Y or both are true.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] !== 0 || y[i] !== 0 ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] !== 0n || y[i] !== 0n ? 1 : 0
  },
})

export const logicalXor = connective('logical_xor', {
  doc: 'Whether exactly one of X and Y is true.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = (x[i] !== 0) !== (y[i] !== 0) ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = (x[i] !== 0n) !== (y[i] !== 0n) ? 1 : 0
  },
})

export const logicalNot = defineOp({
  type: 'logical_not',
  doc: 'Whether X is false, which is 0.',
  source: 'paddle/phi/kernels/funcs/logical_functor.h',
  inputs: { X: one('Any shape.', DTYPES) },
  outputs: { Out: one('Shape of X, bool.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: { ...X, dtype: 'bool' } }),
  grad: 'none',
  kernels: {
    cpu({ X }, _attrs, { Out }) {
      const x = X.data
      for (let i = 0; i < x.length; i++) Out.data[i] = x[i] === 0 ? 1 : 0
    },
    int64({ X }, _attrs, { Out }) {
      const x = X.data as BigInt64Array
      for (let i = 0; i < x.length; i++) Out.data[i] = x[i] === 0n ? 1 : 0
    },
  },
})
