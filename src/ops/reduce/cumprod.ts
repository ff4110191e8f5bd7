/** cumprod: running products along an axis, and their gradient, which also holds where an element is 0. */
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { NUMBERS, type NumberArray } from '../../tensor/dtype.ts'
import { eachSlice, resolveAxis, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'

const ATTRS = { dim: attr.int(undefined, { doc: 'The axis.' }) }

/** The shape that is walked and the axis; a 0-D tensor counts as one row. */
function walk(opType: string, shape: Shape, dim: number): [Shape, number] {
  const rows = shape.length === 0 ? [1] : shape
  return [rows, resolveAxis(opType, dim, rows, 'dim')]
}

function multiplyAlong(X: RawTensor, dim: number, Out: RawTensor): void {
  // Both are arrays of bigint, or neither is.
  const [x, out] = [X.data as Float64Array, Out.data as Float64Array]
  const whole = Out.data instanceof Int32Array
  const one = (Out.data instanceof BigInt64Array ? 1n : 1) as number
  eachSlice(...walk('cumprod', X.shape, dim), (start, step, size) => {
    let product = one
    for (let k = 0, i = start; k < size; k++, i += step) {
      product = whole ? Math.imul(product, x[i]!) : product * x[i]!
      out[i] = product
    }
  })
}

/**
 * dx[k] = the sum over j >= k of dout[j] times the product of x[0..j] without x[k]. In front of the first zero that is out[j] / x[k]; at it the
 * products go on from the one in front; behind it a zero stays in all of them.
 */
function slopeAlong(
  x: NumberArray,
  out: NumberArray,
  dout: NumberArray,
  dx: NumberArray,
  start: number,
  step: number,
  size: number,
): void {
  let zero = 0
  while (zero < size && x[start + zero * step] !== 0) zero++
  let sum = 0
  for (let k = zero - 1; k >= 0; k--) {
    const i = start + k * step
    sum += dout[i]! * out[i]!
    dx[i] = sum / x[i]!
  }
  if (zero === size) return
  let product = zero === 0 ? 1 : out[start + (zero - 1) * step]!
  let total = 0
  for (let k = zero; k < size; k++) {
    const i = start + k * step
    if (k > zero) product *= x[i]!
    total += dout[i]! * product
    dx[i] = 0
  }
  dx[start + zero * step] = total
}

export const cumprodGrad = defineOp({
  type: 'cumprod_grad',
  doc: 'Gradient of cumprod: dX[k] = the sum over j >= k of dOut[j] times the product up to j without X[k].',
  source: 'paddle/phi/kernels/cpu/cumprod_grad_kernel.cc',
  inputs: {
    X: one('X of cumprod.', NUMBERS),
    Out: one('Out of cumprod.', NUMBERS),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: ATTRS,
  inferMeta({ X, Out, 'Out@GRAD': dOut }, { dim }) {
    requireSameDType('cumprod_grad', { X, Out, 'Out@GRAD': dOut })
    requireShape('cumprod_grad', 'Out', Out, X.shape, 'the shape of X')
    requireShape('cumprod_grad', 'Out@GRAD', dOut, X.shape, 'the shape of X')
    walk('cumprod_grad', X.shape, dim)
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Out, 'Out@GRAD': dOut }, { dim }, { 'X@GRAD': dX }) {
      if (dX === undefined) return
      eachSlice(...walk('cumprod_grad', X.shape, dim), (start, step, size) =>
        slopeAlong(X.data, Out.data, dOut.data, dX.data, start, step, size),
      )
    },
  },
})

export const cumprod = defineOp({
  type: 'cumprod',
  doc: 'The products of all elements up to each one, along `dim`.',
  source: 'paddle/phi/kernels/cpu/cumprod_kernel.cc',
  inputs: { X: one('Any shape.', NUMBERS) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X }, { dim }) {
    walk('cumprod', X.shape, dim)
    return { Out: X }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(cumprodGrad, {
      inputs: { X: inputs.X, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu: ({ X }, { dim }, { Out }) => multiplyAlong(X, dim, Out),
    int64: ({ X }, { dim }, { Out }) => multiplyAlong(X, dim, Out),
  },
})
