/** cross: the vector product of vectors of three elements. Source: paddle/phi/kernels/cpu/cross_kernel.cc (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { NUMBERS } from '../../tensor/dtype.ts'
import { eachSlice, formatShape, resolveAxis, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'

/** Paddle's way to say: the first dimension of 3. */
const FIRST_OF_THREE = 9

const ATTRS = { dim: attr.int(FIRST_OF_THREE, { doc: 'The dimension of the vectors; 9: the first one that is 3.' }) }

/** An unknown dimension may be 3. @throws InvalidArgumentError E203 if no dimension is 3, E202 for a dimension past the rank. */
function vectorAxis(opType: string, shape: Shape, dim: number): number {
  const axis =
    dim === FIRST_OF_THREE ? shape.findIndex((size) => size === 3 || size < 0) : resolveAxis(opType, dim, shape, 'dim')
  if (axis >= 0 && (shape[axis] === 3 || shape[axis]! < 0)) return axis
  throw new InvalidArgumentError(
    'E203',
    `${opType}: vectors must have 3 elements along dim ${dim}, got X of shape ${formatShape(shape)}`,
    { where: { opType, slot: 'X' }, expected: 3, got: shape },
  )
}

/** out = a x b. */
function product(axis: number, a: RawTensor, b: RawTensor, out: RawTensor): void {
  // All three are arrays of bigint, or none is.
  const [x, y, z] = [a.data as Float64Array, b.data as Float64Array, out.data as Float64Array]
  eachSlice(a.shape, axis, (i, step) => {
    const [j, k] = [i + step, i + 2 * step]
    z[i] = x[j]! * y[k]! - x[k]! * y[j]!
    z[j] = x[k]! * y[i]! - x[i]! * y[k]!
    z[k] = x[i]! * y[j]! - x[j]! * y[i]!
  })
}

export const crossGrad = defineOp({
  type: 'cross_grad',
  doc: 'Gradient of cross: dX = Y x dOut, dY = dOut x X.',
  source: 'paddle/phi/kernels/cpu/cross_grad_kernel.cc',
  inputs: { X: one('X of cross.'), Y: one('Y of cross.'), 'Out@GRAD': one('Gradient of Out.', NUMBERS) },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Y@GRAD': optional('Gradient of Y.') },
  attrs: ATTRS,
  inferMeta({ X, Y, 'Out@GRAD': dOut }, { dim }) {
    requireSameDType('cross_grad', { X, Y, 'Out@GRAD': dOut })
    requireShape('cross_grad', 'Y', Y, X.shape, 'the shape of X')
    requireShape('cross_grad', 'Out@GRAD', dOut, X.shape, 'the shape of X')
    vectorAxis('cross_grad', X.shape, dim)
    return { 'X@GRAD': X, 'Y@GRAD': Y }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, 'Out@GRAD': dOut }, { dim }, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const axis = vectorAxis('cross_grad', X.shape, dim)
      if (dX !== undefined) product(axis, Y, dOut, dX)
      if (dY !== undefined) product(axis, dOut, X, dY)
    },
  },
})

export const cross = defineOp({
  type: 'cross',
  doc: 'The vector product X x Y of the vectors of three elements along `dim`.',
  source: 'paddle/phi/kernels/cpu/cross_kernel.cc',
  inputs: { X: one('A dimension of 3.', NUMBERS), Y: one('Shape and element type of X.', NUMBERS) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X, Y }, { dim }) {
    requireSameDType('cross', { X, Y })
    requireShape('cross', 'Y', Y, X.shape, 'the shape of X')
    vectorAxis('cross', X.shape, dim)
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(crossGrad, {
      inputs: { X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu: ({ X, Y }, { dim }, { Out }) => product(vectorAxis('cross', X.shape, dim), X, Y, Out),
    int64: ({ X, Y }, { dim }, { Out }) => product(vectorAxis('cross', X.shape, dim), X, Y, Out),
  },
})
