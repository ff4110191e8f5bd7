/**
 * Convolution as a function, as `paddle.nn.functional.conv2d` and as `paddle.static.nn.conv2d`, with the operators and variable names that
 * Paddle 2.6.2 gives. Source: python/paddle/nn/functional/conv.py and python/paddle/static/nn/common.py (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import { type Initializer, initializer } from '../framework/initializer.ts'
import { LayerHelper, type ParamAttr } from '../framework/layer_helper.ts'
import type { Variable } from '../framework/variable.ts'
import { callOp, type OpValue } from '../modes/call.ts'
import { layerFor } from '../modes/parameters.ts'
import { ops } from '../ops/index.ts'
import { product } from '../tensor/shape.ts'
import type { Activation } from './functional.ts'
import { type ImageFormat, type Padding, type Pair, pairOf, resolvePadding } from './window_options.ts'

export interface Conv2dOptions {
  /** Default 1. */
  readonly stride?: Pair
  /** Default 0. */
  readonly padding?: Padding
  /** Default 1. */
  readonly dilation?: Pair
  /** Default 1. */
  readonly groups?: number
  /** Default NCHW. */
  readonly dataFormat?: ImageFormat
  readonly name?: string
}

/** The attributes of the operator. */
function convAttrs({ stride = 1, padding = 0, dilation = 1, groups = 1, dataFormat = 'NCHW' }: Conv2dOptions) {
  const { paddings, algorithm } = resolvePadding(padding, dataFormat)
  return {
    strides: pairOf(stride),
    paddings,
    padding_algorithm: algorithm,
    dilations: pairOf(dilation),
    groups,
    data_format: dataFormat,
  }
}

/** Normal with variance 2 / (kernel height * kernel width * input channels), all channels counted also with groups. */
export const defaultFilterInitializer = (channels: number, kernel: readonly number[]): Initializer =>
  initializer.Normal(0, Math.sqrt(2 / (product(kernel) * channels)))

/**
 * Slides filters over images.
 * @param x [N, C, H, W]. @param weight [filters, C / groups, kernel height, kernel width]. @param bias [filters].
 * @returns [N, filters, out height, out width].
 */
export function conv2d<V extends OpValue>(x: V, weight: OpValue, bias?: OpValue, options: Conv2dOptions = {}): V {
  const { groups = 1, dataFormat = 'NCHW' } = options
  const channels = x.shape[dataFormat === 'NCHW' ? 1 : 3]!
  const filters = weight.shape[0]!
  const depthwise = channels === groups && channels !== 1 && filters % channels === 0
  const def = depthwise ? ops.depthwise_conv2d : ops.conv2d
  const layer = layerFor(def.type, options.name)
  const out = callOp(def, { Input: x as OpValue, Filter: weight }, convAttrs(options), { layer }).Output
  if (bias === undefined) return out as V
  // Paddle names the sum before it spreads the bias.
  const outputs = layer === undefined ? {} : { Out: layer.createVariable(x.dtype) }
  const shape = dataFormat === 'NCHW' ? [1, filters, 1, 1] : [1, 1, 1, filters]
  const spread = callOp(ops.reshape2, { X: bias, ShapeTensor: [] }, { shape }).Out
  return callOp(ops.elementwise_add, { X: out, Y: spread }, { axis: -1 }, { outputs }).Out as V
}

export interface StaticConv2dOptions extends Conv2dOptions {
  readonly weightAttr?: ParamAttr
  /** false: no bias. */
  readonly biasAttr?: ParamAttr | false
  /** Applied to the result. */
  readonly activation?: Activation
  /** false: a convolution of one channel per group becomes the operator depthwise_conv2d, as in Paddle. Default true. */
  readonly useCudnn?: boolean
}

/**
 * A convolution with its own parameters, `conv2d_<n>.w_0` and `conv2d_<n>.b_0`: `paddle.static.nn.conv2d`. Works inside `build` only.
 * @param x [N, C, H, W] with known C. @returns [N, filters, out height, out width].
 * @throws InvalidArgumentError E203 for unknown channels, or channels that do not divide into `groups`.
 */
export function staticConv2d(x: Variable, filters: number, kernel: Pair, options: StaticConv2dOptions = {}): Variable {
  const { groups = 1, dataFormat = 'NCHW', weightAttr, biasAttr, activation, useCudnn = true } = options
  const axis = dataFormat === 'NCHW' ? 1 : 3
  const channels = x.shape[axis] ?? -1
  if (channels < 0 || groups < 1 || channels % groups !== 0) {
    throw new InvalidArgumentError(
      'E203',
      `staticConv2d: the channels of "${x.name}" must be known and divide into ${groups} groups, got ${channels}`,
      { where: { variable: x.name }, got: x.shape },
    )
  }
  const depthwise = channels === groups && filters % channels === 0 && !useCudnn
  const def = depthwise ? ops.depthwise_conv2d : ops.conv2d
  const helper = new LayerHelper(def.type, { name: options.name })
  const size = pairOf(kernel)
  const weight = helper.createParameter({
    attr: weightAttr,
    shape: [filters, channels / groups, ...size],
    dtype: x.dtype,
    defaultInitializer: defaultFilterInitializer(channels, size),
  })
  let out = callOp(def, { Input: x, Filter: weight }, convAttrs(options), { layer: helper }).Output
  if (biasAttr !== false) {
    const bias = helper.createParameter({ attr: biasAttr, shape: [filters], dtype: x.dtype, isBias: true })
    out = callOp(ops.elementwise_add, { X: out, Y: bias }, { axis }, { layer: helper }).Out
  }
  return activation === undefined
    ? out
    : callOp(ops[activation] as typeof ops.relu, { X: out }, {}, { layer: helper }).Out
}
