/** Norms of all elements or over dimensions: frobenius_norm, p_norm and l1_norm, with their gradients. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { eachSlice, formatShape, numel, product, resolveAxis, type Shape } from '../../tensor/shape.ts'
import { eachRun } from './layout.ts'
import { reduction } from './reduce.ts'

/** Keeps the gradient of a norm of 0 at 0. */
const FROBENIUS_EPSILON = 1e-12

export const [frobeniusNorm, frobeniusNormGrad] = reduction('frobenius_norm', {
  doc: 'The square root of the sum of squares over the dimensions `dim`; out_dtype has no effect. The gradient of a norm of 0 is 0.',
  differs: 'The norm of no elements is 0, where Paddle refuses an X of size 0.',
  dtypes: FLOATS,
  outDType: (x) => x,
  converts: false,
  ofNothing: true,
  forward({ data: x, shape }, out, reduced) {
    const total = new Float64Array(out.data.length)
    eachRun(shape, reduced, (start, count, to, step) => {
      for (let i = 0; i < count; i++) total[to + i * step]! += x[start + i]! * x[start + i]!
    })
    for (let k = 0; k < total.length; k++) out.data[k] = Math.sqrt(total[k]!)
  },
  readsOut: true,
  backward({ data: x, shape }, out, { data: dout }, { data: dx }, reduced) {
    const norms = out!.data
    eachRun(shape, reduced, (start, count, from, step) => {
      for (let i = 0; i < count; i++) {
        const k = from + i * step
        dx[start + i] = (dout[k]! * x[start + i]!) / (norms[k]! + FROBENIUS_EPSILON)
      }
    })
  },
})

const P_NORM = {
  porder: attr.float(2, {
    doc: 'The order p: 0 counts the elements other than 0; Infinity and -Infinity take the largest and smallest |x|.',
  }),
  axis: attr.int(-1),
  epsilon: attr.float(1e-12, { doc: 'Added to the divisor of the gradient.' }),
  keepdim: attr.bool(false, { doc: 'Keep the reduced dimension with size 1.' }),
  asvector: attr.bool(false, { doc: 'Take the norm of all elements; axis has no effect then.' }),
}
interface PNorm {
  readonly porder: number
  readonly axis: number
  readonly keepdim: boolean
  readonly asvector: boolean
}

