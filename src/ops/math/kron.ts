/** kron: the Kronecker product, every element of X times the whole of Y. Source: paddle/phi/kernels/impl/kron_kernel_impl.h (2.6.2). */
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { NUMBERS } from '../../tensor/dtype.ts'
import { rowMajorStrides, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'

/** Both shapes with ones in front, of one rank, and their product dimension by dimension. */
function layOut(x: Shape, y: Shape): { x: Shape; y: Shape; out: Shape } {
  const rank = Math.max(x.length, y.length)
  const lift = (shape: Shape): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape]
  const [a, b] = [lift(x), lift(y)]
  return { x: a, y: b, out: a.map((dim, d) => (dim < 0 || b[d]! < 0 ? -1 : dim * b[d]!)) }
}

/** Calls `visit(i, j)` for each element of Out in memory order: it is the product of element i of X and element j of Y. */
function eachProduct(x: Shape, y: Shape, visit: (i: number, j: number) => void): void {
  const shapes = layOut(x, y)
  const [xStrides, yStrides] = [rowMajorStrides(shapes.x), rowMajorStrides(shapes.y)]
  const walk = (d: number, i: number, j: number): void => {
    if (d === shapes.out.length) {
      visit(i, j)
      return
    }
    for (let a = 0; a < shapes.x[d]!; a++) {
      for (let b = 0; b < shapes.y[d]!; b++) walk(d + 1, i + a * xStrides[d]!, j + b * yStrides[d]!)
    }
  }
  walk(0, 0, 0)
}

function multiplyAll({ X, Y }: { X: RawTensor; Y: RawTensor }, _attrs: unknown, { Out }: { Out: RawTensor }): void {
  // All three are arrays of bigint, or none is.
  const [x, y, out] = [X.data as Float64Array, Y.data as Float64Array, Out.data as Float64Array]
  let o = 0
  if (Out.data instanceof Int32Array) {
    eachProduct(X.shape, Y.shape, (i, j) => {
      out[o++] = Math.imul(x[i]!, y[j]!)
    })
  } else {
    eachProduct(X.shape, Y.shape, (i, j) => {
      out[o++] = x[i]! * y[j]!
    })
  }
}

export const kronGrad = defineOp({
  type: 'kron_grad',
  doc: 'Gradient of kron: dX is the sum of dOut times Y over the block of each element of X, and dY likewise.',
  source: 'paddle/phi/kernels/impl/kron_grad_kernel_impl.h',
  inputs: { X: one('X of kron.'), Y: one('Y of kron.'), 'Out@GRAD': one('Gradient of Out.', NUMBERS) },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Y@GRAD': optional('Gradient of Y.') },
  attrs: {},
  inferMeta({ X, Y, 'Out@GRAD': dOut }) {
    requireSameDType('kron_grad', { X, Y, 'Out@GRAD': dOut })
    requireShape('kron_grad', 'Out@GRAD', dOut, layOut(X.shape, Y.shape).out, 'the shape of Out')
    return { 'X@GRAD': X, 'Y@GRAD': Y }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const dx = new Float64Array(X.data.length)
      const dy = new Float64Array(Y.data.length)
      let o = 0
      eachProduct(X.shape, Y.shape, (i, j) => {
        const value = dOut.data[o++]!
        dx[i] = dx[i]! + value * Y.data[j]!
        dy[j] = dy[j]! + value * X.data[i]!
      })
      dX?.data.set(dx)
      dY?.data.set(dy)
    },
  },
})

export const kron = defineOp({
  type: 'kron',
  doc: 'The Kronecker product: every element of X times the whole of Y, blocks laid out as the elements of X are.',
  source: 'paddle/phi/kernels/impl/kron_kernel_impl.h',
  inputs: { X: one('Any shape.', NUMBERS), Y: one('Any shape, element type of X.', NUMBERS) },
  outputs: { Out: one('The shapes of X and Y, ones in front of the shorter one, multiplied dimension by dimension.') },
  attrs: {},
  inferMeta({ X, Y }) {
    requireSameDType('kron', { X, Y })
    return { Out: { dtype: X.dtype, shape: layOut(X.shape, Y.shape).out } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(kronGrad, {
      inputs: { X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: multiplyAll, int64: multiplyAll },
})
