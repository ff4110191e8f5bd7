/** Conversion between element types. */
import { attr } from '../../framework/attr.ts'
import { defineOp, describeOp, type KernelTensor, type OpDesc, one } from '../../framework/op_def.ts'
import { ALL, type DType, isFloating, isHalf, type NumberArray } from '../../tensor/dtype.ts'
import { bfloat16ToNumber, float32ToHalf, halfToFloat32, numberToBfloat16, numberToFloat16 } from '../../tensor/half.ts'

type Half = 'float16' | 'bfloat16'

/**
 * Out = X as `out_dtype`. To fewer digits rounds once to nearest even; a float to an integer is cut towards zero; integers keep their low
 * bits; anything but 0 (NaN too) is true. A float that the integer cannot hold, or NaN, gives what an x86 processor makes of it: the smallest
 * int32 or int64, and the low bits of that int32 for narrower types.
 */
export const cast = defineOp({
  type: 'cast',
  doc: 'X converted to the element type out_dtype: rounded to nearest even, for integers cut towards zero, true for everything but 0.',
  source: 'paddle/phi/kernels/cpu/cast_kernel.cc',
  differs:
    'float16 and bfloat16 results are rounded to nearest even; the CPU kernel of Paddle cuts the lower bits off.',
  inputs: { X: one('Any shape.', ALL) },
  outputs: { Out: one('Shape of X, element type out_dtype.') },
  attrs: {
    in_dtype: attr.dtype(undefined, { doc: 'Element type of X; the kernel goes by X itself.' }),
    out_dtype: attr.dtype(undefined, {
      doc: 'Element type of Out.',
      check: (dtype) => (dtype !== -1 && ALL.includes(dtype) ? null : `one of ${ALL.join(', ')}`),
    }),
  },
  inferMeta: ({ X }, { out_dtype }) => ({ Out: { ...X, dtype: out_dtype as DType } }),
  grad: ({ outputGrads, inputGrads, attrs }): OpDesc[] => [
    describeOp(cast, {
      inputs: { X: outputGrads.Out },
      outputs: { Out: inputGrads.X! },
      attrs: { in_dtype: attrs.out_dtype, out_dtype: attrs.in_dtype },
    }),
  ],
  kernels: {
    cpu: ({ X }, _attrs, { Out }) => convert(X.dtype, X.data, Out),
    half({ X }, _attrs, { Out }) {
      if (X.dtype === Out.dtype) {
        Out.data.set(X.data)
        return
      }
      let from = X.data
      if (isHalf(X.dtype)) {
        from = new Float32Array(X.data.length)
        halfToFloat32(X.dtype as Half, X.data as Uint16Array, from)
      }
      if (isHalf(Out.dtype)) toHalf(from, Out)
      else convert('float32', from, Out)
    },
    int64({ X }, _attrs, { Out }) {
      // Halves arrive and leave as float32 here.
      if (!(X.data instanceof BigInt64Array)) toInt64(X.dtype, X.data, words(Out.data))
      else if (Out.data instanceof BigInt64Array) Out.data.set(X.data)
      else fromInt64(words(X.data), Out as KernelTensor)
    },
  },
})

/** Low and high halves of int64 elements, low ones first: typed arrays are little-endian wherever there is a JavaScript engine. */
const words = (data: NumberArray | BigInt64Array): Int32Array =>
  new Int32Array(data.buffer, data.byteOffset, 2 * data.length)

function convert(fromType: DType, from: NumberArray, { dtype, data: to }: KernelTensor): void {
  if (dtype === 'bool') for (let i = 0; i < to.length; i++) to[i] = from[i] !== 0 ? 1 : 0
  else if (isFloating(dtype) || !isFloating(fromType)) to.set(from)
  else {
    for (let i = 0; i < to.length; i++) {
      const whole = Math.trunc(from[i]!)
      to[i] = whole >= -2147483648 && whole <= 2147483647 ? whole : -2147483648
    }
  }
}

function toHalf(from: NumberArray, out: KernelTensor): void {
  const to = out.data as Uint16Array
  if (from instanceof Float32Array) float32ToHalf(out.dtype as Half, from, to)
  else if (out.dtype === 'float16') for (let i = 0; i < to.length; i++) to[i] = numberToFloat16(from[i]!)
  else for (let i = 0; i < to.length; i++) to[i] = numberToBfloat16(from[i]!)
}

function toInt64(fromType: DType, from: NumberArray, to: Int32Array): void {
  if (!isFloating(fromType)) {
    for (let i = 0; i < from.length; i++) {
      to[2 * i] = from[i]!
      to[2 * i + 1] = from[i]! < 0 ? -1 : 0
    }
    return
  }
  for (let i = 0; i < from.length; i++) {
    const whole = Math.trunc(from[i]!)
    const fits = whole >= -(2 ** 63) && whole < 2 ** 63
    const high = fits ? Math.floor(whole / 4294967296) : -2147483648
    to[2 * i] = fits ? whole - high * 4294967296 : 0
    to[2 * i + 1] = high
  }
}

function fromInt64(from: Int32Array, { dtype, data: to }: KernelTensor): void {
  if (dtype === 'bool') {
    for (let i = 0; i < to.length; i++) to[i] = (from[2 * i]! | from[2 * i + 1]!) !== 0 ? 1 : 0
  } else if (dtype === 'float64') {
    for (let i = 0; i < to.length; i++) to[i] = from[2 * i + 1]! * 4294967296 + (from[2 * i]! >>> 0)
  } else if (isFloating(dtype)) {
    for (let i = 0; i < to.length; i++) {
      const value = roundToOdd(from[2 * i]!, from[2 * i + 1]!)
      // What leaves as float32 is rounded once more by the wrapper, which finds nothing left to round.
      to[i] = dtype === 'bfloat16' ? bfloat16ToNumber(numberToBfloat16(value)) : value
    }
  } else for (let i = 0; i < to.length; i++) to[i] = from[2 * i]!
}

/**
 * A float64 that rounds to fewer digits just as the int64 does: where 53 bits are not enough, the lowest bit says that something was cut
 * off. Rounding to float64 first could make a tie of what is none.
 */
function roundToOdd(low: number, high: number): number {
  const kept = (high >= -0x200000 && high < 0x200000) || (low & 0x7ff) === 0 ? low : (low & ~0x7ff) | 0x800
  return high * 4294967296 + (kept >>> 0)
}
