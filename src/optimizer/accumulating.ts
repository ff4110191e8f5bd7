/**
 * Optimizers that differ only in their accumulators and attributes: Adagrad, RMSProp, Adadelta, Adamax, Ftrl.
 * Source: python/paddle/optimizer/{adagrad,rmsprop,adadelta,adamax}.py (2.6.2).
 */
import { OpRole } from '../framework/op_role.ts'
import type { Parameter, Variable } from '../framework/variable.ts'
import { Tensor } from '../tensor/tensor.ts'
import { BELOW_ONE, checkOptions, FINITE, NOT_NEGATIVE } from './check.ts'
import type { OptimizerValue, ParamGradPair } from './emitter.ts'
import { type AccumulatorOptions, type OpSink, Optimizer, type OptimizerOptions } from './optimizer.ts'
import type { OptimizedParameter } from './parameter.ts'
import { wideType } from './state.ts'

/** One accumulator: its name in variables, the operator's slot, and how it starts. */
interface Accumulator extends AccumulatorOptions {
  readonly name: string
  readonly slot: string
  /** The slot that it is written to. Default: its input's with "Out". */
  readonly output?: string
  /** The operator only reads it. */
  readonly readOnly?: boolean
  /** float32 for half parameters; without it an accumulator has the parameter's type. */
  readonly wide?: boolean
}

interface Rule {
  readonly op: string
  readonly accumulators: readonly Accumulator[]
  readonly attrs: Readonly<Record<string, unknown>>
  /** False where Paddle gives the operator a master weight without saying so in multi_precision. */
  readonly writesMultiPrecision?: boolean
}

/** An optimizer described by its rule. */
abstract class AccumulatingOptimizer extends Optimizer {
  protected abstract readonly rule: Rule

  override _create_accumulators(_block: unknown, parameters: readonly OptimizedParameter[]): void {
    for (const param of parameters) {
      const target = this._uses_master_weight(param) ? this._create_master_weight(param) : param
      for (const { name, wide, shape, fillValue } of this.rule.accumulators) {
        this._add_accumulator(name, target, {
          ...(wide === true ? { dtype: wideType(target) } : {}),
          ...(shape === undefined ? {} : { shape }),
          ...(fillValue === undefined ? {} : { fillValue }),
        })
      }
    }
  }

  override _append_optimize_op(block: OpSink, [param, grad]: readonly [OptimizedParameter, OptimizerValue]): unknown {
    const { op, accumulators, attrs, writesMultiPrecision = true } = this.rule
    const master = this._uses_master_weight(param) ? this._create_master_weight(param) : undefined
    const inputs: Record<string, OptimizerValue> = {
      Param: param,
      Grad: grad,
      LearningRate: this._create_param_lr([param, grad]),
    }
    const outputs: Record<string, OptimizerValue> = { ParamOut: param }
    for (const { name, slot, output, readOnly } of accumulators) {
      const value = this._get_accumulator(name, master ?? param)
      inputs[slot] = value
      if (readOnly !== true) outputs[output ?? `${slot}Out`] = value
    }
    if (master !== undefined) {
      inputs['MasterParam'] = master
      outputs['MasterParamOut'] = master
    }
    return block.appendOp({
      type: op,
      inputs,
      outputs,
      attrs: { ...attrs, ...(writesMultiPrecision ? { multi_precision: master !== undefined } : {}) },
    })
  }
}

export interface AdagradOptions extends OptimizerOptions {
  /** Default 1e-6. */
  readonly epsilon?: number
  /** Default 0. */
  readonly initialAccumulatorValue?: number
}

/** Rates that shrink with the sum of squared gradients (Duchi et al. 2011). */
export class Adagrad extends AccumulatingOptimizer {
  override readonly type = 'Adagrad'
  protected override readonly rule: Rule

  constructor(options: AdagradOptions) {
    super(options)
    const { epsilon = 1e-6, initialAccumulatorValue = 0 } = options
    checkOptions('Adagrad', FINITE, { epsilon, initialAccumulatorValue })
    this.rule = {
      op: 'adagrad',
      accumulators: [{ name: 'moment', slot: 'Moment', fillValue: initialAccumulatorValue }],
      attrs: { epsilon },
    }
  }
}

export interface RMSPropOptions extends OptimizerOptions {
  /** Decay of the mean square. Default 0.95. */
  readonly rho?: number
  /** Under the root. Default 1e-6. */
  readonly epsilon?: number
  /** Default 0. */
  readonly momentum?: number
  /** Takes the squared mean gradient off the mean square. Default false. */
  readonly centered?: boolean
}

/** Rates from a moving average of squared gradients (Hinton). */
export class RMSProp extends AccumulatingOptimizer {
  override readonly type = 'RMSProp'
  protected override readonly rule: Rule

