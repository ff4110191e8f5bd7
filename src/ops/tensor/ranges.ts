/** Tensors of evenly spaced numbers, `range` and `linspace`. Their size depends on the values of their inputs. */
import { InvalidArgumentError, UnimplementedError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, type InferContext, type Meta, one } from '../../framework/op_def.ts'
import { ALL, type DType, FLOATS, isFloating, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, numel } from '../../tensor/shape.ts'
import { writeElement } from '../../tensor/tensor.ts'
import type { RawTensor } from './copy.ts'
import { numberInput } from './shape_inputs.ts'

/** @throws InvalidArgumentError E203 unless each input has one element. */
function requireSingle(opType: string, metas: Readonly<Record<string, Meta>>): void {
  for (const [slot, { shape }] of Object.entries(metas)) {
    // numel is -1 where the shape is not known yet.
    if (Math.abs(numel(shape)) === 1) continue
    throw new InvalidArgumentError(
      'E203',
      `${opType}: ${slot} must have one element, got shape ${formatShape(shape)}`,
      {
        where: { opType, slot },
        expected: 1,
        got: shape,
      },
    )
  }
}

const invalid = (text: string, got: unknown): InvalidArgumentError => new InvalidArgumentError('E224', text, { got })

/** How many numbers from start on do not reach end; counted in float32 for float32, as Paddle does. */
function rangeSize(ctx: InferContext, dtype: DType): number {
  const read = (slot: string): bigint | number | undefined => {
    const value = ctx.constant(slot)?.at(0)
    return typeof value === 'boolean' ? Number(value) : value
  }
  const [start, end, step] = [read('Start'), read('End'), read('Step')]
  if (start === undefined || end === undefined || step === undefined) return -1
  if (Number(step) === 0) throw invalid('range: Step must not be 0', 0)
  if ((start < end && step < 0) || (start > end && step > 0)) {
    throw invalid(`range: Step ${step} leads away from End: Start is ${start}, End is ${end}`, String(step))
  }
  if (!isFloating(dtype)) {
    const [from, to, by] = [BigInt(start), BigInt(end), BigInt(step)]
    const distance = to > from ? to - from : from - to
    const size = by > 0n ? by : -by
    return Number((distance + size - 1n) / size)
  }
  const round = dtype === 'float64' ? (value: number) => value : Math.fround
  const count = Math.ceil(Math.abs(round(round(Number(end) - Number(start)) / Number(step))))
  if (!Number.isFinite(count))
    throw invalid(`range: Start ${start}, End ${end} and Step ${step} give no number of elements`, count)
  return count
}

/** Out = Start, Start + Step, …, without End. */
export const range = defineOp({
  type: 'range',
  doc: 'The numbers from Start on in steps of Step, up to but without End. Each is the rounded sum of the one before and Step.',
  source: 'paddle/phi/kernels/cpu/arange_kernel.cc',
  inputs: {
    Start: one('One element.', NUMBERS),
    End: one('One element, element type of Start.', NUMBERS),
    Step: one('One element other than 0, element type of Start.', NUMBERS),
  },
  outputs: { Out: one('1-D, element type of Start.') },
  attrs: {},
  inferMeta({ Start, End, Step }, _attrs, ctx) {
    requireSingle('range', { Start, End, Step })
    requireSameDType('range', { Start, End, Step })
    return { Out: { dtype: Start.dtype, shape: [rangeSize(ctx, Start.dtype)] } }
  },
  grad: 'none',
  kernels: {
    cpu({ Start, Step }, _attrs, { Out }) {
      const out = Out.data
      const step = Step.data[0]!
      if (out.length > 0) out[0] = Start.data[0]!
      for (let i = 1; i < out.length; i++) out[i] = out[i - 1]! + step
    },
    int64({ Start, Step }, _attrs, { Out }) {
      const out = Out.data as BigInt64Array
      const step = Step.data[0] as bigint
      if (out.length > 0) out[0] = Start.data[0] as bigint
      for (let i = 1; i < out.length; i++) out[i] = out[i - 1]! + step
    },
  },
})

const LINSPACE_DTYPES: readonly DType[] = [...FLOATS, 'int32', 'int64']

/** @throws UnimplementedError E403 for an element type without kernel. */
function linspaceDType(dtype: DType | -1): DType {
  if (dtype !== -1 && LINSPACE_DTYPES.includes(dtype)) return dtype
  throw new UnimplementedError('E403', `linspace has no kernel for element type ${dtype}`, {
    expected: LINSPACE_DTYPES,
    got: dtype,
  })
}

/** An end as a number of the output's element type. */
function endOf(tensor: RawTensor, dtype: DType): number {
  const value = Number(tensor.data[0])
  return isFloating(dtype) ? (dtype === 'float64' ? value : Math.fround(value)) : Math.trunc(value)
}

/** Paddle counts the first half from Start and the second half back from Stop, so that both ends are exact. */
function fillLinspace(Start: RawTensor, Stop: RawTensor, Out: RawTensor): void {
  const count = Out.data.length
  const start = endOf(Start, Out.dtype)
  const stop = endOf(Stop, Out.dtype)
  const whole = !isFloating(Out.dtype)
  const step = count > 1 ? (stop - start) / (count - 1) : 0
  for (let i = 0; i < count; i++) {
    const value = i < count / 2 || count === 1 ? start + i * step : stop - (count - 1 - i) * step
    if (Out.data instanceof BigInt64Array) Out.data[i] = BigInt(Math.trunc(value))
    else Out.data[i] = whole ? Math.trunc(value) : value
  }
}

export const linspace = defineOp({
  type: 'linspace',
  doc: 'Num numbers of equal distance from Start to Stop, both included; cut towards zero for whole numbers.',
  source: 'paddle/phi/kernels/cpu/linspace_kernel.cc',
  inputs: {
    Start: one('One element.', NUMBERS),
    Stop: one('One element.', NUMBERS),
    Num: one('One element: how many, 1 or more.', ['int32']),
  },
  outputs: { Out: one('1-D of the element type `dtype`.') },
  attrs: { dtype: attr.dtype(undefined, { doc: 'Element type of Out.' }) },
  inferMeta({ Start, Stop, Num }, { dtype }, ctx) {
    requireSingle('linspace', { Start, Stop, Num })
    const count = numberInput(ctx, 'Num')
    if (count !== undefined && count < 1) throw invalid(`linspace: Num must be 1 or more, got ${count}`, count)
    return { Out: { dtype: linspaceDType(dtype), shape: [count ?? -1] } }
  },
  grad: 'none',
  kernels: {
    cpu: ({ Start, Stop }, _attrs, { Out }) => fillLinspace(Start, Stop, Out),
    int64: ({ Start, Stop }, _attrs, { Out }) => fillLinspace(Start, Stop, Out),
  },
})

export const size = defineOp({
  type: 'size',
  doc: 'The number of elements of Input.',
  source: 'paddle/phi/kernels/impl/size_kernel_impl.h',
  inputs: { Input: one('Any shape; its values are not read.', ALL) },
  outputs: { Out: one('0-D, int64.') },
  attrs: {},
  inferMeta: () => ({ Out: { dtype: 'int64', shape: [] } }),
  grad: 'none',
  kernels: {
    int64({ Input }, _attrs, { Out }) {
      writeElement('int64', Out.data, 0, numel(Input.shape))
    },
  },
})
