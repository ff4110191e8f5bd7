/** Floating-point operations of matrix products and convolutions, a multiplication and an addition counted as two. */
import type { AttrValue } from '../framework/attr_value.ts'
import { numel, product, type Shape } from '../tensor/shape.ts'

type Attrs = Readonly<Record<string, AttrValue>>

interface Product {
  /** The operands, whose gradients cost as much as the product each. */
  readonly operands: readonly string[]
  readonly result: string
  /** Products that are added up for one element of the result. */
  readonly depth: (operands: readonly Shape[], attrs: Attrs) => number
}

const matrix = (transposed: string): Product => ({
  operands: ['X', 'Y'],
  result: 'Out',
  depth: ([x], attrs) => x![Math.max(0, x!.length - (attrs[transposed] === true && x!.length > 1 ? 2 : 1))] ?? 1,
})

const convolution: Product = {
  operands: ['Input', 'Filter'],
  result: 'Output',
  depth: ([, filter]) => product(filter!, 1),
}

const PRODUCTS: Readonly<Record<string, Product>> = {
  matmul: matrix('transpose_X'),
  matmul_v2: matrix('trans_x'),
  bmm: matrix('none'),
  mul: {
    operands: ['X', 'Y'],
    result: 'Out',
    depth: ([, y], attrs) => product(y!, 0, attrs['y_num_col_dims'] as number),
  },
  fc: {
    operands: ['Input', 'W'],
    result: 'Out',
    depth: ([input], attrs) => product(input!, attrs['in_num_col_dims'] as number),
  },
  conv2d: convolution,
  depthwise_conv2d: convolution,
  fused_conv2d_add_act: convolution,
}

/**
 * Operations of one run of an operator, undefined for those that are no products. Of a gradient operator it is the product once for each
 * gradient that it makes.
 * @param shapes of the first tensor of each slot, inputs and outputs.
 */
export function flopsOf(
  type: string,
  attrs: Attrs,
  shapes: Readonly<Record<string, Shape | undefined>>,
): number | undefined {
  const forward = Object.hasOwn(PRODUCTS, type) ? PRODUCTS[type] : undefined
  const backward = type.endsWith('_grad') ? PRODUCTS[type.slice(0, -5)] : undefined
  const entry = forward ?? backward
  const operands = entry?.operands.map((slot) => shapes[slot])
  const result = entry === undefined ? undefined : shapes[forward === undefined ? `${entry.result}@GRAD` : entry.result]
  if (entry === undefined || result === undefined || operands!.includes(undefined)) return undefined
  const times = forward === undefined ? entry.operands.filter((slot) => shapes[`${slot}@GRAD`] !== undefined).length : 1
  return 2 * times * numel(result) * entry.depth(operands as Shape[], attrs)
}
