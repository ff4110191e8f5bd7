/** put_along_axis: single elements written along one axis, one index each; the counterpart of take_along_axis. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS, INDEXES } from '../../tensor/dtype.ts'
import { formatShape, resolveAxis } from '../../tensor/shape.ts'
import { copyElements, type RawTensor } from './copy.ts'
import { placesOf } from './take_along_axis.ts'

const TYPE = 'put_along_axis'
const ATTRS = {
  Axis: attr.int(),
  Reduce: attr.string('assign', {
    doc: 'assign: the value replaces the element, the last one if several do; add, and mul or multiply: it is added or multiplied; mean, amin and amax: of the element and its values.',
    check: oneOf('assign', 'add', 'mul', 'multiply', 'mean', 'amin', 'amax'),
  }),
  Include_self: attr.bool(true, { doc: 'The element of Input counts too; else only the values that are put there.' }),
}
interface PutAttrs {
  readonly Axis: number
  readonly Reduce: string
  readonly Include_self: boolean
}
const DTYPES = [...FLOATS, 'int32', 'int64', 'uint8'] as const

/** @throws InvalidArgumentError E203 unless Index has the rank of Input and fits into it but along the axis. */
function check(opType: string, Input: Meta, Index: Meta, { Axis }: PutAttrs): number {
  const axis = resolveAxis(opType, Axis, Input.shape, 'Axis', 'Input')
  const fits =
    Index.shape.length === Input.shape.length &&
    Index.shape.every((dim, d) => d === axis || dim < 0 || Input.shape[d]! < 0 || dim <= Input.shape[d]!)
  if (fits) return axis
  throw new InvalidArgumentError(
    'E203',
    `${opType}: Index must have the rank of Input and be no larger but along axis ${axis}, got ${formatShape(Index.shape)} for Input of shape ${formatShape(Input.shape)}`,
    { where: { opType, slot: 'Index' }, expected: Input.shape, got: Index.shape },
  )
}

const placesIn = (opType: string, Input: RawTensor, Index: RawTensor, Axis: number): Int32Array =>
  placesOf(opType, Input.shape, Index, resolveAxis(opType, Axis, Input.shape, 'Axis', 'Input'), 'OutOfRange')

const COMBINE: Readonly<Record<string, (a: number, b: number) => number>> = {
  assign: (_, b) => b,
  add: (a, b) => a + b,
  mean: (a, b) => a + b,
  mul: (a, b) => a * b,
  multiply: (a, b) => a * b,
  amin: (a, b) => (b < a ? b : a),
  amax: (a, b) => (b > a ? b : a),
}

type Inputs = { Input: RawTensor; Index: RawTensor; Value: RawTensor }

function put(
  { Input, Index, Value }: Inputs,
  { Axis, Reduce, Include_self }: PutAttrs,
  { Result }: { Result: RawTensor },
): void {
  const places = placesIn(TYPE, Input, Index, Axis)
  copyElements(Input, Result)
  const [value, result] = [Value.data as Float64Array, Result.data as Float64Array]
  const combine = COMBINE[Reduce]!
  const seen = new Int32Array(result.length)
  const first = Include_self ? 1 : 0
  places.forEach((place, i) => {
    const count = ++seen[place]!
    result[place] = count === 1 && first === 0 ? value[i]! : combine(result[place]!, value[i]!)
  })
  if (Reduce !== 'mean') return
  for (let place = 0; place < seen.length; place++) {
    const count = seen[place]! + first
    if (seen[place] === 0 || count === 1) continue
    if (Result.data instanceof BigInt64Array) Result.data[place] = Result.data[place]! / BigInt(count)
    else result[place] = result[place]! / count
  }
}

type GradInputs = Inputs & { Result: RawTensor; 'Result@GRAD': RawTensor }

