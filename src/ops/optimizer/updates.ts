/** Optimizers as a table of formulas: momentum, adagrad, rmsprop, adamax, adadelta, ftrl. */
import { attr, oneOf } from '../../framework/attr.ts'
import { updateOp } from './update_op.ts'

const { abs, max, sqrt } = Math
const multi_precision = attr.bool(false)

export const momentum = updateOp('momentum', {
  doc: 'v = mu v + g; p = p - lr v, or with Nesterov p = p - lr (g + mu v). With l2_decay, g is g + coeff p.',
  source: 'paddle/phi/kernels/impl/momentum_kernel_impl.h; Sutskever et al. 2013',
  differs: 'rescale_grad counts only with a master weight: the dense CPU kernel of Paddle ignores it.',
  accumulators: ['Velocity'],
  attrs: {
    mu: attr.float(),
    use_nesterov: attr.bool(false),
    regularization_method: attr.string('', { check: oneOf('', 'l2_decay') }),
    regularization_coeff: attr.float(0),
    multi_precision,
    rescale_grad: attr.float(1),
  },
  sparse: true,
  update({ param, grad, rate, state: [v], paramOut, stateOut: [vOut] }, attrs, r) {
    const mu = attrs.mu
    const decay = attrs.regularization_method === 'l2_decay' ? attrs.regularization_coeff : undefined
    const rescale = attrs.multi_precision ? attrs.rescale_grad : 1
    for (let i = 0; i < paramOut.length; i++) {
      const p = param[i]!
      let g = rescale === 1 ? grad[i]! : r(grad[i]! * rescale)
      if (decay !== undefined) g = r(g + r(decay * p))
      const velocity = r(r(mu * v![i]!) + g)
      vOut![i] = velocity
      paramOut[i] = attrs.use_nesterov ? p - r(r(g + r(mu * velocity)) * rate) : p - r(rate * velocity)
    }
  },
})

export const adagrad = updateOp('adagrad', {
  doc: 'm = m + g g; p = p - lr g / (sqrt(m) + epsilon).',
  source: 'paddle/phi/kernels/cpu/adagrad_kernel.cc; Duchi et al. 2011',
  accumulators: ['Moment'],
  attrs: { epsilon: attr.float(1e-6), multi_precision },
  sparse: true,
  update({ param, grad, rate, state: [m], paramOut, stateOut: [mOut] }, { epsilon }, r) {
    for (let i = 0; i < paramOut.length; i++) {
      const g = grad[i]!
      const moment = r(m![i]! + r(g * g))
      mOut![i] = moment
      paramOut[i] = param[i]! - r(r(rate * g) / r(r(sqrt(moment)) + epsilon))
    }
  },
})

export const rmsprop = updateOp('rmsprop', {
  doc: 'ms = rho ms + (1 - rho) g g; mom = momentum mom + lr g / sqrt(ms + epsilon); p = p - mom. Centered: the mean gradient squared is taken off ms under the root.',
  source: 'paddle/phi/kernels/impl/rmsprop_kernel_impl.h; Hinton, lecture 6 of Neural Networks for Machine Learning',
  differs: 'A MasterParam that is given counts: the optimizer of Paddle gives one and leaves multi_precision false.',
  masterBySlot: true,
  accumulators: ['MeanSquare', 'Moment', 'MeanGrad'],
  optionalAccumulators: ['MeanGrad'],
  attrs: {
    epsilon: attr.float(1e-10),
    decay: attr.float(0.9),
    momentum: attr.float(0),
    centered: attr.bool(false),
    multi_precision: attr.bool(false, { doc: 'Has no effect: a MasterParam that is given counts.' }),
  },
  sparse: true,
  update({ param, grad, rate, state: [ms, mom, mg], paramOut, stateOut: [msOut, momOut, mgOut] }, attrs, r) {
    const { decay, epsilon, momentum: mu, centered } = attrs
    const rest = r(1 - decay)
    for (let i = 0; i < paramOut.length; i++) {
      const g = grad[i]!
      const square = r(r(decay * ms![i]!) + r(r(rest * g) * g))
      let under = r(square + epsilon)
      let mean = mg![i]!
      if (centered) {
        mean = r(r(decay * mean) + r(rest * g))
        under = r(r(square - r(mean * mean)) + epsilon)
      }
      const moment = r(r(mu * mom![i]!) + r(r(rate * g) / r(sqrt(under))))
      msOut![i] = square
      mgOut![i] = mean
      momOut![i] = moment
      paramOut[i] = param[i]! - moment
    }
  },
})

