/** Rounding to whole numbers, the sign, the absolute value, and activations made of straight pieces: ops/math/rounding.ts, activations_piecewise.ts. */
import { type Activation, limit, number, where } from './activations.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'

const { add, and, bits, constant, div, mul, or, select, sub } = e

const zero = constant(0)
const one = constant(1)
const SIGN = bits(-0x80000000)

const flat = (value: (x: Formula) => Formula): Activation => ({ value, slope: () => zero })

/** Halves away from 0. What is left of a float32 behind its point is exact. */
function round(x: Formula): Formula {
  const size = e.abs(x)
  const whole = e.trunc(size)
  const up = and(e.ge(sub(size, whole), constant(0.5)), one)
  return or(add(whole, up), and(x, SIGN))
}

/** 1 or -1 by the sign; zeros and NaN stay. */
export const signOf = (x: Formula): Formula => select(or(e.lt(x, zero), e.gt(x, zero)), or(one, and(x, SIGN)), x)

const outside = (x: Formula, threshold: Formula): Formula => or(e.gt(x, threshold), e.lt(x, e.neg(threshold)))

export const rounding: Readonly<Record<string, Activation>> = {
  floor: flat(e.floor),
  ceil: flat(e.ceil),
  trunc: flat(e.trunc),
  round: flat(round),
  abs: {
    value: e.abs,
    slope: ({ x, dout }) => where(e.ne(x, zero), mul(dout, div(x, e.abs(x)))),
  },
  brelu: {
    value: (x, attr) => limit(x, number(attr, 't_min'), number(attr, 't_max')),
    slope: ({ x, dout }, attr) => where(and(e.gt(x, number(attr, 't_min')), e.lt(x, number(attr, 't_max'))), dout),
  },
  thresholded_relu: {
    value: (x, attr) => select(e.gt(x, number(attr, 'threshold')), x, mul(zero, x)),
    slope: ({ x, dout }, attr) => where(e.gt(x, number(attr, 'threshold')), dout),
  },
  hard_shrink: {
    value: (x, attr) => select(outside(x, number(attr, 'threshold')), x, mul(zero, x)),
    slope: ({ x, dout }, attr) => where(outside(x, number(attr, 'threshold')), dout),
  },
  softshrink: {
    value(x, attr) {
      const lambda = number(attr, 'lambda')
      const above = mul(where(e.gt(x, lambda), one), sub(x, lambda))
      return add(above, mul(where(e.lt(x, e.neg(lambda)), one), add(x, lambda)))
    },
    slope({ x, dout }, attr) {
      const lambda = number(attr, 'lambda')
      return mul(dout, add(where(e.gt(x, lambda), one), where(e.lt(x, e.neg(lambda)), one)))
    },
  },
}
