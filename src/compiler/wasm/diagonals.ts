/** Lowerings of operators that take diagonals out of matrices, or put them in: places one row and one column apart. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { numel, rowMajorStrides, type Shape } from '../../tensor/shape.ts'
import { bitsOf } from './fill.ts'
import type { Lowering } from './lowerings.ts'
import { allOf, fillKernel, moveKernel, type Places } from './move.ts'
import { positive } from './movement.ts'

interface Planes {
  readonly offset: number
  /** The dimensions of the rows and of the columns. */
  readonly axes: readonly [number, number]
}

/** The places of diagonals of `length` elements in a tensor of matrices: the other dimensions, then along the diagonal. */
function onDiagonals(
  tensor: PlannedTensor,
  { offset, axes }: Planes,
  length: number,
): { readonly space: Shape; readonly places: Places } {
  const [rows, columns] = axes.map((axis) => positive(axis, tensor.shape.length)) as [number, number]
  const strides = rowMajorStrides(tensor.shape)
  const others = tensor.shape.map((_, d) => d).filter((d) => d !== rows && d !== columns)
  const space = [...others.map((d) => tensor.shape[d]!), length]
  const steps = [...others.map((d) => strides[d]!), strides[rows]! + strides[columns]!]
  return {
    space,
    places: {
      tensor,
      offset: offset >= 0 ? offset * strides[columns]! : -offset * strides[rows]!,
      strides: steps.map((step, d) => (space[d] === 1 ? 0 : step)),
    },
  }
}

/** Out = the diagonals of the matrices in `input`. */
function take(matrices: PlannedTensor, diagonals: PlannedTensor, planes: Planes, length: number): ReturnType<Lowering> {
  if (matrices.dtype !== diagonals.dtype || numel(diagonals.shape) === 0) return undefined
  const { space, places } = onDiagonals(matrices, planes, length)
  return [moveKernel(space, allOf(diagonals, space), places)]
}

/** Matrices with the given diagonals, and `around` everywhere else. */
function put(
  diagonals: PlannedTensor,
  matrices: PlannedTensor,
  planes: Planes,
  length: number,
  around = 0,
): ReturnType<Lowering> {
  const bits = bitsOf(around, matrices.dtype)
  if (matrices.dtype !== diagonals.dtype || numel(diagonals.shape) === 0 || bits === undefined) return undefined
  const { space, places } = onDiagonals(matrices, planes, length)
  return [fillKernel(matrices, bits), moveKernel(space, places, allOf(diagonals, space))]
}

const planesOf = (op: Parameters<Lowering>[0]): Planes => ({
  offset: op.attr<number>('offset'),
  axes: [op.attr<number>('axis1'), op.attr<number>('axis2')],
})

const diagonal: Lowering = (op) => {
  const [Input, Out] = [op.input('Input'), op.output('Out')]
  return Input && Out && take(Input, Out, planesOf(op), Out.shape.at(-1)!)
}

const diagonalGrad: Lowering = (op) => {
  const [dOut, dInput] = [op.input('Out@GRAD'), op.output('Input@GRAD')]
  return dOut && dInput && put(dOut, dInput, planesOf(op), dOut.shape.at(-1)!)
}

const diagEmbed: Lowering = (op) => {
  const [Input, Out] = [op.input('Input'), op.output('Out')]
  const planes: Planes = { offset: op.attr<number>('offset'), axes: [op.attr<number>('dim1'), op.attr<number>('dim2')] }
  return Input && Out && put(Input, Out, planes, Input.shape.at(-1)!)
}

/** A vector becomes the diagonal of a matrix, a matrix gives its diagonal. */
const diagV2: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  const planes: Planes = { offset: op.attr<number>('offset'), axes: [0, 1] }
  if (X === undefined || Out === undefined) return undefined
  if (X.shape.length === 2) return take(X, Out, planes, Out.shape[0]!)
  return put(X, Out, planes, numel(X.shape), op.attr<number>('padding_value'))
}

const diagV2Grad: Lowering = (op) => {
  const [dOut, dX] = [op.input('Out@GRAD'), op.output('X@GRAD')]
  const planes: Planes = { offset: op.attr<number>('offset'), axes: [0, 1] }
  if (dOut === undefined || dX === undefined) return undefined
  return dX.shape.length === 2 ? put(dOut, dX, planes, dOut.shape[0]!) : take(dOut, dX, planes, numel(dX.shape))
}

export const diagonals: Readonly<Record<string, Lowering>> = {
  diagonal,
  diagonal_grad: diagonalGrad,
  diag_embed: diagEmbed,
  diag_v2: diagV2,
  diag_v2_grad: diagV2Grad,
}
