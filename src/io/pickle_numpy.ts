/** NumPy's arrays, scalars and element types as pickles hold them. Source: numpy/core/src/multiarray (array_reduce, arraydescr_reduce). */
import { InvalidArgumentError } from '../errors.ts'
import type { Limits } from '../framework/limits.ts'
import { byteSize, type DType } from '../tensor/dtype.ts'
import { formatShape } from '../tensor/shape.ts'
import { readElement, Tensor } from '../tensor/tensor.ts'
import { countOf, notHeld, tensorFromBytes } from './bytes.ts'
import { toRowMajor } from './npy.ts'
import { NumpyScalar } from './pickle_forms.ts'

const damaged = (what: string, offset: number): InvalidArgumentError =>
  new InvalidArgumentError('E531', `a pickle is damaged: ${what}`, { where: { offset } })

/** Kind and size as numpy.dtype takes them. Paddle carries bfloat16 as uint16. */
const BY_CODE: Readonly<Record<string, DType>> = {
  b1: 'bool',
  i1: 'int8',
  u1: 'uint8',
  i2: 'int16',
  u2: 'bfloat16',
  i4: 'int32',
  i8: 'int64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  c8: 'complex64',
  c16: 'complex128',
}

/** What numpy.dtype calls an element type. */
export const CODES: Readonly<Record<DType, string>> = Object.fromEntries(
  Object.entries(BY_CODE).map(([code, dtype]) => [dtype, code]),
) as Record<DType, string>

/** An element type of NumPy. */
export class NumpyDType {
  readonly dtype: DType
  readonly code: string

  /** @throws UnimplementedError E513 for a type that is not held here. */
  constructor(code: string, offset: number) {
    const dtype = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined
    if (dtype === undefined) throw notHeld(JSON.stringify(code), { offset })
    this.dtype = dtype
    this.code = code
  }

  /** (version, byte order, …). */
  setState(state: readonly unknown[], offset: number): void {
    const order = state[1]
    if (order === '>' && byteSize(this.dtype) > 1) throw notHeld('big-endian numbers', { offset })
    if (typeof order !== 'string' || !'<|=>'.includes(order)) throw damaged('an element type has no byte order', offset)
    if (state[3] !== null && state[3] !== undefined) throw notHeld('records', { offset })
  }
}

/** An array that `BUILD` fills. */
export class NdArray {
  tensor: Tensor | undefined
}

interface ArrayParts {
  readonly shape: readonly unknown[]
  readonly dtype: NumpyDType
  readonly fortran: boolean
  readonly bytes: Uint8Array
}

export function buildArray(
  { shape, dtype: { dtype }, fortran, bytes }: ArrayParts,
  limits: Limits,
  offset: number,
): Tensor {
  const dims = shape.map((dim) => {
    if (!Number.isSafeInteger(dim) || (dim as number) < 0) throw damaged(`a dimension of ${String(dim)}`, offset)
    return dim as number
  })
  if (dims.length > limits.rank) throw damaged(`an array of ${dims.length} dimensions`, offset)
  const wanted = countOf(dims, limits.tensorElements, { offset }) * byteSize(dtype)
  if (bytes.length !== wanted) {
    throw damaged(`${dtype}${formatShape(dims)} has ${wanted} bytes, got ${bytes.length}`, offset)
  }
  const tensor = tensorFromBytes(dtype, dims, bytes)
  return fortran && dims.length > 1 ? new Tensor(dtype, dims, toRowMajor(dtype, tensor.data, dims)) : tensor
}

/** A NumPy scalar, whose value is plain. */
export function readScalar({ dtype, code }: NumpyDType, bytes: Uint8Array, offset: number): NumpyScalar {
  if (bytes.length !== byteSize(dtype)) throw damaged(`a ${dtype} of ${bytes.length} bytes`, offset)
  if (dtype === 'complex64' || dtype === 'complex128') throw notHeld('complex scalars', { offset })
  const { data } = tensorFromBytes(dtype, [], bytes)
  // On its own a uint16 is a number: nothing says that it is a bfloat16.
  return new NumpyScalar(readElement(dtype === 'bfloat16' ? 'uint8' : dtype, data, 0), code, bytes)
}
