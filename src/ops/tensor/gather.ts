/** Whole slices along one axis, chosen by a vector of indices: gather and index_select. */
import type { ErrorCategory } from '../../errors.ts'
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type InferContext,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS, INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { product, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { addElements, axisInRange, checkedIndex, fillZero, indexAt, indexCount, moveElements } from './indices.ts'
import { numberInput } from './shape_inputs.ts'

/** Out[…, j, …] = X[…, Index[j], …] along `axis`. */
function takeSlices(
  opType: string,
  X: RawTensor,
  Index: RawTensor,
  axis: number,
  Out: RawTensor,
  category: ErrorCategory,
): void {
  const size = X.shape[axis]!
  const inner = product(X.shape, axis + 1)
  const outer = product(X.shape, 0, axis)
  const count = Index.data.length
  for (let j = 0; j < count; j++) {
    const from = checkedIndex(opType, 'Index', Index, j, size, category) * inner
    for (let o = 0; o < outer; o++) moveElements(X, o * size * inner + from, Out, (o * count + j) * inner, inner)
  }
}

/** dX[…, Index[j], …] += dOut[…, j, …]: slices taken more than once get the sum. */
function addSlices(
  opType: string,
  outGrad: RawTensor,
  Index: RawTensor,
  axis: number,
  xGrad: RawTensor | undefined,
  category: ErrorCategory,
): void {
  if (xGrad === undefined) return
  fillZero(xGrad)
  const size = xGrad.shape[axis]!
  const inner = product(xGrad.shape, axis + 1)
  const outer = product(xGrad.shape, 0, axis)
  const count = Index.data.length
  for (let j = 0; j < count; j++) {
    const to = checkedIndex(opType, 'Index', Index, j, size, category) * inner
    for (let o = 0; o < outer; o++) addElements(outGrad, (o * count + j) * inner, xGrad, o * size * inner + to, inner)
  }
}

/** The axis of gather; undefined while Axis is unknown. */
function gatherAxis(Axis: Meta | undefined, axis: number, shape: Shape, ctx: InferContext): number | undefined {
  const given = Axis === undefined ? axis : numberInput(ctx, 'Axis')
  return given === undefined ? undefined : axisInRange('gather', given, shape)
}

/** The shape of Out. @throws OutOfRangeError E216 for the axis, InvalidArgumentError E203 for Index. */
function gatheredShape(X: Meta, Index: Meta, Axis: Meta | undefined, axis: number, ctx: InferContext): Shape {
  const count = indexCount('gather', 'Index', Index)
  const along = gatherAxis(Axis, axis, X.shape, ctx)
  const chosen = count === undefined ? [] : [count]
  return along === undefined
    ? X.shape.slice(count === undefined ? 1 : 0).map(() => -1)
    : [...X.shape.slice(0, along), ...chosen, ...X.shape.slice(along + 1)]
}

/** The axis in a kernel. */
const kernelAxis = (Axis: RawTensor | undefined, axis: number, shape: Shape): number =>
  axisInRange('gather', Axis === undefined ? axis : indexAt(Axis, 0), shape)

interface GatherInputs {
  readonly X: RawTensor
  readonly Index: RawTensor
  readonly Axis?: RawTensor | undefined
}

const take = ({ X, Index, Axis }: GatherInputs, { axis }: { axis: number }, { Out }: { Out: RawTensor }): void =>
  takeSlices('gather', X, Index, kernelAxis(Axis, axis, X.shape), Out, 'OutOfRange')

const giveBack = (
  inputs: GatherInputs & { readonly 'Out@GRAD': RawTensor },
  { axis }: { axis: number },
  outputs: { 'X@GRAD'?: RawTensor | undefined },
): void =>
  addSlices(
    'gather_grad',
    inputs['Out@GRAD'],
    inputs.Index,
    kernelAxis(inputs.Axis, axis, inputs.X.shape),
    outputs['X@GRAD'],
    'OutOfRange',
  )

const gatherDTypes = [...FLOATS, 'int32', 'int64', 'uint8'] as const
const gatherAttrs = { axis: attr.int(0) }

export const gatherGrad = defineOp({
  type: 'gather_grad',
  doc: 'Gradient of gather: the slices of Out@GRAD added up where they came from, zero elsewhere.',
  source: 'paddle/phi/kernels/cpu/gather_grad_kernel.cc',
  differs: 'Right along every axis; in Paddle every outer index takes the first outer slice unless the axis is 0.',
  inputs: {
    X: one('X of gather; only its shape is read.'),
    Index: one('Index of gather.', INDEXES),
    Axis: optional('As for gather.', INDEXES),
    'Out@GRAD': one('Gradient of Out.', gatherDTypes),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: gatherAttrs,
  inferMeta({ X, Index, Axis, 'Out@GRAD': outGrad }, { axis }, ctx) {
    requireShape('gather_grad', 'Out@GRAD', outGrad, gatheredShape(X, Index, Axis, axis, ctx), 'the shape of Out')
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: giveBack, int64: giveBack },
})

export const gather = defineOp({
  type: 'gather',
  doc: 'The slices of X along an axis that Index names, in its order.',
  source: 'paddle/phi/kernels/cpu/gather_kernel.cc',
  differs:
    'An index past the end is an OutOfRangeError, where Paddle reads outside of X. A negative axis counts from the end.',
  inputs: {
    X: one('One dimension or more.', gatherDTypes),
    Index: one('[N] or [N, 1]; a 0-D index takes the axis away.', INDEXES),
    Axis: optional('One element: the axis, in place of the attribute.', INDEXES),
  },
  outputs: { Out: one('X with N along the axis, element type of X.') },
  attrs: gatherAttrs,
  inferMeta: ({ X, Index, Axis }, { axis }, ctx) => ({
    Out: { dtype: X.dtype, shape: gatheredShape(X, Index, Axis, axis, ctx) },
  }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(gatherGrad, {
      inputs: { X: inputs.X, Index: inputs.Index, Axis: inputs.Axis, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: take, int64: take, half: take },
})

/** The shape of Out. @throws OutOfRangeError E216 for dim, InvalidArgumentError E203 for Index. */
function selectedShape(X: Meta, Index: Meta, dim: number): Shape {
  const axis = axisInRange('index_select', dim, X.shape, 'dim')
  const count = indexCount('index_select', 'Index', Index)
  if (count === undefined || count === 0) {
    throw new InvalidArgumentError('E203', 'index_select: Index must be a vector of one element or more', {
      where: { opType: 'index_select', slot: 'Index' },
      expected: '[N], N above 0',
      got: Index.shape,
    })
  }
  return X.shape.map((size, d) => (d === axis ? count : size))
}

const selectAttrs = { dim: attr.int(0) }

const select = (
  { X, Index }: { X: RawTensor; Index: RawTensor },
  { dim }: { dim: number },
  { Out }: { Out: RawTensor },
): void =>
  takeSlices('index_select', X, Index, axisInRange('index_select', dim, X.shape, 'dim'), Out, 'InvalidArgument')

const selectBack = (
  inputs: { readonly X: RawTensor; readonly Index: RawTensor; readonly 'Out@GRAD': RawTensor },
  { dim }: { dim: number },
  outputs: { 'X@GRAD'?: RawTensor | undefined },
): void =>
  addSlices(
    'index_select_grad',
    inputs['Out@GRAD'],
    inputs.Index,
    axisInRange('index_select', dim, inputs.X.shape, 'dim'),
    outputs['X@GRAD'],
    'InvalidArgument',
  )

export const indexSelectGrad = defineOp({
  type: 'index_select_grad',
  doc: 'Gradient of index_select: the slices of Out@GRAD added up where they came from, zero elsewhere.',
  source: 'paddle/phi/kernels/cpu/index_select_grad_kernel.cc',
  inputs: {
    X: one('X of index_select; only its shape is read.'),
    Index: one('Index of index_select.', INDEXES),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: selectAttrs,
  inferMeta({ X, Index, 'Out@GRAD': outGrad }, { dim }) {
    requireShape('index_select_grad', 'Out@GRAD', outGrad, selectedShape(X, Index, dim), 'the shape of Out')
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: selectBack, int64: selectBack },
})

export const indexSelect = defineOp({
  type: 'index_select',
  doc: 'The slices of X along `dim` that Index names, in its order.',
  source: 'paddle/phi/kernels/cpu/index_select_kernel.cc',
  inputs: { X: one('One dimension or more.', NUMBERS), Index: one('[N] or [N, 1], N above 0.', INDEXES) },
  outputs: { Out: one('X with N along `dim`, element type of X.') },
  attrs: selectAttrs,
  inferMeta: ({ X, Index }, { dim }) => ({ Out: { dtype: X.dtype, shape: selectedShape(X, Index, dim) } }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(indexSelectGrad, {
      inputs: { X: inputs.X, Index: inputs.Index, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: select, int64: select, half: select },
})
