/**
 * Lowerings of the Kronecker product and its gradient: Out, seen with the dimensions of X and Y in turn, is the product of an element of each. The
 * product is rounded once, as in the TypeScript kernel; sums of the gradient are float64, 1 unit in the last place from its.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { Shape } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import { mul as multiply, read } from './expression.ts'
import type { Piece } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'
import { mul, widen } from './wide.ts'

/** The space, and the strides of X and of Y in it. */
function interleave(
  x: Shape,
  y: Shape,
): { readonly space: Shape; readonly xStrides: number[]; readonly yStrides: number[] } {
  const rank = Math.max(x.length, y.length)
  const lift = (shape: Shape): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape]
  const [left, right] = [lift(x), lift(y)]
  return {
    space: left.flatMap((size, d) => [size, right[d]!]),
    xStrides: fullStrides(left).flatMap((step) => [step, 0]),
    yStrides: fullStrides(right).flatMap((step) => [0, step]),
  }
}

const kron: Lowering = (op) => {
  const [X, Y, Out] = [op.input('X'), op.input('Y'), op.output('Out')]
  if (!op.isFloat32() || !X || !Y || !Out) return undefined
  const { space, xStrides, yStrides } = interleave(X.shape, Y.shape)
  const value = multiply(read({ tensor: X, strides: xStrides }), read({ tensor: Y, strides: yStrides }))
  return [loop(space, { target: Out, value })]
}

const kronGrad: Lowering = (op) => {
  const [X, Y, dOut] = [op.input('X'), op.input('Y'), op.input('Out@GRAD')]
  if (!op.isFloat32() || !X || !Y || !dOut) return undefined
  const { space, xStrides, yStrides } = interleave(X.shape, Y.shape)
  const dout = widen(whole(dOut, space))
  const slope = (target: PlannedTensor | undefined, strides: number[], tensor: PlannedTensor, others: number[]) => {
    if (target === undefined) return []
    const value = mul(dout, widen(read({ tensor, strides: others })))
    return [reductionKernel({ space, value, target, strides, combine: 'add' })]
  }
  const pieces = [
    ...slope(op.output('X@GRAD'), xStrides, Y, yStrides),
    ...slope(op.output('Y@GRAD'), yStrides, X, xStrides),
  ]
  return pieces.includes(undefined) ? undefined : (pieces as Piece[])
}

export const kronecker: Readonly<Record<string, Lowering>> = { kron, kron_grad: kronGrad }
