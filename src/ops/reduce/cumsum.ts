/** Running sums along an axis, and their gradient, which is a running sum from the other end. */
import { InvalidArgumentError, OutOfRangeError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { type DType, FLOATS } from '../../tensor/dtype.ts'
import { eachSlice, formatShape, numel, type Shape } from '../../tensor/shape.ts'
import { copyElements, type RawTensor } from '../tensor/copy.ts'

const DTYPES: readonly DType[] = [...FLOATS, 'int16', 'int32', 'int64']
const ATTRS = {
  axis: attr.int(-1),
  flatten: attr.bool(false, { doc: 'Sum over all elements in memory order; Out is 1-D then.' }),
  exclusive: attr.bool(false, { doc: 'Begin with 0 and leave out the last element. A single element stays as it is.' }),
  reverse: attr.bool(false, { doc: 'Begin at the end.' }),
}
interface Attrs {
  readonly axis: number
  readonly flatten: boolean
  readonly exclusive: boolean
  readonly reverse: boolean
}

/** The shape that is summed along, and the axis from the front. */
interface Walk {
  readonly shape: Shape
  readonly axis: number
}

/** @throws OutOfRangeError E202 for an axis past the rank, InvalidArgumentError E202 for a 0-D X: the categories are Paddle's. */
function walk(opType: string, X: Shape, { axis, flatten }: Attrs): Walk {
  const shape = flatten ? [numel(X)] : X.length === 0 ? [1] : X
  const rank = shape.length
  if (axis >= -rank && axis < rank) return { shape, axis: axis < 0 ? axis + rank : axis }
  const text = `${opType}: attr axis must be in [${-rank}, ${rank - 1}] for X of shape ${formatShape(X)}${flatten ? ', flattened' : ''}, got ${axis}`
  const details = { where: { opType }, expected: [-rank, rank - 1], got: axis }
  if (X.length === 0 && !flatten) throw new InvalidArgumentError('E202', text, details)
  throw new OutOfRangeError('E202', text, details)
}

function sumAlong({ shape, axis }: Walk, from: RawTensor, { exclusive, reverse }: Attrs, to: RawTensor): void {
  if (from.data.length === 1) {
    copyElements(from, to)
    return
  }
  // Both are arrays of bigint, or neither is.
  const x = from.data as Float64Array
  const out = to.data as Float64Array
  const zero = (x instanceof BigInt64Array ? 0n : 0) as number
  eachSlice(shape, axis, (start, step, size) => {
    const first = reverse ? start + (size - 1) * step : start
    const by = reverse ? -step : step
    let sum = zero
    if (exclusive) {
      for (let k = 0, i = first; k < size; k++, i += by) {
        const value = x[i]!
        out[i] = sum
        sum += value
      }
    } else {
      for (let k = 0, i = first; k < size; k++, i += by) {
        sum += x[i]!
        out[i] = sum
      }
    }
  })
}

export const cumsum = defineOp({
  type: 'cumsum',
  doc: 'The sums of all elements up to each one, along `axis`.',
  source: 'paddle/phi/kernels/cpu/cum_kernel.cc',
  inputs: { X: one('Any shape.', DTYPES) },
  outputs: { Out: one('Element type of X and its shape, or 1-D with `flatten`.') },
  attrs: ATTRS,
  inferMeta({ X }, attrs) {
    const { shape } = walk('cumsum', X.shape, attrs)
    return { Out: { dtype: X.dtype, shape: attrs.flatten ? shape : X.shape } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(cumsumGrad, {
      inputs: { X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu: ({ X }, attrs, { Out }) => sumAlong(walk('cumsum', X.shape, attrs), X, attrs, Out),
    int64: ({ X }, attrs, { Out }) => sumAlong(walk('cumsum', X.shape, attrs), X, attrs, Out),
  },
})

/** dX = the sums of dOut from the other end, exclusive if the forward sums are. */
export const cumsumGrad = defineOp({
  type: 'cumsum_grad',
  doc: 'Gradient of cumsum: the sums of dOut from the other end, in the shape of X.',
  source: 'paddle/phi/kernels/cpu/cum_grad_kernel.cc',
  inputs: { X: one('X of cumsum.', DTYPES), 'Out@GRAD': one('Gradient of Out.', DTYPES) },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: ATTRS,
  inferMeta({ X, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('cumsum_grad', { X, 'Out@GRAD': dOut })
    const { shape } = walk('cumsum_grad', X.shape, attrs)
    requireShape('cumsum_grad', 'Out@GRAD', dOut, attrs.flatten ? shape : X.shape, 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, 'Out@GRAD': dOut }, attrs, outputs) {
      const dX = outputs['X@GRAD']
      if (dX === undefined) return
      sumAlong(walk('cumsum_grad', X.shape, attrs), dOut, { ...attrs, reverse: !attrs.reverse }, dX)
    },
  },
})
