/** slice and strided_slice: ranges of coordinates along some axes. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type InferContext,
  type Meta,
  many,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { ALL, INDEXES } from '../../tensor/dtype.ts'
import { formatShape, resolveAxis, type Shape } from '../../tensor/shape.ts'
import { type AxisMap, readMapped, steps, writeMapped } from './axis_map.ts'
import type { RawTensor } from './copy.ts'
import { shapeInput, shapeListInput } from './shape_inputs.ts'

/** start, start + step, …: `count` of them; count -1 where it is unknown. */
interface Range {
  readonly start: number
  readonly step: number
  readonly count: number
}

/** Attributes of both operators. */
interface Bounds {
  readonly axes: readonly number[]
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  readonly strides?: readonly number[]
  readonly infer_flags: readonly number[]
  readonly decrease_axis: readonly number[]
}

const reversed = (opType: string, axis: number, start: number, end: number): InvalidArgumentError =>
  new InvalidArgumentError('E201', `${opType}: along axis ${axis} start ${start} is behind end ${end}`, {
    got: { axis, start, end },
  })

/** The coordinates from start up to end in a dimension of `size`; both are cut off at the ends of the dimension. */
function forwards(opType: string, axis: number, start: number, end: number, step: number, size: number): Range {
  const from = start < 0 ? Math.max(start + size, 0) : start
  const to = end < 0 ? Math.max(end + size, 0) : Math.min(end, size)
  if (opType === 'slice' ? Math.min(from, size) > to : from > to) throw reversed(opType, axis, start, end)
  return { start: from, step, count: Math.max(0, Math.ceil((to - from) / step)) }
}

/**
 * The coordinates from start down to end. As in Paddle an end of -1 is the place before the first element, and other negative ends count
 * from the back but not past the first element, which they leave out.
 */
function backwards(opType: string, axis: number, start: number, end: number, step: number, size: number): Range {
  const from = start < 0 ? Math.max(start + size, 0) : Math.min(start, size - 1)
  const to = end === -1 ? -1 : end < 0 ? Math.max(end + size, 0) : end
  if (size === 0) return { start: 0, step, count: 0 }
  if (from < to) throw reversed(opType, axis, start, end)
  return { start: from, step, count: Math.ceil((from - to) / -step) }
}

/**
 * Whether axes[i] is indexed with a tensor that holds -1: the index stands as start and start + 1, where an end of 0 is that of the dimension,
 * whatever the stride.
 */
const takesLast = ({ axes, starts, ends, infer_flags, decrease_axis }: Bounds, i: number): boolean =>
  infer_flags[i] === -1 && starts[i] === -1 && ends[i] === 0 && decrease_axis.includes(axes[i]!)

/**
 * The range of every dimension, null for those that are taken whole.
 * @throws InvalidArgumentError E201 for lists of different lengths, a stride of 0 or a start behind the end, E202.
 */
function rangesOf(opType: string, shape: Shape, bounds: Bounds, known: (list: 0 | 1 | 2) => boolean): (Range | null)[] {
  const { axes, starts, ends, strides } = bounds
  for (const [name, list] of Object.entries({ starts, ends, strides })) {
    if (list === undefined || list.length === axes.length) continue
    throw new InvalidArgumentError(
      'E201',
      `${opType}: ${name} must have one entry per axis, ${axes.length}, got ${list.length}`,
      { expected: axes.length, got: list.length },
    )
  }
  const ranges = new Array<Range | null>(shape.length).fill(null)
  axes.forEach((given, i) => {
    const axis = resolveAxis(opType, given, shape, 'axes', 'Input')
    if (given < 0 && opType === 'strided_slice') {
      throw new InvalidArgumentError('E202', `strided_slice: attr axes must not be negative, got ${given}`, {
        expected: [0, shape.length - 1],
        got: given,
      })
    }
    const size = shape[axis]!
    const step = strides?.[i] ?? 1
    if (step === 0 && known(2)) {
      throw new InvalidArgumentError('E201', `${opType}: the stride along axis ${axis} must not be 0`, { got: strides })
    }
    if (size < 0 || !known(0) || !known(1) || !known(2)) ranges[axis] = { start: 0, step: 1, count: -1 }
    else if (takesLast(bounds, i)) ranges[axis] = forwards(opType, axis, -1, size, 1, size)
    else if (step > 0) ranges[axis] = forwards(opType, axis, starts[i]!, ends[i]!, step, size)
    else ranges[axis] = backwards(opType, axis, starts[i]!, ends[i]!, step, size)
  })
  return ranges
}

