/** Activations outside of the common set: celu and logit. Source: paddle/phi/kernels/funcs/activation_functor.h, paddle/phi/kernels/impl/logit_kernel_impl.h (2.6.2). */
import { attr } from '../../framework/attr.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { activation } from './activation.ts'

export const [celu, celuGrad] = activation('celu', {
  doc: 'x above 0, else alpha * (exp(x / alpha) - 1).',
  attrs: { alpha: attr.float(1, { check: (alpha) => (alpha === 0 ? 'a number other than 0' : null) }) },
  forward(x, y, { alpha }) {
    for (let i = 0; i < y.length; i++) y[i] = Math.max(x[i]!, 0) + Math.min(alpha * (Math.exp(x[i]! / alpha) - 1), 0)
  },
  reads: 'X',
  backward(x, dout, dx, { alpha }) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * (x[i]! > 0 ? 1 : Math.exp(x[i]! / alpha))
  },
})

/** 1 - eps as an element: next to 1 float32 is so coarse that the logarithm shows it. */
const upper = (data: NumberArray, eps: number): number =>
  data instanceof Float64Array ? 1 - eps : Math.fround(1 - eps)

export const [logit, logitGrad] = activation('logit', {
  doc: 'log(x / (1 - x)) of x clipped to [eps, 1 - eps]; with eps 0 NaN outside of [0, 1]. The slope is 0 where x is clipped.',
  attrs: { eps: attr.float(1e-6) },
  forward(x, y, { eps }) {
    const most = upper(y, eps)
    for (let i = 0; i < y.length; i++) {
      const value = x[i]!
      if (eps === 0 && (value < 0 || value > 1)) {
        y[i] = Number.NaN
        continue
      }
      const clipped = Math.min(Math.max(value, eps), most)
      y[i] = Math.log(clipped / (1 - clipped))
    }
  },
  reads: 'X',
  backward(x, dout, dx, { eps }) {
    const most = upper(dx, eps)
    for (let i = 0; i < dx.length; i++) {
      const value = x[i]!
      if (value < eps || value > most) dx[i] = eps === 0 ? Number.NaN : 0
      else dx[i] = dout[i]! / (value * (1 - value))
    }
  },
})
