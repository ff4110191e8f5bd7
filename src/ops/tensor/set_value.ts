/** set_value: a strided slice of a tensor replaced, as x[1:3, ::2] = value is recorded. Source: paddle/phi/kernels/impl/set_value_kernel_impl.h (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import type { ScalarValue } from '../../framework/attr_value.ts'
import { defineOp, type InferContext, type Meta, many, one, optional } from '../../framework/op_def.ts'
import { expand } from '../../tensor/broadcast.ts'
import { ALL, type DType, INDEXES } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import { Tensor, writeElement } from '../../tensor/tensor.ts'
import { type AxisMap, eachMapped, steps } from './axis_map.ts'
import { copyElements, type RawTensor } from './copy.ts'

const TYPE = 'set_value'

interface SliceAttrs {
  readonly axes: readonly number[]
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  readonly steps: readonly number[]
  readonly decrease_axes: readonly number[]
  readonly none_axes: readonly number[]
  readonly shape: readonly number[]
}

const fail = (code: string, what: string, got: unknown): InvalidArgumentError =>
  new InvalidArgumentError(code, `${TYPE}: ${what}`, { where: { opType: TYPE }, got })

/** The coordinates along one dimension of `size` that start:end:step takes, as Python counts. */
function range(size: number, start: number, end: number, step: number): number[] {
  if (step === 0) throw fail('E201', 'a step may not be 0', step)
  const clamp = (value: number, low: number, high: number): number =>
    Math.min(Math.max(value < 0 ? value + size : value, low), high)
  const [first, last] =
    step > 0
      ? [clamp(start, 0, size), clamp(end, 0, size)]
      : [clamp(start, -1, size - 1), end < -size ? -1 : clamp(end, -1, size - 1)]
  const count = Math.max(Math.ceil((last - first) / step), 0)
  return steps(first, step, count)
}

/** Which part of Input is set, and the shape that the value broadcasts to: without decrease_axes, with ones for none_axes. */
function part(
  input: Shape,
  attrs: SliceAttrs,
  bounds: { readonly starts: readonly number[]; readonly ends: readonly number[]; readonly steps: readonly number[] },
): { map: AxisMap; target: Shape } {
  const { axes } = attrs
  for (const [name, list] of Object.entries(bounds) as [string, readonly number[]][]) {
    if (list.length !== axes.length) {
      throw fail('E201', `there must be one of ${name} per axis of [${axes.join(', ')}], got ${list.length}`, list)
    }
  }
  const map: (readonly number[] | null)[] = input.map(() => null)
  axes.forEach((axis, i) => {
    const along = axis < 0 ? axis + input.length : axis
    if (along < 0 || along >= input.length) {
      throw fail('E202', `attr axes must name dimensions of Input of shape ${formatShape(input)}, got ${axis}`, axis)
    }
    map[along] = range(input[along]!, bounds.starts[i]!, bounds.ends[i]!, bounds.steps[i]!)
  })
  const sliced = input.map((dim, d) => map[d]?.length ?? dim)
  const kept: number[] = []
  sliced.forEach((dim, d) => {
    if (!attrs.decrease_axes.some((axis) => (axis < 0 ? axis + input.length : axis) === d)) kept.push(dim)
  })
  for (const axis of attrs.none_axes) kept.splice(axis, 0, 1)
  return { map, target: kept }
}

/** Leading ones of a value do not count; then it must broadcast to `target`. @throws InvalidArgumentError E203. */
function placeValue(value: Shape, target: Shape): Shape {
  const extra = Math.max(value.length - target.length, 0)
  const rest = value.slice(extra)
  const placed = [...new Array<number>(target.length - rest.length).fill(1), ...rest]
  const fits =
    value.slice(0, extra).every((dim) => dim === 1) && placed.every((dim, d) => dim === target[d] || dim === 1)
  if (fits) return placed
  throw fail(
    'E203',
    `a value of shape ${formatShape(value)} does not broadcast to the slice ${formatShape(target)}`,
    value,
  )
}

type Lists<T> = {
  readonly StartsTensorList: readonly T[]
  readonly EndsTensorList: readonly T[]
  readonly StepsTensorList: readonly T[]
}

const boundsOf = (attrs: SliceAttrs, given: Lists<RawTensor>) => {
  const values = (list: readonly RawTensor[], otherwise: readonly number[]): readonly number[] =>
    list.length > 0 ? list.map(({ data }) => Number(data[0])) : otherwise
  return {
    starts: values(given.StartsTensorList, attrs.starts),
    ends: values(given.EndsTensorList, attrs.ends),
    steps: values(given.StepsTensorList, attrs.steps),
  }
}

const scalarOf = (value: ScalarValue): number | bigint | boolean => {
  if (typeof value.value === 'string') return BigInt(value.value)
  if (typeof value.value === 'object') throw fail('E201', 'complex values are not supported', value)
  return value.value
}

