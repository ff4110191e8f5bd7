/** Plain stochastic gradient descent. */
import { attr } from '../../framework/attr.ts'
import { defineOp, type KernelTensor, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { product } from '../../tensor/shape.ts'
import type { SelectedRows, Tensor } from '../../tensor/tensor.ts'
import { checkOptimizerInputs } from './checks.ts'

const { fround } = Math

/**
 * p = p - lr * g, rounded to float32 after each operation for float32. With a master weight (half parameters) the master is updated and
 * ParamOut is the master rounded.
 */
export const sgd = defineOp({
  type: 'sgd',
  doc: 'Stochastic gradient descent: ParamOut = Param - LearningRate * Grad.',
  source: 'paddle/phi/kernels/cpu/sgd_kernel.cc',
  differs: 'Grad must have the shape of Param. Master weights work on the CPU, with the meaning of the GPU kernel.',
  inputs: {
    Param: one('The parameter, any shape.', FLOATS),
    LearningRate: one('One element.'),
    Grad: one('Shape and element type of Param; selected rows are subtracted row by row.'),
    MasterParam: optional('float32 copy of a half parameter, used when multi_precision is set.', ['float32']),
  },
  outputs: {
    ParamOut: one('The same variable as Param.'),
    MasterParamOut: optional('The same variable as MasterParam.'),
  },
  attrs: { multi_precision: attr.bool(false) },
  inferMeta({ Param, LearningRate, Grad, MasterParam }) {
    checkOptimizerInputs('sgd', { Param, Grad, LearningRate, accumulators: {}, MasterParam })
    return { ParamOut: Param, MasterParamOut: MasterParam }
  },
  grad: 'none',
  inplace: { ParamOut: 'Param', MasterParamOut: 'MasterParam' },
  effects: 'state',
  kernels: {
    cpu({ Param, LearningRate, Grad, MasterParam }, { multi_precision }, { ParamOut, MasterParamOut }) {
      const rate = LearningRate.data[0]!
      const master = multi_precision ? MasterParam : undefined
      const from = master ?? Param
      step(from, Grad, rate, ParamOut)
      if (master !== undefined && MasterParamOut !== undefined) MasterParamOut.data.set(ParamOut.data)
    },
    selectedRows(ctx) {
      const param = ctx.get(ctx.inputNames('Param')[0]!) as Tensor
      const grad = ctx.get(ctx.inputNames('Grad')[0]!) as SelectedRows
      const rate = Number((ctx.get(ctx.inputNames('LearningRate')[0]!) as Tensor).at(0))
      const out = ctx.outputNames('ParamOut')[0]!
      if (out !== ctx.inputNames('Param')[0]) ctx.set(out, param)
      const target = (ctx.get(out) as Tensor).data as Float32Array
      const values = grad.value.data as Float32Array
      const width = product(param.shape, 1)
      const round = param.dtype === 'float32'
      grad.rows.forEach((row, i) => {
        for (let k = 0; k < width; k++) {
          const change = rate * values[i * width + k]!
          target[row * width + k] = target[row * width + k]! - (round ? fround(change) : change)
        }
      })
    },
  },
})

function step(param: KernelTensor, grad: KernelTensor, rate: number, out: KernelTensor): void {
  const p = param.data
  const g = grad.data
  const to = out.data
  if (to instanceof Float32Array) for (let i = 0; i < to.length; i++) to[i] = p[i]! - fround(rate * g[i]!)
  else for (let i = 0; i < to.length; i++) to[i] = p[i]! - rate * g[i]!
}