/** Without the dimensions in `decrease_axis`, each of which must be 1. @throws InvalidArgumentError E203. */
function decreased(opType: string, shape: Shape, decrease: readonly number[]): Shape {
  const gone = new Set(decrease.map((axis) => resolveAxis(opType, axis, shape, 'decrease_axis', 'Input')))
  for (const axis of gone) {
    if (shape[axis] === 1 || shape[axis]! < 0) continue
    throw new InvalidArgumentError(
      'E203',
      `${opType}: dimension ${axis} is in decrease_axis and must be 1, but the slice has shape ${formatShape(shape)}`,
      { expected: 1, got: shape[axis] },
    )
  }
  return shape.filter((_, axis) => !gone.has(axis))
}

const slicedShape = (shape: Shape, ranges: readonly (Range | null)[]): Shape =>
  shape.map((dim, d) => ranges[d]?.count ?? dim)

const mapOf = (ranges: readonly (Range | null)[]): AxisMap =>
  ranges.map((range) => (range === null ? null : steps(range.start, range.step, range.count)))

const always = (): boolean => true

/** A list of bounds in a kernel or in inference: the tensor, else the list of tensors, else the attribute. */
function listed(
  tensor: RawTensor | undefined,
  list: readonly RawTensor[] | undefined,
  given: readonly number[],
): readonly number[] {
  if (tensor !== undefined) return Array.from({ length: tensor.data.length }, (_, i) => Number(tensor.data[i]))
  return list !== undefined && list.length > 0 ? list.map(({ data }) => Number(data[0])) : given
}

interface BoundTensors {
  readonly Input: RawTensor
  readonly StartsTensor?: RawTensor | undefined
  readonly EndsTensor?: RawTensor | undefined
  readonly StridesTensor?: RawTensor | undefined
  readonly StartsTensorList?: readonly RawTensor[]
  readonly EndsTensorList?: readonly RawTensor[]
  readonly StridesTensorList?: readonly RawTensor[]
}

function kernelMap(opType: string, inputs: BoundTensors, attrs: Bounds): AxisMap {
  const bounds = {
    ...attrs,
    starts: listed(inputs.StartsTensor, inputs.StartsTensorList, attrs.starts),
    ends: listed(inputs.EndsTensor, inputs.EndsTensorList, attrs.ends),
    ...(attrs.strides === undefined
      ? {}
      : { strides: listed(inputs.StridesTensor, inputs.StridesTensorList, attrs.strides) }),
  }
  return mapOf(rangesOf(opType, inputs.Input.shape, bounds, always))
}

interface BoundMetas {
  readonly Input: Meta
  readonly StartsTensor?: Meta | undefined
  readonly EndsTensor?: Meta | undefined
  readonly StridesTensor?: Meta | undefined
  readonly StartsTensorList?: readonly Meta[]
  readonly EndsTensorList?: readonly Meta[]
  readonly StridesTensorList?: readonly Meta[]
}

