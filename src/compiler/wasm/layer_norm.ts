/** Lowerings of layer_norm and its gradient: a kernel makes the statistics of each row, and a loop that others can join makes the elements. */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { ChannelView } from '../../ops/nn/channels.ts'
import { product, type Shape } from '../../tensor/shape.ts'
import { channelKernel, emitStatistics, inverseRoot } from './channel_kernel.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import { f32, f32x4, f64 } from './instructions.ts'
import { type Kernel, type Piece, Temporary } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'

/** A tensor with one element for each row, or each element of a row, read over the whole shape. */
function rowOperands(shape: Shape, axis: number) {
  const zeros = (count: number): number[] => new Array<number>(count).fill(0)
  return {
    byRow: (tensor: PlannedTensor): e.Formula =>
      e.read({ tensor, strides: [...fullStrides(shape.slice(0, axis)), ...zeros(shape.length - axis)] }),
    byElement: (tensor: PlannedTensor): e.Formula =>
      e.read({ tensor, strides: [...zeros(axis), ...fullStrides(shape.slice(axis))] }),
  }
}

const rowsView = (shape: Shape, axis: number): ChannelView => ({
  outer: 1,
  channels: product(shape, 0, axis),
  inner: product(shape, axis),
})

/** Mean, variance and one over the root of the variance of each row, where there is room for them. */
export function rowStatistics(
  X: PlannedTensor,
  view: ChannelView,
  epsilon: number,
  writes: Readonly<Record<'Mean' | 'Variance' | 'inverse', PlannedTensor | undefined>>,
): Kernel {
  return channelKernel({
    key: `row_statistics|${epsilon}`,
    view,
    numbers: 2,
    work: 8 * view.channels * view.inner,
    reads: { X },
    writes,
    body(group) {
      emitStatistics(group, view)
      group.each(({ store, number }) => {
        store('Mean', number(0))
        store('Variance', number(1))
        store('inverse', inverseRoot(number(1), epsilon))
      })
    },
  })
}

/** Y = (X - mean) / sqrt(variance + epsilon) Scale + Bias by row. */
const layerNorm: Lowering = (op) => {
  const [X, Scale, Bias, Y] = [op.input('X'), op.input('Scale'), op.input('Bias'), op.output('Y')]
  if (!op.isFloat32() || !X || !Y) return undefined
  const axis = op.attr<number>('begin_norm_axis')
  const view = rowsView(X.shape, axis)
  const Mean = op.output('Mean') ?? new Temporary([view.channels])
  const inverse = new Temporary([view.channels])
  const statistics = { Mean, Variance: op.output('Variance'), inverse }
  const kernel = rowStatistics(X, view, op.attr<number>('epsilon'), statistics)
  const { byRow, byElement } = rowOperands(X.shape, axis)
  let value = e.mul(e.sub(whole(X), byRow(Mean)), byRow(inverse))
  if (Scale !== undefined) value = e.mul(value, byElement(Scale))
  if (Bias !== undefined) value = e.add(value, byElement(Bias))
  return [kernel, loop(X.shape, { target: Y, value })]
}

/** dX = inverse (dY Scale - shift - (X - mean) slope) by row; gradients of Scale and Bias are sums over rows. */
const layerNormGrad: Lowering = (op) => {
  const [X, Scale, dY] = [op.input('X'), op.input('Scale'), op.input('Y@GRAD')]
  const [Mean, Variance] = [op.input('Mean'), op.input('Variance')]
  const [dX, dScale, dBias] = [op.output('X@GRAD'), op.output('Scale@GRAD'), op.output('Bias@GRAD')]
  if (!op.isFloat32() || !X || !dY || !Mean || !Variance) return undefined
  const axis = op.attr<number>('begin_norm_axis')
  const view = rowsView(X.shape, axis)
  const { channels, inner } = view
  const epsilon = op.attr<number>('epsilon')
  const [inverse, shift, slope] = [new Temporary([channels]), new Temporary([channels]), new Temporary([channels])]
  const { byRow, byElement } = rowOperands(X.shape, axis)
  const pieces: Piece[] = [
    channelKernel({
      key: `layer_norm_grad|${epsilon}`,
      view,
      numbers: 2,
      work: 8 * channels * inner,
      reads: { X, dY, Mean, Variance, Scale },
      writes: { inverse, shift, slope },
      body(group) {
        const { f } = group
        const repeated = Scale === undefined ? [] : ['Scale']
        group.sum({ first: 0, count: 2, tensors: ['X', 'dY'], repeated }, ({ load }) => {
          const middle = f.let(f32x4.splat(f32.demoteF64(load('Mean'))))
          return ([x, dy, scale]) => {
            const slopes = scale === undefined ? dy! : f.let(f32x4.mul(dy!, scale))
            return [slopes, f32x4.mul(slopes, f32x4.sub(x!, middle))]
          }
        })
        group.each(({ load, store, number }) => {
          const by = f.let(inverseRoot(load('Variance'), epsilon))
          store('inverse', by)
          store('shift', f64.div(number(0), f64.const(inner)))
          store('slope', f64.mul(f64.mul(f64.div(number(1), f64.const(inner)), by), by))
        })
      },
    }),
  ]
  const distance = e.sub(whole(X), byRow(Mean))
  const rowSums = { space: X.shape, strides: byElement(dY).operand!.strides, combine: 'add' } as const
  for (const [target, value] of [
    [dScale, e.mul(whole(dY), e.mul(distance, byRow(inverse)))],
    [dBias, whole(dY)],
  ] as const) {
    if (target === undefined) continue
    const kernel = reductionKernel({ ...rowSums, value, target })
    if (kernel === undefined) return undefined
    pieces.push(kernel)
  }
  if (dX !== undefined) {
    const slopes = Scale === undefined ? whole(dY) : e.mul(whole(dY), byElement(Scale))
    const inside = e.sub(e.sub(slopes, byRow(shift)), e.mul(distance, byRow(slope)))
    pieces.push(loop(X.shape, { target: dX, value: e.mul(byRow(inverse), inside) }))
  }
  return pieces
}

export const layerNormalization: Readonly<Record<string, Lowering>> = {
  layer_norm: layerNorm,
  layer_norm_grad: layerNormGrad,
}
