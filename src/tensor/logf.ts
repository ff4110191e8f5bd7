/**
 * Natural logarithms with the last bits of the C library: Paddle's normal distributions take theirs from the system, and Math.log, rounded
 * to float32, differs in about 1 of 450 numbers of the float32 distribution; unrounded, in 1 of 20 logarithms.
 *
 * `logf` follows "logf" of Arm's optimized-routines (math/logf.c and its table math/logf_data.c, 2017), the method that glibc uses since
 * 2.27; `log` is a plain series in pairs of float64. Both are written from the formulas.
 */

/** Lower end of the range of z, as float32 bits. */
const Z_START = 0x3f330000

/** 1/c of the sixteen intervals, in the order of the fraction bits above `Z_START`. */
const INVERSE_CENTRES = new Float64Array([
  1.398907162146528, 1.3403141896637998, 1.286432210124115, 1.2367150214269895, 1.1906977166711752, 1.1479821020556429,
  1.1082251448272158, 1.0711297413057381, 1.036437278977283, 1, 0.9492859795739057, 0.8951049428609004,
  0.8476821620351103, 0.8050314851692001, 0.7664671008843108, 0.731428603316328,
])

/** log(c) of the same intervals. */
const LOG_CENTRES = new Float64Array([
  -0.33569133332882284, -0.2929040563774074, -0.2518726580937369, -0.21245868807117255, -0.17453945183745634,
  -0.1380057072319758, -0.10275976698545139, -0.06871392447020525, -0.0357891387398228, 0, 0.05204517742929496,
  0.11081431298787942, 0.1652495223695143, 0.21687389031699977, 0.2659635028121397, 0.3127556664073557,
])

const LN2 = Math.LN2
/** log1p(r) = r + r^2 * (C2 + C3*r + C4*r^2), fitted to the width of the intervals. */
const C2 = -0.4999997485802103
const C3 = 0.333456765744066
const C4 = -0.25089342214237154

const float32Scratch = new Float32Array(1)
const bitsScratch = new Int32Array(float32Scratch.buffer)

/**
 * log(x) in float32 for the float32 `x`; other numbers are rounded first. -Infinity for 0, NaN below.
 * x = 2^k * z with z in about [0.7, 1.4). The top four fraction bits choose one of sixteen intervals, with its centre c. Then
 * log(x) = k*ln(2) + log(c) + log1p(r), r = z/c - 1, computed in float64 and rounded once. Compared with logf of glibc 2.36 on x86-64:
 * equal for all 2,130,706,432 positive normal float32.
 */
export function logf(x: number): number {
  float32Scratch[0] = x
  let bits = bitsScratch[0]!
  if (bits < 0x00800000 || bits >= 0x7f800000) {
    const value = float32Scratch[0]!
    // Zero, negative numbers, infinity and NaN: there Math.log is exact.
    if (!(value > 0) || value === Infinity) return Math.log(value)
    float32Scratch[0] = value * 2 ** 23 // a subnormal
    bits = bitsScratch[0]! - (23 << 23)
  }
  const offset = (bits - Z_START) | 0
  const k = offset >> 23
  const interval = (offset >> 19) & 15
  bitsScratch[0] = bits - (k << 23)
  const r = float32Scratch[0]! * INVERSE_CENTRES[interval]! - 1
  const squared = r * r
  return Math.fround((C4 * squared + (C3 * r + C2)) * squared + (LOG_CENTRES[interval]! + k * LN2 + r))
}

/** ln(2) in two parts; the upper has 11 zero bits at its end, so that a multiple of it by an exponent is exact. */
const LN2_UPPER = 0.6931471805598903
const LN2_LOWER = 5.497923018708371e-14
const THIRD_LOWER = 1.850371707708594e-17

const float64Scratch = new Float64Array(1)
const wordsScratch = new Uint32Array(float64Scratch.buffer)

/**
 * log(x) in float64, nearly always the nearest one: of 400,000 tried, 5 were not, 288 differed from log of glibc 2.36, and 22,399 of
 * Math.log did.
 * With x = 2^k * m, m in [sqrt(1/2), sqrt(2)), and s = (m - 1) / (m + 1):
 * log(x) = k*ln(2) + 2*(s + s^3 * (1/3 + s^2/5 + s^4/7 + ...)), all but the small terms carried in pairs of float64, upper and lower.
 */
export function log(x: number): number {
  if (!(x >= 2 ** -1022) || x === Infinity) return Math.log(x)
  float64Scratch[0] = x
  const offset = (wordsScratch[1]! - 0x3fe6a09e) | 0 // 0x3fe6a09e starts sqrt(1/2)
  const k = offset >> 20
  wordsScratch[1] = wordsScratch[1]! - (k << 20)
  const m = float64Scratch[0]!

  const sum = m + 1
  const one = sum - m
  const sumLower = m - (sum - one) + (1 - one)
  const s = (m - 1) / sum
  const back = s * sum
  const sLower = (m - 1 - back - productError(s, sum, back) - s * sumLower) / sum
  const square = s * s
  const squareLower = productError(s, s, square) + 2 * s * sLower

  let series = 0
  for (let n = 25; n >= 5; n -= 2) series = 1 / n + square * series
  const tail = square * series
  const third = 1 / 3 + tail
  const thirdLower = 1 / 3 - third + tail + THIRD_LOWER
  const factor = square * third
  const factorLower = productError(square, third, factor) + square * thirdLower + squareLower * third
  const cubic = s * factor
  const cubicLower = productError(s, factor, cubic) + s * factorLower + sLower * factor

  const half = s + cubic
  const halfLower = s - half + cubic + (sLower + cubicLower)
  const whole = k * LN2_UPPER
  // For k = 0 nothing is added; for others |whole| > |2 * half|, so the difference gives the rounding error of the sum.
  const upper = whole + 2 * half
  const lower = k === 0 ? 0 : whole - upper + 2 * half
  return upper + (lower + (2 * halfLower + k * LN2_LOWER))
}

/** a * b - product, exactly, for product = a * b rounded (T. Dekker, 1971: both are split into halves of 26 bits). */
function productError(a: number, b: number, product: number): number {
  const aSplit = a * 134217729
  const aUpper = aSplit - (aSplit - a)
  const aLower = a - aUpper
  const bSplit = b * 134217729
  const bUpper = bSplit - (bSplit - b)
  const bLower = b - bUpper
  return aLower * bLower - (product - aUpper * bUpper - aLower * bUpper - aUpper * bLower)
}
