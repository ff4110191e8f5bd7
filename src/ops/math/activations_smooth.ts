/**
 * Smooth activations: sigmoid and tanh with what is built from them, softplus, gelu, mish and the exponential units.
 * Source: paddle/phi/kernels/funcs/activation_functor.h, paddle/phi/kernels/impl/gelu_kernel_impl.h (2.6.2).
 */
import { attr } from '../../framework/attr.ts'
import { erfc } from '../../tensor/erf.ts'
import { activation } from './activation.ts'

export const [sigmoid, sigmoidGrad] = activation('sigmoid', {
  doc: '1 / (1 + exp(-x)).',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = 1 / (1 + Math.exp(-x[i]!))
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * out[i]! * (1 - out[i]!)
  },
})

export const [logsigmoid, logsigmoidGrad] = activation('logsigmoid', {
  doc: 'log(1 / (1 + exp(-x))); NaN at -Infinity, as in Paddle.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) {
      const top = x[i]! < 0 ? -x[i]! : 0
      y[i] = -top - Math.log(Math.exp(-top) + Math.exp(-x[i]! - top))
    }
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) {
      const top = x[i]! < 0 ? -x[i]! : 0
      const e = Math.exp(-x[i]! - top)
      dx[i] = dout[i]! * (e / (Math.exp(-top) + e))
    }
  },
})

export const [silu, siluGrad] = activation('silu', {
  doc: 'x / (1 + exp(-x)). As in Paddle the slope is infinite at Infinity, and NaN where exp(-x) overflows the element type.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! / (1 + Math.exp(-x[i]!))
  },
  reads: 'X and Out',
  backward(x, dout, dx) {
    const narrow = dx instanceof Float32Array
    for (let i = 0; i < dx.length; i++) {
      const e = Math.exp(-x[i]!)
      const overflows = (narrow ? Math.fround(e) : e) === Infinity
      const slope = (1 + (x[i]! * e) / (1 + e)) / (1 + e)
      dx[i] = dout[i]! * (overflows ? Number.NaN : x[i] === Infinity ? Infinity : slope)
    }
  },
})

export const [swish, swishGrad] = activation('swish', {
  doc: 'x / (1 + exp(-x)); NaN at -Infinity, and so is the slope at both infinities.',
  attrs: { beta: attr.float(1, { extra: true, doc: 'Has no effect, as in Paddle: beta is 1.' }) },
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! / (1 + Math.exp(-x[i]!))
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) {
      const s = 1 / (1 + Math.exp(-x[i]!))
      dx[i] = dout[i]! * (x[i]! * s + s * (1 - x[i]! * s))
    }
  },
})

export const [tanh, tanhGrad] = activation('tanh', {
  doc: 'Hyperbolic tangent of x.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.tanh(x[i]!)
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * (1 - out[i]! * out[i]!)
  },
})

export const [stanh, stanhGrad] = activation('stanh', {
  doc: 'scale_b * tanh(scale_a * x).',
  attrs: { scale_a: attr.float(0.67), scale_b: attr.float(1.7159) },
  forward(x, y, { scale_a, scale_b }) {
    for (let i = 0; i < y.length; i++) y[i] = scale_b * Math.tanh(scale_a * x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx, { scale_a, scale_b }) {
    for (let i = 0; i < dx.length; i++) {
      const t = Math.tanh(scale_a * x[i]!)
      dx[i] = dout[i]! * scale_a * scale_b * (1 - t * t)
    }
  },
})

export const [tanhShrink, tanhShrinkGrad] = activation('tanh_shrink', {
  doc: 'x - tanh(x).',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! - Math.tanh(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) {
      const t = Math.tanh(x[i]!)
      dx[i] = dout[i]! * t * t
    }
  },
})

export const [softsign, softsignGrad] = activation('softsign', {
  doc: 'x / (1 + |x|); NaN where x is infinite.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! / (1 + Math.abs(x[i]!))
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) {
      const below = 1 + Math.abs(x[i]!)
      dx[i] = dout[i]! / (below * below)
    }
  },
})

export const [softplus, softplusGrad] = activation('softplus', {
  doc: 'log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold.',
  attrs: { beta: attr.float(1), threshold: attr.float(20) },
  forward(x, y, { beta, threshold }) {
    for (let i = 0; i < y.length; i++) {
      const scaled = beta * x[i]!
      y[i] = scaled > threshold ? x[i]! : Math.log1p(Math.exp(scaled)) / beta
    }
  },
  reads: 'X',
  backward(x, dout, dx, { beta, threshold }) {
    for (let i = 0; i < dx.length; i++) {
      const scaled = beta * x[i]!
      dx[i] = scaled > threshold ? dout[i]! : dout[i]! / (1 + Math.exp(-scaled))
    }
  },
})

