/**
 * unfold (im2col) and fold (col2im): the windows of planes as columns, and columns added up to planes. Each is the gradient of the other.
 * Source: paddle/phi/kernels/impl/unfold_kernel_impl.h, fold_kernel_impl.h (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type FilledAttrs,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { formatShape } from '../../tensor/shape.ts'
import { requireRank } from './channels.ts'
import { gatherColumns, scatterColumns } from './columns.ts'
import { requireNumbers, type Span, windowCount } from './window.ts'

const WINDOW = {
  kernel_sizes: attr.ints(undefined, { doc: 'Height and width of the windows.' }),
  strides: attr.ints(undefined, { doc: 'Steps of the window: height, width.' }),
  paddings: attr.ints(undefined, { doc: 'Zeros around the planes: [height, width] or [top, left, bottom, right].' }),
  dilations: attr.ints(undefined, { doc: 'Distance of the elements of a window: height, width.' }),
}
type WindowAttrs = FilledAttrs<typeof WINDOW>

/** How the windows lie over planes of `sizes`. @throws InvalidArgumentError E201, and E203 for a window larger than the padded plane. */
function spansOf(opType: string, sizes: readonly number[], attrs: WindowAttrs): readonly [Span, Span] {
  const { kernel_sizes, strides, paddings, dilations } = attrs
  requireNumbers(opType, 'kernel_sizes', kernel_sizes, 2, 1)
  requireNumbers(opType, 'strides', strides, 2, 1)
  requireNumbers(opType, 'dilations', dilations, 2, 1)
  if (paddings.length !== 2) requireNumbers(opType, 'paddings', paddings, 4, 0)
  return sizes.map((size, i): Span => {
    const [before, after] = [paddings[i]!, paddings[paddings.length === 2 ? i : i + 2]!]
    const [kernel, stride, dilation] = [kernel_sizes[i]!, strides[i]!, dilations[i]!]
    const out = windowCount(size, kernel, stride, dilation, before + after)
    if (size >= 0 && out < 1) {
      throw new InvalidArgumentError('E203', `${opType}: a window is larger than the padded planes of ${size}`, {
        where: { opType },
        got: { sizes, attrs },
      })
    }
    return { size, kernel, stride, dilation, before, after, out }
  }) as [Span, Span]
}

/** [N, C * kernel height * kernel width, windows] for planes [N, C, height, width]. */
function columnsShape({ shape }: Meta, [height, width]: readonly [Span, Span]): readonly number[] {
  const [batch, channels] = shape as readonly [number, number]
  return [
    batch,
    channels < 0 ? -1 : channels * height.kernel * width.kernel,
    height.size < 0 || width.size < 0 ? -1 : height.out * width.out,
  ]
}

function unfoldInto(
  spans: readonly [Span, Span],
  batch: number,
  channels: number,
  planes: NumberArray,
  columns: NumberArray,
): void {
  const [height, width] = spans
  const [plane, depth] = [
    height.size * width.size * channels,
    channels * height.kernel * width.kernel * height.out * width.out,
  ]
  for (let n = 0; n < batch; n++) {
    gatherColumns({ height, width }, channels, planes, n * plane, columns.subarray(n * depth, (n + 1) * depth))
  }
}

function foldInto(
  spans: readonly [Span, Span],
  batch: number,
  channels: number,
  columns: NumberArray,
  planes: NumberArray,
): void {
  const [height, width] = spans
  const [plane, depth] = [
    height.size * width.size * channels,
    channels * height.kernel * width.kernel * height.out * width.out,
  ]
  const sums = new Float64Array(plane)
  for (let n = 0; n < batch; n++) {
    sums.fill(0)
    scatterColumns({ height, width }, channels, columns.subarray(n * depth, (n + 1) * depth), sums)
    planes.set(sums, n * plane)
  }
}

