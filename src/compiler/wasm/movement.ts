/** Lowerings of operators that move elements and never compute with them. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { numel, product, rowMajorStrides, type Shape } from '../../tensor/shape.ts'
import { hasLanes } from './elements.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import type { Piece } from './ir.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { allOf, fillKernel, moveKernel } from './move.ts'
import { type OpReader, whole } from './op_reader.ts'

/** All elements in their order: a loop, which can be joined to others, where loops read the element type. */
export function copyPiece(from: PlannedTensor, to: PlannedTensor): Piece {
  if (hasLanes(to.dtype)) return loop(to.shape, { target: to, value: whole(from, to.shape) })
  return moveKernel([numel(to.shape)], { tensor: to, strides: [1] }, { tensor: from, strides: [1] })
}

const copy =
  (input: string, output: string): Lowering =>
  (op) => {
    const [from, to] = [op.input(input), op.output(output)]
    if (from === undefined || to === undefined || from.dtype !== to.dtype || numel(to.shape) === 0) return undefined
    return [copyPiece(from, to)]
  }

type Sides = readonly (PlannedTensor | undefined)[]

/**
 * Copies between a tensor and its parts along an axis; a part that is undefined is left out. Parts may lack the axis.
 * @param sizes of the parts along the axis.
 */
function parts(list: Sides, sizes: readonly number[], joined: PlannedTensor, axis: number, join: boolean): Piece[] {
  const inner = product(joined.shape, axis + 1)
  const outer = product(joined.shape, 0, axis)
  const row = joined.shape[axis]! * inner
  const pieces: Piece[] = []
  let offset = 0
  list.forEach((part, i) => {
    const width = sizes[i]! * inner
    if (part !== undefined && width > 0) {
      const piece = { tensor: part, strides: [width, 1] }
      const place = { tensor: joined, offset, strides: [row, 1] }
      pieces.push(join ? moveKernel([outer, width], place, piece) : moveKernel([outer, width], piece, place))
    }
    offset += width
  })
  return pieces
}

/** The axis counted from the front. */
export const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** True where the axis or other attributes are given by tensors. */
const isGiven = (op: OpReader, ...slots: string[]): boolean => slots.some((slot) => op.inputs(slot).length > 0)

interface Join {
  readonly parts: string
  readonly whole: string
  /** Whether the parts are inputs. */
  readonly join: boolean
  /** Slot whose tensors have the sizes of the parts along the axis; without it each part is one slice. */
  readonly sizes?: string
}

const joining =
  ({ parts: slot, whole: wholeSlot, join, sizes: sizesSlot }: Join): Lowering =>
  (op) => {
    const list = join ? op.inputs(slot) : op.outputs(slot)
    const joined = join ? op.output(wholeSlot) : op.input(wholeSlot)
    if (joined === undefined || numel(joined.shape) === 0 || isGiven(op, 'AxisTensor', 'SectionsTensorList'))
      return undefined
    if (list.some((part) => part !== undefined && part.dtype !== joined.dtype)) return undefined
    const axis = positive(op.attr<number>('axis'), joined.shape.length)
    if (sizesSlot === undefined) {
      return parts(
        list,
        list.map(() => 1),
        joined,
        axis,
        join,
      )
    }
    const measured = sizesSlot === slot ? list : op.inputs(sizesSlot)
    if (measured.includes(undefined)) return undefined
    return parts(
      list,
      measured.map((part) => part!.shape[axis]!),
      joined,
      axis,
      join,
    )
  }

/** Out's dimension i is dimension order[i] of X. */
function permuted(X: PlannedTensor, Out: PlannedTensor, order: readonly number[]): Piece[] {
  const strides = rowMajorStrides(X.shape)
  const from = { tensor: X, strides: order.map((d) => (X.shape[d] === 1 ? 0 : strides[d]!)) }
  return [moveKernel(Out.shape, allOf(Out), from)]
}

const transpose =
  (input: string, output: string, back: boolean): Lowering =>
  (op) => {
    const [X, Out] = [op.input(input), op.output(output)]
    if (X === undefined || Out === undefined || X.dtype !== Out.dtype || numel(Out.shape) === 0) return undefined
    const order = op.attr<readonly number[]>('axis').map((d) => positive(d, X.shape.length))
    return permuted(X, Out, back ? order.map((_, d) => order.indexOf(d)) : order)
  }

interface Cut {
  readonly offset: number
  readonly strides: readonly number[]
  readonly space: Shape
}

const BOUNDS = ['Starts', 'Ends', 'Strides'].flatMap((name) => [`${name}Tensor`, `${name}TensorList`])

