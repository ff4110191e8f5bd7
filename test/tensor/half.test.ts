import { describe, expect, test } from 'vitest'
import {
  bfloat16ToNumber,
  float16ToNumber,
  float32ToHalf,
  halfToFloat32,
  numberToBfloat16,
  numberToFloat16,
} from '../../src/tensor/half.ts'

const FORMATS = [
  { dtype: 'float16', decode: float16ToNumber, encode: numberToFloat16, fractionBits: 10, bias: 15, infinity: 0x7c00 },
  {
    dtype: 'bfloat16',
    decode: bfloat16ToNumber,
    encode: numberToBfloat16,
    fractionBits: 7,
    bias: 127,
    infinity: 0x7f80,
  },
] as const
type Format = (typeof FORMATS)[number]

/** The definition: sign, biased exponent, fraction. */
function definedValue(bits: number, { fractionBits, bias, infinity }: Format): number {
  const sign = bits & 0x8000 ? -1 : 1
  const magnitude = bits & 0x7fff
  if (magnitude > infinity) return NaN
  if (magnitude === infinity) return sign * Infinity
  const exponent = magnitude >> fractionBits
  const fraction = (magnitude & ((1 << fractionBits) - 1)) / 2 ** fractionBits
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias))
}

/** The next float64 (or float32) towards or away from zero. */
function neighbour(x: number, step: 1 | -1): number {
  const value = new Float64Array([x])
  const bits = new BigInt64Array(value.buffer)
  bits[0] = bits[0]! + BigInt(step)
  return value[0]!
}
function neighbour32(x: number, step: 1 | -1): number {
  const value = new Float32Array([x])
  const bits = new Int32Array(value.buffer)
  bits[0] = bits[0]! + step
  return value[0]!
}

const ALL_BITS = Uint16Array.from({ length: 65536 }, (_, bits) => bits)

