/** Stochastic gradient descent. Source: python/paddle/optimizer/sgd.py (2.6.2). */
import type { Block } from '../framework/block.ts'
import type { Operator } from '../framework/operator.ts'
import type { Parameter, Variable } from '../framework/variable.ts'
import { type OpSink, Optimizer } from './optimizer.ts'

/** parameter = parameter - learningRate * gradient. */
export class SGD extends Optimizer {
  override readonly type = 'SGD'

  override _create_accumulators(_block: Block, parameters: readonly Parameter[]): void {
    for (const param of parameters) if (this._uses_master_weight(param)) this._create_master_weight(param)
  }

  override _append_optimize_op(block: OpSink, [param, grad]: readonly [Parameter, Variable]): Operator {
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
