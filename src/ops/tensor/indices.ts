/** Reading index tensors, and the checks of the operators that address elements by index. */
import { type ErrorCategory, InvalidArgumentError, makeError, OutOfRangeError } from '../../errors.ts'
import type { Meta } from '../../framework/op_def.ts'
import type { DType } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'

/** Element `position` of an index tensor. */
export const indexAt = (index: RawTensor, position: number): number => Number(index.data[position])

/**
 * Element `position` of an index tensor, which must be in [0, size).
 * @throws an error E216 (OutOfRange) or E224 (the category that Paddle has for this operator).
 */
export function checkedIndex(
  opType: string,
  slot: string,
  index: RawTensor,
  position: number,
  size: number,
  category: ErrorCategory,
): number {
  const value = indexAt(index, position)
  if (value >= 0 && value < size) return value
  throw makeError(
    category,
    category === 'OutOfRange' ? 'E216' : 'E224',
    `${opType}: element ${position} of ${slot} is ${value}, outside [0, ${size})`,
    { where: { opType, slot }, expected: [0, size - 1], got: value },
  )
}

/** resolveAxis for operators whose axis past the rank is an OutOfRangeError. @throws OutOfRangeError E216. */
export function axisInRange(opType: string, axis: number, shape: Shape, name = 'axis', slot = 'X'): number {
  const rank = shape.length
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis
  throw new OutOfRangeError(
    'E216',
    `${opType}: attr ${name} must be in [${-rank}, ${rank - 1}] for ${slot} of shape ${formatShape(shape)}, got ${axis}`,
    { where: { opType, slot }, expected: [-rank, rank - 1], got: axis },
  )
}

/** The number of indices: a vector's length, or that of [n, 1]; undefined for a 0-D tensor. @throws InvalidArgumentError E203. */
export function indexCount(opType: string, slot: string, { shape }: Meta): number | undefined {
  if (shape.length === 0) return undefined
  if (shape.length === 1 || (shape.length === 2 && (shape[1] === 1 || shape[1]! < 0))) return shape[0]!
  throw new InvalidArgumentError('E203', `${opType}: ${slot} must be [N] or [N, 1], got ${formatShape(shape)}`, {
    where: { opType, slot },
    expected: '[N] or [N, 1]',
    got: shape,
  })
}

/** @throws InvalidArgumentError E210 unless the element type is one of `dtypes`. */
export function requireDType(opType: string, slot: string, { dtype }: Meta, dtypes: readonly DType[]): void {
  if (dtypes.includes(dtype)) return
  throw new InvalidArgumentError('E210', `${opType}: ${slot} cannot be ${dtype}`, {
    where: { opType, slot },
    expected: dtypes,
    got: dtype,
    hint: `it takes ${dtypes.join(', ')}; put a cast in front`,
  })
}

/** @throws InvalidArgumentError E203 unless the rank is `rank`. */
export function requireRank(opType: string, slot: string, { shape }: Meta, rank: number): void {
  if (shape.length === rank) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: ${slot} must have ${rank} dimensions, got shape ${formatShape(shape)}`,
    { where: { opType, slot }, expected: rank, got: shape },
  )
}

/** Paddle's limit for operators that it runs through Eigen. */
export const EIGEN_RANK = 6

/** @throws InvalidArgumentError E203 above six dimensions. */
export function requireEigenRank(opType: string, what: string, rank: number): void {
  if (rank <= EIGEN_RANK) return
  throw new InvalidArgumentError('E203', `${opType}: ${what} may have ${EIGEN_RANK} dimensions, got ${rank}`, {
    expected: `${EIGEN_RANK} or less`,
    got: rank,
  })
}

/** Zeros in every element. */
export function fillZero({ data }: RawTensor): void {
  if (data instanceof BigInt64Array) data.fill(0n)
  else data.fill(0)
}

/** Adds `count` elements of `from` to those of `to`, each sum rounded to the element type, in the order of the calls, as Paddle adds. */
export function addElements(from: RawTensor, start: number, to: RawTensor, at: number, count: number): void {
  // BigInts add as numbers do; both arrays are of one kind.
  const x = from.data as Float32Array
  const y = to.data as Float32Array
  for (let i = 0; i < count; i++) y[at + i] = y[at + i]! + x[start + i]!
}

/** Copies `count` elements of `from` into `to`. */
export function moveElements(from: RawTensor, start: number, to: RawTensor, at: number, count: number): void {
  const x = from.data as Float32Array
  const y = to.data as Float32Array
  if (count < 16) for (let i = 0; i < count; i++) y[at + i] = x[start + i]!
  else y.set(x.subarray(start, start + count), at)
}
