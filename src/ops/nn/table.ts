/** The table of the operators of this folder: layers of networks. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { affineChannel, affineChannelGrad } from './affine_channel.ts'
import { batchNorm, batchNormGrad } from './batch_norm.ts'
import { conv2d, conv2dGrad, depthwiseConv2d, depthwiseConv2dGrad } from './conv.ts'
import { conv2dTranspose, conv2dTransposeGrad } from './conv_transpose.ts'
import { dropout, dropoutGrad } from './dropout.ts'
import { gridSampler, gridSamplerGrad } from './grid_sampler.ts'
import { groupNorm, groupNormGrad } from './group_norm.ts'
import { instanceNorm, instanceNormGrad } from './instance_norm.ts'
import { bilinearInterpV2, bilinearInterpV2Grad, nearestInterpV2, nearestInterpV2Grad } from './interp.ts'
import { labelSmooth, labelSmoothGrad } from './label_smooth.ts'
import { layerNorm, layerNormGrad } from './layer_norm.ts'
import { logSoftmax, logSoftmaxGrad } from './log_softmax.ts'
import { lookupTable, lookupTableGrad, lookupTableV2, lookupTableV2Grad } from './lookup_table.ts'
import { maxout, maxoutGrad } from './maxout.ts'
import { norm, normGrad } from './norm.ts'
import { pad, pad3d, pad3dGrad, padGrad } from './pad.ts'
import { pixelShuffle, pixelShuffleGrad } from './pixel_shuffle.ts'
import { pool2d, pool2dGrad } from './pool.ts'
import { prelu, preluGrad } from './prelu.ts'
import { rnn, rnnGrad } from './rnn.ts'
import { softmax, softmaxGrad } from './softmax.ts'

export const nnOps = {
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
  maxout,
  maxout_grad: maxoutGrad,
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
} satisfies OpLibrary
