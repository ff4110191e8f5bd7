/**
 * Comparisons of two tensors, element by element. Operands broadcast as in NumPy.
 * Source: paddle/phi/kernels/funcs/compare_functors.h (2.6.2).
 */
import { attr } from '../../framework/attr.ts'
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, type OpDef, one, type Slot } from '../../framework/op_def.ts'
import { expand } from '../../tensor/broadcast.ts'
import { ALL, type NumberArray } from '../../tensor/dtype.ts'
import { broadcast } from '../../tensor/shape.ts'

interface Comparison {
  readonly doc: string
  /** Fills out with 1 where the comparison holds and with 0 elsewhere. */
  readonly forward: (x: NumberArray, y: NumberArray, out: NumberArray) => void
  readonly int64: (x: BigInt64Array, y: BigInt64Array, out: NumberArray) => void
}

type BinarySlots = { readonly X: Slot<'one'>; readonly Y: Slot<'one'> }
type OutSlots = { readonly Out: Slot<'one'> }
const ATTRS = { axis: attr.int(-1, { doc: 'Has no effect, as in Paddle: the last dimensions meet.' }) }

function comparison(type: string, { doc, forward, int64 }: Comparison): OpDef<BinarySlots, OutSlots, typeof ATTRS> {
  return defineOp({
    type,
    doc: `${doc} Comparisons with NaN are false, but for not_equal.`,
    source: 'paddle/phi/kernels/funcs/compare_functors.h',
    inputs: {
      X: one('Any shape.', ALL),
      Y: one('Element type of X and a shape that broadcasts with that of X.', ALL),
    },
    outputs: { Out: one('The common shape, bool.') },
    attrs: ATTRS,
    inferMeta({ X, Y }) {
      requireSameDType(type, { X, Y })
      return { Out: { dtype: 'bool', shape: broadcast(type, X.shape, Y.shape, -1).shape } }
    },
    grad: 'none',
    kernels: {
      cpu({ X, Y }, _attrs, { Out }) {
        const { shape, x, y } = broadcast(type, X.shape, Y.shape, -1)
        forward(expand(X.data, x, shape), expand(Y.data, y, shape), Out.data)
      },
      int64({ X, Y }, _attrs, { Out }) {
        const { shape, x, y } = broadcast(type, X.shape, Y.shape, -1)
        const left = expand(X.data as BigInt64Array, x, shape)
        int64(left, expand(Y.data as BigInt64Array, y, shape), Out.data as NumberArray)
      },
    },
  })
}

export const equal = comparison('equal', {
  doc: 'Whether X = Y.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! === y[i]! ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! === y[i]! ? 1 : 0
  },
})

export const notEqual = comparison('not_equal', {
  doc: 'Whether X ≠ Y.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! !== y[i]! ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! !== y[i]! ? 1 : 0
  },
})

export const lessThan = comparison('less_than', {
  doc: 'Whether X < Y.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! < y[i]! ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! < y[i]! ? 1 : 0
  },
})

export const lessEqual = comparison('less_equal', {
  doc: 'Whether X ≤ Y.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! <= y[i]! ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! <= y[i]! ? 1 : 0
  },
})

export const greaterThan = comparison('greater_than', {
  doc: 'Whether X > Y.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! > y[i]! ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! > y[i]! ? 1 : 0
  },
})

export const greaterEqual = comparison('greater_equal', {
  doc: 'Whether X ≥ Y.',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! >= y[i]! ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! >= y[i]! ? 1 : 0
  },
})
