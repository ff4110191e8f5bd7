/** Single elements chosen along one axis, one index per result: take_along_axis and index_sample. */
import { type ErrorCategory, InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, resolveAxis, rowMajorStrides, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { addElements, checkedIndex, fillZero, requireRank } from './indices.ts'

/** Where in a tensor of shape `shape` the element lies that each index names. */
export function placesOf(
  opType: string,
  shape: Shape,
  Index: RawTensor,
  axis: number,
  category: ErrorCategory,
): Int32Array {
  const strides = rowMajorStrides(shape)
  const places = new Int32Array(Index.data.length)
  const counter = new Array<number>(shape.length).fill(0)
  for (let i = 0; i < places.length; i++) {
    let place = checkedIndex(opType, 'Index', Index, i, shape[axis]!, category) * strides[axis]!
    for (let d = 0; d < counter.length; d++) if (d !== axis) place += counter[d]! * strides[d]!
    places[i] = place
    for (let d = counter.length - 1; d >= 0; d--) {
      if (++counter[d]! < Index.shape[d]!) break
      counter[d] = 0
    }
  }
  return places
}

function pick(x: RawTensor, places: Int32Array, out: RawTensor): void {
  const from = x.data as Float32Array
  const to = out.data as Float32Array
  for (let i = 0; i < places.length; i++) to[i] = from[places[i]!]!
}

function addBack(outGrad: RawTensor, places: Int32Array, xGrad: RawTensor): void {
  fillZero(xGrad)
  for (let i = 0; i < places.length; i++) addElements(outGrad, i, xGrad, places[i]!, 1)
}

const takeDTypes = [...FLOATS, 'int32', 'int64', 'uint8'] as const
const takeAttrs = { Axis: attr.int() }

const take = (
  { Input, Index }: { Input: RawTensor; Index: RawTensor },
  { Axis }: { Axis: number },
  { Result }: { Result: RawTensor },
): void => {
  const axis = resolveAxis('take_along_axis', Axis, Input.shape, 'Axis', 'Input')
  pick(Input, placesOf('take_along_axis', Input.shape, Index, axis, 'OutOfRange'), Result)
}

const takeBack = (
  inputs: { Index: RawTensor; 'Result@GRAD': RawTensor },
  { Axis }: { Axis: number },
  outputs: { 'Input@GRAD'?: RawTensor | undefined },
): void => {
  const grad = outputs['Input@GRAD']
  if (grad === undefined) return
  const axis = resolveAxis('take_along_axis', Axis, grad.shape, 'Axis', 'Input')
  addBack(inputs['Result@GRAD'], placesOf('take_along_axis', grad.shape, inputs.Index, axis, 'OutOfRange'), grad)
}

export const takeAlongAxisGrad = defineOp({
  type: 'take_along_axis_grad',
  doc: 'Gradient of take_along_axis: the elements of Result@GRAD added up where they came from, zero elsewhere.',
  source: 'paddle/phi/kernels/cpu/take_along_axis_grad_kernel.cc',
  inputs: {
    Input: one('Input of take_along_axis; only its shape is read.'),
    Index: one('Index of take_along_axis.', INDEXES),
    'Result@GRAD': one('Gradient of Result.', takeDTypes),
  },
  outputs: { 'Input@GRAD': optional('Gradient of Input.') },
  attrs: takeAttrs,
  inferMeta({ Input, Index, 'Result@GRAD': grad }, { Axis }) {
    checkIndexShape(Input, Index, resolveAxis('take_along_axis_grad', Axis, Input.shape, 'Axis', 'Input'))
    requireShape('take_along_axis_grad', 'Result@GRAD', grad, Index.shape, 'the shape of Index')
    return { 'Input@GRAD': { dtype: grad.dtype, shape: Input.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: takeBack, int64: takeBack },
})

/** @throws InvalidArgumentError E203 unless Index has the rank of Input and fits into it but along the axis. */
function checkIndexShape(Input: Meta, Index: Meta, axis: number): void {
  const fits =
    Index.shape.length === Input.shape.length &&
    Index.shape.every((dim, d) => d === axis || dim < 0 || Input.shape[d]! < 0 || dim <= Input.shape[d]!)
  if (fits) return
  throw new InvalidArgumentError(
    'E203',
    `take_along_axis: Index must have the rank of Input and be no larger but along axis ${axis}, got ${formatShape(Index.shape)} for Input of shape ${formatShape(Input.shape)}`,
    { where: { opType: 'take_along_axis', slot: 'Index' }, expected: Input.shape, got: Index.shape },
  )
}

export const takeAlongAxis = defineOp({
  type: 'take_along_axis',
  doc: 'Result[..., j, ...] = Input[..., Index[..., j, ...], ...] along the axis `Axis`.',
  source: 'paddle/phi/kernels/cpu/take_along_axis_kernel.cc',
  differs:
    'An index outside of Input is an OutOfRangeError and an Index of another rank an InvalidArgumentError, where Paddle reads outside of Input. A negative axis counts from the end.',
  inputs: {
    Input: one('One dimension or more.', takeDTypes),
    Index: one('Rank of Input, no larger than it but along the axis.', INDEXES),
  },
  outputs: { Result: one('Shape of Index, element type of Input.') },
  attrs: takeAttrs,
  inferMeta({ Input, Index }, { Axis }) {
    checkIndexShape(Input, Index, resolveAxis('take_along_axis', Axis, Input.shape, 'Axis', 'Input'))
    return { Result: { dtype: Input.dtype, shape: Index.shape } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(takeAlongAxisGrad, {
      inputs: { Input: inputs.Input, Index: inputs.Index, 'Result@GRAD': outputGrads.Result },
      outputs: { 'Input@GRAD': inputGrads.Input },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: take, int64: take, half: take },
})

const sample = ({ X, Index }: { X: RawTensor; Index: RawTensor }, _attrs: unknown, { Out }: { Out: RawTensor }): void =>
  pick(X, placesOf('index_sample', X.shape, Index, 1, 'InvalidArgument'), Out)

const sampleBack = (
  inputs: { Index: RawTensor; 'Out@GRAD': RawTensor },
  _attrs: unknown,
  outputs: { 'X@GRAD'?: RawTensor | undefined },
): void => {
  const grad = outputs['X@GRAD']
  if (grad === undefined) return
  addBack(inputs['Out@GRAD'], placesOf('index_sample', grad.shape, inputs.Index, 1, 'InvalidArgument'), grad)
}

/** @throws InvalidArgumentError E203 unless both are matrices with as many rows. */
function checkRows(opType: string, X: Meta, Index: Meta): void {
  requireRank(opType, 'X', X, 2)
  requireRank(opType, 'Index', Index, 2)
  const rows = X.shape[0]!
  if (rows < 0 || Index.shape[0]! < 0 || rows === Index.shape[0]) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: Index must have one row per row of X, got ${formatShape(Index.shape)} for X of shape ${formatShape(X.shape)}`,
    { where: { opType, slot: 'Index' }, expected: rows, got: Index.shape[0] },
  )
}

export const indexSampleGrad = defineOp({
  type: 'index_sample_grad',
  doc: 'Gradient of index_sample: the elements of Out@GRAD added up where they came from, zero elsewhere.',
  source: 'paddle/phi/kernels/cpu/index_sample_grad_kernel.cc',
  inputs: {
    X: one('X of index_sample; only its shape is read.'),
    Index: one('Index of index_sample.', INDEXES),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: {},
  inferMeta({ X, Index, 'Out@GRAD': outGrad }) {
    checkRows('index_sample_grad', X, Index)
    requireShape('index_sample_grad', 'Out@GRAD', outGrad, Index.shape, 'the shape of Index')
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: sampleBack, int64: sampleBack },
})

export const indexSample = defineOp({
  type: 'index_sample',
  doc: 'From each row of X the elements that the same row of Index names.',
  source: 'paddle/phi/kernels/cpu/index_sample_kernel.cc',
  inputs: { X: one('[N, C]', NUMBERS), Index: one('[N, K], columns of X.', INDEXES) },
  outputs: { Out: one('[N, K], element type of X.') },
  attrs: {},
  inferMeta({ X, Index }) {
    checkRows('index_sample', X, Index)
    return { Out: { dtype: X.dtype, shape: Index.shape } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(indexSampleGrad, {
      inputs: { X: inputs.X, Index: inputs.Index, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: sample, int64: sample, half: sample },
})
