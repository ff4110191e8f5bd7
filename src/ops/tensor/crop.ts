/** crop_tensor: a box of X, given by its corner and its shape. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
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
import { INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import { type AxisMap, readMapped, steps, writeMapped } from './axis_map.ts'
import type { RawTensor } from './copy.ts'
import { indexAt, requireRank } from './indices.ts'
import { shapeInput, shapeListInput } from './shape_inputs.ts'

function cropError(what: string, got: unknown): InvalidArgumentError {
  return new InvalidArgumentError('E203', `crop_tensor: ${what}`, { got })
}

/** The corner: the tensor, else the list of tensors, else the attribute. */
function corner(
  Offsets: RawTensor | undefined,
  OffsetsTensor: readonly RawTensor[],
  offsets: readonly number[],
): readonly number[] {
  if (Offsets !== undefined) return Array.from({ length: Offsets.data.length }, (_, i) => indexAt(Offsets, i))
  return OffsetsTensor.length > 0 ? OffsetsTensor.map((offset) => indexAt(offset, 0)) : offsets
}

const boxMap = (offsets: readonly number[], shape: Shape): AxisMap => shape.map((dim, d) => steps(offsets[d]!, 1, dim))

interface CropInputs {
  readonly X: RawTensor
  readonly Offsets?: RawTensor | undefined
  readonly OffsetsTensor: readonly RawTensor[]
}
type CropAttrs = { readonly offsets: readonly number[] }

const crop = ({ X, Offsets, OffsetsTensor }: CropInputs, { offsets }: CropAttrs, { Out }: { Out: RawTensor }): void =>
  readMapped(X, X.shape, boxMap(corner(Offsets, OffsetsTensor, offsets), Out.shape), Out)

const cropBack = (
  inputs: CropInputs & { readonly 'Out@GRAD': RawTensor },
  { offsets }: CropAttrs,
  outputs: { 'X@GRAD'?: RawTensor | undefined },
): void => {
  const grad = outputs['X@GRAD']
  if (grad === undefined) return
  const outGrad = inputs['Out@GRAD']
  writeMapped(outGrad, grad.shape, boxMap(corner(inputs.Offsets, inputs.OffsetsTensor, offsets), outGrad.shape), grad)
}

const attrs = {
  shape: attr.ints([], { doc: 'The shape of the box; -1 reaches to the end.' }),
  offsets: attr.ints([], { doc: 'The corner of the box.' }),
}
const offsetSlots = {
  Offsets: optional('1-D: the offsets, in place of the attribute.', INDEXES),
  OffsetsTensor: many('One element each: the offsets. May be empty.', INDEXES),
}

export const cropTensorGrad = defineOp({
  type: 'crop_tensor_grad',
  doc: 'Gradient of crop_tensor: Out@GRAD in its place, zero around it.',
  source: 'paddle/phi/kernels/cpu/crop_grad_kernel.cc',
  inputs: {
    X: one('X of crop_tensor; only its shape is read.'),
    ...offsetSlots,
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta({ X, Offsets, OffsetsTensor, 'Out@GRAD': outGrad }, { offsets }, ctx) {
    // The box is as large as Out@GRAD, wherever its shape came from.
    if (!outGrad.shape.includes(0))
      boxShape({ X, ShapeTensor: [], Offsets, OffsetsTensor }, { shape: outGrad.shape, offsets }, ctx)
    else requireRank('crop_tensor_grad', 'Out@GRAD', outGrad, X.shape.length)
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: cropBack, int64: cropBack, half: cropBack },
})

interface GivenMetas {
  readonly X: Meta
  readonly Shape?: Meta | undefined
  readonly ShapeTensor: readonly Meta[]
  readonly Offsets?: Meta | undefined
  readonly OffsetsTensor: readonly Meta[]
}

/** The shape of the box, -1 where it is unknown. @throws InvalidArgumentError E203 for one that is not inside of X. */
function boxShape(inputs: GivenMetas, given: { shape: Shape; offsets: Shape }, ctx: InferContext): Shape {
  const { X, Shape, ShapeTensor, Offsets, OffsetsTensor } = inputs
  const shape =
    Shape !== undefined
      ? shapeInput(ctx, 'Shape', Shape)
      : ShapeTensor.length > 0
        ? shapeListInput(ctx, 'ShapeTensor', ShapeTensor)
        : given.shape
  const shapeKnown =
    Shape !== undefined
      ? ctx.constant('Shape') !== undefined
      : ShapeTensor.every((_, i) => ctx.constant('ShapeTensor', i) !== undefined)
  const offsetsGiven = Offsets !== undefined || OffsetsTensor.length > 0
  const offsetsKnown =
    Offsets !== undefined
      ? ctx.constant('Offsets') !== undefined
      : OffsetsTensor.every((_, i) => ctx.constant('OffsetsTensor', i) !== undefined)
  const offsets = !offsetsGiven
    ? given.offsets
    : Offsets !== undefined
      ? shapeInput(ctx, 'Offsets', Offsets)
      : shapeListInput(ctx, 'OffsetsTensor', OffsetsTensor)
  const rank = X.shape.length
  if (rank === 0) throw cropError('X must have one dimension or more, got []', X.shape)
  if (shape.length !== rank || offsets.length !== rank) {
    throw cropError(
      `shape and offsets must have one entry per dimension of X of shape ${formatShape(X.shape)}, got ${formatShape(shape)} and ${formatShape(offsets)}`,
      { shape, offsets },
    )
  }
  return shape.map((dim, d) => {
    const size = X.shape[d]!
    const offset = offsets[d]!
    if (!shapeKnown) return -1
    if (dim === 0 || dim < -1) throw cropError(`a dimension must be above 0, or -1, got ${formatShape(shape)}`, shape)
    if (!offsetsKnown || size < 0) return dim
    if (offset < 0 || offset + Math.max(dim, 0) > size || (dim === -1 && offset > size)) {
      throw cropError(
        `the box of shape ${formatShape(shape)} at ${formatShape(offsets)} is not inside of X of shape ${formatShape(X.shape)}`,
        { shape, offsets },
      )
    }
    return dim === -1 ? size - offset : dim
  })
}

export const cropTensor = defineOp({
  type: 'crop_tensor',
  doc: 'The box of X that begins at `offsets` and has the shape `shape`.',
  source: 'paddle/phi/kernels/impl/crop_kernel_impl.h',
  inputs: {
    X: one('One dimension or more.', NUMBERS),
    Shape: optional('1-D: the shape, in place of the attribute.', INDEXES),
    ShapeTensor: many('One element each: the shape. May be empty.', INDEXES),
    ...offsetSlots,
  },
  outputs: { Out: one('The shape of the box, element type of X.') },
  attrs,
  inferMeta: (inputs, given, ctx) => ({ Out: { dtype: inputs.X.dtype, shape: boxShape(inputs, given, ctx) } }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(cropTensorGrad, {
      inputs: {
        X: inputs.X,
        Offsets: inputs.Offsets,
        OffsetsTensor: inputs.OffsetsTensor,
        'Out@GRAD': outputGrads.Out,
      },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: crop, int64: crop, half: crop },
})
