/**
 * Sine, cosine and tangent in float64 for every float32, by the quadrant that an argument lies in and what is left of it, and the arctangent.
 * Errors before the one rounding are below 2^-29 of the result.
 */
import * as e from './expression.ts'
import {
  abs,
  add,
  and,
  constant,
  div,
  eq,
  gt,
  lt,
  mul,
  narrow,
  neg,
  or,
  select,
  series,
  shl,
  shrS,
  sub,
  type Wide,
  widen,
  xor,
} from './wide.ts'
import { FACTORIALS, WHOLE } from './wide_functions.ts'

/** An argument is `quadrant` π/2 + rest, with |rest| <= π/4. */
interface Angle {
  /** In the last bits. */
  readonly quadrant: Wide
  readonly rest: Wide
}

/** The first 33 bits of π/2, which have an exact product with whole numbers below 2^20, and what they leave. */
const QUARTER = constant(1.5707963267341256)
const QUARTER_REST = constant(6.077100506506192e-11)

function near(x: Wide): Angle {
  const quadrant = add(mul(x, constant(2 / Math.PI)), WHOLE)
  const n = sub(quadrant, WHOLE)
  return { quadrant, rest: sub(sub(x, mul(n, QUARTER)), mul(n, QUARTER_REST)) }
}

/** 2/π 2^240. */
const TWO_BY_PI = 0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbn
/** Arguments from here on are x 2^(27 k), with x from 2^20 to 2^47 and so a multiple of 1/8. */
const FAR = 2 ** 20
const STEP = 27

/** The 28 bits number `part` of 2^(27 k) 2/π modulo 32, from its bit 2^4 down: their products with a float32 are exact. */
const partOf = (k: number, part: number): number =>
  Number(BigInt.asUintN(28, TWO_BY_PI >> BigInt(245 - STEP * k - 28 * (part + 1)))) * 2 ** (5 - 28 * (part + 1))

const nearest = (v: Wide): Wide => sub(add(v, WHOLE), WHOLE)

/** Payne and Hanek's reduction: of 2/π only the bits that decide the quadrant and what is behind it are multiplied. */
function far(x: Wide): Angle {
  const isBelow = [1, 2, 3].map((k) => lt(abs(x), constant(FAR * 2 ** (STEP * k))))
  const bySize = (numberOf: (k: number) => number): Wide =>
    isBelow.reduceRight((value, below, i) => select(below, constant(numberOf(i)), value), constant(numberOf(3)))
  const scaled = mul(
    x,
    bySize((k) => 2 ** (-STEP * k)),
  )
  const [first, second, third, fourth] = [0, 1, 2, 3].map((part) =>
    mul(
      scaled,
      bySize((k) => partOf(k, part)),
    ),
  )
  const turned = (v: Wide): Wide => sub(v, mul(constant(4), nearest(mul(v, constant(1 / 4)))))
  const [a, b] = [turned(first!), turned(second!)]
  const quadrant = add(add(a, b), WHOLE)
  const rest = add(add(add(sub(a, sub(quadrant, WHOLE)), b), third!), fourth!)
  return { quadrant, rest: mul(rest, constant(Math.PI / 2)) }
}

/** f of the angle of x, which is rounded to float32. */
export const ofAngle = (x: e.Formula, f: (angle: Angle) => Wide): e.Formula =>
  e.rarely(e.ge(e.abs(x), e.constant(FAR)), narrow(f(far(widen(x)))), narrow(f(near(widen(x)))))

/** Coefficients of the sine from 1, of the cosine from 0. */
const taylor = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, k) => (k % 2 === 0 ? 1 : -1) / FACTORIALS[first + 2 * k]!)

const kernels = (r: Wide): { readonly sine: Wide; readonly cosine: Wide } => {
  const square = mul(r, r)
  return { sine: mul(r, series(square, taylor(1, 7))), cosine: series(square, taylor(0, 8)) }
}

const isOdd = (quadrant: Wide): Wide => shrS(shl(quadrant, 63), 63)

export function sin({ quadrant, rest }: Angle): Wide {
  const { sine, cosine } = kernels(rest)
  const sign = and(shl(quadrant, 62), constant(-0))
  return xor(select(isOdd(quadrant), cosine, sine), sign)
}

export const cos = ({ quadrant, rest }: Angle): Wide => sin({ quadrant: add(quadrant, constant(1)), rest })

export function tan({ quadrant, rest }: Angle): Wide {
  const { sine, cosine } = kernels(rest)
  const odd = isOdd(quadrant)
  return div(select(odd, neg(cosine), sine), select(odd, sine, cosine))
}

/** Series up to tan(π/8); above, the angle from there to π/4 or π/2. */
export function atan(v: Wide): Wide {
  const size = abs(v)
  const isMiddle = gt(size, constant(Math.SQRT2 - 1))
  const isLarge = gt(size, constant(Math.SQRT2 + 1))
  const one = constant(1)
  const above = select(isLarge, constant(-1), select(isMiddle, sub(size, one), size))
  const below = select(isLarge, size, select(isMiddle, add(size, one), one))
  const base = select(isLarge, constant(Math.PI / 2), and(isMiddle, constant(Math.PI / 4)))
  const u = div(above, below)
  const odd = series(
    mul(u, u),
    Array.from({ length: 13 }, (_, k) => (k % 2 === 0 ? 1 : -1) / (2 * k + 1)),
  )
  return or(add(base, mul(u, odd)), and(v, constant(-0)))
}

/** The angle of the point (x, y). What has no quotient lies on an axis or a diagonal. */
export function atan2(y: Wide, x: Wide): Wide {
  const [height, width] = [abs(y), abs(x)]
  const even = and(gt(height, constant(0)), constant(1))
  const angle = atan(select(eq(height, width), even, div(height, width)))
  const turned = select(shrS(x, 63), sub(constant(Math.PI), angle), angle)
  return or(turned, and(y, constant(-0)))
}
