/** Attributes of fc, and the shapes of the product that is inside. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import type { FilledAttrs } from '../../framework/op_def.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'

/** Rows and columns that padded weights have more, as Paddle adds them where both counts are multiples of 128. */
const PADDING = 4

export const FC_ATTRS = {
  in_num_col_dims: attr.int(1, { doc: 'How many leading dimensions of Input make the rows of its matrix.' }),
  activation_type: attr.string('', { doc: 'relu, or nothing.', check: oneOf('', 'relu') }),
  padding_weights: attr.bool(false, {
    doc: `W has ${PADDING} more rows and columns, which are not read: Paddle's fc_fuse_pass pads large weights.`,
  }),
}
export type FcAttrs = FilledAttrs<typeof FC_ATTRS>

/** The product that is inside: Input as [m, k], the part of W that is read [k, n], and the elements from one row of W to the next. */
export interface FcProduct {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly weightRow: number
}

export function fcProduct(input: Shape, w: Shape, { in_num_col_dims, padding_weights }: FcAttrs): FcProduct {
  const [rows, columns] = matrixOf(w, padding_weights)
  return { m: product(input, 0, in_num_col_dims), n: columns, k: rows, weightRow: w[1]! }
}

const matrixOf = (w: Shape, isPadded: boolean): readonly [rows: number, columns: number] => {
  const size = (dim: number): number => (isPadded && dim >= 0 ? dim - PADDING : dim)
  return [size(w[0]!), size(w[1]!)]
}

/** The shape of Out. @throws InvalidArgumentError E202 (in_num_col_dims), E203 (shapes). */
export function fcOutShape(input: Shape, given: Shape, bias: Shape | undefined, attrs: FcAttrs, atRun: boolean): Shape {
  const { in_num_col_dims, padding_weights } = attrs
  // Of weights that it pads Paddle's pass does not say the shape.
  const w = padding_weights && given.length === 0 && !atRun ? [-1, -1] : given
  const fail = (slot: string, shape: Shape, rule: string): InvalidArgumentError =>
    new InvalidArgumentError('E203', `fc: ${slot} of shape ${formatShape(shape)} ${rule}`, {
      where: { slot },
      got: shape,
    })
  const least = padding_weights ? PADDING + 1 : 0
  if (w.length !== 2) throw fail('W', w, 'must be a matrix')
  if (w.some((dim) => dim >= 0 && dim < least))
    throw fail('W', w, `must have at least ${least} rows and columns, padded`)
  if (in_num_col_dims < 1 || in_num_col_dims >= input.length) {
    const range = input.length < 2 ? 'is not possible' : `must be in [1, ${input.length - 1}]`
    throw new InvalidArgumentError(
      'E202',
      `fc: attr in_num_col_dims ${range} for Input of shape ${formatShape(input)}, got ${in_num_col_dims}`,
      { where: { slot: 'Input' }, expected: [1, input.length - 1], got: in_num_col_dims },
    )
  }
  const [rows, columns] = matrixOf(w, padding_weights)
  const inner = input.slice(in_num_col_dims)
  const isKnown = inner.every((dim) => dim >= 0) && rows >= 0
  if (isKnown && product(inner) !== rows) {
    throw fail('Input', input, `has ${product(inner)} columns but W of shape ${formatShape(w)} has ${rows} rows`)
  }
  if (bias !== undefined) {
    const isRow = bias.length === 1 || (bias.length === 2 && Math.abs(bias[0]!) === 1)
    const count = bias.at(-1)!
    if (!isRow || (count >= 0 && columns >= 0 && count !== columns)) {
      throw fail('Bias', bias, `must be [${columns}] or [1, ${columns}]`)
    }
  }
  return [...input.slice(0, in_num_col_dims), columns < 0 ? (bias?.at(-1) ?? -1) : columns]
}
