/** The table of the operators of this folder: layers of networks. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { affineChannel, affineChannelGrad } from './affine_channel.ts'
import { affineGrid, affineGridGrad } from './affine_grid.ts'
import { batchNorm, batchNormGrad } from './batch_norm.ts'
import {
  channelShuffle,
  channelShuffleGrad,
  pixelUnshuffle,
  pixelUnshuffleGrad,
  shuffleChannel,
  shuffleChannelGrad,
  temporalShift,
  temporalShiftGrad,
} from './channel_moves.ts'
import { conv2d, conv2dGrad, conv3d, conv3dGrad, depthwiseConv2d, depthwiseConv2dGrad } from './conv.ts'
import {
  conv2dTranspose,
  conv2dTransposeGrad,
  conv3dTranspose,
  conv3dTransposeGrad,
  depthwiseConv2dTranspose,
  depthwiseConv2dTransposeGrad,
} from './conv_transpose.ts'
import { dropout, dropoutGrad } from './dropout.ts'
import { fc } from './fc.ts'
import { fusedConv2dAddAct } from './fused_conv.ts'
import { gridSampler, gridSamplerGrad } from './grid_sampler.ts'
import { groupNorm, groupNormGrad } from './group_norm.ts'
import { instanceNorm, instanceNormGrad } from './instance_norm.ts'
import {
  bicubicInterp,
  bicubicInterpGrad,
  bicubicInterpV2,
  bicubicInterpV2Grad,
  bilinearInterp,
  bilinearInterpGrad,
  bilinearInterpV2,
  bilinearInterpV2Grad,
  linearInterp,
  linearInterpGrad,
  linearInterpV2,
  linearInterpV2Grad,
  nearestInterp,
  nearestInterpGrad,
  nearestInterpV2,
  nearestInterpV2Grad,
  trilinearInterp,
  trilinearInterpGrad,
  trilinearInterpV2,
  trilinearInterpV2Grad,
} from './interp.ts'
import { labelSmooth, labelSmoothGrad } from './label_smooth.ts'
import { layerNorm, layerNormGrad } from './layer_norm.ts'
import { logSoftmax, logSoftmaxGrad } from './log_softmax.ts'
import { lookupTable, lookupTableGrad, lookupTableV2, lookupTableV2Grad } from './lookup_table.ts'
import {
  maxPool2dWithIndex,
  maxPool2dWithIndexGrad,
  maxPool3dWithIndex,
  maxPool3dWithIndexGrad,
} from './max_pool_index.ts'
import { maxout, maxoutGrad } from './maxout.ts'
import { norm, normGrad } from './norm.ts'
import { pad, pad3d, pad3dGrad, padGrad } from './pad.ts'
import { pixelShuffle, pixelShuffleGrad } from './pixel_shuffle.ts'
import { pool2d, pool2dGrad, pool3d, pool3dGrad } from './pool.ts'
import { prelu, preluGrad } from './prelu.ts'
import { rnn, rnnGrad } from './rnn.ts'
import { softmax, softmaxGrad } from './softmax.ts'
import { fold, foldGrad, unfold, unfoldGrad } from './unfold.ts'

export const nnOps = {
  affine_channel: affineChannel,
  affine_channel_grad: affineChannelGrad,
  affine_grid: affineGrid,
  affine_grid_grad: affineGridGrad,
  batch_norm: batchNorm,
  batch_norm_grad: batchNormGrad,
  bicubic_interp: bicubicInterp,
  bicubic_interp_grad: bicubicInterpGrad,
  bicubic_interp_v2: bicubicInterpV2,
  bicubic_interp_v2_grad: bicubicInterpV2Grad,
  bilinear_interp: bilinearInterp,
  bilinear_interp_grad: bilinearInterpGrad,
  bilinear_interp_v2: bilinearInterpV2,
  bilinear_interp_v2_grad: bilinearInterpV2Grad,
  channel_shuffle: channelShuffle,
  channel_shuffle_grad: channelShuffleGrad,
  conv2d,
  conv2d_grad: conv2dGrad,
  conv2d_transpose: conv2dTranspose,
  conv2d_transpose_grad: conv2dTransposeGrad,
  conv3d,
  conv3d_grad: conv3dGrad,
  conv3d_transpose: conv3dTranspose,
  conv3d_transpose_grad: conv3dTransposeGrad,
  depthwise_conv2d: depthwiseConv2d,
  depthwise_conv2d_grad: depthwiseConv2dGrad,
  depthwise_conv2d_transpose: depthwiseConv2dTranspose,
  depthwise_conv2d_transpose_grad: depthwiseConv2dTransposeGrad,
  dropout,
  dropout_grad: dropoutGrad,
  fc,
  fold,
  fold_grad: foldGrad,
  fused_conv2d_add_act: fusedConv2dAddAct,
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
  linear_interp: linearInterp,
  linear_interp_grad: linearInterpGrad,
  linear_interp_v2: linearInterpV2,
  linear_interp_v2_grad: linearInterpV2Grad,
  log_softmax: logSoftmax,
  log_softmax_grad: logSoftmaxGrad,
  lookup_table: lookupTable,
  lookup_table_grad: lookupTableGrad,
  lookup_table_v2: lookupTableV2,
  lookup_table_v2_grad: lookupTableV2Grad,
  max_pool2d_with_index: maxPool2dWithIndex,
  max_pool2d_with_index_grad: maxPool2dWithIndexGrad,
  max_pool3d_with_index: maxPool3dWithIndex,
  max_pool3d_with_index_grad: maxPool3dWithIndexGrad,
  maxout,
  maxout_grad: maxoutGrad,
  nearest_interp: nearestInterp,
  nearest_interp_grad: nearestInterpGrad,
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
  pixel_unshuffle: pixelUnshuffle,
  pixel_unshuffle_grad: pixelUnshuffleGrad,
  pool2d,
  pool2d_grad: pool2dGrad,
  pool3d,
  pool3d_grad: pool3dGrad,
  prelu,
  prelu_grad: preluGrad,
  rnn,
  rnn_grad: rnnGrad,
  shuffle_channel: shuffleChannel,
  shuffle_channel_grad: shuffleChannelGrad,
  softmax,
  softmax_grad: softmaxGrad,
  temporal_shift: temporalShift,
  temporal_shift_grad: temporalShiftGrad,
  trilinear_interp: trilinearInterp,
  trilinear_interp_grad: trilinearInterpGrad,
  trilinear_interp_v2: trilinearInterpV2,
  trilinear_interp_v2_grad: trilinearInterpV2Grad,
  unfold,
  unfold_grad: unfoldGrad,
} satisfies OpLibrary
