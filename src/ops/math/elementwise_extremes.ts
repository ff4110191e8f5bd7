/**
 * elementwise_fmax and elementwise_fmin, which leave NaN aside, and elementwise_heaviside.
 * Source: paddle/phi/kernels/funcs/elementwise_functor.h (2.6.2).
 */
import { NUMBERS } from '../../tensor/dtype.ts'
import { elementwise, elementwiseWithoutAxis } from './elementwise.ts'

export const [elementwiseFmax, elementwiseFmaxGrad] = elementwiseWithoutAxis('elementwise_fmax', {
  doc: 'The larger of X and Y, the other one where one of them is NaN; the gradient of ties goes to X.',
  dtypes: NUMBERS,
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! >= y[i]! || Number.isNaN(y[i]) ? x[i]! : y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! >= y[i]! ? x[i]! : y[i]!
  },
  dx({ x, y, dout }, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i]! >= y[i]! || Number.isNaN(y[i]) ? dout[i]! : 0
  },
  dy({ x, y, dout }, dy) {
    for (let i = 0; i < dy.length; i++) dy[i] = x[i]! >= y[i]! || Number.isNaN(y[i]) ? 0 : dout[i]!
  },
})

export const [elementwiseFmin, elementwiseFminGrad] = elementwiseWithoutAxis('elementwise_fmin', {
  doc: 'The smaller of X and Y, the other one where one of them is NaN; the gradient of ties goes to X.',
  dtypes: NUMBERS,
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! <= y[i]! || Number.isNaN(y[i]) ? x[i]! : y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! <= y[i]! ? x[i]! : y[i]!
  },
  dx({ x, y, dout }, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i]! <= y[i]! || Number.isNaN(y[i]) ? dout[i]! : 0
  },
  dy({ x, y, dout }, dy) {
    for (let i = 0; i < dy.length; i++) dy[i] = x[i]! <= y[i]! || Number.isNaN(y[i]) ? 0 : dout[i]!
  },
})

export const [elementwiseHeaviside, elementwiseHeavisideGrad] = elementwiseWithoutAxis('elementwise_heaviside', {
  doc: '0 where X is negative, 1 where it is positive, Y where it is 0.',
  differs: 'Right also where X has fewer dimensions than Y, where Paddle exchanges the two.',
  dtypes: NUMBERS,
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] === 0 ? y[i]! : x[i]! > 0 ? 1 : 0
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] === 0n ? y[i]! : x[i]! > 0n ? 1n : 0n
  },
  dx({ dout }, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * 0
  },
  dy({ x, dout }, dy) {
    for (let i = 0; i < dy.length; i++) dy[i] = x[i] === 0 ? dout[i]! : 0
  },
})

export const [gradAdd] = elementwise('grad_add', {
  doc: 'X + Y, as gradients are accumulated; it has no gradient itself.',
  dtypes: [...NUMBERS, 'int16'],
  grad: 'none',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! + y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! + y[i]!
  },
})
