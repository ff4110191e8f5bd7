/**
 * Tests for infinite elements and for elements that are no numbers.
 * Source: paddle/phi/kernels/impl/isfinite_kernel_impl.h (2.6.2).
 */
import { defineOp, type OpDef, one, type Slot } from '../../framework/op_def.ts'
import { NUMBERS, type NumberArray } from '../../tensor/dtype.ts'

interface Test {
  readonly doc: string
  /** What the test says of every whole number. */
  readonly ofWhole: 0 | 1
  readonly forward: (x: NumberArray, out: NumberArray) => void
}

type XSlot = { readonly X: Slot<'one'> }
type OutSlot = { readonly Out: Slot<'one'> }

function test(type: string, { doc, ofWhole, forward }: Test): OpDef<XSlot, OutSlot, Readonly<Record<never, never>>> {
  return defineOp({
    type,
    doc,
    source: 'paddle/phi/kernels/impl/isfinite_kernel_impl.h',
    inputs: { X: one('Any shape.', NUMBERS) },
    outputs: { Out: one('Shape of X, bool.') },
    attrs: {},
    inferMeta: ({ X }) => ({ Out: { ...X, dtype: 'bool' } }),
    grad: 'none',
    kernels: {
      cpu: ({ X }, _attrs, { Out }) => forward(X.data, Out.data),
      int64: (_inputs, _attrs, { Out }) => void (Out.data as NumberArray).fill(ofWhole),
    },
  })
}

export const isfiniteV2 = test('isfinite_v2', {
  doc: 'Whether each element is neither infinite nor NaN.',
  ofWhole: 1,
  forward(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = Number.isFinite(x[i]) ? 1 : 0
  },
})

export const isinfV2 = test('isinf_v2', {
  doc: 'Whether each element is Infinity or -Infinity.',
  ofWhole: 0,
  forward(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] === Infinity || x[i] === -Infinity ? 1 : 0
  },
})

export const isnanV2 = test('isnan_v2', {
  doc: 'Whether each element is NaN.',
  ofWhole: 0,
  forward(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(x[i]) ? 1 : 0
  },
})
