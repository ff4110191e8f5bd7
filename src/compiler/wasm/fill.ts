/** Lowerings of operators that write one number everywhere, and of those that repeat a tensor. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { type DType, isHalf, isInteger, makeView } from '../../tensor/dtype.ts'
import { float32ToHalf } from '../../tensor/half.ts'
import { numel, type Shape, sameShape } from '../../tensor/shape.ts'
import { hasLanes } from './elements.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
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

/** A repetition as a broadcast: the elements of `large` in order are those of the larger tensor. */
type Repetition = (x: Shape, out: Shape) => readonly [small: Shape, large: Shape]

const expanded: Repetition = (x, out) => [lifted(x, out.length), out]

/** A dimension of n repeated r times is [1, n] expanded to [r, n]. */
const tiled: Repetition = (x, out) => {
  const from = lifted(x, out.length)
  return [from.flatMap((size) => [1, size]), from.flatMap((size, d) => [out[d]! / size, size])]
}

const repeat =
  (repetition: Repetition): Lowering =>
  (op) => {
    const [X, Out] = [op.input('X'), op.output('Out')]
    if (X === undefined || Out === undefined || numel(Out.shape) === 0 || numel(X.shape) === 0) return undefined
    const [small, large] = repetition(X.shape, Out.shape)
    const strides = fullStrides(small)
    if (!hasLanes(X.dtype)) return [moveKernel(large, allOf(Out, large), { tensor: X, strides })]
    return [loop(large, { target: Out, value: e.read({ tensor: X, strides }) })]
  }

/** What was repeated gets the sum. */
const repeatGrad =
  (repetition: Repetition): Lowering =>
  (op) => {
    const [dOut, dX] = [op.input('Out@GRAD'), op.output('X@GRAD')]
    if (dOut === undefined || dX === undefined || !op.isFloat32('Out@GRAD', 'X@GRAD')) return undefined
    const [small, large] = repetition(dX.shape, dOut.shape)
    const value = whole(dOut, large)
    if (sameShape(small, large)) return [loop(dX.shape, { target: dX, value: whole(dOut, dX.shape) })]
    const kernel = reductionKernel({ space: large, value, target: dX, strides: fullStrides(small), combine: 'add' })
    return kernel && [kernel]
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
}
