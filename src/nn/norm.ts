/**
 * Normalisation as functions, as `paddle.nn.functional` and as `paddle.static.nn` have them.
 * Source: python/paddle/nn/functional/norm.py and python/paddle/static/nn/common.py (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import { initializer } from '../framework/initializer.ts'
import { LayerHelper, type ParamAttr } from '../framework/layer_helper.ts'
import type { Variable } from '../framework/variable.ts'
import { callOp, type OpValue } from '../modes/call.ts'
import { layerFor } from '../modes/parameters.ts'
import { ops } from '../ops/index.ts'
import type { DType } from '../tensor/dtype.ts'
import { formatShape, product } from '../tensor/shape.ts'
import type { Activation } from './functional.ts'
import type { ImageFormat } from './window_options.ts'

export interface BatchNormOptions {
  readonly weight?: OpValue | undefined
  readonly bias?: OpValue | undefined
  /** Default false: normalises with the moving averages. */
  readonly training?: boolean
  /** Share of the old value in a moving average. Default 0.9. */
  readonly momentum?: number
  /** Default 1e-5. */
  readonly epsilon?: number
  /** Default NCHW; NHWC has the channels in the last dimension. */
  readonly dataFormat?: ImageFormat
  /** Normalise with the moving averages (true) or the batch (false), whatever `training` says. */
  readonly useGlobalStats?: boolean | undefined
  readonly name?: string
}

/**
 * Every channel brought to mean 0 and variance 1, scaled and shifted. While training, `mean` and `variance` are moved towards those of the batch,
 * in place. @param x [N, C, …]. @param mean and `variance` [C].
 */
export function batchNorm<V extends OpValue>(
  x: V,
  mean: OpValue,
  variance: OpValue,
  options: BatchNormOptions = {},
): V {
  const { weight, bias, training = false, momentum = 0.9, epsilon = 1e-5, dataFormat = 'NCHW' } = options
  const { useGlobalStats } = options
  const layer = layerFor('batch_norm', options.name)
  return callOp(
    ops.batch_norm,
    { X: x as OpValue, Scale: weight, Bias: bias, Mean: mean, Variance: variance },
    {
      momentum,
      epsilon,
      is_test: !training,
      data_layout: dataFormat,
      use_global_stats: useGlobalStats ?? !training,
      trainable_statistics: useGlobalStats === undefined ? false : !useGlobalStats,
    },
    {
      layer,
      outputs: {
        MeanOut: mean,
        VarianceOut: variance,
        ...(layer === undefined
          ? {}
          : {
              ...statistics(layer, x.dtype, ['SavedMean', 'SavedVariance']),
              Y: layer.createVariable(x.dtype),
              ...(training ? statistics(layer, x.dtype, ['ReserveSpace']) : {}),
            }),
      },
    },
  ).Y as V
}

/** Temporaries that no gradient goes through. */
function statistics<S extends string>(layer: LayerHelper, dtype: DType, slots: readonly S[]): Record<S, Variable> {
  const variables = {} as Record<S, Variable>
  for (const slot of slots) variables[slot] = layer.createVariable(dtype, { stopGradient: true })
  return variables
}

export interface LayerNormOptions {
  readonly weight?: OpValue | undefined
  readonly bias?: OpValue | undefined
  /** Default 1e-5. */
  readonly epsilon?: number
  readonly name?: string
}

/**
 * The last dimensions brought to mean 0 and variance 1, scaled and shifted element by element.
 * @param normalizedShape the last dimensions of x. @throws InvalidArgumentError E203 if they are not.
 */
export function layerNorm<V extends OpValue>(
  x: V,
  normalizedShape: number | readonly number[],
  options: LayerNormOptions = {},
): V {
  const normalized = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
  const axis = x.shape.length - normalized.length
  if (axis < 0 || x.shape.slice(axis).some((dim, i) => dim !== normalized[i])) {
    throw new InvalidArgumentError(
      'E203',
      `layerNorm: the last dimensions of x must be ${formatShape(normalized)}, got ${formatShape(x.shape)}`,
      { expected: normalized, got: x.shape },
    )
  }
  const layer = layerFor('layer_norm', options.name)
  return callOp(
    ops.layer_norm,
    { X: x as OpValue, Scale: options.weight, Bias: options.bias },
    { epsilon: options.epsilon ?? 1e-5, begin_norm_axis: axis },
    { layer, outputs: layer === undefined ? {} : statistics(layer, x.dtype, ['Mean', 'Variance']) },
  ).Y as V
}

