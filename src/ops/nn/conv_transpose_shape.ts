/** Attributes and shapes of transposed convolutions, shared by kernels and lowerings. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import type { FilledAttrs } from '../../framework/op_def.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import {
  type Convolution,
  isChannelLast,
  PADDING_ALGORITHMS,
  planesOf,
  requireNumbers,
  resolvePaddings,
  type Span,
  shapeOf,
  windowCount,
} from './window.ts'

export const TRANSPOSE_ATTRS = {
  strides: attr.ints([1, 1], { doc: 'Distance of the windows in Output: height, width.' }),
  paddings: attr.ints([0, 0], { doc: 'Cut off from Output: [height, width] or [top, bottom, left, right].' }),
  output_padding: attr.ints([], { doc: 'Added to the height and width of Output; below the stride.' }),
  output_size: attr.ints([], { doc: 'Height and width of Output, in place of output_padding.' }),
  padding_algorithm: attr.string('EXPLICIT', {
    doc: 'EXPLICIT takes paddings; SAME those of conv2d over Input, with dilations 1; VALID cuts nothing.',
    check: oneOf(...PADDING_ALGORITHMS),
  }),
  groups: attr.int(1, { doc: 'Channels of Input and Output are cut into as many groups that do not mix.' }),
  dilations: attr.ints([1, 1], { doc: 'Distance of the elements of a window: height, width.' }),
  data_format: attr.string('NCHW', {
    doc: 'Layout of Input and Output. AnyLayout is NCHW.',
    check: oneOf('NCHW', 'NHWC', 'AnyLayout'),
  }),
  is_test: attr.bool(false, { extra: true, doc: 'Has no effect.' }),
}
export type TransposeAttrs = FilledAttrs<typeof TRANSPOSE_ATTRS>

/**
 * The convolution of which this is the input gradient (Output is its large side), and the shape of Output.
 * @throws InvalidArgumentError E203 for shapes, E201 for attributes that do not fit them.
 */
export function matchTransposed(
  TYPE: string,
  dims: 2 | 3,
  input: Shape,
  filter: Shape,
  attrs: TransposeAttrs,
): { conv: Convolution; out: Shape } {
  const fail = (why: string): InvalidArgumentError =>
    new InvalidArgumentError(
      'E203',
      `${TYPE}: Input of shape ${formatShape(input)} and Filter of shape ${formatShape(filter)}: ${why}`,
      { got: { Input: input, Filter: filter, attrs } },
    )
  if (input.length !== dims + 2 || filter.length !== dims + 2) throw fail(`both must have rank ${dims + 2}`)
  const { strides, paddings, padding_algorithm, groups, output_padding, output_size } = attrs
  requireNumbers(TYPE, 'strides', strides, dims, 1)
  requireNumbers(TYPE, 'dilations', attrs.dilations, dims, 1)
  if (output_size.length > 0) requireNumbers(TYPE, 'output_size', output_size, dims, 1)
  if (output_padding.length > 0) requireNumbers(TYPE, 'output_padding', output_padding, dims, 0)
  const dilations = padding_algorithm === 'SAME' ? [1, 1, 1] : attrs.dilations
  const channelLast = isChannelLast(attrs.data_format)
  const { batch, channels: filters, sizes: counts } = planesOf(input, channelLast)
  const [filterChannels, perGroup, ...kernels] = filter as readonly [number, number, ...number[]]
  if (groups < 1) throw fail(`groups must be at least 1, got ${groups}`)
  if (filters >= 0 && filterChannels >= 0 && filters !== filterChannels) {
    throw fail(`Input has ${filters} channels, Filter ${filterChannels}`)
  }
  if (filterChannels >= 0 && filterChannels % groups !== 0) {
    throw fail(`${filterChannels} channels cannot be cut into ${groups} groups`)
  }
  const cut = resolvePaddings(TYPE, paddings, padding_algorithm, counts, kernels, strides)
  const spans = counts.map((out, i): Span => {
    const [before, after] = cut[i]!
    const [kernel, stride, dilation] = [kernels[i]!, strides[i]!, dilations[i]!]
    const span = { kernel, stride, dilation, before, after, out }
    if (out < 0 || kernel < 0) return { ...span, size: -1 }
    if (out === 0) throw fail('the planes of Input are empty')
    const least = (out - 1) * stride - before - after + dilation * (kernel - 1) + 1
    const size = output_size[i] ?? least + (output_padding[i] ?? 0)
    // As many windows must fit into Output as Input has elements; otherwise its last rows would belong to none.
    if (size < 1 || size < least || windowCount(size, kernel, stride, dilation, before + after) !== out) {
      const wanted = `from ${Math.max(least, 1)} to ${least + stride - 1}`
      throw fail(`dimension ${i} of the planes of Output would be ${size}, it can be ${wanted}`)
    }
    return { ...span, size }
  })
  const [width, height, depth] = spans.toReversed() as [Span, Span, Span?]
  const channels = perGroup < 0 ? -1 : perGroup * groups
  const sizes = spans.map(({ size }, i) => (size < 0 ? (output_size[i] ?? -1) : size))
  return {
    conv: { batch, groups, channels, filters, depth, height, width },
    out: shapeOf({ batch, channels, sizes }, channelLast),
  }
}
