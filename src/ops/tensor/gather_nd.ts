/** Slices of the leading dimensions, each named by a vector of indices: gather_nd and scatter_nd_add. */
import { type ErrorCategory, InvalidArgumentError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { ALL, FLOATS, INDEXES } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'
import { copyElements, type RawTensor } from './copy.ts'
import { addElements, checkedIndex, fillZero, moveElements } from './indices.ts'

/** The shape that Index [..., K] takes from X: [..., rest of X]. @throws InvalidArgumentError E203 for a K above the rank of X. */
function chosenShape(opType: string, X: Meta, Index: Meta): Shape {
  const depth = Index.shape.at(-1)
  if (depth === undefined || depth > X.shape.length) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: Index must be [..., K] with K up to the rank of X, got ${formatShape(Index.shape)} for X of shape ${formatShape(X.shape)}`,
      { where: { opType, slot: 'Index' }, expected: `[..., K], K <= ${X.shape.length}`, got: Index.shape },
    )
  }
  return [...Index.shape.slice(0, -1), ...X.shape.slice(depth)]
}

/** Where in a tensor of shape `shape` the slice of each index vector starts, and how long it is. */
function slicesOf(
  opType: string,
  shape: Shape,
  Index: RawTensor,
  category: ErrorCategory,
): { starts: number[]; width: number } {
  const depth = Index.shape.at(-1)!
  const width = product(shape, depth)
  const starts = new Array<number>(product(Index.shape, 0, Index.shape.length - 1))
  for (let i = 0; i < starts.length; i++) {
    let row = 0
    for (let d = 0; d < depth; d++) {
      row = row * shape[d]! + checkedIndex(opType, 'Index', Index, i * depth + d, shape[d]!, category)
    }
    starts[i] = row * width
  }
  return { starts, width }
}

const gatherDTypes = ALL

function take(inputs: { X: RawTensor; Index: RawTensor }, _attrs: unknown, { Out }: { Out: RawTensor }): void {
  const { starts, width } = slicesOf('gather_nd', inputs.X.shape, inputs.Index, 'InvalidArgument')
  for (let i = 0; i < starts.length; i++) moveElements(inputs.X, starts[i]!, Out, i * width, width)
}

function giveBack(
  inputs: { Index: RawTensor; 'Out@GRAD': RawTensor },
  _attrs: unknown,
  outputs: { 'X@GRAD'?: RawTensor | undefined },
): void {
  const xGrad = outputs['X@GRAD']
  if (xGrad === undefined) return
  fillZero(xGrad)
  const { starts, width } = slicesOf('gather_nd', xGrad.shape, inputs.Index, 'InvalidArgument')
  for (let i = 0; i < starts.length; i++) addElements(inputs['Out@GRAD'], i * width, xGrad, starts[i]!, width)
}

export const gatherNdGrad = defineOp({
  type: 'gather_nd_grad',
  doc: 'Gradient of gather_nd: the slices of Out@GRAD added up where they came from, zero elsewhere.',
  source: 'paddle/phi/kernels/cpu/gather_nd_grad_kernel.cc',
  inputs: {
    X: one('X of gather_nd; only its shape is read.'),
    Index: one('Index of gather_nd.', INDEXES),
    'Out@GRAD': one('Gradient of Out.', gatherDTypes),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: {},
  inferMeta({ X, Index, 'Out@GRAD': outGrad }) {
    requireShape('gather_nd_grad', 'Out@GRAD', outGrad, chosenShape('gather_nd_grad', X, Index), 'the shape of Out')
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: giveBack, int64: giveBack },
})

export const gatherNd = defineOp({
  type: 'gather_nd',
  doc: 'For each index vector in the last dimension of Index, the slice X[i0, i1, ...] that it names.',
  source: 'paddle/phi/kernels/cpu/gather_nd_kernel.cc',
  inputs: { X: one('Any shape.', gatherDTypes), Index: one('[..., K], K up to the rank of X.', INDEXES) },
  outputs: { Out: one('[...] of Index, then the dimensions of X from K on.') },
  attrs: {},
  inferMeta: ({ X, Index }) => ({ Out: { dtype: X.dtype, shape: chosenShape('gather_nd', X, Index) } }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(gatherNdGrad, {
      inputs: { X: inputs.X, Index: inputs.Index, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: take, int64: take, half: take },
})

const scatterDTypes = [...FLOATS, 'int32', 'int64', 'uint8'] as const

function scatter(
  { X, Index, Updates }: { X: RawTensor; Index: RawTensor; Updates: RawTensor },
  _attrs: unknown,
  { Out }: { Out: RawTensor },
): void {
  copyElements(X, Out)
  const { starts, width } = slicesOf('scatter_nd_add', X.shape, Index, 'OutOfRange')
  for (let i = 0; i < starts.length; i++) addElements(Updates, i * width, Out, starts[i]!, width)
}

function scatterBack(
  inputs: { Index: RawTensor; 'Out@GRAD': RawTensor },
  _attrs: unknown,
  outputs: { 'X@GRAD'?: RawTensor | undefined; 'Updates@GRAD'?: RawTensor | undefined },
): void {
  const outGrad = inputs['Out@GRAD']
  copyElements(outGrad, outputs['X@GRAD'])
  const updatesGrad = outputs['Updates@GRAD']
  if (updatesGrad === undefined) return
  const { starts, width } = slicesOf('scatter_nd_add', outGrad.shape, inputs.Index, 'OutOfRange')
  for (let i = 0; i < starts.length; i++) moveElements(outGrad, starts[i]!, updatesGrad, i * width, width)
}

export const scatterNdAddGrad = defineOp({
  type: 'scatter_nd_add_grad',
  doc: 'Gradient of scatter_nd_add: Out@GRAD for X, and its slices at Index for Updates.',
  source: 'paddle/phi/kernels/cpu/scatter_nd_add_grad_kernel.cc',
  inputs: {
    Index: one('Index of scatter_nd_add.', INDEXES),
    Updates: one('Updates of scatter_nd_add; only its shape is read.'),
    'Out@GRAD': one('Gradient of Out.', scatterDTypes),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Updates@GRAD': optional('Gradient of Updates.') },
  attrs: {},
  inferMeta({ Index, Updates, 'Out@GRAD': outGrad }) {
    const wanted = chosenShape('scatter_nd_add_grad', outGrad, Index)
    requireShape('scatter_nd_add_grad', 'Updates', Updates, wanted, 'one slice of X per index vector')
    return { 'X@GRAD': outGrad, 'Updates@GRAD': { dtype: outGrad.dtype, shape: Updates.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: scatterBack, int64: scatterBack, half: scatterBack },
})

export const scatterNdAdd = defineOp({
  type: 'scatter_nd_add',
  doc: 'X with each slice of Updates added to the slice that its index vector names. Slices named more than once get every update.',
  source: 'paddle/phi/kernels/cpu/scatter_nd_add_kernel.cc',
  inputs: {
    X: one('Any shape.', scatterDTypes),
    Index: one('[..., K], K up to the rank of X.', INDEXES),
    Updates: one('[...] of Index, then the dimensions of X from K on.', scatterDTypes),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {},
  inferMeta({ X, Index, Updates }) {
    const wanted = chosenShape('scatter_nd_add', X, Index)
    requireShape('scatter_nd_add', 'Updates', Updates, wanted, 'one slice of X per index vector')
    requireSameDType('scatter_nd_add', { X, Updates })
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(scatterNdAddGrad, {
      inputs: { Index: inputs.Index, Updates: inputs.Updates, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Updates@GRAD': inputGrads.Updates },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: { cpu: scatter, int64: scatter },
})