function pNormShape(opType: string, { shape }: Meta, { axis, keepdim, asvector, porder }: PNorm): Shape {
  const along = resolveAxis(opType, axis, shape)
  const reduced = shape.map((_, i) => asvector || i === along)
  const out = keepdim ? shape.map((dim, i) => (reduced[i] ? 1 : dim)) : shape.filter((_, i) => !reduced[i])
  const empty = shape.some((dim, i) => reduced[i] && dim === 0)
  if (empty && Math.abs(porder) === Infinity && numel(out) !== 0) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: there is no largest element in X of shape ${formatShape(shape)}`,
      {
        expected: 'one element or more along the axis',
        got: shape,
      },
    )
  }
  return out
}

/** Visits what each norm is taken over. */
function eachVector(
  opType: string,
  shape: Shape,
  { axis, asvector }: PNorm,
  visit: (start: number, step: number, size: number) => void,
): void {
  if (asvector) visit(0, 1, product(shape))
  else eachSlice(shape, resolveAxis(opType, axis, shape), visit)
}

function vectorNorm(x: NumberArray, start: number, step: number, size: number, p: number): number {
  const end = start + size * step
  if (Math.abs(p) === Infinity) {
    let extreme = p > 0 ? 0 : Infinity
    for (let i = start; i < end; i += step) {
      extreme = p > 0 ? Math.max(extreme, Math.abs(x[i]!)) : Math.min(extreme, Math.abs(x[i]!))
    }
    return extreme
  }
  let sum = 0
  if (p === 0) for (let i = start; i < end; i += step) sum += x[i] === 0 ? 0 : 1
  else if (p === 1) for (let i = start; i < end; i += step) sum += Math.abs(x[i]!)
  else if (p === 2) for (let i = start; i < end; i += step) sum += x[i]! * x[i]!
  else for (let i = start; i < end; i += step) sum += Math.abs(x[i]!) ** p
  // Paddle takes the reciprocal of p in float32, for every element type.
  return p === 0 || p === 1 ? sum : p === 2 ? Math.sqrt(sum) : sum ** Math.fround(1 / p)
}

/** Out = sum(|X|^p)^(1/p) along `axis`. */
export const pNorm = defineOp({
  type: 'p_norm',
  doc: 'The norm of order `porder` of the vectors along `axis`.',
  source: 'paddle/phi/kernels/cpu/p_norm_kernel.cc',
  differs:
    'NaN wins over every number also in the orders Infinity and -Infinity. Vectors without elements have the norm 0.',
  inputs: { X: one('At least 1-D.', FLOATS) },
  outputs: { Out: one('Shape of X without the axis, or with 1 in its place.') },
  attrs: P_NORM,
  inferMeta: ({ X }, attrs) => ({ Out: { dtype: X.dtype, shape: pNormShape('p_norm', X, attrs) } }),
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(pNormGrad, {
      inputs: { X: inputs.X, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, attrs, { Out }) {
      let k = 0
      eachVector('p_norm', X.shape, attrs, (start, step, size) => {
        Out.data[k++] = vectorNorm(X.data, start, step, size, attrs.porder)
      })
    },
  },
})

/** dX = dOut * sign(X) * |X|^(p - 1) / (Out^(p - 1) + epsilon); 0 for order 0, and dOut * sign(X) at every extreme for infinite orders. */
export const pNormGrad = defineOp({
  type: 'p_norm_grad',
  doc: 'Gradient of p_norm. In infinite orders every element that is as large as the norm gets the whole gradient.',
  source: 'paddle/phi/kernels/impl/p_norm_grad_kernel_impl.h',
  inputs: {
    X: one('X of p_norm.', FLOATS),
    Out: one('Out of p_norm.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: P_NORM,
  inferMeta({ X, Out, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('p_norm_grad', { X, Out, 'Out@GRAD': dOut })
    const shape = pNormShape('p_norm_grad', X, attrs)
    requireShape('p_norm_grad', 'Out', Out, shape, 'the shape that X reduces to')
    requireShape('p_norm_grad', 'Out@GRAD', dOut, shape, 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Out, 'Out@GRAD': dOut }, attrs, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const { porder: p, epsilon } = attrs
      const x = X.data
      let k = 0
      eachVector('p_norm_grad', X.shape, attrs, (start, step, size) => {
        const end = start + size * step
        const norm = Out.data[k]!
        const dout = dOut.data[k]!
        k++
        if (p === 0) for (let i = start; i < end; i += step) dx[i] = 0
        else if (p === 1) for (let i = start; i < end; i += step) dx[i] = (dout * Math.sign(x[i]!)) / (1 + epsilon)
        else if (p === 2) for (let i = start; i < end; i += step) dx[i] = (dout * x[i]!) / (norm + epsilon)
        else if (Math.abs(p) === Infinity) {
          for (let i = start; i < end; i += step) dx[i] = dout * Math.sign(x[i]!) * (Math.abs(x[i]!) === norm ? 1 : 0)
        } else {
          const below = norm ** (p - 1) + epsilon
          for (let i = start; i < end; i += step) {
            dx[i] = (dout * Math.abs(x[i]!) ** (p - 1) * Math.sign(x[i]!)) / below
          }
        }
      })
    },
  },
})

export const l1Norm = defineOp({
  type: 'l1_norm',
  doc: 'The sum of |X| over all elements.',
  source: 'paddle/fluid/operators/l1_norm_op.cc',
  differs: 'There is a float64 kernel, too.',
  inputs: { X: one('Any shape.', FLOATS) },
  outputs: { Out: one('0-D, element type of X.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: { dtype: X.dtype, shape: [] } }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(l1NormGrad, {
      inputs: { X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, _attrs, { Out }) {
      let sum = 0
      for (let i = 0; i < X.data.length; i++) sum += Math.abs(X.data[i]!)
      Out.data[0] = sum
    },
  },
})

export const l1NormGrad = defineOp({
  type: 'l1_norm_grad',
  doc: 'Gradient of l1_norm: dX = dOut * sign(X).',
  source: 'paddle/fluid/operators/l1_norm_op.h',
  inputs: { X: one('X of l1_norm.', FLOATS), 'Out@GRAD': one('Gradient of Out, one element.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: {},
  inferMeta({ X, 'Out@GRAD': dOut }) {
    requireSameDType('l1_norm_grad', { X, 'Out@GRAD': dOut })
    requireShape('l1_norm_grad', 'Out@GRAD', dOut, [], 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, 'Out@GRAD': dOut }, _attrs, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const dout = dOut.data[0]!
      for (let i = 0; i < dx.length; i++) dx[i] = dout * Math.sign(X.data[i]!)
    },
  },
})
