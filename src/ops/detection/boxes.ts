/** What operators on boxes share. A box is [left, top, right, bottom]. */
import { InvalidArgumentError } from '../../errors.ts'
import type { Meta } from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'

/** Elements of a box. */
export const BOX = 4

/** @throws InvalidArgumentError E203 unless the shape is `wanted`, where -1 stands for any size. */
export function requireDims(opType: string, slot: string, { shape }: Meta, wanted: Shape, text: string): void {
  const fits = shape.length === wanted.length && shape.every((dim, d) => dim < 0 || wanted[d]! < 0 || dim === wanted[d])
  if (fits) return
  throw new InvalidArgumentError('E203', `${opType}: ${slot} must be ${text}, got ${formatShape(shape)}`, {
    where: { opType, slot },
    expected: wanted,
    got: shape,
  })
}

/**
 * Area of the intersection of two boxes over that of their union; 0 for boxes that do not meet.
 * @param epsilon is added to the union.
 * @param extra 0 for coordinates relative to the image, 1 for pixels, where a box takes in its last row and column.
 */
export function overlap(a: NumberArray, i: number, b: NumberArray, j: number, extra: number, epsilon = 0): number {
  const width = Math.min(a[i + 2]!, b[j + 2]!) - Math.max(a[i]!, b[j]!) + extra
  const height = Math.min(a[i + 3]!, b[j + 3]!) - Math.max(a[i + 1]!, b[j + 1]!) + extra
  const common = Math.max(width, 0) * Math.max(height, 0)
  const area = (x: NumberArray, k: number): number => (x[k + 2]! - x[k]! + extra) * (x[k + 3]! - x[k + 1]! + extra)
  return common / (area(a, i) + area(b, j) - common + epsilon)
}