/** The places of a slice in what it is cut from; `count` elements are known by the shape of the slice. */
function cutOf(op: OpReader, shape: Shape, slice: PlannedTensor): Cut | undefined {
  if (isGiven(op, ...BOUNDS) || numel(slice.shape) === 0) return undefined
  const strides = rowMajorStrides(shape)
  const axes = op.attr<readonly number[]>('axes')
  const steps = op.type.startsWith('strided') ? op.attr<readonly number[]>('strides') : undefined
  const decreased = new Set(op.attr<readonly number[]>('decrease_axis').map((axis) => positive(axis, shape.length)))
  const counts = new Map<number, number>()
  let next = 0
  for (let d = 0; d < shape.length; d++) counts.set(d, decreased.has(d) ? 1 : slice.shape[next++]!)
  let offset = 0
  const moved = [...strides]
  axes.forEach((given, i) => {
    const axis = positive(given, shape.length)
    const size = shape[axis]!
    const step = steps?.[i] ?? 1
    const start = op.attr<readonly number[]>('starts')[i]!
    const from = start < 0 ? Math.max(start + size, 0) : step > 0 ? start : Math.min(start, size - 1)
    offset += from * strides[axis]!
    moved[axis] = step * strides[axis]!
  })
  const space = shape.map((_, d) => counts.get(d)!)
  return { offset, space, strides: moved.map((step, d) => (space[d] === 1 ? 0 : step)) }
}

const slice: Lowering = (op) => {
  const [Input, Out] = [op.input('Input'), op.output('Out')]
  const cut = Input && Out && cutOf(op, Input.shape, Out)
  if (cut === undefined || Input === undefined || Out === undefined) return undefined
  return [moveKernel(cut.space, allOf(Out, cut.space), { tensor: Input, ...cut })]
}

const sliceGrad: Lowering = (op) => {
  const [Input, dOut, dInput] = [op.input('Input'), op.input('Out@GRAD'), op.output('Input@GRAD')]
  if (Input === undefined || dOut === undefined || dInput?.dtype !== dOut.dtype) return undefined
  const cut = cutOf(op, Input.shape, dOut)
  if (cut === undefined) return undefined
  return [fillKernel(dInput, 0n), moveKernel(cut.space, { tensor: dInput, ...cut }, allOf(dOut, cut.space))]
}

/** Elements before and after each dimension of X; negative numbers cut elements of X off. */
type Paddings = readonly number[]

const givenPaddings = (op: OpReader): Paddings => op.attr<Paddings>('paddings')

/** pad3d names the last dimension of a volume first. undefined where a tensor gives them, or something else than a constant is put in. */
function volumePaddings(op: OpReader): Paddings | undefined {
  if (op.input('Paddings') !== undefined || op.attr<string>('mode') !== 'constant') return undefined
  const [left, right, top, bottom, front, back] =
    op.attr<readonly [number, number, number, number, number, number]>('paddings')
  const sides = [front, back, top, bottom, left, right]
  return op.attr<string>('data_format') === 'NCDHW' ? [0, 0, 0, 0, ...sides] : [0, 0, ...sides, 0, 0]
}

/** What the padded tensor and the smaller one have in common, and where it lies in each. */
function common(padded: PlannedTensor, small: PlannedTensor, paddings: Paddings) {
  const cut = (count: number): number => Math.max(-count, 0)
  const space = small.shape.map((size, d) => size - cut(paddings[2 * d]!) - cut(paddings[2 * d + 1]!))
  const places = (tensor: PlannedTensor, before: (count: number) => number) => {
    const strides = rowMajorStrides(tensor.shape)
    const offset = strides.reduce((sum, step, d) => sum + step * before(paddings[2 * d]!), 0)
    return { tensor, offset, strides: strides.map((step, d) => (space[d] === 1 ? 0 : step)) }
  }
  return { space, outside: places(padded, (count) => Math.max(count, 0)), inside: places(small, cut) }
}

const padding =
  (paddingsOf: (op: OpReader) => Paddings | undefined, value: string): Lowering =>
  (op) => {
    const [X, Out, paddings] = [op.input('X'), op.output('Out'), paddingsOf(op)]
    if (X?.dtype !== 'float32' || Out === undefined || paddings === undefined || !op.isFloat32()) return undefined
    const bits = new Int32Array(new Float32Array([op.attr<number>(value)]).buffer)[0]!
    const { space, outside, inside } = common(Out, X, paddings)
    const fill = fillKernel(Out, BigInt(bits))
    return space.some((size) => size < 1) ? [fill] : [fill, moveKernel(space, outside, inside)]
  }

