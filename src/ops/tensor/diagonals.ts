/** Operators on the diagonals of matrices: `eye`, `tril_triu` and `diag_v2`, with their gradients. */
import { InvalidArgumentError, PreconditionNotMetError, UnimplementedError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { type DType, FLOATS, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'

const zeroOf = (out: RawTensor): number => (out.data instanceof BigInt64Array ? 0n : 0) as number
const oneOf = (out: RawTensor): number => (out.data instanceof BigInt64Array ? 1n : 1) as number
/** The elements, of which kernels only move some: bigint or number makes no difference. */
const elements = ({ data }: RawTensor): Float64Array => data as Float64Array

const EYE_DTYPES: readonly DType[] = [...FLOATS, 'int32', 'int64']
const dimension = (least: number) => (value: number | bigint) =>
  value >= least ? null : `a whole number of ${least} or more`

function fillEye(Out: RawTensor): void {
  const [rows, columns] = Out.shape as [number, number]
  const out = elements(Out)
  out.fill(zeroOf(Out))
  for (let i = 0; i < Math.min(rows, columns); i++) out[i * columns + i] = oneOf(Out)
}

export const eye = defineOp({
  type: 'eye',
  doc: 'A matrix with ones on the diagonal and zeros elsewhere.',
  source: 'paddle/phi/kernels/impl/eye_kernel_impl.h',
  inputs: {},
  outputs: { Out: one('[num_rows, num_columns] of the element type `dtype`.') },
  attrs: {
    num_rows: attr.long(undefined, { check: dimension(0) }),
    num_columns: attr.long(-1, { doc: '-1: as many as rows.', check: dimension(-1) }),
    dtype: attr.dtype('float32', { doc: 'Element type of Out.' }),
  },
  inferMeta(_inputs, { num_rows, num_columns, dtype }) {
    if (dtype === -1 || !EYE_DTYPES.includes(dtype)) {
      throw new UnimplementedError('E403', `eye has no kernel for element type ${dtype}`, {
        expected: EYE_DTYPES,
        got: dtype,
      })
    }
    return { Out: { dtype, shape: [Number(num_rows), Number(num_columns === -1 ? num_rows : num_columns)] } }
  },
  grad: 'none',
  kernels: {
    cpu: (_inputs, _attrs, { Out }) => fillEye(Out),
    int64: (_inputs, _attrs, { Out }) => fillEye(Out),
  },
})

const TRIANGLE = {
  diagonal: attr.int(0, {
    doc: 'The diagonal where the triangle begins: above the main one if positive, below if negative.',
  }),
  lower: attr.bool(false, { doc: 'Keep the lower triangle instead of the upper one.' }),
}

/** Copies what is on or above the diagonal, or on or below it, and writes zeros elsewhere. */
function copyTriangle(from: RawTensor, { diagonal, lower }: { diagonal: number; lower: boolean }, to: RawTensor): void {
  const x = elements(from)
  const out = elements(to)
  const zero = zeroOf(to)
  const rows = to.shape.at(-2)!
  const columns = to.shape.at(-1)!
  const matrices = product(to.shape, 0, to.shape.length - 2)
  let i = 0
  for (let m = 0; m < matrices; m++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++, i++) out[i] = (lower ? c - r <= diagonal : c - r >= diagonal) ? x[i]! : zero
    }
  }
}

function requireMatrices(opType: string, slot: string, shape: Shape): void {
  if (shape.length >= 2) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: ${slot} must have 2 dimensions or more, got shape ${formatShape(shape)}`,
    {
      where: { opType, slot },
      expected: 2,
      got: shape,
    },
  )
}

export const trilTriu = defineOp({
  type: 'tril_triu',
  doc: 'The upper or lower triangles of the matrices in the last two dimensions of X, with zeros elsewhere.',
  source: 'paddle/phi/kernels/impl/tril_triu_kernel_impl.h',
  inputs: { X: one('[..., M, N].', [...NUMBERS, 'bool']) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: TRIANGLE,
  inferMeta({ X }) {
    requireMatrices('tril_triu', 'X', X.shape)
    return { Out: X }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(trilTriuGrad, {
      inputs: { 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu: ({ X }, attrs, { Out }) => copyTriangle(X, attrs, Out),
    int64: ({ X }, attrs, { Out }) => copyTriangle(X, attrs, Out),
    half: ({ X }, attrs, { Out }) => copyTriangle(X, attrs, Out),
  },
})

export const trilTriuGrad = defineOp({
  type: 'tril_triu_grad',
  doc: 'Gradient of tril_triu: the same triangles of dOut.',
  source: 'paddle/phi/kernels/impl/tril_triu_grad_kernel_impl.h',
  inputs: { 'Out@GRAD': one('Gradient of Out.', [...NUMBERS, 'bool']) },
  outputs: { 'X@GRAD': optional('Gradient of X, shape and element type of Out@GRAD.') },
  attrs: TRIANGLE,
  inferMeta({ 'Out@GRAD': dOut }) {
    requireMatrices('tril_triu_grad', 'Out@GRAD', dOut.shape)
    return { 'X@GRAD': dOut }
  },
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu(inputs, attrs, { 'X@GRAD': dX }) {
      if (dX !== undefined) copyTriangle(inputs['Out@GRAD'], attrs, dX)
    },
    int64(inputs, attrs, { 'X@GRAD': dX }) {
      if (dX !== undefined) copyTriangle(inputs['Out@GRAD'], attrs, dX)
    },
    half(inputs, attrs, { 'X@GRAD': dX }) {
      if (dX !== undefined) copyTriangle(inputs['Out@GRAD'], attrs, dX)
    },
  },
})

const DIAGONAL = {
  offset: attr.int(0, { doc: 'Which diagonal: above the main one if positive, below if negative.' }),
  padding_value: attr.float(0, { doc: 'Fills the matrix beside its diagonal; its whole part for whole numbers.' }),
}

/** A vector of n numbers gives a square matrix, a matrix its diagonal. A 0-D tensor counts as a vector of one number. */
function diagonalShape(opType: string, shape: Shape, offset: number): Shape {
  if (shape.length < 2) {
    const length = shape[0] ?? 1
    const side = length < 0 ? -1 : length + Math.abs(offset)
    return [side, side]
  }
  if (shape.length > 2) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: X must have 1 or 2 dimensions, got shape ${formatShape(shape)}`,
      {
        where: { opType, slot: 'X' },
        expected: [1, 2],
        got: shape,
      },
    )
  }
  const [rows, columns] = shape as [number, number]
  if (rows < 0 || columns < 0) return [-1]
  const length = Math.min(rows + Math.min(offset, 0), columns - Math.max(offset, 0))
  if (length >= 0) return [length]
  throw new PreconditionNotMetError(
    'E203',
    `${opType}: attr offset must be in [${-rows}, ${columns}] for X of shape ${formatShape(shape)}, got ${offset}`,
    { where: { opType }, expected: [-rows, columns], got: offset },
  )
}

