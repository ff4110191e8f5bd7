/** What normalisations share: a tensor seen as [outer, channels, inner], and checks of the vectors that hold one value per channel. */
import { InvalidArgumentError } from '../../errors.ts'
import { oneOf } from '../../framework/attr.ts'
import type { Meta } from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'

/** Layouts that Paddle's normalisations know; everything but NCHW has the channels in the last dimension. */
export const layoutCheck = oneOf('NCHW', 'NHWC', 'AnyLayout')

/** Element (o, c, i) is at (o * channels + c) * inner + i. */
export interface ChannelView {
  readonly outer: number
  readonly channels: number
  readonly inner: number
}

export const channelAxis = (shape: Shape, layout: string): number => (layout === 'NCHW' ? 1 : shape.length - 1)

export function channelView(shape: Shape, axis: number): ChannelView {
  return { outer: product(shape, 0, axis), channels: shape[axis]!, inner: product(shape, axis + 1) }
}

/** @throws InvalidArgumentError E203 unless each of the metas that are given is a vector of `count` values (-1: unknown). */
export function requireVectors(
  opType: string,
  metas: Readonly<Record<string, Meta | undefined>>,
  count: number,
  of = 'channel',
): void {
  for (const [slot, meta] of Object.entries(metas)) {
    if (meta === undefined) continue
    const [size] = meta.shape
    if (meta.shape.length === 1 && (size === count || size! < 0 || count < 0)) continue
    throw new InvalidArgumentError(
      'E203',
      `${opType}: ${slot} must hold one value per ${of}, [${count}], got ${formatShape(meta.shape)}`,
      { where: { opType, slot }, expected: [count], got: meta.shape },
    )
  }
}

/** @throws InvalidArgumentError E203 for a rank outside of [least, most]. */
export function requireRank(opType: string, { shape }: Meta, least: number, most: number, slot = 'X'): void {
  if (shape.length >= least && shape.length <= most) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: ${slot} must have rank ${least === most ? least : `${least} to ${most}`}, got ${formatShape(shape)}`,
    { where: { opType, slot }, expected: [least, most], got: shape },
  )
}

/**
 * Parameters of normalisations: half tensors are normalised with float32 or half vectors, others with vectors of their own type.
 * @throws InvalidArgumentError E210.
 */
export function requireParameterDType(
  opType: string,
  X: Meta,
  metas: Readonly<Record<string, Meta | undefined>>,
): void {
  const half = X.dtype === 'float16' || X.dtype === 'bfloat16'
  for (const [slot, meta] of Object.entries(metas)) {
    if (meta === undefined || meta.dtype === X.dtype || (half && meta.dtype === 'float32')) continue
    throw new InvalidArgumentError('E210', `${opType}: X is ${X.dtype} but ${slot} is ${meta.dtype}`, {
      where: { opType, slot },
      expected: half ? [X.dtype, 'float32'] : X.dtype,
      got: meta.dtype,
      hint: `put a cast to ${half ? 'float32' : X.dtype} in front of ${slot}`,
    })
  }
}

/** Sums over everything but the channels: of dy, and of dy * (x - mean) * inverse. */
export function channelSums(
  { outer, channels, inner }: ChannelView,
  x: NumberArray,
  dy: NumberArray,
  mean: ArrayLike<number>,
  inverse: ArrayLike<number>,
): { readonly plain: Float64Array; readonly weighted: Float64Array } {
  const plain = new Float64Array(channels)
  const weighted = new Float64Array(channels)
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      const from = (o * channels + c) * inner
      const middle = mean[c]!
      let sum = 0
      let product = 0
      for (let i = from; i < from + inner; i++) {
        sum += dy[i]!
        product += dy[i]! * (x[i]! - middle)
      }
      plain[c] = plain[c]! + sum
      weighted[c] = weighted[c]! + product * inverse[c]!
    }
  }
  return { plain, weighted }
}
