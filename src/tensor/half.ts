/**
 * float16 (IEEE 754 binary16: 5 exponent bits, 10 fraction bits) and bfloat16 (the upper half of a float32) to and from numbers.
 * Decoding is exact. Encoding rounds once, to nearest with ties to even, whether it starts from a float64 or a float32. Paddle's CPU cast
 * cuts the lower bits off instead (paddle/phi/common/float16.h, bfloat16.h); rounding is what its GPU kernels and NumPy do.
 */

/** Half of the gap between 65504, the largest float16, and 65536, where the next would be: values from here on round to infinity. */
const FLOAT16_OVERFLOW = 65520
const FLOAT16_SMALLEST_NORMAL = 2 ** -14
/** The smallest positive float16, and the distance between subnormal ones. */
const FLOAT16_STEP = 2 ** -24

/** (2 - 2^-8) * 2^127, halfway between the largest bfloat16 and 2^128. */
const BFLOAT16_OVERFLOW = (2 - 2 ** -8) * 2 ** 127
const BFLOAT16_SMALLEST_NORMAL = 2 ** -126
const BFLOAT16_STEP = 2 ** -133

/** Added to a float64 below it, this leaves a multiple of 1 times the step: the sum is rounded to nearest even by the hardware. */
const ROUNDER = 2 ** 52

const float64Scratch = new Float64Array(1)
/** Word 1 is the upper one: typed arrays are little-endian on every platform with a JavaScript engine in use. */
const float64Words = new Uint32Array(float64Scratch.buffer)
const float32Scratch = new Float32Array(1)
const float32Words = new Uint32Array(float32Scratch.buffer)

/** The value of float16 `bits`. */
export function float16ToNumber(bits: number): number {
  const fraction = bits & 0x3ff
  const exponent = (bits >>> 10) & 0x1f
  const size =
    exponent === 0
      ? fraction * FLOAT16_STEP
      : exponent === 31
        ? fraction === 0
          ? Infinity
          : NaN
        : (1024 + fraction) * 2 ** (exponent - 25)
  return bits & 0x8000 ? -size : size
}

/** The float16 bits nearest to `x`, rounded once from float64; ties go to even, |x| >= 65520 to infinity, NaN to 0x7e00. */
export function numberToFloat16(x: number): number {
  if (Number.isNaN(x)) return 0x7e00
  const size = Math.abs(x)
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0
  if (size >= FLOAT16_OVERFLOW) return sign | 0x7c00
  if (size < FLOAT16_SMALLEST_NORMAL) return sign | (size / FLOAT16_STEP + ROUNDER - ROUNDER)
  float64Scratch[0] = size
  // The exponent bias changes from 1023 to 15. A carry out of the fraction raises the exponent, as it should.
  return sign | (roundedUpperWord(10) - ((1023 - 15) << 10))
}

/** The value of bfloat16 `bits`. */
export function bfloat16ToNumber(bits: number): number {
  float32Words[0] = bits << 16
  return float32Scratch[0]!
}

/** The bfloat16 bits nearest to `x`, rounded once from float64; ties go to even, NaN to 0x7fc0. */
export function numberToBfloat16(x: number): number {
  if (Number.isNaN(x)) return 0x7fc0
  const size = Math.abs(x)
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0
  if (size >= BFLOAT16_OVERFLOW) return sign | 0x7f80
  if (size < BFLOAT16_SMALLEST_NORMAL) return sign | (size / BFLOAT16_STEP + ROUNDER - ROUNDER)
  float64Scratch[0] = size
  return sign | (roundedUpperWord(7) - ((1023 - 127) << 7))
}

/** Exponent and fraction of the positive float64 in the scratch array, the fraction rounded to `fractionBits`, at most 20. */
function roundedUpperWord(fractionBits: number): number {
  const dropped = 20 - fractionBits
  const upper = float64Words[1]!
  const kept = upper >>> dropped
  const rest = upper & ((1 << dropped) - 1)
  const half = 1 << (dropped - 1)
  const up = rest > half || (rest === half && (float64Words[0] !== 0 || (kept & 1) === 1))
  return up ? kept + 1 : kept
}

/** Fills `out` with the values of `bits`. NaN keeps sign and payload. */
export function halfToFloat32(dtype: 'float16' | 'bfloat16', bits: Uint16Array, out: Float32Array): void {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length)
  if (dtype === 'bfloat16') {
    for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16
    return
  }
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i]!
    const sign = (half & 0x8000) << 16
    const exponent = half & 0x7c00
    if (exponent === 0) {
      const size = (half & 0x3ff) * FLOAT16_STEP
      out[i] = sign === 0 ? size : -size
    } else {
      // The exponent bias changes from 15 to 127; infinity and NaN have all exponent bits set instead.
      words[i] = sign | (((half & 0x7fff) << 13) + (exponent === 0x7c00 ? 0x70000000 : 0x38000000))
    }
  }
}

/** Fills `out` with the half bits nearest to `values`, ties to even. NaN keeps sign and the upper payload bits and becomes quiet. */
export function float32ToHalf(dtype: 'float16' | 'bfloat16', values: Float32Array, out: Uint16Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  if (dtype === 'bfloat16') {
    for (let i = 0; i < values.length; i++) {
      const word = words[i]!
      out[i] = (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
    }
    return
  }
  for (let i = 0; i < values.length; i++) {
    const word = words[i]!
    const sign = (word >>> 16) & 0x8000
    const size = word & 0x7fffffff
    if (size > 0x7f800000) {
      out[i] = sign | 0x7e00 | ((size >>> 13) & 0x3ff)
    } else if (size >= 0x477ff000) {
      out[i] = sign | 0x7c00 // from 65520 on
    } else if (size >= 0x38800000) {
      out[i] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13)
    } else {
      out[i] = sign | (Math.abs(values[i]!) / FLOAT16_STEP + ROUNDER - ROUNDER) // below 2^-14
    }
  }
}
