/**
 * Exponentials, logarithms, powers, and hyperbolic functions with their inverses, computed in float64 by Taylor series, and rounded to float32 once:
 * their relative error before that is below 2^-29, so a result is at most 0.53 units in the last place from the true value.
 */
import {
  abs,
  add,
  and,
  andnot,
  constant,
  div,
  eq,
  gt,
  lt,
  max,
  min,
  mul,
  neg,
  or,
  select,
  series,
  shl,
  shrU,
  sqrt,
  sub,
  trunc,
  type Wide,
  xor,
} from './wide.ts'

const zero = constant(0)
const one = constant(1)
const half = constant(0.5)
const infinity = constant(Number.POSITIVE_INFINITY)
const NaN_ = constant(Number.NaN)
const SIGN = constant(-0)

/** Added to a whole number below 2^51 in magnitude, it puts that into the low bits; to another one, it rounds it. */
export const WHOLE = constant(1.5 * 2 ** 52)

const factorials = (count: number): number[] => {
  const list = [1]
  for (let n = 1; n < count; n++) list.push(list[n - 1]! * n)
  return list
}
export const FACTORIALS = factorials(17)

/** 2^v: v = n + r with |r| <= 1/2. Below 2^-1023 it is 0. */
export function exp2(v: Wide): Wide {
  const limited = max(min(v, constant(1024)), constant(-1023))
  const moved = add(limited, WHOLE)
  const r = sub(limited, sub(moved, WHOLE))
  const power = series(
    r,
    Array.from({ length: 11 }, (_, n) => Math.LN2 ** n / FACTORIALS[n]!),
  )
  // The exponent of float64 begins at bit 52.
  return mul(power, shl(add(moved, constant(1023)), 52))
}

export const exp = (v: Wide): Wide => exp2(mul(v, constant(Math.LOG2E)))

/** log2(v) for v >= 0; of a number below it that of something else, so callers that have them look at the sign. v = 2^n m with m from 1/sqrt(2) to sqrt(2). */
function log2(v: Wide): Wide {
  const fraction = or(and(v, constant(2 ** -1022 - 2 ** -1074)), half)
  const low = lt(fraction, constant(Math.SQRT1_2))
  const m = add(fraction, and(fraction, low))
  // Bits 52 and up, read as the last bits of a float64.
  const biased = sub(or(shrU(v, 52), constant(2 ** 52)), constant(2 ** 52 + 1022))
  const n = sub(biased, and(low, one))
  const s = div(sub(m, one), add(m, one))
  const odd = series(
    mul(s, s),
    Array.from({ length: 8 }, (_, k) => (2 * Math.LOG2E) / (2 * k + 1)),
  )
  const value = add(n, mul(s, odd))
  const special = select(eq(v, zero), neg(infinity), v)
  return select(and(gt(v, zero), lt(v, infinity)), value, special)
}

/** Natural logarithm of v: -Infinity at 0, NaN below. */
export const log = (v: Wide): Wide => select(lt(v, zero), NaN_, mul(log2(abs(v)), constant(Math.LN2)))

/** x to the power of y, by the rules of C's pow. */
export function power(x: Wide, y: Wide): Wide {
  const logarithm = log2(abs(x))
  // 1 to any power, and anything to the power of 0, is 1, also where the other is infinite or NaN.
  const isOne = or(eq(y, zero), eq(logarithm, zero))
  const size = select(isOne, one, exp2(mul(y, logarithm)))
  const isWhole = eq(trunc(y), y)
  const halved = mul(y, half)
  const isOdd = andnot(isWhole, eq(trunc(halved), halved))
  const isFiniteBelow = and(lt(x, zero), gt(x, neg(infinity)))
  return select(andnot(isFiniteBelow, isWhole), NaN_, xor(size, and(and(x, SIGN), isOdd)))
}

/** dOut y x^(y - 1) */
export const powerSlope = (x: Wide, y: Wide, dout: Wide): Wide => mul(mul(dout, y), power(x, sub(y, one)))

/** dOut log(x) x^y */
export const exponentSlope = (x: Wide, y: Wide, dout: Wide): Wide => mul(mul(dout, log(x)), power(x, y))

/** Below this a few terms of a series are exact enough, and what is taken from a difference is not. */
const NEAR = constant(2 ** -12)
const near = (v: Wide, coefficients: readonly number[], far: Wide): Wide =>
  select(lt(abs(v), NEAR), mul(v, series(v, coefficients)), far)

export const expm1 = (v: Wide): Wide => near(v, [1, 1 / 2, 1 / 6], sub(exp(v), one))
export const log1p = (v: Wide): Wide => near(v, [1, -1 / 2, 1 / 3], log(add(v, one)))

export function sinh(v: Wide): Wide {
  const power = exp(v)
  return near(v, [1, 0, 1 / 6], mul(half, sub(power, div(one, power))))
}

export function cosh(v: Wide): Wide {
  const power = exp(v)
  return mul(half, add(power, div(one, power)))
}

/** The sign of v is put back, since log(v + sqrt(v v + 1)) of a large number below 0 is one of 0. */
export function asinh(v: Wide): Wide {
  const size = abs(v)
  const far = log(add(size, sqrt(add(mul(v, v), one))))
  return near(v, [1, 0, -1 / 6], or(far, and(v, SIGN)))
}

/** Of two roots, each NaN below its zero: v v - 1 is large also for v below -1. */
export const acosh = (v: Wide): Wide => log(add(v, mul(sqrt(sub(v, one)), sqrt(add(v, one)))))
export const atanh = (v: Wide): Wide => near(v, [1, 0, 1 / 3], mul(half, log(div(add(one, v), sub(one, v)))))
