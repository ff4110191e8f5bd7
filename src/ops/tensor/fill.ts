/** Operators that make a tensor of one repeated value: fill_constant, fill_zeros_like, fill_any_like. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, type InferContext, type Meta, many, one, optional } from '../../framework/op_def.ts'
import { ALL, type DType, INDEXES } from '../../tensor/dtype.ts'
import type { Shape } from '../../tensor/shape.ts'
import { Tensor, writeElement } from '../../tensor/tensor.ts'
import type { RawTensor } from './copy.ts'
import { requireDims, shapeInput, shapeListInput } from './shape_inputs.ts'

const INTEGER_BITS: Partial<Record<DType, readonly [bits: number, signed: boolean]>> = {
  int8: [8, true],
  uint8: [8, false],
  int16: [16, true],
  int32: [32, true],
  int64: [64, true],
}

/**
 * `value` as an element of `dtype`: whole part for integers (a bigint for int64), 0 or 1 for bool, unchanged for floats.
 * @throws InvalidArgumentError E201 if an integer type cannot hold it.
 */
export function toElement(opType: string, dtype: DType, value: number | bigint): number | bigint {
  if (dtype === 'bool') return Number(value) !== 0 ? 1 : 0
  const range = INTEGER_BITS[dtype]
  if (range === undefined) return Number(value)
  if (typeof value === 'bigint' || Number.isFinite(value)) {
    const [bits, signed] = range
    const whole = typeof value === 'bigint' ? value : BigInt(Math.trunc(value))
    const held = signed ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole)
    if (held === whole) return dtype === 'int64' ? whole : Number(whole)
  }
  throw new InvalidArgumentError('E201', `${opType}: the value ${value} does not fit ${dtype}`, {
    expected: dtype,
    got: typeof value === 'bigint' ? value.toString() : value,
  })
}

const NAMED_VALUES: Readonly<Record<string, number>> = { inf: Infinity, '-inf': -Infinity, nan: Number.NaN }
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

/** The number meant by `str_value`. As in Paddle it is a float64, also for int64, so whole numbers beyond 2^53 lose digits. */
function parseText(text: string): number {
  return Object.hasOwn(NAMED_VALUES, text) ? NAMED_VALUES[text]! : Number(text)
}

/** The attributes that say what is filled in. */
export const valueAttrs = {
  dtype: attr.dtype('float32', { check: (dtype) => (dtype === -1 ? 'the name of an element type' : null) }),
  value: attr.float(0),
  str_value: attr.string('', {
    doc: 'The value as text, exact for float64; "inf", "-inf" and "nan" are values too. Empty: `value` counts.',
    check: (text) =>
      text === '' || Object.hasOwn(NAMED_VALUES, text) || DECIMAL.test(text) ? null : 'a decimal number, or empty',
  }),
}
interface ValueAttrs {
  readonly dtype: DType | -1
  readonly value: number
  readonly str_value: string
}

/** The element that the attributes ask for. @throws InvalidArgumentError E201 if the type cannot hold it. */
export function constantElement(attrs: ValueAttrs, opType = 'fill_constant'): number | bigint {
  const value = attrs.str_value === '' ? attrs.value : parseText(attrs.str_value)
  return toElement(opType, dtypeOf(attrs.dtype), value)
}

/** -1 is refused by the attribute's check. */
const dtypeOf = (dtype: DType | -1): DType => dtype as DType

/** ShapeTensor goes before ShapeTensorList, and both before the attribute. */
function shapeOf(inputs: ShapeInputs, shape: Shape, ctx: InferContext): Shape {
  const { ShapeTensor, ShapeTensorList } = inputs
  const given =
    ShapeTensor !== undefined
      ? shapeInput(ctx, 'ShapeTensor', ShapeTensor)
      : ShapeTensorList.length > 0
        ? shapeListInput(ctx, 'ShapeTensorList', ShapeTensorList)
        : undefined
  if (given === undefined || ctx.atRun) requireDims('fill_constant', given ?? shape)
  return given ?? shape
}

interface ShapeInputs {
  readonly ShapeTensor?: Meta | undefined
  readonly ShapeTensorList: readonly Meta[]
}

