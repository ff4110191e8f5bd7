/**
 * Where the elements of a resized tensor lie in the tensor that it is made from. Positions and weights are float32, as in Paddle, because a
 * position that falls on an element decides which is taken.
 */
import type { NumberArray } from '../../tensor/dtype.ts'
import type { Shape } from '../../tensor/shape.ts'
import type { Axis, Grid } from './interp_kernels.ts'

export interface GridAttrs {
  readonly data_layout: string
  readonly interp_method: string
  readonly align_corners: boolean
  readonly align_mode: number
  readonly scale: number | readonly number[]
}

/** What decides on positions, of the inputs. */
export interface GridInputs {
  readonly X: { readonly shape: Shape; readonly data: NumberArray }
  readonly SizeTensor: readonly unknown[]
  readonly Scale?: { readonly data: NumberArray } | undefined
}

export const planeSizes = (shape: Shape, layout: string): Shape =>
  layout === 'NCHW' ? shape.slice(2) : shape.slice(1, -1)

/** The factors that apply; undefined without any. */
export function scalesOf(
  { scale }: Pick<GridAttrs, 'scale'>,
  given: readonly number[] | undefined,
  rank: number,
): readonly number[] | undefined {
  if (given !== undefined) return given.length === 1 ? new Array<number>(rank).fill(given[0]!) : given.slice(0, rank)
  if (typeof scale === 'number') return scale > 0 ? new Array<number>(rank).fill(scale) : undefined
  return scale.length >= rank ? scale.slice(0, rank) : undefined
}

export const CUBIC = -0.75

/** Weights of the four elements around a position that is `t` behind the second of them. */
function cubicWeights(t: number): readonly number[] {
  const near = (d: number): number => ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1
  const far = (d: number): number => ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC
  return [far(t + 1), near(t), near(1 - t), far(2 - t)]
}

/** How a position between elements is rounded, which float64 tensors show. */
interface Rounding {
  /** Of the linear methods: after the product as well, as the second version does. */
  readonly twice: boolean
  /** Of bicubic: to float32, twice, as the gradient of the second version does; else to the element type. */
  readonly cubicTwice: boolean
}

const middle = (ratio: number, k: number, twice: boolean): number =>
  Math.fround((twice ? Math.fround(ratio * (k + 0.5)) : ratio * (k + 0.5)) - 0.5)

/** Whether elements of the linear methods lie in the middle of what they cover. */
export const isHalfPixel = ({ align_mode, align_corners }: GridAttrs): boolean => align_mode === 0 && !align_corners

/** Where the elements of Out lie along one dimension of X. */
function axisOf(
  size: number,
  out: number,
  ratio: number,
  attrs: GridAttrs,
  float64: boolean,
  rounding: Rounding,
): Axis {
  const { align_corners, interp_method } = attrs
  const taps = interp_method === 'nearest' ? 1 : interp_method === 'bicubic' ? 4 : 2
  const places = new Int32Array(out * taps)
  const weights = new Float64Array(out * taps)
  const inside = (place: number): number => Math.min(Math.max(place, 0), size - 1)
  const halfPixel = isHalfPixel(attrs)
  for (let k = 0; k < out; k++) {
    if (interp_method === 'nearest') {
      const position = Math.fround(ratio * k)
      places[k] = inside(Math.trunc(align_corners ? position + 0.5 : position))
      weights[k] = 1
    } else if (interp_method === 'bicubic') {
      const position = align_corners
        ? Math.fround(ratio * k)
        : float64 && !rounding.cubicTwice
          ? ratio * (k + 0.5) - 0.5
          : middle(ratio, k, rounding.cubicTwice)
      const first = Math.floor(position)
      cubicWeights(position - first).forEach((weight, t) => {
        places[4 * k + t] = inside(first - 1 + t)
        weights[4 * k + t] = weight
      })
    } else {
      const position = halfPixel ? middle(ratio, k, rounding.twice) : Math.fround(ratio * k)
      const first = Math.max(Math.trunc(position), 0)
      const weight = Math.fround(halfPixel ? Math.max(position, 0) - first : position - first)
      places[2 * k] = inside(first)
      places[2 * k + 1] = inside(first + 1)
      weights[2 * k] = Math.fround(1 - weight)
      weights[2 * k + 1] = weight
    }
  }
  return { size, out, taps, places, weights }
}

/** The distance in X of neighbours in Out, by dimension. */
export function ratiosOf(
  { X, SizeTensor, Scale }: GridInputs,
  outShape: Shape,
  attrs: GridAttrs,
  ratioOfScale: boolean,
): readonly number[] {
  const from = planeSizes(X.shape, attrs.data_layout)
  const to = planeSizes(outShape, attrs.data_layout)
  // Factors are left aside where tensors give the sizes; OutSize does not do that.
  const scales =
    SizeTensor.length > 0 || !ratioOfScale
      ? undefined
      : scalesOf(attrs, Scale === undefined ? undefined : [...Scale.data], from.length)
  return from.map((size, d) => {
    const out = to[d]!
    if (out <= 1) return 0
    if (attrs.align_corners) return Math.fround((size - 1) / (out - 1))
    return Math.fround(scales === undefined ? size / out : 1 / scales[d]!)
  })
}

/** Where the elements of Out lie in X, dimension by dimension. */
export function gridOf(
  inputs: GridInputs,
  outShape: Shape,
  attrs: GridAttrs,
  ratioOfScale: boolean,
  backward: boolean,
): Grid {
  const { X } = inputs
  const { data_layout } = attrs
  const from = planeSizes(X.shape, data_layout)
  const to = planeSizes(outShape, data_layout)
  const rounding = { twice: ratioOfScale, cubicTwice: ratioOfScale && backward }
  const float64 = X.data instanceof Float64Array
  const axes = ratiosOf(inputs, outShape, attrs, ratioOfScale).map((ratio, d) =>
    axisOf(from[d]!, to[d]!, ratio, attrs, float64, rounding),
  )
  const [batch, channels] = [X.shape[0]!, data_layout === 'NCHW' ? X.shape[1]! : X.shape.at(-1)!]
  const copies = from.every((size, d) => size === to[d])
  return {
    outer: data_layout === 'NCHW' ? batch * channels : batch,
    inner: data_layout === 'NCHW' ? 1 : channels,
    axes,
    copies,
  }
}
