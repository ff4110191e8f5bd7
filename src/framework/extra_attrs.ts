/**
 * What Paddle 2.6.2's operator definitions call "extra": attributes and output slots that matter to training or to other back ends alone.
 * They are written before the other attributes, and an inference model is saved without them.
 * Source: the definitions themselves, recorded in test/golden/op_protos.json.gz; a test compares the tables with it.
 */

/** Attributes, then the operators that have exactly these as extra ones. */
const EXTRA_ATTRS: readonly (readonly [attrs: string, ops: string])[] = [
  ['beta use_mkldnn', 'swish'],
  ['custom_neg_classes epmap height_sections table_names trainer_id', 'nce'],
  ['data_format', 'fused_transpose'],
  ['data_format is_test mkldnn_data_type use_cudnn use_mkldnn', 'softmax'],
  ['data_format mkldnn_data_type use_mkldnn', 'transpose transpose2'],
  ['data_format use_cudnn', 'sequence_softmax'],
  ['deterministic force_cpu rng_name', 'seed'],
  ['epmap height_sections is_distributed is_sparse remote_prefetch slot table_names trainer_id', 'lookup_table_v2'],
  [
    'exhaustive_search force_fp32_output fuse_activation fuse_alpha fuse_beta fuse_relu fuse_residual_connection is_test mkldnn_data_type use_addto use_cudnn use_mkldnn workspace_size_MB',
    'conv3d',
  ],
  ['exhaustive_search force_fp32_output is_test use_addto use_cudnn use_mkldnn workspace_size_MB', 'conv2d'],
  ['fix_seed seed', 'dropout dropout_nd'],
  [
    'force_fp32_output fuse_activation fuse_alpha fuse_beta fuse_relu is_test mkldnn_data_type use_cudnn use_mkldnn workspace_size_MB',
    'conv2d_transpose depthwise_conv2d_transpose',
  ],
  ['force_fp32_output scale_out scale_x scale_y use_mkldnn', 'mul'],
  ['fuse_with_relu use_mkldnn', 'batch_norm'],
  ['is_test', 'gru sequence_pool'],
  ['is_test mkldnn_data_type use_mkldnn', 'layer_norm prelu'],
  ['is_test mkldnn_data_type use_mkldnn use_quantizer', 'pool2d'],
  ['is_test use_mkldnn', 'lrn'],
  ['mkldnn_data_type use_mkldnn', 'clip expand_v2 flatten2 gelu matmul_v2 reshape2 shape slice squeeze2'],
  ['mkldnn_data_type use_mkldnn use_quantizer', 'concat prior_box'],
  ['moving_rate', 'dequantize_linear quantize_linear'],
  [
    'round_type',
    'fake_channel_wise_quantize_abs_max fake_channel_wise_quantize_dequantize_abs_max fake_quantize_abs_max fake_quantize_dequantize_abs_max fake_quantize_dequantize_moving_average_abs_max fake_quantize_moving_average_abs_max fake_quantize_range_abs_max',
  ],
  [
    'Scale_in Scale_in_eltwise Scale_out Scale_weights exhaustive_search force_fp32_output fuse_activation fuse_alpha fuse_beta fuse_relu fuse_relu_before_depthwise_conv fuse_residual_connection is_test mkldnn_data_type use_addto use_cudnn use_mkldnn use_quantizer workspace_size_MB',
    'depthwise_conv2d',
  ],
  [
    'Scale_in Scale_in_eltwise Scale_out Scale_weights force_fp32_output fuse_activation fuse_beta fuse_relu fuse_relu_before_depthwise_conv fuse_residual_connection is_test mkldnn_data_type use_addto use_cudnn use_mkldnn use_quantizer',
    'fused_conv2d_add_act',
  ],
  ['Scale_in Scale_in_eltwise Scale_out Scale_weights fuse_alpha fuse_beta use_cudnn', 'fused_conv2d'],
  ['Scale_out Scale_x Scale_y force_fp32_output mkldnn_data_type use_mkldnn use_quantizer', 'matmul'],
  [
    'Scale_out Scale_x Scale_y mkldnn_data_type use_mkldnn use_quantizer',
    'elementwise_add elementwise_div elementwise_floordiv elementwise_fmax elementwise_fmin elementwise_heaviside elementwise_max elementwise_mod elementwise_mul elementwise_pow elementwise_sub grad_add',
  ],
  [
    'Scale_out Scale_x Scale_y mkldnn_data_type use_mkldnn use_quantizer x_data_format y_data_format',
    'elementwise_min',
  ],
  ['seed', 'randperm'],
  ['skip_eager_deletion_vars', 'conditional_block pylayer while'],
  ['slot', 'lookup_table'],
  ['slots', 'distributed_push_sparse'],
  ['threshold use_mkldnn', 'relu6'],
  ['use_cudnn', 'affine_grid grid_sampler'],
  [
    'use_cudnn use_mkldnn',
    'acosh asinh atanh ceil cos cosh exp expm1 floor log log10 log1p log2 logsigmoid reciprocal relu renorm round rsqrt sigmoid silu sin sinh softplus softsign sqrt square tan tanh tanh_shrink',
  ],
  ['use_cudnn use_mkldnn workspace_size_MB', 'conv3d_transpose'],
  [
    'use_mkldnn',
    'abs addmm angle bicubic_interp bicubic_interp_v2 bilinear_interp bilinear_interp_v2 data_norm elu fill_constant frobenius_norm gaussian_random hard_swish leaky_relu linear_interp linear_interp_v2 log_softmax mish nearest_interp nearest_interp_v2 pad2d pad3d partial_sum pool3d reduce_all reduce_amax reduce_amin reduce_any reduce_max reduce_mean reduce_min reduce_prod reduce_sum reshape scale sgd shuffle_channel stack trilinear_interp trilinear_interp_v2',
  ],
]

