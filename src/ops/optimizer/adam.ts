/**
 * Adam and AdamW (Kingma and Ba 2014), as Paddle's CPU kernel computes it: the bias correction is folded into the rate and epsilon.
 * Half parameters with a master weight follow the GPU kernel: the master, moments and powers are float32, ParamOut is the master rounded.
 */
import { attr } from '../../framework/attr.ts'
import {
  defineOp,
  type Filled,
  type FilledAttrs,
  type KernelTensor,
  type Meta,
  one,
  optional,
  type ScopeKernelContext,
} from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { mergeRows } from '../../tensor/selected_rows.ts'
import { product } from '../../tensor/shape.ts'
import type { SelectedRows, Tensor } from '../../tensor/tensor.ts'
import { checkOptimizerInputs, requireOneElement } from './checks.ts'

const { fround, sqrt } = Math

const SLOTS = {
  Param: one('The parameter, any shape.', FLOATS),
  Grad: one('Shape and element type of Param, or selected rows.'),
  LearningRate: one('One element.'),
  Moment1: one('Shape of Param; float32 for half parameters.'),
  Moment2: one('Shape of Param; float32 for half parameters.'),
  Beta1Pow: one('beta1 to the power of the step, one element.'),
  Beta2Pow: one('beta2 to the power of the step, one element.'),
  MasterParam: optional('float32 copy of a half parameter, used when multi_precision is set.', ['float32']),
  SkipUpdate: optional('When true every output is a copy of its input.', ['bool']),
  Beta1Tensor: optional('Takes the place of beta1.'),
  Beta2Tensor: optional('Takes the place of beta2.'),
  EpsilonTensor: optional('Takes the place of epsilon.'),
}

const OUTPUTS = {
  ParamOut: one('The same variable as Param.'),
  Moment1Out: one('The same variable as Moment1.'),
  Moment2Out: one('The same variable as Moment2.'),
  Beta1PowOut: one('The same variable as Beta1Pow.'),
  Beta2PowOut: one('The same variable as Beta2Pow.'),
  MasterParamOut: optional('The same variable as MasterParam.'),
}

const INPLACE = {
  ParamOut: 'Param',
  Moment1Out: 'Moment1',
  Moment2Out: 'Moment2',
  Beta1PowOut: 'Beta1Pow',
  Beta2PowOut: 'Beta2Pow',
  MasterParamOut: 'MasterParam',
} as const

const ATTRS = {
  beta1: attr.float(0.9),
  beta2: attr.float(0.999),
  epsilon: attr.float(1e-8),
  lazy_mode: attr.bool(false, { doc: 'With selected rows: only the rows that have a gradient change.' }),
  min_row_size_to_use_multithread: attr.long(1000, { doc: 'Has no effect here.' }),
  multi_precision: attr.bool(false),
  use_global_beta_pow: attr.bool(false, { doc: 'Leaves the powers of beta as they are.' }),
}

function inferAdam(opType: string, inputs: Filled<typeof SLOTS, Meta>): Filled<typeof OUTPUTS, Meta> {
  const { Param, Grad, LearningRate, Moment1, Moment2, Beta1Pow, Beta2Pow, MasterParam } = inputs
  checkOptimizerInputs(opType, { Param, Grad, LearningRate, accumulators: { Moment1, Moment2 }, MasterParam })
  requireOneElement(opType, 'Beta1Pow', Beta1Pow)
  requireOneElement(opType, 'Beta2Pow', Beta2Pow)
  for (const slot of ['Beta1Tensor', 'Beta2Tensor', 'EpsilonTensor', 'SkipUpdate'] as const) {
    const meta = inputs[slot]
    if (meta !== undefined) requireOneElement(opType, slot, meta)
  }
  return {
    ParamOut: Param,
    Moment1Out: Moment1,
    Moment2Out: Moment2,
    Beta1PowOut: Beta1Pow,
    Beta2PowOut: Beta2Pow,
    MasterParamOut: MasterParam,
  }
}

