/** Lamb. Source: python/paddle/optimizer/lamb.py (2.6.2); You et al. 2019. */
import { BELOW_ONE, checkOptions, FINITE } from './check.ts'
import type { OptimizerValue } from './emitter.ts'
import { type OpSink, Optimizer, type OptimizerOptions } from './optimizer.ts'
import type { OptimizedParameter } from './parameter.ts'
import { wideType } from './state.ts'

export interface LambOptions extends Omit<OptimizerOptions, 'weightDecay'> {
  /** Default 0.01. */
  readonly lambWeightDecay?: number
  readonly beta1?: number
  readonly beta2?: number
  /** Default 1e-6. */
  readonly epsilon?: number
  /** True for parameters that do not decay. */
  readonly excludeFromWeightDecayFn?: ((param: OptimizedParameter) => boolean) | null
  /** Scales the step also where nothing decays. Default false. */
  readonly alwaysAdapt?: boolean
}

/** Adam with decay in the step and the step scaled to the norm of the parameter. */
export class Lamb extends Optimizer {
  override readonly type = 'Lamb'
  readonly #options: LambOptions

  constructor(options: LambOptions = {}) {
    super(options)
    this.#options = options
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-6, lambWeightDecay = 0.01 } = options
    checkOptions('Lamb', BELOW_ONE, { beta1, beta2 })
    checkOptions('Lamb', FINITE, { epsilon, lambWeightDecay })
  }

  override _create_accumulators(_block: unknown, parameters: readonly OptimizedParameter[]): void {
    const { beta1 = 0.9, beta2 = 0.999 } = this.#options
    for (const param of parameters) {
      const target = this._uses_master_weight(param) ? this._create_master_weight(param) : param
      const dtype = wideType(target)
      const power = { dtype, shape: [1], device: 'cpu' } as const
      this._add_accumulator('moment1', target, { dtype })
      this._add_accumulator('moment2', target, { dtype })
      this._add_accumulator('beta1_pow_acc', target, { ...power, fillValue: beta1 })
      this._add_accumulator('beta2_pow_acc', target, { ...power, fillValue: beta2 })
    }
  }

  override _append_optimize_op(block: OpSink, [param, grad]: readonly [OptimizedParameter, OptimizerValue]): unknown {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-6, lambWeightDecay = 0.01, alwaysAdapt = false } = this.#options
    const excluded = this.#options.excludeFromWeightDecayFn?.(param) ?? false
    const master = this._uses_master_weight(param) ? this._create_master_weight(param) : undefined
    const target = master ?? param
    const moment1 = this._get_accumulator('moment1', target)
    const moment2 = this._get_accumulator('moment2', target)
    const beta1Pow = this._get_accumulator('beta1_pow_acc', target)
    const beta2Pow = this._get_accumulator('beta2_pow_acc', target)
    const foundInf = this._get_auxiliary_var('found_inf')
    return block.appendOp({
      type: 'lamb',
      inputs: {
        Param: param,
        Grad: grad,
        LearningRate: this._create_param_lr([param, grad]),
        Moment1: moment1,
        Moment2: moment2,
        Beta1Pow: beta1Pow,
        Beta2Pow: beta2Pow,
        ...(master === undefined ? {} : { MasterParam: master }),
        ...(foundInf === undefined ? {} : { SkipUpdate: foundInf }),
      },
      outputs: {
        ParamOut: param,
        Moment1Out: moment1,
        Moment2Out: moment2,
        Beta1PowOut: beta1Pow,
        Beta2PowOut: beta2Pow,
        ...(master === undefined ? {} : { MasterParamOut: master }),
      },
      attrs: {
        beta1,
        beta2,
        epsilon,
        weight_decay: excluded ? 0 : lambWeightDecay,
        always_adapt: alwaysAdapt,
        multi_precision: master !== undefined,
      },
    })
  }
}
