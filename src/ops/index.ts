/** The table of the standard operators, by Paddle's operator type. */
import type { Attrs, Filled, FilledAttrs, GivenAttrs, OpLibrary, Slots } from '../framework/op_def.ts'
import { checkFiniteAndUnscale, updateLossScaling } from './amp/loss_scaling.ts'
import { accuracy } from './loss/accuracy.ts'
import { crossEntropy, crossEntropy2, crossEntropyGrad, crossEntropyGrad2 } from './loss/cross_entropy.ts'
import { softmaxWithCrossEntropy, softmaxWithCrossEntropyGrad } from './loss/softmax_with_cross_entropy.ts'
import {
  abs,
  absGrad,
  exp,
  expGrad,
  log,
  logGrad,
  relu,
  reluGrad,
  sigmoid,
  sigmoidGrad,
  sqrt,
  sqrtGrad,
  square,
  squareGrad,
  tanh,
  tanhGrad,
} from './math/activation.ts'
import { cast } from './math/cast.ts'
import { clip, clipGrad } from './math/clip.ts'
import { equal, greaterEqual, greaterThan, lessEqual, lessThan, notEqual } from './math/compare.ts'
import {
  elementwiseAdd,
  elementwiseAddGrad,
  elementwiseDiv,
  elementwiseDivGrad,
  elementwiseMax,
  elementwiseMaxGrad,
  elementwiseMin,
  elementwiseMinGrad,
  elementwiseMul,
  elementwiseMulGrad,
  elementwisePow,
  elementwisePowGrad,
  elementwiseSub,
  elementwiseSubGrad,
} from './math/elementwise.ts'
import { increment } from './math/increment.ts'
import { matmulV2, matmulV2Grad } from './math/matmul.ts'
import { mean, meanGrad, squaredL2Norm, squaredL2NormGrad } from './math/mean.ts'
import { mul, mulGrad } from './math/mul.ts'
import { scale } from './math/scale.ts'
import { sign } from './math/sign.ts'
import { sum } from './math/sum.ts'
import { dropout, dropoutGrad } from './nn/dropout.ts'
import { softmax, softmaxGrad } from './nn/softmax.ts'
import { adam, adamw } from './optimizer/adam.ts'
import { lamb, larsMomentum } from './optimizer/lamb.ts'
import { sgd } from './optimizer/sgd.ts'
import { adadelta, adagrad, adamax, ftrl, momentum, rmsprop } from './optimizer/updates.ts'
import { gaussianRandom, truncatedGaussianRandom, uniformRandom } from './random/random.ts'
import { argMax, argMin } from './reduce/arg_extreme.ts'
import {
  reduceMax,
  reduceMaxGrad,
  reduceMean,
  reduceMeanGrad,
  reduceMin,
  reduceMinGrad,
  reduceSum,
  reduceSumGrad,
} from './reduce/reduce.ts'
import { assign, assignValue, memcpy } from './tensor/assign.ts'
import { concat, concatGrad } from './tensor/concat.ts'
import { feed, fetch } from './tensor/feed_fetch.ts'
import { fillAnyLike, fillConstant, fillZerosLike } from './tensor/fill.ts'
import { flattenContiguousRange, flattenContiguousRangeGrad, reshape2, reshape2Grad } from './tensor/reshape.ts'
import { topK, topKGrad, topKV2, topKV2Grad } from './tensor/top_k.ts'
import { transpose2, transpose2Grad } from './tensor/transpose.ts'

