/** What operators on square matrices share: the check of shapes, the stack of matrices of a tensor, its factors and inverses. */
import { InvalidArgumentError } from '../../errors.ts'
import type { KernelTensor, Meta } from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { type Factors, factorize, invertFactored } from '../../tensor/lu.ts'
import { matmul, transposed } from '../../tensor/matmul.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'

/** @throws InvalidArgumentError E203 unless the last two dimensions are equal; with `filled` also for a dimension of 0. */
export function requireSquare(opType: string, slot: string, { shape }: Meta, filled = false): void {
  const [rows, columns] = shape.slice(-2)
  const square = shape.length >= 2 && (rows === columns || rows! < 0 || columns! < 0)
  if (square && !(filled && shape.includes(0))) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: ${slot} must be square matrices, [..., N, N]${filled ? ' with elements' : ''}, got ${formatShape(shape)}`,
    { where: { opType, slot }, got: shape },
  )
}

/** Matrices one after the other: `count` of them, n by n. */
export interface Stack {
  readonly n: number
  readonly count: number
}

export const stackOf = (shape: Shape): Stack => ({ n: shape.at(-1)!, count: product(shape, 0, shape.length - 2) })

/** @throws InvalidArgumentError E224 for a matrix that has no inverse. */
export function factorizeInvertible(
  opType: string,
  data: NumberArray,
  offset: number,
  n: number,
  transpose = false,
): Factors {
  const factors = factorize(data, offset, n, transpose)
  if (!factors.singular) return factors
  throw new InvalidArgumentError('E224', `${opType}: matrix ${offset / (n * n)} has no inverse`, {
    where: { opType },
    hint: 'a pivot of its factors is 0',
  })
}

/** The inverses of all matrices. @throws InvalidArgumentError E224. */
export function invertAll(opType: string, { data, shape }: KernelTensor, out: NumberArray): void {
  const { n, count } = stackOf(shape)
  for (let i = 0; i < count; i++) out.set(invertFactored(factorizeInvertible(opType, data, i * n * n, n)), i * n * n)
}

/** dX = -Vᵀ dV Vᵀ for the inverses V of all matrices X. */
export function invertAllGrad(inverse: NumberArray, dout: NumberArray, { n, count }: Stack, dx: NumberArray): void {
  const left = new Float64Array(n * n)
  const both = new Float64Array(n * n)
  for (let i = 0; i < count; i++) {
    const offset = i * n * n
    const v = transposed({ data: inverse, offset, row: n, col: 1 })
    matmul(n, n, n, v, { data: dout, offset, row: n, col: 1 }, left)
    matmul(n, n, n, { data: left, offset: 0, row: n, col: 1 }, v, both)
    for (let k = 0; k < n * n; k++) dx[offset + k] = -both[k]!
  }
}
