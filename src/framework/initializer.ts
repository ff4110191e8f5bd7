/**
 * Initializers: each appends to the startup program the operator that sets a parameter.
 * Source: python/paddle/nn/initializer/ (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import type { DType } from '../tensor/dtype.ts'
import { product, type Shape } from '../tensor/shape.ts'
import { type Tensor, type TensorLikeData, tensor } from '../tensor/tensor.ts'
import type { Block } from './block.ts'
import { pythonFloat } from './python_text.ts'
import type { Variable } from './variable.ts'

export interface Initializer {
  /** Paddle's class name. */
  readonly name: string
  /** Appends the operators that set `target`, a variable of `block`. */
  append(block: Block, target: Variable): void
}

/** Nonlinearities that Kaiming's gain knows. */
export type Nonlinearity =
  | 'sigmoid'
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu'

export interface KaimingOptions {
  readonly fanIn?: number
  /** Of leaky_relu. Default 0. */
  readonly negativeSlope?: number
  /** Default relu. */
  readonly nonlinearity?: Nonlinearity
}

/** sqrt(2) for relu, 5/3 for tanh, sqrt(2 / (1 + slope^2)) for leaky_relu, 3/4 for selu, else 1. */
export function calculateGain(nonlinearity: Nonlinearity, negativeSlope = 0.01): number {
  switch (nonlinearity) {
    case 'relu':
      return Math.sqrt(2)
    case 'tanh':
      return 5 / 3
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + negativeSlope * negativeSlope))
    case 'selu':
      return 3 / 4
    default:
      return 1
  }
}

/** Fan-in and fan-out of a weight: [a, b] gives a and b, [out, in, …kernel] counts the kernel, [n] gives n twice. */
export function computeFans(shape: Shape): readonly [fanIn: number, fanOut: number] {
  if (shape.length === 0) return [1, 1]
  if (shape.length === 1) return [shape[0]!, shape[0]!]
  if (shape.length === 2) return [shape[0]!, shape[1]!]
  const kernel = product(shape, 2)
  return [shape[1]! * kernel, shape[0]! * kernel]
}

/**
 * Half parameters are drawn in float32 and cast, where Paddle does so: through a temporary `<prefix>.<parameter>.tmp_<n>` of the startup
 * program. Which initializers do it for which type was asked of Paddle 2.6.2.
 */
function throughFloat32(
  block: Block,
  target: Variable,
  prefix: string,
  halves: readonly DType[],
  append: (out: Variable) => void,
): void {
  if (!halves.includes(target.dtype)) {
    append(target)
    return
  }
  const name = block.program.names.generate(`${prefix}.${target.name}.tmp`)
  const wide = block.createVar({ name, dtype: 'float32', shape: target.shape })
  append(wide)
  block.appendOp({
    type: 'cast',
    inputs: { X: wide },
    outputs: { Out: target },
    attrs: { in_dtype: 'float32', out_dtype: target.dtype },
  })
}

const FLOAT16: readonly DType[] = ['float16']
const HALVES: readonly DType[] = ['float16', 'bfloat16']

function uniform(name: string, prefix: string, limits: (shape: Shape) => readonly [number, number]): Initializer {
  return {
    name,
    append(block, target) {
      const [min, max] = limits(target.shape)
      throughFloat32(block, target, prefix, FLOAT16, (out) => {
        block.appendOp({
          type: 'uniform_random',
          inputs: {},
          outputs: { Out: out },
          attrs: { shape: out.shape, dtype: out.dtype, min, max, seed: block.program.randomSeed },
        })
      })
    },
  }
}

function gaussian(
  type: 'gaussian_random' | 'truncated_gaussian_random',
  name: string,
  prefix: string,
  halves: readonly DType[],
  moments: (shape: Shape) => readonly [number, number],
): Initializer {
  return {
    name,
    append(block, target) {
      const [mean, std] = moments(target.shape)
      throughFloat32(block, target, prefix, halves, (out) => {
        block.appendOp({
          type,
          ...(type === 'gaussian_random' ? { inputs: {} } : {}),
          outputs: { Out: out },
          attrs: { shape: out.shape, dtype: out.dtype, mean, std, seed: block.program.randomSeed },
        })
      })
    },
  }
}

