/** Convolutions by filters of one element: products of the filter with images as they are. */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { Convolution } from '../../ops/nn/window.ts'
import { dotSplit, emitDots } from './dot_product.ts'
import type { I32 } from './function_builder.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { productKernel } from './product.ts'

/** Output[n] = Filter Input[n]: the image is the matrix of columns. */
export function pointwiseKernel(
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

/** Input@GRAD[n] = Filterᵀ Output@GRAD[n] */
export function pointwiseInputGradKernel(
  { batch, channels, filters, height, width }: Convolution,
  outputGrad: PlannedTensor,
  filter: PlannedTensor,
  inputGrad: PlannedTensor,
): Kernel {
  const windows = height.out * width.out
  const view = { result: inputGrad, space: inputGrad.shape }
  if (windows === 1) {
    return productKernel({
      ...view,
      shape: {
        batch: 1,
        m: batch,
        n: channels,
        k: filters,
        a: { batch: 0, row: filters, column: 1 },
        b: { batch: 0, row: channels, column: 1 },
      },
      a: outputGrad,
      b: filter,
      batchDims: 0,
      rowDims: 1,
    })
  }
  return productKernel({
    ...view,
    shape: {
      batch,
      m: channels,
      n: windows,
      k: filters,
      a: { batch: 0, row: 1, column: channels },
      b: { batch: filters * windows, row: windows, column: 1 },
    },
    a: filter,
    b: outputGrad,
    batchDims: 1,
    rowDims: 1,
  })
}

/** Filter@GRAD = the sum over images of Output@GRAD[n] Input[n]ᵀ. */
export function pointwiseFilterGradKernel(
  { batch, channels, filters, height, width }: Convolution,
  input: PlannedTensor,
  outputGrad: PlannedTensor,
  filterGrad: PlannedTensor,
): Kernel {
  const windows = height.out * width.out
  if (windows === 1) {
    return productKernel({
      result: filterGrad,
      space: filterGrad.shape,
      shape: {
        batch: 1,
        m: filters,
        n: channels,
        k: batch,
        a: { batch: 0, row: 1, column: filters },
        b: { batch: 0, row: channels, column: 1 },
      },
      a: outputGrad,
      b: input,
      batchDims: 0,
      rowDims: 1,
    })
  }
  const shape = { m: filters, n: channels, k: windows, aRow: windows, bRow: windows, cRow: channels }
  const { split, units } = dotSplit(shape)
  return {
    kind: 'kernel',
    key: `pointwise_filter_grad|${batch}|${JSON.stringify(shape)}`,
    args: [outputGrad, input, filterGrad],
    writes: [filterGrad],
    units,
    work: batch * filters * channels * windows,
    emit: (module) =>
      kernelFunction(module, 3, (f, [a, b, c], begin, end) => {
        const image = f.local('i32')
        const [aAt, bAt] = [f.let(a!), f.let(b!)]
        f.count(image, 0, batch, 1, () => {
          emitDots(f, shape, { a: aAt, b: bAt, c: c as I32 }, image, { split, range: { begin, end } })
          f.advance(aAt, 4 * filters * windows)
          f.advance(bAt, 4 * channels * windows)
        })
      }),
  }
}
