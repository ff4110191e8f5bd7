/**
 * Powers, roots, exponentials, logarithms and the error function.
 * Source: paddle/phi/kernels/funcs/activation_functor.h (2.6.2).
 */
import { FLOATS, NUMBERS } from '../../tensor/dtype.ts'
import { erf as errorFunction } from '../../tensor/erf.ts'
import { activation, packedRoots } from './activation.ts'

export const [sqrt, sqrtGrad] = activation('sqrt', {
  doc: 'Square root of x; NaN below 0. As in Paddle, the float32 root of infinity is NaN, except among the last (size mod 8) elements.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.sqrt(x[i]!)
    const packed = packedRoots(y)
    for (let i = 0; i < packed; i++) if (y[i] === Infinity) y[i] = Number.NaN
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = (0.5 * dout[i]!) / out[i]!
  },
})

export const [rsqrt, rsqrtGrad] = activation('rsqrt', {
  doc: '1 / sqrt(x); NaN below 0.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = 1 / Math.sqrt(x[i]!)
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = -0.5 * dout[i]! * out[i]! * out[i]! * out[i]!
  },
})

export const [square, squareGrad] = activation('square', {
  doc: 'x * x.',
  dtypes: NUMBERS,
  forward(x, y) {
    // A product of two int32 has more digits than float64 holds.
    if (y instanceof Int32Array) for (let i = 0; i < y.length; i++) y[i] = Math.imul(x[i]!, x[i]!)
    else for (let i = 0; i < y.length; i++) y[i] = x[i]! * x[i]!
  },
  int64(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! * x[i]!
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = 2 * x[i]! * dout[i]!
  },
})

export const [reciprocal, reciprocalGrad] = activation('reciprocal', {
  doc: '1 / x.',
  dtypes: FLOATS,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = 1 / x[i]!
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = -dout[i]! * out[i]! * out[i]!
  },
})

export const [exp, expGrad] = activation('exp', {
  doc: 'e to the power of x.',
  dtypes: NUMBERS,
  floats: true,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.exp(x[i]!)
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * out[i]!
  },
})

export const [expm1, expm1Grad] = activation('expm1', {
  doc: 'exp(x) - 1, exact also where x is near 0.',
  dtypes: NUMBERS,
  floats: true,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.expm1(x[i]!)
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * (out[i]! + 1)
  },
})

export const [log, logGrad] = activation('log', {
  doc: 'Natural logarithm of x; -Infinity at 0, NaN below.',
  dtypes: NUMBERS,
  floats: true,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.log(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / x[i]!
  },
})

export const [log2, log2Grad] = activation('log2', {
  doc: 'Logarithm of x to base 2; -Infinity at 0, NaN below.',
  dtypes: NUMBERS,
  floats: true,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.log2(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / (x[i]! * Math.LN2)
  },
})

export const [log10, log10Grad] = activation('log10', {
  doc: 'Logarithm of x to base 10; -Infinity at 0, NaN below.',
  dtypes: NUMBERS,
  floats: true,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.log10(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / (x[i]! * Math.LN10)
  },
})

export const [log1p, log1pGrad] = activation('log1p', {
  doc: 'log(1 + x), exact also where x is near 0; -Infinity at -1, NaN below.',
  dtypes: NUMBERS,
  floats: true,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.log1p(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / (x[i]! + 1)
  },
})

export const [erf, erfGrad] = activation('erf', {
  doc: 'The error function of x.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = errorFunction(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    const scale = 2 / Math.sqrt(Math.PI)
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * scale * Math.exp(-x[i]! * x[i]!)
  },
})
