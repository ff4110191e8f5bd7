/** Parameters of dygraph: tensors with a name and the options that training reads. */
import type { DType, TensorData } from './dtype.ts'
import type { Shape } from './shape.ts'
import { Tensor } from './tensor.ts'
import type { TensorEngine } from './tensor_like.ts'

export interface ParameterTensorOptions {
  readonly trainable?: boolean
  /** Factor on the optimizer's learning rate. Default 1. */
  readonly learningRate?: number
  readonly regularizer?: { readonly type: 'L1Decay' | 'L2Decay'; readonly coeff: number } | null
  /** False keeps gradient clipping away from it. */
  readonly needClip?: boolean
}

export class ParameterTensor extends Tensor {
  readonly name: string
  readonly learningRate: number
  readonly regularizer: { readonly type: 'L1Decay' | 'L2Decay'; readonly coeff: number } | null
  readonly needClip: boolean

  constructor(
    name: string,
    dtype: DType,
    shape: Shape,
    data: TensorData,
    engine: TensorEngine,
    options: ParameterTensorOptions = {},
  ) {
    super(dtype, shape, data, undefined, engine)
    this.name = name
    this.stopGradient = options.trainable === false
    this.learningRate = options.learningRate ?? 1
    this.regularizer = options.regularizer ?? null
    this.needClip = options.needClip ?? true
  }

  /** Two views of one flag: a parameter is trained if gradients flow into it. */
  get trainable(): boolean {
    return !this.stopGradient
  }
}
