/** log(sum(exp(X))) over dimensions, and its gradient. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import { eachRun, reducedDims, reducedShape } from './layout.ts'

const ATTRS = {
  axis: attr.ints([0], { doc: 'Dimensions to reduce; empty for all.' }),
  keepdim: attr.bool(false, { doc: 'Keep the reduced dimensions with size 1.' }),
  reduce_all: attr.bool(false),
}
interface Attrs {
  readonly axis: readonly number[]
  readonly keepdim: boolean
  readonly reduce_all: boolean
}

const MAX_DIMS = 4

const dimsOf = (opType: string, shape: Shape, { axis, keepdim, reduce_all }: Attrs): boolean[] =>
  reducedDims(opType, shape, { dim: axis, keep_dim: keepdim, reduce_all })

function outShape(opType: string, X: Meta, attrs: Attrs): Shape {
  if (X.shape.length > MAX_DIMS) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: X must have at most ${MAX_DIMS} dimensions, got shape ${formatShape(X.shape)}`,
      { where: { opType, slot: 'X' }, expected: MAX_DIMS, got: X.shape },
    )
  }
  return reducedShape(X, dimsOf(opType, X.shape, attrs), attrs.keepdim)
}

/** Out = max(X) + log(sum(exp(X - max(X)))): subtracting the largest element keeps exp from overflowing. */
export const logsumexp = defineOp({
  type: 'logsumexp',
  doc: 'The logarithm of the sum of exp(X) over the dimensions `axis`. As in Paddle, NaN where the largest element is infinite.',
  source: 'paddle/phi/kernels/impl/logsumexp_kernel_impl.h',
  differs: 'The result for no elements is -Infinity, where Paddle refuses an X of size 0.',
  inputs: { X: one('At most 4 dimensions.', FLOATS) },
  outputs: { Out: one('Shape of X without the reduced dimensions, or with 1 in their place.') },
  attrs: ATTRS,
  inferMeta: ({ X }, attrs) => ({ Out: { dtype: X.dtype, shape: outShape('logsumexp', X, attrs) } }),
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(logsumexpGrad, {
      inputs: { X: inputs.X, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, attrs, { Out }) {
      const x = X.data
      const reduced = dimsOf('logsumexp', X.shape, attrs)
      const largest = new Float64Array(Out.data.length).fill(-Infinity)
      eachRun(X.shape, reduced, (start, count, to, step) => {
        for (let i = 0; i < count; i++)
          if (x[start + i]! > largest[to + i * step]!) largest[to + i * step] = x[start + i]!
      })
      const sums = new Float64Array(largest.length)
      eachRun(X.shape, reduced, (start, count, to, step) => {
        for (let i = 0; i < count; i++) sums[to + i * step]! += Math.exp(x[start + i]! - largest[to + i * step]!)
      })
      for (let k = 0; k < sums.length; k++) Out.data[k] = largest[k]! + Math.log(sums[k]!)
    },
  },
})

export const logsumexpGrad = defineOp({
  type: 'logsumexp_grad',
  doc: 'Gradient of logsumexp: dX = dOut * exp(X - Out).',
  source: 'paddle/phi/kernels/impl/logsumexp_grad_kernel_impl.h',
  inputs: {
    X: one('X of logsumexp.', FLOATS),
    Out: one('Out of logsumexp.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: ATTRS,
  inferMeta({ X, Out, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('logsumexp_grad', { X, Out, 'Out@GRAD': dOut })
    const shape = outShape('logsumexp_grad', X, attrs)
    requireShape('logsumexp_grad', 'Out', Out, shape, 'the shape that X reduces to')
    requireShape('logsumexp_grad', 'Out@GRAD', dOut, shape, 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Out, 'Out@GRAD': dOut }, attrs, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const x = X.data
      const out = Out.data
      const dout = dOut.data
      eachRun(X.shape, dimsOf('logsumexp_grad', X.shape, attrs), (start, count, from, step) => {
        for (let i = 0; i < count; i++) {
          const k = from + i * step
          dx[start + i] = dout[k]! * Math.exp(x[start + i]! - out[k]!)
        }
      })
    },
  },
})
