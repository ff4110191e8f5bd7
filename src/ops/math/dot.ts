/** The inner product of vectors, or of the rows of matrices, and its gradient. */
import { PreconditionNotMetError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { NUMBERS } from '../../tensor/dtype.ts'
import { compatibleShapes, formatShape, type Shape } from '../../tensor/shape.ts'

/** Paddle's category here is PreconditionNotMet. */
function dotShape(opType: string, X: Meta, Y: Meta): Shape {
  if ((X.shape.length === 1 || X.shape.length === 2) && compatibleShapes(X.shape, Y.shape)) return X.shape.slice(0, -1)
  throw new PreconditionNotMetError(
    'E203',
    `${opType}: X and Y must be two vectors or two matrices of one shape, got ${formatShape(X.shape)} and ${formatShape(Y.shape)}`,
    { where: { opType }, expected: 'one shape, of 1 or 2 dimensions', got: { X: X.shape, Y: Y.shape } },
  )
}

/** Out = sum(X * Y) over the last dimension. */
export const dot = defineOp({
  type: 'dot',
  doc: 'The inner product of two vectors, or of each row of X with that of Y.',
  source: 'paddle/phi/kernels/cpu/dot_kernel.cc',
  differs: 'Matrices without elements give zeros.',
  inputs: { X: one('[K] or [B, K].', NUMBERS), Y: one('Shape and element type of X.', NUMBERS) },
  outputs: { Out: one('0-D, or [B].') },
  attrs: {},
  inferMeta({ X, Y }) {
    requireSameDType('dot', { X, Y })
    return { Out: { dtype: X.dtype, shape: dotShape('dot', X, Y) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(dotGrad, {
      inputs: { X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Y }, _attrs, { Out }) {
      const x = X.data
      const y = Y.data
      const size = X.shape.at(-1)!
      for (let row = 0, i = 0; row < Out.data.length; row++) {
        let sum = 0
        if (x instanceof Int32Array) {
          // A product of two int32 has more digits than float64 holds.
          for (const end = i + size; i < end; i++) sum = (sum + Math.imul(x[i]!, y[i]!)) | 0
        } else for (const end = i + size; i < end; i++) sum += x[i]! * y[i]!
        Out.data[row] = sum
      }
    },
    int64({ X, Y }, _attrs, { Out }) {
      const x = X.data as BigInt64Array
      const y = Y.data as BigInt64Array
      const size = X.shape.at(-1)!
      for (let row = 0, i = 0; row < Out.data.length; row++) {
        let sum = 0n
        for (const end = i + size; i < end; i++) sum += x[i]! * y[i]!
        Out.data[row] = sum
      }
    },
  },
})

export const dotGrad = defineOp({
  type: 'dot_grad',
  doc: 'Gradient of dot: dX = dOut * Y, dY = dOut * X, with dOut repeated along the rows.',
  source: 'paddle/phi/kernels/impl/dot_grad_kernel_impl.h',
  inputs: { X: one('X of dot.', NUMBERS), Y: one('Y of dot.', NUMBERS), 'Out@GRAD': one('Gradient of Out.', NUMBERS) },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Y@GRAD': optional('Gradient of Y.') },
  attrs: {},
  inferMeta({ X, Y, 'Out@GRAD': dOut }) {
    requireSameDType('dot_grad', { X, Y, 'Out@GRAD': dOut })
    requireShape('dot_grad', 'Out@GRAD', dOut, dotShape('dot_grad', X, Y), 'the shape of Out')
    return { 'X@GRAD': X, 'Y@GRAD': Y }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const size = X.shape.at(-1)!
      const dout = dOut.data
      for (let row = 0, i = 0; row < dout.length; row++) {
        for (const end = i + size; i < end; i++) {
          if (dX !== undefined) dX.data[i] = dout[row]! * Y.data[i]!
          if (dY !== undefined) dY.data[i] = dout[row]! * X.data[i]!
        }
      }
    },
  },
})
