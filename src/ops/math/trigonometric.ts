/**
 * Trigonometric and hyperbolic functions and their inverses, in radians.
 * Source: paddle/phi/kernels/funcs/activation_functor.h (2.6.2).
 */
import { activation, packedRoots } from './activation.ts'

export const [sin, sinGrad] = activation('sin', {
  doc: 'Sine of x.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.sin(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * Math.cos(x[i]!)
  },
})

export const [cos, cosGrad] = activation('cos', {
  doc: 'Cosine of x.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.cos(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = -dout[i]! * Math.sin(x[i]!)
  },
})

export const [tan, tanGrad] = activation('tan', {
  doc: 'Tangent of x.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.tan(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) {
      const c = Math.cos(x[i]!)
      dx[i] = dout[i]! / (c * c)
    }
  },
})

export const [asin, asinGrad] = activation('asin', {
  doc: 'Arcsine of x; NaN outside [-1, 1].',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.asin(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / Math.sqrt((1 - x[i]!) * (1 + x[i]!))
  },
})

export const [acos, acosGrad] = activation('acos', {
  doc: 'Arccosine of x; NaN outside [-1, 1].',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.acos(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = -dout[i]! / Math.sqrt((1 - x[i]!) * (1 + x[i]!))
  },
})

export const [atan, atanGrad] = activation('atan', {
  doc: 'Arctangent of x.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.atan(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / (1 + x[i]! * x[i]!)
  },
})

export const [sinh, sinhGrad] = activation('sinh', {
  doc: 'Hyperbolic sine of x.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.sinh(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * Math.cosh(x[i]!)
  },
})

export const [cosh, coshGrad] = activation('cosh', {
  doc: 'Hyperbolic cosine of x.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.cosh(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * Math.sinh(x[i]!)
  },
})

/** Roots whose square is infinite in float32, in Paddle's way: see packedRoots. */
function refuseInfiniteRoots(x: ArrayLike<number>, dx: Parameters<typeof packedRoots>[0]): void {
  const packed = packedRoots(dx)
  for (let i = 0; i < packed; i++) if (Math.fround(x[i]! * x[i]!) === Infinity) dx[i] = Number.NaN
}

export const [asinh, asinhGrad] = activation('asinh', {
  doc: 'Inverse hyperbolic sine of x. As in Paddle, a float32 slope is NaN where x * x overflows, except among the last (size mod 8) elements.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.asinh(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / Math.sqrt(x[i]! * x[i]! + 1)
    refuseInfiniteRoots(x, dx)
  },
})

export const [acosh, acoshGrad] = activation('acosh', {
  doc: 'Inverse hyperbolic cosine of x; NaN below 1. As in Paddle, a float32 slope is NaN where x * x overflows, except among the last (size mod 8) elements.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.acosh(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / Math.sqrt(x[i]! * x[i]! - 1)
    refuseInfiniteRoots(x, dx)
  },
})

export const [atanh, atanhGrad] = activation('atanh', {
  doc: 'Inverse hyperbolic tangent of x; NaN outside [-1, 1].',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.atanh(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / (1 - x[i]! * x[i]!)
  },
})