export const adamax = updateOp('adamax', {
  doc: 'm = beta1 m + (1 - beta1) g; u = max(|g|, beta2 u + epsilon); p = p - lr / (1 - beta1^t) m / u. Beta1Pow is only read: a scale operator moves it on.',
  source: 'paddle/phi/kernels/impl/adamax_kernel_impl.h; Kingma and Ba 2014',
  accumulators: ['Moment', 'InfNorm'],
  scalars: ['Beta1Pow'],
  attrs: { beta1: attr.float(0.9), beta2: attr.float(0.999), epsilon: attr.float(1e-8), multi_precision },
  update({ param, grad, rate, state: [m, u], scalars: [pow], paramOut, stateOut: [mOut, uOut] }, attrs, r) {
    const { beta1, beta2, epsilon } = attrs
    const rest = r(1 - beta1)
    const step = r(rate / r(1 - pow!))
    for (let i = 0; i < paramOut.length; i++) {
      const g = grad[i]!
      const moment = r(r(beta1 * m![i]!) + r(rest * g))
      const norm = max(abs(g), r(r(beta2 * u![i]!) + epsilon))
      mOut![i] = moment
      uOut![i] = norm
      paramOut[i] = param[i]! - r(step * r(moment / norm))
    }
  },
})

export const adadelta = updateOp('adadelta', {
  doc: 'Eg = rho Eg + (1 - rho) g g; d = -sqrt((Ed + epsilon) / (Eg + epsilon)) g; Ed = rho Ed + (1 - rho) d d; p = p + lr d.',
  source: 'paddle/phi/kernels/impl/adadelta_kernel_impl.h; Zeiler 2012',
  accumulators: ['AvgSquaredGrad', 'AvgSquaredUpdate'],
  attrs: { rho: attr.float(0.95), epsilon: attr.float(1e-6), multi_precision },
  update({ param, grad, rate, state: [eg, ed], paramOut, stateOut: [egOut, edOut] }, { rho, epsilon }, r) {
    const rest = r(1 - rho)
    for (let i = 0; i < paramOut.length; i++) {
      const g = grad[i]!
      const square = r(r(rho * eg![i]!) + r(rest * r(g * g)))
      const change = r(-r(r(r(sqrt(r(ed![i]! + epsilon))) / r(sqrt(r(square + epsilon)))) * g))
      egOut![i] = square
      edOut![i] = r(r(rho * ed![i]!) + r(rest * r(change * change)))
      paramOut[i] = param[i]! + r(rate * change)
    }
  },
})

export const ftrl = updateOp('ftrl', {
  doc: 'Follow the regularized leader: s = s + g g; l = l + g - (s_new^-power - s^-power) / lr p; p from l, l1 and l2.',
  source: 'paddle/phi/kernels/impl/ftrl_kernel_impl.h; McMahan et al. 2013',
  accumulators: ['SquaredAccumulator', 'LinearAccumulator'],
  outNames: ['SquaredAccumOut', 'LinearAccumOut'],
  attrs: { l1: attr.float(0), l2: attr.float(0), lr_power: attr.float(-0.5) },
  master: false,
  update({ param, grad, rate, state: [s, l], paramOut, stateOut: [sOut, lOut] }, attrs, r) {
    const l1 = r(attrs.l1 + 1e-10)
    const l2 = r(attrs.l2 + 1e-10)
    const power = -attrs.lr_power
    const root = attrs.lr_power === -0.5 ? (x: number): number => r(sqrt(x)) : (x: number): number => r(x ** power)
    for (let i = 0; i < paramOut.length; i++) {
      const g = grad[i]!
      const p = param[i]!
      const old = s![i]!
      const sum = r(old + r(g * g))
      const linear = r(l![i]! + r(g - r(r(r(root(sum) - root(old)) / rate) * p)))
      const y = r(r(root(sum) / rate) + r(2 * l2))
      sOut![i] = sum
      lOut![i] = linear
      paramOut[i] = abs(linear) > l1 ? r(r(l1 * Math.sign(linear)) - linear) / y : 0
    }
  },
})
