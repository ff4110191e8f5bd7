/**
 * `fused_conv2d_add_act`, a convolution with what follows it: what Paddle's passes for inference on a GPU make of conv2d, elementwise_add and
 * an activation.
 */
import { InvalidArgumentError, UnimplementedError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  type KernelContext,
  type KernelTensor,
  type Meta,
  many,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape } from '../../tensor/shape.ts'
import { leakyRelu, relu, relu6 } from '../math/activations_piecewise.ts'
import { sigmoid, swish, tanh } from '../math/activations_smooth.ts'
import { elementwiseAdd } from '../math/elementwise.ts'
import { conv2d } from './conv.ts'
import { matchConvolution } from './conv_shape.ts'
import { type ConvActivation, channelDim, FUSED_CONV_ATTRS } from './fused_conv_shape.ts'

/** @throws InvalidArgumentError E203 unless there is one number for each filter, with other dimensions of 1. */
function checkBias({ shape }: Meta, filters: number): void {
  const sizes = shape.filter((dim) => dim !== 1)
  const count = sizes[0] ?? 1
  if (sizes.length <= 1 && (shape.length > 0 || filters < 0) && (count < 0 || filters < 0 || count === filters)) return
  throw new InvalidArgumentError(
    'E203',
    `fused_conv2d_add_act: Bias of shape ${formatShape(shape)} must hold a number for each of the ${filters} filters`,
    { where: { slot: 'Bias' }, expected: [filters], got: shape },
  )
}

function activate(name: ConvActivation, alpha: number, Out: KernelTensor, ctx: KernelContext): void {
  const [inputs, outputs] = [{ X: Out }, { Out }]
  if (name === 'relu') relu.kernels.cpu!(inputs, {}, outputs, ctx)
  else if (name === 'relu6') relu6.kernels.cpu!(inputs, { threshold: 6 }, outputs, ctx)
  else if (name === 'sigmoid') sigmoid.kernels.cpu!(inputs, {}, outputs, ctx)
  else if (name === 'tanh') tanh.kernels.cpu!(inputs, {}, outputs, ctx)
  else if (name === 'swish') swish.kernels.cpu!(inputs, { beta: 1 }, outputs, ctx)
  else leakyRelu.kernels.cpu!(inputs, { alpha }, outputs, ctx)
}

/**
 * Output = activation(conv2d(Input, Filter) + Bias + ResidualData), the bias by channel. Rounded after the convolution, after each sum and
 * after the activation, as the single operators do.
 */
export const fusedConv2dAddAct = defineOp({
  type: 'fused_conv2d_add_act',
  doc: 'conv2d, then Bias for each channel, then ResidualData element by element, then the activation.',
  source: 'paddle/phi/kernels/fusion/gpu/fused_conv2d_add_act_kernel.cu',
  differs: 'Works on the CPU, where Paddle has no kernel. Channels are not split into Outputs.',
  inputs: {
    Input: one('[N, channels, height, width], or [N, height, width, channels] with data_format NHWC.', FLOATS),
    Filter: one('[filters, channels / groups, kernel height, kernel width].', FLOATS),
    Bias: optional('[filters], perhaps with dimensions of 1.', FLOATS),
    ResidualData: optional('Shape of Output.', FLOATS),
  },
  outputs: {
    Output: one('The filters in place of the channels, one element per window, laid out as Input.'),
    Outputs: many('Nothing: the parts that split_channels would make.'),
  },
  attrs: FUSED_CONV_ATTRS,
  inferMeta({ Input, Filter, Bias, ResidualData }, attrs, ctx) {
    const { split_channels } = attrs
    if (split_channels.length > 0 || ctx.wantedCount('Outputs') > 0) {
      throw new UnimplementedError(
        'E403',
        `fused_conv2d_add_act: attr split_channels must be empty, got [${split_channels.join(', ')}]`,
        { where: { slot: 'Outputs' }, expected: [], got: split_channels },
      )
    }
    requireSameDType('fused_conv2d_add_act', { Input, Filter, Bias, ResidualData })
    const { conv, out } = matchConvolution('fused_conv2d_add_act', Input.shape, Filter.shape, attrs)
    if (Bias !== undefined) checkBias(Bias, conv.filters)
    if (ResidualData !== undefined) {
      requireShape('fused_conv2d_add_act', 'ResidualData', ResidualData, out, 'the shape of Output')
    }
    return { Output: { dtype: Input.dtype, shape: out }, Outputs: [] }
  },
  grad: 'none',
  kernels: {
    cpu({ Input, Filter, Bias, ResidualData }, attrs, { Output }, ctx) {
      conv2d.kernels.cpu!({ Input, Filter }, attrs, { Output }, ctx)
      const add = (Y: KernelTensor, axis: number): void =>
        elementwiseAdd.kernels.cpu!({ X: Output, Y }, { axis }, { Out: Output }, ctx)
      if (Bias !== undefined) add({ ...Bias, shape: [Bias.data.length] }, channelDim(attrs))
      if (ResidualData !== undefined) add(ResidualData, -1)
      if (attrs.activation !== 'identity') {
        activate(attrs.activation as ConvActivation, attrs.fuse_alpha, Output, ctx)
      }
    },
  },
})
