/** The table of the standard operators, by Paddle's operator type. */
import type { Attrs, Filled, FilledAttrs, GivenAttrs, OpLibrary, Slots } from '../framework/op_def.ts'
import { checkFiniteAndUnscale, updateLossScaling } from './amp/loss_scaling.ts'
import { accuracy } from './loss/accuracy.ts'
import { auc } from './loss/auc.ts'
import { bceLoss, bceLossGrad } from './loss/bce_loss.ts'
import { crossEntropy, crossEntropy2, crossEntropyGrad, crossEntropyGrad2 } from './loss/cross_entropy.ts'
import { huberLoss, huberLossGrad } from './loss/huber_loss.ts'
import { kldivLoss, kldivLossGrad } from './loss/kldiv_loss.ts'
import { logLoss, logLossGrad } from './loss/log_loss.ts'
import { nllLoss, nllLossGrad } from './loss/nll_loss.ts'
import { sigmoidCrossEntropyWithLogits, sigmoidCrossEntropyWithLogitsGrad } from './loss/sigmoid_cross_entropy.ts'
import { softmaxWithCrossEntropy, softmaxWithCrossEntropyGrad } from './loss/softmax_with_cross_entropy.ts'
import {
  brelu,
  breluGrad,
  hardShrink,
  hardShrinkGrad,
  hardSigmoid,
  hardSigmoidGrad,
  hardSwish,
  hardSwishGrad,
  leakyRelu,
  leakyReluGrad,
  relu,
  relu6,
  relu6Grad,
  reluGrad,
  softshrink,
  softshrinkGrad,
  thresholdedRelu,
  thresholdedReluGrad,
} from './math/activations_piecewise.ts'
import {
  elu,
  eluGrad,
  gelu,
  geluGrad,
  logsigmoid,
  logsigmoidGrad,
  mish,
  mishGrad,
  selu,
  seluGrad,
  sigmoid,
  sigmoidGrad,
  silu,
  siluGrad,
  softplus,
  softplusGrad,
  softRelu,
  softReluGrad,
  softsign,
  softsignGrad,
  stanh,
  stanhGrad,
  swish,
  swishGrad,
  tanh,
  tanhGrad,
  tanhShrink,
  tanhShrinkGrad,
} from './math/activations_smooth.ts'
import { addmm, addmmGrad, bmm, bmmGrad } from './math/bmm.ts'
import { cast } from './math/cast.ts'
import { clip, clipGrad } from './math/clip.ts'
import { clipByNorm } from './math/clip_by_norm.ts'
import { equal, greaterEqual, greaterThan, lessEqual, lessThan, notEqual } from './math/compare.ts'
import { elementwiseFloordiv, elementwiseMod } from './math/division.ts'
import { dot, dotGrad } from './math/dot.ts'
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
import { isfiniteV2, isinfV2, isnanV2 } from './math/finite.ts'
import { increment } from './math/increment.ts'
import { logicalAnd, logicalNot, logicalOr, logicalXor } from './math/logical.ts'
import { matmulV2, matmulV2Grad } from './math/matmul.ts'
import { matmulV1, matmulV1Grad } from './math/matmul_v1.ts'
import { mean, meanGrad, squaredL2Norm, squaredL2NormGrad } from './math/mean.ts'
import { mul, mulGrad } from './math/mul.ts'
import { pow, powGrad } from './math/pow.ts'
import {
  erf,
  erfGrad,
  exp,
  expGrad,
  expm1,
  expm1Grad,
  log,
  log1p,
  log1pGrad,
  log2,
  log2Grad,
  log10,
  log10Grad,
  logGrad,
  reciprocal,
  reciprocalGrad,
  rsqrt,
  rsqrtGrad,
  sqrt,
  sqrtGrad,
  square,
  squareGrad,
} from './math/powers.ts'
import { abs, absGrad, ceil, ceilGrad, floor, floorGrad, round, roundGrad, trunc, truncGrad } from './math/rounding.ts'
import { scale } from './math/scale.ts'
import { sign } from './math/sign.ts'
import { sum } from './math/sum.ts'
import {
  acos,
  acosGrad,
  acosh,
  acoshGrad,
  asin,
  asinGrad,
  asinh,
  asinhGrad,
  atan,
  atanGrad,
  atanh,
  atanhGrad,
  cos,
  cosGrad,
  cosh,
  coshGrad,
  sin,
  sinGrad,
  sinh,
  sinhGrad,
  tan,
  tanGrad,
} from './math/trigonometric.ts'
import { affineChannel, affineChannelGrad } from './nn/affine_channel.ts'
import { batchNorm, batchNormGrad } from './nn/batch_norm.ts'
import { conv2d, conv2dGrad, depthwiseConv2d, depthwiseConv2dGrad } from './nn/conv.ts'
import { conv2dTranspose, conv2dTransposeGrad } from './nn/conv_transpose.ts'
import { dropout, dropoutGrad } from './nn/dropout.ts'
import { gridSampler, gridSamplerGrad } from './nn/grid_sampler.ts'
import { groupNorm, groupNormGrad } from './nn/group_norm.ts'
import { instanceNorm, instanceNormGrad } from './nn/instance_norm.ts'
import { bilinearInterpV2, bilinearInterpV2Grad, nearestInterpV2, nearestInterpV2Grad } from './nn/interp.ts'
import { labelSmooth, labelSmoothGrad } from './nn/label_smooth.ts'
import { layerNorm, layerNormGrad } from './nn/layer_norm.ts'
import { logSoftmax, logSoftmaxGrad } from './nn/log_softmax.ts'
import { lookupTable, lookupTableGrad, lookupTableV2, lookupTableV2Grad } from './nn/lookup_table.ts'
import { norm, normGrad } from './nn/norm.ts'
import { pad, pad3d, pad3dGrad, padGrad } from './nn/pad.ts'
import { pixelShuffle, pixelShuffleGrad } from './nn/pixel_shuffle.ts'
import { pool2d, pool2dGrad } from './nn/pool.ts'
import { prelu, preluGrad } from './nn/prelu.ts'
import { rnn, rnnGrad } from './nn/rnn.ts'
import { softmax, softmaxGrad } from './nn/softmax.ts'
import { adam, adamw } from './optimizer/adam.ts'
import { lamb, larsMomentum } from './optimizer/lamb.ts'
import { sgd } from './optimizer/sgd.ts'
import { adadelta, adagrad, adamax, ftrl, momentum, rmsprop } from './optimizer/updates.ts'
import { bernoulli, randint, randperm, seed } from './random/discrete.ts'
import { gaussianRandom, truncatedGaussianRandom, uniformRandom } from './random/random.ts'
import { argMax, argMin } from './reduce/arg_extreme.ts'
import { cumsum, cumsumGrad } from './reduce/cumsum.ts'
import { logsumexp, logsumexpGrad } from './reduce/logsumexp.ts'
import { frobeniusNorm, frobeniusNormGrad, l1Norm, l1NormGrad, pNorm, pNormGrad } from './reduce/norms.ts'
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
import { reduceAll, reduceAny } from './reduce/reduce_logical.ts'
import { reduceProd, reduceProdGrad } from './reduce/reduce_prod.ts'
import { argsort, argsortGrad } from './tensor/argsort.ts'
import { assign, assignValue, memcpy, shareData } from './tensor/assign.ts'
import { concat, concatGrad } from './tensor/concat.ts'
import { cropTensor, cropTensorGrad } from './tensor/crop.ts'
import { diagV2, diagV2Grad, eye, trilTriu, trilTriuGrad } from './tensor/diagonals.ts'
import { expandAsV2, expandAsV2Grad, expandV2, expandV2Grad, tile, tileGrad } from './tensor/expand.ts'
import { feed, fetch } from './tensor/feed_fetch.ts'
import { fillAnyLike, fillConstant, fillZerosLike } from './tensor/fill.ts'
import { fillConstantBatchSizeLike, fillZerosLike2 } from './tensor/fill_like.ts'
import { flip, reverse, roll, rollGrad } from './tensor/flip.ts'
import { gather, gatherGrad, indexSelect, indexSelectGrad } from './tensor/gather.ts'
import { gatherNd, gatherNdGrad, scatterNdAdd, scatterNdAddGrad } from './tensor/gather_nd.ts'
import { maskedSelect, maskedSelectGrad, where, whereGrad, whereIndex } from './tensor/masks.ts'
import { meshgrid, meshgridGrad } from './tensor/meshgrid.ts'
import { multiplex, multiplexGrad } from './tensor/multiplex.ts'
import { oneHotV2 } from './tensor/one_hot.ts'
import { linspace, range, size } from './tensor/ranges.ts'
import { flattenContiguousRange, flattenContiguousRangeGrad, reshape2, reshape2Grad } from './tensor/reshape.ts'
import { scatter, scatterGrad } from './tensor/scatter.ts'
import { shape } from './tensor/shape.ts'
import { slice, sliceGrad, stridedSlice, stridedSliceGrad } from './tensor/slice.ts'
import { split } from './tensor/split.ts'
import { flatten2, flatten2Grad, squeeze2, squeeze2Grad, unsqueeze2, unsqueeze2Grad } from './tensor/squeeze.ts'
import { stack, stackGrad, unbind, unstack, unstackGrad } from './tensor/stack.ts'
import { indexSample, indexSampleGrad, takeAlongAxis, takeAlongAxisGrad } from './tensor/take_along_axis.ts'
import { topK, topKGrad, topKV2, topKV2Grad } from './tensor/top_k.ts'
import { transpose2, transpose2Grad } from './tensor/transpose.ts'