function slicedMeta(opType: string, inputs: BoundMetas, attrs: Bounds, ctx: InferContext, scalar: Shape): Meta {
  const unknown = new Set<number>()
  const bound = (slot: 'Starts' | 'Ends' | 'Strides', order: number, given: readonly number[]): readonly number[] => {
    const tensor = inputs[`${slot}Tensor`]
    const list = inputs[`${slot}TensorList`] ?? []
    if (tensor !== undefined) {
      if (ctx.constant(`${slot}Tensor`) === undefined) unknown.add(order)
      return shapeInput(ctx, `${slot}Tensor`, tensor)
    }
    if (list.length === 0) return given
    if (list.some((_, i) => ctx.constant(`${slot}TensorList`, i) === undefined)) unknown.add(order)
    return shapeListInput(ctx, `${slot}TensorList`, list)
  }
  const bounds = {
    ...attrs,
    starts: bound('Starts', 0, attrs.starts),
    ends: bound('Ends', 1, attrs.ends),
    ...(attrs.strides === undefined ? {} : { strides: bound('Strides', 2, attrs.strides) }),
  }
  const { Input } = inputs
  const shape = slicedShape(
    Input.shape,
    rangesOf(opType, Input.shape, bounds, (list) => !unknown.has(list)),
  )
  const left = decreased(opType, shape, attrs.decrease_axis)
  return { dtype: Input.dtype, shape: left.length === 0 && shape.length > 0 ? scalar : left }
}

/** The gradient of Input. @throws InvalidArgumentError E203 unless Out@GRAD has the shape of the slice. */
function uncutMeta(
  opType: string,
  inputs: BoundMetas & { readonly 'Out@GRAD': Meta },
  attrs: Bounds,
  ctx: InferContext,
  scalar: Shape,
): Meta {
  const { Input, 'Out@GRAD': outGrad } = inputs
  const { shape } = slicedMeta(opType, inputs, attrs, ctx, scalar)
  requireShape(`${opType}_grad`, 'Out@GRAD', outGrad, shape, 'the shape of Out')
  return { dtype: outGrad.dtype, shape: Input.shape }
}

const boundSlots = {
  StartsTensor: optional('1-D: the starts, in place of the attribute.', INDEXES),
  EndsTensor: optional('1-D: the ends, in place of the attribute.', INDEXES),
  StartsTensorList: many('One element each: the starts. May be empty.', INDEXES),
  EndsTensorList: many('One element each: the ends. May be empty.', INDEXES),
}
const strideSlots = {
  StridesTensor: optional('1-D: the strides, in place of the attribute.', INDEXES),
  StridesTensorList: many('One element each: the strides. May be empty.', INDEXES),
}
const sliceAttrs = {
  axes: attr.ints(undefined, { doc: 'The axes that are cut.' }),
  starts: attr.ints([], { doc: 'First coordinate of each; negative from the end.' }),
  ends: attr.ints([], { doc: 'Coordinate behind the last of each; negative from the end.' }),
  infer_flags: attr.ints([], {
    doc: '-1 marks bounds that come from tensors: start -1 with end 0 is the last element if the axis is decreased.',
  }),
  decrease_axis: attr.ints([], { doc: 'Axes, one element long now, that are taken away.' }),
}
const stridedAttrs = { ...sliceAttrs, strides: attr.ints([], { doc: 'Distance of the coordinates; may be negative.' }) }

function cut(opType: string): (inputs: BoundTensors, attrs: Bounds, outputs: { Out: RawTensor }) => void {
  return (inputs, attrs, { Out }) => readMapped(inputs.Input, inputs.Input.shape, kernelMap(opType, inputs, attrs), Out)
}

function uncut(
  opType: string,
): (
  inputs: BoundTensors & { 'Out@GRAD': RawTensor },
  attrs: Bounds,
  outputs: { 'Input@GRAD'?: RawTensor | undefined },
) => void {
  return (inputs, attrs, outputs) => {
    const grad = outputs['Input@GRAD']
    if (grad !== undefined) writeMapped(inputs['Out@GRAD'], inputs.Input.shape, kernelMap(opType, inputs, attrs), grad)
  }
}

