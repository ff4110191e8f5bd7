/**
 * Quotients rounded down and the remainders that go with them: X = floordiv * Y + mod, where mod has the sign of Y.
 * Source: paddle/phi/kernels/funcs/elementwise_functor.h (2.6.2); Python's // and % are the same.
 */
import { FLOATS, INTEGERS } from '../../tensor/dtype.ts'
import { elementwise } from './elementwise.ts'

export const [elementwiseFloordiv] = elementwise('elementwise_floordiv', {
  doc: 'X / Y rounded down, such that the remainder has the sign of Y; dividing a whole number by zero is an InvalidArgumentError.',
  dtypes: [...FLOATS, ...INTEGERS],
  divides: true,
  grad: 'none',
  forward(x, y, out) {
    if (out instanceof Float32Array || out instanceof Float64Array) {
      for (let i = 0; i < out.length; i++) out[i] = floorQuotient(x[i]!, y[i]!)
    } else for (let i = 0; i < out.length; i++) out[i] = Math.floor(x[i]! / y[i]!)
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) {
      const quotient = x[i]! / y[i]!
      out[i] = x[i]! % y[i]! !== 0n && x[i]! < 0n !== y[i]! < 0n ? quotient - 1n : quotient
    }
  },
})

/** Goes through the exact remainder: floor(1 / 0.1) would be 10 although 0.1 is a little more than a tenth. */
function floorQuotient(x: number, y: number): number {
  if (y === 0) return x / y
  const remainder = x % y
  let quotient = (x - remainder) / y
  if (remainder !== 0 && y < 0 !== remainder < 0) quotient -= 1
  if (quotient === 0) return 0 * (x / y)
  const down = Math.floor(quotient)
  return quotient - down > 0.5 ? down + 1 : down
}

export const [elementwiseMod] = elementwise('elementwise_mod', {
  doc: 'The remainder of X / Y with the sign of Y; dividing a whole number by zero is an InvalidArgumentError.',
  dtypes: [...FLOATS, 'int32', 'int64'],
  divides: true,
  grad: 'none',
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) {
      const remainder = x[i]! % y[i]!
      out[i] = remainder !== 0 && y[i]! < 0 !== remainder < 0 ? remainder + y[i]! : remainder
    }
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) {
      const remainder = x[i]! % y[i]!
      out[i] = remainder !== 0n && y[i]! < 0n !== remainder < 0n ? remainder + y[i]! : remainder
    }
  },
})
