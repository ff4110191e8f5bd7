/**
 * Comparisons of whole tensors and within tolerances: equal_all, isclose and allclose.
 * Source: paddle/phi/kernels/cpu/compare_kernel.cc, isclose_kernel.cc, allclose_kernel.cc (2.6.2).
 */

import { makeError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, type KernelTensor, type Meta, type OpDef, one, optional } from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { compatibleShapes, formatShape, sameShape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'

function allEqual({ X, Y }: { X: RawTensor; Y: RawTensor }, _attrs: unknown, { Out }: { Out: RawTensor }): void {
  let equal = sameShape(X.shape, Y.shape)
  for (let i = 0; equal && i < X.data.length; i++) equal = X.data[i] === Y.data[i]
  Out.data[0] = equal ? 1 : 0
}

export const equalAll = defineOp({
  type: 'equal_all',
  doc: 'Whether X and Y have one shape and equal elements.',
  source: 'paddle/phi/kernels/cpu/compare_kernel.cc',
  differs: 'Floating-point numbers are equal only if they are the same; Paddle takes differences below 1e-8 for none.',
  inputs: {
    X: one('Any shape.', ['bool', 'float32', 'float64', 'int32', 'int64']),
    Y: one('Element type of X, any shape.', ['bool', 'float32', 'float64', 'int32', 'int64']),
  },
  outputs: { Out: one('0-D, bool.') },
  attrs: {},
  inferMeta({ X, Y }) {
    requireSameDType('equal_all', { X, Y })
    return { Out: { dtype: 'bool', shape: [] } }
  },
  grad: 'none',
  kernels: { cpu: allEqual, int64: allEqual },
})

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const isNumber = (text: string): string | null => (DECIMAL.test(text) ? null : 'a decimal number as text')
const TOLERANCES = {
  rtol: attr.string('1e-5', { doc: 'Allowed difference for each unit of Other, as text.', check: isNumber }),
  atol: attr.string('1e-8', { doc: 'Allowed difference in any case, as text.', check: isNumber }),
  equal_nan: attr.bool(false, { doc: 'NaN is close to NaN.' }),
}
interface Tolerances {
  readonly rtol: string
  readonly atol: string
  readonly equal_nan: boolean
}

type Slots = {
  readonly Input: ReturnType<typeof one>
  readonly Other: ReturnType<typeof one>
  readonly Rtol: ReturnType<typeof optional>
  readonly Atol: ReturnType<typeof optional>
}
interface Tensors {
  readonly Input: KernelTensor
  readonly Other: KernelTensor
  readonly Rtol?: KernelTensor | undefined
  readonly Atol?: KernelTensor | undefined
}

/** Calls `visit` with whether |Input - Other| <= atol + rtol * |Other|, element by element. */
function compare(
  { Input, Other, Rtol, Atol }: Tensors,
  attrs: Tolerances,
  visit: (i: number, close: boolean) => void,
): void {
  const rtol = Rtol === undefined ? Number(attrs.rtol) : Rtol.data[0]!
  const atol = Atol === undefined ? Number(attrs.atol) : Atol.data[0]!
  for (let i = 0; i < Input.data.length; i++) {
    const [a, b] = [Input.data[i]!, Other.data[i]!]
    if (Number.isNaN(a) || Number.isNaN(b)) visit(i, attrs.equal_nan && Number.isNaN(a) && Number.isNaN(b))
    else visit(i, a === b || Math.abs(a - b) <= atol + rtol * Math.abs(b))
  }
}

function closeness(
  type: string,
  doc: string,
  whole: boolean,
  fill: (given: Tensors, attrs: Tolerances, out: NumberArray) => void,
): OpDef<Slots, { readonly Out: ReturnType<typeof one> }, typeof TOLERANCES> {
  return defineOp({
    type,
    doc,
    source: `paddle/phi/kernels/cpu/${type}_kernel.cc`,
    inputs: {
      Input: one('Any shape.', ['float32', 'float64']),
      Other: one('Shape and element type of Input.', ['float32', 'float64']),
      Rtol: optional('One element, in place of the attribute.', ['float64']),
      Atol: optional('One element, in place of the attribute.', ['float64']),
    },
    outputs: { Out: one(whole ? '0-D, bool.' : 'Shape of Input, bool.') },
    attrs: TOLERANCES,
    inferMeta({ Input, Other }) {
      requireSameDType(type, { Input, Other })
      requireSameShapes(type, Input, Other)
      return { Out: { dtype: 'bool', shape: whole ? [] : Input.shape } }
    },
    grad: 'none',
    kernels: { cpu: (given, attrs, { Out }) => fill(given, attrs, Out.data) },
  })
}

/** @throws PreconditionNotMetError E203, Paddle's category. */
function requireSameShapes(type: string, Input: Meta, Other: Meta): void {
  if (compatibleShapes(Input.shape, Other.shape)) return
  throw makeError(
    'PreconditionNotMet',
    'E203',
    `${type}: Other must have the shape of Input, ${formatShape(Input.shape)}, got ${formatShape(Other.shape)}`,
    { where: { opType: type, slot: 'Other' }, expected: Input.shape, got: Other.shape },
  )
}

export const isclose = closeness(
  'isclose',
  'Whether |Input - Other| <= atol + rtol * |Other|, element by element.',
  false,
  (given, attrs, out) =>
    compare(given, attrs, (i, close) => {
      out[i] = close ? 1 : 0
    }),
)

export const allclose = closeness(
  'allclose',
  'Whether |Input - Other| <= atol + rtol * |Other| for all elements.',
  true,
  (given, attrs, out) => {
    let all = true
    compare(given, attrs, (_, close) => {
      all &&= close
    })
    out[0] = all ? 1 : 0
  },
)