/** Fills with a value that is already an element of the output's type. */
export function fill(out: RawTensor, value: number | bigint): void {
  if (out.data instanceof BigInt64Array) out.data.fill(value as bigint)
  else out.data.fill(value as number)
}

export const fillConstant = defineOp({
  type: 'fill_constant',
  doc: 'A tensor of the given shape and element type, every element the same value. str_value goes before value, ValueTensor before both.',
  source: 'paddle/fluid/operators/fill_constant_op.cc, paddle/phi/kernels/cpu/full_kernel.cc',
  differs: 'A value that an integer type cannot hold is an InvalidArgumentError; in Paddle the result is undefined.',
  inputs: {
    ValueTensor: optional('One element: the value.', ALL),
    ShapeTensor: optional('1-D: the shape.', INDEXES),
    ShapeTensorList: many('One element each: the dimensions of the shape. May be empty.', INDEXES),
  },
  outputs: { Out: one('The given shape and element type.') },
  attrs: {
    ...valueAttrs,
    shape: attr.dims([]),
  },
  inferMeta: ({ ShapeTensor, ShapeTensorList }, { dtype, shape }, ctx) => ({
    Out: { dtype: dtypeOf(dtype), shape: shapeOf({ ShapeTensor, ShapeTensorList }, shape, ctx) },
  }),
  grad: 'none',
  constant(attrs) {
    const out = Tensor.zeros(dtypeOf(attrs.dtype), attrs.shape)
    const value = constantElement(attrs)
    for (let i = 0; i < out.size; i++) writeElement(out.dtype, out.data, i, value)
    return out
  },
  kernels: {
    cpu: ({ ValueTensor }, attrs, { Out }) => fill(Out, valueToFill(ValueTensor, attrs)),
    int64: ({ ValueTensor }, attrs, { Out }) => fill(Out, valueToFill(ValueTensor, attrs)),
  },
})

function valueToFill(given: RawTensor | undefined, attrs: ValueAttrs): number | bigint {
  return given === undefined ? constantElement(attrs) : toElement('fill_constant', dtypeOf(attrs.dtype), given.data[0]!)
}

export const fillZerosLike = defineOp({
  type: 'fill_zeros_like',
  doc: 'Zeros of the shape and element type of X.',
  source: 'paddle/fluid/operators/fill_zeros_like_op.cc',
  inputs: { X: one('Any shape; its values are not read.', ALL) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: X }),
  grad: 'none',
  inplace: { Out: 'X' },
  kernels: {
    cpu: (_inputs, _attrs, { Out }) => fill(Out, 0),
    int64: (_inputs, _attrs, { Out }) => fill(Out, 0n),
  },
})

export const fillAnyLike = defineOp({
  type: 'fill_any_like',
  doc: 'A tensor of the shape of X with every element `value`, of the element type `dtype` or, for -1, of X.',
  source: 'paddle/fluid/operators/fill_any_like_op.cc, paddle/phi/kernels/cpu/full_kernel.cc',
  differs: 'NaN and infinities for an integer type are an InvalidArgumentError; in Paddle the result is undefined.',
  inputs: { X: one('Any shape; its values are not read.', ALL) },
  outputs: { Out: one('Shape of X.') },
  attrs: { value: attr.float(0), dtype: attr.dtype(-1) },
  inferMeta({ X }, { value, dtype }) {
    const out = dtype === -1 ? X.dtype : dtype
    if (out === 'bool' && (value < 0 || value > 1)) {
      throw new InvalidArgumentError('E201', `fill_any_like: the value ${value} does not fit bool`, {
        expected: [0, 1],
        got: value,
      })
    }
    toElement('fill_any_like', out, value)
    return { Out: { ...X, dtype: out } }
  },
  grad: 'none',
  kernels: {
    cpu: (_inputs, { value }, { Out }) => fill(Out, toElement('fill_any_like', Out.dtype, value)),
    int64: (_inputs, { value }, { Out }) => fill(Out, toElement('fill_any_like', Out.dtype, value)),
  },
})