/**
 * m1 = b1 m1 + (1 - b1) g; m2 = b2 m2 + (1 - b2) g g; p = p - lr_t (m1 / (sqrt(m2) + eps')), with
 * lr_t = lr sqrt(1 - b2^t) / (1 - b1^t) and eps' = eps sqrt(1 - b2^t); then b1^t and b2^t are multiplied by b1 and b2.
 * In float32 every operation is rounded, in this order.
 */
export const adam = defineOp({
  type: 'adam',
  doc: 'Adam: moving averages of the gradient and its square, corrected for their start, give the step of each element.',
  source: 'paddle/phi/kernels/cpu/adam_kernel.cc; selected rows: paddle/phi/kernels/selected_rows/cpu/adam_kernel.cc',
  differs:
    'Grad must have the shape of Param. Master weights work on the CPU, with the meaning of the GPU kernel. As in Paddle, the bias correction for selected rows is that of the next step.',
  inputs: SLOTS,
  outputs: OUTPUTS,
  attrs: ATTRS,
  inferMeta: (inputs) => inferAdam('adam', inputs),
  grad: 'none',
  inplace: INPLACE,
  effects: 'state',
  kernels: {
    cpu: (inputs, attrs, out) => denseAdam(inputs, attrs, out, 0),
    selectedRows: (ctx) => sparseAdam(ctx, 0),
  },
})

/** Adam with decoupled weight decay (Loshchilov and Hutter 2017): first p = p - lr lr_ratio coeff p, then Adam's rule on the result. */
export const adamw = defineOp({
  type: 'adamw',
  doc: 'Adam with decoupled weight decay: the parameter is first shrunk by LearningRate * lr_ratio * coeff, then updated as adam does.',
  source: 'paddle/phi/kernels/cpu/adamw_kernel.cc',
  differs:
    'Grad must have the shape of Param. Selected rows work (Paddle crashes): equal rows are added up, and all rows decay. As in the CPU kernel of Paddle, lr_ratio scales the decay only.',
  inputs: SLOTS,
  outputs: OUTPUTS,
  attrs: {
    ...ATTRS,
    lr_ratio: attr.float(1, { doc: 'Factor on the decay.' }),
    coeff: attr.float(0.01, { doc: 'Strength of the decay.' }),
    with_decay: attr.bool(false, { doc: 'Without it the operator is adam.' }),
  },
  inferMeta: (inputs) => inferAdam('adamw', inputs),
  grad: 'none',
  inplace: INPLACE,
  effects: 'state',
  kernels: {
    cpu: (inputs, attrs, out) =>
      denseAdam(inputs, attrs, out, decayOf(attrs, inputs.LearningRate.data[0]!, inputs.Moment1.data)),
    selectedRows(ctx) {
      const rate = ctx.get(ctx.inputNames('LearningRate')[0]!) as Tensor
      const moment = ctx.get(ctx.inputNames('Moment1')[0]!) as Tensor
      const { with_decay, lr_ratio, coeff } = ctx.attrs as { with_decay: boolean; lr_ratio: number; coeff: number }
      sparseAdam(ctx, decayOf({ with_decay, lr_ratio, coeff }, Number(rate.at(0)), moment.data as NumberArray))
    },
  },
})

/** The share of the parameter that decays, rounded as the parameter's arithmetic. */
function decayOf(
  attrs: { readonly with_decay: boolean; readonly lr_ratio: number; readonly coeff: number },
  rate: number,
  state: NumberArray,
): number {
  if (!attrs.with_decay) return 0
  return state instanceof Float64Array
    ? rate * attrs.lr_ratio * attrs.coeff
    : fround(fround(rate * attrs.lr_ratio) * attrs.coeff)
}

