/**
 * Activations made of straight pieces: the relu family, shrinkage and the hard versions of sigmoid and swish (which has one curved piece).
 * Where a factor of 0 or 1 stands for a condition, infinities give NaN as they do in Paddle.
 * Source: paddle/phi/kernels/funcs/activation_functor.h (2.6.2).
 */
import { attr } from '../../framework/attr.ts'
import { activation } from './activation.ts'

export const [relu, reluGrad] = activation('relu', {
  doc: 'max(x, 0).',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! > 0 ? x[i]! : 0
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = out[i]! > 0 ? dout[i]! : 0
  },
})

export const [relu6, relu6Grad] = activation('relu6', {
  doc: 'x limited to [0, 6]; NaN stays NaN. The gradient is 0 at the ends.',
  attrs: { threshold: attr.float(6, { extra: true, doc: 'Has no effect, as in Paddle: the limit is 6.' }) },
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! < 0 ? 0 : x[i]! > 6 ? 6 : x[i]!
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = out[i]! > 0 && out[i]! < 6 ? dout[i]! : 0
  },
})

export const [brelu, breluGrad] = activation('brelu', {
  doc: 'x limited to [t_min, t_max]; NaN stays NaN. The gradient is 0 at the ends.',
  attrs: { t_min: attr.float(0, { doc: 'Lower end.' }), t_max: attr.float(24, { doc: 'Upper end.' }) },
  forward(x, y, { t_min, t_max }) {
    for (let i = 0; i < y.length; i++) {
      const raised = x[i]! < t_min ? t_min : x[i]!
      y[i] = raised > t_max ? t_max : raised
    }
  },
  reads: 'X',
  backward(x, dout, dx, { t_min, t_max }) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i]! > t_min && x[i]! < t_max ? dout[i]! : 0
  },
})

export const [leakyRelu, leakyReluGrad] = activation('leaky_relu', {
  doc: 'x where x >= 0, else alpha * x. The gradient where x is NaN is 0.',
  attrs: { alpha: attr.float(0.02, { doc: 'Slope below 0.' }) },
  forward(x, y, { alpha }) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! < 0 ? alpha * x[i]! : x[i]!
  },
  reads: 'X',
  backward(x, dout, dx, { alpha }) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i]! >= 0 ? dout[i]! : x[i]! < 0 ? alpha * dout[i]! : 0
  },
})

export const [thresholdedRelu, thresholdedReluGrad] = activation('thresholded_relu', {
  doc: 'x where x > threshold, else 0 * x.',
  attrs: { threshold: attr.float(1) },
  forward(x, y, { threshold }) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! > threshold ? x[i]! : 0 * x[i]!
  },
  reads: 'X',
  backward(x, dout, dx, { threshold }) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i]! > threshold ? dout[i]! : 0
  },
})

export const [hardShrink, hardShrinkGrad] = activation('hard_shrink', {
  doc: 'x where x > threshold or x < -threshold, else 0 * x.',
  attrs: { threshold: attr.float(0.5) },
  forward(x, y, { threshold }) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! > threshold || x[i]! < -threshold ? x[i]! : 0 * x[i]!
  },
  reads: 'X',
  backward(x, dout, dx, { threshold }) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i]! > threshold || x[i]! < -threshold ? dout[i]! : 0
  },
})

export const [softshrink, softshrinkGrad] = activation('softshrink', {
  doc: '(x > lambda) * (x - lambda) + (x < -lambda) * (x + lambda): x moved towards 0 by lambda, 0 between. NaN where x is infinite.',
  attrs: { lambda: attr.float(0.5) },
  forward(x, y, { lambda }) {
    for (let i = 0; i < y.length; i++) {
      y[i] = (x[i]! > lambda ? 1 : 0) * (x[i]! - lambda) + (x[i]! < -lambda ? 1 : 0) * (x[i]! + lambda)
    }
  },
  reads: 'X',
  backward(x, dout, dx, { lambda }) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * ((x[i]! > lambda ? 1 : 0) + (x[i]! < -lambda ? 1 : 0))
  },
})

export const [hardSigmoid, hardSigmoidGrad] = activation('hard_sigmoid', {
  doc: 'slope * x + offset limited to [0, 1]; NaN stays NaN. The gradient is 0 at the ends.',
  attrs: { slope: attr.float(0.2), offset: attr.float(0.5) },
  forward(x, y, { slope, offset }) {
    for (let i = 0; i < y.length; i++) {
      const line = slope * x[i]! + offset
      y[i] = line < 0 ? 0 : line > 1 ? 1 : line
    }
  },
  reads: 'Out',
  backward(out, dout, dx, { slope }) {
    for (let i = 0; i < dx.length; i++) dx[i] = out[i]! > 0 && out[i]! < 1 ? dout[i]! * slope : 0
  },
})

const NO_EFFECT = 'Has no effect, as in Paddle, which takes 6, 6 and 3.'

export const [hardSwish, hardSwishGrad] = activation('hard_swish', {
  doc: 'x * (x + 3 limited to [0, 6]) / 6. The gradient is 0 at -3 and 1 at 3, NaN where x is infinite.',
  attrs: {
    threshold: attr.float(6, { doc: NO_EFFECT }),
    scale: attr.float(6, { doc: NO_EFFECT }),
    offset: attr.float(3, { doc: NO_EFFECT }),
  },
  forward(x, y) {
    for (let i = 0; i < y.length; i++) {
      const moved = x[i]! + 3
      y[i] = (x[i]! * (moved < 0 ? 0 : moved > 6 ? 6 : moved)) / 6
    }
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) {
      const moved = x[i]! + 3
      const below = moved < 6 ? 1 : 0
      dx[i] = dout[i]! * ((moved > 0 ? 1 : 0) * ((2 * x[i]! + 3) / 6) * below + 1 - below)
    }
  },
})
