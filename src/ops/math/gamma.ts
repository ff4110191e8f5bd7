/**
 * lgamma and digamma: the logarithm of the gamma function and its derivative. From 10 on by the asymptotic series, below it by the recurrence
 * gamma(x + 1) = x gamma(x), for negative x by reflection; in float64, to about 1e-15 of the larger of 1 and the result.
 * Source: paddle/phi/kernels/cpu/lgamma_kernel.cc, digamma_kernel.cc (2.6.2); the series is Abramowitz and Stegun 6.1.41, 6.3.18 and 6.4.12.
 */
import { activation } from './activation.ts'

const { PI, abs, cos, floor, log, sin } = Math
const SERIES_FROM = 10
const HALF_LOG_2_PI = 0.5 * log(2 * PI)

/** c[0] z + c[1] z³ + … for z = 1 / x. */
function inversePowers(x: number, coefficients: readonly number[]): number {
  const square = 1 / (x * x)
  let sum = 0
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * square + coefficients[i]!
  return sum / x
}

/** B₂ₖ / (2k (2k - 1)), B₂ₖ / 2k and B₂ₖ of the Bernoulli numbers. */
const LOG_SERIES = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]
const SLOPE_SERIES = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12]
const CURVE_SERIES = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6]

/** log |gamma(x)|; Infinity at 0, -1, -2, … */
function logGamma(x: number): number {
  if (Number.isNaN(x)) return x
  if (!Number.isFinite(x) || (x <= 0 && x === floor(x))) return Infinity
  if (x === 1 || x === 2) return 0
  if (x < 0) return log(PI / abs(sinOfPi(x))) - logGamma(1 - x)
  let factor = 1
  let at = x
  for (; at < SERIES_FROM; at++) factor *= at
  return (at - 0.5) * log(at) - at + HALF_LOG_2_PI + inversePowers(at, LOG_SERIES) - log(factor)
}

/** sin(pi x), which multiples of pi would round away. */
function sinOfPi(x: number): number {
  const rest = x - 2 * floor(x / 2)
  return sin(PI * (rest > 1 ? rest - 2 : rest))
}

function cosOfPi(x: number): number {
  return cos(PI * (x - 2 * floor(x / 2)))
}

/** The derivative of log gamma; NaN at negative whole numbers, and at 0 infinite with the sign of -x. */
function digammaOf(x: number): number {
  if (x === 0) return -1 / x
  if (x === -Infinity || (x < 0 && x === floor(x))) return Number.NaN
  if (x === Infinity) return x
  if (x < 0) return digammaOf(1 - x) - (PI * cosOfPi(x)) / sinOfPi(x)
  let sum = 0
  let at = x
  for (; at < SERIES_FROM; at++) sum += 1 / at
  return log(at) - 0.5 / at - inversePowers(at, SLOPE_SERIES) / at - sum
}

/** The derivative of digamma; Infinity at 0, -1, -2, … */
function trigammaOf(x: number): number {
  if (x === Infinity) return 0
  if (x <= 0) {
    const wave = sinOfPi(x)
    return wave === 0 ? Infinity : (PI / wave) ** 2 - trigammaOf(1 - x)
  }
  let sum = 0
  let at = x
  for (; at < SERIES_FROM; at++) sum += 1 / (at * at)
  return 1 / at + 0.5 / (at * at) + inversePowers(at, CURVE_SERIES) / (at * at) + sum
}

export const [lgamma, lgammaGrad] = activation('lgamma', {
  doc: 'The logarithm of the absolute value of the gamma function.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = logGamma(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * digammaOf(x[i]!)
  },
})

export const [digamma, digammaGrad] = activation('digamma', {
  doc: 'The derivative of lgamma; NaN at negative whole numbers.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = digammaOf(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * trigammaOf(x[i]!)
  },
})
