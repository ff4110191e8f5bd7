/** conv2d, depthwise_conv2d and conv3d with their gradients: shapes are in conv_shape.ts, the arithmetic is in convolution.ts. */
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
import { CONV_ATTRS, CONV3D_ATTRS, type ConvAttrs, matchConvolution } from './conv_shape.ts'
import { convolve, convolveBack, convolveFilterGrad } from './convolution.ts'
import { channelFirst, isChannelLast, storePlanes } from './window.ts'

type ConvSlots = { readonly Input: ReturnType<typeof one>; readonly Filter: ReturnType<typeof one> }
type OutSlots = { readonly Output: ReturnType<typeof one> }

function convolution<const A extends typeof CONV_ATTRS | typeof CONV3D_ATTRS>(
  type: string,
  convAttrs: A,
  dims: 2 | 3,
  doc: string,
): [OpDef<ConvSlots, OutSlots, A>, AnyOpDef] {
  const source = 'paddle/phi/kernels/impl/conv_kernel_impl.h'
  const inputs = {
    Input: one(
      dims === 2
        ? '[N, channels, height, width], or [N, height, width, channels] with data_format NHWC.'
        : '[N, channels, depth, height, width], or the channels last with data_format NDHWC.',
      FLOATS,
    ),
    Filter: one(
      `[filters, channels / groups, ${dims === 3 ? 'kernel depth, ' : ''}kernel height, kernel width].`,
      FLOATS,
    ),
  }
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: windows of Output@GRAD spread back over Input and summed up for Filter.`,
    source: 'paddle/phi/kernels/impl/conv_grad_kernel_impl.h',
    inputs: { ...inputs, 'Output@GRAD': one('Gradient of Output.', FLOATS) },
    outputs: { 'Input@GRAD': optional('Gradient of Input.'), 'Filter@GRAD': optional('Gradient of Filter.') },
    attrs: convAttrs,
    inferMeta({ Input, Filter, 'Output@GRAD': dOutput }, attrs) {
      requireSameDType(`${type}_grad`, { Input, Filter, 'Output@GRAD': dOutput })
      const { out } = matchConvolution(type, Input.shape, Filter.shape, attrs as ConvAttrs, dims)
      requireShape(`${type}_grad`, 'Output@GRAD', dOutput, out, 'the shape of Output')
      return { 'Input@GRAD': Input, 'Filter@GRAD': Filter }
    },
    grad: 'unregistered',
    kernels: {
      cpu({ Input, Filter, 'Output@GRAD': dOutput }, attrs, { 'Input@GRAD': dInput, 'Filter@GRAD': dFilter }) {
        const { conv } = matchConvolution(type, Input.shape, Filter.shape, attrs as ConvAttrs, dims)
        const channelLast = isChannelLast((attrs as ConvAttrs).data_format)
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
    differs: DIFFERS,
    inputs,
    outputs: { Output: one('The filters in place of the channels, one element per window, laid out as Input.') },
    attrs: convAttrs,
    inferMeta({ Input, Filter }, attrs): { Output: Meta } {
      requireSameDType(type, { Input, Filter })
      return {
        Output: {
          dtype: Input.dtype,
          shape: matchConvolution(type, Input.shape, Filter.shape, attrs as ConvAttrs, dims).out,
        },
      }
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
        const { conv } = matchConvolution(type, Input.shape, Filter.shape, attrs as ConvAttrs, dims)
        const channelLast = isChannelLast((attrs as ConvAttrs).data_format)
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
  CONV_ATTRS,
  2,
  'Slides each filter over the planes of Input: the sum of products of the filter and the window under it.',
)

export const [depthwiseConv2d, depthwiseConv2dGrad] = convolution(
  'depthwise_conv2d',
  CONV_ATTRS,
  2,
  'conv2d for groups = channels: each filter sees one channel. Other numbers of groups work as in conv2d.',
)

export const [conv3d, conv3dGrad] = convolution(
  'conv3d',
  CONV3D_ATTRS,
  3,
  'Slides each filter over the volumes of Input: the sum of products of the filter and the window under it.',
)