/** The values of the attributes as a tensor of the type of Input. @throws InvalidArgumentError E201 unless there are as many as `shape` says. */
function literal(values: readonly ScalarValue[], shape: Shape, dtype: DType): Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1)
  if (values.length !== count) {
    throw fail(
      'E201',
      `attr values must hold ${count} for shape ${formatShape(shape)}, got ${values.length}`,
      values.length,
    )
  }
  const out = Tensor.zeros(dtype, shape)
  values.forEach((value, i) => {
    const scalar = scalarOf(value)
    if (dtype === 'int64')
      (out.data as BigInt64Array)[i] = BigInt(typeof scalar === 'number' ? Math.trunc(scalar) : scalar)
    else writeElement(dtype, out.data, i, dtype === 'bool' ? Number(scalar) !== 0 : Number(scalar))
  })
  return out
}

type Inputs = Lists<RawTensor> & { readonly Input: RawTensor; readonly ValueTensor?: RawTensor | undefined }
type Attrs = SliceAttrs & { readonly values: readonly ScalarValue[] }

function set(given: Inputs, attrs: Attrs, { Out }: { Out: RawTensor }): void {
  const { Input, ValueTensor } = given
  const { map, target } = part(Input.shape, attrs, boundsOf(attrs, given))
  const value: RawTensor = ValueTensor ?? (literal(attrs.values, attrs.shape, Input.dtype) as RawTensor)
  const placed = placeValue(value.shape, target)
  copyElements(Input, Out)
  const filled = expand(value.data as Float64Array, placed, target)
  const out = Out.data as Float64Array
  eachMapped(Input.shape, map, (large, small) => {
    out[large] = filled[small]!
  })
}

const longs = (doc: string) => attr.dims([], { doc })

export const setValue = defineOp({
  type: TYPE,
  doc: 'Input with the slice axes, starts, ends, steps replaced by a value that broadcasts to it.',
  source: 'paddle/phi/kernels/impl/set_value_kernel_impl.h',
  differs: 'There is no gradient; Paddle cannot append one to a program with `values` either.',
  inputs: {
    Input: one('Any shape.', ALL),
    ValueTensor: optional('The value, of the element type of Input.', ALL),
    StartsTensorList: many('One element each: starts, in place of the attribute. May be empty.', INDEXES),
    EndsTensorList: many('One element each: ends, in place of the attribute. May be empty.', INDEXES),
    StepsTensorList: many('One element each: steps, in place of the attribute. May be empty.', INDEXES),
  },
  outputs: { Out: one('Shape and element type of Input.') },
  attrs: {
    dtype: attr.dtype('float32', { doc: 'Has no effect: Input has an element type.' }),
    axes: attr.dims(undefined, { doc: 'The dimensions that are sliced.' }),
    starts: longs('First coordinate for each axis; negative ones count from the end.'),
    ends: longs('Coordinate behind the last one for each axis.'),
    steps: longs('Step for each axis; may be negative.'),
    decrease_axes: longs('Dimensions of the slice that the value does not have.'),
    none_axes: longs('Dimensions of 1 that the value has in addition.'),
    values: attr.scalars([], { doc: 'The value, where there is no ValueTensor.' }),
    shape: longs('The shape of values.'),
  },
  inferMeta(given, attrs, ctx) {
    checkSlice(given, attrs, ctx)
    return { Out: given.Input }
  },
  grad: 'unregistered',
  inplace: { Out: 'Input' },
  kernels: { cpu: set, int64: set, half: set },
})

interface Metas extends Lists<Meta> {
  readonly Input: Meta
  readonly ValueTensor?: Meta | undefined
}

/** What can be known before the run: element types, and that the value fits where all sizes and bounds are known. */
function checkSlice({ Input, ValueTensor, ...lists }: Metas, attrs: Attrs, ctx: InferContext): void {
  if (ValueTensor !== undefined && ValueTensor.dtype !== Input.dtype) {
    throw new InvalidArgumentError('E210', `${TYPE}: Input is ${Input.dtype} but ValueTensor is ${ValueTensor.dtype}`, {
      where: { opType: TYPE, slot: 'ValueTensor' },
      expected: Input.dtype,
      got: ValueTensor.dtype,
    })
  }
  const read = (slot: keyof Lists<Meta>, otherwise: readonly number[]): readonly number[] | undefined => {
    if (lists[slot].length === 0) return otherwise
    const values = lists[slot].map((_, i) => ctx.constant(slot, i))
    return values.includes(undefined) ? undefined : values.map((value) => Number(value!.at(0)))
  }
  const [starts, ends, stepList] = [
    read('StartsTensorList', attrs.starts),
    read('EndsTensorList', attrs.ends),
    read('StepsTensorList', attrs.steps),
  ]
  if (starts === undefined || ends === undefined || stepList === undefined) return
  if (Input.shape.some((dim) => dim < 0) || ValueTensor?.shape.some((dim) => dim < 0) === true) return
  const { target } = part(Input.shape, attrs, { starts, ends, steps: stepList })
  if (ValueTensor === undefined) literal(attrs.values, attrs.shape, Input.dtype)
  placeValue(ValueTensor?.shape ?? attrs.shape, target)
}
