/**
 * Layers as functions, under Paddle's names, with the operators and variable names that Paddle 2.6.2 gives.
 * Source: python/paddle/nn/functional/, python/paddle/static/nn/common.py and python/paddle/static/nn/metric.py (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import { LayerHelper, type ParamAttr } from '../framework/layer_helper.ts'
import type { Variable } from '../framework/variable.ts'
import { callOp, type OpValue } from '../modes/call.ts'
import { layerFor } from '../modes/parameters.ts'
import { ops } from '../ops/index.ts'
import { formatShape, product } from '../tensor/shape.ts'

export { conv2d, staticConv2d } from './conv.ts'
export { batchNorm, layerNorm, staticBatchNorm, staticLayerNorm } from './norm.ts'
export { adaptiveAvgPool2d, avgPool2d, maxPool2d } from './pool.ts'

/** Activations that layers take by name. */
export type Activation = 'relu' | 'sigmoid' | 'tanh' | 'softmax' | 'exp' | 'square' | 'sqrt' | 'abs'

export interface FcOptions {
  /** Applied to the result. */
  readonly activation?: Activation
  /** Leading dimensions of x that stay; the others are flattened. Default 1. */
  readonly numFlattenDims?: number
  readonly weightAttr?: ParamAttr
  /** false: no bias. */
  readonly biasAttr?: ParamAttr | false
  readonly name?: string
}

/**
 * A fully connected layer, activation(x W + b), with Paddle's `mul` operator.
 * @param x [N, …]; all dimensions from `numFlattenDims` on must be known. @returns [N, size].
 * @throws InvalidArgumentError E203 for an unknown dimension where the weight needs a known one.
 */
export function fc(x: Variable, size: number, options: FcOptions = {}): Variable {
  const { numFlattenDims = 1, weightAttr, biasAttr, activation } = options
  const helper = new LayerHelper('fc', { name: options.name })
  const features = x.shape.slice(numFlattenDims)
  if (features.length === 0 || features.some((dim) => dim < 0)) {
    throw new InvalidArgumentError(
      'E203',
      `fc: the dimensions of "${x.name}" from ${numFlattenDims} on must be known, got ${formatShape(x.shape)}`,
      {
        where: { variable: x.name },
        got: x.shape,
      },
    )
  }
  const weight = helper.createParameter({ attr: weightAttr, shape: [product(features), size], dtype: x.dtype })
  let out = callOp(
    ops.mul,
    { X: x, Y: weight },
    { x_num_col_dims: numFlattenDims, y_num_col_dims: 1 },
    { layer: helper },
  ).Out
  if (biasAttr !== false) {
    const bias = helper.createParameter({ attr: biasAttr, shape: [size], dtype: x.dtype, isBias: true })
    out = callOp(ops.elementwise_add, { X: out, Y: bias }, { axis: numFlattenDims }, { layer: helper }).Out
  }
  return activation === undefined
    ? out
    : callOp(ops[activation] as typeof ops.relu, { X: out }, {}, { layer: helper }).Out
}

export interface LinearOptions {
  readonly name?: string
}

/** x W + b with `matmul_v2`: x [*, in], weight [in, out], bias [out]. */
export function linear<V extends OpValue>(x: V, weight: OpValue, bias?: OpValue, options: LinearOptions = {}): V {
  const layer = layerFor('linear', options.name)
  const out = callOp(ops.matmul_v2, { X: x as OpValue, Y: weight }, {}, { layer }).Out
  if (bias === undefined) return out as V
  return callOp(ops.elementwise_add, { X: out, Y: bias }, { axis: x.shape.length - 1 }, { layer }).Out as V
}

/** max(x, 0). */
export const relu = <V extends OpValue>(x: V): V => callOp(ops.relu, { X: x as OpValue }, {}).Out as V
/** 1 / (1 + exp(-x)). */
export const sigmoid = <V extends OpValue>(x: V): V => callOp(ops.sigmoid, { X: x as OpValue }, {}).Out as V
export const tanh = <V extends OpValue>(x: V): V => callOp(ops.tanh, { X: x as OpValue }, {}).Out as V
/** exp(x) / sum(exp(x)) along `axis`. */
export const softmax = <V extends OpValue>(x: V, axis = -1): V =>
  callOp(ops.softmax, { X: x as OpValue }, { axis }).Out as V

/** x * min(max(x + 3, 0), 6) / 6. */
export const hardswish = <V extends OpValue>(x: V): V =>
  callOp(ops.hard_swish, { X: x as OpValue }, {}, { layer: layerFor('hardswish') }).Out as V

export interface HardsigmoidOptions {
  /** Default 1/6, as in Paddle's function; the operator's own default is 0.2. */
  readonly slope?: number
  /** Default 0.5. */
  readonly offset?: number
}

/** min(max(slope * x + offset, 0), 1). */
export const hardsigmoid = <V extends OpValue>(x: V, options: HardsigmoidOptions = {}): V =>
  callOp(
    ops.hard_sigmoid,
    { X: x as OpValue },
    { slope: options.slope ?? 0.1666667, offset: options.offset ?? 0.5 },
    { layer: layerFor('hardsigmoid') },
  ).Out as V

/** x + y; dimensions that are 1 or missing in front are repeated. `paddle.add`. */
export const add = <V extends OpValue>(x: V, y: V): V => elementwise(ops.elementwise_add, x, y) as V
/** x * y; dimensions that are 1 or missing in front are repeated. `paddle.multiply`. */
export const multiply = <V extends OpValue>(x: V, y: V): V => elementwise(ops.elementwise_mul, x, y) as V

