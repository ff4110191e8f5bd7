/**
 * Element types: their names, sizes, storage and numbers in Paddle's framework.proto (VarType.Type).
 * int64 is stored as BigInt64Array (Paddle's bits), float16 and bfloat16 as Uint16Array of bits, bool as Uint8Array of 0 and 1.
 */
import { InvalidArgumentError, suggest, UnimplementedError } from '../errors.ts'

export type DType =
  | 'bool'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'complex64'
  | 'complex128'

/** The array that holds a tensor's elements. Complex numbers lie as real, imaginary pairs. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | BigInt64Array

/** What kernels see: arrays whose elements are numbers. */
export type NumberArray = Exclude<TensorData, BigInt64Array>

interface DTypeInfo {
  /** Bytes of one element. */
  readonly bytes: number
  /** Number of VarType.Type. */
  readonly proto: number
  readonly kind: 'bool' | 'int' | 'half' | 'float' | 'complex'
  readonly make: (buffer: ArrayBufferLike, byteOffset: number, count: number) => TensorData
}

const INFO: Readonly<Record<DType, DTypeInfo>> = {
  bool: { bytes: 1, proto: 0, kind: 'bool', make: (b, o, n) => new Uint8Array(b, o, n) },
  int16: { bytes: 2, proto: 1, kind: 'int', make: (b, o, n) => new Int16Array(b, o, n) },
  int32: { bytes: 4, proto: 2, kind: 'int', make: (b, o, n) => new Int32Array(b, o, n) },
  int64: { bytes: 8, proto: 3, kind: 'int', make: (b, o, n) => new BigInt64Array(b, o, n) },
  float16: { bytes: 2, proto: 4, kind: 'half', make: (b, o, n) => new Uint16Array(b, o, n) },
  float32: { bytes: 4, proto: 5, kind: 'float', make: (b, o, n) => new Float32Array(b, o, n) },
  float64: { bytes: 8, proto: 6, kind: 'float', make: (b, o, n) => new Float64Array(b, o, n) },
  uint8: { bytes: 1, proto: 20, kind: 'int', make: (b, o, n) => new Uint8Array(b, o, n) },
  int8: { bytes: 1, proto: 21, kind: 'int', make: (b, o, n) => new Int8Array(b, o, n) },
  bfloat16: { bytes: 2, proto: 22, kind: 'half', make: (b, o, n) => new Uint16Array(b, o, n) },
  complex64: { bytes: 8, proto: 23, kind: 'complex', make: (b, o, n) => new Float32Array(b, o, 2 * n) },
  complex128: { bytes: 16, proto: 24, kind: 'complex', make: (b, o, n) => new Float64Array(b, o, 2 * n) },
}

export const DTYPES = Object.keys(INFO) as readonly DType[]

const BY_PROTO = new Map<number, DType>(DTYPES.map((name) => [INFO[name].proto, name]))

export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && Object.hasOwn(INFO, value)
}

/** Bytes of one element. */
export const byteSize = (dtype: DType): number => INFO[dtype].bytes

/** The number of VarType.Type, e.g. 5 for float32. */
export const dtypeToProto = (dtype: DType): number => INFO[dtype].proto

/** The name for a number of VarType.Type, or undefined for numbers that are no element type. */
export const dtypeFromProto = (proto: number): DType | undefined => BY_PROTO.get(proto)

/** float16, bfloat16, float32, float64. */
export const isFloating = (dtype: DType): boolean => INFO[dtype].kind === 'float' || INFO[dtype].kind === 'half'
/** float16, bfloat16. */
export const isHalf = (dtype: DType): boolean => INFO[dtype].kind === 'half'
/** int8 … int64, uint8; not bool. */
export const isInteger = (dtype: DType): boolean => INFO[dtype].kind === 'int'
export const isComplex = (dtype: DType): boolean => INFO[dtype].kind === 'complex'

/** A view of `count` elements at `byteOffset`, which must be a multiple of the element's alignment (at most 8). */
export function makeView(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, count: number): TensorData {
  return INFO[dtype].make(buffer, byteOffset, count)
}

/** A new zero-filled array for `count` elements. */
export function allocate(dtype: DType, count: number): TensorData {
  return INFO[dtype].make(new ArrayBuffer(count * INFO[dtype].bytes), 0, count)
}

/**
 * The element type meant by a name or a VarType.Type number.
 * @throws InvalidArgumentError E211 for anything else.
 */
export function parseDType(value: unknown): DType {
  if (isDType(value)) return value
  if (typeof value === 'number') {
    const dtype = BY_PROTO.get(value)
    if (dtype !== undefined) return dtype
  }
  const hint = typeof value === 'string' ? suggest(value, DTYPES) : undefined
  throw new InvalidArgumentError('E211', `${JSON.stringify(value) ?? String(value)} is not an element type`, {
    expected: DTYPES,
    got: value,
    hint,
  })
}

/** @throws UnimplementedError E402: complex numbers are read and written but not computed with. */
export function refuseComplex(dtype: DType, what: string): void {
  if (isComplex(dtype)) throw new UnimplementedError('E402', `${what}: no kernels for ${dtype} yet`, { got: dtype })
}

/** Slot constraints used by operator definitions. */
export const FLOATS: readonly DType[] = ['float32', 'float64', 'float16', 'bfloat16']
export const INDEXES: readonly DType[] = ['int32', 'int64']
export const NUMBERS: readonly DType[] = /* @__PURE__ */ FLOATS.concat(INDEXES)
export const INTEGERS: readonly DType[] = ['int8', 'uint8', 'int16', 'int32', 'int64']
export const REALS: readonly DType[] = /* @__PURE__ */ FLOATS.concat(INTEGERS)
/** Everything with kernels: all but complex. */
export const ALL: readonly DType[] = /* @__PURE__ */ REALS.concat('bool')
