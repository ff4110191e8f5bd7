/**
 * Smooth activations of ops/math/activations_smooth.ts and activations_more.ts that are not in activations.ts. Errors, in units in the last place against float64 of
 * the larger of the result and what it is a difference of: 8, and half the argument more where that is itself a product.
 */
import { type Activation, type Attr, limit, number, where } from './activations.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { erfc, exp, expm1, log, log1p, sigmoid, tanh } from './functions.ts'

const { add, and, constant, div, mul, neg, or, select, sub } = e

const zero = constant(0)
const one = constant(1)
const NaN_ = constant(Number.NaN)

/** 1 - eps, beyond which logit takes its argument for this. */
const oneLess = (attr: Attr): Formula => constant(1 - (attr('eps') as number))

/** log(1 + exp(x)) */
const plus = (x: Formula): Formula => add(e.max(x, zero), log1p(exp(neg(e.abs(x)))))

const scaled = (attr: Attr): Formula => constant(Math.fround((attr('scale') as number) * (attr('alpha') as number)))

/** sqrt(2 / pi), the weight of the tanh in gelu. */
const GELU_SCALE = Math.sqrt(2 / Math.PI)
const GELU_CUBIC = 0.044715
/** Twice what gelu takes the tanh of: (1 + tanh(v)) / 2 is the sigmoid of 2 v, which loses no digits where tanh is near -1. */
const bent = (x: Formula): Formula =>
  mul(constant(2 * GELU_SCALE), add(x, mul(mul(mul(constant(GELU_CUBIC), x), x), x)))
/** Twice the normal distribution function. */
const doubled = (x: Formula): Formula => erfc(mul(neg(x), constant(Math.SQRT1_2)))

export const smooth: Readonly<Record<string, Activation>> = {
  silu: {
    value: (x) => div(x, add(one, exp(neg(x)))),
    slope({ x, dout }) {
      const power = exp(neg(x))
      const below = add(one, power)
      const slope = div(add(one, div(mul(x, power), below)), below)
      const infinity = constant(Number.POSITIVE_INFINITY)
      return mul(dout, select(e.eq(x, infinity), infinity, slope))
    },
  },
  gelu: {
    value: (x, attr) => (attr('approximate') ? mul(x, sigmoid(bent(x))) : mul(mul(constant(0.5), x), doubled(x))),
    slope({ x, dout }, attr) {
      if (attr('approximate')) {
        const power = exp(neg(bent(x)))
        const s = div(one, add(one, power))
        // 1 - s, where s is near 1 by a product that loses no digits, and elsewhere may overflow.
        const rest = select(e.lt(x, zero), sub(one, s), mul(power, s))
        const bend = constant(2 * GELU_SCALE * 3 * GELU_CUBIC)
        const inner = add(constant(2 * GELU_SCALE), mul(bend, mul(x, x)))
        return mul(dout, add(s, mul(mul(mul(x, s), rest), inner)))
      }
      const density = mul(exp(mul(mul(constant(-0.5), x), x)), constant(GELU_SCALE / 2))
      return mul(dout, add(mul(constant(0.5), doubled(x)), mul(x, density)))
    },
  },
  logsigmoid: {
    value: (x) => select(e.eq(x, constant(Number.NEGATIVE_INFINITY)), NaN_, neg(plus(neg(x)))),
    slope({ x, dout }) {
      const top = and(neg(x), e.lt(x, zero))
      const less = exp(sub(neg(x), top))
      return mul(dout, div(less, add(exp(neg(top)), less)))
    },
  },
  stanh: {
    value: (x, attr) => mul(number(attr, 'scale_b'), tanh(mul(number(attr, 'scale_a'), x))),
    slope({ x, dout }, attr) {
      const t = tanh(mul(number(attr, 'scale_a'), x))
      return mul(mul(mul(dout, number(attr, 'scale_a')), number(attr, 'scale_b')), sub(one, mul(t, t)))
    },
  },
  tanh_shrink: {
    value: (x) => sub(x, tanh(x)),
    slope({ x, dout }) {
      const t = tanh(x)
      return mul(mul(dout, t), t)
    },
  },
  softsign: {
    value: (x) => div(x, add(one, e.abs(x))),
    slope({ x, dout }) {
      const below = add(one, e.abs(x))
      return div(dout, mul(below, below))
    },
  },
  softplus: {
    value(x, attr) {
      const inner = mul(number(attr, 'beta'), x)
      return select(e.gt(inner, number(attr, 'threshold')), x, div(plus(inner), number(attr, 'beta')))
    },
    slope({ x, dout }, attr) {
      const inner = mul(number(attr, 'beta'), x)
      return select(e.gt(inner, number(attr, 'threshold')), dout, div(dout, add(one, exp(neg(inner)))))
    },
  },
  soft_relu: {
    value(x, attr) {
      const threshold = number(attr, 'threshold')
      return plus(limit(x, neg(threshold), threshold))
    },
    slope({ out, dout }, attr) {
      const threshold = number(attr, 'threshold')
      const inside = and(e.gt(out, neg(threshold)), e.lt(out, threshold))
      return mul(mul(dout, neg(expm1(neg(out)))), where(inside, one))
    },
  },
  mish: {
    value: (x, attr) => mul(x, tanh(select(e.lt(x, number(attr, 'threshold')), plus(x), x))),
    slope({ x, dout }, attr) {
      const s = select(e.lt(x, number(attr, 'threshold')), plus(x), x)
      const t = tanh(s)
      return mul(dout, add(mul(mul(x, sub(one, mul(t, t))), neg(expm1(neg(s)))), t))
    },
  },
  celu: {
    value(x, attr) {
      const alpha = number(attr, 'alpha')
      return add(e.max(x, zero), e.min(mul(alpha, expm1(div(x, alpha))), zero))
    },
    slope: ({ x, dout }, attr) => select(e.gt(x, zero), dout, mul(dout, exp(div(x, number(attr, 'alpha'))))),
  },
  logit: {
    value(x, attr) {
      const clipped = e.min(e.max(x, number(attr, 'eps')), oneLess(attr))
      const value = log(div(clipped, sub(one, clipped)))
      return attr('eps') === 0 ? select(or(e.lt(x, zero), e.gt(x, one)), NaN_, value) : value
    },
    slope({ x, dout }, attr) {
      const outside = or(e.lt(x, number(attr, 'eps')), e.gt(x, oneLess(attr)))
      return select(outside, attr('eps') === 0 ? NaN_ : zero, div(dout, mul(x, sub(one, x))))
    },
  },
  elu: {
    value: (x, attr) => select(e.lt(x, zero), mul(number(attr, 'alpha'), expm1(x)), x),
    slope: ({ x, dout }, attr) => select(e.gt(x, zero), dout, mul(mul(dout, number(attr, 'alpha')), exp(x))),
  },
  selu: {
    value: (x, attr) => mul(number(attr, 'scale'), select(e.le(x, zero), mul(number(attr, 'alpha'), expm1(x)), x)),
    slope: ({ out, dout }, attr) => mul(dout, select(e.le(out, zero), add(out, scaled(attr)), number(attr, 'scale'))),
  },
}
