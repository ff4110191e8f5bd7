/** How convolution and pooling functions take strides, kernels and paddings, in the forms that Paddle's Python layers take. */
import { InvalidArgumentError } from '../errors.ts'

/** One number for both dimensions, or height and width. */
export type Pair = number | readonly [number, number]

/**
 * One number for all sides, [height, width], [top, bottom, left, right], or [[0, 0], [0, 0], [top, bottom], [left, right]] in the order of the
 * layout; 'SAME' makes ceil(size / stride) windows, 'VALID' pads nothing.
 */
export type Padding = number | readonly number[] | readonly (readonly [number, number])[] | 'SAME' | 'VALID'

export type ImageFormat = 'NCHW' | 'NHWC'

export const pairOf = (value: Pair): readonly [number, number] => (typeof value === 'number' ? [value, value] : value)

/** @throws InvalidArgumentError E201 for another number of values, or padding of batch or channels. */
export function resolvePadding(
  padding: Padding,
  dataFormat: ImageFormat,
): { readonly paddings: readonly number[]; readonly algorithm: string } {
  if (padding === 'SAME' || padding === 'VALID') return { paddings: [0, 0], algorithm: padding }
  if (typeof padding === 'number') return { paddings: [padding, padding], algorithm: 'EXPLICIT' }
  const fail = (): InvalidArgumentError =>
    new InvalidArgumentError('E201', `padding cannot be ${JSON.stringify(padding)}`, {
      expected: 'a number, [height, width], [top, bottom, left, right], four pairs, "SAME" or "VALID"',
      got: padding,
    })
  let sides: readonly number[]
  if (Array.isArray(padding[0])) {
    const pairs = padding as readonly (readonly [number, number])[]
    const [height, width] = dataFormat === 'NCHW' ? [2, 3] : [1, 2]
    if (pairs.length !== 4 || pairs.some((pair, i) => i !== height && i !== width && pair.some((n) => n !== 0)))
      throw fail()
    sides = [...pairs[height]!, ...pairs[width]!]
  } else sides = padding as readonly number[]
  if (sides.length !== 2 && sides.length !== 4) throw fail()
  // Equal sides are written once, as Paddle does.
  const even = sides.length === 4 && sides[0] === sides[1] && sides[2] === sides[3]
  return { paddings: even ? [sides[0]!, sides[2]!] : sides, algorithm: 'EXPLICIT' }
}
