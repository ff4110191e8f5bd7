/** Lowerings of lerp and its gradient, computed in float64 and rounded once: 1 unit in the last place from the TypeScript kernels. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { type Shape, sameShape } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import type { Piece } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { spread, whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'
import { add, constant, mul, narrow, sub, type Wide, widen } from './wide.ts'

const lift = (shape: Shape, rank: number): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape]

/** Over the shape that the last dimensions of all meet in. */
const spreadOver = (tensor: PlannedTensor, space: Shape): Wide =>
  widen(spread(tensor, lift(tensor.shape, space.length)))

/** Out = X + Weight (Y - X) */
const lerpLowering: Lowering = (op) => {
  const [X, Y, Weight, Out] = [op.input('X'), op.input('Y'), op.input('Weight'), op.output('Out')]
  if (!op.isFloat32() || !X || !Y || !Weight || !Out) return undefined
  const [x, y, weight] = [X, Y, Weight].map((tensor) => spreadOver(tensor, Out.shape)) as [Wide, Wide, Wide]
  return [loop(Out.shape, { target: Out, value: narrow(add(x, mul(weight, sub(y, x)))) })]
}

/** The value at every index of the space, summed over the dimensions in which the target was repeated. */
export function summedInto(target: PlannedTensor, space: Shape, value: Wide): Piece | undefined {
  const shape = lift(target.shape, space.length)
  if (sameShape(shape, space)) return loop(space, { target, value: narrow(value) })
  return reductionKernel({ space, value, target, strides: fullStrides(shape), combine: 'add' })
}

/** dX = dOut (1 - Weight), dY = dOut Weight */
const lerpGrad: Lowering = (op) => {
  const [Weight, dOut] = [op.input('Weight'), op.input('Out@GRAD')]
  const [dX, dY] = [op.output('X@GRAD'), op.output('Y@GRAD')]
  if (!op.isFloat32() || !Weight || !dOut) return undefined
  const [weight, dout] = [spreadOver(Weight, dOut.shape), widen(whole(dOut))]
  const pieces = [
    ...(dX === undefined ? [] : [summedInto(dX, dOut.shape, mul(dout, sub(constant(1), weight)))]),
    ...(dY === undefined ? [] : [summedInto(dY, dOut.shape, mul(dout, weight))]),
  ]
  return pieces.includes(undefined) ? undefined : (pieces as Piece[])
}

export const lerps: Readonly<Record<string, Lowering>> = { lerp: lerpLowering, lerp_grad: lerpGrad }
