/** Copies and literal values: assign, memcpy, share_data, assign_value. */
import { InvalidArgumentError, UnimplementedError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one } from '../../framework/op_def.ts'
import { ALL, type DType, FLOATS } from '../../tensor/dtype.ts'
import { formatShape, numel } from '../../tensor/shape.ts'
import { Tensor, writeElement } from '../../tensor/tensor.ts'
import { copyElements } from './copy.ts'
import { requireDims } from './shape_inputs.ts'

export const assign = defineOp({
  type: 'assign',
  doc: 'Copies X, a tensor or selected rows.',
  source: 'paddle/fluid/operators/assign_op.cc',
  differs: 'Tensor arrays cannot be copied yet.',
  inputs: { X: one('Any shape.', ALL) },
  outputs: { Out: one('Kind, shape and element type of X.') },
  attrs: {},
  inferMeta({ X }) {
    if (X.kind === 'LOD_TENSOR_ARRAY') {
      throw new UnimplementedError('E403', 'assign: tensor arrays cannot be copied yet', { got: X.kind })
    }
    return { Out: X }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(assign, { inputs: { X: outputGrads.Out }, outputs: { Out: inputGrads.X as string }, attrs: {} }),
  ],
  inplace: { Out: 'X' },
  outputKind: ({ inputs }, _output, kindOf) => kindOf(inputs['X']?.[0] ?? '') ?? 'LOD_TENSOR',
  kernels: {
    cpu: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    int64: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    half: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    selectedRows: (ctx) => ctx.set(ctx.outputNames('Out')[0]!, ctx.get(ctx.inputNames('X')[0]!)!),
  },
})

export const memcpy = defineOp({
  type: 'memcpy',
  doc: 'Copies X to another place. There is only one place here, so this is assign without a gradient.',
  source: 'paddle/fluid/operators/memcpy_op.cc',
  inputs: { X: one('Any shape.', ALL) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {
    dst_place_type: attr.int(undefined, { doc: '0 CPU, 1 GPU, 2 pinned memory, 3 XPU, 4 NPU; has no effect.' }),
  },
  inferMeta: ({ X }) => ({ Out: X }),
  grad: 'none',
  inplace: { Out: 'X' },
  kernels: {
    cpu: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    int64: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    half: ({ X }, _attrs, { Out }) => copyElements(X, Out),
  },
})

export const shareData = defineOp({
  type: 'share_data',
  doc: 'Out is X. Here it is a copy, as values are never shared between variables.',
  source: 'paddle/fluid/operators/share_data_op.cc',
  inputs: { X: one('Any shape.', [...FLOATS, 'bool', 'int8', 'uint8', 'int32', 'int64']) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: X }),
  grad: 'none',
  inplace: { Out: 'X' },
  outputKind: ({ inputs }, _output, kindOf) => kindOf(inputs['X']?.[0] ?? '') ?? 'LOD_TENSOR',
  kernels: {
    cpu: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    int64: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    half: ({ X }, _attrs, { Out }) => copyElements(X, Out),
    selectedRows: (ctx) => ctx.set(ctx.outputNames('Out')[0]!, ctx.get(ctx.inputNames('X')[0]!)!),
  },
})

/** The attribute that holds the values of each element type. */
const VALUES = {
  bool: 'bool_values',
  float32: 'fp32_values',
  float64: 'fp64_values',
  int32: 'int32_values',
  int64: 'int64_values',
} as const

const hasValues = (dtype: DType | -1): dtype is keyof typeof VALUES => Object.hasOwn(VALUES, dtype)

interface LiteralAttrs {
  readonly shape: readonly number[]
  readonly dtype: DType | -1
  readonly bool_values: readonly number[]
  readonly fp32_values: readonly number[]
  readonly fp64_values: readonly number[]
  readonly int32_values: readonly number[]
  readonly int64_values: readonly (number | bigint)[]
}

/** The tensor that the attributes spell out. @throws InvalidArgumentError E201 for a wrong number of values. */
function literal(attrs: LiteralAttrs): Tensor {
  const { dtype, shape } = literalMeta(attrs)
  const values = attrs[VALUES[dtype as keyof typeof VALUES]]
  const out = Tensor.zeros(dtype, shape)
  for (let i = 0; i < values.length; i++) {
    writeElement(dtype, out.data, i, dtype === 'bool' ? values[i] !== 0 : values[i])
  }
  return out
}

function literalMeta(attrs: LiteralAttrs): Meta {
  const { dtype, shape } = attrs
  if (!hasValues(dtype)) {
    throw new UnimplementedError('E403', `assign_value has no kernel for ${dtype}`, {
      expected: Object.keys(VALUES),
      got: dtype,
    })
  }
  requireDims('assign_value', shape)
  const count = attrs[VALUES[dtype]].length
  if (count !== numel(shape)) {
    throw new InvalidArgumentError(
      'E201',
      `assign_value: attr ${VALUES[dtype]} must have ${numel(shape)} values for shape ${formatShape(shape)}, got ${count}`,
      { expected: numel(shape), got: count },
    )
  }
  return { dtype, shape }
}

export const assignValue = defineOp({
  type: 'assign_value',
  doc: 'The tensor whose elements are written in the attribute for its element type: bool_values, fp32_values, and so on.',
  source: 'paddle/fluid/operators/assign_value_op.h',
  inputs: {},
  outputs: { Out: one('The given shape and element type.') },
  attrs: {
    shape: attr.ints(),
    dtype: attr.dtype(),
    bool_values: attr.ints([]),
    fp32_values: attr.floats([]),
    fp64_values: attr.float64s([]),
    int32_values: attr.ints([]),
    int64_values: attr.longs([]),
  },
  inferMeta: (_inputs, attrs) => ({ Out: literalMeta(attrs) }),
  grad: 'none',
  constant: literal,
  kernels: {
    cpu: (_inputs, attrs, { Out }) => copyElements(literalTensor(attrs), Out),
    int64: (_inputs, attrs, { Out }) => copyElements(literalTensor(attrs), Out),
  },
})

/** A literal as a kernel tensor: its types have no half among them, so that its data are what kernels see. */
const literalTensor = (attrs: LiteralAttrs): { dtype: DType; shape: readonly number[]; data: Float32Array } => {
  const tensor = literal(attrs)
  return { dtype: tensor.dtype, shape: tensor.shape, data: tensor.data as Float32Array }
}
