/** Powers of single numbers, for the operators that raise to a power. */
import { InvalidArgumentError } from '../../errors.ts'

/** x to the power of y as C's pow has it, which makes 1 to the power of NaN and -1 to the power of infinity 1. */
export function power(x: number, y: number): number {
  return x === 1 || (x === -1 && (y === Infinity || y === -Infinity)) ? 1 : x ** y
}

/** Modulo 2^64 for y >= 0; for y < 0 the reciprocal cut towards zero. @throws InvalidArgumentError E224 for 0 to a negative power. */
export function bigPower(opType: string, x: bigint, y: bigint): bigint {
  if (y < 0n) {
    if (x === 0n) {
      throw new InvalidArgumentError('E224', `${opType}: 0 to a negative power has no integer value`, {
        expected: 'a power of 0 or more where X is 0',
        got: String(y),
      })
    }
    return x === 1n || (x === -1n && y % 2n === 0n) ? 1n : x === -1n ? -1n : 0n
  }
  let result = 1n
  for (let base = x, rest = y; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = BigInt.asIntN(64, result * base)
    base = BigInt.asIntN(64, base * base)
  }
  return result
}
