/**
 * conv2d_transpose, depthwise_conv2d_transpose and conv3d_transpose with their gradients: the gradient of a convolution's input as an operator
 * of its own. The arithmetic is in convolution.ts.
 */
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
export type TransposeAttrs = FilledAttrs<typeof ATTRS>

const { is_test: _, ...PLAIN } = ATTRS
const ATTRS_3D = {
  ...PLAIN,
  strides: attr.ints([1, 1, 1], { doc: 'Distance of the windows in Output: depth, height, width.' }),
  paddings: attr.ints([0, 0, 0], { doc: 'Cut off from Output: one number per dimension, or two: before, after.' }),
  dilations: attr.ints([1, 1, 1], { doc: 'Distance of the elements of a window: depth, height, width.' }),
  data_format: attr.string('NCHW', {
    doc: 'Layout of Input and Output: NHWC has the channels last, as Paddle calls it for volumes, too. NDHWC, which Paddle takes for channels first, is refused.',
    check: oneOf('NCHW', 'NCDHW', 'NHWC', 'AnyLayout'),
  }),
}

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

type Slots = {
  readonly Input: ReturnType<typeof one>
  readonly Filter: ReturnType<typeof one>
  readonly Bias: ReturnType<typeof optional>
}
type OutSlots = { readonly Output: ReturnType<typeof one> }

/** @param bias whether there is a slot Bias, which Paddle declares for two of the three. */
function transposedConvolution<const A extends typeof ATTRS | typeof ATTRS_3D>(
  type: string,
  opAttrs: A,
  dims: 2 | 3,
  bias: boolean,
  doc: string,
): [OpDef<Slots, OutSlots, A>, AnyOpDef] {
  const inputs = {
    Input: one(
      dims === 2
        ? '[N, channels, height, width], or [N, height, width, channels] with data_format NHWC.'
        : '[N, channels, depth, height, width], or the channels last with data_format NHWC.',
      FLOATS,
    ),
    Filter: one(
      `[channels, out channels / groups, ${dims === 3 ? 'kernel depth, ' : ''}kernel height, kernel width].`,
      FLOATS,
    ),
    ...((bias ? { Bias: optional('Has no effect.') } : {}) as { readonly Bias: ReturnType<typeof optional> }),
  }
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: the convolution of Output@GRAD for Input, and the sums of products for Filter.`,
    source: 'paddle/phi/kernels/impl/conv_transpose_grad_kernel_impl.h',
    inputs: { ...inputs, 'Output@GRAD': one('Gradient of Output.', FLOATS) },
    outputs: { 'Input@GRAD': optional('Gradient of Input.'), 'Filter@GRAD': optional('Gradient of Filter.') },
    attrs: opAttrs,
    inferMeta({ Input, Filter, 'Output@GRAD': dOutput }, attrs) {
      requireSameDType(`${type}_grad`, { Input, Filter, 'Output@GRAD': dOutput })
      const { out } = matchTransposed(type, dims, Input.shape, Filter.shape, attrs as TransposeAttrs)
      requireShape(`${type}_grad`, 'Output@GRAD', dOutput, out, 'the shape of Output')
      return { 'Input@GRAD': Input, 'Filter@GRAD': Filter }
    },
    grad: 'unregistered',
    kernels: {
      cpu({ Input, Filter, 'Output@GRAD': dOutput }, attrs, { 'Input@GRAD': dInput, 'Filter@GRAD': dFilter }) {
        const { conv } = matchTransposed(type, dims, Input.shape, Filter.shape, attrs as TransposeAttrs)
        const channelLast = isChannelLast((attrs as TransposeAttrs).data_format)
        const large = channelFirst(dOutput, channelLast)
        if (dInput !== undefined) {
          storePlanes(dInput, channelLast, (planes) => convolve(conv, large, Filter.data, planes))
        }
        if (dFilter !== undefined) convolveFilterGrad(conv, large, channelFirst(Input, channelLast), dFilter.data)
      },
    },
  })
  const def = defineOp({
    type,
    doc,
    source: 'paddle/phi/kernels/impl/conv_transpose_kernel_impl.h',
    differs:
      'With channels last and paddings Paddle gets both gradients wrong; here they are right. Groups that do not divide the channels, dilations of 0, an unknown padding_algorithm and an unknown data_format are refused.',
    inputs,
    outputs: { Output: one('The out channels and larger planes, laid out as Input.') },
    attrs: opAttrs,
    inferMeta({ Input, Filter }, attrs): { Output: Meta } {
      requireSameDType(type, { Input, Filter })
      const { out } = matchTransposed(type, dims, Input.shape, Filter.shape, attrs as TransposeAttrs)
      return { Output: { dtype: Input.dtype, shape: out } }
    },
    grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: {
          Input: inputs.Input,
          Filter: inputs.Filter,
          ...((bias ? { Bias: inputs.Bias } : {}) as { readonly Bias: string | undefined }),
          'Output@GRAD': outputGrads.Output,
        },
        outputs: { 'Input@GRAD': inputGrads.Input, 'Filter@GRAD': inputGrads.Filter },
        attrs: 'copied',
      }),
    ],
    kernels: {
      cpu({ Input, Filter }, attrs, { Output }) {
        const { conv } = matchTransposed(type, dims, Input.shape, Filter.shape, attrs as TransposeAttrs)
        const channelLast = isChannelLast((attrs as TransposeAttrs).data_format)
        const small = channelFirst(Input, channelLast)
        storePlanes(Output, channelLast, (planes) => convolveBack(conv, small, Filter.data, planes))
      },
    },
  })
  return [def, gradDef]
}

export const [conv2dTranspose, conv2dTransposeGrad] = transposedConvolution(
  'conv2d_transpose',
  ATTRS,
  2,
  true,
  'Spreads every element of Input, times the filter, over a window of Output: the gradient of conv2d as an operator.',
)

export const [depthwiseConv2dTranspose, depthwiseConv2dTransposeGrad] = transposedConvolution(
  'depthwise_conv2d_transpose',
  ATTRS,
  2,
  true,
  'conv2d_transpose for groups = channels. Other numbers of groups work as in conv2d_transpose.',
)

export const [conv3dTranspose, conv3dTransposeGrad] = transposedConvolution(
  'conv3d_transpose',
  ATTRS_3D,
  3,
  false,
  'Spreads every element of Input, times the filter, over a window of Output: the gradient of conv3d as an operator.',
)