export const ops = {
  // loss
  accuracy,
  auc,
  bce_loss: bceLoss,
  bce_loss_grad: bceLossGrad,
  cross_entropy: crossEntropy,
  cross_entropy2: crossEntropy2,
  cross_entropy_grad: crossEntropyGrad,
  cross_entropy_grad2: crossEntropyGrad2,
  huber_loss: huberLoss,
  huber_loss_grad: huberLossGrad,
  kldiv_loss: kldivLoss,
  kldiv_loss_grad: kldivLossGrad,
  log_loss: logLoss,
  log_loss_grad: logLossGrad,
  nll_loss: nllLoss,
  nll_loss_grad: nllLossGrad,
  sigmoid_cross_entropy_with_logits: sigmoidCrossEntropyWithLogits,
  sigmoid_cross_entropy_with_logits_grad: sigmoidCrossEntropyWithLogitsGrad,
  softmax_with_cross_entropy: softmaxWithCrossEntropy,
  softmax_with_cross_entropy_grad: softmaxWithCrossEntropyGrad,
  // math
  abs,
  abs_grad: absGrad,
  acos,
  acos_grad: acosGrad,
  acosh,
  acosh_grad: acoshGrad,
  addmm,
  addmm_grad: addmmGrad,
  asin,
  asin_grad: asinGrad,
  asinh,
  asinh_grad: asinhGrad,
  atan,
  atan_grad: atanGrad,
  atanh,
  atanh_grad: atanhGrad,
  bmm,
  bmm_grad: bmmGrad,
  brelu,
  brelu_grad: breluGrad,
  cast,
  ceil,
  ceil_grad: ceilGrad,
  clip,
  clip_by_norm: clipByNorm,
  clip_grad: clipGrad,
  cos,
  cos_grad: cosGrad,
  cosh,
  cosh_grad: coshGrad,
  dot,
  dot_grad: dotGrad,
  elementwise_add: elementwiseAdd,
  elementwise_add_grad: elementwiseAddGrad,
  elementwise_div: elementwiseDiv,
  elementwise_div_grad: elementwiseDivGrad,
  elementwise_floordiv: elementwiseFloordiv,
  elementwise_max: elementwiseMax,
  elementwise_max_grad: elementwiseMaxGrad,
  elementwise_min: elementwiseMin,
  elementwise_min_grad: elementwiseMinGrad,
  elementwise_mod: elementwiseMod,
  elementwise_mul: elementwiseMul,
  elementwise_mul_grad: elementwiseMulGrad,
  elementwise_pow: elementwisePow,
  elementwise_pow_grad: elementwisePowGrad,
  elementwise_sub: elementwiseSub,
  elementwise_sub_grad: elementwiseSubGrad,
  elu,
  elu_grad: eluGrad,
  equal,
  erf,
  erf_grad: erfGrad,
  exp,
  exp_grad: expGrad,
  expm1,
  expm1_grad: expm1Grad,
  floor,
  floor_grad: floorGrad,
  gelu,
  gelu_grad: geluGrad,
  greater_equal: greaterEqual,
  greater_than: greaterThan,
  hard_shrink: hardShrink,
  hard_shrink_grad: hardShrinkGrad,
  hard_sigmoid: hardSigmoid,
  hard_sigmoid_grad: hardSigmoidGrad,
  hard_swish: hardSwish,
  hard_swish_grad: hardSwishGrad,
  increment,
  isfinite_v2: isfiniteV2,
  isinf_v2: isinfV2,
  isnan_v2: isnanV2,
  leaky_relu: leakyRelu,
  leaky_relu_grad: leakyReluGrad,
  less_equal: lessEqual,
  less_than: lessThan,
  log,
  log10,
  log10_grad: log10Grad,
  log1p,
  log1p_grad: log1pGrad,
  log2,
  log2_grad: log2Grad,
  log_grad: logGrad,
  logical_and: logicalAnd,
  logical_not: logicalNot,
  logical_or: logicalOr,
  logical_xor: logicalXor,
  logsigmoid,
  logsigmoid_grad: logsigmoidGrad,
  matmul: matmulV1,
  matmul_grad: matmulV1Grad,
  matmul_v2: matmulV2,
  matmul_v2_grad: matmulV2Grad,
  mean,
  mean_grad: meanGrad,
  mish,
  mish_grad: mishGrad,
  mul,
  mul_grad: mulGrad,
  not_equal: notEqual,
  pow,
  pow_grad: powGrad,
  reciprocal,
  reciprocal_grad: reciprocalGrad,
  relu,
  relu6,
  relu6_grad: relu6Grad,
  relu_grad: reluGrad,
  round,
  round_grad: roundGrad,
  rsqrt,
  rsqrt_grad: rsqrtGrad,
  scale,
  selu,
  selu_grad: seluGrad,
  sigmoid,
  sigmoid_grad: sigmoidGrad,
  sign,
  silu,
  silu_grad: siluGrad,
  sin,
  sin_grad: sinGrad,
  sinh,
  sinh_grad: sinhGrad,
  soft_relu: softRelu,
  soft_relu_grad: softReluGrad,
  softplus,
  softplus_grad: softplusGrad,
  softshrink,
  softshrink_grad: softshrinkGrad,
  softsign,
  softsign_grad: softsignGrad,
  sqrt,
  sqrt_grad: sqrtGrad,
  square,
  square_grad: squareGrad,
  squared_l2_norm: squaredL2Norm,
  squared_l2_norm_grad: squaredL2NormGrad,
  stanh,
  stanh_grad: stanhGrad,
  sum,
  swish,
  swish_grad: swishGrad,
  tan,
  tan_grad: tanGrad,
  tanh,
  tanh_grad: tanhGrad,
  tanh_shrink: tanhShrink,
  tanh_shrink_grad: tanhShrinkGrad,
  thresholded_relu: thresholdedRelu,
  thresholded_relu_grad: thresholdedReluGrad,
  trunc,
  trunc_grad: truncGrad,
  // nn
  affine_channel: affineChannel,
  affine_channel_grad: affineChannelGrad,
  batch_norm: batchNorm,
  batch_norm_grad: batchNormGrad,
  bilinear_interp_v2: bilinearInterpV2,
  bilinear_interp_v2_grad: bilinearInterpV2Grad,
  conv2d,
  conv2d_grad: conv2dGrad,
  conv2d_transpose: conv2dTranspose,
  conv2d_transpose_grad: conv2dTransposeGrad,
  depthwise_conv2d: depthwiseConv2d,
  depthwise_conv2d_grad: depthwiseConv2dGrad,
  dropout,
  dropout_grad: dropoutGrad,
  grid_sampler: gridSampler,
  grid_sampler_grad: gridSamplerGrad,
  group_norm: groupNorm,
  group_norm_grad: groupNormGrad,
  instance_norm: instanceNorm,
  instance_norm_grad: instanceNormGrad,
  label_smooth: labelSmooth,
  label_smooth_grad: labelSmoothGrad,
  layer_norm: layerNorm,
  layer_norm_grad: layerNormGrad,
  log_softmax: logSoftmax,
  log_softmax_grad: logSoftmaxGrad,
  lookup_table: lookupTable,
  lookup_table_grad: lookupTableGrad,
  lookup_table_v2: lookupTableV2,
  lookup_table_v2_grad: lookupTableV2Grad,
  nearest_interp_v2: nearestInterpV2,
  nearest_interp_v2_grad: nearestInterpV2Grad,
  norm,
  norm_grad: normGrad,
  pad,
  pad3d,
  pad3d_grad: pad3dGrad,
  pad_grad: padGrad,
  pixel_shuffle: pixelShuffle,
  pixel_shuffle_grad: pixelShuffleGrad,
  pool2d,
  pool2d_grad: pool2dGrad,
  prelu,
  prelu_grad: preluGrad,
  rnn,
  rnn_grad: rnnGrad,
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
  bernoulli,
  gaussian_random: gaussianRandom,
  randint,
  randperm,
  seed,
  truncated_gaussian_random: truncatedGaussianRandom,
  uniform_random: uniformRandom,
  // reduce
  arg_max: argMax,
  arg_min: argMin,
  cumsum,
  cumsum_grad: cumsumGrad,
  frobenius_norm: frobeniusNorm,
  frobenius_norm_grad: frobeniusNormGrad,
  l1_norm: l1Norm,
  l1_norm_grad: l1NormGrad,
  logsumexp,
  logsumexp_grad: logsumexpGrad,
  p_norm: pNorm,
  p_norm_grad: pNormGrad,
  reduce_all: reduceAll,
  reduce_any: reduceAny,
  reduce_max: reduceMax,
  reduce_max_grad: reduceMaxGrad,
  reduce_mean: reduceMean,
  reduce_mean_grad: reduceMeanGrad,
  reduce_min: reduceMin,
  reduce_min_grad: reduceMinGrad,
  reduce_prod: reduceProd,
  reduce_prod_grad: reduceProdGrad,
  reduce_sum: reduceSum,
  reduce_sum_grad: reduceSumGrad,
  // tensor
  argsort,
  argsort_grad: argsortGrad,
  assign,
  assign_value: assignValue,
  concat,
  concat_grad: concatGrad,
  crop_tensor: cropTensor,
  crop_tensor_grad: cropTensorGrad,
  diag_v2: diagV2,
  diag_v2_grad: diagV2Grad,
  expand_as_v2: expandAsV2,
  expand_as_v2_grad: expandAsV2Grad,
  expand_v2: expandV2,
  expand_v2_grad: expandV2Grad,
  eye,
  feed,
  fetch,
  fill_any_like: fillAnyLike,
  fill_constant: fillConstant,
  fill_constant_batch_size_like: fillConstantBatchSizeLike,
  fill_zeros_like: fillZerosLike,
  fill_zeros_like2: fillZerosLike2,
  flatten2,
  flatten2_grad: flatten2Grad,
  flatten_contiguous_range: flattenContiguousRange,
  flatten_contiguous_range_grad: flattenContiguousRangeGrad,
  flip,
  gather,
  gather_grad: gatherGrad,
  gather_nd: gatherNd,
  gather_nd_grad: gatherNdGrad,
  index_sample: indexSample,
  index_sample_grad: indexSampleGrad,
  index_select: indexSelect,
  index_select_grad: indexSelectGrad,
  linspace,
  masked_select: maskedSelect,
  masked_select_grad: maskedSelectGrad,
  memcpy,
  meshgrid,
  meshgrid_grad: meshgridGrad,
  multiplex,
  multiplex_grad: multiplexGrad,
  one_hot_v2: oneHotV2,
  range,
  reshape2,
  reshape2_grad: reshape2Grad,
  reverse,
  roll,
  roll_grad: rollGrad,
  scatter,
  scatter_grad: scatterGrad,
  scatter_nd_add: scatterNdAdd,
  scatter_nd_add_grad: scatterNdAddGrad,
  shape,
  share_data: shareData,
  size,
  slice,
  slice_grad: sliceGrad,
  split,
  squeeze2,
  squeeze2_grad: squeeze2Grad,
  stack,
  stack_grad: stackGrad,
  strided_slice: stridedSlice,
  strided_slice_grad: stridedSliceGrad,
  take_along_axis: takeAlongAxis,
  take_along_axis_grad: takeAlongAxisGrad,
  tile,
  tile_grad: tileGrad,
  top_k: topK,
  top_k_grad: topKGrad,
  top_k_v2: topKV2,
  top_k_v2_grad: topKV2Grad,
  transpose2,
  transpose2_grad: transpose2Grad,
  tril_triu: trilTriu,
  tril_triu_grad: trilTriuGrad,
  unbind,
  unsqueeze2,
  unsqueeze2_grad: unsqueeze2Grad,
  unstack,
  unstack_grad: unstackGrad,
  where,
  where_grad: whereGrad,
  where_index: whereIndex,
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
