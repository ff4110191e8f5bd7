/** Adam. Source: python/paddle/optimizer/adam.py (2.6.2); Kingma and Ba 2014. */
import { PreconditionNotMetError } from '../errors.ts'
import type { ParamGrad } from '../framework/autodiff/backward.ts'
import { Variable } from '../framework/variable.ts'
import { Tensor } from '../tensor/tensor.ts'
import { BELOW_ONE, checkOptions, NOT_NEGATIVE } from './check.ts'
import type { OptimizerValue } from './emitter.ts'
import { type MinimizeOptions, type OpSink, Optimizer, type OptimizerOptions } from './optimizer.ts'
import type { OptimizedParameter } from './parameter.ts'
import { wideType } from './state.ts'

export interface AdamOptions extends OptimizerOptions {
  /** Decay of the first moment, in [0, 1), or a value of one element: a variable of the program, in dygraph a tensor. Default 0.9. */
  readonly beta1?: number | OptimizerValue
  /** Decay of the second moment, likewise. Default 0.999. */
  readonly beta2?: number | OptimizerValue
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number | OptimizerValue
  /** With sparse gradients: only rows that have a gradient change. Default false. */
  readonly lazyMode?: boolean
}

/** The names of Adam's accumulators. */
const MOMENT1 = 'moment1'
const MOMENT2 = 'moment2'
const BETA1_POW = 'beta1_pow_acc'
const BETA2_POW = 'beta2_pow_acc'

/** Steps by the moving averages of gradient and squared gradient, corrected for their start at zero. */
export class Adam extends Optimizer {
  override readonly type: string = 'Adam'
  readonly beta1: number | OptimizerValue
  readonly beta2: number | OptimizerValue
  readonly epsilon: number | OptimizerValue
  readonly lazyMode: boolean

  /** @throws InvalidArgumentError E310 for beta1 or beta2 outside [0, 1) or a negative epsilon. */
  constructor(options: AdamOptions = {}) {
    super(options)
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options
    checkOptions('Adam', BELOW_ONE, givenNow({ beta1, beta2 }))
    checkOptions('Adam', NOT_NEGATIVE, givenNow({ epsilon }))
    this.beta1 = beta1
    this.beta2 = beta2
    this.epsilon = epsilon
    this.lazyMode = options.lazyMode ?? false
  }

  /** @throws PreconditionNotMetError E040 for a beta or epsilon that is a tensor. */
  override backward(loss: Variable, options: MinimizeOptions = {}): ParamGrad[] {
    this.#refuseValues((value) => value instanceof Tensor, 'a tensor, which a program cannot read')
    return super.backward(loss, options)
  }

  /** @throws PreconditionNotMetError E040 for a beta or epsilon that is a variable. */
  override step(): void {
    this.#refuseValues((value) => value instanceof Variable, 'a variable of a program, which has no value here')
    super.step()
  }

  #refuseValues(isForeign: (value: unknown) => boolean, what: string): void {
    for (const [name, value] of Object.entries({ beta1: this.beta1, beta2: this.beta2, epsilon: this.epsilon })) {
      if (isForeign(value)) throw new PreconditionNotMetError('E040', `${this.type}: ${name} is ${what}`, { got: name })
    }
  }

  override _create_accumulators(_block: unknown, parameters: readonly OptimizedParameter[]): void {
    for (const param of parameters) {
      const target = this._uses_master_weight(param) ? this._create_master_weight(param) : param
      const dtype = wideType(target)
      const power = { dtype, shape: [1], device: 'cpu' } as const
      this._add_accumulator(MOMENT1, target, { dtype })
      this._add_accumulator(MOMENT2, target, { dtype })
      this._add_accumulator(BETA1_POW, target, { ...power, fillValue: numberOr(this.beta1, 0.9) })
      this._add_accumulator(BETA2_POW, target, { ...power, fillValue: numberOr(this.beta2, 0.999) })
    }
  }

  override get _reads_found_inf_on_cpu(): boolean {
    return true
  }

  /** The operator's type and the attributes that it has beyond Adam's. */
  _update_of(_param: OptimizedParameter): { readonly type: string; readonly attrs: Readonly<Record<string, unknown>> } {
    return { type: 'adam', attrs: {} }
  }

  override _append_optimize_op(block: OpSink, [param, grad]: readonly [OptimizedParameter, OptimizerValue]): unknown {
    const master = this._uses_master_weight(param) ? this._create_master_weight(param) : undefined
    const target = master ?? param
    const moment1 = this._get_accumulator(MOMENT1, target)
    const moment2 = this._get_accumulator(MOMENT2, target)
    const beta1Pow = this._get_accumulator(BETA1_POW, target)
    const beta2Pow = this._get_accumulator(BETA2_POW, target)

    const inputs: Record<string, OptimizerValue> = {
      Param: param,
      Grad: grad,
      LearningRate: this._create_param_lr([param, grad]),
      Moment1: moment1,
      Moment2: moment2,
      Beta1Pow: beta1Pow,
      Beta2Pow: beta2Pow,
    }
    const outputs: Record<string, OptimizerValue> = {
      ParamOut: param,
      Moment1Out: moment1,
      Moment2Out: moment2,
      Beta1PowOut: beta1Pow,
      Beta2PowOut: beta2Pow,
    }
    const attrs: Record<string, unknown> = { lazy_mode: this.lazyMode, multi_precision: master !== undefined }
    if (typeof this.beta1 === 'number') attrs['beta1'] = this.beta1
    else inputs['Beta1Tensor'] = this.beta1
    if (typeof this.beta2 === 'number') attrs['beta2'] = this.beta2
    else inputs['Beta2Tensor'] = this.beta2
    if (typeof this.epsilon === 'number') attrs['epsilon'] = this.epsilon
    else inputs['EpsilonTensor'] = this.epsilon
    const foundInf = this._get_auxiliary_var('found_inf')
    if (foundInf !== undefined) inputs['SkipUpdate'] = foundInf
    if (master !== undefined) {
      inputs['MasterParam'] = master
      outputs['MasterParamOut'] = master
    }
    const update = this._update_of(param)
    return block.appendOp({ type: update.type, inputs, outputs, attrs: { ...attrs, ...update.attrs } })
  }
}

const numberOr = (value: number | OptimizerValue, fallback: number): number =>
  typeof value === 'number' ? value : fallback

/** Those that are not a variable or tensor, whose value is known only later. */
const givenNow = (options: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(options).filter(([, value]) => !(value instanceof Variable || value instanceof Tensor)),
  )
