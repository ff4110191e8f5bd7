/**
 * top_k and top_k_v2: the largest (or smallest) k elements along an axis and where they are. NaN counts as larger than every number, as in
 * Paddle; of equal elements the one with the lower index comes first, where Paddle leaves the order open.
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import {
  defineOp,
  describeOp,
  type InferContext,
  type KernelTensor,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS, INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { eachSlice, formatShape, resolveAxis, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { numberInput } from './shape_inputs.ts'

/** Slices up to this k are searched by insertion into a short sorted list, above it they are sorted whole. */
const INSERTION_LIMIT = 16

/** The axis, where a 0-D tensor counts as [1]. */
export const sortAxis = (opType: string, axis: number, shape: Shape): number =>
  resolveAxis(opType, axis, shape.length === 0 ? [1] : shape)

/**
 * Metas of values and indices.
 * @throws InvalidArgumentError E201 for a k outside [1, size of the axis], E202.
 */
function topKMetas(
  opType: string,
  X: Meta,
  K: Meta | undefined,
  k: number,
  axis: number,
  ctx: InferContext,
): { Out: Meta; Indices: Meta } {
  const along = sortAxis(opType, axis, X.shape)
  const count = K === undefined ? k : (numberInput(ctx, 'K') ?? -1)
  const size = X.shape[along] ?? 1
  const known = K === undefined || count >= 0 || ctx.atRun
  if (known && (count < 1 || (size >= 0 && count > size))) {
    throw new InvalidArgumentError(
      'E201',
      `${opType}: k must be in [1, ${size < 0 ? 'size of the axis' : size}] for X of shape ${formatShape(X.shape)} along axis ${axis}, got ${count}`,
      { expected: [1, size], got: count },
    )
  }
  const shape = X.shape.map((dim, d) => (d === along ? count : dim))
  return { Out: { dtype: X.dtype, shape }, Indices: { dtype: 'int64', shape } }
}

/** Fills values and indices, best first. The size of the axis of `values` is k. */
export function selectBest(x: RawTensor, values: RawTensor, indices: RawTensor, axis: number, largest: boolean): void {
  const shape = x.shape.length === 0 ? [1] : x.shape
  const k = x.shape.length === 0 ? 1 : values.shape[axis]!
  const from = x.data as Float64Array
  const to = values.data as Float64Array
  const places = indices.data as BigInt64Array
  const best = new Int32Array(k)
  let slice = 0
  eachSlice(shape, axis, (start, step, size) => {
    const order =
      k <= INSERTION_LIMIT
        ? insertBest(from, start, step, size, best, largest)
        : sortBest(from, start, step, size, largest)
    const first = Math.floor(slice / step) * step * k + (slice % step)
    for (let r = 0; r < k; r++) {
      to[first + r * step] = from[start + order[r]! * step]!
      places[first + r * step] = BigInt(order[r]!)
    }
    slice++
  })
}

/** Positions of the best elements of a slice, found by insertion. */
function insertBest(
  x: Float64Array,
  start: number,
  step: number,
  size: number,
  best: Int32Array,
  largest: boolean,
): Int32Array {
  const k = best.length
  let filled = 0
  for (let i = 0; i < size; i++) {
    const value = x[start + i * step]!
    if (filled === k && !precedes(value, x[start + best[k - 1]! * step]!, largest)) continue
    let place = filled < k ? filled++ : k - 1
    for (; place > 0 && precedes(value, x[start + best[place - 1]! * step]!, largest); place--)
      best[place] = best[place - 1]!
    best[place] = i
  }
  return best
}

/** All positions of a slice, best first. */
function sortBest(x: Float64Array, start: number, step: number, size: number, largest: boolean): readonly number[] {
  const positions = Array.from({ length: size }, (_, i) => i)
  return positions.sort((a, b) => {
    const left = x[start + a * step]!
    const right = x[start + b * step]!
    if (precedes(left, right, largest)) return -1
    return precedes(right, left, largest) ? 1 : a - b
  })
}

/** Whether `a` goes strictly before `b`. NaN counts as the largest value. Right for bigints too, which are never NaN. */
function precedes(a: number, b: number, largest: boolean): boolean {
  if (largest) return a > b || (Number.isNaN(a) && !Number.isNaN(b))
  return a < b || (Number.isNaN(b) && !Number.isNaN(a))
}

