/** pad and pad3d: elements put around a tensor, and their gradients. Every dimension has a map from places of Out to places of X. */
import { InvalidArgumentError, UnimplementedError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type FilledAttrs,
  type InferContext,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { type DType, FLOATS, INDEXES, type NumberArray } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'
import { shapeInput } from '../tensor/shape_inputs.ts'
import { requireRank } from './channels.ts'

/** For each place of Out along one dimension the place of X, or -1 where the pad value goes. */
type PlaceMap = Int32Array

const PADDED: readonly DType[] = [...FLOATS, ...INDEXES]

/** Maps of a dimension of `size` elements for `before` and `after` more; negative numbers cut elements off. */
function placeMap(size: number, before: number, after: number, mode: string): PlaceMap {
  const map = new Int32Array(Math.max(size + before + after, 0))
  for (let o = 0; o < map.length; o++) {
    const place = o - before
    if (place >= 0 && place < size) map[o] = place
    else if (mode === 'reflect') map[o] = place < 0 ? -place : 2 * (size - 1) - place
    else if (mode === 'replicate') map[o] = place < 0 ? 0 : size - 1
    else if (mode === 'circular') map[o] = ((place % size) + size) % size
    else map[o] = -1
  }
  return map
}

/** Fills `out` by the maps, one per dimension of x. */
function gather(x: NumberArray, shape: Shape, maps: readonly PlaceMap[], out: NumberArray, value: number): void {
  let to = 0
  const walk = (d: number, from: number): void => {
    if (d === maps.length) {
      out[to++] = from < 0 ? value : x[from]!
      return
    }
    const map = maps[d]!
    const size = shape[d]!
    if (d < maps.length - 1) {
      for (let o = 0; o < map.length; o++) walk(d + 1, from < 0 || map[o]! < 0 ? -1 : from * size + map[o]!)
    } else if (from < 0) {
      out.fill(value, to, to + map.length)
      to += map.length
    } else {
      const row = from * size
      for (let o = 0; o < map.length; o++) out[to++] = map[o]! < 0 ? value : x[row + map[o]!]!
    }
  }
  walk(0, 0)
}

/**
 * Adds every element of dout to the element of X that it was copied from, in the order of dout and rounded each time: so does Paddle, and its
 * cases ask for equal bits.
 */
function scatter(dout: NumberArray, shape: Shape, maps: readonly PlaceMap[], dx: NumberArray): void {
  dx.fill(0)
  let at = 0
  const walk = (d: number, to: number): void => {
    if (d === maps.length) {
      dx[to] = dx[to]! + dout[at++]!
      return
    }
    const map = maps[d]!
    const size = shape[d]!
    const inner = maps.slice(d + 1).reduce((count, { length }) => count * length, 1)
    for (let o = 0; o < map.length; o++) {
      if (map[o]! < 0) at += inner
      else if (d < maps.length - 1) walk(d + 1, to * size + map[o]!)
      else {
        const i = to * size + map[o]!
        dx[i] = dx[i]! + dout[at++]!
      }
    }
  }
  walk(0, 0)
}

/** The pad value as a whole number, which int64 tensors hold as bigint. */
function gatherInt64(X: RawTensor, maps: readonly PlaceMap[], Out: RawTensor, value: number): void {
  // The walk only copies, so it serves bigints as well.
  const whole = BigInt(Math.trunc(value)) as unknown as number
  gather(X.data as NumberArray, X.shape, maps, Out.data as NumberArray, whole)
}

const PAD_ATTRS = {
  paddings: attr.ints(undefined, {
    doc: 'For each dimension of X the elements before and after.',
    check: (paddings) => (paddings.every((count) => count >= 0) ? null : 'counts of 0 or more'),
  }),
  pad_value: attr.float(0, { doc: 'The elements put in.' }),
}

/** @throws InvalidArgumentError E201 unless there are two numbers per dimension. */
function checkPaddings(opType: string, slot: string, shape: Shape, paddings: readonly number[]): void {
  if (paddings.length === 2 * shape.length) return
  throw new InvalidArgumentError(
    'E201',
    `${opType}: attr paddings must hold two numbers per dimension of ${slot} of shape ${formatShape(shape)}, got ${paddings.length}`,
    { expected: 2 * shape.length, got: paddings },
  )
}

const padMaps = (shape: Shape, paddings: readonly number[]): PlaceMap[] =>
  shape.map((size, d) => placeMap(size, paddings[2 * d]!, paddings[2 * d + 1]!, 'constant'))

export const padGrad = defineOp({
  type: 'pad_grad',
  doc: 'Gradient of pad: the part of Out@GRAD that X lies in.',
  source: 'paddle/phi/kernels/impl/pad_grad_kernel_impl.h',
  inputs: { 'Out@GRAD': one('Gradient of Out.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: PAD_ATTRS,
  inferMeta(inputs, { paddings }) {
    const { dtype, shape } = inputs['Out@GRAD']
    checkPaddings('pad_grad', 'Out@GRAD', shape, paddings)
    const size = (dim: number, d: number): number => (dim < 0 ? -1 : dim - paddings[2 * d]! - paddings[2 * d + 1]!)
    const sizes = shape.map(size)
    if (sizes.some((dim, d) => dim < 0 && shape[d]! >= 0)) {
      throw new InvalidArgumentError(
        'E203',
        `pad_grad: Out@GRAD of shape ${formatShape(shape)} has less than paddings [${paddings.join(', ')}] put in`,
        { expected: paddings, got: shape },
      )
    }
    return { 'X@GRAD': { dtype, shape: sizes } }
  },
  grad: 'unregistered',
  kernels: {
    cpu(inputs, { paddings }, outputs) {
      const dX = outputs['X@GRAD']
      if (dX !== undefined) scatter(inputs['Out@GRAD'].data, dX.shape, padMaps(dX.shape, paddings), dX.data)
    },
  },
})

export const pad = defineOp({
  type: 'pad',
  doc: 'Puts elements of one value around X in any of its dimensions.',
  source: 'paddle/phi/kernels/impl/pad_kernel_impl.h',
  inputs: { X: one('Rank up to 6.', PADDED) },
  outputs: { Out: one('X with more elements in each dimension.') },
  attrs: PAD_ATTRS,
  inferMeta({ X }, { paddings }) {
    const { dtype, shape } = X
    checkPaddings('pad', 'X', shape, paddings)
    if (shape.length > 6) {
      throw new UnimplementedError(
        'E403',
        `pad has no kernel for rank ${shape.length}, X of shape ${formatShape(shape)}`,
        {
          expected: 'rank up to 6',
          got: shape.length,
        },
      )
    }
    const padded = shape.map((dim, d) => (dim < 0 ? -1 : dim + paddings[2 * d]! + paddings[2 * d + 1]!))
    return { Out: { dtype, shape: padded } }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(padGrad, {
      inputs: { 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu: ({ X }, { paddings, pad_value }, { Out }) =>
      gather(X.data, X.shape, padMaps(X.shape, paddings), Out.data, pad_value),
    int64: ({ X }, { paddings, pad_value }, { Out }) => gatherInt64(X, padMaps(X.shape, paddings), Out, pad_value),
  },
})

const PAD3D_ATTRS = {
  paddings: attr.ints(undefined, {
    doc: '[left, right, top, bottom, front, back]; negative numbers cut elements off.',
  }),
  mode: attr.string('constant', {
    doc: 'What is put in: `value`, the mirrored elements, the border elements, or those of the other end.',
    check: oneOf('constant', 'reflect', 'replicate', 'circular'),
  }),
  value: attr.float(0, { doc: 'The elements put in by mode constant.' }),
  data_format: attr.string('NCDHW', { doc: 'Layout.', check: oneOf('NCDHW', 'NDHWC') }),
}
type Pad3dAttrs = FilledAttrs<typeof PAD3D_ATTRS>
const PAD3D_INPUTS = {
  X: one('[N, C, depth, height, width], or [N, depth, height, width, C] with data_format NDHWC.', PADDED),
  Paddings: optional('The six numbers of `paddings`, in its place.', INDEXES),
}

/** Before and after, for each of the five dimensions. */
function pairs(paddings: readonly number[], { data_format }: Pad3dAttrs): readonly (readonly [number, number])[] {
  const [left, right, top, bottom, front, back] = paddings as readonly [number, number, number, number, number, number]
  const none = [0, 0] as const
  const sides = [
    [front, back],
    [top, bottom],
    [left, right],
  ] as const
  return data_format === 'NCDHW' ? [none, none, ...sides] : [none, ...sides, none]
}

/** @throws InvalidArgumentError E203 for shapes, E201 for paddings that do not fit them. */
function inferPad3d(opType: string, X: Meta, Paddings: Meta | undefined, attrs: Pad3dAttrs, ctx: InferContext): Shape {
  requireRank(opType, X, 5, 5)
  const paddings = Paddings === undefined ? attrs.paddings : shapeInput(ctx, 'Paddings', Paddings)
  if (paddings.length !== 6) {
    throw new InvalidArgumentError('E201', `${opType}: attr paddings must hold 6 numbers, got ${paddings.length}`, {
      expected: 6,
      got: paddings,
    })
  }
  const known = Paddings === undefined || ctx.constant('Paddings') !== undefined
  const padded = pairs(paddings, attrs)
  return X.shape.map((size, d) => {
    const [before, after] = padded[d]!
    if (before === 0 && after === 0) return size
    if (size < 0 || !known) return -1
    const fail = (rule: string): InvalidArgumentError =>
      new InvalidArgumentError('E203', `${opType}: X of shape ${formatShape(X.shape)} in mode ${attrs.mode}: ${rule}`, {
        got: { X: X.shape, paddings },
      })
    if (attrs.mode === 'reflect' && (before >= size || after >= size)) {
      throw fail(`paddings [${before}, ${after}] must be below dimension ${d}`)
    }
    if (attrs.mode !== 'constant' && size === 0) throw fail(`dimension ${d} must not be 0`)
    if (size + before + after < 0) throw fail(`paddings [${before}, ${after}] cut off more than dimension ${d} has`)
    return size + before + after
  })
}

const pad3dMaps = (shape: Shape, Paddings: RawTensor | undefined, attrs: Pad3dAttrs): PlaceMap[] =>
  pairs(Paddings === undefined ? attrs.paddings : Array.from(Paddings.data, Number), attrs).map(([before, after], d) =>
    placeMap(shape[d]!, before, after, attrs.mode),
  )

export const pad3dGrad = defineOp({
  type: 'pad3d_grad',
  doc: 'Gradient of pad3d: every element of Out@GRAD goes to the element of X that it was copied from.',
  source: 'paddle/phi/kernels/cpu/pad3d_grad_kernel.cc',
  inputs: { ...PAD3D_INPUTS, 'Out@GRAD': one('Gradient of Out.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: PAD3D_ATTRS,
  inferMeta({ X, Paddings, 'Out@GRAD': dOut }, attrs, ctx) {
    requireSameDType('pad3d_grad', { X, 'Out@GRAD': dOut })
    const shape = inferPad3d('pad3d_grad', X, Paddings, attrs, ctx)
    requireShape('pad3d_grad', 'Out@GRAD', dOut, shape, 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Paddings, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX }) {
      if (dX !== undefined) scatter(dOut.data, X.shape, pad3dMaps(X.shape, Paddings, attrs), dX.data)
    },
  },
})

export const pad3d = defineOp({
  type: 'pad3d',
  doc: 'Puts elements around volumes: of one value, mirrored without the border (reflect), the border itself (replicate), or from the other end (circular).',
  source: 'paddle/phi/kernels/cpu/pad3d_kernel.cc',
  differs: 'An unknown mode or data_format is refused.',
  inputs: PAD3D_INPUTS,
  outputs: { Out: one('X with other sizes of the volumes.') },
  attrs: PAD3D_ATTRS,
  inferMeta: ({ X, Paddings }, attrs, ctx) => ({
    Out: { dtype: X.dtype, shape: inferPad3d('pad3d', X, Paddings, attrs, ctx) },
  }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(pad3dGrad, {
      inputs: { X: inputs.X, Paddings: inputs.Paddings, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu: ({ X, Paddings }, attrs, { Out }) =>
      gather(X.data, X.shape, pad3dMaps(X.shape, Paddings, attrs), Out.data, attrs.value),
    int64({ X, Paddings }, attrs, { Out }) {
      const maps = pad3dMaps(X.shape, Paddings, attrs)
      if (Out.data instanceof BigInt64Array) gatherInt64(X, maps, Out, attrs.value)
      else gather(X.data as NumberArray, X.shape, maps, Out.data, attrs.value)
    },
  },
})
