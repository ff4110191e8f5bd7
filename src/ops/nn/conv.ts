/** conv2d and depthwise_conv2d with their gradients: definitions and shapes; the arithmetic is in convolution.ts. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  type AnyOpDef,
  defineOp,
  describeOp,
  type FilledAttrs,
  type Meta,
  type OpDef,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import { convolve, convolveBack, convolveFilterGrad } from './convolution.ts'
import {
  type Convolution,
  channelFirst,
  isChannelLast,
  PADDING_ALGORITHMS,
  planesOf,
  requireNumbers,
  resolvePaddings,
  type Span,
  shapeOf,
  storePlanes,
  windowCount,
} from './window.ts'

const ATTRS = {
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
export type ConvAttrs = FilledAttrs<typeof ATTRS>

/**
 * How the windows of a filter lie over the planes of Input, and the shape of Output.
 * @throws InvalidArgumentError E203 for shapes, E201 for attributes that do not fit them.
 */
export function matchConvolution(
  opType: string,
  input: Shape,
  filter: Shape,
  attrs: ConvAttrs,
): { conv: Convolution; out: Shape } {
  const fail = (why: string): InvalidArgumentError =>
    new InvalidArgumentError(
      'E203',
      `${opType}: Input of shape ${formatShape(input)} and Filter of shape ${formatShape(filter)}: ${why}`,
      { got: { Input: input, Filter: filter, attrs } },
    )
  if (input.length !== 4 || filter.length !== 4) throw fail('both must have rank 4')
  if (input.some((dim) => dim === 0) || filter.some((dim) => dim === 0)) throw fail('no dimension may be 0')
  const { strides, paddings, padding_algorithm, groups } = attrs
  requireNumbers(opType, 'strides', strides, 2, 1)
  requireNumbers(opType, 'dilations', attrs.dilations, 2, 1)
  const dilations = padding_algorithm === 'SAME' ? [1, 1] : attrs.dilations
  const channelLast = isChannelLast(attrs.data_format)
  const { batch, channels, sizes } = planesOf(input, channelLast)
  const [filters, perGroup, ...kernels] = filter as readonly [number, number, number, number]
  if (groups < 1) throw fail(`groups must be at least 1, got ${groups}`)
  if (channels >= 0 && perGroup >= 0 && channels !== perGroup * groups) {
    throw fail(`${channels} channels are not ${groups} groups of ${perGroup}`)
  }
  if (filters >= 0 && filters % groups !== 0) throw fail(`${filters} filters cannot be cut into ${groups} groups`)
  const padded = resolvePaddings(opType, paddings, padding_algorithm, sizes, kernels, strides)
  const [height, width] = sizes.map((size, i): Span => {
    const [before, after] = padded[i]!
    const [kernel, stride, dilation] = [kernels[i]!, strides[i]!, dilations[i]!]
    const out = windowCount(size, kernel, stride, dilation, before + after)
    if (size >= 0 && kernel >= 0 && out < 1) throw fail('a window is larger than the padded input')
    return { size, kernel, stride, dilation, before, after, out: kernel < 0 ? -1 : out }
  }) as [Span, Span]
  return {
    conv: { batch, groups, channels, filters, height, width },
    out: shapeOf({ batch, channels: filters, sizes: [height.out, width.out] }, channelLast),
  }
}

type ConvSlots = { readonly Input: ReturnType<typeof one>; readonly Filter: ReturnType<typeof one> }
type OutSlots = { readonly Output: ReturnType<typeof one> }

function convolution(type: string, doc: string, differs: string): [OpDef<ConvSlots, OutSlots, typeof ATTRS>, AnyOpDef] {
  const source = 'paddle/phi/kernels/impl/conv_kernel_impl.h'
  const inputs = {
    Input: one('[N, channels, height, width], or [N, height, width, channels] with data_format NHWC.', FLOATS),
    Filter: one('[filters, channels / groups, kernel height, kernel width].', FLOATS),
  }
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: windows of Output@GRAD spread back over Input and summed up for Filter.`,
    source: 'paddle/phi/kernels/impl/conv_grad_kernel_impl.h',
    inputs: { ...inputs, 'Output@GRAD': one('Gradient of Output.', FLOATS) },
    outputs: { 'Input@GRAD': optional('Gradient of Input.'), 'Filter@GRAD': optional('Gradient of Filter.') },
    attrs: ATTRS,
    inferMeta({ Input, Filter, 'Output@GRAD': dOutput }, attrs) {
      requireSameDType(`${type}_grad`, { Input, Filter, 'Output@GRAD': dOutput })
      const { out } = matchConvolution(type, Input.shape, Filter.shape, attrs)
      requireShape(`${type}_grad`, 'Output@GRAD', dOutput, out, 'the shape of Output')
      return { 'Input@GRAD': Input, 'Filter@GRAD': Filter }
    },
    grad: 'unregistered',
    kernels: {
      cpu({ Input, Filter, 'Output@GRAD': dOutput }, attrs, { 'Input@GRAD': dInput, 'Filter@GRAD': dFilter }) {
        const { conv } = matchConvolution(type, Input.shape, Filter.shape, attrs)
        const channelLast = isChannelLast(attrs.data_format)
        const small = channelFirst(dOutput, channelLast)
        if (dInput !== undefined) {
          storePlanes(dInput, channelLast, (planes) => convolveBack(conv, small, Filter.data, planes))
        }
        if (dFilter !== undefined) convolveFilterGrad(conv, channelFirst(Input, channelLast), small, dFilter.data)
      },
    },
  })
  const def = defineOp({
    type,
    doc,
    source,
    differs,
    inputs,
    outputs: { Output: one('[N, filters, out height, out width], laid out as Input.') },
    attrs: ATTRS,
    inferMeta({ Input, Filter }, attrs): { Output: Meta } {
      requireSameDType(type, { Input, Filter })
      return { Output: { dtype: Input.dtype, shape: matchConvolution(type, Input.shape, Filter.shape, attrs).out } }
    },
    grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: { Input: inputs.Input, Filter: inputs.Filter, 'Output@GRAD': outputGrads.Output },
        outputs: { 'Input@GRAD': inputGrads.Input, 'Filter@GRAD': inputGrads.Filter },
        attrs: 'copied',
      }),
    ],
    kernels: {
      cpu({ Input, Filter }, attrs, { Output }) {
        const { conv } = matchConvolution(type, Input.shape, Filter.shape, attrs)
        const channelLast = isChannelLast(attrs.data_format)
        const large = channelFirst(Input, channelLast)
        storePlanes(Output, channelLast, (planes) => convolve(conv, large, Filter.data, planes))
      },
    },
  })
  return [def, gradDef]
}

const DIFFERS =
  'A window larger than the padded input, an unknown padding_algorithm and an unknown data_format are refused; Paddle gives an empty result or ignores them.'

export const [conv2d, conv2dGrad] = convolution(
  'conv2d',
  'Slides each filter over the planes of Input: the sum of products of the filter and the window under it.',
  DIFFERS,
)

export const [depthwiseConv2d, depthwiseConv2dGrad] = convolution(
  'depthwise_conv2d',
  'conv2d for groups = channels: each filter sees one channel. Other numbers of groups work as in conv2d.',
  DIFFERS,
)
