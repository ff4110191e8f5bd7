/** Optimizers that scale the step by norms of parameter and gradient: lamb, lars_momentum. */
import { attr } from '../../framework/attr.ts'
import { defineOp, type KernelTensor, many, one, optional } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { checkOptimizerInputs, requireEqualCounts, requireOneElement } from './checks.ts'

const { fround, sqrt } = Math

type Round = (x: number) => number
const roundOf = (data: NumberArray): Round => (data instanceof Float64Array ? (x) => x : fround)

function norm(data: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < data.length; i++) sum += data[i]! * data[i]!
  return sqrt(sum)
}

/**
 * m1 and m2 as in adam; step = m1 / (1 - b1^t) / (sqrt(m2 / (1 - b2^t)) + eps) + weight_decay p; p = p - lr ratio step, where ratio is
 * |p| / |step| if both are positive and weight_decay > 0 or always_adapt, else 1. You et al. 2019.
 */
export const lamb = defineOp({
  type: 'lamb',
  doc: 'Adam with weight decay in the step and the step scaled to the norm of the parameter.',
  source: 'paddle/phi/kernels/impl/lamb_kernel_impl.h',
  differs: 'Grad must have the shape of Param. Master weights work on the CPU, with the meaning of the GPU kernel.',
  inputs: {
    Param: one('The parameter, any shape.', FLOATS),
    Grad: one('Shape and element type of Param.'),
    LearningRate: one('One element.'),
    Moment1: one('Shape of Param; float32 for half parameters.'),
    Moment2: one('Shape of Param; float32 for half parameters.'),
    Beta1Pow: one('beta1 to the power of the step, one element.'),
    Beta2Pow: one('beta2 to the power of the step, one element.'),
    MasterParam: optional('float32 copy of a half parameter, used when multi_precision is set.', ['float32']),
    SkipUpdate: optional('When true every output is a copy of its input.', ['bool']),
  },
  outputs: {
    ParamOut: one('The same variable as Param.'),
    Moment1Out: one('The same variable as Moment1.'),
    Moment2Out: one('The same variable as Moment2.'),
    Beta1PowOut: optional('The same variable as Beta1Pow.'),
    Beta2PowOut: optional('The same variable as Beta2Pow.'),
    MasterParamOut: optional('The same variable as MasterParam.'),
  },
  attrs: {
    weight_decay: attr.float(),
    beta1: attr.float(0.9),
    beta2: attr.float(0.999),
    epsilon: attr.float(1e-6),
    always_adapt: attr.bool(false),
    multi_precision: attr.bool(false),
  },
  inferMeta({ Param, Grad, LearningRate, Moment1, Moment2, Beta1Pow, Beta2Pow, MasterParam }) {
    checkOptimizerInputs('lamb', { Param, Grad, LearningRate, accumulators: { Moment1, Moment2 }, MasterParam })
    requireOneElement('lamb', 'Beta1Pow', Beta1Pow)
    requireOneElement('lamb', 'Beta2Pow', Beta2Pow)
    return {
      ParamOut: Param,
      Moment1Out: Moment1,
      Moment2Out: Moment2,
      Beta1PowOut: Beta1Pow,
      Beta2PowOut: Beta2Pow,
      MasterParamOut: MasterParam,
    }
  },
  grad: 'none',
  inplace: {
    ParamOut: 'Param',
    Moment1Out: 'Moment1',
    Moment2Out: 'Moment2',
    Beta1PowOut: 'Beta1Pow',
    Beta2PowOut: 'Beta2Pow',
    MasterParamOut: 'MasterParam',
  },
  effects: 'state',
  kernels: {
    cpu({ Param, Grad, LearningRate, Moment1, Moment2, Beta1Pow, Beta2Pow, MasterParam, SkipUpdate }, attrs, out) {
      const copy = (to: KernelTensor | undefined, from: KernelTensor | undefined): void => {
        if (to !== undefined && from !== undefined) to.data.set(from.data)
      }
      if (SkipUpdate !== undefined && SkipUpdate.data[0] !== 0) {
        copy(out.ParamOut, Param)
        copy(out.Moment1Out, Moment1)
        copy(out.Moment2Out, Moment2)
        copy(out.Beta1PowOut, Beta1Pow)
        copy(out.Beta2PowOut, Beta2Pow)
        copy(out.MasterParamOut, MasterParam)
        return
      }
      const master = attrs.multi_precision ? MasterParam : undefined
      const p = (master ?? Param).data
      const r = roundOf(out.Moment1Out.data)
      const { weight_decay: decay, beta1, beta2, epsilon } = attrs
      const rest1 = r(1 - beta1)
      const rest2 = r(1 - beta2)
      const pow1 = Beta1Pow.data[0]!
      const pow2 = Beta2Pow.data[0]!
      const step = new Float64Array(p.length)
      for (let i = 0; i < p.length; i++) {
        const g = Grad.data[i]!
        const m1 = r(r(beta1 * Moment1.data[i]!) + r(rest1 * g))
        const m2 = r(r(beta2 * Moment2.data[i]!) + r(r(rest2 * g) * g))
        out.Moment1Out.data[i] = m1
        out.Moment2Out.data[i] = m2
        const corrected1 = r(m1 / r(1 - pow1))
        const corrected2 = r(m2 / r(1 - pow2))
        step[i] = r(r(corrected1 / r(r(sqrt(corrected2)) + epsilon)) + r(decay * p[i]!))
      }
      const adapt = decay > 0 || attrs.always_adapt
      const paramNorm = adapt ? r(norm(p)) : 0
      const stepNorm = adapt ? r(norm(step)) : 0
      const ratio = paramNorm > 0 && stepNorm > 0 ? r(paramNorm / stepNorm) : 1
      const rate = r(LearningRate.data[0]! * ratio)
      for (let i = 0; i < p.length; i++) out.ParamOut.data[i] = p[i]! - r(rate * step[i]!)
      if (master !== undefined) copy(out.MasterParamOut, out.ParamOut)
      if (out.Beta1PowOut !== undefined) out.Beta1PowOut.data[0] = pow1 * beta1
      if (out.Beta2PowOut !== undefined) out.Beta2PowOut.data[0] = pow2 * beta2
    },
  },
})

