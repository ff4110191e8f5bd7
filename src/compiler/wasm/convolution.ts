/**
 * Lowerings of conv2d, depthwise_conv2d and their transposed forms with their gradients, and of fused_conv2d_add_act: which of three routes a
 * convolution takes.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { type ConvAttrs, matchConvolution } from '../../ops/nn/conv_shape.ts'
import { matchTransposed, type TransposeAttrs } from '../../ops/nn/conv_transpose_shape.ts'
import type { FusedConvAttrs } from '../../ops/nn/fused_conv_shape.ts'
import type { Convolution } from '../../ops/nn/window.ts'
import { activations } from './activations.ts'
import { channelLast } from './channel_last.ts'
import { columnsKernel } from './columns.ts'
import { columnsFilterGradKernel, columnsInputGradKernel } from './columns_grad.ts'
import { depthwiseKernel } from './depthwise.ts'
import { depthwiseFilterGradKernel, depthwiseInputGradKernel } from './depthwise_grad.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import type { Kernel } from './ir.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, spread, whole } from './op_reader.ts'
import { pointwiseFilterGradKernel, pointwiseInputGradKernel, pointwiseKernel } from './pointwise.ts'

const convolutionOf = (op: OpReader, input: PlannedTensor, filter: PlannedTensor): Convolution =>
  matchConvolution(op.type, input.shape, filter.shape, op.attrs as unknown as ConvAttrs).conv

/** True where the columns of windows are the planes themselves. */
const isPointwise = ({ groups, height, width }: Convolution): boolean =>
  groups === 1 &&
  [height, width].every(({ kernel, stride, before, after }) => kernel * stride === 1 && before === 0 && after === 0)

/** The convolution itself. */
function convolve(conv: Convolution, input: PlannedTensor, filter: PlannedTensor, output: PlannedTensor): Kernel {
  if (isPointwise(conv)) return pointwiseKernel(conv, input, filter, output)
  if (conv.channels === conv.groups) return depthwiseKernel(conv, input, filter, output)
  return columnsKernel(conv, input, filter, output)
}

/** Beyond these the code of the direct gradients, which grows with both, would be long. */
const MAX_TAPS = 1024
const MAX_PHASES = 64

/** Filters of one channel each, one for each channel, and none of unusual size. */
const isDepthwise = ({ groups, channels, filters, height, width }: Convolution): boolean =>
  channels === groups &&
  filters === groups &&
  height.kernel * width.kernel <= MAX_TAPS &&
  height.stride * width.stride <= MAX_PHASES

/** The kernels of its gradients. */
const gradientsOf = (conv: Convolution) =>
  isPointwise(conv)
    ? { filter: pointwiseFilterGradKernel, input: pointwiseInputGradKernel }
    : isDepthwise(conv)
      ? { filter: depthwiseFilterGradKernel, input: depthwiseInputGradKernel }
      : { filter: columnsFilterGradKernel, input: columnsInputGradKernel }

const forward: Lowering = (op) => {
  const [Input, Filter, Output] = [op.input('Input'), op.input('Filter'), op.output('Output')]
  if (!op.isFloat32() || !Input || !Filter || !Output) return undefined
  return [convolve(convolutionOf(op, Input, Filter), Input, Filter, Output)]
}

/** The convolution, and at its end what follows: sums and activation are a loop over the result, which joins it. */
const fused: Lowering = (op) => {
  const list = forward(op)
  const [Bias, Residual, Output] = [op.input('Bias'), op.input('ResidualData'), op.output('Output')]
  if (list === undefined || Output === undefined) return undefined
  const { activation, fuse_alpha } = op.attrs as unknown as FusedConvAttrs
  if (Bias === undefined && Residual === undefined && activation === 'identity') return list
  let value = whole(Output)
  if (Bias !== undefined) value = e.add(value, spread(Bias, [1, Output.shape[1]!, 1, 1]))
  if (Residual !== undefined) value = e.add(value, whole(Residual))
  if (activation !== 'identity') value = activations[activation]!.value(value, () => fuse_alpha)
  return [...list, loop(Output.shape, { target: Output, value })]
}

const backward: Lowering = (op) => {
  const [Input, Filter, dOutput] = [op.input('Input'), op.input('Filter'), op.input('Output@GRAD')]
  if (!op.isFloat32() || !Input || !Filter || !dOutput) return undefined
  const conv = convolutionOf(op, Input, Filter)
  const gradients = gradientsOf(conv)
  const [dFilter, dInput] = [op.output('Filter@GRAD'), op.output('Input@GRAD')]
  // The input's gradient comes last: what follows in a program reads it, and may be joined.
  const pieces: Kernel[] = []
  if (dFilter !== undefined) pieces.push(gradients.filter(conv, Input, dOutput, dFilter))
  if (dInput !== undefined) pieces.push(gradients.input(conv, dOutput, Filter, dInput))
  return pieces
}

/** The convolution whose input gradient a transposed one is: its small side is Input. */
const transposedOf = (op: OpReader, input: PlannedTensor, filter: PlannedTensor): Convolution =>
  matchTransposed(op.type, 2, input.shape, filter.shape, op.attrs as unknown as TransposeAttrs).conv

const transposed: Lowering = (op) => {
  const [Input, Filter, Output] = [op.input('Input'), op.input('Filter'), op.output('Output')]
  if (!op.isFloat32() || !Input || !Filter || !Output) return undefined
  const conv = transposedOf(op, Input, Filter)
  return [gradientsOf(conv).input(conv, Input, Filter, Output)]
}

const transposedBackward: Lowering = (op) => {
  const [Input, Filter, dOutput] = [op.input('Input'), op.input('Filter'), op.input('Output@GRAD')]
  if (!op.isFloat32() || !Input || !Filter || !dOutput) return undefined
  const conv = transposedOf(op, Input, Filter)
  const [dFilter, dInput] = [op.output('Filter@GRAD'), op.output('Input@GRAD')]
  const pieces: Kernel[] = []
  if (dFilter !== undefined) pieces.push(gradientsOf(conv).filter(conv, dOutput, Input, dFilter))
  if (dInput !== undefined) pieces.push(convolve(conv, dOutput, Filter, dInput))
  return pieces
}

const images = (lowering: Lowering): Lowering =>
  channelLast(lowering, 'data_format', 'Input', 'Output', 'Input@GRAD', 'Output@GRAD')

export const convolution: Readonly<Record<string, Lowering>> = {
  conv2d: images(forward),
  conv2d_grad: images(backward),
  depthwise_conv2d: images(forward),
  fused_conv2d_add_act: channelLast(fused, 'data_format', 'Input', 'ResidualData', 'Output'),
  depthwise_conv2d_grad: images(backward),
  conv2d_transpose: images(transposed),
  conv2d_transpose_grad: images(transposedBackward),
  depthwise_conv2d_transpose: images(transposed),
  depthwise_conv2d_transpose_grad: images(transposedBackward),
}
