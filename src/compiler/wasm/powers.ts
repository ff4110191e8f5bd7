/**
 * Powers, roots, exponentials, logarithms and the error function, as ops/math/powers.ts has them. Errors, in units in the last place against
 * float64: square, reciprocal and the slopes of exp and log none, rsqrt 1, log2 and log10 3, the others as in functions.ts; slopes 3, erf 8.
 */
import type { Activation } from './activations.ts'
import * as e from './expression.ts'
import { erf, exp, expm1, gauss, log, log1p } from './functions.ts'

const { add, constant, div, mul, neg, sqrt } = e

const one = constant(1)
const half = constant(0.5)

export const powers: Readonly<Record<string, Activation>> = {
  rsqrt: {
    value: (x) => div(one, sqrt(x)),
    slope: ({ out, dout }) => mul(mul(mul(mul(constant(-0.5), dout), out), out), out),
  },
  square: { value: (x) => mul(x, x), slope: ({ x, dout }) => mul(mul(constant(2), dout), x) },
  reciprocal: { value: (x) => div(one, x), slope: ({ out, dout }) => mul(mul(neg(dout), out), out) },
  exp: { value: exp, slope: ({ out, dout }) => mul(dout, out) },
  expm1: { value: expm1, slope: ({ out, dout }) => mul(dout, add(out, one)) },
  log: { value: log, slope: ({ x, dout }) => div(dout, x) },
  log2: {
    value: (x) => mul(log(x), constant(Math.LOG2E)),
    slope: ({ x, dout }) => div(mul(dout, constant(Math.LOG2E)), x),
  },
  log10: {
    value: (x) => mul(log(x), constant(Math.LOG10E)),
    slope: ({ x, dout }) => div(mul(dout, constant(Math.LOG10E)), x),
  },
  log1p: { value: log1p, slope: ({ x, dout }) => div(dout, add(x, one)) },
  erf: { value: erf, slope: ({ x, dout }) => mul(mul(dout, constant(2 / Math.sqrt(Math.PI))), gauss(x)) },
  // The root itself is in roots.ts.
  sqrt: { value: sqrt, slope: ({ out, dout }) => div(mul(half, dout), out) },
}
