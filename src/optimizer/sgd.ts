/** Stochastic gradient descent. Source: python/paddle/optimizer/sgd.py (2.6.2). */
import type { OptimizerValue } from './emitter.ts'
import { type OpSink, Optimizer } from './optimizer.ts'
import type { OptimizedParameter } from './parameter.ts'

/** parameter = parameter - learningRate * gradient. */
export class SGD extends Optimizer {
  override readonly type = 'SGD'

  override _create_accumulators(_block: unknown, parameters: readonly OptimizedParameter[]): void {
    for (const param of parameters) if (this._uses_master_weight(param)) this._create_master_weight(param)
  }

  override _append_optimize_op(block: OpSink, [param, grad]: readonly [OptimizedParameter, OptimizerValue]): unknown {
    const master = this._uses_master_weight(param) ? this._create_master_weight(param) : undefined
    return block.appendOp({
      type: 'sgd',
      inputs: {
        Param: param,
        Grad: grad,
        LearningRate: this._create_param_lr([param, grad]),
        ...(master === undefined ? {} : { MasterParam: master }),
      },
      outputs: { ParamOut: param, ...(master === undefined ? {} : { MasterParamOut: master }) },
      attrs: { multi_precision: master !== undefined },
    })
  }
}
