/** Layers over images: convolution, pooling, flattening. Source: python/paddle/nn/layer/conv.py, pooling.py and common.py (2.6.2). */
import type { ParamAttr } from '../framework/layer_helper.ts'
import type { Parameter } from '../framework/variable.ts'
import { callOp, type OpValue } from '../modes/call.ts'
import { layerFor, ParameterMaker } from '../modes/parameters.ts'
import { ops } from '../ops/index.ts'
import type { ParameterTensor } from '../tensor/parameter_tensor.ts'
import { type Conv2dOptions, conv2d, defaultFilterInitializer } from './conv.ts'
import { Layer } from './layer.ts'
import {
  type AdaptivePool2dOptions,
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  type MaxPool2dOptions,
  maxPool2d,
} from './pool.ts'
import { type Pair, pairOf } from './window_options.ts'

export interface Conv2DLayerOptions extends Omit<Conv2dOptions, 'name'> {
  readonly weightAttr?: ParamAttr
  /** false: no bias. */
  readonly biasAttr?: ParamAttr | false
}

/**
 * Convolution of images: weight [outChannels, inChannels / groups, …kernel], named `conv2d_<n>.w_0` and drawn from a normal distribution of
 * variance 2 / (kernel elements * inChannels); bias [outChannels] of zeros.
 */
export class Conv2D extends Layer {
  readonly weight: Parameter | ParameterTensor
  readonly bias: Parameter | ParameterTensor | undefined
  readonly options: Conv2dOptions

  constructor(inChannels: number, outChannels: number, kernel: Pair, options: Conv2DLayerOptions = {}) {
    super()
    const { weightAttr, biasAttr, ...rest } = options
    const maker = new ParameterMaker('conv2d')
    const size = pairOf(kernel)
    this.options = rest
    this.weight = maker.create({
      attr: weightAttr,
      shape: [outChannels, inChannels / (rest.groups ?? 1), ...size],
      defaultInitializer: defaultFilterInitializer(inChannels, size),
    })
    this.bias = biasAttr === false ? undefined : maker.create({ attr: biasAttr, shape: [outChannels], isBias: true })
  }

  override forward<V extends OpValue>(x: V): V {
    return conv2d(x, this.weight, this.bias, this.options)
  }
}

/** The largest element of each window. */
export class MaxPool2D extends Layer {
  readonly kernel: Pair
  readonly options: MaxPool2dOptions

  constructor(kernel: Pair, options: MaxPool2dOptions = {}) {
    super()
    this.kernel = kernel
    this.options = options
  }

  override forward<V extends OpValue>(x: V): V {
    return maxPool2d(x, this.kernel, this.options)
  }
}

/** The mean of each window. */
export class AvgPool2D extends Layer {
  readonly kernel: Pair
  readonly options: AvgPool2dOptions

  constructor(kernel: Pair, options: AvgPool2dOptions = {}) {
    super()
    this.kernel = kernel
    this.options = options
  }

  override forward<V extends OpValue>(x: V): V {
    return avgPool2d(x, this.kernel, this.options)
  }
}

/** The means of as many windows as the result has elements. */
export class AdaptiveAvgPool2D extends Layer {
  readonly size: Pair
  readonly options: AdaptivePool2dOptions

  constructor(size: Pair, options: AdaptivePool2dOptions = {}) {
    super()
    this.size = size
    this.options = options
  }

  override forward<V extends OpValue>(x: V): V {
    return adaptiveAvgPool2d(x, this.size, this.options)
  }
}

/** Dimensions from `startAxis` to `stopAxis` made one. */
export class Flatten extends Layer {
  readonly startAxis: number
  readonly stopAxis: number

  constructor(startAxis = 1, stopAxis = -1) {
    super()
    this.startAxis = startAxis
    this.stopAxis = stopAxis
    // Paddle names the layer too, which moves the counter of the names of its results.
    new ParameterMaker('flatten')
  }

  override forward<V extends OpValue>(x: V): V {
    const rank = x.shape.length
    const count = (axis: number): number => (axis < 0 ? axis + rank : axis)
    return callOp(
      ops.flatten_contiguous_range,
      { X: x as OpValue },
      { start_axis: count(this.startAxis), stop_axis: count(this.stopAxis) },
      { layer: layerFor('flatten') },
    ).Out as V
  }
}
