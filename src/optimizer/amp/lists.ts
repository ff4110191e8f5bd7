/**
 * Which operators mixed precision computes in a half type: lists of operator types that users may change.
 * Source: python/paddle/static/amp/fp16_lists.py and python/paddle/amp/amp_lists.py (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'

/** Element types of mixed precision. */
export type HalfType = 'float16' | 'bfloat16'

export interface AmpListOptions {
  /** Operator types to compute in the half type. */
  readonly customWhiteList?: Iterable<string>
  /** Operator types to compute in float32. */
  readonly customBlackList?: Iterable<string>
  /** Operators that name one of these variables compute in float32. */
  readonly customBlackVarnames?: Iterable<string>
  /** Default float16. */
  readonly dtype?: HalfType
  /**
   * Operator types without a half kernel where the program is to run. Default: none, since every operator here has half precision. Paddle asks
   * its own build, which on a CPU names nearly all.
   */
  readonly unsupportedList?: Iterable<string>
}

/** Gain much and are safe. */
const WHITE = [
  ...['conv2d', 'einsum', 'matmul', 'matmul_v2', 'max_pool2d_with_index', 'mul', 'fused_gemm_epilogue'],
  ...['fake_quantize_dequantize_abs_max', 'fake_quantize_dequantize_moving_average_abs_max'],
  ...['fused_attention', 'fused_feedforward'],
]
/** White in float16 alone. */
const WHITE_FLOAT16 = ['resnet_unit', 'fused_bn_add_activation']

/** Lose too much in half precision; O2 computes them in it nevertheless. */
const BLACK: ReadonlySet<string> = new Set([
  ...['tan', 'acos', 'asin', 'sinh', 'cosh', 'atanh', 'tanh_shrink', 'erfinv', 'exp', 'expm1', 'log', 'log10', 'log2'],
  ...['reciprocal', 'rsqrt', 'pow', 'square', 'reduce_sum', 'mean', 'reduce_mean', 'reduce_prod', 'cumprod', 'cumsum'],
  ...['dist', 'pnorm', 'frobenius_norm', 'renorm', 'group_norm', 'layer_norm', 'softmax', 'softmin', 'softplus'],
  ...['log_softmax', 'softmax_with_cross_entropy', 'sigmoid_cross_entropy_with_logits', 'c_softmax_with_cross_entropy'],
  ...['cross_entropy', 'cross_entropy2', 'nll_loss', 'huber_loss', 'triplet_margin_loss', 'log_loss'],
  ...['hsigmoid_loss', 'margin_cross_entropy'],
])
/** Float32 at every level. */
const ALWAYS_BLACK = [
  ...['linear_interp_v2', 'nearest_interp_v2', 'bilinear_interp_v2', 'bicubic_interp_v2', 'trilinear_interp_v2'],
  ...['lookup_table', 'lookup_table_v2', 'scatter'],
]

/** Follow their inputs. */
const GRAY = [
  ...['elementwise_add', 'elementwise_sub', 'elementwise_mul', 'elementwise_div', 'elementwise_max', 'elementwise_min'],
  ...['elementwise_pow', 'elementwise_mod', 'elementwise_floordiv', 'batch_norm', 'layer_norm', 'tanh', 'sigmoid'],
  ...['top_k', 'pool2d', 'pool3d', 'dropout', 'relu', 'relu6', 'leaky_relu', 'soft_relu', 'flatten2', 'stack'],
  ...['unstack', 'uniform_random', 'uniform_random_batch_size_like', 'gaussian_random', 'slice', 'rank', 'scale'],
  ...['transpose2', 'reshape2', 'gather', 'fill_constant', 'get_tensor_from_selected_rows', 'sign', 'cast'],
  ...['fused_bn_add_activation', 'c_identity', 'c_concat', 'c_allreduce_sum', 'concat', 'split'],
  ...['fused_feedforward', 'fused_attention', 'fused_multi_transformer'],
]

/** O1 follows all lists, O2 computes all but the black ones in the half type, OD only the white ones. */
export type AmpLevel = 'O1' | 'O2' | 'OD'

/** The lists of one program's mixed precision. */
export class AutoMixedPrecisionLists {
  readonly dtype: HalfType
  readonly whiteList: ReadonlySet<string>
  readonly blackList: ReadonlySet<string>
  readonly grayList: ReadonlySet<string>
  /** Computes in float32 whatever the other lists say: what has no half kernel, and the custom black list. */
  readonly unsupportedList: ReadonlySet<string>
  /** The part of it that has no half kernel, which level OD takes over into lists of its own. */
  readonly withoutHalfKernel: readonly string[]
  readonly blackVarnames: ReadonlySet<string>

  /**
   * An operator in a custom list leaves the list that it stands in.
   * @throws InvalidArgumentError E320 for an operator in both custom lists, or an element type that is no half type.
   */
  constructor(options: AmpListOptions = {}) {
    this.dtype = checkHalf(options.dtype ?? 'float16')
    const white = new Set([...WHITE, ...(this.dtype === 'float16' ? WHITE_FLOAT16 : [])])
    const black = new Set([...BLACK, ...ALWAYS_BLACK])
    const gray = new Set(GRAY)
    this.withoutHalfKernel = [...(options.unsupportedList ?? [])]
    const unsupported = new Set(this.withoutHalfKernel)
    const customWhite = new Set(options.customWhiteList ?? [])
    const customBlack = new Set(options.customBlackList ?? [])
    for (const type of customWhite) {
      if (customBlack.has(type)) {
        throw new InvalidArgumentError('E320', `"${type}" is in the custom white list and in the custom black list`, {
          where: { opType: type },
          got: type,
          hint: 'leave it in one of the two',
        })
      }
      if (!black.delete(type)) gray.delete(type)
      white.add(type)
    }
    for (const type of customBlack) {
      if (!white.delete(type)) gray.delete(type)
      black.add(type)
      unsupported.add(type)
    }
    this.whiteList = white
    this.blackList = black
    this.grayList = gray
    this.unsupportedList = unsupported
    this.blackVarnames = new Set(options.customBlackVarnames ?? [])
  }

  /** Whether operators of a type compute in float32 at a level. */
  isBlack(type: string, level: AmpLevel): boolean {
    if (level === 'OD') return !this.whiteList.has(type)
    return this.blackList.has(type) && !(level === 'O2' && BLACK.has(type))
  }
}

/** @throws InvalidArgumentError E320. */
export function checkHalf(dtype: unknown): HalfType {
  if (dtype === 'float16' || dtype === 'bfloat16') return dtype
  throw new InvalidArgumentError(
    'E320',
    `mixed precision computes in float16 or bfloat16, got ${JSON.stringify(dtype) ?? String(dtype)}`,
    { expected: ['float16', 'bfloat16'], got: dtype },
  )
}