/** Makers of initializers, under Paddle's names. */
export const initializer = {
  /** Every element `value`. */
  Constant(value = 0): Initializer {
    return {
      name: 'Constant',
      append(block, target) {
        block.appendOp({
          type: 'fill_constant',
          outputs: { Out: target },
          attrs: { shape: target.shape, dtype: target.dtype, value, str_value: pythonFloat(value) },
        })
      },
    }
  },
  /** Uniform in [low, high). */
  Uniform(low = -1, high = 1): Initializer {
    return uniform('Uniform', 'uniform_random', () => [low, high])
  },
  Normal(mean = 0, std = 1): Initializer {
    return gaussian('gaussian_random', 'Normal', 'normal_init', [], () => [mean, std])
  },
  /** Normal, drawn again outside of two standard deviations. */
  TruncatedNormal(mean = 0, std = 1): Initializer {
    return gaussian('truncated_gaussian_random', 'TruncatedNormal', 'truncated_gaussian_random', HALVES, () => [
      mean,
      std,
    ])
  },
  /** Uniform with limit sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010). */
  XavierUniform(fanIn?: number, fanOut?: number): Initializer {
    return uniform('XavierUniform', 'xavier_init', (shape) => {
      const [ownIn, ownOut] = computeFans(shape)
      const limit = Math.sqrt(6 / ((fanIn ?? ownIn) + (fanOut ?? ownOut)))
      return [-limit, limit]
    })
  },
  /** Normal with standard deviation sqrt(2 / (fanIn + fanOut)). */
  XavierNormal(fanIn?: number, fanOut?: number): Initializer {
    return gaussian('gaussian_random', 'XavierNormal', 'xavier_init', HALVES, (shape) => {
      const [ownIn, ownOut] = computeFans(shape)
      return [0, Math.sqrt(2 / ((fanIn ?? ownIn) + (fanOut ?? ownOut)))]
    })
  },
  /** Uniform with limit gain * sqrt(3 / fanIn) (He et al. 2015). */
  KaimingUniform(options: KaimingOptions = {}): Initializer {
    return uniform('KaimingUniform', 'masra_init', (shape) => {
      const gain = calculateGain(options.nonlinearity ?? 'relu', options.negativeSlope ?? 0)
      const limit = gain * Math.sqrt(3 / (options.fanIn ?? computeFans(shape)[0]))
      return [-limit, limit]
    })
  },
  /** Normal with standard deviation gain / sqrt(fanIn). */
  KaimingNormal(options: KaimingOptions = {}): Initializer {
    return gaussian('gaussian_random', 'KaimingNormal', 'masra_init', HALVES, (shape) => {
      const gain = calculateGain(options.nonlinearity ?? 'relu', options.negativeSlope ?? 0)
      return [0, gain / Math.sqrt(options.fanIn ?? computeFans(shape)[0])]
    })
  },
  /** The given values, which must have as many elements as the parameter. */
  Assign(value: TensorLikeData): Initializer {
    const values = tensor(value)
    return {
      name: 'Assign',
      append(block, target) {
        const count = product(target.shape)
        if (values.size !== count) {
          throw new InvalidArgumentError(
            'E219',
            `parameter "${target.name}" has ${count} elements, the values for it ${values.size}`,
            { where: { variable: target.name }, expected: count, got: values.size },
          )
        }
        throughFloat32(block, target, 'numpy_array_init', HALVES, (out) => {
          block.appendOp({
            type: 'assign_value',
            outputs: { Out: out },
            attrs: { shape: out.shape, dtype: out.dtype, ...assignedValues(out, values) },
          })
        })
      },
    }
  },
}

/** The attribute of assign_value that holds values of the target's element type. */
function assignedValues(target: Variable, values: Tensor): Record<string, unknown> {
  const list = Array.from({ length: values.size }, (_, i) => values.at(i))
  switch (target.dtype) {
    case 'int32':
      return { int32_values: list }
    case 'int64':
      return { int64_values: list }
    case 'bool':
      return { bool_values: list.map(Number) }
    case 'float64':
      return { fp64_values: list }
    default:
      return { fp32_values: list }
  }
}
