/**
 * Rounding to whole numbers, and the absolute value. The slope of rounding is 0 everywhere.
 * Source: paddle/phi/kernels/funcs/activation_functor.h (2.6.2).
 */
import { NUMBERS, type NumberArray } from '../../tensor/dtype.ts'
import { activation } from './activation.ts'

const noSlope = {
  reads: 'neither',
  backward(_value: NumberArray, _dout: NumberArray, dx: NumberArray) {
    dx.fill(0)
  },
} as const

export const [floor, floorGrad] = activation('floor', {
  doc: 'The largest whole number not above x. The gradient is 0.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.floor(x[i]!)
  },
  ...noSlope,
})

export const [ceil, ceilGrad] = activation('ceil', {
  doc: 'The smallest whole number not below x. The gradient is 0.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.ceil(x[i]!)
  },
  ...noSlope,
})

export const [round, roundGrad] = activation('round', {
  doc: 'The whole number nearest to x, halves away from 0. The gradient is 0.',
  forward(x, y) {
    // Math.round takes halves up.
    for (let i = 0; i < y.length; i++) y[i] = x[i]! < 0 ? -Math.round(-x[i]!) : Math.round(x[i]!)
  },
  ...noSlope,
})

export const [trunc, truncGrad] = activation('trunc', {
  doc: 'x without its fraction. The gradient is 0.',
  dtypes: NUMBERS,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.trunc(x[i]!)
  },
  int64(x, y) {
    y.set(x)
  },
  ...noSlope,
})

export const [abs, absGrad] = activation('abs', {
  doc: '|x|. The gradient is dOut * x / |x|, and 0 where x is 0.',
  dtypes: NUMBERS,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.abs(x[i]!)
  },
  int64(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! < 0n ? -x[i]! : x[i]!
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i] === 0 ? 0 : dout[i]! * (x[i]! / Math.abs(x[i]!))
  },
})