describe.each(FORMATS)('$dtype', (format) => {
  const { dtype, decode, encode, infinity } = format
  const isNaNBits = (bits: number): boolean => (bits & 0x7fff) > infinity
  const quietBit = 1 << (format.fractionBits - 1)
  const nanCount = 2 * (0x7fff - infinity)

  function encodeArray(values: readonly number[]): number[] {
    const out = new Uint16Array(values.length)
    float32ToHalf(dtype, new Float32Array(values), out)
    return [...out]
  }

  test('decodes all 65,536 bit patterns by the definition', () => {
    const array = new Float32Array(65536)
    halfToFloat32(dtype, ALL_BITS, array)
    const wrong: number[] = []
    let nans = 0
    for (const bits of ALL_BITS) {
      const expected = definedValue(bits, format)
      if (Number.isNaN(expected)) nans++
      if (!Object.is(decode(bits), expected) || !Object.is(array[bits], expected)) wrong.push(bits)
    }
    expect(wrong).toEqual([])
    expect(nans).toBe(nanCount)
  })

  test('encodes every value to its own bits, and NaN to a quiet NaN', () => {
    const values = new Float32Array(65536)
    halfToFloat32(dtype, ALL_BITS, values)
    const array = new Uint16Array(65536)
    float32ToHalf(dtype, values, array)
    const wrong: number[] = []
    for (const bits of ALL_BITS) {
      const nan = isNaNBits(bits)
      if (encode(decode(bits)) !== (nan ? infinity | quietBit : bits)) wrong.push(bits)
      if (array[bits] !== (nan ? bits | quietBit : bits)) wrong.push(bits)
    }
    expect(wrong).toEqual([])
  })

  test('rounds to nearest even at every boundary between neighbours, the last of them infinity', () => {
    const lower: number[] = []
    const boundaries: number[] = []
    for (let bits = 0; bits < infinity; bits++) {
      // Above the largest value the boundary lies where it would if the exponents went on.
      const next = bits + 1 === infinity ? 2 ** (format.bias + 1) : definedValue(bits + 1, format)
      lower.push(bits)
      boundaries.push((definedValue(bits, format) + next) / 2)
    }
    expect(boundaries.length).toBe(infinity)

    const wrong: string[] = []
    const check = (got: number, expected: number, x: number): void => {
      if (got !== expected) wrong.push(`${x}: ${got.toString(16)}, not ${expected.toString(16)}`)
    }
    for (const [i, bits] of lower.entries()) {
      const middle = boundaries[i]!
      const even = bits % 2 === 0 ? bits : bits + 1
      check(encode(neighbour(middle, -1)), bits, middle)
      check(encode(middle), even, middle)
      check(encode(neighbour(middle, 1)), bits + 1, middle)
      check(encode(-neighbour(middle, -1)), 0x8000 | bits, -middle)
      check(encode(-middle), 0x8000 | even, -middle)
      check(encode(-neighbour(middle, 1)), 0x8000 | (bits + 1), -middle)
    }
    const below = encodeArray(boundaries.map((x) => neighbour32(x, -1)))
    const at = encodeArray(boundaries)
    const above = encodeArray(boundaries.map((x) => -neighbour32(x, 1)))
    for (const [i, bits] of lower.entries()) {
      check(Math.fround(boundaries[i]!), boundaries[i]!, boundaries[i]!) // float32 holds every boundary
      check(below[i]!, bits, boundaries[i]!)
      check(at[i]!, bits % 2 === 0 ? bits : bits + 1, boundaries[i]!)
      check(above[i]!, 0x8000 | (bits + 1), boundaries[i]!)
    }
    expect(wrong).toEqual([])
  })

  test('keeps infinities, signed zeros and the extremes of float64 and float32', () => {
    const cases: [number, number][] = [
      [0, 0],
      [-0, 0x8000],
      [Infinity, infinity],
      [-Infinity, 0x8000 | infinity],
    ]
    for (const [x, bits] of cases) expect([x, encode(x), ...encodeArray([x])]).toEqual([x, bits, bits])
    expect(encode(Number.MAX_VALUE)).toBe(infinity)
    expect(encode(-Number.MAX_VALUE)).toBe(0x8000 | infinity)
    expect(encode(Number.MIN_VALUE)).toBe(0)
    expect(encode(-Number.MIN_VALUE)).toBe(0x8000)
    expect(encodeArray([3.4028234663852886e38, -(2 ** -149)])).toEqual([infinity, 0x8000])
  })

  test('keeps the sign and the upper payload bits of NaN in arrays', () => {
    const words = new Uint32Array([0x7f800001, 0xffc00000, 0xffffffff, 0x7fa00000])
    const out = new Uint16Array(4)
    float32ToHalf(dtype, new Float32Array(words.buffer), out)
    const top = (infinity | quietBit) & 0x7fff
    const payload = quietBit >> 1 // 0x7fa00000 has the second payload bit set
    expect([...out]).toEqual([top, 0x8000 | top, 0xffff, top | payload])
  })

  test('works on views that start inside a buffer, and on none', () => {
    const values = new Float32Array([9, 1, -2, 9]).subarray(1, 3)
    const bits = new Uint16Array(5)
    float32ToHalf(dtype, values, bits.subarray(1, 3))
    expect([...bits]).toEqual([0, encode(1), encode(-2), 0, 0])
    const back = new Float32Array(4)
    halfToFloat32(dtype, bits.subarray(1, 3), back.subarray(1, 3))
    expect([...back]).toEqual([0, 1, -2, 0])
    expect(encodeArray([])).toEqual([])
  })
})

test('rounds once: a float64 just above a float16 boundary does not fall back to it by way of float32', () => {
  const x = 1 + 2 ** -11 + 2 ** -40
  expect(Math.fround(x)).toBe(1 + 2 ** -11)
  expect(numberToFloat16(x)).toBe(0x3c01)
  expect(numberToFloat16(Math.fround(x))).toBe(0x3c00)
})

test('float16 reaches infinity at 65520', () => {
  expect([65504, 65519.99, 65520, -65520].map(numberToFloat16)).toEqual([0x7bff, 0x7bff, 0x7c00, 0xfc00])
})
