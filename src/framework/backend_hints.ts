/**
 * Attributes that Paddle keeps for back ends and services that are not here. They have no effect on a result, need not be written and are
 * not compared.
 */

const HINTS: ReadonlySet<string> = new Set([
  'use_mkldnn',
  'mkldnn_data_type',
  'use_quantizer',
  'use_cudnn',
  'Scale_x',
  'Scale_y',
  'Scale_out',
  'Scale_in',
  'Scale_in_eltwise',
  'Scale_weights',
  'scale_x',
  'scale_y',
  'scale_out',
  'scale_in',
  'force_fp32_output',
  'skip_eager_deletion_vars',
  'workspace_size_MB',
  'exhaustive_search',
  'use_addto',
  'deterministic',
  'rng_name',
  'place_type',
  'force_cpu',
  'x_data_format',
  'y_data_format',
  'epmap',
  'height_sections',
  'is_distributed',
  'remote_prefetch',
  'slot',
  'table_names',
  'trainer_id',
])

/** True for an attribute that is a hint for another back end, `fuse_*` among them. */
export const isBackendHint = (attr: string): boolean => HINTS.has(attr) || attr.startsWith('fuse_')