export const [softRelu, softReluGrad] = activation('soft_relu', {
  doc: 'log(1 + exp(x)) with x limited to [-threshold, threshold]. As in Paddle, the gradient is that without a limit wherever Out is within (-threshold, threshold), so it is not 0 for x below -threshold.',
  attrs: { threshold: attr.float(40) },
  forward(x, y, { threshold }) {
    for (let i = 0; i < y.length; i++) {
      const raised = x[i]! < -threshold ? -threshold : x[i]!
      y[i] = Math.log1p(Math.exp(raised > threshold ? threshold : raised))
    }
  },
  reads: 'Out',
  backward(out, dout, dx, { threshold }) {
    for (let i = 0; i < dx.length; i++) {
      const inside = out[i]! > -threshold && out[i]! < threshold ? 1 : 0
      dx[i] = dout[i]! * -Math.expm1(-out[i]!) * inside
    }
  },
})

export const [mish, mishGrad] = activation('mish', {
  doc: 'x * tanh(s), where s = log(1 + exp(x)), and s = x from threshold on. NaN at -Infinity, and so is the slope at both infinities.',
  attrs: { threshold: attr.float(20) },
  forward(x, y, { threshold }) {
    for (let i = 0; i < y.length; i++) {
      y[i] = x[i]! * Math.tanh(x[i]! < threshold ? Math.log1p(Math.exp(x[i]!)) : x[i]!)
    }
  },
  reads: 'X',
  backward(x, dout, dx, { threshold }) {
    for (let i = 0; i < dx.length; i++) {
      const s = x[i]! < threshold ? Math.log1p(Math.exp(x[i]!)) : x[i]!
      const t = Math.tanh(s)
      dx[i] = dout[i]! * (x[i]! * (1 - t * t) * -Math.expm1(-s) + t)
    }
  },
})

/** sqrt(2 / pi), the weight of the tanh in gelu. */
const GELU_SCALE = Math.sqrt(2 / Math.PI)
const GELU_CUBIC = 0.044715

export const [gelu, geluGrad] = activation('gelu', {
  doc: 'x times the normal distribution function of x; NaN at -Infinity, and so is the slope at both infinities.',
  attrs: {
    approximate: attr.bool(false, {
      doc: 'Use x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x))) instead.',
    }),
  },
  forward(x, y, { approximate }) {
    if (approximate) {
      for (let i = 0; i < y.length; i++) {
        const v = x[i]!
        y[i] = 0.5 * v * (1 + Math.tanh(GELU_SCALE * (v + GELU_CUBIC * v * v * v)))
      }
    } else for (let i = 0; i < y.length; i++) y[i] = 0.5 * x[i]! * erfc(-x[i]! * Math.SQRT1_2)
  },
  reads: 'X',
  backward(x, dout, dx, { approximate }) {
    if (approximate) {
      for (let i = 0; i < dx.length; i++) {
        const v = x[i]!
        const t = Math.tanh(GELU_SCALE * (v + GELU_CUBIC * v * v * v))
        const inner = GELU_SCALE * (1 + 3 * GELU_CUBIC * v * v)
        dx[i] = dout[i]! * (0.5 * (1 + t) + 0.5 * v * (1 - t * t) * inner)
      }
    } else {
      for (let i = 0; i < dx.length; i++) {
        const v = x[i]!
        const density = Math.exp(-0.5 * v * v) * (GELU_SCALE / 2)
        dx[i] = dout[i]! * (0.5 * erfc(-v * Math.SQRT1_2) + v * density)
      }
    }
  },
})

export const [elu, eluGrad] = activation('elu', {
  doc: 'x where x >= 0, else alpha * (exp(x) - 1). The gradient at 0 is alpha.',
  attrs: { alpha: attr.float(1) },
  forward(x, y, { alpha }) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! < 0 ? alpha * Math.expm1(x[i]!) : x[i]!
  },
  reads: 'X and Out',
  backward(x, dout, dx, { alpha }) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i]! > 0 ? dout[i]! : dout[i]! * alpha * Math.exp(x[i]!)
  },
})

export const [selu, seluGrad] = activation('selu', {
  doc: 'scale * x where x > 0, else scale * alpha * (exp(x) - 1). The gradient at 0 is scale * alpha, where x is NaN scale.',
  attrs: { scale: attr.float(1.0507009873554805), alpha: attr.float(1.6732632423543772) },
  forward(x, y, { scale, alpha }) {
    for (let i = 0; i < y.length; i++) y[i] = scale * (x[i]! <= 0 ? alpha * Math.expm1(x[i]!) : x[i]!)
  },
  reads: 'Out',
  backward(out, dout, dx, { scale, alpha }) {
    // Paddle multiplies the two float32 attributes in float32, for every element type.
    const limit = Math.fround(scale * alpha)
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * (out[i]! <= 0 ? out[i]! + limit : scale)
  },
})
