/** matrix_power: whole powers of square matrices. Source: paddle/phi/kernels/impl/matrix_power_kernel_impl.h (2.6.2). */
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { factorize, invertFactored } from '../../tensor/lu.ts'
import { matmul } from '../../tensor/matmul.ts'
import { factorizeInvertible, requireSquare, stackOf } from './square.ts'

const ATTRS = { n: attr.int(undefined, { doc: 'The power; a negative one is that of the inverse.' }) }

type Matrix = Float64Array

function times(a: Matrix, b: Matrix, n: number): Matrix {
  const out = new Float64Array(n * n)
  matmul(n, n, n, { data: a, offset: 0, row: n, col: 1 }, { data: b, offset: 0, row: n, col: 1 }, out)
  return out
}

/** a to the power of `exponent` > 0, by squaring. */
function raise(a: Matrix, exponent: number, n: number): Matrix {
  let result: Matrix | undefined
  let square = a
  for (let left = exponent; ; ) {
    if (left % 2 === 1) result = result === undefined ? square : times(result, square, n)
    left = Math.floor(left / 2)
    if (left === 0) return result!
    square = times(square, square, n)
  }
}

const transpose = (a: NumberArray, offset: number, n: number): Matrix =>
  Float64Array.from({ length: n * n }, (_, k) => a[offset + (k % n) * n + Math.floor(k / n)]!)

/**
 * With Y = Xᵀ the sum of Yⁱ dOut Yʲ over i + j = power - 1, of which doubling makes the sum for 2p out of that for p: S(2p) = S(p) Yᵖ + Yᵖ S(p).
 */
function slopeOf(y: Matrix, dout: Matrix, power: number, n: number): Matrix {
  let sum = dout
  let raised = y
  for (const bit of power.toString(2).slice(1)) {
    const after = times(sum, raised, n)
    const before = times(raised, sum, n)
    sum = after.map((value, k) => value + before[k]!)
    raised = times(raised, raised, n)
    if (bit === '0') continue
    // One factor more: S(p + 1) = S(p) Y + Yᵖ dOut.
    const one = times(raised, dout, n)
    sum = times(sum, y, n).map((value, k) => value + one[k]!)
    raised = times(raised, y, n)
  }
  return sum
}

export const matrixPowerGrad = defineOp({
  type: 'matrix_power_grad',
  doc: 'Gradient of matrix_power: the sum of (Xᵀ)ⁱ dOut (Xᵀ)ʲ over i + j = n - 1; for n < 0 that of the inverse V, carried on as -Vᵀ dV Vᵀ.',
  source: 'paddle/phi/kernels/impl/matrix_power_grad_kernel_impl.h',
  inputs: {
    X: one('X of matrix_power.', FLOATS),
    Out: one('Out of matrix_power.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: ATTRS,
  inferMeta({ X, Out, 'Out@GRAD': dOut }) {
    requireSquare('matrix_power_grad', 'X', X)
    requireSameDType('matrix_power_grad', { X, Out, 'Out@GRAD': dOut })
    requireShape('matrix_power_grad', 'Out', Out, X.shape, 'the shape of X')
    requireShape('matrix_power_grad', 'Out@GRAD', dOut, X.shape, 'the shape of X')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX }) {
      if (dX === undefined) return
      const { n, count } = stackOf(X.shape)
      for (let i = 0; i < count; i++) {
        const offset = i * n * n
        if (attrs.n === 0) {
          dX.data.fill(0, offset, offset + n * n)
          continue
        }
        const dout = Float64Array.from(dOut.data.subarray(offset, offset + n * n))
        if (attrs.n > 0) {
          dX.data.set(slopeOf(transpose(X.data, offset, n), dout, attrs.n, n), offset)
          continue
        }
        const inverse = invertFactored(factorize(X.data, offset, n, true))
        const slope = slopeOf(inverse, dout, -attrs.n, n)
        const both = times(times(inverse, slope, n), inverse, n)
        for (let k = 0; k < n * n; k++) dX.data[offset + k] = -both[k]!
      }
    },
  },
})

export const matrixPower = defineOp({
  type: 'matrix_power',
  doc: 'The n-th power of each matrix: the unit matrix for 0, powers of the inverse below. A matrix that has none is an InvalidArgumentError there.',
  source: 'paddle/phi/kernels/impl/matrix_power_kernel_impl.h',
  inputs: { X: one('[..., N, N] with elements.', FLOATS) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X }) {
    requireSquare('matrix_power', 'X', X, true)
    return { Out: X }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(matrixPowerGrad, {
      inputs: { X: inputs.X, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, attrs, { Out }) {
      const { n, count } = stackOf(X.shape)
      for (let i = 0; i < count; i++) {
        const offset = i * n * n
        if (attrs.n === 0) {
          for (let k = 0; k < n * n; k++) Out.data[offset + k] = k % (n + 1) === 0 ? 1 : 0
          continue
        }
        const base =
          attrs.n > 0
            ? Float64Array.from(X.data.subarray(offset, offset + n * n))
            : invertFactored(factorizeInvertible('matrix_power', X.data, offset, n))
        Out.data.set(raise(base, Math.abs(attrs.n), n), offset)
      }
    },
  },
})
