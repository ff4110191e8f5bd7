/** Repetition: expand_v2, expand_as_v2 and tile. Each is a broadcast, so that the gradient adds up what was repeated. */
import { InvalidArgumentError, makeError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import type { KernelTensor } from '../../framework/op_def.ts'
import {
  defineOp,
  describeOp,
  type InferContext,
  type Meta,
  many,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { expand, reduceTo } from '../../tensor/broadcast.ts'
import { ALL, INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, hasUnknown, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { requireEigenRank } from './indices.ts'
import { shapeInput, shapeListInput } from './shape_inputs.ts'

/** With ones in front, so that it has `rank` dimensions. */
const lifted = (shape: Shape, rank: number): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape]

/** Fills Out with X repeated; both shapes of one rank. */
function repeat(X: RawTensor, small: Shape, large: Shape, Out: RawTensor): void {
  const data = expand(X.data as Float32Array, small, large)
  ;(Out.data as Float32Array).set(data)
}

const expandBack = (
  inputs: { 'Out@GRAD': KernelTensor },
  _attrs: unknown,
  outputs: { 'X@GRAD'?: KernelTensor | undefined },
): void => {
  const grad = outputs['X@GRAD']
  const outGrad = inputs['Out@GRAD']
  if (grad !== undefined) reduceTo(outGrad.data, outGrad.shape, lifted(grad.shape, outGrad.shape.length), grad.data)
}

const expandOut = ({ X }: { X: RawTensor }, _attrs: unknown, { Out }: { Out: RawTensor }): void =>
  repeat(X, lifted(X.shape, Out.shape.length), Out.shape, Out)

/**
 * X expanded to `target`, of which -1 keeps a dimension of X.
 * @throws InvalidArgumentError E203 for a rank below that of X, a dimension of 0, or one that X has otherwise and not as 1.
 */
function expandedShape(opType: string, x: Shape, target: Shape, known: boolean): Shape {
  requireEigenRank(opType, 'the target shape', target.length)
  const fault = (what: string): InvalidArgumentError =>
    new InvalidArgumentError(
      'E203',
      `${opType}: ${what}: X of shape ${formatShape(x)} cannot become ${formatShape(target)}`,
      { expected: x, got: target },
    )
  if (target.length < x.length) throw fault('the target has fewer dimensions than X')
  if (!known) return target
  const from = lifted(x, target.length)
  return target.map((dim, d) => {
    const isNew = d < target.length - x.length
    if (dim === -1 && isNew) throw fault('-1 stands for a dimension that X does not have')
    if (dim === 0 || dim < -1) throw fault('a dimension must be above 0, or -1')
    if (dim === -1) return from[d]!
    if (from[d]! >= 0 && from[d] !== 1 && from[d] !== dim) throw fault('only dimensions of 1 are repeated')
    return dim
  })
}

/** @throws InvalidArgumentError E203 unless every known dimension of X, lifted to the rank of Out@GRAD, fits its own. */
function requireRepeats(
  opType: string,
  X: Meta,
  outGrad: Meta,
  fits: (dim: number, repeated: number) => boolean,
): void {
  const { shape } = outGrad
  const fitting =
    X.shape.length <= shape.length &&
    lifted(X.shape, shape.length).every((dim, d) => dim < 0 || shape[d]! < 0 || fits(dim, shape[d]!))
  if (fitting) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: Out@GRAD of shape ${formatShape(shape)} is no repetition of X of shape ${formatShape(X.shape)}`,
    { where: { slot: 'Out@GRAD' }, expected: X.shape, got: shape },
  )
}

const expandAttrs = { shape: attr.ints([], { doc: 'The shape of Out; -1 keeps a dimension of X.' }) }
const shapeSlots = {
  Shape: optional('1-D: the shape, in place of the attribute.', INDEXES),
  expand_shapes_tensor: many('One element each: the shape, in place of the attribute. May be empty.', INDEXES),
}

export const expandV2Grad = defineOp({
  type: 'expand_v2_grad',
  doc: 'Gradient of expand_v2: Out@GRAD added up over what was repeated.',
  source: 'paddle/phi/kernels/impl/expand_grad_kernel_impl.h',
  inputs: {
    X: one('X of expand_v2; only its shape is read.'),
    ...shapeSlots,
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: expandAttrs,
  inferMeta({ X, 'Out@GRAD': outGrad }) {
    requireRepeats('expand_v2_grad', X, outGrad, (dim, repeated) => dim === 1 || dim === repeated)
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: expandBack },
})

/** The shape that the inputs or the attribute ask for, and whether it is known yet. */
function target(
  inputs: { Shape?: Meta | undefined; expand_shapes_tensor: readonly Meta[] },
  shape: Shape,
  ctx: InferContext,
): [shape: Shape, known: boolean] {
  if (inputs.Shape !== undefined) return [shapeInput(ctx, 'Shape', inputs.Shape), ctx.constant('Shape') !== undefined]
  const list = inputs.expand_shapes_tensor
  if (list.length === 0) return [shape, true]
  const known = list.every((_, i) => ctx.constant('expand_shapes_tensor', i) !== undefined)
  return [shapeListInput(ctx, 'expand_shapes_tensor', list), known]
}

export const expandV2 = defineOp({
  type: 'expand_v2',
  doc: 'X with its dimensions of 1 repeated, and new ones put in front, so that it has the shape `shape`.',
  source: 'paddle/phi/kernels/impl/expand_kernel_impl.h',
  inputs: { X: one('Up to six dimensions.', ALL), ...shapeSlots },
  outputs: { Out: one('The given shape, element type of X.') },
  attrs: expandAttrs,
  inferMeta({ X, Shape, expand_shapes_tensor }, { shape }, ctx) {
    requireEigenRank('expand_v2', 'X', X.shape.length)
    const [given, known] = target({ Shape, expand_shapes_tensor }, shape, ctx)
    return { Out: { dtype: X.dtype, shape: expandedShape('expand_v2', X.shape, given, known) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(expandV2Grad, {
      inputs: {
        X: inputs.X,
        Shape: inputs.Shape,
        expand_shapes_tensor: inputs.expand_shapes_tensor,
        'Out@GRAD': outputGrads.Out,
      },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: expandOut, int64: expandOut, half: expandOut },
})

const expandAsAttrs = { target_shape: attr.ints([], { doc: 'The shape of Out; with a -1 in it the shape of Y.' }) }

export const expandAsV2Grad = defineOp({
  type: 'expand_as_v2_grad',
  doc: 'Gradient of expand_as_v2: Out@GRAD added up over what was repeated.',
  source: 'paddle/phi/kernels/impl/expand_as_grad_kernel_impl.h',
  inputs: { X: one('X of expand_as_v2; only its shape is read.'), 'Out@GRAD': one('Gradient of Out.', NUMBERS) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: expandAsAttrs,
  inferMeta({ X, 'Out@GRAD': outGrad }) {
    requireRepeats('expand_as_v2_grad', X, outGrad, (dim, repeated) => dim === 1 || dim === repeated)
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: expandBack },
})

export const expandAsV2 = defineOp({
  type: 'expand_as_v2',
  doc: 'X with its dimensions of 1 repeated, and new ones put in front, so that it has the shape `target_shape`.',
  source: 'paddle/phi/kernels/impl/expand_as_kernel_impl.h',
  inputs: {
    X: one('Up to six dimensions.', [...NUMBERS, 'bool']),
    Y: optional('Gives the shape where the attribute has a -1.'),
  },
  outputs: { Out: one('The given shape, element type of X.') },
  attrs: expandAsAttrs,
  inferMeta({ X, Y }, { target_shape }, ctx) {
    requireEigenRank('expand_as_v2', 'X', X.shape.length)
    const open = target_shape.includes(-1)
    if (open && Y === undefined && ctx.atRun) {
      throw makeError('PreconditionNotMet', 'E201', 'expand_as_v2: a target_shape with a -1 in it needs Y', {
        got: target_shape,
      })
    }
    const given = open && Y !== undefined ? Y.shape : target_shape
    // While Y has unknown dimensions so has Out.
    const known = !open || (Y !== undefined && !hasUnknown(Y.shape))
    return { Out: { dtype: X.dtype, shape: expandedShape('expand_as_v2', X.shape, given, known) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(expandAsV2Grad, {
      inputs: { X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: expandOut, int64: expandOut, half: expandOut },
})

/**
 * Tiling as a broadcast: a dimension of n repeated r times is [1, n] expanded to [r, n].
 * @returns the shapes to expand from and to; the latter has the elements of Out in order.
 */
function tiles(x: Shape, out: Shape): [small: Shape, large: Shape] {
  const small: number[] = []
  const large: number[] = []
  lifted(x, out.length).forEach((dim, d) => {
    small.push(1, dim)
    large.push(dim === 0 ? 1 : out[d]! / dim, dim)
  })
  return [small, large]
}

export const tileOut = ({ X }: { X: RawTensor }, _attrs: unknown, { Out }: { Out: RawTensor }): void =>
  repeat(X, ...tiles(X.shape, Out.shape), Out)

export const tileBack = (
  inputs: { 'Out@GRAD': KernelTensor },
  _attrs: unknown,
  outputs: { 'X@GRAD'?: KernelTensor | undefined },
): void => {
  const grad = outputs['X@GRAD']
  if (grad === undefined) return
  const [small, large] = tiles(grad.shape, inputs['Out@GRAD'].shape)
  reduceTo(inputs['Out@GRAD'].data, large, small, grad.data)
}

const tileAttrs = { repeat_times: attr.ints([], { doc: 'How often each dimension is repeated, for the last ones.' }) }
const timesSlots = {
  RepeatTimes: optional('1-D: the counts, in place of the attribute.', INDEXES),
  repeat_times_tensor: many('One element each: the counts, in place of the attribute. May be empty.', INDEXES),
}

export const tileGrad = defineOp({
  type: 'tile_grad',
  doc: 'Gradient of tile: Out@GRAD added up over the repetitions.',
  source: 'paddle/phi/kernels/impl/tile_grad_kernel_impl.h',
  inputs: {
    X: one('X of tile; only its shape is read.'),
    ...timesSlots,
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: tileAttrs,
  inferMeta({ X, 'Out@GRAD': outGrad }) {
    requireRepeats('tile_grad', X, outGrad, (dim, repeated) => (dim === 0 ? repeated === 0 : repeated % dim === 0))
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: tileBack },
})

/** The shape of X repeated `times`; the shorter of the two gets ones in front. @throws InvalidArgumentError E201. */
function tiledShape(x: Shape, times: readonly number[], known: boolean): Shape {
  requireEigenRank('tile', 'repeat_times', times.length)
  if (known && times.some((count) => count < 1)) {
    throw new InvalidArgumentError('E201', `tile: repeat_times must be 1 or more, got [${times.join(', ')}]`, {
      expected: '1 or more',
      got: times,
    })
  }
  const rank = Math.max(x.length, times.length)
  const counts = lifted(times, rank)
  return lifted(x, rank).map((dim, d) => (dim < 0 || !known ? -1 : dim * counts[d]!))
}

export const tile = defineOp({
  type: 'tile',
  doc: 'X repeated along each dimension as often as `repeat_times` says.',
  source: 'paddle/phi/kernels/impl/tile_kernel_impl.h',
  inputs: { X: one('Up to six dimensions.', [...NUMBERS, 'bool']), ...timesSlots },
  outputs: { Out: one('Element type of X.') },
  attrs: tileAttrs,
  inferMeta({ X, RepeatTimes, repeat_times_tensor }, { repeat_times }, ctx) {
    requireEigenRank('tile', 'X', X.shape.length)
    const shape =
      RepeatTimes !== undefined
        ? tiledShape(X.shape, shapeInput(ctx, 'RepeatTimes', RepeatTimes), ctx.constant('RepeatTimes') !== undefined)
        : repeat_times_tensor.length > 0
          ? tiledShape(
              X.shape,
              shapeListInput(ctx, 'repeat_times_tensor', repeat_times_tensor),
              repeat_times_tensor.every((_, i) => ctx.constant('repeat_times_tensor', i) !== undefined),
            )
          : tiledShape(X.shape, repeat_times, true)
    return { Out: { dtype: X.dtype, shape } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(tileGrad, {
      inputs: {
        X: inputs.X,
        RepeatTimes: inputs.RepeatTimes,
        repeat_times_tensor: inputs.repeat_times_tensor,
        'Out@GRAD': outputGrads.Out,
      },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: tileOut, int64: tileOut, half: tileOut },
})
