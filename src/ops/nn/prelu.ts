/** prelu: the leaky rectifier whose slope below 0 is learnt. Source: He et al. 2015; paddle/phi/kernels/cpu/prelu_kernel.cc (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type FilledAttrs,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, numel, product, type Shape } from '../../tensor/shape.ts'

const ATTRS = {
  data_format: attr.string('NCHW', {
    doc: 'Where the channels are: NCHW in dimension 1, NHWC in the last.',
    check: oneOf('NCHW', 'NHWC'),
  }),
  mode: attr.string('all', {
    doc: 'One slope for all, for each channel, or for each element of a sample.',
    check: oneOf('all', 'channel', 'element'),
  }),
  is_test: attr.bool(false, { extra: true, doc: 'Has no effect.' }),
}
type PreluAttrs = FilledAttrs<typeof ATTRS>

/** Slope floor(i / run) mod count belongs to element i. */
function slopes(shape: Shape, { mode, data_format }: PreluAttrs): { readonly count: number; readonly run: number } {
  if (mode === 'all') return { count: 1, run: 1 }
  if (mode === 'element') return { count: product(shape, 1), run: 1 }
  return data_format === 'NCHW' ? { count: shape[1]!, run: product(shape, 2) } : { count: shape.at(-1)!, run: 1 }
}

/** @throws InvalidArgumentError E203 for shapes, E210 for element types. */
function checkShapes(opType: string, X: Meta, Alpha: Meta, attrs: PreluAttrs): void {
  requireSameDType(opType, { X, Alpha })
  const fail = (rule: string): InvalidArgumentError =>
    new InvalidArgumentError(
      'E203',
      `${opType}: in mode ${attrs.mode} ${rule}, got X ${formatShape(X.shape)} and Alpha ${formatShape(Alpha.shape)}`,
      { got: { X: X.shape, Alpha: Alpha.shape } },
    )
  const size = numel(Alpha.shape)
  if (attrs.mode === 'channel' && X.shape.length < 2) throw fail('X must have rank 2 or more')
  if (attrs.mode === 'element') {
    if (X.shape.length !== Alpha.shape.length || X.shape.length === 0) throw fail('Alpha must have the rank of X')
    const [sample, given] = [X.shape.slice(1), Alpha.shape.slice(1)]
    if (!sample.includes(-1) && !given.includes(-1) && product(sample) !== product(given)) {
      throw fail('Alpha must have as many elements as a sample of X')
    }
    return
  }
  const count = attrs.mode === 'all' ? 1 : slopes(X.shape, attrs).count
  if (size >= 0 && count >= 0 && size !== count) {
    throw fail(count === 1 ? 'Alpha must hold one element' : `Alpha must hold ${count} elements`)
  }
}

export const preluGrad = defineOp({
  type: 'prelu_grad',
  doc: 'Gradient of prelu: dOut, times the slope where X is not above 0; the slope gets the sum of X * dOut there.',
  source: 'paddle/phi/kernels/cpu/prelu_grad_kernel.cc',
  inputs: {
    X: one('X of prelu.', FLOATS),
    Alpha: one('Alpha of prelu.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Alpha@GRAD': optional('Gradient of Alpha.') },
  attrs: ATTRS,
  inferMeta({ X, Alpha, 'Out@GRAD': dOut }, attrs) {
    checkShapes('prelu_grad', X, Alpha, attrs)
    requireSameDType('prelu_grad', { X, 'Out@GRAD': dOut })
    requireShape('prelu_grad', 'Out@GRAD', dOut, X.shape, 'the shape of X')
    return { 'X@GRAD': X, 'Alpha@GRAD': Alpha }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Alpha, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX, 'Alpha@GRAD': dAlpha }) {
      const { data: x } = X
      const { data: alpha } = Alpha
      const { data: dout } = dOut
      const dx = dX?.data
      const { count, run } = slopes(X.shape, attrs)
      const sums = new Float64Array(alpha.length)
      for (let from = 0, s = 0; from < x.length; from += run, s = s + 1 === count ? 0 : s + 1) {
        const slope = alpha[s]!
        let sum = 0
        for (let i = from; i < from + run; i++) {
          const above = x[i]! > 0
          if (!above) sum += x[i]! * dout[i]!
          if (dx !== undefined) dx[i] = above ? dout[i]! : slope * dout[i]!
        }
        sums[s] = sums[s]! + sum
      }
      dAlpha?.data.set(sums)
    },
  },
})

export const prelu = defineOp({
  type: 'prelu',
  doc: 'X where it is above 0, else Alpha * X.',
  source: 'paddle/phi/kernels/cpu/prelu_kernel.cc',
  inputs: {
    X: one('Any shape; rank 2 or more for mode channel.', FLOATS),
    Alpha: one(
      'One element for mode all, one per channel for channel, a sample of X behind a first dimension for element.',
      FLOATS,
    ),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X, Alpha }, attrs) {
    checkShapes('prelu', X, Alpha, attrs)
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(preluGrad, {
      inputs: { X: inputs.X, Alpha: inputs.Alpha, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Alpha@GRAD': inputGrads.Alpha },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X, Alpha }, attrs, { Out }) {
      const { data: x } = X
      const { data: alpha } = Alpha
      const { data: out } = Out
      const { count, run } = slopes(X.shape, attrs)
      for (let from = 0, s = 0; from < x.length; from += run, s = s + 1 === count ? 0 : s + 1) {
        const slope = alpha[s]!
        for (let i = from; i < from + run; i++) out[i] = x[i]! > 0 ? x[i]! : slope * x[i]!
      }
    },
  },
})