  constructor(options: RMSPropOptions) {
    super(options)
    const { epsilon = 1e-6, rho = 0.95, momentum = 0, centered = false } = options
    checkOptions('RMSProp', NOT_NEGATIVE, { epsilon, rho, momentum })
    this.rule = {
      op: 'rmsprop',
      writesMultiPrecision: false,
      accumulators: [
        { name: 'momentum', slot: 'Moment' },
        { name: 'mean_square', slot: 'MeanSquare' },
        { name: 'mean_grad', slot: 'MeanGrad' },
      ],
      attrs: { epsilon, decay: rho, momentum, centered },
    }
  }
}

export interface AdadeltaOptions extends OptimizerOptions {
  /** Default 1e-6. */
  readonly epsilon?: number
  /** Default 0.95. */
  readonly rho?: number
}

/** Rates from moving averages of squared gradients and squared updates (Zeiler 2012). */
export class Adadelta extends AccumulatingOptimizer {
  override readonly type = 'Adadelta'
  protected override readonly rule: Rule

  constructor(options: AdadeltaOptions = {}) {
    super(options)
    const { epsilon = 1e-6, rho = 0.95 } = options
    checkOptions('Adadelta', FINITE, { epsilon, rho })
    this.rule = {
      op: 'adadelta',
      accumulators: [
        { name: '_avg_squared_grad', slot: 'AvgSquaredGrad' },
        { name: '_avg_squared_update', slot: 'AvgSquaredUpdate' },
      ],
      attrs: { epsilon, rho },
    }
  }
}

export interface AdamaxOptions extends OptimizerOptions {
  /** Default 0.9. */
  readonly beta1?: number
  /** Default 0.999. */
  readonly beta2?: number
  /** Default 1e-8. */
  readonly epsilon?: number
}

/** Adam with the infinity norm (Kingma and Ba 2014). The powers of beta1 are moved on by `scale` operators after all updates. */
export class Adamax extends AccumulatingOptimizer {
  override readonly type = 'Adamax'
  protected override readonly rule: Rule
  readonly #beta1: number

  constructor(options: AdamaxOptions = {}) {
    super(options)
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options
    checkOptions('Adamax', BELOW_ONE, { beta1, beta2 })
    checkOptions('Adamax', NOT_NEGATIVE, { epsilon })
    this.#beta1 = beta1
    this.rule = {
      op: 'adamax',
      accumulators: [
        { name: 'moment', slot: 'Moment', wide: true },
        { name: 'inf_norm', slot: 'InfNorm', wide: true },
        { name: 'beta1_pow_acc', slot: 'Beta1Pow', shape: [1], fillValue: beta1, readOnly: true },
      ],
      attrs: { beta1, beta2, epsilon },
    }
  }

  override _finish_update(block: OpSink, parametersAndGrads: readonly ParamGradPair[]): void {
    for (const { param, grad } of parametersAndGrads) {
      const master = this._uses_master_weight(param) ? this._create_master_weight(param) : undefined
      const power = this._get_accumulator('beta1_pow_acc', master ?? param)
      const scale = (): unknown =>
        block.appendOp({
          type: 'scale',
          inputs: { X: power },
          outputs: { Out: power },
          attrs: { scale: this.#beta1 },
        })
      if (power instanceof Tensor) scale()
      else {
        const { program } = power.block
        program.withRole(OpRole.Optimize, [(param as Parameter).name, (grad as Variable).name], () =>
          program.withNameScope('adamax', scale),
        )
      }
    }
  }
}

export interface FtrlOptions extends Omit<OptimizerOptions, 'multiPrecision'> {
  /** Weight of the absolute values: small weights become 0. Default 0. */
  readonly l1?: number
  /** Weight of the squares. Default 0. */
  readonly l2?: number
  /** The power of the sum of squared gradients that a rate falls with. Default -0.5. */
  readonly lrPower?: number
}

/**
 * Follow the regularized leader (McMahan et al. 2013, "Ad Click Prediction"). Paddle 2.6.2 has its operator but no class for it any more; the
 * names are those of the class that earlier versions had. The operator has no master weights.
 */
export class Ftrl extends AccumulatingOptimizer {
  override readonly type = 'Ftrl'
  protected override readonly rule: Rule

  constructor(options: FtrlOptions) {
    super(options)
    const { l1 = 0, l2 = 0, lrPower = -0.5 } = options
    checkOptions('Ftrl', FINITE, { l1, l2, lrPower })
    this.rule = {
      op: 'ftrl',
      writesMultiPrecision: false,
      accumulators: [
        { name: 'squared', slot: 'SquaredAccumulator', output: 'SquaredAccumOut' },
        { name: 'linear', slot: 'LinearAccumulator', output: 'LinearAccumOut' },
      ],
      attrs: { l1, l2, lr_power: lrPower },
    }
  }

  override _uses_master_weight(): boolean {
    return false
  }
}
