/**
 * exp, log, tanh and sigmoid as formulas of float32 arithmetic. Errors, in units in the last place against float64, over random arguments of
 * the whole range: exp 1, log 1, tanh 2, sigmoid 3.
 * Source of the polynomials: S. L. Moshier, Cephes Mathematical Library, single precision (expf, logf, tanhf).
 */

import type { Formula } from './expression.ts'
import * as x from './expression.ts'

const { add, and, constant, div, mul, sub } = x

/** c[0] v^(n-1) + … + c[n-1] */
function polynomial(v: Formula, coefficients: readonly number[]): Formula {
  return coefficients
    .slice(1)
    .reduce((sum, coefficient) => add(mul(sum, v), constant(coefficient)), constant(coefficients[0]!))
}

/** 2^n for whole n in [-126, 127]. */
const powerOfTwo = (n: Formula): Formula => x.shl(x.addInt(n, x.bits(127)), 23)

/** exp(v): v = n log(2) + r with |r| <= log(2) / 2. Overflows to Infinity, goes through subnormals to 0, keeps NaN. */
export function exp(v: Formula): Formula {
  const limited = x.max(x.min(v, constant(89)), constant(-104))
  const n = x.nearest(mul(limited, constant(Math.LOG2E)))
  const r = sub(sub(limited, mul(n, constant(0.693359375))), mul(n, constant(-2.1219444e-4)))
  const p = polynomial(
    r,
    [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1],
  )
  const y = add(add(mul(mul(p, r), r), r), constant(1))
  // In two steps, since 2^n itself may be beyond float32 where the result is not.
  const whole = x.toInt(n)
  const half = x.shrS(whole, 1)
  return mul(mul(y, powerOfTwo(half)), powerOfTwo(x.subInt(whole, half)))
}

/** log(v): -Infinity at 0, NaN below. */
export function log(v: Formula): Formula {
  const small = x.lt(v, constant(1.17549435e-38))
  const normal = x.select(small, mul(v, constant(8388608)), v)
  const exponent = x.subInt(x.shrU(normal, 23), x.select(small, x.bits(126 + 23), x.bits(126)))
  const fraction = x.or(and(normal, x.bits(0x7fffff)), x.bits(0x3f000000))
  const low = x.lt(fraction, constant(Math.SQRT1_2))
  const e = x.toFloat(x.addInt(exponent, low))
  const m = sub(add(fraction, and(fraction, low)), constant(1))
  const z = mul(m, m)
  const p = polynomial(
    m,
    [
      7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
      2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    ],
  )
  const tail = sub(add(mul(mul(p, m), z), mul(e, constant(-2.1219444e-4))), mul(z, constant(0.5)))
  const y = add(add(m, tail), mul(e, constant(0.693359375)))
  const positive = x.gt(v, constant(0))
  const finite = x.lt(v, constant(Number.POSITIVE_INFINITY))
  const special = x.select(
    x.eq(v, constant(0)),
    constant(Number.NEGATIVE_INFINITY),
    // Infinity keeps itself; below 0, and NaN, the difference of infinities is NaN.
    x.select(positive, v, constant(Number.NaN)),
  )
  return x.select(and(positive, finite), y, special)
}

/** Odd polynomial below 0.625, 1 - 2 / (exp(2 |v|) + 1) with the sign of v above. */
export function tanh(v: Formula): Formula {
  const size = x.abs(v)
  const z = mul(v, v)
  const p = polynomial(z, [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1])
  const near = add(mul(mul(p, z), v), v)
  const far = sub(constant(1), div(constant(2), add(exp(add(size, size)), constant(1))))
  const sign = and(v, x.bits(-0x80000000))
  return x.select(x.lt(size, constant(0.625)), near, x.or(far, sign))
}

/** 1 / (1 + exp(-v)) */
export const sigmoid = (v: Formula): Formula => div(constant(1), add(constant(1), exp(x.neg(v))))
