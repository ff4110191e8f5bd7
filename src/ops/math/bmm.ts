/** Matrix products with fixed ranks: `bmm`, two stacks of matrices, and `addmm`, a product added to a matrix. With their gradients. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { expand, reduceTo } from '../../tensor/broadcast.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import { matchOperands, multiply, multiplyForX, multiplyForY, planProducts } from './matrix_products.ts'

const AS_GIVEN = { trans_x: false, trans_y: false }

/** @throws InvalidArgumentError E203 unless the rank is one of `ranks`. */
function requireRank(opType: string, slot: string, { shape }: Meta, ranks: readonly number[]): void {
  if (ranks.includes(shape.length)) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: ${slot} must have ${ranks.join(' or ')} dimensions, got shape ${formatShape(shape)}`,
    { where: { opType, slot }, expected: ranks, got: shape },
  )
}

function bmmShape(opType: string, X: Meta, Y: Meta): Shape {
  requireRank(opType, 'X', X, [3])
  requireRank(opType, 'Y', Y, [3])
  const [a, b] = [X.shape[0]!, Y.shape[0]!]
  if (a !== b && a >= 0 && b >= 0) {
    throw new InvalidArgumentError('E203', `${opType}: X has ${a} matrices, Y has ${b}`, { expected: a, got: b })
  }
  return matchOperands(opType, X.shape, Y.shape, AS_GIVEN).outShape
}

export const bmm = defineOp({
  type: 'bmm',
  doc: 'The products of the matrices of two stacks, X[b] Y[b] for each b.',
  source: 'paddle/phi/kernels/impl/bmm_kernel_impl.h',
  differs: 'Operands without elements work.',
  inputs: { X: one('[B, M, K].', FLOATS), Y: one('[B, K, N], element type of X.', FLOATS) },
  outputs: { Out: one('[B, M, N].') },
  attrs: {},
  inferMeta({ X, Y }) {
    requireSameDType('bmm', { X, Y })
    return { Out: { dtype: X.dtype, shape: bmmShape('bmm', X, Y) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(bmmGrad, {
      inputs: { X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Y }, _attrs, { Out }) {
      multiply(planProducts('bmm', X.shape, Y.shape, AS_GIVEN), X.data, Y.data, Out.data)
    },
  },
})

export const bmmGrad = defineOp({
  type: 'bmm_grad',
  doc: 'Gradient of bmm: dX[b] = dOut[b] Y[b]ᵀ, dY[b] = X[b]ᵀ dOut[b].',
  source: 'paddle/phi/kernels/impl/bmm_grad_kernel_impl.h',
  inputs: { X: one('X of bmm.', FLOATS), Y: one('Y of bmm.', FLOATS), 'Out@GRAD': one('Gradient of Out.', FLOATS) },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Y@GRAD': optional('Gradient of Y.') },
  attrs: {},
  inferMeta({ X, Y, 'Out@GRAD': dOut }) {
    requireSameDType('bmm_grad', { X, Y, 'Out@GRAD': dOut })
    requireShape('bmm_grad', 'Out@GRAD', dOut, bmmShape('bmm_grad', X, Y), 'the shape of Out')
    return { 'X@GRAD': X, 'Y@GRAD': Y }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const plan = planProducts('bmm_grad', X.shape, Y.shape, AS_GIVEN)
      multiplyForX(plan, Y.data, dOut.data, dX)
      multiplyForY(plan, X.data, dOut.data, dY)
    },
  },
})

const FACTORS = {
  Alpha: attr.float(1, { doc: 'Factor of the product.' }),
  Beta: attr.float(1, { doc: 'Factor of Input. With 0 the values of Input do not count, not even NaN.' }),
}

const atLeast2D = (shape: Shape): Shape => (shape.length === 1 ? [1, shape[0]!] : shape)

function addmmShape(opType: string, Input: Meta, X: Meta, Y: Meta): Shape {
  requireRank(opType, 'Input', Input, [1, 2])
  requireRank(opType, 'X', X, [2])
  requireRank(opType, 'Y', Y, [2])
  const { outShape } = matchOperands(opType, X.shape, Y.shape, AS_GIVEN)
  const fits = atLeast2D(Input.shape).every((dim, i) => dim === outShape[i] || dim === 1 || dim < 0 || outShape[i]! < 0)
  if (fits) return outShape
  throw new InvalidArgumentError(
    'E203',
    `${opType}: Input of shape ${formatShape(Input.shape)} does not broadcast to the product of shape ${formatShape(outShape)}`,
    { where: { opType, slot: 'Input' }, expected: outShape, got: Input.shape },
  )
}

/** Out = Beta * Input + Alpha * X Y. */
export const addmm = defineOp({
  type: 'addmm',
  doc: 'Beta * Input + Alpha * X Y, where Input broadcasts to the shape of the product.',
  source: 'paddle/phi/kernels/impl/addmm_kernel_impl.h',
  differs: 'Operands without elements work.',
  inputs: {
    Input: one('[M, N], or with 1 in place of M, N or both, or [N], or [1].', FLOATS),
    X: one('[M, K], element type of Input.', FLOATS),
    Y: one('[K, N], element type of Input.', FLOATS),
  },
  outputs: { Out: one('[M, N].') },
  attrs: FACTORS,
  inferMeta({ Input, X, Y }) {
    requireSameDType('addmm', { Input, X, Y })
    return { Out: { dtype: Input.dtype, shape: addmmShape('addmm', Input, X, Y) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(addmmGrad, {
      inputs: { Input: inputs.Input, X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'Input@GRAD': inputGrads.Input, 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ Input, X, Y }, { Alpha, Beta }, { Out }) {
      const sums = new Float64Array(Out.data.length)
      multiply(planProducts('addmm', X.shape, Y.shape, AS_GIVEN), X.data, Y.data, sums)
      const added = expand(Input.data, atLeast2D(Input.shape), Out.shape)
      const out = Out.data
      if (Beta === 0) for (let i = 0; i < out.length; i++) out[i] = Alpha * sums[i]!
      else for (let i = 0; i < out.length; i++) out[i] = Beta * added[i]! + Alpha * sums[i]!
    },
  },
})

export const addmmGrad = defineOp({
  type: 'addmm_grad',
  doc: 'Gradient of addmm: dInput = Beta * dOut, summed where Input was repeated, dX = Alpha * dOut Yᵀ, dY = Alpha * Xᵀ dOut.',
  source: 'paddle/phi/kernels/impl/addmm_grad_kernel_impl.h',
  inputs: {
    Input: one('Input of addmm.', FLOATS),
    X: one('X of addmm.', FLOATS),
    Y: one('Y of addmm.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: {
    'Input@GRAD': optional('Gradient of Input.'),
    'X@GRAD': optional('Gradient of X.'),
    'Y@GRAD': optional('Gradient of Y.'),
  },
  attrs: FACTORS,
  inferMeta({ Input, X, Y, 'Out@GRAD': dOut }) {
    requireSameDType('addmm_grad', { Input, X, Y, 'Out@GRAD': dOut })
    requireShape('addmm_grad', 'Out@GRAD', dOut, addmmShape('addmm_grad', Input, X, Y), 'the shape of Out')
    return { 'Input@GRAD': Input, 'X@GRAD': X, 'Y@GRAD': Y }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ Input, X, Y, 'Out@GRAD': dOut }, { Alpha, Beta }, outputs) {
      const plan = planProducts('addmm_grad', X.shape, Y.shape, AS_GIVEN)
      const dout = Float64Array.from(dOut.data, (value) => Alpha * value)
      multiplyForX(plan, Y.data, dout, outputs['X@GRAD'])
      multiplyForY(plan, X.data, dout, outputs['Y@GRAD'])
      const dInput = outputs['Input@GRAD']
      if (dInput === undefined) return
      const all = Float64Array.from(dOut.data, (value) => Beta * value)
      reduceTo(all, dOut.shape, atLeast2D(Input.shape), dInput.data)
    },
  },
})
