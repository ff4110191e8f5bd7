/** unique: the different elements of X, or its different slices along an axis. Source: paddle/phi/kernels/cpu/unique_kernel.cc (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, type KernelContext, type Meta, one, optional } from '../../framework/op_def.ts'
import { INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, numel, product, resolveAxis, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'

const TYPE = 'unique'

interface UniqueAttrs {
  readonly axis: readonly number[]
  readonly is_sorted: boolean
}

/** X as [outer, size, inner]: slice k along the axis is compared with the others. Without an axis every element is a slice. */
function slicesOf(shape: Shape, axis: readonly number[]): { outer: number; size: number; inner: number } {
  if (axis.length === 0) return { outer: 1, size: numel(shape), inner: 1 }
  const along = resolveAxis(TYPE, axis[0]!, shape)
  return { outer: product(shape, 0, along), size: shape[along]!, inner: product(shape, along + 1) }
}

/** The groups of equal slices: of each its members in order. `sorted` puts the groups in the order of their elements, else of their first member. */
function group(X: RawTensor, { axis, is_sorted }: UniqueAttrs): number[][] {
  const { outer, size, inner } = slicesOf(X.shape, axis)
  const x = X.data as Float64Array
  const first = outer === 1 ? 1 : X.shape[0]!
  const order = (a: number, b: number): number => {
    for (let k = 0; k < outer; k++) {
      // The dimensions in front of the axis, of which Paddle exchanges the first with the axis.
      const o = (k % first) * (outer / first) + Math.floor(k / first)
      for (let i = 0; i < inner; i++) {
        const [left, right] = [x[(o * size + a) * inner + i]!, x[(o * size + b) * inner + i]!]
        if (left < right) return -1
        if (left > right) return 1
      }
    }
    return 0
  }
  const groups: number[][] = []
  for (const slice of Array.from({ length: size }, (_, k) => k).sort((a, b) => order(a, b) || a - b)) {
    const last = groups.at(-1)
    if (last !== undefined && order(last[0]!, slice) === 0) last.push(slice)
    else groups.push([slice])
  }
  // With an axis Paddle sorts in any case.
  return is_sorted || axis.length > 0 ? groups : groups.sort((a, b) => a[0]! - b[0]!)
}

function storeIndexes(out: RawTensor | undefined, values: readonly number[]): void {
  if (out === undefined) return
  if (out.data instanceof BigInt64Array) out.data.set(values.map(BigInt))
  else out.data.set(values)
}

function choose({ X }: { X: RawTensor }, attrs: UniqueAttrs, _outputs: unknown, ctx: KernelContext): void {
  const groups = group(X, attrs)
  const { outer, size, inner } = slicesOf(X.shape, attrs.axis)
  const count = groups.length
  const shape = attrs.axis.length === 0 ? [count] : X.shape.with(resolveAxis(TYPE, attrs.axis[0]!, X.shape), count)
  const out = ctx.resize('Out', shape)?.data as Float64Array | undefined
  if (out !== undefined) {
    const x = X.data as Float64Array
    for (let o = 0; o < outer; o++) {
      groups.forEach(([first], k) => {
        for (let i = 0; i < inner; i++) out[(o * count + k) * inner + i] = x[(o * size + first!) * inner + i]!
      })
    }
  }
  const places = new Array<number>(size)
  groups.forEach((members, k) => {
    for (const member of members) places[member] = k
  })
  storeIndexes(
    ctx.resize('Indices', [count]),
    groups.map(([first]) => first!),
  )
  storeIndexes(ctx.resize('Index', [size]), places)
  storeIndexes(
    ctx.resize('Counts', [count]),
    groups.map(({ length }) => length),
  )
}

export const unique = defineOp({
  type: TYPE,
  doc: 'The different elements of X, or the different slices along `axis`, and how they make up X.',
  source: 'paddle/phi/kernels/cpu/unique_kernel.cc',
  differs:
    'Outputs are filled whenever the operator has them, whatever return_index, return_inverse and return_counts say. More than one axis is refused.',
  inputs: { X: one('Any shape; without is_sorted one dimension.', NUMBERS) },
  outputs: {
    Out: one(
      '1-D, or X with fewer slices along the axis. Ascending with is_sorted, else in the order in which they first appear.',
    ),
    Indices: optional('Where each of Out stands first in X.'),
    Index: one('Which of Out each slice of X is.'),
    Counts: optional('How often each of Out stands in X.'),
  },
  attrs: {
    return_index: attr.bool(false, { doc: 'Has no effect: Indices is filled if the operator has it.' }),
    return_inverse: attr.bool(false, { doc: 'Has no effect: Index is filled if the operator has it.' }),
    return_counts: attr.bool(false, { doc: 'Has no effect: Counts is filled if the operator has it.' }),
    axis: attr.ints([], { doc: 'The axis of the slices; empty: elements are compared.' }),
    dtype: attr.dtype('int64', {
      doc: 'Element type of Indices, Index and Counts.',
      check: (dtype) => (INDEXES.includes(dtype as (typeof INDEXES)[number]) ? null : 'int32 or int64'),
    }),
    is_sorted: attr.bool(false),
  },
  inferMeta({ X }, { axis, dtype, is_sorted }) {
    const fail = (code: string, what: string): InvalidArgumentError =>
      new InvalidArgumentError(code, `unique: ${what}`, { where: { opType: TYPE }, got: { X: X.shape, axis } })
    if (axis.length > 1) throw fail('E201', `attr axis must name one axis or none, got [${axis.join(', ')}]`)
    if (!is_sorted && X.shape.length !== 1) {
      throw fail('E203', `without is_sorted X must have one dimension, got ${formatShape(X.shape)}`)
    }
    const counts: Meta = { dtype: dtype as 'int32' | 'int64', shape: [-1] }
    const out = axis.length === 0 ? [-1] : X.shape.with(resolveAxis(TYPE, axis[0]!, X.shape), -1)
    const size = axis.length === 0 ? numel(X.shape) : X.shape.at(axis[0]!)!
    return {
      Out: { dtype: X.dtype, shape: out },
      Indices: counts,
      Index: { ...counts, shape: [size] },
      Counts: counts,
    }
  },
  grad: 'none',
  kernels: { cpu: choose, int64: choose },
})
