/** index_add: slices added to the slices of X that a vector of indices names. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'
import { copyElements, type RawTensor } from './copy.ts'
import { addElements, axisInRange, checkedIndex, moveElements, requireRank } from './indices.ts'

const TYPE = 'index_add'
const ATTRS = { axis: attr.int(0, { doc: 'The axis of the slices.' }) }

/** The shape of AddValue: that of X with one slice per index. @throws InvalidArgumentError E203, OutOfRangeError E216. */
function addedShape(opType: string, x: Shape, Index: Meta, axis: number): Shape {
  requireRank(opType, 'Index', Index, 1)
  return x.with(axisInRange(opType, axis, x), Index.shape[0]!)
}

/** Calls `visit(from, to, count)` for each run of a slice of `added`, found in a tensor of shape `shape` from `to` on. */
function eachSliceRun(
  shape: Shape,
  Index: RawTensor,
  axis: number,
  visit: (from: number, to: number, count: number) => void,
): void {
  const along = axis < 0 ? axis + shape.length : axis
  const [size, inner, outer] = [shape[along]!, product(shape, along + 1), product(shape, 0, along)]
  const count = Index.data.length
  for (let j = 0; j < count; j++) {
    const place = checkedIndex(TYPE, 'Index', Index, j, size, 'InvalidArgument')
    for (let o = 0; o < outer; o++) visit((o * count + j) * inner, (o * size + place) * inner, inner)
  }
}

type AddInputs = { X: RawTensor; Index: RawTensor; AddValue: RawTensor }

function add({ X, Index, AddValue }: AddInputs, { axis }: { axis: number }, { Out }: { Out: RawTensor }): void {
  // Indices are checked before Out, which may be X, is changed.
  eachSliceRun(X.shape, Index, axis, () => undefined)
  copyElements(X, Out)
  eachSliceRun(X.shape, Index, axis, (from, to, count) => addElements(AddValue, from, Out, to, count))
}

function addBack(
  { Index, 'Out@GRAD': dOut }: { Index: RawTensor; 'Out@GRAD': RawTensor },
  { axis }: { axis: number },
  outputs: { 'X@GRAD'?: RawTensor | undefined; 'AddValue@GRAD'?: RawTensor | undefined },
): void {
  copyElements(dOut, outputs['X@GRAD'])
  const dAdded = outputs['AddValue@GRAD']
  if (dAdded === undefined) return
  eachSliceRun(dOut.shape, Index, axis, (from, to, count) => moveElements(dOut, to, dAdded, from, count))
}

export const indexAddGrad = defineOp({
  type: `${TYPE}_grad`,
  doc: 'Gradient of index_add: dOut for X, and its slices that Index names for AddValue.',
  source: 'paddle/phi/kernels/cpu/index_add_grad_kernel.cc',
  inputs: {
    Index: one('Index of index_add.', INDEXES),
    AddValue: one('AddValue of index_add; only its shape is read.'),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'AddValue@GRAD': optional('Gradient of AddValue.') },
  attrs: ATTRS,
  inferMeta({ Index, AddValue, 'Out@GRAD': dOut }, { axis }) {
    const shape = addedShape(`${TYPE}_grad`, dOut.shape, Index, axis)
    requireShape(`${TYPE}_grad`, 'AddValue', AddValue, shape, 'one slice per index')
    return { 'X@GRAD': dOut, 'AddValue@GRAD': { dtype: dOut.dtype, shape: AddValue.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: addBack, int64: addBack },
})

export const indexAdd = defineOp({
  type: TYPE,
  doc: 'X with the slices of AddValue added to the slices along `axis` that Index names; a slice named twice gets both.',
  source: 'paddle/phi/kernels/cpu/index_add_kernel.cc',
  inputs: {
    X: one('One dimension or more.', NUMBERS),
    Index: one('[K], slices of X.', INDEXES),
    AddValue: one('X with K slices, element type of X.', NUMBERS),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X, Index, AddValue }, { axis }) {
    requireSameDType(TYPE, { X, AddValue })
    const shape = addedShape(TYPE, X.shape, Index, axis)
    if (
      AddValue.shape.length !== shape.length ||
      AddValue.shape.some((dim, d) => dim >= 0 && shape[d]! >= 0 && dim !== shape[d])
    ) {
      throw new InvalidArgumentError(
        'E203',
        `${TYPE}: AddValue must be X with one slice per index, ${formatShape(shape)}, got ${formatShape(AddValue.shape)}`,
        { where: { opType: TYPE, slot: 'AddValue' }, expected: shape, got: AddValue.shape },
      )
    }
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(indexAddGrad, {
      inputs: { Index: inputs.Index, AddValue: inputs.AddValue, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'AddValue@GRAD': inputGrads.AddValue },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: { cpu: add, int64: add },
})
