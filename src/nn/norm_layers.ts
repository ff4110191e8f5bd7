/** Normalisation layers. Source: python/paddle/nn/layer/norm.py (2.6.2). */
import { initializer } from '../framework/initializer.ts'
import type { ParamAttr } from '../framework/layer_helper.ts'
import type { Parameter } from '../framework/variable.ts'
import type { OpValue } from '../modes/call.ts'
import { ParameterMaker } from '../modes/parameters.ts'
import type { ParameterTensor } from '../tensor/parameter_tensor.ts'
import { product } from '../tensor/shape.ts'
import { Layer } from './layer.ts'
import { batchNorm, layerNorm } from './norm.ts'
import type { ImageFormat } from './window_options.ts'

type Param = Parameter | ParameterTensor

export interface BatchNorm2DOptions {
  /** Share of the old value in a moving average. Default 0.9. */
  readonly momentum?: number
  /** Default 1e-5. */
  readonly epsilon?: number
  /** false: no scale. */
  readonly weightAttr?: ParamAttr | false
  /** false: no shift. */
  readonly biasAttr?: ParamAttr | false
  readonly dataFormat?: ImageFormat
  readonly useGlobalStats?: boolean
}

/**
 * Every channel of images brought to mean 0 and variance 1: weight of ones `batch_norm2d_<n>.w_0`, bias of zeros, and the moving averages `mean`
 * (zeros) and `variance` (ones), which are no trained parameters.
 */
export class BatchNorm2D extends Layer {
  readonly weight: Param | undefined
  readonly bias: Param | undefined
  readonly mean: Param
  readonly variance: Param
  readonly options: BatchNorm2DOptions
  /** false: normalises with the moving averages and leaves them as they are. */
  training = true

  constructor(features: number, options: BatchNorm2DOptions = {}) {
    super()
    const { weightAttr, biasAttr } = options
    const maker = new ParameterMaker('batch_norm2d')
    const shape = [features]
    const constant = (value: number, attr?: ParamAttr): Param =>
      maker.create({ attr, shape, defaultInitializer: initializer.Constant(value) })
    this.options = options
    this.weight = weightAttr === false ? undefined : constant(1, weightAttr)
    this.bias = biasAttr === false ? undefined : maker.create({ attr: biasAttr, shape, isBias: true })
    this.mean = constant(0, { trainable: false })
    this.variance = constant(1, { trainable: false })
  }

  override forward<V extends OpValue>(x: V): V {
    const { momentum = 0.9, epsilon = 1e-5, dataFormat = 'NCHW', useGlobalStats } = this.options
    const { weight, bias, training } = this
    const options = { weight, bias, training, momentum, epsilon, dataFormat, useGlobalStats }
    return batchNorm(x, this.mean, this.variance, options)
  }
}

export interface LayerNormLayerOptions {
  /** Default 1e-5. */
  readonly epsilon?: number
  /** false: no factor. */
  readonly weightAttr?: ParamAttr | false
  /** false: no shift. */
  readonly biasAttr?: ParamAttr | false
}

/** The last dimensions brought to mean 0 and variance 1: weight of ones and bias of zeros with one element per element of a row. */
export class LayerNorm extends Layer {
  readonly weight: Param | undefined
  readonly bias: Param | undefined
  readonly normalizedShape: readonly number[]
  readonly epsilon: number

  constructor(normalizedShape: number | readonly number[], options: LayerNormLayerOptions = {}) {
    super()
    const { weightAttr, biasAttr, epsilon = 1e-5 } = options
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    this.epsilon = epsilon
    const maker = new ParameterMaker('layer_norm')
    const shape = [product(this.normalizedShape)]
    this.weight =
      weightAttr === false
        ? undefined
        : maker.create({ attr: weightAttr, shape, defaultInitializer: initializer.Constant(1) })
    this.bias = biasAttr === false ? undefined : maker.create({ attr: biasAttr, shape, isBias: true })
  }

  override forward<V extends OpValue>(x: V): V {
    const { weight, bias, epsilon } = this
    return layerNorm(x, this.normalizedShape, { weight, bias, epsilon })
  }
}