/** Puts each cotangent where its value came from, zero elsewhere. */
export function scatterBack(
  outGrad: KernelTensor,
  indices: KernelTensor,
  axis: number,
  xGrad: KernelTensor | undefined,
): void {
  if (xGrad === undefined) return
  const { data } = xGrad
  data.fill(0)
  const shape = xGrad.shape.length === 0 ? [1] : xGrad.shape
  const k = xGrad.shape.length === 0 ? 1 : outGrad.shape[axis]!
  let slice = 0
  eachSlice(shape, axis, (start, step) => {
    const first = Math.floor(slice / step) * step * k + (slice % step)
    for (let r = 0; r < k; r++) data[start + indices.data[first + r * step]! * step] = outGrad.data[first + r * step]!
    slice++
  })
}

const atLeastOne = (k: number): string | null => (k >= 1 ? null : 'a number of 1 or more')

export const topKGrad = defineOp({
  type: 'top_k_grad',
  doc: 'Gradient of top_k: each element of Out@GRAD in the place its value came from, zero elsewhere.',
  source: 'paddle/fluid/operators/top_k_op.h',
  inputs: {
    X: one('X of top_k; only its shape is read.'),
    Indices: one('Indices of top_k.', INDEXES),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: {},
  inferMeta: ({ X, 'Out@GRAD': outGrad }) => ({ 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }),
  grad: 'unregistered',
  kernels: {
    cpu: (inputs, _attrs, outputs) =>
      scatterBack(inputs['Out@GRAD'], inputs.Indices, Math.max(inputs.X.shape.length - 1, 0), outputs['X@GRAD']),
  },
})

export const topK = defineOp({
  type: 'top_k',
  doc: 'The k largest elements of each row (the last dimension), largest first, and their positions.',
  source: 'paddle/fluid/operators/top_k_op.cc',
  inputs: {
    X: one('[..., C]', FLOATS),
    K: optional('One element: k, in place of the attribute.', INDEXES),
  },
  outputs: { Out: one('[..., k], element type of X.'), Indices: one('[..., k], int64.') },
  attrs: { k: attr.int(1, { check: atLeastOne }) },
  inferMeta: ({ X, K }, { k }, ctx) => topKMetas('top_k', X, K, k, -1, ctx),
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(topKGrad, {
      inputs: { X: inputs.X, Indices: outputs.Indices, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: {},
    }),
  ],
  olderRegistry: true,
  kernels: {
    // Indices are int64, so this kernel is always the one.
    int64: ({ X }, _attrs, { Out, Indices }) => selectBest(X, Out, Indices, sortAxis('top_k', -1, X.shape), true),
  },
})

const attrs = {
  k: attr.int(1, { check: atLeastOne }),
  axis: attr.int(-1),
  largest: attr.bool(true),
  sorted: attr.bool(true, { doc: 'Has no effect: the result is always sorted.' }),
}

export const topKV2Grad = defineOp({
  type: 'top_k_v2_grad',
  doc: 'Gradient of top_k_v2: each element of Out@GRAD in the place its value came from, zero elsewhere.',
  source: 'paddle/phi/kernels/cpu/top_k_grad_kernel.cc',
  inputs: {
    X: one('X of top_k_v2; only its shape is read.'),
    Indices: one('Indices of top_k_v2.', INDEXES),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
    K: optional('As for top_k_v2.', INDEXES),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta: ({ X, 'Out@GRAD': outGrad }) => ({ 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }),
  grad: 'unregistered',
  kernels: {
    cpu: (inputs, { axis }, outputs) =>
      scatterBack(inputs['Out@GRAD'], inputs.Indices, sortAxis('top_k_v2', axis, inputs.X.shape), outputs['X@GRAD']),
  },
})

export const topKV2 = defineOp({
  type: 'top_k_v2',
  doc: 'The k largest (or smallest) elements along `axis`, best first, and their positions.',
  source: 'paddle/phi/kernels/cpu/top_k_kernel.cc',
  inputs: {
    X: one('Any shape; a 0-D X counts as one element.', NUMBERS),
    K: optional('One element: k, in place of the attribute.', INDEXES),
  },
  outputs: { Out: one('Shape of X with k along `axis`, element type of X.'), Indices: one('Shape of Out, int64.') },
  attrs,
  inferMeta: ({ X, K }, { k, axis }, ctx) => topKMetas('top_k_v2', X, K, k, axis, ctx),
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(topKV2Grad, {
      inputs: { X: inputs.X, Indices: outputs.Indices, 'Out@GRAD': outputGrads.Out, K: inputs.K },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    // Indices are int64, so this kernel is always the one.
    int64: ({ X }, { axis, largest }, { Out, Indices }) =>
      selectBest(X, Out, Indices, sortAxis('top_k_v2', axis, X.shape), largest),
  },
})
