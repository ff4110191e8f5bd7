/** Limiting the elements of a tensor to a range. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, describeOp, type KernelTensor, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { isFloating, NUMBERS } from '../../tensor/dtype.ts'
import { numel } from '../../tensor/shape.ts'
import { SelectedRows, type Tensor } from '../../tensor/tensor.ts'
import { mergeRepeated, numbersOf, rowsIn } from './rows.ts'

const ATTRS = {
  min: attr.float(undefined, { doc: 'Lower end, unless Min is given; for integers cut towards zero.' }),
  max: attr.float(undefined, { doc: 'Upper end, unless Max is given; for integers cut towards zero.' }),
}

type Bound = KernelTensor | KernelTensor<KernelTensor['data'] | BigInt64Array> | undefined

/**
 * The range: one-element tensors count before attributes.
 * @throws InvalidArgumentError E224 if max is below min.
 */
function range(whole: boolean, Min: Bound, Max: Bound, attrs: { min: number; max: number }): [number, number] {
  const end = (bound: Bound, given: number): number => {
    const value = bound === undefined ? given : Number(bound.data[0])
    return whole ? Math.trunc(value) : value
  }
  const min = end(Min, attrs.min)
  const max = end(Max, attrs.max)
  if (max < min) {
    throw new InvalidArgumentError('E224', `clip: max must not be below min, got min ${min} and max ${max}`, {
      expected: 'min <= max',
      got: { min, max },
    })
  }
  return [min, max]
}

/** @throws InvalidArgumentError E203 unless Min and Max have one element. */
function checkBounds(bounds: Readonly<Record<string, { readonly shape: readonly number[] } | undefined>>): void {
  for (const [slot, bound] of Object.entries(bounds)) {
    // numel is -1 where the shape is not known yet.
    if (bound === undefined || Math.abs(numel(bound.shape)) === 1) continue
    throw new InvalidArgumentError('E203', `clip: ${slot} must have one element, got ${numel(bound.shape)}`, {
      where: { slot },
      expected: 1,
      got: bound.shape,
    })
  }
}

/** Out = min where X < min, max where X > max, else X; NaN stays NaN. */
export const clip = defineOp({
  type: 'clip',
  doc: 'X limited to [min, max]; NaN stays NaN. Equal rows of selected rows are added up first.',
  source: 'paddle/phi/kernels/impl/clip_kernel_impl.h',
  inputs: {
    X: one('Any shape, or selected rows.', NUMBERS),
    Min: optional('One element that replaces the attribute min.'),
    Max: optional('One element that replaces the attribute max.'),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X, Min, Max }) {
    checkBounds({ Min, Max })
    // Not the kind: as in Paddle a variable for clipped selected rows is declared as a tensor, unless it is X itself.
    return { Out: { dtype: X.dtype, shape: X.shape } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(clipGrad, {
      inputs: { X: inputs.X, Min: inputs.Min, Max: inputs.Max, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X, Min, Max }, attrs, { Out }) {
      const [min, max] = range(!isFloating(X.dtype), Min, Max, attrs)
      limit(X.data, min, max, Out.data)
    },
    int64({ X, Min, Max }, attrs, { Out }) {
      const [min, max] = range(!isFloating(X.dtype), Min, Max, attrs)
      if (!(Out.data instanceof BigInt64Array)) {
        limit((X as KernelTensor).data, min, max, Out.data)
        return
      }
      const x = X.data as BigInt64Array
      const low = exactBound(Min, min)
      const high = exactBound(Max, max)
      for (let i = 0; i < x.length; i++) Out.data[i] = x[i]! < low ? low : x[i]! > high ? high : x[i]!
    },
    selectedRows(ctx) {
      const x = mergeRepeated(rowsIn(ctx, 'X'))
      const bound = (slot: string): Bound => ctx.inputNames(slot).map((name) => ctx.get(name) as Tensor)[0]
      const attrs = { min: ctx.attrs['min'] as number, max: ctx.attrs['max'] as number }
      const value = x.value.clone()
      const data = numbersOf('clip', value)
      const [min, max] = range(!isFloating(value.dtype), bound('Min'), bound('Max'), attrs)
      limit(data, min, max, data)
      ctx.set(ctx.outputNames('Out')[0]!, new SelectedRows(x.rows, x.height, value))
    },
  },
})

function limit(x: KernelTensor['data'], min: number, max: number, out: KernelTensor['data']): void {
  for (let i = 0; i < out.length; i++) out[i] = x[i]! < min ? min : x[i]! > max ? max : x[i]!
}

/** A bound of int64 values: that of an int64 tensor is exact, an infinite one is the end of what int64 holds. */
function exactBound(bound: Bound, value: number): bigint {
  if (bound?.data instanceof BigInt64Array) return bound.data[0]!
  if (Number.isFinite(value)) return BigInt(value)
  return value > 0 ? 2n ** 63n - 1n : -(2n ** 63n)
}

/** dX = dOut where min < X < max, else 0: nothing at the ends themselves. */
export const clipGrad = defineOp({
  type: 'clip_grad',
  doc: 'Gradient of clip: dOut strictly inside the range, 0 elsewhere.',
  source: 'paddle/phi/kernels/impl/clip_grad_kernel_impl.h',
  inputs: {
    X: one('X of clip.'),
    Min: optional('Min of clip.'),
    Max: optional('Max of clip.'),
    'Out@GRAD': one('Gradient of Out.'),
  },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: ATTRS,
  inferMeta: ({ X }) => ({ 'X@GRAD': X }),
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu({ X, Min, Max, 'Out@GRAD': dOut }, attrs, outputs) {
      const dX = outputs['X@GRAD']
      if (dX === undefined) return
      const [min, max] = range(!isFloating(X.dtype), Min, Max, attrs)
      const x = X.data
      const from = dOut.data
      const to = dX.data
      for (let i = 0; i < to.length; i++) to[i] = x[i]! > min && x[i]! < max ? from[i]! : 0
    },
  },
})
