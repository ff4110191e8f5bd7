/**
 * Four elements of a tensor in memory as four 32-bit numbers in a vector: what is there, with zeros above narrower types. What the bits mean
 * is up to formulas (conversions.ts).
 */
import { byteSize, type DType } from '../../tensor/dtype.ts'
import type { FunctionBuilder, I32, Vector } from './function_builder.ts'
import { i8x16, i16x8, i32, i32x4, v128 } from './instructions.ts'
import type { Operand } from './ir.ts'

const LANE_TYPES: readonly DType[] = ['float32', 'float16', 'bfloat16', 'int32', 'bool', 'uint8']

/** Whether loops read and write this element type. */
export const hasLanes = (dtype: DType): boolean => LANE_TYPES.includes(dtype)

/** Binary logarithm of the bytes of an element: 0, 1 or 2. */
export const sizeShift = (dtype: DType): number => Math.log2(byteSize(dtype))

export const shiftOf = ({ tensor }: Operand): number => sizeShift(tensor.dtype)

/** The address moved on by as many elements as fit `bytes` bytes of float32. */
export function advanced(address: I32, bytes: I32, shift: number): I32 {
  return i32.add(address, shift === 2 ? bytes : i32.shrU(bytes, i32.const(2 - shift)))
}

/** The first `count` (1 to 4) elements; other lanes are 0, and their memory is not touched. */
export function loadElements(address: I32, shift: number, count: number, offset = 0): Vector {
  if (shift === 2) return loadLanes(address, count, offset)
  if (shift === 1) {
    if (count === 4) return i32x4.extendLowI16x8U(v128.load64Zero(address, offset))
    return i32x4.extendLowI16x8U(
      lanes(count, (value, lane) => v128.load16Lane(address, value, lane, offset + 2 * lane)),
    )
  }
  const bytes =
    count === 4
      ? v128.load32Zero(address, offset)
      : lanes(count, (value, lane) => v128.load8Lane(address, value, lane, offset + lane))
  return i32x4.extendLowI16x8U(i16x8.extendLowI8x16U(bytes))
}

/** One element in all lanes. */
export function splatElement(address: I32, shift: number): Vector {
  if (shift === 2) return v128.load32Splat(address)
  return i32x4.splat(shift === 1 ? i32.load16U(address) : i32.load8U(address))
}

/** Stores the first `count` (1 to 4) lanes, which hold no more than the element type does. */
export function storeElements(
  f: FunctionBuilder,
  address: I32,
  shift: number,
  value: Vector,
  count: number,
  offset = 0,
): void {
  if (shift === 2) {
    storeLanes(f, address, value, count, offset)
    return
  }
  const held = f.let(value)
  const pairs = i16x8.narrowI32x4U(held, held)
  if (shift === 1) {
    if (count === 4) f.do(v128.store64Lane(address, pairs, 0, offset))
    else {
      const packed = f.let(pairs)
      for (let lane = 0; lane < count; lane++) f.do(v128.store16Lane(address, packed, lane, offset + 2 * lane))
    }
    return
  }
  const words = f.let(pairs)
  const packed = f.let(i8x16.narrowI16x8U(words, words))
  if (count === 4) f.do(v128.store32Lane(address, packed, 0, offset))
  else for (let lane = 0; lane < count; lane++) f.do(v128.store8Lane(address, packed, lane, offset + lane))
}

const lanes = (count: number, load: (value: Vector, lane: number) => Vector): Vector =>
  Array.from({ length: count }).reduce<Vector>((value, _, lane) => load(value, lane), i32x4.const(0))

/** The first `count` (1 to 4) of four float32; the others are 0, and their memory is not touched. */
export function loadLanes(address: I32, count: number, offset = 0): Vector {
  if (count === 4) return v128.load(address, offset)
  if (count === 1) return v128.load32Zero(address, offset)
  const two = v128.load64Zero(address, offset)
  return count === 2 ? two : v128.load32Lane(address, two, 2, offset + 8)
}

/** Stores the first `count` (1 to 4) lanes. */
export function storeLanes(f: FunctionBuilder, address: I32, value: Vector, count: number, offset = 0): void {
  if (count === 4) {
    f.do(v128.store(address, value, offset))
    return
  }
  const held = f.let(value)
  if (count === 1) f.do(v128.store32Lane(address, held, 0, offset))
  else {
    f.do(v128.store64Lane(address, held, 0, offset))
    if (count === 3) f.do(v128.store32Lane(address, held, 2, offset + 8))
  }
}
