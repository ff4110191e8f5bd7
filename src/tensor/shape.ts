/**
 * Shapes: element counts, strides, axes and Paddle's broadcasting. A dimension of -1 is one that only the run knows.
 */
import { InvalidArgumentError, OutOfRangeError } from '../errors.ts'

export type Shape = readonly number[]

/** Paddle's DDim holds at most nine dimensions. */
export const MAX_RANK = 9

/** `[2, 3]`, and `[]` for a 0-D tensor. */
export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`

export const hasUnknown = (shape: Shape): boolean => shape.some((dim) => dim < 0)

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Shapes that could be the same once the run fills in dimensions of -1. */
export function compatibleShapes(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i] || dim < 0 || b[i]! < 0)
}

/**
 * Number of elements; 1 for a 0-D shape, -1 if a dimension is unknown.
 * @throws OutOfRangeError E213 beyond 2^31 - 1 elements, also where a zero elsewhere would make the product small.
 */
export function numel(shape: Shape): number {
  let count = 1
  let zero = false
  for (const dim of shape) {
    if (dim < 0) return -1
    if (dim === 0) {
      zero = true
      continue
    }
    count *= dim
    if (count > 2147483647) {
      throw new OutOfRangeError('E213', `a tensor of shape ${formatShape(shape)} has more than 2^31 - 1 elements`, {
        got: shape,
      })
    }
  }
  return zero ? 0 : count
}

/** Row-major strides in elements. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]!
  }
  return strides
}

/** Product of `shape[from..to)`. */
export function product(shape: Shape, from = 0, to = shape.length): number {
  let count = 1
  for (let i = from; i < to; i++) count *= shape[i]!
  return count
}

/**
 * `axis` counted from the front, for an operator's attribute `name`.
 * @throws InvalidArgumentError E202 outside [-rank, rank).
 */
export function resolveAxis(opType: string, axis: number, shape: Shape, name = 'axis', slot = 'X'): number {
  const rank = shape.length
  if (axis < -rank || axis >= rank) {
    const range = rank === 0 ? 'is not possible' : `must be in [${-rank}, ${rank - 1}]`
    throw new InvalidArgumentError(
      'E202',
      `${opType}: attr ${name} ${range} for ${slot} of shape ${formatShape(shape)}, got ${axis}`,
      { expected: [-rank, rank - 1], got: axis },
    )
  }
  return axis < 0 ? axis + rank : axis
}

/** Two operands of an element-wise operator lifted to one rank. */
export interface Broadcast {
  /** The common shape. */
  readonly shape: Shape
  /** X and Y with ones put in, so that both have the rank of `shape`. */
  readonly x: Shape
  readonly y: Shape
}

/**
 * Paddle's broadcasting: the operand of lower rank is laid along the other from dimension `axis` on (-1: so that the last dimensions meet);
 * then each pair of dimensions must be equal, or one of them 1. A dimension is -1 where either is and the other is not known to win.
 * Follows paddle/phi/kernels/funcs/common_shape.h.
 * @throws InvalidArgumentError E203 for shapes that do not meet, E202 for an axis out of range.
 */
export function broadcast(opType: string, x: Shape, y: Shape, axis: number): Broadcast {
  if (sameShape(x, y)) return { shape: x, x, y }
  const rank = Math.max(x.length, y.length)
  if (axis < -rank || axis >= Math.max(rank, 1)) {
    throw new InvalidArgumentError(
      'E202',
      `${opType}: attr axis must be in [${-rank}, ${rank - 1}] for X of shape ${formatShape(x)} and Y of shape ${formatShape(y)}, got ${axis}`,
      { expected: [-rank, rank - 1], got: axis },
    )
  }
  const difference = Math.abs(x.length - y.length)
  const start = difference === 0 ? 0 : axis < 0 ? difference + axis + 1 : axis
  const place = (low: Shape): Shape => {
    let used = low.length
    while (used > 0 && start + used > rank && low[used - 1] === 1) used--
    if (start < 0 || start + used > rank) throw shapesDoNotMeet(opType, x, y, axis)
    const placed = new Array<number>(rank).fill(1)
    for (let i = 0; i < used; i++) placed[start + i] = low[i]!
    return placed
  }
  const fullX = x.length < rank ? place(x) : x
  const fullY = y.length < rank ? place(y) : y
  const shape = new Array<number>(rank)
  for (let i = 0; i < rank; i++) {
    const a = fullX[i]!
    const b = fullY[i]!
    if (a === b) shape[i] = a
    else if (a === 1) shape[i] = b
    else if (b === 1) shape[i] = a
    else if (a < 0 || b < 0) shape[i] = a < 0 ? (b < 0 ? -1 : b) : a
    else throw shapesDoNotMeet(opType, x, y, axis)
  }
  return { shape, x: fullX, y: fullY }
}

function shapesDoNotMeet(opType: string, x: Shape, y: Shape, axis: number): InvalidArgumentError {
  return new InvalidArgumentError(
    'E203',
    `${opType}: X of shape ${formatShape(x)} and Y of shape ${formatShape(y)} do not broadcast with axis ${axis}`,
    { expected: 'equal dimensions, or 1, where X and Y meet', got: { X: x, Y: y, axis } },
  )
}

/**
 * Calls `visit(outer, inner offset)` for a shape seen as [outer, size, inner] around `axis`: each call is one slice, whose elements lie
 * at start, start + step, … (`size` of them).
 */
export function eachSlice(
  shape: Shape,
  axis: number,
  visit: (start: number, step: number, size: number) => void,
): void {
  const size = shape[axis]!
  const inner = product(shape, axis + 1)
  const outer = product(shape, 0, axis)
  for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) visit(o * size * inner + i, inner, size)
}