const sliceBack = uncut('slice')
const sliceOut = cut('slice')

export const sliceGrad = defineOp({
  type: 'slice_grad',
  doc: 'Gradient of slice: Out@GRAD in its place, zero around it.',
  source: 'paddle/phi/kernels/cpu/slice_grad_kernel.cc',
  inputs: {
    Input: one('Input of slice; only its shape is read.'),
    ...boundSlots,
    'Out@GRAD': one('Gradient of Out.', ALL),
  },
  outputs: { 'Input@GRAD': optional('Gradient of Input.') },
  attrs: sliceAttrs,
  inferMeta: (inputs, attrs, ctx) => ({ 'Input@GRAD': uncutMeta('slice', inputs, attrs, ctx, []) }),
  grad: 'unregistered',
  kernels: { cpu: sliceBack, int64: sliceBack, half: sliceBack },
})

export const slice = defineOp({
  type: 'slice',
  doc: 'The part of Input from `starts` up to `ends` along `axes`, without the dimensions in `decrease_axis`.',
  source: 'paddle/phi/kernels/cpu/slice_kernel.cc',
  differs: 'Tensor arrays cannot be sliced. Negative axes count from the end, where Paddle ignores them.',
  inputs: { Input: one('Any shape.', ALL), ...boundSlots },
  outputs: { Out: one('Element type of Input.') },
  attrs: sliceAttrs,
  inferMeta: (inputs, attrs, ctx) => ({ Out: slicedMeta('slice', inputs, attrs, ctx, []) }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(sliceGrad, {
      inputs: {
        Input: inputs.Input,
        StartsTensor: inputs.StartsTensor,
        EndsTensor: inputs.EndsTensor,
        StartsTensorList: inputs.StartsTensorList,
        EndsTensorList: inputs.EndsTensorList,
        'Out@GRAD': outputGrads.Out,
      },
      outputs: { 'Input@GRAD': inputGrads.Input },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: sliceOut, int64: sliceOut, half: sliceOut },
})

const stridedBack = uncut('strided_slice')
const stridedOut = cut('strided_slice')

export const stridedSliceGrad = defineOp({
  type: 'strided_slice_grad',
  doc: 'Gradient of strided_slice: Out@GRAD in its places, zero between them.',
  source: 'paddle/phi/kernels/cpu/strided_slice_grad_kernel.cc',
  inputs: {
    Input: one('Input of strided_slice; only its shape is read.'),
    ...boundSlots,
    ...strideSlots,
    'Out@GRAD': one('Gradient of Out.', ALL),
  },
  outputs: { 'Input@GRAD': optional('Gradient of Input.') },
  attrs: stridedAttrs,
  inferMeta: (inputs, attrs, ctx) => ({ 'Input@GRAD': uncutMeta('strided_slice', inputs, attrs, ctx, [1]) }),
  grad: 'unregistered',
  kernels: { cpu: stridedBack, int64: stridedBack, half: stridedBack },
})

export const stridedSlice = defineOp({
  type: 'strided_slice',
  doc: 'Every `strides`-th element of Input from `starts` up to (or down to) `ends` along `axes`. With every axis decreased the shape is [1].',
  source: 'paddle/phi/kernels/cpu/strided_slice_kernel.cc',
  differs: 'Tensor arrays cannot be sliced.',
  inputs: { Input: one('Any shape.', ALL), ...boundSlots, ...strideSlots },
  outputs: { Out: one('Element type of Input.') },
  attrs: stridedAttrs,
  inferMeta: (inputs, attrs, ctx) => ({ Out: slicedMeta('strided_slice', inputs, attrs, ctx, [1]) }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(stridedSliceGrad, {
      inputs: { ...inputs, 'Out@GRAD': outputGrads.Out },
      outputs: { 'Input@GRAD': inputGrads.Input },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: stridedOut, int64: stridedOut, half: stridedOut },
})
