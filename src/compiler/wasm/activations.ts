/**
 * Element-wise functions of one input, as formulas: what the TypeScript kernels of ops/math compute, each operation rounded to float32.
 * `slope` gives dX from dOut and whichever of X and Out the gradient operator reads.
 */
import type { AttrValue } from '../../framework/attr_value.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { exp, sigmoid, tanh } from './functions.ts'

const { add, and, constant, div, mul, sub } = e

export type Attr = (name: string) => AttrValue
export interface Activation {
  readonly value: (x: Formula, attr: Attr) => Formula
  readonly slope: (at: { readonly x: Formula; readonly out: Formula; readonly dout: Formula }, attr: Attr) => Formula
}

const zero = constant(0)
const one = constant(1)
export const number = (attr: Attr, name: string): Formula => constant(attr(name) as number)
/** v limited to [low, high]; NaN stays NaN. */
export const limit = (v: Formula, low: Formula, high: Formula): Formula => e.pmin(e.pmax(v, low), high)
/** v where the condition holds, else 0, whatever v is. */
export const where = (mask: Formula, v: Formula): Formula => and(v, mask)

export const activations: Readonly<Record<string, Activation>> = {
  relu: {
    // 0 < x ? x : 0
    value: (x) => e.pmax(zero, x),
    slope: ({ out, dout }) => where(e.gt(out, zero), dout),
  },
  relu6: {
    value: (x) => limit(x, zero, constant(6)),
    slope: ({ out, dout }) => where(and(e.gt(out, zero), e.lt(out, constant(6))), dout),
  },
  leaky_relu: {
    value: (x, attr) => e.select(e.lt(x, zero), mul(number(attr, 'alpha'), x), x),
    slope: ({ x, dout }, attr) => e.select(e.ge(x, zero), dout, where(e.lt(x, zero), mul(number(attr, 'alpha'), dout))),
  },
  hard_sigmoid: {
    value: (x, attr) => limit(add(mul(number(attr, 'slope'), x), number(attr, 'offset')), zero, one),
    slope: ({ out, dout }, attr) => where(and(e.gt(out, zero), e.lt(out, one)), mul(dout, number(attr, 'slope'))),
  },
  hard_swish: {
    value: (x) => div(mul(x, limit(add(x, constant(3)), zero, constant(6))), constant(6)),
    slope({ x, dout }) {
      const moved = add(x, constant(3))
      const inside = mul(
        mul(where(e.gt(moved, zero), one), div(add(mul(constant(2), x), constant(3)), constant(6))),
        where(e.lt(moved, constant(6)), one),
      )
      return mul(dout, add(inside, where(e.not(e.lt(moved, constant(6))), one)))
    },
  },
  sigmoid: {
    value: (x) => sigmoid(x),
    slope: ({ out, dout }) => mul(mul(dout, out), sub(one, out)),
  },
  tanh: {
    value: (x) => tanh(x),
    slope: ({ out, dout }) => mul(dout, sub(one, mul(out, out))),
  },
  swish: {
    value: (x) => div(x, add(one, exp(e.neg(x)))),
    slope({ x, dout }) {
      const s = sigmoid(x)
      const xs = mul(x, s)
      return mul(dout, add(xs, mul(s, sub(one, xs))))
    },
  },
}
