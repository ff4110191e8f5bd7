/**
 * Between element types, as formulas: what the numbers in memory mean as float32, and what memory holds for a float32. Exact to float32, to
 * nearest even from it, as tensor/half.ts does.
 */
import type { DType } from '../../tensor/dtype.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'

const { addInt, and, bits, constant, or, select, shl, shrU, subInt } = e

const SIGN = bits(-0x80000000)

/** The value of float16 bits: their exponent is moved by a product, which is right for subnormal ones too; those of infinity are set. */
function fromFloat16(half: Formula): Formula {
  const size = and(half, bits(0x7fff))
  const value = e.mul(shl(size, 13), constant(2 ** 112))
  const whole = or(value, and(e.ge(value, constant(65536)), bits(0x7f800000)))
  return or(whole, shl(e.xor(half, size), 16))
}

/** Below 2^-14 a sum with 0.5 rounds to steps of 2^-24; above, half of what is cut is added, and the exponent moved. */
function toFloat16(value: Formula): Formula {
  const size = e.abs(value)
  const normal = shrU(addInt(addInt(size, bits(0xfff - 0x38000000)), and(shrU(size, 13), bits(1))), 13)
  const subnormal = subInt(e.add(size, constant(0.5)), bits(0x3f000000))
  const finite = select(e.lt(size, constant(2 ** -14)), subnormal, normal)
  const rounded = select(e.lt(size, constant(65520)), finite, bits(0x7c00))
  const nan = or(bits(0x7e00), and(shrU(size, 13), bits(0x3ff)))
  return or(select(e.eq(size, size), rounded, nan), and(shrU(value, 16), bits(0x8000)))
}

function toBfloat16(value: Formula): Formula {
  const rounded = shrU(addInt(addInt(value, bits(0x7fff)), and(shrU(value, 16), bits(1))), 16)
  return select(e.eq(value, value), rounded, or(shrU(value, 16), bits(0x40)))
}

/** Cut towards zero; what int32 does not hold, and NaN, is the smallest int32. */
function toInt32(value: Formula): Formula {
  const fits = and(e.ge(value, constant(-2147483648)), e.lt(value, constant(2147483648)))
  return select(fits, e.toInt(value), SIGN)
}

/** 1 in the lanes of a mask, else 0. */
export const truth = (mask: Formula): Formula => and(mask, bits(1))

/** A mask of the lanes that hold anything but 0. */
export const isSet = (whole: Formula): Formula => e.not(e.eqInt(whole, bits(0)))

const isWhole = (dtype: DType): boolean => dtype === 'int32' || dtype === 'bool' || dtype === 'uint8'

/** What memory holds, as float32: exact but for int32, which is rounded to nearest even. */
export function toFloat32(held: Formula, dtype: DType): Formula {
  if (dtype === 'float16') return fromFloat16(held)
  if (dtype === 'bfloat16') return shl(held, 16)
  return dtype === 'float32' ? held : e.toFloat(held)
}

/** What memory holds for a float32; whole numbers are cut towards zero, and anything but 0 is true. */
export function fromFloat32(value: Formula, dtype: DType): Formula {
  if (dtype === 'float16') return toFloat16(value)
  if (dtype === 'bfloat16') return toBfloat16(value)
  if (dtype === 'bool') return truth(e.ne(value, constant(0)))
  if (dtype === 'int32') return toInt32(value)
  return dtype === 'uint8' ? and(toInt32(value), bits(0xff)) : value
}

/** What memory holds as one type made what it holds as another. By way of float32, so int32 to bfloat16 is rounded twice. */
export function convert(held: Formula, from: DType, to: DType): Formula {
  if (from === to) return held
  if (!isWhole(from)) return fromFloat32(toFloat32(held, from), to)
  if (to === 'bool') return truth(isSet(held))
  if (to === 'uint8') return and(held, bits(0xff))
  if (to === 'int32') return held
  return fromFloat32(toFloat32(held, from), to)
}

/** A mask of the lanes whose element is true: anything but 0, so NaN too. */
export const isTrue = (held: Formula, dtype: DType): Formula =>
  isWhole(dtype) ? isSet(held) : e.ne(toFloat32(held, dtype), constant(0))
