/** Channels moved about: channel_shuffle, shuffle_channel, pixel_unshuffle and temporal_shift. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import {
  type AnyOpDef,
  type Attrs,
  defineOp,
  describeOp,
  type FilledAttrs,
  type Meta,
  type OpDef,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import { requireRank } from './channels.ts'
import { isChannelLast, planesOf, shapeOf } from './window.ts'

type XSlot = { readonly X: ReturnType<typeof one> }
type OutSlot = { readonly Out: ReturnType<typeof one> }

interface Move<A extends Attrs> {
  readonly doc: string
  readonly differs?: string
  readonly source: string
  readonly attrs: A
  /** The shape of Out. @throws InvalidArgumentError E203. */
  readonly outShape: (opType: string, X: Meta, attrs: FilledAttrs<A>) => Shape
  /** Where in X (of shape `x`) each element of Out comes from, in the order of Out; -1 for zeros. Every element of X is taken at most once. */
  readonly places: (x: Shape, out: Shape, attrs: FilledAttrs<A>) => Int32Array
  /** The shape of X for one of Out, where it is another. */
  readonly back?: (out: Shape, attrs: FilledAttrs<A>) => Shape
}

function move<const A extends Attrs>(
  type: string,
  { doc, differs, source, attrs, outShape, places, back }: Move<A>,
): [OpDef<XSlot, OutSlot, A>, AnyOpDef] {
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: dOut moved back, zeros where X was not taken.`,
    source,
    inputs: { 'Out@GRAD': one('Gradient of Out.', FLOATS) },
    outputs: { 'X@GRAD': optional('Gradient of X.') },
    attrs,
    inferMeta({ 'Out@GRAD': dOut }, given) {
      const shape = back?.(dOut.shape, given) ?? dOut.shape
      outShape(`${type}_grad`, { dtype: dOut.dtype, shape }, given)
      return { 'X@GRAD': { dtype: dOut.dtype, shape } }
    },
    grad: 'unregistered',
    kernels: {
      cpu({ 'Out@GRAD': dOut }, given, { 'X@GRAD': dX }) {
        if (dX === undefined) return
        dX.data.fill(0)
        places(dX.shape, dOut.shape, given).forEach((place, i) => {
          if (place >= 0) dX.data[place] = dOut.data[i]!
        })
      },
    },
  })
  const take = (x: NumberArray, from: Int32Array, out: NumberArray): void => {
    for (let i = 0; i < from.length; i++) out[i] = from[i]! < 0 ? 0 : x[from[i]!]!
  }
  const def = defineOp({
    type,
    doc,
    source,
    ...(differs === undefined ? {} : { differs }),
    inputs: { X: one('Rank 4: [N, C, H, W], or channels last where `data_format` says so.', FLOATS) },
    outputs: { Out: one('Element type of X, laid out as X.') },
    attrs,
    inferMeta({ X }, given) {
      requireRank(type, X, 4, 4)
      return { Out: { dtype: X.dtype, shape: outShape(type, X, given) } }
    },
    grad: ({ outputGrads, inputGrads }): OpDesc[] => [
      describeOp(
        gradDef as OpDef<
          { readonly 'Out@GRAD': ReturnType<typeof one> },
          { readonly 'X@GRAD': ReturnType<typeof optional> },
          A
        >,
        {
          inputs: { 'Out@GRAD': outputGrads.Out },
          outputs: { 'X@GRAD': inputGrads.X },
          attrs: 'copied',
        },
      ),
    ],
    kernels: { cpu: ({ X }, given, { Out }) => take(X.data, places(X.shape, Out.shape, given), Out.data) },
  })
  return [def, gradDef]
}

const LAYOUT = attr.string('NCHW', { doc: 'Layout of X and Out.', check: oneOf('NCHW', 'NHWC') })
const positive = (value: number): string | null => (value > 0 ? null : 'a number of 1 or more')

/** @throws InvalidArgumentError E203. */
function requireMultiple(opType: string, what: string, size: number, of: number, shape: Shape): void {
  if (size < 0 || size % of === 0) return
  throw new InvalidArgumentError('E203', `${opType}: ${what} must be a multiple of ${of}, got ${formatShape(shape)}`, {
    where: { opType },
    expected: of,
    got: size,
  })
}

/** For each element of Out, in its order: where `find` says that its sample, channel, row and column come from. */
function placesBy(
  x: Shape,
  out: Shape,
  channelLast: boolean,
  find: (
    n: number,
    c: number,
    y: number,
    column: number,
  ) => readonly [n: number, c: number, y: number, x: number] | undefined,
): Int32Array {
  const [from, to] = [planesOf(x, channelLast), planesOf(out, channelLast)]
  const [height, width] = from.sizes as [number, number]
  const [rows, columns] = to.sizes as [number, number]
  const result = new Int32Array(to.batch * to.channels * rows * columns)
  for (let n = 0; n < to.batch; n++) {
    for (let c = 0; c < to.channels; c++) {
      for (let y = 0; y < rows; y++) {
        for (let k = 0; k < columns; k++) {
          const found = find(n, c, y, k)
          const i = channelLast
            ? ((n * rows + y) * columns + k) * to.channels + c
            : ((n * to.channels + c) * rows + y) * columns + k
          if (found === undefined) {
            result[i] = -1
            continue
          }
          const [fn, fc, fy, fx] = found
          result[i] = channelLast
            ? ((fn * height + fy) * width + fx) * from.channels + fc
            : ((fn * from.channels + fc) * height + fy) * width + fx
        }
      }
    }
  }
  return result
}

/** Channel c of Out is channel (c mod groups) * size + c / groups of X: groups of `size` channels are dealt out one by one. */
const dealt = (x: Shape, groups: number, channelLast: boolean): Int32Array => {
  const size = planesOf(x, channelLast).channels / groups
  return placesBy(x, x, channelLast, (n, c, y, k) => [n, (c % groups) * size + Math.floor(c / groups), y, k])
}

export const [channelShuffle, channelShuffleGrad] = move('channel_shuffle', {
  doc: 'The channels of X, cut into groups, taken one from each group in turn.',
  source: 'paddle/phi/kernels/impl/channel_shuffle_kernel_impl.h',
  attrs: { groups: attr.int(undefined, { check: positive }), data_format: LAYOUT },
  outShape(opType, X, { groups, data_format }) {
    const { channels } = planesOf(X.shape, isChannelLast(data_format))
    requireMultiple(opType, 'the channels of X', channels, groups, X.shape)
    return X.shape
  },
  places: (x, _out, { groups, data_format }) => dealt(x, groups, isChannelLast(data_format)),
})

export const [shuffleChannel, shuffleChannelGrad] = move('shuffle_channel', {
  differs: 'The gradient undoes the move; Paddle moves once more in the same direction.',
  doc: 'The channels of X, cut into groups, taken one from each group in turn; the older channel_shuffle.',
  source: 'paddle/phi/kernels/cpu/shuffle_channel_kernel.cc',
  attrs: { group: attr.int(1, { doc: 'Number of groups.', check: positive }) },
  outShape(opType, X, { group }) {
    requireMultiple(opType, 'the channels of X', X.shape[1]!, group, X.shape)
    return X.shape
  },
  places: (x, _out, { group }) => dealt(x, group, false),
})

export const [pixelUnshuffle, pixelUnshuffleGrad] = move('pixel_unshuffle', {
  doc: 'Turns squares of elements into channels: [N, C, H * r, W * r] becomes [N, C * r^2, H, W]. The reverse of pixel_shuffle.',
  source: 'paddle/phi/kernels/impl/pixel_unshuffle_kernel_impl.h',
  attrs: {
    downscale_factor: attr.int(1, { doc: 'How many times as low and narrow Out is.', check: positive }),
    data_format: LAYOUT,
  },
  outShape(opType, X, { downscale_factor: factor, data_format }) {
    const channelLast = isChannelLast(data_format)
    const { batch, channels, sizes } = planesOf(X.shape, channelLast)
    for (const size of sizes) requireMultiple(opType, 'the planes of X', size, factor, X.shape)
    const smaller = sizes.map((size) => (size < 0 ? -1 : size / factor))
    return shapeOf({ batch, channels: channels < 0 ? -1 : channels * factor * factor, sizes: smaller }, channelLast)
  },
  places: (x, out, { downscale_factor: factor, data_format }) =>
    placesBy(x, out, isChannelLast(data_format), (n, c, y, k) => {
      const within = c % (factor * factor)
      const channel = Math.floor(c / (factor * factor))
      return [n, channel, y * factor + Math.floor(within / factor), k * factor + (within % factor)]
    }),
  back(out, { downscale_factor: factor, data_format }) {
    const channelLast = isChannelLast(data_format)
    const { batch, channels, sizes } = planesOf(out, channelLast)
    const larger = sizes.map((size) => (size < 0 ? -1 : size * factor))
    return shapeOf({ batch, channels: channels < 0 ? -1 : channels / (factor * factor), sizes: larger }, channelLast)
  },
})

export const [temporalShift, temporalShiftGrad] = move('temporal_shift', {
  doc: 'Of every seg_num samples, which are moments of one clip, the first channels come from the moment before and the next ones from the moment after; zeros beyond the ends.',
  source: 'paddle/phi/kernels/cpu/temporal_shift_kernel.cc',
  attrs: {
    seg_num: attr.int(undefined, { doc: 'Moments of a clip.', check: positive }),
    shift_ratio: attr.float(0.25, {
      doc: 'Share of the channels that come from the moment before, and of those that come from the moment after.',
      check: (ratio) => (ratio > 0 && ratio < 0.5 ? null : 'a number between 0 and 0.5'),
    }),
    data_format: LAYOUT,
  },
  outShape(opType, X, { seg_num }) {
    requireMultiple(opType, 'the samples of X', X.shape[0]!, seg_num, X.shape)
    return X.shape
  },
  places(x, out, { seg_num, shift_ratio, data_format }) {
    const channelLast = isChannelLast(data_format)
    const { channels } = planesOf(x, channelLast)
    const before = Math.trunc(Math.fround(channels * shift_ratio))
    const after = Math.trunc(Math.fround(channels * 2 * shift_ratio))
    return placesBy(x, out, channelLast, (n, c, y, k) => {
      const moment = (n % seg_num) + (c < before ? -1 : c < after ? 1 : 0)
      return moment < 0 || moment >= seg_num ? undefined : [n - (n % seg_num) + moment, c, y, k]
    })
  },
})
