/** Constants whose shape follows another tensor: fill_constant_batch_size_like and fill_zeros_like2. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, one } from '../../framework/op_def.ts'
import { ALL, type DType } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { constantElement, fill, valueAttrs } from './fill.ts'
import { fillZero } from './indices.ts'
import { requireDims } from './shape_inputs.ts'

type BatchAttrs = Parameters<typeof constantElement>[0]
const BATCH = 'fill_constant_batch_size_like'

/** `shape` with one dimension taken from `like`. @throws InvalidArgumentError E202, E201. */
function shapeLike(like: Shape, shape: Shape, from: number, to: number, atRun: boolean): Shape {
  const check = (name: string, index: number, dims: Shape): void => {
    if (index >= 0 && index < dims.length) return
    throw new InvalidArgumentError(
      'E202',
      `${BATCH}: attr ${name} must be in [0, ${dims.length - 1}] for shape ${formatShape(dims)}, got ${index}`,
      { expected: [0, dims.length - 1], got: index },
    )
  }
  check('input_dim_idx', from, like)
  check('output_dim_idx', to, shape)
  const result = shape.map((dim, d) => (d === to ? like[from]! : dim))
  if (atRun) requireDims(BATCH, result)
  return result
}

const fillBatch = (_inputs: unknown, attrs: BatchAttrs, { Out }: { Out: RawTensor }): void =>
  fill(Out, constantElement(attrs, BATCH))

export const fillConstantBatchSizeLike = defineOp({
  type: BATCH,
  doc: 'A tensor of one repeated value, of the shape `shape` with the dimension output_dim_idx taken from dimension input_dim_idx of Input.',
  source: 'paddle/fluid/operators/fill_constant_batch_size_like_op.cc',
  inputs: { Input: one('Gives one dimension; its values are not read.') },
  outputs: { Out: one('The given shape and element type.') },
  attrs: {
    shape: attr.ints(),
    input_dim_idx: attr.int(0),
    output_dim_idx: attr.int(0),
    ...valueAttrs,
  },
  inferMeta({ Input }, attrs, ctx) {
    const { shape, dtype, value, input_dim_idx, output_dim_idx } = attrs
    if (dtype === 'bool' && attrs.str_value === '' && (value < 0 || value > 1)) {
      throw new InvalidArgumentError('E201', `${BATCH}: the value ${value} does not fit bool`, {
        expected: [0, 1],
        got: value,
      })
    }
    return {
      Out: {
        dtype: dtype as DType,
        shape: shapeLike(Input.shape, shape, input_dim_idx, output_dim_idx, ctx.atRun),
      },
    }
  },
  grad: 'none',
  kernels: { cpu: fillBatch, int64: fillBatch },
})

const zero = (_inputs: unknown, _attrs: unknown, { Out }: { Out: RawTensor }): void => fillZero(Out)

export const fillZerosLike2 = defineOp({
  type: 'fill_zeros_like2',
  doc: 'Zeros of the shape of X and the element type `dtype`.',
  source: 'paddle/fluid/operators/fill_zeros_like_op.cc',
  inputs: { X: one('Any shape; its values are not read.') },
  outputs: { Out: one('Shape of X.') },
  attrs: {
    dtype: attr.dtype('float32', {
      check: (dtype) => (ALL.includes(dtype as DType) ? null : `one of ${ALL.join(', ')}`),
    }),
  },
  inferMeta: ({ X }, { dtype }) => ({ Out: { dtype: dtype as DType, shape: X.shape } }),
  grad: 'none',
  kernels: { cpu: zero, int64: zero, half: zero },
})
