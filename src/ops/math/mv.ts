/** mv: a matrix times a vector. Source: paddle/phi/kernels/impl/mv_kernel_impl.h (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import { requireRank } from '../tensor/indices.ts'

/** @throws InvalidArgumentError E203 unless X is a matrix with as many columns as Vec has elements. */
function match(opType: string, X: Meta, Vec: Meta): Shape {
  requireRank(opType, 'X', X, 2)
  requireRank(opType, 'Vec', Vec, 1)
  const [rows, columns] = X.shape as readonly [number, number]
  const [size] = Vec.shape as readonly [number]
  if (columns === size || columns < 0 || size < 0) return [rows]
  throw new InvalidArgumentError(
    'E203',
    `${opType}: Vec must have one element per column of X, got ${formatShape(Vec.shape)} for X of shape ${formatShape(X.shape)}`,
    { where: { opType, slot: 'Vec' }, expected: [columns], got: Vec.shape },
  )
}

export const mvGrad = defineOp({
  type: 'mv_grad',
  doc: 'Gradient of mv: dX[i, j] = dOut[i] Vec[j], dVec = Xᵀ dOut.',
  source: 'paddle/phi/kernels/cpu/mv_grad_kernel.cc',
  inputs: { X: one('X of mv.', FLOATS), Vec: one('Vec of mv.', FLOATS), 'Out@GRAD': one('Gradient of Out.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Vec@GRAD': optional('Gradient of Vec.') },
  attrs: {},
  inferMeta({ X, Vec, 'Out@GRAD': dOut }) {
    requireSameDType('mv_grad', { X, Vec, 'Out@GRAD': dOut })
    requireShape('mv_grad', 'Out@GRAD', dOut, match('mv_grad', X, Vec), 'the shape of Out')
    return { 'X@GRAD': X, 'Vec@GRAD': Vec }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Vec, 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': dX, 'Vec@GRAD': dVec }) {
      const columns = Vec.data.length
      if (dX !== undefined) {
        for (let i = 0, k = 0; i < dOut.data.length; i++) {
          for (let j = 0; j < columns; j++, k++) dX.data[k] = dOut.data[i]! * Vec.data[j]!
        }
      }
      if (dVec === undefined) return
      for (let j = 0; j < columns; j++) {
        let sum = 0
        for (let i = 0; i < dOut.data.length; i++) sum += dOut.data[i]! * X.data[i * columns + j]!
        dVec.data[j] = sum
      }
    },
  },
})

export const mv = defineOp({
  type: 'mv',
  doc: 'The matrix X times the vector Vec.',
  source: 'paddle/phi/kernels/impl/mv_kernel_impl.h',
  inputs: { X: one('[M, N].', FLOATS), Vec: one('[N], element type of X.', FLOATS) },
  outputs: { Out: one('[M].') },
  attrs: {},
  inferMeta({ X, Vec }) {
    requireSameDType('mv', { X, Vec })
    return { Out: { dtype: X.dtype, shape: match('mv', X, Vec) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(mvGrad, {
      inputs: { X: inputs.X, Vec: inputs.Vec, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Vec@GRAD': inputGrads.Vec },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Vec }, _attrs, { Out }) {
      const columns = Vec.data.length
      for (let i = 0; i < Out.data.length; i++) {
        let sum = 0
        for (let j = 0; j < columns; j++) sum += X.data[i * columns + j]! * Vec.data[j]!
        Out.data[i] = sum
      }
    },
  },
})
