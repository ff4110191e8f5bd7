/**
 * Matrix products over stacks of matrices, shared by matmul_v2, matmul, bmm and addmm: how operands match, and the loops over the stack for
 * the product and its gradients.
 */
import { InvalidArgumentError } from '../../errors.ts'
import type { KernelTensor } from '../../framework/op_def.ts'
import { expand } from '../../tensor/broadcast.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { type Matrix, matmul, matmulInt32, matmulInt64, transposed } from '../../tensor/matmul.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'

export interface Transposes {
  readonly trans_x: boolean
  readonly trans_y: boolean
}

/** Operands as stacks of matrices. */
interface Operands {
  readonly m: number
  readonly n: number
  readonly k: number
  /** Leading dimensions of X, Y and Out; those of X and Y filled up with ones to the same rank. */
  readonly xBatch: Shape
  readonly yBatch: Shape
  readonly batch: Shape
  readonly transX: boolean
  readonly transY: boolean
  readonly outShape: Shape
}

/** @throws InvalidArgumentError E203 for a 0-D operand, inner sizes that differ or leading dimensions that do not broadcast. */
export function matchOperands(opType: string, x: Shape, y: Shape, { trans_x, trans_y }: Transposes): Operands {
  const fail = (why: string): InvalidArgumentError => {
    const how = `${trans_x ? ', transposed,' : ''} and Y of shape ${formatShape(y)}${trans_y ? ', transposed,' : ''}`
    return new InvalidArgumentError('E203', `${opType}: X of shape ${formatShape(x)}${how}: ${why}`, {
      got: { X: x, Y: y, trans_x, trans_y },
    })
  }
  if (x.length === 0 || y.length === 0) throw fail('a 0-D operand has no matrix product')
  const transX = trans_x && x.length > 1
  const transY = trans_y && y.length > 1
  const left = x.length === 1 ? [1, x[0]!] : x
  const right = y.length === 1 ? [y[0]!, 1] : y
  const [m, k] = lastTwo(left, transX)
  const [inner, n] = lastTwo(right, transY)
  if (k !== inner && k >= 0 && inner >= 0) throw fail(`inner sizes ${k} and ${inner} differ`)
  const rank = Math.max(left.length, right.length) - 2
  const fill = (shape: Shape): number[] => [
    ...new Array<number>(rank + 2 - shape.length).fill(1),
    ...shape.slice(0, shape.length - 2),
  ]
  const xBatch = fill(left)
  const yBatch = fill(right)
  const batch = xBatch.map((a, i) => {
    const b = yBatch[i]!
    if (a === b || b === 1) return a
    if (a === 1 || a < 0) return b
    if (b < 0) return a
    throw fail(`leading dimensions ${a} and ${b} do not broadcast`)
  })
  const outShape = [...batch, ...(x.length === 1 ? [] : [m]), ...(y.length === 1 ? [] : [n])]
  return { m, n, k: k < 0 ? inner : k, xBatch, yBatch, batch, transX, transY, outShape }
}

const lastTwo = (shape: Shape, transpose: boolean): [number, number] => {
  const a = shape[shape.length - 2]!
  const b = shape[shape.length - 1]!
  return transpose ? [b, a] : [a, b]
}

/** One product for each element of the batch. */
export interface Plan {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly count: number
  /** Whether products share matrices of X or Y, whose gradients are then sums. */
  readonly xShared: boolean
  readonly yShared: boolean
  readonly transX: boolean
  readonly transY: boolean
  x<D extends NumberArray | BigInt64Array>(data: D, index: number): Matrix<D>
  y<D extends NumberArray | BigInt64Array>(data: D, index: number): Matrix<D>
}

export function planProducts(opType: string, x: Shape, y: Shape, attrs: Transposes): Plan {
  const { m: rows, n, k, xBatch, yBatch, batch, transX, transY } = matchOperands(opType, x, y, attrs)
  // A stack of matrices times one matrix is one product of all their rows.
  const fold = product(yBatch) === 1 && !transX
  const count = fold ? 1 : product(batch)
  const m = fold ? rows * product(batch) : rows
  const number = (shape: Shape): Int32Array =>
    expand(
      Int32Array.from({ length: product(shape) }, (_, i) => i),
      shape,
      batch,
    )
  const xs = fold ? new Int32Array(1) : number(xBatch)
  const ys = fold ? new Int32Array(1) : number(yBatch)
  return {
    m,
    n,
    k,
    count,
    xShared: !fold && product(xBatch) !== count,
    yShared: !fold && product(yBatch) !== count,
    transX,
    transY,
    x: (data, index) => ({ data, offset: xs[index]! * m * k, row: transX ? 1 : k, col: transX ? m : 1 }),
    y: (data, index) => ({ data, offset: ys[index]! * k * n, row: transY ? 1 : n, col: transY ? k : 1 }),
  }
}

/** Out = X Y, matrix by matrix. */
export function multiply(plan: Plan, x: NumberArray, y: NumberArray, out: NumberArray): void {
  const { m, n, k, count } = plan
  for (let i = 0; i < count; i++) {
    if (out instanceof Int32Array) matmulInt32(m, n, k, plan.x(x, i), plan.y(y, i), out, i * m * n)
    else matmul(m, n, k, plan.x(x, i), plan.y(y, i), out, i * m * n)
  }
}

/** The same for int64. */
export function multiplyInt64(plan: Plan, x: BigInt64Array, y: BigInt64Array, out: BigInt64Array): void {
  const { m, n, k, count } = plan
  for (let i = 0; i < count; i++) matmulInt64(m, n, k, plan.x(x, i), plan.y(y, i), out, i * m * n)
}

/** dX = dOut Yᵀ, summed over the products that share a matrix of X. */
export function multiplyForX(plan: Plan, y: NumberArray, dout: NumberArray, dX: KernelTensor | undefined): void {
  if (dX === undefined) return
  const { m, n, k, count, transX, xShared } = plan
  collect(dX, xShared, (out) => {
    for (let i = 0; i < count; i++) {
      const gradient = { data: dout, offset: i * m * n, row: n, col: 1 }
      const { offset } = plan.x(out, i)
      if (transX) matmul(k, m, n, plan.y(y, i), transposed(gradient), out, offset, xShared)
      else matmul(m, k, n, gradient, transposed(plan.y(y, i)), out, offset, xShared)
    }
  })
}

/** dY = Xᵀ dOut, summed over the products that share a matrix of Y. */
export function multiplyForY(plan: Plan, x: NumberArray, dout: NumberArray, dY: KernelTensor | undefined): void {
  if (dY === undefined) return
  const { m, n, k, count, transY, yShared } = plan
  collect(dY, yShared, (out) => {
    for (let i = 0; i < count; i++) {
      const gradient = { data: dout, offset: i * m * n, row: n, col: 1 }
      const { offset } = plan.y(out, i)
      if (transY) matmul(n, k, m, transposed(gradient), plan.x(x, i), out, offset, yShared)
      else matmul(k, n, m, transposed(plan.x(x, i)), gradient, out, offset, yShared)
    }
  })
}

/** Sums over several products are kept in float64 and rounded once. */
function collect(target: KernelTensor, shared: boolean, multiply: (out: NumberArray) => void): void {
  if (!shared) {
    multiply(target.data)
    return
  }
  const sums = new Float64Array(target.data.length)
  multiply(sums)
  target.data.set(sums)
}