function putBack(
  { Input, Index, Value, Result, 'Result@GRAD': dResult }: GradInputs,
  { Axis, Reduce, Include_self }: PutAttrs,
  outputs: { 'Input@GRAD'?: RawTensor | undefined; 'Value@GRAD'?: RawTensor | undefined },
): void {
  const places = placesIn(`${TYPE}_grad`, Input, Index, Axis)
  const numbers = (tensor: RawTensor | undefined): Float64Array => tensor?.data as Float64Array
  const [input, value, result, dout] = [numbers(Input), numbers(Value), numbers(Result), numbers(dResult)]
  const [dInput, dValue] = [numbers(outputs['Input@GRAD']), numbers(outputs['Value@GRAD'])]
  const product = Reduce === 'mul' || Reduce === 'multiply'
  const extreme = Reduce === 'amin' || Reduce === 'amax'
  const writers = new Int32Array(result.length)
  const last = new Int32Array(result.length)
  // Of how many terms that are equal to an extreme, or make up a mean, each gets its share.
  const terms = new Int32Array(result.length)
  places.forEach((place, i) => {
    writers[place]!++
    last[place] = i
    if (!extreme || value[i] === result[place]) terms[place]!++
  })
  for (let place = 0; place < result.length; place++) {
    if (Include_self && (!extreme || input[place] === result[place])) terms[place]!++
  }
  if (dInput !== undefined) {
    for (let place = 0; place < result.length; place++) {
      const share = dout[place]!
      if (writers[place] === 0) dInput[place] = share
      else if (Reduce === 'assign' || !Include_self) dInput[place] = 0
      else if (product) dInput[place] = (share * result[place]!) / input[place]!
      else if (extreme) dInput[place] = input[place] === result[place] ? share / terms[place]! : 0
      else dInput[place] = Reduce === 'mean' ? share / terms[place]! : share
    }
  }
  if (dValue === undefined) return
  places.forEach((place, i) => {
    const share = dout[place]!
    if (Reduce === 'assign') dValue[i] = last[place] === i ? share : 0
    else if (product) dValue[i] = (share * result[place]!) / value[i]!
    else if (extreme) dValue[i] = value[i] === result[place] ? share / terms[place]! : 0
    else dValue[i] = Reduce === 'mean' ? share / terms[place]! : share
  })
}

export const putAlongAxisGrad = defineOp({
  type: `${TYPE}_grad`,
  doc: 'Gradient of put_along_axis: dResult to the elements and values that it was made of.',
  source: 'paddle/phi/kernels/cpu/put_along_axis_grad_kernel.cc',
  inputs: {
    Input: one('Input of put_along_axis.'),
    Index: one('Index of put_along_axis.', INDEXES),
    Value: one('Value of put_along_axis.'),
    Result: one('Result of put_along_axis.'),
    'Result@GRAD': one('Gradient of Result.', FLOATS),
  },
  outputs: { 'Input@GRAD': optional('Gradient of Input.'), 'Value@GRAD': optional('Gradient of Value.') },
  attrs: ATTRS,
  inferMeta({ Input, Index, Value, Result, 'Result@GRAD': dResult }, attrs) {
    check(`${TYPE}_grad`, Input, Index, attrs)
    requireShape(`${TYPE}_grad`, 'Value', Value, Index.shape, 'the shape of Index')
    requireShape(`${TYPE}_grad`, 'Result', Result, Input.shape, 'the shape of Input')
    requireShape(`${TYPE}_grad`, 'Result@GRAD', dResult, Input.shape, 'the shape of Input')
    return {
      'Input@GRAD': { dtype: dResult.dtype, shape: Input.shape },
      'Value@GRAD': { dtype: dResult.dtype, shape: Value.shape },
    }
  },
  grad: 'unregistered',
  kernels: { cpu: putBack },
})

export const putAlongAxis = defineOp({
  type: TYPE,
  doc: 'Input with Result[..., Index[..., j, ...], ...] made of it and Value[..., j, ...], as `Reduce` says, along the axis `Axis`.',
  source: 'paddle/phi/kernels/cpu/put_along_axis_kernel.cc',
  differs:
    'An index outside of Input is an OutOfRangeError, and a Value without the shape of Index an InvalidArgumentError, where Paddle reads outside of its memory.',
  inputs: {
    Input: one('One dimension or more.', DTYPES),
    Index: one('Rank of Input, no larger than it but along the axis.', INDEXES),
    Value: one('Shape of Index, element type of Input.', DTYPES),
  },
  outputs: { Result: one('Shape and element type of Input.') },
  attrs: ATTRS,
  inferMeta({ Input, Index, Value }, attrs) {
    requireSameDType(TYPE, { Input, Value })
    check(TYPE, Input, Index, attrs)
    requireShape(TYPE, 'Value', Value, Index.shape, 'the shape of Index')
    return { Result: Input }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(putAlongAxisGrad, {
      inputs: {
        Input: inputs.Input,
        Index: inputs.Index,
        Value: inputs.Value,
        Result: outputs.Result,
        'Result@GRAD': outputGrads.Result,
      },
      outputs: { 'Input@GRAD': inputGrads.Input, 'Value@GRAD': inputGrads.Value },
      attrs: 'copied',
    }),
  ],
  inplace: { Result: 'Input' },
  kernels: { cpu: put, int64: put },
})
