/** The matrix product with NumPy's rules (`matmul_v2`) and its gradient. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, describeOp, type KernelTensor, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { expand } from '../../tensor/broadcast.ts'
import { NUMBERS, type NumberArray } from '../../tensor/dtype.ts'
import { type Matrix, matmul, matmulInt32, matmulInt64, transposed } from '../../tensor/matmul.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'

const ATTRS = {
  trans_x: attr.bool(false, { doc: 'Exchange the last two dimensions of X first; a vector stays as it is.' }),
  trans_y: attr.bool(false, { doc: 'Exchange the last two dimensions of Y first; a vector stays as it is.' }),
}
interface Transposes {
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
function matchOperands(x: Shape, y: Shape, { trans_x, trans_y }: Transposes): Operands {
  const fail = (why: string): InvalidArgumentError => {
    const how = `${trans_x ? ', transposed,' : ''} and Y of shape ${formatShape(y)}${trans_y ? ', transposed,' : ''}`
    return new InvalidArgumentError('E203', `matmul_v2: X of shape ${formatShape(x)}${how}: ${why}`, {
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
interface Plan {
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

function planProducts(x: Shape, y: Shape, attrs: Transposes): Plan {
  const { m: rows, n, k, xBatch, yBatch, batch, transX, transY } = matchOperands(x, y, attrs)
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

/**
 * Out = X Y over the last two dimensions. A vector X is one row and a vector Y one column, and that dimension is left out of the result;
 * leading dimensions broadcast.
 */
export const matmulV2 = defineOp({
  type: 'matmul_v2',
  doc: 'The matrix product of the last two dimensions of X and Y; leading dimensions broadcast, vectors count as a row and a column.',
  source: 'paddle/phi/kernels/impl/matmul_kernel_impl.h',
  differs: 'Operands without elements work, and so does the gradient where both X and Y are repeated.',
  inputs: {
    X: one('[..., M, K], or [K]; [..., K, M] if trans_x.', NUMBERS),
    Y: one('[..., K, N], or [K]; [..., N, K] if trans_y. Element type of X.', NUMBERS),
  },
  outputs: { Out: one('[..., M, N], without M for a vector X and without N for a vector Y.') },
  attrs: ATTRS,
  inferMeta({ X, Y }, attrs) {
    requireSameDType('matmul_v2', { X, Y })
    return { Out: { dtype: X.dtype, shape: matchOperands(X.shape, Y.shape, attrs).outShape } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(matmulV2Grad, {
      inputs: { X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Y }, attrs, { Out }) {
      const { m, n, k, count, x, y } = planProducts(X.shape, Y.shape, attrs)
      const out = Out.data
      for (let i = 0; i < count; i++) {
        if (out instanceof Int32Array) matmulInt32(m, n, k, x(X.data, i), y(Y.data, i), out, i * m * n)
        else matmul(m, n, k, x(X.data, i), y(Y.data, i), out, i * m * n)
      }
    },
    int64({ X, Y }, attrs, { Out }) {
      const { m, n, k, count, x, y } = planProducts(X.shape, Y.shape, attrs)
      for (let i = 0; i < count; i++) {
        const left = x(X.data as BigInt64Array, i)
        matmulInt64(m, n, k, left, y(Y.data as BigInt64Array, i), Out.data as BigInt64Array, i * m * n)
      }
    },
  },
})

/** dX = dOut Yᵀ and dY = Xᵀ dOut, each summed over the leading dimensions in which its operand was repeated. */
export const matmulV2Grad = defineOp({
  type: 'matmul_v2_grad',
  doc: 'Gradient of matmul_v2: dX = dOut Yᵀ, dY = Xᵀ dOut, summed where an operand was repeated.',
  source: 'paddle/phi/kernels/impl/matmul_grad_kernel_impl.h',
  inputs: {
    X: one('X of matmul_v2.'),
    Y: one('Y of matmul_v2.'),
    'Out@GRAD': one('Gradient of Out.'),
  },
  outputs: {
    'X@GRAD': optional('Gradient of X, of its shape and element type.'),
    'Y@GRAD': optional('Gradient of Y, of its shape and element type.'),
  },
  attrs: ATTRS,
  inferMeta: ({ X, Y }) => ({ 'X@GRAD': X, 'Y@GRAD': Y }),
  grad: 'unregistered',
  kernels: {
    cpu({ X, Y, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const plan = planProducts(X.shape, Y.shape, attrs)
      const { m, n, k, count, transX, transY } = plan
      const gradient = (i: number): Matrix => ({ data: dOut.data, offset: i * m * n, row: n, col: 1 })
      if (dX !== undefined) {
        collect(dX, plan.xShared, (out) => {
          for (let i = 0; i < count; i++) {
            const y = plan.y(Y.data, i)
            const { offset } = plan.x(out, i)
            if (transX) matmul(k, m, n, y, transposed(gradient(i)), out, offset, plan.xShared)
            else matmul(m, k, n, gradient(i), transposed(y), out, offset, plan.xShared)
          }
        })
      }
      if (dY !== undefined) {
        collect(dY, plan.yShared, (out) => {
          for (let i = 0; i < count; i++) {
            const x = plan.x(X.data, i)
            const { offset } = plan.y(out, i)
            if (transY) matmul(n, k, m, transposed(gradient(i)), x, out, offset, plan.yShared)
            else matmul(k, n, m, transposed(x), gradient(i), out, offset, plan.yShared)
          }
        })
      }
    },
  },
})

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