/**
 * For each parameter: local = lr, or lr lars_coeff |p| / (|g| + decay |p| + epsilon) where decay, |p| and |g| are positive;
 * v = mu v + local (g + decay p); p = p - v. You et al. 2017.
 */
export const larsMomentum = defineOp({
  type: 'lars_momentum',
  doc: 'Momentum whose rate is scaled, for each parameter, by the ratio of the norms of parameter and gradient.',
  source: 'paddle/fluid/operators/optimizers/lars_momentum_op.cc',
  differs: 'Grad must have the shape of Param. Master weights work on the CPU, with the meaning of the GPU kernel.',
  inputs: {
    Param: many('The parameters.', FLOATS),
    Grad: many('Their gradients.'),
    Velocity: many('Their velocities.'),
    LearningRate: many('One element each.'),
    MasterParam: many('float32 copies of half parameters; may be empty.'),
  },
  outputs: {
    ParamOut: many('The same variables as Param.'),
    VelocityOut: many('The same variables as Velocity.'),
    MasterParamOut: many('The same variables as MasterParam.'),
  },
  attrs: {
    mu: attr.float(),
    lars_coeff: attr.float(0.001),
    lars_weight_decay: attr.floats([0.0005]),
    epsilon: attr.float(0),
    multi_precision: attr.bool(false),
    rescale_grad: attr.float(1, { doc: 'Has no effect, as in the CPU kernel of Paddle.' }),
  },
  inferMeta({ Param, Grad, Velocity, LearningRate, MasterParam }, _attrs, ctx) {
    requireEqualCounts('lars_momentum', {
      Param: Param.length,
      Grad: Grad.length,
      Velocity: Velocity.length,
      ParamOut: ctx.wantedCount('ParamOut'),
      VelocityOut: ctx.wantedCount('VelocityOut'),
      ...(LearningRate.length === 1 ? {} : { LearningRate: LearningRate.length }),
      ...(MasterParam.length === 0 ? {} : { MasterParam: MasterParam.length }),
    })
    Param.forEach((param, i) => {
      checkOptimizerInputs('lars_momentum', {
        Param: param,
        Grad: Grad[i]!,
        LearningRate: LearningRate[i] ?? LearningRate[0]!,
        accumulators: { Velocity: Velocity[i]! },
        MasterParam: MasterParam[i],
      })
    })
    return { ParamOut: Param, VelocityOut: Velocity, MasterParamOut: MasterParam }
  },
  grad: 'none',
  inplace: { ParamOut: 'Param', VelocityOut: 'Velocity', MasterParamOut: 'MasterParam' },
  effects: 'state',
  kernels: {
    cpu({ Param, Grad, Velocity, LearningRate, MasterParam }, attrs, { ParamOut, VelocityOut, MasterParamOut }) {
      Param.forEach((param, k) => {
        const master = attrs.multi_precision ? MasterParam[k] : undefined
        const p = (master ?? param).data
        const g = Grad[k]!.data
        const out = ParamOut[k]!.data
        const velocityOut = VelocityOut[k]!.data
        const r = roundOf(velocityOut)
        const rate = (LearningRate[k] ?? LearningRate[0]!).data[0]!
        const decay = attrs.lars_weight_decay[k] ?? attrs.lars_weight_decay[0] ?? 0
        const paramNorm = r(norm(p))
        const gradNorm = r(norm(g))
        let local = rate
        if (decay > 0 && paramNorm > 0 && gradNorm > 0) {
          const under = r(r(gradNorm + r(decay * paramNorm)) + attrs.epsilon)
          local = r(r(r(rate * attrs.lars_coeff) * paramNorm) / under)
        }
        for (let i = 0; i < out.length; i++) {
          const start = p[i]!
          const velocity = r(r(Velocity[k]!.data[i]! * attrs.mu) + r(local * r(g[i]! + r(decay * start))))
          velocityOut[i] = velocity
          out[i] = start - velocity
        }
        if (master !== undefined) MasterParamOut[k]?.data.set(out)
      })
    },
  },
})