function denseAdam(
  inputs: Filled<typeof SLOTS, KernelTensor>,
  attrs: FilledAttrs<typeof ATTRS>,
  out: Filled<typeof OUTPUTS, KernelTensor>,
  decay: number,
): void {
  const { Param, Grad, LearningRate, Moment1, Moment2, Beta1Pow, Beta2Pow, MasterParam, SkipUpdate } = inputs
  if (SkipUpdate !== undefined && SkipUpdate.data[0] !== 0) {
    out.ParamOut.data.set(Param.data)
    out.Moment1Out.data.set(Moment1.data)
    out.Moment2Out.data.set(Moment2.data)
    out.Beta1PowOut.data.set(Beta1Pow.data)
    out.Beta2PowOut.data.set(Beta2Pow.data)
    if (MasterParam !== undefined) out.MasterParamOut?.data.set(MasterParam.data)
    return
  }
  const master = attrs.multi_precision ? MasterParam : undefined
  const step: AdamStep = {
    beta1: inputs.Beta1Tensor?.data[0] ?? attrs.beta1,
    beta2: inputs.Beta2Tensor?.data[0] ?? attrs.beta2,
    epsilon: inputs.EpsilonTensor?.data[0] ?? attrs.epsilon,
    beta1Pow: Beta1Pow.data[0]!,
    beta2Pow: Beta2Pow.data[0]!,
    rate: LearningRate.data[0]!,
    decay,
  }
  const arrays = [
    (master ?? Param).data,
    Grad.data,
    Moment1.data,
    Moment2.data,
    out.ParamOut.data,
    out.Moment1Out.data,
    out.Moment2Out.data,
  ] as const
  if (out.Moment1Out.data instanceof Float64Array) stepFloat64(step, ...arrays)
  else stepFloat32(step, ...arrays)
  if (master !== undefined) out.MasterParamOut?.data.set(out.ParamOut.data)
  if (attrs.use_global_beta_pow) {
    out.Beta1PowOut.data[0] = step.beta1Pow
    out.Beta2PowOut.data[0] = step.beta2Pow
  } else {
    out.Beta1PowOut.data[0] = step.beta1 * step.beta1Pow
    out.Beta2PowOut.data[0] = step.beta2 * step.beta2Pow
  }
}

interface AdamStep {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly beta1Pow: number
  readonly beta2Pow: number
  readonly rate: number
  /** Share of the parameter taken off before the step. */
  readonly decay: number
}

function stepFloat32(
  { beta1, beta2, epsilon, beta1Pow, beta2Pow, rate, decay }: AdamStep,
  p: NumberArray,
  g: NumberArray,
  m1: NumberArray,
  m2: NumberArray,
  pOut: NumberArray,
  m1Out: NumberArray,
  m2Out: NumberArray,
): void {
  const b1 = fround(beta1)
  const b2 = fround(beta2)
  const c1 = fround(1 - b1)
  const c2 = fround(1 - b2)
  const root = fround(sqrt(fround(1 - beta2Pow)))
  const rateT = fround(fround(rate * root) / fround(1 - beta1Pow))
  const eps = fround(fround(epsilon) * root)
  for (let i = 0; i < pOut.length; i++) {
    const gradient = g[i]!
    const first = fround(fround(b1 * m1[i]!) + fround(c1 * gradient))
    const second = fround(fround(b2 * m2[i]!) + fround(fround(c2 * gradient) * gradient))
    m1Out[i] = first
    m2Out[i] = second
    const start = decay === 0 ? p[i]! : fround(p[i]! - fround(decay * p[i]!))
    pOut[i] = start - fround(rateT * fround(first / fround(fround(sqrt(second)) + eps)))
  }
}

function stepFloat64(
  { beta1, beta2, epsilon, beta1Pow, beta2Pow, rate, decay }: AdamStep,
  p: NumberArray,
  g: NumberArray,
  m1: NumberArray,
  m2: NumberArray,
  pOut: NumberArray,
  m1Out: NumberArray,
  m2Out: NumberArray,
): void {
  const root = sqrt(1 - beta2Pow)
  const rateT = (rate * root) / (1 - beta1Pow)
  const eps = epsilon * root
  for (let i = 0; i < pOut.length; i++) {
    const gradient = g[i]!
    const first = beta1 * m1[i]! + (1 - beta1) * gradient
    const second = beta2 * m2[i]! + (1 - beta2) * gradient * gradient
    m1Out[i] = first
    m2Out[i] = second
    pOut[i] = p[i]! - decay * p[i]! - rateT * (first / (sqrt(second) + eps))
  }
}

