/**
 * Operators on the bits of whole numbers; a bool is one bit. Operands broadcast as in NumPy.
 * Source: paddle/phi/kernels/funcs/bitwise_functors.h (2.6.2).
 */
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, type OpDef, one, type Slot } from '../../framework/op_def.ts'
import { expand } from '../../tensor/broadcast.ts'
import { type DType, INTEGERS, type NumberArray } from '../../tensor/dtype.ts'
import { broadcast } from '../../tensor/shape.ts'

const DTYPES: readonly DType[] = ['bool', ...INTEGERS]

interface BitFormula {
  readonly doc: string
  readonly forward: (x: NumberArray, y: NumberArray, out: NumberArray) => void
  readonly int64: (x: BigInt64Array, y: BigInt64Array, out: BigInt64Array) => void
}

type BinarySlots = { readonly X: Slot<'one'>; readonly Y: Slot<'one'> }
type OutSlots = { readonly Out: Slot<'one'> }

function bitwise(type: string, formula: BitFormula): OpDef<BinarySlots, OutSlots, Readonly<Record<never, never>>> {
  return defineOp({
    type,
    doc: formula.doc,
    source: 'paddle/phi/kernels/funcs/bitwise_functors.h',
    inputs: {
      X: one('Any shape.', DTYPES),
      Y: one('Element type of X and a shape that broadcasts with that of X.', DTYPES),
    },
    outputs: { Out: one('The common shape, element type of X.') },
    attrs: {},
    inferMeta({ X, Y }) {
      requireSameDType(type, { X, Y })
      return { Out: { dtype: X.dtype, shape: broadcast(type, X.shape, Y.shape, -1).shape } }
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
        formula.int64(left, expand(Y.data as BigInt64Array, y, shape), Out.data as BigInt64Array)
      },
    },
  })
}

export const bitwiseAnd = bitwise('bitwise_and', {
  doc: 'The bits that X and Y both have.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! & y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! & y[i]!
  },
})

export const bitwiseOr = bitwise('bitwise_or', {
  doc: 'The bits that X or Y has.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! | y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! | y[i]!
  },
})

export const bitwiseXor = bitwise('bitwise_xor', {
  doc: 'The bits that one of X and Y has and the other has not.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! ^ y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! ^ y[i]!
  },
})

export const bitwiseNot = defineOp({
  type: 'bitwise_not',
  doc: 'The bits that X has not; of a bool the opposite.',
  source: 'paddle/phi/kernels/funcs/bitwise_functors.h',
  inputs: { X: one('Any shape.', DTYPES) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: X }),
  grad: 'none',
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X }, _attrs, { Out }) {
      const x = X.data
      if (X.dtype === 'bool') for (let i = 0; i < x.length; i++) Out.data[i] = x[i] === 0 ? 1 : 0
      else for (let i = 0; i < x.length; i++) Out.data[i] = ~x[i]!
    },
    int64({ X }, _attrs, { Out }) {
      const x = X.data as BigInt64Array
      for (let i = 0; i < x.length; i++) Out.data[i] = ~x[i]!
    },
  },
})
