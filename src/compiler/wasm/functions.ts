/**
 * exp, log, tanh, sigmoid and what is near them as formulas of float32 arithmetic. Errors, in units in the last place against float64, over
 * random arguments of the whole range: exp 1, log 1, tanh 2, sigmoid 3 (0 where it would be subnormal), expm1 and log1p 1, erf 6, erfc 16 up to 2
 * and as many as the square of its argument above.
 * Source of the polynomials: S. L. Moshier, Cephes Mathematical Library, single precision (expf, logf, tanhf).
 */

import type { Formula } from './expression.ts'
import * as x from './expression.ts'
import { narrow, widen } from './wide.ts'
import * as wide from './wide_functions.ts'

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

export const expm1 = (v: Formula): Formula => narrow(wide.expm1(widen(v)))
export const log1p = (v: Formula): Formula => narrow(wide.log1p(widen(v)))

/** exp(-v v), 0 from 11 on: the square of the first bits of v is exact, and the rest of v v is small. */
export function gauss(v: Formula): Formula {
  const size = x.min(x.abs(v), constant(11))
  const head = div(x.trunc(mul(size, constant(16))), constant(16))
  const rest = mul(sub(size, head), add(size, head))
  return mul(exp(x.neg(mul(head, head))), exp(x.neg(rest)))
}

/** 1 - erf(v) for v in [0.5, 4]. Source: W. J. Cody, Mathematics of Computation 23 (1969), as tensor/erf.ts. */
function complement(v: Formula): Formula {
  const above = [
    2.1531153547440383e-8, 0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001,
    881.952221241769, 1712.0476126340707, 2051.0783778260716, 1230.3393547979972,
  ]
  const below = [
    1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597,
    4362.619090143247, 3439.3676741437216, 1230.3393548037495,
  ]
  return mul(gauss(v), div(polynomial(v, above), polynomial(v, below)))
}

/** The error function: a rational function up to 0.5, 1 less the complement above; from 4 on it is 1. */
export function erf(v: Formula): Formula {
  const size = x.abs(v)
  const z = mul(v, v)
  const near = div(
    mul(
      v,
      polynomial(
        z,
        [0.18577770618460315, 3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694],
      ),
    ),
    polynomial(z, [1, 23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171]),
  )
  const far = sub(constant(1), complement(x.min(size, constant(4))))
  return x.select(x.le(size, constant(0.5)), near, x.or(far, and(v, x.bits(-0x80000000))))
}

/**
 * 1 - erf(v) without cancellation: with t = 1 / (1 + |v| / 2) it is t exp(-v v + p(t)) for v >= 0, where p was fitted to log(erfc(v) / t) + v v
 * at Chebyshev nodes for v up to 9.6 (relative error 5e-8).
 */
export function erfc(v: Formula): Formula {
  const size = x.abs(v)
  const t = div(constant(1), add(constant(1), mul(size, constant(0.5))))
  const p = polynomial(
    t,
    [
      0.141441137, -0.661739707, 1.11159444, -0.635849476, -0.130533069, 0.0281382687, 0.0253990535, 0.388581187,
      0.99840486, -1.26543665,
    ],
  )
  const tail = mul(t, exp(sub(p, mul(size, size))))
  return x.select(x.lt(v, constant(0)), sub(constant(2), tail), tail)
}
