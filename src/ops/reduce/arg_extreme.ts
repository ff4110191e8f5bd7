/** arg_max and arg_min: where along an axis the largest or smallest element is. Of equal elements the first counts. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, type Meta, one } from '../../framework/op_def.ts'
import { type DType, FLOATS } from '../../tensor/dtype.ts'
import { eachSlice, formatShape, numel, resolveAxis, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'

interface ArgAttrs {
  readonly axis: number | bigint
  readonly keepdims: boolean
  readonly flatten: boolean
  readonly dtype: DType | -1
}

/** The shape that is searched, and the axis: a flattened or 0-D tensor counts as one row. */
function searched(opType: string, shape: Shape, { axis, flatten }: ArgAttrs): { shape: Shape; axis: number } {
  const rows = shape.length === 0 ? [1] : shape
  const resolved = resolveAxis(opType, Number(axis), rows)
  return flatten ? { shape: [numel(shape)], axis: 0 } : { shape: rows, axis: resolved }
}

function positionMeta(opType: string, X: Meta, given: ArgAttrs): Meta {
  const { shape, axis } = searched(opType, X.shape, given)
  // What is kept of a 0-D tensor is its one row, unless it was flattened.
  const dims = given.flatten ? X.shape : shape
  const reduced = dims.map((_, i) => given.flatten || i === axis)
  const out = given.keepdims ? dims.map((dim, i) => (reduced[i] ? 1 : dim)) : dims.filter((_, i) => !reduced[i])
  if (shape[axis] === 0 && numel(out) !== 0) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: there is no element to choose in X of shape ${formatShape(X.shape)}`,
      {
        expected: 'one element or more along the axis',
        got: X.shape,
      },
    )
  }
  return { dtype: given.dtype === -1 ? 'int64' : given.dtype, shape: out }
}

function store(out: RawTensor, index: number, position: number): void {
  if (out.data instanceof BigInt64Array) out.data[index] = BigInt(position)
  else out.data[index] = position
}

const attrs = {
  axis: attr.long(undefined, { doc: 'Where to search. With `flatten` it has no effect, but must be in range.' }),
  keepdims: attr.bool(false),
  flatten: attr.bool(false, { doc: 'Search all elements, for their position in memory order.' }),
  dtype: attr.dtype('int64', {
    doc: 'Element type of Out; -1 is int64.',
    check: (dtype) => (dtype === -1 || dtype === 'int32' || dtype === 'int64' ? null : 'int32 or int64'),
  }),
}
const inputs = { X: one('Any shape.', [...FLOATS, 'int16', 'int32', 'int64', 'uint8']) }
const outputs = { Out: one('Positions: the shape of X without the axis, or with 1 in its place.') }
const source = 'paddle/phi/kernels/cpu/arg_min_max_kernel.cc'
const differs = 'The first NaN counts as the extreme, as in NumPy. Nothing to choose from is an InvalidArgumentError.'

function argMaxInto(X: RawTensor, given: ArgAttrs, Out: RawTensor): void {
  const { shape, axis } = searched('arg_max', X.shape, given)
  const x = X.data as Float64Array
  let slice = 0
  eachSlice(shape, axis, (start, step, size) => {
    let best = 0
    let max = x[start]!
    for (let k = 1, i = start + step; k < size && !Number.isNaN(max); k++, i += step) {
      if (x[i]! <= max) continue
      max = x[i]!
      best = k
    }
    store(Out, slice++, best)
  })
}

export const argMax = defineOp({
  type: 'arg_max',
  doc: 'The position of the largest element along `axis`.',
  source,
  differs,
  inputs,
  outputs,
  attrs,
  inferMeta: ({ X }, given) => ({ Out: positionMeta('arg_max', X, given) }),
  grad: 'none',
  kernels: {
    cpu: ({ X }, given, { Out }) => argMaxInto(X, given, Out),
    int64: ({ X }, given, { Out }) => argMaxInto(X, given, Out),
  },
})

function argMinInto(X: RawTensor, given: ArgAttrs, Out: RawTensor): void {
  const { shape, axis } = searched('arg_min', X.shape, given)
  const x = X.data as Float64Array
  let slice = 0
  eachSlice(shape, axis, (start, step, size) => {
    let best = 0
    let min = x[start]!
    for (let k = 1, i = start + step; k < size && !Number.isNaN(min); k++, i += step) {
      if (x[i]! >= min) continue
      min = x[i]!
      best = k
    }
    store(Out, slice++, best)
  })
}

export const argMin = defineOp({
  type: 'arg_min',
  doc: 'The position of the smallest element along `axis`.',
  source,
  differs,
  inputs,
  outputs,
  attrs,
  inferMeta: ({ X }, given) => ({ Out: positionMeta('arg_min', X, given) }),
  grad: 'none',
  kernels: {
    cpu: ({ X }, given, { Out }) => argMinInto(X, given, Out),
    int64: ({ X }, given, { Out }) => argMinInto(X, given, Out),
  },
})