const paddingGrad =
  (paddingsOf: (op: OpReader) => Paddings | undefined): Lowering =>
  (op) => {
    const [dOut, dX, paddings] = [op.input('Out@GRAD'), op.output('X@GRAD'), paddingsOf(op)]
    if (!dOut || !dX || paddings === undefined || !op.isFloat32('Out@GRAD', 'X@GRAD')) return undefined
    const { space, outside, inside } = common(dOut, dX, paddings)
    if (space.some((size) => size < 1)) return undefined
    const cuts = paddings.some((count) => count < 0)
    // The TypeScript kernel adds to zeros, which makes -0 a 0.
    const sum = loop(dX.shape, { target: dX, value: e.add(whole(dX), e.constant(0)) })
    return [...(cuts ? [fillKernel(dX, 0n)] : []), moveKernel(space, inside, outside), sum]
  }

/** The corner of a box of X, which has as many elements as `box`. */
function boxOf(op: OpReader, X: PlannedTensor, box: PlannedTensor) {
  if (isGiven(op, 'Offsets', 'OffsetsTensor') || X.dtype !== box.dtype || numel(box.shape) === 0) return undefined
  const strides = rowMajorStrides(X.shape)
  const offsets = op.attr<readonly number[]>('offsets')
  const offset = strides.reduce((sum, step, d) => sum + step * offsets[d]!, 0)
  return { tensor: X, offset, strides: strides.map((step, d) => (box.shape[d] === 1 ? 0 : step)) }
}

const crop: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  const box = X && Out && boxOf(op, X, Out)
  return box && [moveKernel(Out!.shape, allOf(Out!), box)]
}

const cropGrad: Lowering = (op) => {
  const [dOut, dX] = [op.input('Out@GRAD'), op.output('X@GRAD')]
  const box = dOut && dX && boxOf(op, dX, dOut)
  return box && [fillKernel(dX!, 0n), moveKernel(dOut!.shape, box, allOf(dOut!))]
}

/** Every element in its place counted from the other end along the axes. */
const flip: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out === undefined || numel(X.shape) === 0) return undefined
  const axes = new Set(op.attr<readonly number[]>('axis').map((axis) => positive(axis, X.shape.length)))
  const steps = fullStrides(X.shape)
  const offset = steps.reduce((sum, step, d) => sum + (axes.has(d) ? step * (X.shape[d]! - 1) : 0), 0)
  const strides = steps.map((step, d) => (axes.has(d) ? -step : step))
  return [moveKernel(Out.shape, allOf(Out), { tensor: X, offset, strides })]
}

const RESHAPES = ['reshape', 'reshape2', 'flatten_contiguous_range', 'flatten2', 'squeeze2', 'unsqueeze2']

export const movement: Readonly<Record<string, Lowering>> = {
  ...Object.fromEntries(
    RESHAPES.flatMap((type) => [
      [type, copy('X', 'Out')],
      [`${type}_grad`, copy('Out@GRAD', 'X@GRAD')],
    ]),
  ),
  assign: copy('X', 'Out'),
  memcpy: copy('X', 'Out'),
  share_data: copy('X', 'Out'),
  concat: joining({ parts: 'X', whole: 'Out', join: true, sizes: 'X' }),
  concat_grad: joining({ parts: 'X@GRAD', whole: 'Out@GRAD', join: false, sizes: 'X' }),
  split: joining({ parts: 'Out', whole: 'X', join: false, sizes: 'Out' }),
  stack: joining({ parts: 'X', whole: 'Y', join: true }),
  stack_grad: joining({ parts: 'X@GRAD', whole: 'Y@GRAD', join: false }),
  unstack: joining({ parts: 'Y', whole: 'X', join: false }),
  unstack_grad: joining({ parts: 'Y@GRAD', whole: 'X@GRAD', join: true }),
  unbind: joining({ parts: 'Out', whole: 'X', join: false }),
  transpose2: transpose('X', 'Out', false),
  transpose2_grad: transpose('Out@GRAD', 'X@GRAD', true),
  slice,
  slice_grad: sliceGrad,
  strided_slice: slice,
  strided_slice_grad: sliceGrad,
  pad: padding(givenPaddings, 'pad_value'),
  pad_grad: paddingGrad(givenPaddings),
  pad3d: padding(volumePaddings, 'value'),
  pad3d_grad: paddingGrad(volumePaddings),
  crop_tensor: crop,
  crop_tensor_grad: cropGrad,
  flip,
  reverse: flip,
}
