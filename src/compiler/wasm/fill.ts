/** Lowerings of operators that write one number everywhere, and of those that repeat tensors. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { type DType, isHalf, isInteger, makeView } from '../../tensor/dtype.ts'
import { float32ToHalf } from '../../tensor/half.ts'
import { numel, type Shape, sameShape } from '../../tensor/shape.ts'
import { hasLanes } from './elements.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import type { Piece } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { allOf, fillKernel, moveKernel } from './move.ts'
import { type OpReader, whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'

/** What memory holds for a number; undefined where an integer type does not hold it, which the TypeScript kernel reports. */
export function bitsOf(value: number, dtype: DType): bigint | undefined {
  const bytes = new ArrayBuffer(8)
  const view = makeView(dtype, bytes, 0, 1)
  if (isHalf(dtype)) float32ToHalf(dtype as 'float16' | 'bfloat16', Float32Array.of(value), view as Uint16Array)
  else if (view instanceof BigInt64Array) {
    if (!Number.isSafeInteger(Math.trunc(value))) return undefined
    view[0] = BigInt(Math.trunc(value))
  } else if (dtype === 'bool') view[0] = value !== 0 ? 1 : 0
  else view[0] = value
  if (isInteger(dtype) && dtype !== 'int64' && view[0] !== Math.trunc(value)) return undefined
  return new BigUint64Array(bytes)[0]
}

function fill(to: PlannedTensor | undefined, value: number): ReturnType<Lowering> {
  if (to === undefined || numel(to.shape) === 0 || to.dtype.startsWith('complex')) return undefined
  const bits = bitsOf(value, to.dtype)
  if (bits === undefined) return undefined
  if (!hasLanes(to.dtype)) return [fillKernel(to, bits)]
  return [loop(to.shape, { target: to, value: e.bits(Number(BigInt.asIntN(32, bits))) })]
}

const DECIMAL = /^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$/

/** A constant written by attributes alone. */
const fillConstant: Lowering = (op) => {
  if (['ValueTensor', 'ShapeTensor', 'ShapeTensorList'].some((slot) => op.inputs(slot).length > 0)) return undefined
  const text = op.attr<string>('str_value')
  if (text !== '' && !DECIMAL.test(text)) return undefined
  return fill(op.output('Out'), text === '' ? op.attr<number>('value') : Number(text))
}

const zeros: Lowering = (op) => fill(op.output('Out'), 0)

/** With ones in front, so that there are `rank` dimensions. */
const lifted = (shape: Shape, rank: number): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape]

/**
 * A repetition as a broadcast: the elements of `large` in order are those of the larger tensor. `index` is the place of the tensor in the slot
 * that it comes from.
 */
type Repetition = (x: Shape, out: Shape, index: number) => readonly [small: Shape, large: Shape]

const expanded: Repetition = (x, out) => [lifted(x, out.length), out]

/** Each vector along the dimension of its own place. */
const gridded: Repetition = (x, out, index) => [out.map((_, d) => (d === index ? (x[0] ?? 1) : 1)), out]

/** A dimension of n repeated r times is [1, n] expanded to [r, n]. */
const tiled: Repetition = (x, out) => {
  const from = lifted(x, out.length)
  return [from.flatMap((size) => [1, size]), from.flatMap((size, d) => [out[d]! / size, size])]
}

function repeatPiece(X: PlannedTensor, Out: PlannedTensor, [small, large]: ReturnType<Repetition>): Piece {
  const strides = fullStrides(small)
  if (!hasLanes(X.dtype)) return moveKernel(large, allOf(Out, large), { tensor: X, strides })
  return loop(large, { target: Out, value: e.read({ tensor: X, strides }) })
}

/** Every tensor of X repeated; one that nobody wants is left out. */
const repeat =
  (repetition: Repetition): Lowering =>
  (op) => {
    const given = op.inputs('X')
    const pieces: Piece[] = []
    for (const [i, Out] of op.outputs('Out').entries()) {
      const X = given[i]
      if (Out === undefined) continue
      if (X === undefined || numel(Out.shape) === 0 || numel(X.shape) === 0) return undefined
      pieces.push(repeatPiece(X, Out, repetition(X.shape, Out.shape, i)))
    }
    return pieces
  }

/** What was repeated gets the sum. */
const repeatGrad =
  (repetition: Repetition, slot = 'Out@GRAD'): Lowering =>
  (op) => {
    if (!op.isFloat32(slot, 'X@GRAD')) return undefined
    const given = op.inputs(slot)
    const pieces: Piece[] = []
    for (const [i, dX] of op.outputs('X@GRAD').entries()) {
      const dOut = given[i]
      if (dX === undefined) continue
      if (dOut === undefined) return undefined
      const [small, large] = repetition(dX.shape, dOut.shape, i)
      const strides = fullStrides(small)
      const piece = sameShape(small, large)
        ? loop(dX.shape, { target: dX, value: whole(dOut, dX.shape) })
        : reductionKernel({ space: large, value: whole(dOut, large), target: dX, strides, combine: 'add' })
      if (piece === undefined) return undefined
      pieces.push(piece)
    }
    return pieces
  }

export const fills: Readonly<Record<string, Lowering>> = {
  fill_constant: fillConstant,
  fill_constant_batch_size_like: fillConstant,
  fill_zeros_like: zeros,
  fill_zeros_like2: zeros,
  fill_any_like: (op: OpReader) => fill(op.output('Out'), op.attr<number>('value')),
  expand_v2: repeat(expanded),
  expand_v2_grad: repeatGrad(expanded),
  expand_as_v2: repeat(expanded),
  expand_as_v2_grad: repeatGrad(expanded),
  tile: repeat(tiled),
  tile_grad: repeatGrad(tiled),
  expand: repeat(tiled),
  expand_grad: repeatGrad(tiled),
  broadcast_tensors: repeat(expanded),
  broadcast_tensors_grad: repeatGrad(expanded),
  meshgrid: repeat(gridded),
  meshgrid_grad: repeatGrad(gridded, 'outputs@GRAD'),
}
