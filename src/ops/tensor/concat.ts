/** concat: tensors one after the other along an axis. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
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
import { formatShape, product, resolveAxis, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { numberInput } from './shape_inputs.ts'

/** The axis for these inputs; undefined while AxisTensor is unknown. */
function axisOf(
  opType: string,
  AxisTensor: Meta | undefined,
  axis: number,
  shape: Shape,
  ctx: InferContext,
): number | undefined {
  const given = AxisTensor === undefined ? axis : numberInput(ctx, 'AxisTensor')
  return given === undefined ? undefined : resolveAxis(opType, given, shape)
}

/**
 * The shape of all of them joined along `axis`.
 * @throws InvalidArgumentError E203 for other dimensions or ranks that differ.
 */
function joinedShape(shapes: readonly Shape[], axis: number | undefined): Shape {
  const joined = [...shapes[0]!]
  shapes.slice(1).forEach((shape, i) => {
    const differs = shape.some(
      (dim, d) => d !== axis && axis !== undefined && dim >= 0 && joined[d]! >= 0 && dim !== joined[d],
    )
    if (shape.length !== joined.length || differs) {
      throw new InvalidArgumentError(
        'E203',
        `concat: X[0] of shape ${formatShape(shapes[0]!)} and X[${i + 1}] of shape ${formatShape(shape)} must agree but for dimension ${axis ?? 'axis'}`,
        { expected: shapes[0], got: shape },
      )
    }
    shape.forEach((dim, d) => {
      if (d === axis) joined[d] = joined[d]! < 0 || dim < 0 ? -1 : joined[d]! + dim
      else if (joined[d]! < 0) joined[d] = dim
    })
  })
  return axis === undefined ? joined.map(() => -1) : joined
}

/** The axis of a kernel: the input tensor's value, else the attribute. */
const kernelAxis = (AxisTensor: RawTensor | undefined, axis: number, shape: Shape): number =>
  resolveAxis('concat', AxisTensor === undefined ? axis : Number(AxisTensor.data[0]), shape)

/** Copies between the joined tensor and its parts, chunk by chunk; `join` says which way. A part that is undefined is left out. */
export function copyParts(
  parts: readonly (RawTensor | undefined)[],
  sizes: readonly number[],
  joined: RawTensor,
  axis: number,
  join: boolean,
): void {
  const whole = joined.data as Float32Array
  const inner = product(joined.shape, axis + 1)
  const rounds = product(joined.shape, 0, axis)
  let position = 0
  for (let round = 0; round < rounds; round++) {
    for (let p = 0; p < parts.length; p++) {
      const width = sizes[p]! * inner
      const part = parts[p]?.data as Float32Array | undefined
      if (part !== undefined && join) whole.set(part.subarray(round * width, (round + 1) * width), position)
      else if (part !== undefined) part.set(whole.subarray(position, position + width), round * width)
      position += width
    }
  }
}

function concatenate(
  inputs: { X: readonly RawTensor[]; AxisTensor?: RawTensor | undefined },
  axis: number,
  Out: RawTensor,
): void {
  const along = kernelAxis(inputs.AxisTensor, axis, Out.shape)
  const sizes = inputs.X.map((x) => x.shape[along]!)
  copyParts(inputs.X, sizes, Out, along, true)
}

interface SplitInputs {
  readonly X: readonly RawTensor[]
  readonly 'Out@GRAD': RawTensor
  readonly AxisTensor?: RawTensor | undefined
}

function splitGradient(inputs: SplitInputs, axis: number, grads: readonly (RawTensor | undefined)[]): void {
  const outGrad = inputs['Out@GRAD']
  const along = kernelAxis(inputs.AxisTensor, axis, outGrad.shape)
  const sizes = inputs.X.map((x) => x.shape[along]!)
  copyParts(grads, sizes, outGrad, along, false)
}

export const concatGrad = defineOp({
  type: 'concat_grad',
  doc: 'Gradient of concat: the parts of Out@GRAD that belong to each X. An X whose gradient nobody wants has @EMPTY@ in its place.',
  source: 'paddle/phi/kernels/cpu/concat_grad_kernel.cc',
  inputs: {
    X: many('The inputs of concat; only their shapes are read.'),
    'Out@GRAD': one('Gradient of Out.', ALL),
    AxisTensor: optional('As for concat.', INDEXES),
  },
  outputs: { 'X@GRAD': many('Gradients of X, one for each.') },
  attrs: { axis: attr.int(0) },
  inferMeta({ X, 'Out@GRAD': outGrad, AxisTensor }, { axis }, ctx) {
    const shapes = X.map(({ shape }) => shape)
    if (X.length > 0) {
      const wanted = joinedShape(shapes, axisOf('concat_grad', AxisTensor, axis, shapes[0]!, ctx))
      requireShape('concat_grad', 'Out@GRAD', outGrad, wanted, 'the shape of Out')
    }
    return { 'X@GRAD': shapes.map((shape) => ({ dtype: outGrad.dtype, shape })) }
  },
  grad: 'unregistered',
  kernels: {
    cpu: (inputs, { axis }, outputs) => splitGradient(inputs, axis, outputs['X@GRAD']),
    int64: (inputs, { axis }, outputs) => splitGradient(inputs, axis, outputs['X@GRAD']),
    half: (inputs, { axis }, outputs) => splitGradient(inputs, axis, outputs['X@GRAD']),
  },
})

export const concat = defineOp({
  type: 'concat',
  doc: 'The tensors of X one after the other along `axis`.',
  source: 'paddle/fluid/operators/concat_op.cc',
  inputs: {
    X: many('One or more tensors of one element type, equal in every dimension but `axis`.', ALL),
    AxisTensor: optional('One element: the axis, in place of the attribute.', INDEXES),
  },
  outputs: { Out: one('Element type of X.') },
  attrs: { axis: attr.int(0) },
  inferMeta({ X, AxisTensor }, { axis }, ctx) {
    if (X.length === 0) {
      throw new InvalidArgumentError('E206', 'concat: input slot X needs one variable or more, got none', { got: 0 })
    }
    requireSameDType('concat', Object.fromEntries(X.map((meta, i) => [`X[${i}]`, meta])))
    const shapes = X.map(({ shape }) => shape)
    const along = axisOf('concat', AxisTensor, axis, shapes[0]!, ctx)
    return { Out: { dtype: X[0]!.dtype, shape: joinedShape(shapes, along) } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(concatGrad, {
      inputs: { X: inputs.X, 'Out@GRAD': outputGrads.Out, AxisTensor: inputs.AxisTensor },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu: (inputs, { axis }, { Out }) => concatenate(inputs, axis, Out),
    int64: (inputs, { axis }, { Out }) => concatenate(inputs, axis, Out),
    half: (inputs, { axis }, { Out }) => concatenate(inputs, axis, Out),
  },
})
