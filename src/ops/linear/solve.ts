/** solve and triangular_solve: systems of linear equations with one matrix each, in float64. Leading dimensions broadcast. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type KernelTensor,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { expand, reduceTo } from '../../tensor/broadcast.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { solveFactored, solveTriangular } from '../../tensor/lu.ts'
import { matmul, transposed } from '../../tensor/matmul.ts'
import { broadcast, formatShape, product, type Shape } from '../../tensor/shape.ts'
import { factorizeInvertible, requireSquare } from './square.ts'

/** X [..., N, N] and Y [..., N, K] over their common leading dimensions. */
interface Systems {
  readonly n: number
  readonly columns: number
  /** Leading dimensions, and those of X and of Y with ones put in. */
  readonly batch: Shape
  readonly xBatch: Shape
  readonly yBatch: Shape
  /** Y is a vector for each matrix, [..., N]. */
  readonly vectors: boolean
}

/** @throws InvalidArgumentError E203 for other shapes. */
function systemsOf(opType: string, X: Meta, Y: Meta, vectors: boolean): Systems {
  requireSquare(opType, 'X', X, true)
  const y = vectors ? [...Y.shape, 1] : Y.shape
  const n = X.shape.at(-1)!
  const rows = y.at(-2)
  if (rows === undefined || (rows !== n && rows >= 0 && n >= 0) || y.includes(0)) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: Y must have as many rows as the matrices of X, ${n}, got ${formatShape(Y.shape)}`,
      { where: { opType, slot: 'Y' }, expected: n, got: Y.shape },
    )
  }
  const { shape, x, y: yBatch } = broadcast(opType, X.shape.slice(0, -2), y.slice(0, -2), -1)
  return { n, columns: y.at(-1)!, batch: shape, xBatch: x, yBatch, vectors }
}

const outShape = ({ batch, n, columns, vectors }: Systems): Shape => [...batch, n, ...(vectors ? [] : [columns])]

/** Calls `visit` with the number of each system and those of its matrix in X and of its right side in Y. */
function eachSystem({ batch, xBatch, yBatch }: Systems, visit: (i: number, x: number, y: number) => void): void {
  const count = product(batch)
  const numbers = (shape: Shape): Int32Array =>
    expand(
      Int32Array.from({ length: product(shape) }, (_, i) => i),
      shape,
      batch,
    )
  const [xs, ys] = [numbers(xBatch), numbers(yBatch)]
  for (let i = 0; i < count; i++) visit(i, xs[i]!, ys[i]!)
}

/** Solves one system: A⁻¹ B for matrix `x` of X, or with the transposed matrix. */
type Solver = (
  X: KernelTensor,
  x: number,
  b: Float64Array | KernelTensor['data'],
  offset: number,
  transpose: boolean,
) => Float64Array

function solveAll(systems: Systems, X: KernelTensor, Y: KernelTensor, Out: KernelTensor, solver: Solver): void {
  const size = systems.n * systems.columns
  eachSystem(systems, (i, x, y) => Out.data.set(solver(X, x, Y.data, y * size, false), i * size))
}

/**
 * dY = A⁻ᵀ dOut and, with R = -dY Outᵀ, `toX(R, i)` for every system; both summed over what was repeated.
 */
function solveAllGrad(
  systems: Systems,
  { X, Out, dOut }: { X: KernelTensor; Out: KernelTensor; dOut: KernelTensor },
  { dX, dY }: { dX: KernelTensor | undefined; dY: KernelTensor | undefined },
  solver: Solver,
  /** Of R the gradient of the matrix as it stands in X. */
  toX: (product: Float64Array) => void,
  swapped = false,
): void {
  const { n, columns, batch, xBatch, yBatch } = systems
  const size = n * columns
  const allY = new Float64Array(product(batch) * size)
  const allX = new Float64Array(dX === undefined ? 0 : product(batch) * n * n)
  const matrix = new Float64Array(n * n)
  eachSystem(systems, (i, x) => {
    allY.set(solver(X, x, dOut.data, i * size, true), i * size)
    if (dX === undefined) return
    const grad = { data: allY, offset: i * size, row: columns, col: 1 }
    const out = { data: Out.data, offset: i * size, row: columns, col: 1 }
    if (swapped) matmul(n, n, columns, out, transposed(grad), matrix)
    else matmul(n, n, columns, grad, transposed(out), matrix)
    for (let k = 0; k < n * n; k++) matrix[k] = -matrix[k]!
    toX(matrix)
    allX.set(matrix, i * n * n)
  })
  if (dY !== undefined) reduceTo(allY, [...batch, size], [...yBatch, size], dY.data)
  if (dX !== undefined) reduceTo(allX, [...batch, n * n], [...xBatch, n * n], dX.data)
}

/** Y is a vector for each matrix if it has the shape of X without the last dimension, or is 1-D. */
const isVectors = (X: Meta, Y: Meta): boolean =>
  Y.shape.length === 1 ||
  (Y.shape.length === X.shape.length - 1 && Y.shape.every((dim, d) => dim === X.shape[d] || dim < 0 || X.shape[d]! < 0))

function solveSystems(opType: string, X: Meta, Y: Meta): Systems {
  return systemsOf(opType, X, Y, isVectors(X, Y))
}

const bySolving =
  (opType: string, columns: number): Solver =>
  (X, x, b, offset, transpose) => {
    const n = X.shape.at(-1)!
    return solveFactored(factorizeInvertible(opType, X.data, x * n * n, n, transpose), b, offset, columns)
  }

/** The slots of both gradient operators. */
const gradientOf = (opType: string) => ({
  inputs: {
    X: one(`X of ${opType}.`, FLOATS),
    Y: one(`Y of ${opType}.`, FLOATS),
    Out: one(`Out of ${opType}.`, FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Y@GRAD': optional('Gradient of Y.') },
})

function gradientMeta(
  opType: string,
  { X, Y, Out, 'Out@GRAD': dOut }: { X: Meta; Y: Meta; Out: Meta; 'Out@GRAD': Meta },
  systems: Systems,
): { 'X@GRAD': Meta; 'Y@GRAD': Meta } {
  requireSameDType(opType, { X, Y, Out, 'Out@GRAD': dOut })
  requireShape(opType, 'Out', Out, outShape(systems), 'the shape that X and Y give')
  requireShape(opType, 'Out@GRAD', dOut, outShape(systems), 'the shape of Out')
  return { 'X@GRAD': X, 'Y@GRAD': Y }
}

export const solveGrad = defineOp({
  type: 'solve_grad',
  doc: 'Gradient of solve: dY = X⁻ᵀ dOut, dX = -dY Outᵀ, summed over what was repeated.',
  source: 'paddle/phi/kernels/impl/solve_grad_kernel_impl.h',
  ...gradientOf('solve'),
  attrs: {},
  inferMeta: (inputs) => gradientMeta('solve_grad', inputs, solveSystems('solve_grad', inputs.X, inputs.Y)),
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, Out, 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const systems = solveSystems('solve_grad', X, Y)
      solveAllGrad(systems, { X, Out, dOut }, { dX, dY }, bySolving('solve_grad', systems.columns), () => {})
    },
  },
})

export const solve = defineOp({
  type: 'solve',
  doc: 'The solutions Out of X Out = Y. A matrix of X that has no inverse is an InvalidArgumentError.',
  source: 'paddle/phi/kernels/impl/solve_kernel_impl.h',
  inputs: {
    X: one('[..., N, N] with elements.', FLOATS),
    Y: one('[..., N, K], or [..., N] with the leading dimensions of X, or [N]. Element type of X.', FLOATS),
  },
  outputs: { Out: one('[..., N, K], or [..., N].') },
  attrs: {},
  inferMeta({ X, Y }) {
    requireSameDType('solve', { X, Y })
    return { Out: { dtype: X.dtype, shape: outShape(solveSystems('solve', X, Y)) } }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(solveGrad, {
      inputs: { X: inputs.X, Y: inputs.Y, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Y }, _attrs, { Out }) {
      const systems = solveSystems('solve', X, Y)
      solveAll(systems, X, Y, Out, bySolving('solve', systems.columns))
    },
  },
})

const TRIANGLE = {
  upper: attr.bool(true, { doc: 'Which triangle of X counts; the other one is not read.' }),
  transpose: attr.bool(false, { doc: 'Solve with the transposed matrices.' }),
  unitriangular: attr.bool(false, { doc: 'The diagonal counts as ones and is not read.' }),
}
interface Triangle {
  readonly upper: boolean
  readonly transpose: boolean
  readonly unitriangular: boolean
}

const byTriangle =
  (columns: number, { upper, transpose: given, unitriangular }: Triangle): Solver =>
  (X, x, b, offset, transpose) => {
    const n = X.shape.at(-1)!
    const turned = given !== transpose
    const [row, col] = turned ? [1, n] : [n, 1]
    const out = Float64Array.from(b.subarray(offset, offset + n * columns))
    const matrix = { data: X.data, offset: x * n * n, row, col }
    solveTriangular(matrix, n, { upper: upper !== turned, unit: unitriangular }, out, columns)
    return out
  }

/** Sets what is not read of a matrix to 0: the other triangle, and the diagonal of ones. */
function cutTriangle(matrix: Float64Array, { upper, unitriangular }: Triangle): void {
  const n = Math.sqrt(matrix.length)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const read = i === j ? !unitriangular : upper === i < j
      if (!read) matrix[i * n + j] = 0
    }
  }
}

export const triangularSolveGrad = defineOp({
  type: 'triangular_solve_grad',
  doc: 'Gradient of triangular_solve: dY = T⁻ᵀ dOut, dT = -dY Outᵀ in the triangle that is read, summed over what was repeated.',
  source: 'paddle/phi/kernels/impl/triangular_solve_grad_kernel_impl.h',
  ...gradientOf('triangular_solve'),
  attrs: TRIANGLE,
  inferMeta(inputs) {
    const systems = systemsOf('triangular_solve_grad', inputs.X, inputs.Y, false)
    return gradientMeta('triangular_solve_grad', inputs, systems)
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, Out, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const systems = systemsOf('triangular_solve_grad', X, Y, false)
      const cut = (matrix: Float64Array): void => cutTriangle(matrix, attrs)
      solveAllGrad(systems, { X, Out, dOut }, { dX, dY }, byTriangle(systems.columns, attrs), cut, attrs.transpose)
    },
  },
})

export const triangularSolve = defineOp({
  type: 'triangular_solve',
  doc: 'The solutions Out of T Out = Y for the triangles T of X. A 0 on the diagonal gives infinities or NaN.',
  source: 'paddle/phi/kernels/impl/triangular_solve_kernel_impl.h',
  differs:
    'Y must have as many rows as X; Paddle reads outside its memory. The gradient of X is 0 where X is not read and adds up all that was repeated; in Paddle it is wrong for lower triangles with unitriangular, and where Y has more dimensions than X.',
  inputs: { X: one('[..., N, N] with elements.', FLOATS), Y: one('[..., N, K], element type of X.', FLOATS) },
  outputs: { Out: one('[..., N, K].') },
  attrs: TRIANGLE,
  inferMeta({ X, Y }) {
    requireSameDType('triangular_solve', { X, Y })
    return { Out: { dtype: X.dtype, shape: outShape(systemsOf('triangular_solve', X, Y, false)) } }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(triangularSolveGrad, {
      inputs: { X: inputs.X, Y: inputs.Y, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Y }, attrs, { Out }) {
      const systems = systemsOf('triangular_solve', X, Y, false)
      solveAll(systems, X, Y, Out, byTriangle(systems.columns, attrs))
    },
  },
})
