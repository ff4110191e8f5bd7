/** multi_dot: the product of a chain of matrices, in the order that takes the fewest multiplications. */
import { InvalidArgumentError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type KernelTensor, type Meta, many, type OpDesc, one } from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { matmul, transposed } from '../../tensor/matmul.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'

/** A matrix of its own array, row by row. */
interface Factor {
  readonly rows: number
  readonly columns: number
  readonly data: NumberArray
}

/**
 * The sizes of the chain: matrix i is [sizes[i], sizes[i + 1]]. A vector in front is a row, one at the end a column.
 * @throws InvalidArgumentError E206 for less than two factors, E203 for shapes that do not fit.
 */
function chainOf(opType: string, shapes: readonly Shape[]): number[] {
  if (shapes.length < 2) {
    throw new InvalidArgumentError('E206', `${opType}: X needs two variables or more, got ${shapes.length}`, {
      where: { opType, slot: 'X' },
      got: shapes.length,
    })
  }
  const sizes: number[] = []
  shapes.forEach((shape, i) => {
    const last = i === shapes.length - 1
    const vector = shape.length === 1 && (i === 0 || last)
    const [rows, columns] = vector ? (i === 0 ? [1, shape[0]!] : [shape[0]!, 1]) : shape
    const before = sizes.at(-1)
    const fits = before === undefined || before === rows || before < 0 || rows! < 0
    if ((!vector && shape.length !== 2) || !fits) {
      throw new InvalidArgumentError(
        'E203',
        `${opType}: X[${i}] must be a matrix${i === 0 || last ? ' or a vector' : ''}${before === undefined ? '' : ` with ${before} rows`}, got ${formatShape(shape)}`,
        { where: { opType, slot: 'X' }, ...(before === undefined ? {} : { expected: before }), got: shape },
      )
    }
    if (before === undefined) sizes.push(rows!)
    sizes.push(columns!)
  })
  return sizes
}

function outShape(opType: string, shapes: readonly Shape[]): Shape {
  const sizes = chainOf(opType, shapes)
  return [...(shapes[0]!.length === 1 ? [] : [sizes[0]!]), ...(shapes.at(-1)!.length === 1 ? [] : [sizes.at(-1)!])]
}

function multiply(a: Factor, b: Factor, out: NumberArray = new Float64Array(a.rows * b.columns)): Factor {
  const left = { data: a.data, offset: 0, row: a.columns, col: 1 }
  const right = { data: b.data, offset: 0, row: b.columns, col: 1 }
  matmul(a.rows, b.columns, a.columns, left, right, out)
  return { rows: a.rows, columns: b.columns, data: out }
}

/** For the factors from i to j the place behind which the last product of the cheapest order parts them: split[i][j]. */
function cheapestSplits(sizes: readonly number[]): number[][] {
  const count = sizes.length - 1
  const cost = Array.from({ length: count }, () => new Array<number>(count).fill(0))
  const split = Array.from({ length: count }, () => new Array<number>(count).fill(0))
  for (let length = 2; length <= count; length++) {
    for (let i = 0; i + length <= count; i++) {
      const j = i + length - 1
      cost[i]![j] = Infinity
      for (let k = i; k < j; k++) {
        const total = cost[i]![k]! + cost[k + 1]![j]! + sizes[i]! * sizes[k + 1]! * sizes[j + 1]!
        if (total >= cost[i]![j]!) continue
        cost[i]![j] = total
        split[i]![j] = k
      }
    }
  }
  return split
}

const factorsOf = (X: readonly KernelTensor[], sizes: readonly number[]): Factor[] =>
  X.map(({ data }, i) => ({ rows: sizes[i]!, columns: sizes[i + 1]!, data }))

export const multiDotGrad = defineOp({
  type: 'multi_dot_grad',
  doc: 'Gradient of multi_dot: for each factor Lᵀ dOut Rᵀ, where L and R are the products of those before and behind it.',
  source: 'paddle/phi/kernels/impl/multi_dot_kernel_impl.h',
  inputs: { X: many('The factors of multi_dot.', FLOATS), 'Out@GRAD': one('Gradient of Out.', FLOATS) },
  outputs: { 'X@GRAD': many('Gradients of X, one for each.') },
  attrs: {},
  inferMeta({ X, 'Out@GRAD': dOut }) {
    requireSameDType('multi_dot_grad', { ...Object.fromEntries(X.map((x, i) => [`X[${i}]`, x])), 'Out@GRAD': dOut })
    const wanted = outShape(
      'multi_dot_grad',
      X.map(({ shape }) => shape),
    )
    requireShape('multi_dot_grad', 'Out@GRAD', dOut, wanted, 'the shape of Out')
    return { 'X@GRAD': X as Meta[] }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': grads }) {
      const sizes = chainOf(
        'multi_dot_grad',
        X.map(({ shape }) => shape),
      )
      const factors = factorsOf(X, sizes)
      // Lᵀ dOut for each factor, from the front; then Rᵀ from the back.
      const fronts: Factor[] = [{ rows: sizes[0]!, columns: sizes.at(-1)!, data: dOut.data }]
      for (const { rows, columns, data } of factors.slice(0, -1)) {
        const before = fronts.at(-1)!
        const out = new Float64Array(columns * before.columns)
        const left = transposed({ data, offset: 0, row: columns, col: 1 })
        matmul(columns, before.columns, rows, left, { data: before.data, offset: 0, row: before.columns, col: 1 }, out)
        fronts.push({ rows: columns, columns: before.columns, data: out })
      }
      let behind: Factor | undefined
      for (let i = factors.length - 1; i >= 0; i--) {
        const { rows, columns, data } = factors[i]!
        const front = fronts[i]!
        const grad = grads[i]
        if (grad !== undefined && behind === undefined) grad.data.set(front.data)
        else if (grad !== undefined) multiply(front, behind!, grad.data)
        const flipped = new Float64Array(rows * columns)
        for (let k = 0; k < flipped.length; k++) flipped[(k % columns) * rows + Math.floor(k / columns)] = data[k]!
        const turned = { rows: columns, columns: rows, data: flipped }
        behind = behind === undefined ? turned : multiply(behind, turned)
      }
    },
  },
})

export const multiDot = defineOp({
  type: 'multi_dot',
  doc: 'The product of all X, two or more: matrices, of which the first may be a row and the last a column given as vectors. Multiplied in the cheapest order.',
  source: 'paddle/phi/kernels/impl/multi_dot_kernel_impl.h',
  inputs: { X: many('Matrices of one element type; the first and the last may be vectors.', FLOATS) },
  outputs: { Out: one('[M, N], without M for a vector in front and without N for one at the end.') },
  attrs: {},
  inferMeta({ X }) {
    const shape = outShape(
      'multi_dot',
      X.map((meta) => meta.shape),
    )
    requireSameDType('multi_dot', Object.fromEntries(X.map((x, i) => [`X[${i}]`, x])))
    return { Out: { dtype: X[0]!.dtype, shape } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(multiDotGrad, {
      inputs: { X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, _attrs, { Out }) {
      const sizes = chainOf(
        'multi_dot',
        X.map(({ shape }) => shape),
      )
      const split = cheapestSplits(sizes)
      const factors = factorsOf(X, sizes)
      const chain = (i: number, j: number): Factor =>
        i === j ? factors[i]! : multiply(chain(i, split[i]![j]!), chain(split[i]![j]! + 1, j))
      Out.data.set(chain(0, factors.length - 1).data)
    },
  },
})