export interface StaticBatchNormOptions {
  /** false: no scale. */
  readonly weightAttr?: ParamAttr | false
  /** false: no shift. */
  readonly biasAttr?: ParamAttr | false
  readonly activation?: Activation
  readonly isTest?: boolean
  readonly momentum?: number
  readonly epsilon?: number
  readonly dataFormat?: ImageFormat
  readonly movingMeanName?: string
  readonly movingVarianceName?: string
  readonly useGlobalStats?: boolean
  readonly name?: string
}

/**
 * Batch normalisation with its own parameters, scale `w_0`, shift `b_0`, moving mean `w_1` and variance `w_2`: `paddle.static.nn.batch_norm`.
 * Works inside `build` only. @throws InvalidArgumentError E203 for unknown channels.
 */
export function staticBatchNorm(x: Variable, options: StaticBatchNormOptions = {}): Variable {
  const { isTest = false, dataFormat = 'NCHW', momentum = 0.9, epsilon = 1e-5, activation } = options
  const helper = new LayerHelper('batch_norm', { name: options.name })
  const channels = (dataFormat === 'NCHW' ? x.shape[1] : x.shape.at(-1)) ?? -1
  // Parameters of halves stay float32.
  const dtype: DType = x.dtype === 'float64' ? 'float64' : 'float32'
  const vector = (attr: ParamAttr | undefined, value: number, isBias = false): Variable =>
    helper.createParameter({
      attr,
      shape: [channels],
      dtype,
      isBias,
      defaultInitializer: initializer.Constant(value),
    })
  const Scale = options.weightAttr === false ? undefined : vector(options.weightAttr, 1)
  const Bias = options.biasAttr === false ? undefined : vector(options.biasAttr, 0, true)
  const moving = (name: string | undefined): ParamAttr => ({
    trainable: false,
    ...(name === undefined ? {} : { name }),
  })
  const Mean = vector(moving(options.movingMeanName), 0)
  const Variance = vector(moving(options.movingVarianceName), 1)
  const { Y } = callOp(
    ops.batch_norm,
    { X: x, Scale, Bias, Mean, Variance },
    {
      momentum,
      epsilon,
      is_test: isTest,
      data_layout: dataFormat,
      use_global_stats: options.useGlobalStats ?? false,
    },
    {
      layer: helper,
      outputs: {
        MeanOut: Mean,
        VarianceOut: Variance,
        ...statistics(helper, dtype, ['SavedMean', 'SavedVariance']),
        ...(isTest ? {} : statistics(helper, x.dtype, ['ReserveSpace'])),
        Y: helper.createVariable(x.dtype),
      },
    },
  )
  return activation === undefined ? Y : callOp(ops[activation] as typeof ops.relu, { X: Y }, {}, { layer: helper }).Out
}

export interface StaticLayerNormOptions {
  /** false: no factor. */
  readonly weightAttr?: ParamAttr | false
  /** false: no shift. */
  readonly biasAttr?: ParamAttr | false
  /** First dimension of a row. Default 1. */
  readonly beginNormAxis?: number
  readonly epsilon?: number
  readonly activation?: Activation
  readonly name?: string
}

/** Layer normalisation with its own parameters, `w_0` and `b_0`: `paddle.static.nn.layer_norm`. Works inside `build` only. */
export function staticLayerNorm(x: Variable, options: StaticLayerNormOptions = {}): Variable {
  const { weightAttr, biasAttr, beginNormAxis = 1, epsilon = 1e-5, activation } = options
  const helper = new LayerHelper('layer_norm', { name: options.name })
  const row = x.shape.slice(beginNormAxis)
  const shape = [row.includes(-1) ? -1 : product(row)]
  const { dtype } = x
  const Scale =
    weightAttr === false
      ? undefined
      : helper.createParameter({ attr: weightAttr, shape, dtype, defaultInitializer: initializer.Constant(1) })
  const Bias = biasAttr === false ? undefined : helper.createParameter({ attr: biasAttr, shape, dtype, isBias: true })
  const { Y } = callOp(
    ops.layer_norm,
    { X: x, Scale, Bias },
    { epsilon, begin_norm_axis: beginNormAxis },
    { layer: helper, outputs: statistics(helper, dtype, ['Mean', 'Variance']) },
  )
  return activation === undefined ? Y : callOp(ops[activation] as typeof ops.relu, { X: Y }, {}, { layer: helper }).Out
}
