/** Pooling as functions. Source: python/paddle/nn/functional/pooling.py (2.6.2). */
import { callOp, type OpValue } from '../modes/call.ts'
import { layerFor } from '../modes/parameters.ts'
import { ops } from '../ops/index.ts'
import { type ImageFormat, type Padding, type Pair, pairOf, resolvePadding } from './window_options.ts'

export interface MaxPool2dOptions {
  /** Default: the kernel, so that windows do not overlap. */
  readonly stride?: Pair
  /** Default 0. */
  readonly padding?: Padding
  /** A last window may reach past the padded image. Default false. */
  readonly ceilMode?: boolean
  /** Default NCHW. */
  readonly dataFormat?: ImageFormat
  readonly name?: string
}

export interface AvgPool2dOptions extends MaxPool2dOptions {
  /** Divide by the elements inside the image only. Default true. */
  readonly exclusive?: boolean
  /** Divide by this number instead of the size of the window. */
  readonly divisorOverride?: number
}

function pool2d(x: OpValue, kernel: Pair, type: 'max' | 'avg', options: AvgPool2dOptions): OpValue {
  const { stride = kernel, padding = 0, ceilMode = false, exclusive = true, dataFormat = 'NCHW' } = options
  const { paddings, algorithm } = resolvePadding(padding, dataFormat)
  return callOp(
    ops.pool2d,
    { X: x },
    {
      pooling_type: type,
      ksize: pairOf(kernel),
      strides: pairOf(stride),
      paddings,
      padding_algorithm: algorithm,
      ceil_mode: ceilMode,
      exclusive,
      data_format: dataFormat,
    },
    { layer: layerFor('pool2d', options.name) },
  ).Out
}

/** The largest element of each window. @param x [N, C, H, W]. */
export const maxPool2d = <V extends OpValue>(x: V, kernel: Pair, options: MaxPool2dOptions = {}): V =>
  pool2d(x, kernel, 'max', options) as V

/** The mean of each window. @param x [N, C, H, W]. */
export function avgPool2d<V extends OpValue>(x: V, kernel: Pair, options: AvgPool2dOptions = {}): V {
  const out = pool2d(x, kernel, 'avg', options) as V
  if (options.divisorOverride === undefined) return out
  const [height, width] = pairOf(kernel)
  return out.mul(height * width).div(options.divisorOverride) as V
}

export interface AdaptivePool2dOptions {
  /** Default NCHW. */
  readonly dataFormat?: ImageFormat
  readonly name?: string
}

/** The means of as many windows as the result has elements, which cover the image: [N, C, H, W] becomes [N, C, …size]. */
export function adaptiveAvgPool2d<V extends OpValue>(x: V, size: Pair, options: AdaptivePool2dOptions = {}): V {
  return callOp(
    ops.pool2d,
    { X: x as OpValue },
    { pooling_type: 'avg', ksize: pairOf(size), adaptive: true, data_format: options.dataFormat ?? 'NCHW' },
    { layer: layerFor('pool2d', options.name) },
  ).Out as V
}
