/** The table of the operators of this folder: making, moving, choosing and joining elements. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { argsort, argsortGrad } from './argsort.ts'
import { assign, assignValue, memcpy, shareData } from './assign.ts'
import { concat, concatGrad } from './concat.ts'
import { bincount, isEmpty, searchsorted, sequenceMask, shardIndex, trilIndices, triuIndices } from './counting.ts'
import { cropTensor, cropTensorGrad } from './crop.ts'
import {
  diagEmbed,
  diagonal,
  diagonalGrad,
  fillDiagonal,
  fillDiagonalGrad,
  trace,
  traceGrad,
} from './diagonal_views.ts'
import { diagV2, diagV2Grad, eye, trilTriu, trilTriuGrad } from './diagonals.ts'
import { expandAsV2, expandAsV2Grad, expandV2, expandV2Grad, tile, tileGrad } from './expand.ts'
import { feed, fetch } from './feed_fetch.ts'
import { fillAnyLike, fillConstant, fillZerosLike } from './fill.ts'
import { fillAny, fillAnyGrad } from './fill_any.ts'
import { fillConstantBatchSizeLike, fillZerosLike2 } from './fill_like.ts'
import { flip, reverse, roll, rollGrad } from './flip.ts'
import { gather, gatherGrad, indexSelect, indexSelectGrad } from './gather.ts'
import { gatherNd, gatherNdGrad, scatterNdAdd, scatterNdAddGrad } from './gather_nd.ts'
import { indexAdd, indexAddGrad } from './index_add.ts'
import { maskedSelect, maskedSelectGrad, where, whereGrad, whereIndex } from './masks.ts'
import { meshgrid, meshgridGrad } from './meshgrid.ts'
import { multiplex, multiplexGrad } from './multiplex.ts'
import { oneHotV2 } from './one_hot.ts'
import { putAlongAxis, putAlongAxisGrad } from './put_along_axis.ts'
import { linspace, range, size } from './ranges.ts'
import {
  broadcastTensors,
  broadcastTensorsGrad,
  expand,
  expandGrad,
  repeatInterleave,
  repeatInterleaveGrad,
} from './repetition.ts'
import { flattenContiguousRange, flattenContiguousRangeGrad, reshape2, reshape2Grad } from './reshape.ts'
import { reshapeV1, reshapeV1Grad } from './reshape_v1.ts'
import { scatter, scatterGrad } from './scatter.ts'
import { getTensorFromSelectedRows, mergeSelectedRows } from './selected_rows.ts'
import { setValue } from './set_value.ts'
import { shape } from './shape.ts'
import { slice, sliceGrad, stridedSlice, stridedSliceGrad } from './slice.ts'
import { split } from './split.ts'
import { flatten2, flatten2Grad, squeeze2, squeeze2Grad, unsqueeze2, unsqueeze2Grad } from './squeeze.ts'
import { stack, stackGrad, unbind, unstack, unstackGrad } from './stack.ts'
import { indexSample, indexSampleGrad, takeAlongAxis, takeAlongAxisGrad } from './take_along_axis.ts'
import { topK, topKGrad, topKV2, topKV2Grad } from './top_k.ts'
import { transpose2, transpose2Grad } from './transpose.ts'
import { unique } from './unique.ts'

export const tensorOps = {
  argsort,
  argsort_grad: argsortGrad,
  assign,
  assign_value: assignValue,
  bincount,
  broadcast_tensors: broadcastTensors,
  broadcast_tensors_grad: broadcastTensorsGrad,
  concat,
  concat_grad: concatGrad,
  crop_tensor: cropTensor,
  crop_tensor_grad: cropTensorGrad,
  diag_embed: diagEmbed,
  diag_v2: diagV2,
  diag_v2_grad: diagV2Grad,
  diagonal,
  diagonal_grad: diagonalGrad,
  expand,
  expand_as_v2: expandAsV2,
  expand_as_v2_grad: expandAsV2Grad,
  expand_grad: expandGrad,
  expand_v2: expandV2,
  expand_v2_grad: expandV2Grad,
  eye,
  feed,
  fetch,
  fill_any: fillAny,
  fill_any_grad: fillAnyGrad,
  fill_any_like: fillAnyLike,
  fill_constant: fillConstant,
  fill_constant_batch_size_like: fillConstantBatchSizeLike,
  fill_diagonal: fillDiagonal,
  fill_diagonal_grad: fillDiagonalGrad,
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
  get_tensor_from_selected_rows: getTensorFromSelectedRows,
  index_add: indexAdd,
  index_add_grad: indexAddGrad,
  index_sample: indexSample,
  index_sample_grad: indexSampleGrad,
  index_select: indexSelect,
  index_select_grad: indexSelectGrad,
  is_empty: isEmpty,
  linspace,
  masked_select: maskedSelect,
  masked_select_grad: maskedSelectGrad,
  memcpy,
  merge_selected_rows: mergeSelectedRows,
  meshgrid,
  meshgrid_grad: meshgridGrad,
  multiplex,
  multiplex_grad: multiplexGrad,
  one_hot_v2: oneHotV2,
  put_along_axis: putAlongAxis,
  put_along_axis_grad: putAlongAxisGrad,
  range,
  repeat_interleave: repeatInterleave,
  repeat_interleave_grad: repeatInterleaveGrad,
  reshape: reshapeV1,
  reshape2,
  reshape2_grad: reshape2Grad,
  reshape_grad: reshapeV1Grad,
  reverse,
  roll,
  roll_grad: rollGrad,
  scatter,
  scatter_grad: scatterGrad,
  scatter_nd_add: scatterNdAdd,
  scatter_nd_add_grad: scatterNdAddGrad,
  searchsorted,
  sequence_mask: sequenceMask,
  set_value: setValue,
  shape,
  shard_index: shardIndex,
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
  trace,
  trace_grad: traceGrad,
  transpose2,
  transpose2_grad: transpose2Grad,
  tril_indices: trilIndices,
  tril_triu: trilTriu,
  tril_triu_grad: trilTriuGrad,
  triu_indices: triuIndices,
  unbind,
  unique,
  unsqueeze2,
  unsqueeze2_grad: unsqueeze2Grad,
  unstack,
  unstack_grad: unstackGrad,
  where,
  where_grad: whereGrad,
  where_index: whereIndex,
} satisfies OpLibrary
