/** Lowerings of mul, matmul, matmul_v2, bmm and addmm with their gradients: one product of all rows, or one for each matrix of a batch. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { product, type Shape, sameShape } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import { add, constant, mul } from './expression.ts'
import type { GemmShape, MatrixLayout } from './gemm.ts'
import { type Kernel, type Piece, Temporary } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, spread, whole } from './op_reader.ts'
import { productKernel } from './product.ts'
import { reductionKernel } from './reduction.ts'

/** A stack of matrices of `rows` by `columns`, each stored row by row, or turned. */
interface Stack {
  readonly tensor: PlannedTensor
  readonly rows: number
  readonly columns: number
  /** Elements from one matrix to the next; 0 where one matrix serves the whole batch. */
  readonly step: number
  readonly turned: boolean
}

const turn = (stack: Stack): Stack => ({ ...stack, rows: stack.columns, columns: stack.rows, turned: !stack.turned })

const layout = ({ rows, columns, step, turned }: Stack): MatrixLayout =>
  turned ? { batch: step, row: 1, column: rows } : { batch: step, row: columns, column: 1 }

/** result = A B, matrix by matrix. `rowDims` and `columnDims` of the result make up its rows and columns. */
function multiply(
  a: Stack,
  b: Stack,
  batch: number,
  result: PlannedTensor,
  dims: { readonly batch: number; readonly rows: number },
  sumBatch = false,
): Kernel {
  const shape: GemmShape = {
    batch,
    m: a.rows,
    n: b.columns,
    k: a.columns,
    a: layout(a),
    b: layout(b),
    ...(sumBatch ? { sumBatch } : {}),
  }
  return productKernel({
    shape,
    a: a.tensor,
    b: b.tensor,
    result,
    space: result.shape,
    batchDims: dims.batch,
    rowDims: dims.rows,
  })
}

interface Matched {
  readonly x: Stack
  readonly y: Stack
  readonly batch: number
  readonly dims: { readonly batch: number; readonly rows: number }
}

const mulOperands = (op: OpReader): Matched | undefined => {
  const [X, Y] = [op.input('X'), op.input('Y')]
  if (X === undefined || Y === undefined) return undefined
  const xDims = op.attr<number>('x_num_col_dims')
  const yDims = op.attr<number>('y_num_col_dims')
  const flat = (tensor: PlannedTensor, split: number): Stack => ({
    tensor,
    rows: product(tensor.shape, 0, split),
    columns: product(tensor.shape, split),
    step: 0,
    turned: false,
  })
  return { x: flat(X, xDims), y: flat(Y, yDims), batch: 1, dims: { batch: 0, rows: xDims } }
}

/** undefined for vectors and for batches that are partly repeated. */
const matmulOperands = (op: OpReader): Matched | undefined => {
  const [X, Y] = [op.input('X'), op.input('Y')]
  if (X === undefined || Y === undefined || X.shape.length < 2 || Y.shape.length < 2) return undefined
  const stack = (tensor: PlannedTensor, turned: boolean): Stack => {
    const [rows, columns] = tensor.shape.slice(-2) as [number, number]
    const plain = { tensor, rows, columns, step: rows * columns, turned: false }
    return turned ? turn(plain) : plain
  }
  const x = stack(X, op.attr<boolean>('trans_x'))
  const y = stack(Y, op.attr<boolean>('trans_y'))
  const xBatch = X.shape.slice(0, -2)
  const yBatch = Y.shape.slice(0, -2)
  const rank = X.shape.length
  if (product(yBatch) === 1 && yBatch.length <= xBatch.length && !x.turned) {
    // A stack of matrices times one matrix is one product of all their rows.
    const rows = x.rows * product(xBatch)
    return { x: { ...x, rows, step: 0 }, y: { ...y, step: 0 }, batch: 1, dims: { batch: 0, rows: rank - 1 } }
  }
  if (!sameShape(xBatch, yBatch)) return undefined
  return { x, y, batch: product(xBatch), dims: { batch: rank - 2, rows: 1 } }
}

const forward =
  (operands: (op: OpReader) => Matched | undefined): Lowering =>
  (op) => {
    const matched = op.isFloat32() ? operands(op) : undefined
    const Out = op.output('Out')
    if (matched === undefined || Out === undefined) return undefined
    return [multiply(matched.x, matched.y, matched.batch, Out, matched.dims)]
  }