/** Output slots, then operators, as above. */
const EXTRA_OUTPUTS: readonly (readonly [slots: string, ops: string])[] = [
  ['BatchCellPreAct BatchGate', 'lstm'],
  ['BatchGate BatchHidden BatchResetHiddenPrev', 'gru'],
  ['InnerCache XShape', 'einsum'],
  ['Mask', 'dropout dropout_nd'],
  ['MedianIndex', 'nanmedian'],
  ['Noise', 'rrelu'],
  ['Norm', 'norm'],
  ['OutAccum OutScale OutState', 'dequantize_linear quantize_linear'],
  ['ReserveSpace', 'batch_norm'],
  ['SampleLabels SampleLogits', 'nce'],
  ['SavedMean SavedVariance', 'instance_norm'],
  ['XShape', 'flatten2 flatten_contiguous_range fused_transpose squeeze2 transpose2 unsqueeze2'],
]

const NONE: ReadonlySet<string> = new Set()

/** The names in the first column by operator. */
function byOperator(table: readonly (readonly [string, string])[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>()
  for (const [names, ops] of table) {
    const set = new Set(names.split(' '))
    for (const op of ops.split(' ')) found.set(op, set)
  }
  return found
}

const attrsByOperator = byOperator(EXTRA_ATTRS)
const outputsByOperator = byOperator(EXTRA_OUTPUTS)

/** Extra attributes of an operator. A gradient operator has those of its forward operator. */
export function extraAttrs(type: string): ReadonlySet<string> {
  for (let base = type; ; ) {
    const found = attrsByOperator.get(base)
    if (found !== undefined) return found
    const shorter = base.replace(/(_double|_triple)?_grad$/, '')
    if (shorter === base) return NONE
    base = shorter
  }
}

/** Extra output slots of a forward operator. */
export const extraOutputs = (type: string): ReadonlySet<string> => outputsByOperator.get(type) ?? NONE
