/**
 * Copies that move along each dimension on its own: slices, strides, flips, rolls. For every dimension a list says where each coordinate of
 * the smaller side (a slice) is found along the same dimension of the larger side (what it is cut from). Bits are moved, whatever the
 * element type.
 */
import { product, rowMajorStrides, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { fillZero } from './indices.ts'

/** One list per dimension; null stands for the whole dimension as it is. */
export type AxisMap = readonly (readonly number[] | null)[]

/** start, start + step, …: `count` of them. */
export function steps(start: number, step: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i * step)
}

/** to[c] = from[map(c)]: `from` is the larger side, of shape `shape`. */
export function readMapped(from: RawTensor, shape: Shape, map: AxisMap, to: RawTensor): void {
  const x = from.data as Float32Array
  const y = to.data as Float32Array
  eachPiece(shape, map, (large, small, width, offsets) => {
    if (offsets === undefined) y.set(x.subarray(large, large + width), small)
    else for (let i = 0; i < width; i++) y[small + i] = x[large + offsets[i]!]!
  })
}

/** to[map(c)] = from[c] and zero elsewhere: `to` is the larger side, of shape `shape`. */
export function writeMapped(from: RawTensor, shape: Shape, map: AxisMap, to: RawTensor): void {
  fillZero(to)
  const x = from.data as Float32Array
  const y = to.data as Float32Array
  eachPiece(shape, map, (large, small, width, offsets) => {
    if (offsets === undefined) y.set(x.subarray(small, small + width), large)
    else for (let i = 0; i < width; i++) y[large + offsets[i]!] = x[small + i]!
  })
}

/** Calls `visit(large, small)` for every element of the smaller side, in its order. */
export function eachMapped(shape: Shape, map: AxisMap, visit: (large: number, small: number) => void): void {
  eachPiece(shape, map, (large, small, width, offsets) => {
    for (let i = 0; i < width; i++) visit(large + (offsets === undefined ? i : offsets[i]!), small + i)
  })
}

/**
 * Calls `visit(large, small, width, offsets)` for each piece: `width` neighbouring elements from `small` on, found in the larger side from
 * `large` on where offsets is undefined, else at large + offsets[i].
 */
function eachPiece(
  shape: Shape,
  map: AxisMap,
  visit: (large: number, small: number, width: number, offsets: readonly number[] | undefined) => void,
): void {
  const strides = rowMajorStrides(shape)
  // Whole dimensions at the end are moved as one piece.
  let last = shape.length - 1
  while (last >= 0 && map[last] === null) last--
  const inner = product(shape, last + 1)
  const outer: (readonly number[])[] = []
  for (let d = 0; d <= last; d++) {
    const stride = strides[d]!
    outer.push((map[d] ?? steps(0, 1, shape[d]!)).map((at) => at * stride))
  }
  const offsets = inner === 1 ? outer.pop() : undefined
  const width = offsets?.length ?? inner
  if (width === 0 || outer.some((list) => list.length === 0)) return
  const counter = new Array<number>(outer.length).fill(0)
  const rounds = outer.reduce((count, list) => count * list.length, 1)
  for (let round = 0; round < rounds; round++) {
    let large = 0
    for (let d = 0; d < outer.length; d++) large += outer[d]![counter[d]!]!
    visit(large, round * width, width, offsets)
    for (let d = outer.length - 1; d >= 0; d--) {
      if (++counter[d]! < outer[d]!.length) break
      counter[d] = 0
    }
  }
}