/**
 * The sparse rule: equal rows are added up; with lazy_mode only listed rows change, else the moments of all rows decay and epsilon of rows
 * without a gradient is not scaled. The powers of beta are multiplied first, so the correction is that of the next step. No rows: nothing
 * changes, not even the powers.
 */
function sparseAdam(ctx: ScopeKernelContext, decay: number): void {
  const tensorOf = (slot: string): Tensor => ctx.get(ctx.inputNames(slot)[0]!) as Tensor
  const scalarOf = (slot: string): number | undefined => {
    const name = ctx.inputNames(slot)[0]
    const value = name === undefined ? undefined : (ctx.get(name) as Tensor | undefined)
    return value === undefined ? undefined : Number(value.at(0))
  }
  // Read before anything is written: an output may lie over one of them.
  const skip = (scalarOf('SkipUpdate') ?? 0) !== 0
  const rate = scalarOf('LearningRate')!
  const beta1 = scalarOf('Beta1Tensor') ?? (ctx.attrs['beta1'] as number)
  const beta2 = scalarOf('Beta2Tensor') ?? (ctx.attrs['beta2'] as number)
  const givenEpsilon = scalarOf('EpsilonTensor') ?? (ctx.attrs['epsilon'] as number)
  for (const slot of ['Param', 'Moment1', 'Moment2', 'Beta1Pow', 'Beta2Pow']) {
    const out = ctx.outputNames(`${slot}Out`)[0]!
    if (out !== ctx.inputNames(slot)[0]) ctx.set(out, tensorOf(slot))
  }
  const grad = ctx.get(ctx.inputNames('Grad')[0]!) as SelectedRows
  if (grad.rows.length === 0 || skip) return
  const target = (slot: string): NumberArray =>
    (ctx.get(ctx.outputNames(`${slot}Out`)[0]!) as Tensor).data as NumberArray
  const param = target('Param')
  const moment1 = target('Moment1')
  const moment2 = target('Moment2')
  const beta1Pow = target('Beta1Pow')
  const beta2Pow = target('Beta2Pow')
  const r = param instanceof Float32Array ? fround : (x: number): number => x
  const b1 = r(beta1)
  const b2 = r(beta2)
  const epsilon = r(givenEpsilon)
  const next1 = r(b1 * beta1Pow[0]!)
  const next2 = r(b2 * beta2Pow[0]!)
  const root = r(sqrt(r(1 - next2)))
  const rateT = r(r(rate * root) / r(1 - next1))
  const merged = mergeRows(grad)
  const width = product(merged.value.shape, 1)
  const values = merged.value.data as NumberArray
  const update = (i: number, gradient: number, eps: number): void => {
    const first = r(r(b1 * moment1[i]!) + r(r(1 - b1) * gradient))
    const second = r(r(b2 * moment2[i]!) + r(r(r(1 - b2) * gradient) * gradient))
    moment1[i] = first
    moment2[i] = second
    param[i] = param[i]! - r(rateT * r(first / r(r(sqrt(second)) + eps)))
  }
  if (decay !== 0) for (let i = 0; i < param.length; i++) param[i] = param[i]! - r(decay * param[i]!)
  let next = 0
  for (let row = 0; row < merged.height; row++) {
    const listed = merged.rows[next] === row
    if (!listed && ctx.attrs['lazy_mode'] === true) continue
    for (let k = 0; k < width; k++) {
      if (listed) update(row * width + k, values[next * width + k]!, r(epsilon * root))
      else update(row * width + k, 0, epsilon)
    }
    if (listed) next++
  }
  if (ctx.attrs['use_global_beta_pow'] !== true) {
    beta1Pow[0] = next1
    beta2Pow[0] = next2
  }
}
