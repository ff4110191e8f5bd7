/** Momentum and LARS momentum. Source: python/paddle/optimizer/momentum.py and python/paddle/incubate/optimizer/lars_momentum.py (2.6.2). */
import { type Regularizer, Variable } from '../framework/variable.ts'
import { checkOptions, FINITE } from './check.ts'
import type { OptimizerValue } from './emitter.ts'
import { type OpSink, Optimizer, type OptimizerOptions } from './optimizer.ts'
import type { OptimizedParameter } from './parameter.ts'
import { wideType } from './state.ts'

export interface MomentumOptions extends OptimizerOptions {
  /** Default 0.9. */
  readonly momentum?: number
  /** Nesterov's form: the step looks ahead along the velocity. Default false. */
  readonly useNesterov?: boolean
  /** Factor on the gradient; counts only with a master weight, as in Paddle's kernels. Default 1. */
  readonly rescaleGrad?: number
}

/** Steps along a velocity. A decay given as a number or L2Decay is part of the operator, an L1Decay makes operators of its own. */
export class Momentum extends Optimizer {
  override readonly type: string = 'Momentum'
  readonly momentum: number
  readonly useNesterov: boolean
  readonly rescaleGrad: number

  constructor(options: MomentumOptions = {}) {
    super(options)
    this.momentum = options.momentum ?? 0.9
    this.useNesterov = options.useNesterov ?? false
    this.rescaleGrad = options.rescaleGrad ?? 1
    checkOptions('Momentum', FINITE, { momentum: this.momentum, rescaleGrad: this.rescaleGrad })
  }

  /** L2 is fused into the operator; a parameter's own L1 takes the place of the optimizer's L2. */
  override _regularization_of(param: OptimizedParameter): Regularizer | null {
    const own = param.regularizer ?? this.regularizer
    return own?.type === 'L2Decay' ? null : own
  }

  override _create_accumulators(_block: unknown, parameters: readonly OptimizedParameter[]): void {
    for (const param of parameters) {
      const target = this._uses_master_weight(param) ? this._create_master_weight(param) : param
      this._add_accumulator('velocity', target)
    }
  }

  override _append_optimize_op(block: OpSink, [param, grad]: readonly [OptimizedParameter, OptimizerValue]): unknown {
    const master = this._uses_master_weight(param) ? this._create_master_weight(param) : undefined
    const velocity = this._get_accumulator('velocity', master ?? param)
    const own = param.regularizer ?? this.regularizer
    const fused = own?.type === 'L2Decay' ? own : undefined
    const op = block.appendOp({
      type: 'momentum',
      inputs: {
        Param: param,
        Grad: grad,
        Velocity: velocity,
        LearningRate: this._create_param_lr([param, grad]),
        ...(master === undefined ? {} : { MasterParam: master }),
      },
      outputs: { ParamOut: param, VelocityOut: velocity, ...(master === undefined ? {} : { MasterParamOut: master }) },
      attrs: {
        mu: this.momentum,
        use_nesterov: this.useNesterov,
        regularization_method: fused === undefined ? '' : 'l2_decay',
        regularization_coeff: fused?.coeff ?? 0,
        multi_precision: master !== undefined,
        rescale_grad: this.rescaleGrad,
      },
    })
    declareWide(velocity)
    return op
  }
}

export interface LarsMomentumOptions extends OptimizerOptions {
  readonly momentum?: number
  /** Default 0.001. */
  readonly larsCoeff?: number
  /** Default 0.0005. */
  readonly larsWeightDecay?: number
  /** Parts of names: parameters whose name contains one of them do not decay. */
  readonly excludeFromWeightDecay?: readonly string[]
  /** Default 0. */
  readonly epsilon?: number
  readonly rescaleGrad?: number
}

/** Momentum with a rate for each parameter from the norms of parameter and gradient (You et al. 2017). */
export class LarsMomentum extends Optimizer {
  override readonly type = 'LarsMomentumOptimizer'
  readonly #options: LarsMomentumOptions

  constructor(options: LarsMomentumOptions = {}) {
    super(options)
    this.#options = options
    const { momentum = 0.9, larsCoeff = 0.001, larsWeightDecay = 0.0005, epsilon = 0, rescaleGrad = 1 } = options
    checkOptions('LarsMomentum', FINITE, { momentum, larsCoeff, larsWeightDecay, epsilon, rescaleGrad })
  }

  override _create_accumulators(_block: unknown, parameters: readonly OptimizedParameter[]): void {
    for (const param of parameters) {
      const target = this._uses_master_weight(param) ? this._create_master_weight(param) : param
      this._add_accumulator('velocity', target)
    }
  }

  override _append_optimize_op(block: OpSink, [param, grad]: readonly [OptimizedParameter, OptimizerValue]): unknown {
    const { momentum = 0.9, larsCoeff = 0.001, larsWeightDecay = 0.0005, epsilon = 0, rescaleGrad = 1 } = this.#options
    const excluded = (this.#options.excludeFromWeightDecay ?? []).some((part) => param.name.includes(part))
    const master = this._uses_master_weight(param) ? this._create_master_weight(param) : undefined
    const velocity = this._get_accumulator('velocity', master ?? param)
    const op = block.appendOp({
      type: 'lars_momentum',
      inputs: {
        Param: param,
        Grad: grad,
        Velocity: velocity,
        LearningRate: this._create_param_lr([param, grad]),
        ...(master === undefined ? {} : { MasterParam: master }),
      },
      outputs: { ParamOut: param, VelocityOut: velocity, ...(master === undefined ? {} : { MasterParamOut: master }) },
      attrs: {
        mu: momentum,
        lars_coeff: larsCoeff,
        lars_weight_decay: [excluded ? 0 : larsWeightDecay],
        epsilon,
        multi_precision: master !== undefined,
        rescale_grad: rescaleGrad,
      },
    })
    declareWide(velocity)
    return op
  }
}

/**
 * Paddle's operator declares the velocity of a half parameter without a master weight to be float32. Startup fills it in the half type, and that
 * is what it stays when the program runs.
 */
function declareWide(velocity: OptimizerValue): void {
  if (velocity instanceof Variable) velocity.dtype = wideType(velocity)
}