export const ops = {
  // loss
  accuracy,
  cross_entropy: crossEntropy,
  cross_entropy_grad: crossEntropyGrad,
  cross_entropy2: crossEntropy2,
  cross_entropy_grad2: crossEntropyGrad2,
  softmax_with_cross_entropy: softmaxWithCrossEntropy,
  softmax_with_cross_entropy_grad: softmaxWithCrossEntropyGrad,
  // math
  abs,
  abs_grad: absGrad,
  cast,
  clip,
  clip_grad: clipGrad,
  elementwise_add: elementwiseAdd,
  elementwise_add_grad: elementwiseAddGrad,
  elementwise_div: elementwiseDiv,
  elementwise_div_grad: elementwiseDivGrad,
  elementwise_max: elementwiseMax,
  elementwise_max_grad: elementwiseMaxGrad,
  elementwise_min: elementwiseMin,
  elementwise_min_grad: elementwiseMinGrad,
  elementwise_mul: elementwiseMul,
  elementwise_mul_grad: elementwiseMulGrad,
  elementwise_pow: elementwisePow,
  elementwise_pow_grad: elementwisePowGrad,
  elementwise_sub: elementwiseSub,
  elementwise_sub_grad: elementwiseSubGrad,
  equal,
  exp,
  exp_grad: expGrad,
  greater_equal: greaterEqual,
  greater_than: greaterThan,
  increment,
  less_equal: lessEqual,
  less_than: lessThan,
  log,
  log_grad: logGrad,
  matmul_v2: matmulV2,
  matmul_v2_grad: matmulV2Grad,
  mean,
  mean_grad: meanGrad,
  mul,
  mul_grad: mulGrad,
  not_equal: notEqual,
  relu,
  relu_grad: reluGrad,
  scale,
  sigmoid,
  sigmoid_grad: sigmoidGrad,
  sign,
  sqrt,
  sqrt_grad: sqrtGrad,
  square,
  square_grad: squareGrad,
  squared_l2_norm: squaredL2Norm,
  squared_l2_norm_grad: squaredL2NormGrad,
  sum,
  tanh,
  tanh_grad: tanhGrad,
  // nn
  dropout,
  dropout_grad: dropoutGrad,
  softmax,
  softmax_grad: softmaxGrad,
  // amp
  check_finite_and_unscale: checkFiniteAndUnscale,
  update_loss_scaling: updateLossScaling,
  // optimizer
  adamw,
  lamb,
  lars_momentum: larsMomentum,
  adadelta,
  adagrad,
  adam,
  adamax,
  ftrl,
  momentum,
  rmsprop,
  sgd,
  // random
  gaussian_random: gaussianRandom,
  truncated_gaussian_random: truncatedGaussianRandom,
  uniform_random: uniformRandom,
  // reduce
  arg_max: argMax,
  arg_min: argMin,
  reduce_max: reduceMax,
  reduce_max_grad: reduceMaxGrad,
  reduce_mean: reduceMean,
  reduce_mean_grad: reduceMeanGrad,
  reduce_min: reduceMin,
  reduce_min_grad: reduceMinGrad,
  reduce_sum: reduceSum,
  reduce_sum_grad: reduceSumGrad,
  // tensor
  assign,
  assign_value: assignValue,
  concat,
  concat_grad: concatGrad,
  feed,
  fetch,
  fill_any_like: fillAnyLike,
  fill_constant: fillConstant,
  fill_zeros_like: fillZerosLike,
  flatten_contiguous_range: flattenContiguousRange,
  flatten_contiguous_range_grad: flattenContiguousRangeGrad,
  memcpy,
  reshape2,
  reshape2_grad: reshape2Grad,
  top_k: topK,
  top_k_grad: topKGrad,
  top_k_v2: topKV2,
  top_k_v2_grad: topKV2Grad,
  transpose2,
  transpose2_grad: transpose2Grad,
} satisfies OpLibrary

export type OpType = keyof typeof ops

type SlotsOf<S> = S extends Slots ? S : never
type AttrsIn<A> = A extends Attrs ? A : never

/** Inputs of an operator as `V` per slot. */
export type InputsOf<T extends OpType, V> = Filled<SlotsOf<(typeof ops)[T]['inputs']>, V>
export type OutputsOf<T extends OpType, V> = Filled<SlotsOf<(typeof ops)[T]['outputs']>, V>
/** Attributes as a caller gives them. */
export type AttrsOf<T extends OpType> = GivenAttrs<AttrsIn<(typeof ops)[T]['attrs']>>
/** Attributes with defaults filled in. */
export type FilledAttrsOf<T extends OpType> = FilledAttrs<AttrsIn<(typeof ops)[T]['attrs']>>