/** Position of the first element of a diagonal in a matrix of so many columns. */
const diagonalStart = (offset: number, columns: number): number => (offset >= 0 ? offset : -offset * columns)

function copyDiagonal(
  X: RawTensor,
  { offset, padding_value }: { offset: number; padding_value: number },
  Out: RawTensor,
): void {
  const x = elements(X)
  const out = elements(Out)
  if (X.shape.length === 2) {
    const columns = X.shape[1]!
    for (let k = 0, i = diagonalStart(offset, columns); k < out.length; k++, i += columns + 1) out[k] = x[i]!
    return
  }
  const columns = Out.shape[1]!
  if (Out.data instanceof BigInt64Array) Out.data.fill(BigInt(Math.trunc(padding_value)))
  else out.fill(padding_value)
  for (let k = 0, i = diagonalStart(offset, columns); k < x.length; k++, i += columns + 1) out[i] = x[k]!
}

export const diagV2 = defineOp({
  type: 'diag_v2',
  doc: 'A square matrix with the elements of the vector X on a diagonal, or the diagonal of the matrix X.',
  source: 'paddle/phi/kernels/cpu/diag_kernel.cc',
  differs:
    'NaN and infinities as padding of whole numbers are an InvalidArgumentError; in Paddle the result is undefined.',
  inputs: { X: one('0-D, [N] or [M, N].', NUMBERS) },
  outputs: { Out: one('[N + |offset|, N + |offset|], or 1-D for a matrix X. Element type of X.') },
  attrs: DIAGONAL,
  inferMeta({ X }, { offset, padding_value }) {
    if (!FLOATS.includes(X.dtype) && !Number.isFinite(padding_value)) {
      throw new InvalidArgumentError('E201', `diag_v2: attr padding_value ${padding_value} does not fit ${X.dtype}`, {
        expected: X.dtype,
        got: padding_value,
      })
    }
    return { Out: { dtype: X.dtype, shape: diagonalShape('diag_v2', X.shape, offset) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(diagV2Grad, {
      inputs: { X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu: ({ X }, attrs, { Out }) => copyDiagonal(X, attrs, Out),
    int64: ({ X }, attrs, { Out }) => copyDiagonal(X, attrs, Out),
  },
})

/** The diagonal of dOut for a vector X; for a matrix X, dOut on the diagonal and 0 elsewhere. */
export const diagV2Grad = defineOp({
  type: 'diag_v2_grad',
  doc: 'Gradient of diag_v2: dOut on the diagonal.',
  source: 'paddle/phi/kernels/cpu/diag_grad_kernel.cc',
  inputs: { X: one('X of diag_v2.', NUMBERS), 'Out@GRAD': one('Gradient of Out.', NUMBERS) },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: DIAGONAL,
  inferMeta({ X, 'Out@GRAD': dOut }, { offset }) {
    requireSameDType('diag_v2_grad', { X, 'Out@GRAD': dOut })
    requireShape('diag_v2_grad', 'Out@GRAD', dOut, diagonalShape('diag_v2_grad', X.shape, offset), 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, 'Out@GRAD': dOut }, { offset }, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const dout = dOut.data
      if (X.shape.length === 2) {
        const columns = X.shape[1]!
        dx.fill(0)
        for (let k = 0, i = diagonalStart(offset, columns); k < dout.length; k++, i += columns + 1) dx[i] = dout[k]!
      } else {
        const columns = dOut.shape[1]!
        for (let k = 0, i = diagonalStart(offset, columns); k < dx.length; k++, i += columns + 1) dx[k] = dout[i]!
      }
    },
  },
})
