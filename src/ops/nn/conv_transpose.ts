/**
 * conv2d_transpose, depthwise_conv2d_transpose and conv3d_transpose with their gradients: the gradient of a convolution's input as an operator
 * of its own. The arithmetic is in convolution.ts.
 */
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  type AnyOpDef,
  defineOp,
  describeOp,
  type Meta,
  type OpDef,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { matchTransposed, TRANSPOSE_ATTRS, type TransposeAttrs } from './conv_transpose_shape.ts'
import { convolve, convolveBack, convolveFilterGrad } from './convolution.ts'
import { channelFirst, isChannelLast, storePlanes } from './window.ts'

const { is_test: _, ...PLAIN } = TRANSPOSE_ATTRS
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

type Slots = {
  readonly Input: ReturnType<typeof one>
  readonly Filter: ReturnType<typeof one>
  readonly Bias: ReturnType<typeof optional>
}
type OutSlots = { readonly Output: ReturnType<typeof one> }

/** @param bias whether there is a slot Bias, which Paddle declares for two of the three. */
function transposedConvolution<const A extends typeof TRANSPOSE_ATTRS | typeof ATTRS_3D>(
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
  TRANSPOSE_ATTRS,
  2,
  true,
  'Spreads every element of Input, times the filter, over a window of Output: the gradient of conv2d as an operator.',
)

export const [depthwiseConv2dTranspose, depthwiseConv2dTransposeGrad] = transposedConvolution(
  'depthwise_conv2d_transpose',
  TRANSPOSE_ATTRS,
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