/** dX = dOut Yᵀ and dY = Xᵀ dOut; of an operand that was turned the gradient is turned too. */
const backward =
  (operands: (op: OpReader) => Matched | undefined): Lowering =>
  (op) => {
    const matched = op.isFloat32() ? operands(op) : undefined
    const dOut = op.input('Out@GRAD')
    if (matched === undefined || dOut === undefined) return undefined
    const { x, y, batch } = matched
    const gradient: Stack = {
      tensor: dOut,
      rows: x.rows,
      columns: y.columns,
      step: batch === 1 ? 0 : x.rows * y.columns,
      turned: false,
    }
    const pieces: Kernel[] = []
    const dX = op.output('X@GRAD')
    const dY = op.output('Y@GRAD')
    // Gradients are joined to later loops by their own shape, whose dimensions are rows and columns as the operand's were.
    const dims = (stack: Stack, tensor: PlannedTensor): { batch: number; rows: number } =>
      batch > 1 ? { batch: tensor.shape.length - 2, rows: 1 } : { batch: 0, rows: rowDims(tensor, stack) }
    if (dX !== undefined) {
      const [a, b] = x.turned ? [y, turn(gradient)] : [gradient, turn(y)]
      pieces.push(multiply(a, b, batch, dX, dims(x.turned ? turn(x) : x, dX)))
    }
    if (dY !== undefined) {
      const [a, b] = y.turned ? [turn(gradient), x] : [turn(x), gradient]
      pieces.push(multiply(a, b, batch, dY, dims(y.turned ? turn(y) : y, dY)))
    }
    return pieces
  }

/** How many leading dimensions of a tensor have as many elements as the matrix has rows. */
function rowDims({ shape }: PlannedTensor, { rows }: Stack): number {
  for (let dims = 0; dims <= shape.length; dims++)
    if (product(shape, 0, dims) === rows && product(shape, dims) > 0) return dims
  return shape.length
}

/** The operator matmul of older programs, without a factor and without vectors. */
const older =
  (lowering: Lowering): Lowering =>
  (op) => {
    const [X, Y] = [op.input('X'), op.input('Y')]
    if (op.attr<number>('alpha') !== 1 || !X || !Y || X.shape.length < 2 || Y.shape.length < 2) return undefined
    return lowering(op.part(0, { trans_x: op.attr<boolean>('transpose_X'), trans_y: op.attr<boolean>('transpose_Y') }))
  }

/** The dimensions of Input of addmm over the product. */
const asMatrix = (shape: Shape): Shape => (shape.length === 1 ? [1, shape[0]!] : shape)

/** Out = Beta Input + Alpha X Y */
const addmm: Lowering = (op) => {
  const [Input, Out] = [op.input('Input'), op.output('Out')]
  const matched = op.isFloat32() ? matmulOperands(op) : undefined
  if (matched === undefined || Input === undefined || Out === undefined) return undefined
  const made = new Temporary(Out.shape)
  const [alpha, beta] = [op.attr<number>('Alpha'), op.attr<number>('Beta')]
  const scaled = mul(constant(alpha), whole(made))
  const value = beta === 0 ? scaled : add(mul(constant(beta), spread(Input, asMatrix(Input.shape))), scaled)
  return [multiply(matched.x, matched.y, matched.batch, made, matched.dims), loop(Out.shape, { target: Out, value })]
}

/** dX = Alpha dOut Yᵀ, dY = Alpha Xᵀ dOut, and Beta dOut, summed where Input was repeated. */
const addmmGrad: Lowering = (op) => {
  const [Input, dOut, dInput] = [op.input('Input'), op.input('Out@GRAD'), op.output('Input@GRAD')]
  if (Input === undefined || dOut === undefined) return undefined
  const products = backward(matmulOperands)(op)
  if (products === undefined) return undefined
  const alpha = constant(op.attr<number>('Alpha'))
  const scaled = [op.output('X@GRAD'), op.output('Y@GRAD')].flatMap((target) =>
    target === undefined ? [] : [loop(target.shape, { target, value: mul(alpha, whole(target)) })],
  )
  // The product of X comes first, and so does its factor.
  const pieces: (Piece | undefined)[] = products.flatMap((product, i) => [product, scaled[i]!])
  if (dInput !== undefined) {
    const value = mul(constant(op.attr<number>('Beta')), whole(dOut))
    const kept = asMatrix(Input.shape)
    pieces.push(
      sameShape(kept, dOut.shape)
        ? loop(dOut.shape, { target: dInput, value })
        : reductionKernel({ space: dOut.shape, value, target: dInput, strides: fullStrides(kept), combine: 'add' }),
    )
  }
  return pieces.includes(undefined) ? undefined : (pieces as Piece[])
}

export const matmul: Readonly<Record<string, Lowering>> = {
  mul: forward(mulOperands),
  mul_grad: backward(mulOperands),
  matmul_v2: forward(matmulOperands),
  matmul_v2_grad: backward(matmulOperands),
  matmul: older(forward(matmulOperands)),
  matmul_grad: older(backward(matmulOperands)),
  bmm: forward(matmulOperands),
  bmm_grad: backward(matmulOperands),
  addmm,
  addmm_grad: addmmGrad,
}