/** Paddle names the result after the layer itself (`elementwise_add_0`), without `.tmp_0`. */
function elementwise(def: typeof ops.elementwise_add, x: OpValue, y: OpValue): OpValue {
  const layer = layerFor(def.type)
  const outputs =
    layer === undefined ? {} : { Out: layer.block.createVar({ name: layer.name, dtype: x.dtype, stopGradient: false }) }
  return callOp(def, { X: x, Y: y }, { axis: -1 }, { layer, outputs }).Out
}

/** The mean over `axis` (default: over all elements, giving a 0-D result). */
export const mean = <V extends OpValue>(x: V, axis?: number | readonly number[], keepDim = false): V =>
  x.mean(axis, keepDim) as V
/** The sum over `axis` (default: over all elements, giving a 0-D result). */
export const sum = <V extends OpValue>(x: V, axis?: number | readonly number[], keepDim = false): V =>
  x.sum(axis, keepDim) as V

/** (input - label)^2 for each element. */
export function squareErrorCost<V extends OpValue>(input: V, label: V): V {
  const layer = layerFor('square_error_cost')
  const difference = callOp(ops.elementwise_sub, { X: input as OpValue, Y: label as OpValue }, {}, { layer }).Out
  return callOp(ops.square, { X: difference }, {}, { layer }).Out as V
}

export interface SoftmaxWithCrossEntropyOptions {
  /** label holds probabilities in place of class numbers. Default false. */
  readonly softLabel?: boolean
  /** Rows with this label give a loss of 0. Default -100. */
  readonly ignoreIndex?: number
  readonly numericStableMode?: boolean
  /** Default -1. */
  readonly axis?: number
}

/**
 * -log(softmax(logits)[label]) for each row.
 * @param logits [N, C]. @param label [N, 1] class numbers, or [N, C] probabilities with softLabel. @returns [N, 1].
 */
export function softmaxWithCrossEntropy<V extends OpValue>(
  logits: V,
  label: V,
  options: SoftmaxWithCrossEntropyOptions = {},
): V {
  return callOp(
    ops.softmax_with_cross_entropy,
    { Logits: logits as OpValue, Label: label as OpValue },
    {
      soft_label: options.softLabel ?? false,
      ignore_index: options.ignoreIndex ?? -100,
      numeric_stable_mode: options.numericStableMode ?? true,
      axis: options.axis ?? -1,
    },
  ).Loss as V
}

export interface CrossEntropyOptions {
  readonly softLabel?: boolean
  /** Default 'mean'. */
  readonly reduction?: 'mean' | 'sum' | 'none'
  readonly axis?: number
}

/**
 * Softmax and cross entropy in one, reduced.
 * @param input [N, C] logits. @param label [N, 1] class numbers, or [N, C] probabilities with softLabel. @returns 0-D, or [N, 1] with 'none'.
 * @throws InvalidArgumentError E203 for a label of another rank.
 */
export function crossEntropy<V extends OpValue>(input: V, label: V, options: CrossEntropyOptions = {}): V {
  if (label.shape.length !== input.shape.length) {
    throw new InvalidArgumentError(
      'E203',
      `crossEntropy: label must have the rank of input, got ${formatShape(label.shape)} for ${formatShape(input.shape)}`,
      { expected: input.shape, got: label.shape },
    )
  }
  const loss = softmaxWithCrossEntropy(input, label, {
    softLabel: options.softLabel ?? false,
    axis: options.axis ?? -1,
  })
  const reduction = options.reduction ?? 'mean'
  return reduction === 'none' ? loss : reduction === 'sum' ? sum(loss) : mean(loss)
}

export interface DropoutOptions {
  /** Probability of setting an element to zero. Default 0.5. */
  readonly p?: number
  /** upscale_in_train divides the kept elements by 1 - p while training; downscale_in_infer multiplies by 1 - p in testing. */
  readonly mode?: 'upscale_in_train' | 'downscale_in_infer'
  /** Default true; clone({ forTest: true }) switches it off. */
  readonly training?: boolean
}

/** Sets elements to zero at random. With p = 0 the input is returned and no operator called. */
export function dropout<V extends OpValue>(x: V, options: DropoutOptions = {}): V {
  const { p = 0.5, mode = 'upscale_in_train', training = true } = options
  if (p === 0) return x
  const layer = layerFor('dropout')
  const seed = layer?.programs.main.randomSeed ?? 0
  const outputs =
    layer === undefined
      ? {}
      : { outputs: { Out: layer.createVariable(x.dtype), Mask: layer.createVariable('uint8', { stopGradient: true }) } }
  return callOp(
    ops.dropout,
    { X: x as OpValue },
    {
      dropout_prob: p,
      is_test: !training,
      dropout_implementation: mode === 'downscale_in_infer' ? 'downgrade_in_infer' : mode,
      fix_seed: seed !== 0,
      seed,
    },
    { layer, ...outputs },
  ).Out as V
}

/** The share of rows whose label is among the `k` largest of `input` [N, C]; 0-D. @param label [N, 1] int64. */
export function accuracy<V extends OpValue>(input: V, label: V, k = 1): V {
  const layer = layerFor('accuracy')
  const top = callOp(ops.top_k_v2, { X: input as OpValue }, { k, sorted: false }, { layer })
  return callOp(ops.accuracy, { Out: top.Out, Indices: top.Indices, Label: label as OpValue }, {}, { layer })
    .Accuracy as V
}
