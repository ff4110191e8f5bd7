/** affine_grid: for each element of a plane or volume to be made, where grid_sampler finds it: an affine map of its coordinates. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type InferContext,
  type KernelTensor,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'
import { shapeInput } from '../tensor/shape_inputs.ts'

const ATTRS = {
  output_shape: attr.ints([], {
    doc: '[N, C, height, width] or [N, C, depth, height, width] of what will be sampled.',
  }),
  align_corners: attr.bool(true, { doc: '-1 and 1 are the middles of the corner elements, else their outer edges.' }),
}
interface GridAttrs {
  readonly output_shape: readonly number[]
  readonly align_corners: boolean
}

const fail = (code: string, why: string, got: unknown): InvalidArgumentError =>
  new InvalidArgumentError(code, `affine_grid: ${why}`, { where: { opType: 'affine_grid' }, got })

/** [N, (depth,) height, width, 2 or 3]. @throws InvalidArgumentError E203 for Theta, E201 for the shape. */
function gridShape(Theta: Meta, OutputShape: Meta | undefined, attrs: GridAttrs, ctx: InferContext): Shape {
  const { shape } = Theta
  const given = OutputShape === undefined ? attrs.output_shape : shapeInput(ctx, 'OutputShape', OutputShape)
  const [, rows, columns] = shape as readonly [number, number, number]
  const dims = shape.length !== 3 ? 0 : rows >= 0 ? rows : columns >= 0 ? columns - 1 : given.length - 2
  if ((dims !== 2 && dims !== 3) || (columns >= 0 && columns !== dims + 1)) {
    throw fail('E203', `Theta must be [N, 2, 3] or [N, 3, 4], got ${formatShape(shape)}`, shape)
  }
  if (OutputShape !== undefined && ctx.constant('OutputShape') === undefined) {
    return [shape[0]!, ...new Array<number>(dims).fill(-1), dims]
  }
  if (given.length !== dims + 2 || given.some((dim, d) => d > 1 && dim < 1)) {
    throw fail('E201', `the output shape must hold ${dims + 2} sizes, got [${given.join(', ')}]`, given)
  }
  if (shape[0]! >= 0 && given[0] !== shape[0]) {
    throw fail('E203', `Theta of shape ${formatShape(shape)} is not for a batch of ${given[0]}`, shape)
  }
  return [given[0]!, ...given.slice(2), dims]
}

/** The coordinates of `size` elements from -1 to 1. */
function coordinates(size: number, alignCorners: boolean): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => {
    if (size === 1) return alignCorners ? -1 : 0
    return alignCorners ? (2 * i) / (size - 1) - 1 : (2 * i + 1) / size - 1
  })
}

/** Calls `visit(n, place, point)` for each element; `point` holds x, y, (z,) 1, the width first, and is used again. */
function eachPoint(
  shape: Shape,
  alignCorners: boolean,
  visit: (n: number, place: number, point: Float64Array) => void,
): void {
  const dims = shape.at(-1)!
  const sizes = shape.slice(1, -1)
  const axes = sizes.map((size) => coordinates(size, alignCorners))
  const point = new Float64Array(dims + 1).fill(1)
  const count = product(sizes)
  for (let n = 0; n < shape[0]!; n++) {
    for (let k = 0; k < count; k++) {
      let rest = k
      for (let d = dims - 1; d >= 0; d--) {
        point[dims - 1 - d] = axes[d]![rest % sizes[d]!]!
        rest = Math.floor(rest / sizes[d]!)
      }
      visit(n, n * count + k, point)
    }
  }
}

const source = 'paddle/phi/kernels/cpu/affine_grid_kernel.cc'

export const affineGridGrad = defineOp({
  type: 'affine_grid_grad',
  doc: 'Gradient of affine_grid: dTheta = the sum over all elements of dOutput times their coordinates.',
  source: 'paddle/phi/kernels/cpu/affine_grid_grad_kernel.cc',
  inputs: {
    'Output@GRAD': one('Gradient of Output.', FLOATS),
    Theta: one('Theta of affine_grid; only its shape is read.'),
    OutputShape: optional('As for affine_grid.', ['int32']),
  },
  outputs: { 'Theta@GRAD': optional('Gradient of Theta.') },
  attrs: ATTRS,
  inferMeta({ 'Output@GRAD': dOutput, Theta, OutputShape }, attrs, ctx) {
    requireShape(
      'affine_grid_grad',
      'Output@GRAD',
      dOutput,
      gridShape(Theta, OutputShape, attrs, ctx),
      'the shape of Output',
    )
    return { 'Theta@GRAD': { dtype: dOutput.dtype, shape: Theta.shape } }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ 'Output@GRAD': dOutput }, { align_corners }, { 'Theta@GRAD': dTheta }) {
      if (dTheta === undefined) return
      const dims = dOutput.shape.at(-1)!
      const sums = new Float64Array(dTheta.data.length)
      eachPoint(dOutput.shape, align_corners, (n, place, point) => {
        for (let r = 0; r < dims; r++) {
          for (let c = 0; c <= dims; c++) {
            sums[(n * dims + r) * (dims + 1) + c]! += dOutput.data[place * dims + r]! * point[c]!
          }
        }
      })
      dTheta.data.set(sums)
    },
  },
})

function fillGrid(Theta: KernelTensor, alignCorners: boolean, Output: KernelTensor): void {
  const dims = Output.shape.at(-1)!
  eachPoint(Output.shape, alignCorners, (n, place, point) => {
    for (let r = 0; r < dims; r++) {
      let sum = 0
      for (let c = 0; c <= dims; c++) sum += Theta.data[(n * dims + r) * (dims + 1) + c]! * point[c]!
      Output.data[place * dims + r] = sum
    }
  })
}

export const affineGrid = defineOp({
  type: 'affine_grid',
  doc: 'The grid for grid_sampler: the matrix Theta times (x, y, 1) or (x, y, z, 1) of every element, coordinates from -1 to 1.',
  source,
  differs: 'Along a dimension of one element the coordinate with align_corners is -1, where Paddle gives NaN.',
  inputs: {
    Theta: one('[N, 2, 3], or [N, 3, 4] for volumes.', FLOATS),
    OutputShape: optional('1-D: the output shape, in place of the attribute.', ['int32']),
  },
  outputs: { Output: one('[N, height, width, 2] or [N, depth, height, width, 3].') },
  attrs: ATTRS,
  inferMeta: ({ Theta, OutputShape }, attrs, ctx) => ({
    Output: { dtype: Theta.dtype, shape: gridShape(Theta, OutputShape, attrs, ctx) },
  }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(affineGridGrad, {
      inputs: { 'Output@GRAD': outputGrads.Output, Theta: inputs.Theta, OutputShape: inputs.OutputShape },
      outputs: { 'Theta@GRAD': inputGrads.Theta },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: ({ Theta }, { align_corners }, { Output }) => fillGrid(Theta, align_corners, Output) },
})
