/** Lowerings of operators that take diagonals out of matrices, or put them in, places one row and one column apart, or what lies beside them. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { byteSize } from '../../tensor/dtype.ts'
import { numel, rowMajorStrides, type Shape } from '../../tensor/shape.ts'
import { bitsOf } from './fill.ts'
import type { I32 } from './function_builder.ts'
import { i32, i64 } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { allOf, emitElement, fillKernel, moveKernel, type Places, storeBits, type Width } from './move.ts'
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

/** What lies on one side of a diagonal, with zeros elsewhere. */
const triangle =
  (input: string, output: string): Lowering =>
  (op) => {
    const [X, Out] = [op.input(input), op.output(output)]
    if (X === undefined || Out?.dtype !== X.dtype || numel(X.shape) === 0 || X.dtype.startsWith('complex'))
      return undefined
    const [rows, columns] = X.shape.slice(-2) as [number, number]
    const bytes = byteSize(X.dtype) as Width
    const lower = op.attr<boolean>('lower')
    // Of row r the columns before r + first are kept, or those from there on.
    const first = op.attr<number>('diagonal') + (lower ? 1 : 0)
    return [
      {
        kind: 'kernel',
        key: `triangle|${rows}|${columns}|${bytes}|${first}|${lower}`,
        args: [X, Out],
        writes: [Out],
        overwrites: [X],
        units: numel(X.shape) / columns,
        work: 2 * bytes * numel(X.shape),
        emit: (module) =>
          kernelFunction(module, 2, (f, [x, out], begin, end) => {
            const [row, column] = [f.local('i32'), f.local('i32')]
            const zero = f.let(i64.const(0n))
            const [from, to] = [x!, out!].map((at) => f.let(i32.add(at, i32.mul(begin, i32.const(bytes * columns)))))
            const each = (start: I32 | number, stop: I32 | number, kept: boolean): void =>
              f.count(column, start, stop, 1, () => {
                if (kept) emitElement(f, to!, from!, bytes)
                else storeBits(f, to!, zero, bytes)
                for (const at of [from!, to!]) f.advance(at, bytes)
              })
            f.count(row, begin, end, 1, () => {
              const split = f.let(i32.add(i32.remS(row, i32.const(rows)), i32.const(first)))
              f.set(split, i32.select(i32.ltS(split, i32.const(0)), i32.const(0), split))
              f.set(split, i32.select(i32.gtS(split, i32.const(columns)), i32.const(columns), split))
              each(0, split, lower)
              each(split, columns, !lower)
            })
          }),
      } satisfies Kernel,
    ]
  }

export const diagonals: Readonly<Record<string, Lowering>> = {
  tril_triu: triangle('X', 'Out'),
  tril_triu_grad: triangle('Out@GRAD', 'X@GRAD'),
  diagonal,
  diagonal_grad: diagonalGrad,
  diag_embed: diagEmbed,
  diag_v2: diagV2,
  diag_v2_grad: diagV2Grad,
}