export const unfoldGrad = defineOp({
  type: 'unfold_grad',
  doc: 'Gradient of unfold: the columns of dY added up over the planes of X.',
  source: 'paddle/phi/kernels/impl/unfold_grad_kernel_impl.h',
  inputs: { X: one('X of unfold; only its shape is read.'), 'Y@GRAD': one('Gradient of Y.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: WINDOW,
  inferMeta({ X, 'Y@GRAD': dY }, attrs) {
    requireRank('unfold_grad', X, 4, 4)
    const shape = columnsShape(X, spansOf('unfold_grad', X.shape.slice(2), attrs))
    requireShape('unfold_grad', 'Y@GRAD', dY, shape, 'the shape of Y')
    return { 'X@GRAD': { dtype: dY.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, 'Y@GRAD': dY }, attrs, { 'X@GRAD': dX }) {
      if (dX === undefined) return
      const spans = spansOf('unfold_grad', X.shape.slice(2), attrs)
      foldInto(spans, X.shape[0]!, X.shape[1]!, dY.data, dX.data)
    },
  },
})

export const unfold = defineOp({
  type: 'unfold',
  doc: 'The windows that slide over the planes of X, each as a column (im2col).',
  source: 'paddle/phi/kernels/impl/unfold_kernel_impl.h',
  inputs: { X: one('[N, C, height, width].', FLOATS) },
  outputs: { Y: one('[N, C * kernel height * kernel width, windows].') },
  attrs: WINDOW,
  inferMeta({ X }, attrs) {
    requireRank('unfold', X, 4, 4)
    return { Y: { dtype: X.dtype, shape: columnsShape(X, spansOf('unfold', X.shape.slice(2), attrs)) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(unfoldGrad, {
      inputs: { X: inputs.X, 'Y@GRAD': outputGrads.Y },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, attrs, { Y }) {
      unfoldInto(spansOf('unfold', X.shape.slice(2), attrs), X.shape[0]!, X.shape[1]!, X.data, Y.data)
    },
  },
})

const FOLD = { output_sizes: attr.ints(undefined, { doc: 'Height and width of the planes of Y.' }), ...WINDOW }
type FoldAttrs = FilledAttrs<typeof FOLD>

/** @throws InvalidArgumentError E203 unless X holds whole columns, one per window. */
function planesOfColumns(
  opType: string,
  X: Meta,
  attrs: FoldAttrs,
): { spans: readonly [Span, Span]; channels: number } {
  requireRank(opType, X, 3, 3)
  requireNumbers(opType, 'output_sizes', attrs.output_sizes, 2, 1)
  const spans = spansOf(opType, attrs.output_sizes, attrs)
  const [, depth, windows] = X.shape as readonly [number, number, number]
  const taps = spans[0].kernel * spans[1].kernel
  const wanted = spans[0].out * spans[1].out
  if ((depth >= 0 && depth % taps !== 0) || (windows >= 0 && windows !== wanted)) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: X must be [N, a multiple of ${taps}, ${wanted}], got ${formatShape(X.shape)}`,
      { where: { opType, slot: 'X' }, expected: [-1, taps, wanted], got: X.shape },
    )
  }
  return { spans, channels: depth < 0 ? -1 : depth / taps }
}

export const foldGrad = defineOp({
  type: 'fold_grad',
  doc: 'Gradient of fold: the windows of dY as columns.',
  source: 'paddle/phi/kernels/impl/fold_grad_kernel_impl.h',
  inputs: { X: one('X of fold; only its shape is read.'), 'Y@GRAD': one('Gradient of Y.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: FOLD,
  inferMeta({ X, 'Y@GRAD': dY }, attrs) {
    const { channels } = planesOfColumns('fold_grad', X, attrs)
    requireShape('fold_grad', 'Y@GRAD', dY, [X.shape[0]!, channels, ...attrs.output_sizes], 'the shape of Y')
    return { 'X@GRAD': { dtype: dY.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, 'Y@GRAD': dY }, attrs, { 'X@GRAD': dX }) {
      if (dX === undefined) return
      const { spans, channels } = planesOfColumns('fold_grad', X, attrs)
      unfoldInto(spans, X.shape[0]!, channels, dY.data, dX.data)
    },
  },
})

export const fold = defineOp({
  type: 'fold',
  doc: 'Planes in which each element is the sum of all elements of the columns of X that stand for it (col2im).',
  source: 'paddle/phi/kernels/impl/fold_kernel_impl.h',
  inputs: { X: one('[N, C * kernel height * kernel width, windows].', FLOATS) },
  outputs: { Y: one('[N, C, height, width].') },
  attrs: FOLD,
  inferMeta({ X }, attrs) {
    const { channels } = planesOfColumns('fold', X, attrs)
    return { Y: { dtype: X.dtype, shape: [X.shape[0]!, channels, ...attrs.output_sizes] } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(foldGrad, {
      inputs: { X: inputs.X, 'Y@GRAD': outputGrads.Y },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, attrs, { Y }) {
      const { spans, channels } = planesOfColumns('fold', X, attrs)
      foldInto(spans, X.shape[0]!, channels, X.data, Y.data)
    },
  },
})
