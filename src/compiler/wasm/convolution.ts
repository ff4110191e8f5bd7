/** Lowerings of conv2d and depthwise_conv2d: which of three routes a convolution takes. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { type ConvAttrs, matchConvolution } from '../../ops/nn/conv_shape.ts'
import type { Convolution } from '../../ops/nn/window.ts'
import { columnsKernel } from './columns.ts'
import { depthwiseKernel } from './depthwise.ts'
import type { Kernel } from './ir.ts'
import type { Lowering } from './lowerings.ts'
import type { OpReader } from './op_reader.ts'
import { productKernel } from './product.ts'

/** undefined for a layout other than NCHW. */
function convolutionOf(op: OpReader, input: PlannedTensor, filter: PlannedTensor): Convolution | undefined {
  const attrs = op.attrs as unknown as ConvAttrs
  return attrs.data_format === 'NHWC' ? undefined : matchConvolution(op.type, input.shape, filter.shape, attrs).conv
}

/** True where the columns of windows are the planes themselves. */
const isPointwise = ({ groups, height, width }: Convolution): boolean =>
  groups === 1 &&
  [height, width].every(({ kernel, stride, before, after }) => kernel * stride === 1 && before === 0 && after === 0)

/** Out[n] = Filter Input[n]: the image is the matrix of columns. */
function pointwiseKernel(
  { batch, channels, filters, height, width }: Convolution,
  input: PlannedTensor,
  filter: PlannedTensor,
  output: PlannedTensor,
): Kernel {
  const windows = height.out * width.out
  const view = { result: output, space: output.shape }
  if (windows === 1) {
    // Images of one element each: a product with a row for each image.
    return productKernel({
      ...view,
      shape: {
        batch: 1,
        m: batch,
        n: filters,
        k: channels,
        a: { batch: 0, row: channels, column: 1 },
        b: { batch: 0, row: 1, column: channels },
      },
      a: input,
      b: filter,
      batchDims: 0,
      rowDims: 1,
    })
  }
  return productKernel({
    ...view,
    shape: {
      batch,
      m: filters,
      n: windows,
      k: channels,
      a: { batch: 0, row: channels, column: 1 },
      b: { batch: channels * windows, row: windows, column: 1 },
    },
    a: filter,
    b: input,
    batchDims: 1,
    rowDims: 1,
  })
}

const forward: Lowering = (op) => {
  const [Input, Filter, Output] = [op.input('Input'), op.input('Filter'), op.output('Output')]
  if (!op.isFloat32() || !Input || !Filter || !Output) return undefined
  const conv = convolutionOf(op, Input, Filter)
  if (conv === undefined) return undefined
  if (isPointwise(conv)) return [pointwiseKernel(conv, Input, Filter, Output)]
  if (conv.channels === conv.groups) return [depthwiseKernel(conv, Input, Filter, Output)]
  return [columnsKernel(conv, Input, Filter, Output)]
}

export const convolution: Readonly<Record<string, Lowering>> = {
  conv2d: forward,
  depthwise_conv2d: forward,
}
