/**
 * Tensors of random numbers: uniform_random, gaussian_random, truncated_gaussian_random. With seed 0 they draw from the run's generator, with
 * another one from an engine of their own, the same numbers on every run. The distributions are in tensor/random.ts.
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import {
  defineOp,
  type InferContext,
  type KernelTensor,
  type Meta,
  many,
  one,
  optional,
} from '../../framework/op_def.ts'
import { type DType, FLOATS, INDEXES } from '../../tensor/dtype.ts'
import { engineFor, fillNormal, fillTruncatedNormal, fillUniform } from '../../tensor/random.ts'
import { formatShape, numel, type Shape } from '../../tensor/shape.ts'
import { requireDims, shapeInput, shapeListInput } from '../tensor/shape_inputs.ts'

const floatDType = attr.dtype('float32', {
  check: (dtype) => (FLOATS.includes(dtype as DType) ? null : `one of ${FLOATS.join(', ')}`),
})
const seed = attr.int(0, { doc: '0 draws from the generator of the run.' })
const DIFFERS = 'A negative std is an InvalidArgumentError, and so are a std and a mean that are not finite.'
const finite = (given: number): string | null => (Number.isFinite(given) ? null : 'a finite number')
const std = attr.float(1, {
  doc: 'The standard deviation.',
  check: (given) => (given >= 0 && given < Infinity ? null : 'a standard deviation, 0 or more'),
})

export const shapeSlots = {
  ShapeTensor: optional('1-D: the shape, where the attribute is empty.', INDEXES),
  ShapeTensorList: many('One element each: the dimensions of the shape. May be empty.', INDEXES),
}

interface ShapeInputs {
  readonly ShapeTensor?: Meta | undefined
  readonly ShapeTensorList: readonly Meta[]
}

/** The list goes before the attribute, and an attribute that is not empty before the tensor. */
export function shapeOf(
  opType: string,
  { ShapeTensor, ShapeTensorList }: ShapeInputs,
  shape: Shape,
  ctx: InferContext,
): Shape {
  const given =
    ShapeTensorList.length > 0
      ? shapeListInput(ctx, 'ShapeTensorList', ShapeTensorList)
      : shape.length === 0 && ShapeTensor !== undefined
        ? shapeInput(ctx, 'ShapeTensor', ShapeTensor)
        : undefined
  if (given === undefined || ctx.atRun) requireDims(opType, given ?? shape)
  return given ?? shape
}

/** Halves reach kernels as float32, so the output is one of these two. */
const floats = (out: KernelTensor): Float32Array | Float64Array => out.data as Float32Array | Float64Array

export const uniformRandom = defineOp({
  type: 'uniform_random',
  doc: 'Numbers drawn evenly from [min, max). diag_num elements, diag_step apart and one further each time, are set to diag_val.',
  source: 'paddle/fluid/operators/uniform_random_op.cc, paddle/phi/kernels/cpu/uniform_kernel.cc',
  differs: 'A range that is not finite, or whose min is above max, is an InvalidArgumentError.',
  inputs: shapeSlots,
  outputs: { Out: one('The given shape and element type.') },
  attrs: {
    shape: attr.dims([]),
    dtype: floatDType,
    min: attr.float(-1, { check: finite }),
    max: attr.float(1, { check: finite }),
    seed,
    diag_num: attr.int(0, { check: (count) => (count >= 0 ? null : 'a count, 0 or more') }),
    diag_step: attr.int(0, { check: (step) => (step >= 0 ? null : 'a distance, 0 or more') }),
    diag_val: attr.float(1),
  },
  inferMeta({ ShapeTensor, ShapeTensorList }, { shape, dtype, min, max, diag_num, diag_step }, ctx) {
    if (min > max) {
      throw new InvalidArgumentError(
        'E201',
        `uniform_random: attr min must not be above max, got min ${min} and max ${max}`,
        {
          got: { min, max },
        },
      )
    }
    const dims = shapeOf('uniform_random', { ShapeTensor, ShapeTensorList }, shape, ctx)
    const last = (diag_num - 1) * (diag_step + 1)
    const size = numel(dims)
    if (size >= 0 && diag_num > 0 && last >= size) {
      throw new InvalidArgumentError(
        'E201',
        `uniform_random: diagonal element ${diag_num - 1} would be element ${last} of shape ${formatShape(dims)}, which has ${size}`,
        { expected: `less than ${size}`, got: last },
      )
    }
    return { Out: { dtype: dtype as DType, shape: dims } }
  },
  grad: 'none',
  effects: 'random',
  kernels: {
    cpu(_inputs, attrs, { Out }, { generator }) {
      fillUniform(engineFor(attrs.seed, generator), floats(Out), attrs.min, attrs.max)
      const { diag_num, diag_step, diag_val } = attrs
      for (let i = 0; i < diag_num; i++) Out.data[i * (diag_step + 1)] = diag_val
    },
  },
})

export const gaussianRandom = defineOp({
  type: 'gaussian_random',
  doc: 'Numbers drawn from the normal distribution with mean `mean` and standard deviation `std`.',
  source: 'paddle/fluid/operators/gaussian_random_op.cc, paddle/phi/kernels/cpu/gaussian_kernel.cc',
  differs: DIFFERS,
  inputs: shapeSlots,
  outputs: { Out: one('The given shape and element type.') },
  attrs: { shape: attr.dims([]), mean: attr.float(0, { check: finite }), std, seed, dtype: floatDType },
  inferMeta: ({ ShapeTensor, ShapeTensorList }, { shape, dtype }, ctx) => ({
    Out: {
      dtype: dtype as DType,
      shape: shapeOf('gaussian_random', { ShapeTensor, ShapeTensorList }, shape, ctx),
    },
  }),
  grad: 'none',
  effects: 'random',
  kernels: {
    cpu: (_inputs, attrs, { Out }, { generator }) =>
      fillNormal(engineFor(attrs.seed, generator), floats(Out), attrs.mean, attrs.std),
  },
})

export const truncatedGaussianRandom = defineOp({
  type: 'truncated_gaussian_random',
  doc: 'Numbers drawn from the normal distribution with mean `mean` and standard deviation `std`, cut off at mean +- 2 * std.',
  source: 'paddle/phi/kernels/cpu/truncated_gaussian_random_kernel.cc',
  differs: DIFFERS,
  inputs: {},
  outputs: { Out: one('The given shape and element type.') },
  attrs: { shape: attr.ints(), mean: attr.float(0, { check: finite }), std, seed, dtype: floatDType },
  inferMeta(_inputs, { shape, dtype }) {
    requireDims('truncated_gaussian_random', shape)
    return { Out: { dtype: dtype as DType, shape } }
  },
  grad: 'none',
  effects: 'random',
  kernels: {
    cpu: (_inputs, attrs, { Out }, { generator }) =>
      fillTruncatedNormal(engineFor(attrs.seed, generator), floats(Out), attrs.mean, attrs.std),
  },
})
