/** Attributes of convolutions, and how the windows of a filter lie over the planes of an input. */
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

export const CONV_ATTRS = {
  strides: attr.ints([1, 1], { doc: 'Steps of the window: height, width.' }),
  paddings: attr.ints([0, 0], { doc: 'Zeros around the planes: [height, width] or [top, bottom, left, right].' }),
  padding_algorithm: attr.string('EXPLICIT', {
    doc: 'EXPLICIT takes paddings; SAME makes ceil(size / stride) windows and sets dilations to 1; VALID pads nothing.',
    check: oneOf(...PADDING_ALGORITHMS),
  }),
  dilations: attr.ints([1, 1], { doc: 'Distance of the elements of a window: height, width.' }),
  groups: attr.int(1, { doc: 'Channels and filters are cut into as many groups that do not mix.' }),
  data_format: attr.string('NCHW', {
    doc: 'Layout of Input and Output; Filter is [filters, channels, height, width] with all of them. AnyLayout is NCHW.',
    check: oneOf('NCHW', 'NHWC', 'AnyLayout'),
  }),
  is_test: attr.bool(false, { extra: true, doc: 'Has no effect.' }),
}
export type ConvAttrs = FilledAttrs<typeof CONV_ATTRS>

export const CONV3D_ATTRS = {
  ...CONV_ATTRS,
  strides: attr.ints([1, 1, 1], { doc: 'Steps of the window: depth, height, width.' }),
  paddings: attr.ints([0, 0, 0], { doc: 'Zeros around the volumes: one number per dimension, or two: before, after.' }),
  dilations: attr.ints([1, 1, 1], { doc: 'Distance of the elements of a window: depth, height, width.' }),
  data_format: attr.string('NCDHW', {
    doc: 'Layout of Input and Output; Filter is [filters, channels, depth, height, width] with all of them. AnyLayout is NCDHW.',
    check: oneOf('NCDHW', 'NDHWC', 'AnyLayout'),
  }),
}

/**
 * How the windows of a filter lie over the planes of Input, or with `dims` 3 over its volumes, and the shape of Output.
 * @throws InvalidArgumentError E203 for shapes, E201 for attributes that do not fit them.
 */
export function matchConvolution(
  opType: string,
  input: Shape,
  filter: Shape,
  attrs: ConvAttrs,
  dims: 2 | 3 = 2,
): { conv: Convolution; out: Shape } {
  const fail = (why: string): InvalidArgumentError =>
    new InvalidArgumentError(
      'E203',
      `${opType}: Input of shape ${formatShape(input)} and Filter of shape ${formatShape(filter)}: ${why}`,
      { got: { Input: input, Filter: filter, attrs } },
    )
  if (input.length !== dims + 2 || filter.length !== dims + 2) throw fail(`both must have rank ${dims + 2}`)
  if (input.some((dim) => dim === 0) || filter.some((dim) => dim === 0)) throw fail('no dimension may be 0')
  const { strides, paddings, padding_algorithm, groups } = attrs
  requireNumbers(opType, 'strides', strides, dims, 1)
  requireNumbers(opType, 'dilations', attrs.dilations, dims, 1)
  const dilations = padding_algorithm === 'SAME' ? [1, 1, 1] : attrs.dilations
  const channelLast = isChannelLast(attrs.data_format)
  const { batch, channels, sizes } = planesOf(input, channelLast)
  const [filters, perGroup, ...kernels] = filter as readonly [number, number, ...number[]]
  if (groups < 1) throw fail(`groups must be at least 1, got ${groups}`)
  if (channels >= 0 && perGroup >= 0 && channels !== perGroup * groups) {
    throw fail(`${channels} channels are not ${groups} groups of ${perGroup}`)
  }
  if (filters >= 0 && filters % groups !== 0) throw fail(`${filters} filters cannot be cut into ${groups} groups`)
  const padded = resolvePaddings(opType, paddings, padding_algorithm, sizes, kernels, strides)
  const spans = sizes.map((size, i): Span => {
    const [before, after] = padded[i]!
    const [kernel, stride, dilation] = [kernels[i]!, strides[i]!, dilations[i]!]
    const out = windowCount(size, kernel, stride, dilation, before + after)
    if (size >= 0 && kernel >= 0 && out < 1) throw fail('a window is larger than the padded input')
    return { size, kernel, stride, dilation, before, after, out: kernel < 0 ? -1 : out }
  })
  const [width, height, depth] = spans.toReversed() as [Span, Span, Span?]
  return {
    conv: { batch, groups, channels, filters, depth, height, width },
    out: shapeOf({ batch, channels: filters, sizes: spans.map(({ out }) => out) }, channelLast),
  }
}
