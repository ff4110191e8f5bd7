/** logcumsumexp: the logarithm of running sums of exponentials, kept in logarithms throughout so that nothing overflows. */
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type KernelTensor, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { eachSlice, numel, resolveAxis, type Shape } from '../../tensor/shape.ts'

const ATTRS = {
  axis: attr.int(-1),
  flatten: attr.bool(false, { doc: 'Sum over all elements in memory order; Out is 1-D then.' }),
  exclusive: attr.bool(false, {
    doc: 'Begin with the logarithm of 0, for which Paddle takes the lowest number of the element type, and leave out the last element. A single element stays as it is.',
  }),
  reverse: attr.bool(false, { doc: 'Begin at the end.' }),
}
interface Attrs {
  readonly axis: number
  readonly flatten: boolean
  readonly exclusive: boolean
  readonly reverse: boolean
}

/** `exclusive` does not count for a single element. */
const counted = (attrs: Attrs, { data }: KernelTensor): Attrs =>
  data.length === 1 ? { ...attrs, exclusive: false } : attrs

function walk(opType: string, X: Shape, { axis, flatten }: Attrs): [Shape, number] {
  const shape = flatten ? [numel(X)] : X.length === 0 ? [1] : X
  return [shape, resolveAxis(opType, axis, shape)]
}

/** log(exp(a) + exp(b)). */
function logAdd(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a]
  if (low === -Infinity || high === Infinity) return high
  return high + Math.log1p(Math.exp(low - high))
}

/** Running sums of slices of `x`, stored by `store(position, sum so far)`: with or without the element itself. */
function sumLogs(
  shape: Shape,
  axis: number,
  { exclusive, reverse }: { readonly exclusive: boolean; readonly reverse: boolean },
  valueAt: (i: number) => number,
  store: (i: number, sum: number) => void,
): void {
  eachSlice(shape, axis, (start, step, size) => {
    const by = reverse ? -step : step
    let sum = -Infinity
    for (let k = 0, i = reverse ? start + (size - 1) * step : start; k < size; k++, i += by) {
      const next = logAdd(sum, valueAt(i))
      store(i, exclusive ? sum : next)
      sum = next
    }
  })
}

const lowest = (data: NumberArray): number =>
  data instanceof Float64Array ? -Number.MAX_VALUE : -3.4028234663852886e38

export const logcumsumexpGrad = defineOp({
  type: 'logcumsumexp_grad',
  doc: 'Gradient of logcumsumexp: dX[k] = the sum of dOut[j] exp(X[k] - Out[j]) over the j whose sums have X[k].',
  source: 'paddle/phi/kernels/cpu/logcumsumexp_grad_kernel.cc',
  inputs: {
    X: one('X of logcumsumexp.', FLOATS),
    Out: one('Out of logcumsumexp.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: ATTRS,
  inferMeta({ X, Out, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('logcumsumexp_grad', { X, Out, 'Out@GRAD': dOut })
    const [shape] = walk('logcumsumexp_grad', X.shape, attrs)
    requireShape('logcumsumexp_grad', 'Out', Out, attrs.flatten ? shape : X.shape, 'the shape that X gives')
    requireShape('logcumsumexp_grad', 'Out@GRAD', dOut, Out.shape, 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Out, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX }) {
      if (dX === undefined) return
      const [shape, axis] = walk('logcumsumexp_grad', X.shape, attrs)
      const back = { ...counted(attrs, X), reverse: !attrs.reverse }
      const sums = new Float64Array(dX.data.length)
      // Cotangents of either sign have logarithms of their own.
      for (const sign of [1, -1]) {
        const part = (i: number): number => {
          const value = sign * dOut.data[i]!
          return value > 0 ? Math.log(value) - Out.data[i]! : -Infinity
        }
        sumLogs(shape, axis, back, part, (i, sum) => {
          sums[i] = sums[i]! + sign * Math.exp(X.data[i]! + sum)
        })
      }
      dX.data.set(sums)
    },
  },
})

export const logcumsumexp = defineOp({
  type: 'logcumsumexp',
  doc: 'The logarithm of the sum of the exponentials of all elements up to each one, along `axis`.',
  source: 'paddle/phi/kernels/cpu/cum_kernel.cc',
  inputs: { X: one('Any shape.', FLOATS) },
  outputs: { Out: one('Element type of X and its shape, or 1-D with `flatten`.') },
  attrs: ATTRS,
  inferMeta({ X }, attrs) {
    const [shape] = walk('logcumsumexp', X.shape, attrs)
    return { Out: { dtype: X.dtype, shape: attrs.flatten ? shape : X.shape } }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(logcumsumexpGrad, {
      inputs: { X: inputs.X, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, attrs, { Out }) {
      const [shape, axis] = walk('logcumsumexp', X.shape, attrs)
      const least = lowest(Out.data)
      sumLogs(
        shape,
        axis,
        counted(attrs, X),
        (i) => X.data[i]!,
        (i, sum) => {
          Out.data[i] = Math.max(sum, least)
        },
      )
    },
  },
})
