/** Where the element-wise functions of one input have no derivative, or one that differences of 1e-5 cannot find, by operator. */
import { KINK_DISTANCE, type Kink, type KinkQuery } from './gradient_check.ts'

const near = (x: number, kink: number): boolean => Math.abs(x - kink) <= KINK_DISTANCE

/** The attribute that the case sets, else its default. */
const given = ({ golden }: KinkQuery, name: string, initial: number): number =>
  name in golden.attrs ? Number(golden.attrs[name]) : initial

const at =
  (...kinks: readonly number[]): Kink =>
  ({ x }) =>
    kinks.some((kink) => near(x, kink))
/** Outside of an open interval, and at its ends. */
const outside =
  (low: number, high: number): Kink =>
  ({ x }) =>
    x <= low + KINK_DISTANCE || x >= high - KINK_DISTANCE

export const ACTIVATION_KINKS: Readonly<Record<string, Kink>> = {
  // Not defined outside, and infinitely steep at the ends. The gradient has a formula outside, too.
  acos: outside(-1, 1),
  acosh: outside(1, Infinity),
  asin: outside(-1, 1),
  atanh: outside(-1, 1),
  log10: outside(0, Infinity),
  log1p: outside(-1, Infinity),
  log2: outside(0, Infinity),
  rsqrt: outside(0, Infinity),
  // Poles.
  reciprocal: at(0),
  tan: ({ x }) => Math.abs(Math.cos(x)) <= KINK_DISTANCE,
  // A power that is not whole is not defined below 0.
  pow: (query) => query.x <= KINK_DISTANCE && !Number.isInteger(given(query, 'factor', 1)),
  // Steps.
  ceil: ({ x }) => near(x, Math.round(x)),
  floor: ({ x }) => near(x, Math.round(x)),
  round: ({ x }) => near(x, Math.floor(x) + 0.5),
  trunc: ({ x }) => near(x, Math.round(x)),
  // Bends, and the jumps of functions that are 0 up to a threshold.
  brelu: (query) => at(given(query, 't_min', 0), given(query, 't_max', 24))(query),
  celu: at(0),
  elu: at(0),
  hard_shrink: (query) => near(Math.abs(query.x), given(query, 'threshold', 0.5)),
  hard_sigmoid: (query) => {
    const line = given(query, 'slope', 0.2) * query.x + given(query, 'offset', 0.5)
    return near(line, 0) || near(line, 1)
  },
  hard_swish: at(-3, 3),
  leaky_relu: at(0),
  relu6: at(0, 6),
  selu: at(0),
  softshrink: (query) => near(Math.abs(query.x), given(query, 'lambda', 0.5)),
  thresholded_relu: (query) => near(query.x, given(query, 'threshold', 1)),
  // The second derivative jumps.
  softsign: at(0),
  // Where the function becomes x itself it makes a small jump.
  softplus: (query) => near(given(query, 'beta', 1) * query.x, given(query, 'threshold', 20)),
  // Clipped to [eps, 1 - eps], and too steep for differences near 0 and 1.
  logit: (query) => {
    const eps = given(query, 'eps', 1e-6)
    return outside(Math.max(eps, 0.02), 1 - Math.max(eps, 0.02))(query)
  },
  // From the threshold on the gradient keeps the slope of log(1 + exp(x)), as in Paddle.
  mish: (query) => query.x >= given(query, 'threshold', 20) - KINK_DISTANCE,
  // Where X is cut off, or Out beyond the threshold, the gradient is another one, as in Paddle.
  soft_relu: (query) => {
    const threshold = given(query, 'threshold', 40)
    return query.x <= -threshold + KINK_DISTANCE || Math.log1p(Math.exp(query.x)) >= threshold - KINK_DISTANCE
  },
}
