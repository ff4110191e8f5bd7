/**
 * Lowerings of operators with a number for each channel: affine_channel and prelu, and their gradients, whose sums over the rest are float32.
 * affine_channel rounds after its product and after its sum; prelu is exact.
 */
import { channelAxis, channelView } from '../../ops/nn/channels.ts'
import { numel, product, type Shape } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import type { Piece } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, spread, whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'

/** X as [outer, channels, inner], and the shape in which a vector of numbers for each channel is read over it. */
function channelsOf(op: OpReader, shape: Shape): { readonly space: Shape; readonly vector: Shape } {
  const { outer, channels, inner } = channelView(shape, channelAxis(shape, op.attr<string>('data_layout')))
  return { space: [outer, channels, inner], vector: [1, channels, 1] }
}

const affineChannel: Lowering = (op) => {
  const [X, Scale, Bias, Out] = [op.input('X'), op.input('Scale'), op.input('Bias'), op.output('Out')]
  if (!op.isFloat32() || !X || !Scale || !Bias || !Out) return undefined
  const { space, vector } = channelsOf(op, X.shape)
  return [
    loop(space, { target: Out, value: e.add(e.mul(whole(X, space), spread(Scale, vector)), spread(Bias, vector)) }),
  ]
}

const affineChannelGrad: Lowering = (op) => {
  const [X, Scale, dOut] = [op.input('X'), op.input('Scale'), op.input('Out@GRAD')]
  if (!op.isFloat32() || !X || !Scale || !dOut) return undefined
  const { space, vector } = channelsOf(op, X.shape)
  const [x, dout] = [whole(X, space), whole(dOut, space)]
  const pieces: (Piece | undefined)[] = []
  for (const [target, value] of [
    [op.output('Scale@GRAD'), e.mul(dout, x)],
    [op.output('Bias@GRAD'), dout],
  ] as const) {
    if (target === undefined) continue
    pieces.push(reductionKernel({ space, value, target, strides: fullStrides(vector), combine: 'add' }))
  }
  const dX = op.output('X@GRAD')
  if (dX !== undefined) pieces.push(loop(space, { target: dX, value: e.mul(spread(Scale, vector), dout) }))
  return pieces.includes(undefined) ? undefined : (pieces as Piece[])
}

/** X seen so that each slope is read over it by strides alone; undefined where Alpha has slopes that are not used. */
function slopesOf(op: OpReader): { readonly space: Shape; readonly slopes: Shape } | undefined {
  const { shape } = op.input('X')!
  const mode = op.attr<string>('mode')
  const channelsFirst = op.attr<string>('data_format') === 'NCHW'
  const batch = mode === 'all' ? 1 : (shape[0] ?? 1)
  const [space, slopes] =
    mode === 'all'
      ? [[numel(shape)], [1]]
      : mode === 'element'
        ? [
            [batch, product(shape, 1)],
            [1, product(shape, 1)],
          ]
        : channelsFirst
          ? [
              [batch, shape[1]!, product(shape, 2)],
              [1, shape[1]!, 1],
            ]
          : [
              [numel(shape) / shape.at(-1)!, shape.at(-1)!],
              [1, shape.at(-1)!],
            ]
  return numel(slopes) === numel(op.input('Alpha')!.shape) ? { space, slopes } : undefined
}

const above = (x: Formula): Formula => e.gt(x, e.constant(0))

const prelu: Lowering = (op) => {
  const [X, Alpha, Out] = [op.input('X'), op.input('Alpha'), op.output('Out')]
  if (!op.isFloat32() || !X || !Alpha || !Out) return undefined
  const seen = slopesOf(op)
  if (seen === undefined) return undefined
  const x = whole(X, seen.space)
  return [loop(seen.space, { target: Out, value: e.select(above(x), x, e.mul(spread(Alpha, seen.slopes), x)) })]
}

const preluGrad: Lowering = (op) => {
  const [X, Alpha, dOut] = [op.input('X'), op.input('Alpha'), op.input('Out@GRAD')]
  if (!op.isFloat32() || !X || !Alpha || !dOut) return undefined
  const seen = slopesOf(op)
  if (seen === undefined) return undefined
  const { space, slopes } = seen
  const [dX, dAlpha] = [op.output('X@GRAD'), op.output('Alpha@GRAD')]
  const [x, dout] = [whole(X, space), whole(dOut, space)]
  const pieces: Piece[] = []
  if (dAlpha !== undefined) {
    const value = e.andnot(e.mul(x, dout), above(x))
    const kernel = reductionKernel({ space, value, target: dAlpha, strides: fullStrides(slopes), combine: 'add' })
    if (kernel === undefined) return undefined
    pieces.push(kernel)
  }
  if (dX !== undefined) {
    const value = e.select(above(x), dout, e.mul(spread(Alpha, slopes), dout))
    pieces.push(loop(space, { target: dX, value }))
  }
  return pieces
}

export const perChannel: Readonly<Record<string, Lowering>> = {
  affine_channel: affineChannel,
  affine_channel_grad: affineChannelGrad,
  prelu,
  prelu_grad: preluGrad,
}
