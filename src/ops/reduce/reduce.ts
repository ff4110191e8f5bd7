/**
 * Sums, means and extremes over dimensions: each entry is the loop that folds one run of the input into the result and the one that hands the
 * cotangent back. Sums are kept in float64 and rounded once at the end; int64 results are exact and wrap around as in C++.
 * Source: paddle/phi/kernels/funcs/reduce_functor.h (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import type { Attr } from '../../framework/attr_value.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type KernelTensor,
  type OpDef,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { ALL, type DType, isFloating, isInteger, NUMBERS, type NumberArray } from '../../tensor/dtype.ts'
import { formatShape, numel } from '../../tensor/shape.ts'
import { eachRun, type ReduceAttrs, reducedCount, reducedDims, reducedShape } from './layout.ts'

export type Raw = KernelTensor<NumberArray | BigInt64Array>

interface ReductionFormula {
  readonly doc: string
  readonly differs?: string
  readonly dtypes: readonly DType[]
  /** Element type of the result when out_dtype is -1. */
  readonly outDType: (x: DType) => DType
  /** Whether out_dtype may name another element type; only sums take notice of it. */
  readonly converts: boolean
  /** Whether there is a value for no elements at all. */
  readonly ofNothing: boolean
  /** Fills `out`. `count` elements of x go into each of its elements. */
  readonly forward: (x: KernelTensor, out: KernelTensor, reduced: readonly boolean[], count: number) => void
  /** The same where x or out is int64; absent where neither can be. */
  readonly int64?: (x: Raw, out: Raw, reduced: readonly boolean[], count: number) => void
  /** Whether the gradient reads Out. */
  readonly readsOut: boolean
  readonly backward: (
    x: KernelTensor,
    out: KernelTensor | undefined,
    outGrad: KernelTensor,
    xGrad: KernelTensor,
    reduced: readonly boolean[],
    count: number,
  ) => void
}

const attrs = {
  dim: attr.ints([0], { doc: 'Dimensions to reduce; empty for all.' }),
  keep_dim: attr.bool(false, { doc: 'Keep the reduced dimensions with size 1.' }),
  reduce_all: attr.bool(false),
  in_dtype: attr.dtype(-1, { doc: 'Has no effect: X has an element type.' }),
  out_dtype: attr.dtype(-1, {
    doc: 'Element type of Out, in which reduce_sum adds up X; without effect in the others.',
  }),
}

type XSlot = { readonly X: ReturnType<typeof one> }
type OutSlot = { readonly Out: ReturnType<typeof one> }
type GradSlots = XSlot & { readonly Out: ReturnType<typeof optional>; readonly 'Out@GRAD': ReturnType<typeof one> }
type XGradSlot = { readonly 'X@GRAD': ReturnType<typeof optional> }
type ReduceAttrTypes = { readonly [K in keyof typeof attrs]: (typeof attrs)[K] } & Readonly<Record<string, Attr>>

type Definitions = [OpDef<XSlot, OutSlot, ReduceAttrTypes>, OpDef<GradSlots, XGradSlot, ReduceAttrTypes>]

/** A pair of definitions: the operator and its gradient. */
export function reduction(type: string, formula: ReductionFormula): Definitions {
  const source = 'paddle/phi/kernels/funcs/reduce_functor.h'
  const plan = (x: Raw, given: ReduceAttrs): [boolean[], number] => {
    const reduced = reducedDims(type, x.shape, given)
    return [reduced, reducedCount(x.shape, reduced)]
  }
  const gradDef: Definitions[1] = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: dX from dOut${formula.readsOut ? ', X and Out' : ' and the shape of X'}.`,
    source,
    inputs: {
      X: one(`X of ${type}.`),
      // Mandatory where it is read; the formula says which.
      Out: (formula.readsOut ? one(`Out of ${type}.`) : optional('Not used.')) as ReturnType<typeof optional>,
      'Out@GRAD': one('Gradient of Out.'),
    },
    outputs: { 'X@GRAD': optional('Gradient of X.') },
    attrs,
    inferMeta({ X, 'Out@GRAD': dOut }, given) {
      const shape = reducedShape(X, reducedDims(`${type}_grad`, X.shape, given), given.keep_dim)
      requireShape(`${type}_grad`, 'Out@GRAD', dOut, shape, 'the shape of Out')
      return { 'X@GRAD': X }
    },
    grad: 'unregistered',
    kernels: {
      cpu(inputs, given, outputs) {
        const xGrad = outputs['X@GRAD']
        if (xGrad === undefined) return
        formula.backward(inputs.X, inputs.Out, inputs['Out@GRAD'], xGrad, ...plan(inputs.X, given))
      },
    },
  })
  const def: Definitions[0] = defineOp({
    type,
    doc: formula.doc,
    source,
    ...(formula.differs === undefined ? {} : { differs: formula.differs }),
    inputs: { X: one('Any shape.', formula.dtypes) },
    outputs: { Out: one('Shape of X without the reduced dimensions, or with 1 in their place.') },
    attrs,
    inferMeta({ X }, given) {
      const reduced = reducedDims(type, X.shape, given)
      const shape = reducedShape(X, reduced, given.keep_dim)
      const asked = formula.converts ? given.out_dtype : -1
      const dtype = asked === -1 ? formula.outDType(X.dtype) : asked
      if (!formula.ofNothing && reducedCount(X.shape, reduced) === 0 && numel(shape) !== 0) {
        throw new InvalidArgumentError(
          'E203',
          `${type}: there is no element to choose in X of shape ${formatShape(X.shape)}`,
          {
            expected: 'one element or more along the reduced dimensions',
            got: X.shape,
          },
        )
      }
      return { Out: { dtype, shape } }
    },
    grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: { X: inputs.X, ...(formula.readsOut ? { Out: outputs.Out } : {}), 'Out@GRAD': outputGrads.Out },
        outputs: { 'X@GRAD': inputGrads.X },
        attrs: 'copied',
      }),
    ],
    kernels: {
      cpu: ({ X }, given, { Out }) => formula.forward(X, Out, ...plan(X, given)),
      int64: ({ X }, given, { Out }) => formula.int64?.(X, Out, ...plan(X, given)),
    },
  })
  return [def, gradDef]
}

/** Sums of runs in float64. */
function sums(x: NumberArray, shape: readonly number[], reduced: readonly boolean[], total: Float64Array): void {
  eachRun(shape, reduced, (start, count, out, step) => {
    if (step === 0) {
      let sum = total[out]!
      for (let i = start; i < start + count; i++) sum += x[i]!
      total[out] = sum
    } else for (let i = 0; i < count; i++) total[out + i]! += x[start + i]!
  })
}

/** Sums of runs in 64-bit integers; elements of floating-point types lose their fraction first, as when they are cast. */
function wholeSums(x: Raw, reduced: readonly boolean[], total: BigInt64Array): void {
  const { data } = x
  eachRun(x.shape, reduced, (start, count, out, step) => {
    for (let i = 0; i < count; i++) {
      const value = data[start + i]!
      total[out + i * step]! += typeof value === 'bigint' ? value : BigInt(Math.trunc(value))
    }
  })
}

/** The elements as numbers, as a cast to `dtype` gives them. */
function castNumbers(x: Raw, dtype: DType): NumberArray {
  if (x.data instanceof BigInt64Array) return Float64Array.from(x.data, Number)
  return isFloating(x.dtype) && isInteger(dtype) ? Float64Array.from(x.data, Math.trunc) : x.data
}

function sumInto(x: Raw, out: KernelTensor, reduced: readonly boolean[]): void {
  const total = new Float64Array(out.data.length)
  sums(castNumbers(x, out.dtype), x.shape, reduced, total)
  if (out.dtype === 'bool') for (let i = 0; i < total.length; i++) out.data[i] = total[i] === 0 ? 0 : 1
  else out.data.set(total)
}

export const [reduceSum, reduceSumGrad] = reduction('reduce_sum', {
  doc: 'The sum over the dimensions `dim`. Sums of bool and int32 are int64 unless out_dtype says otherwise.',
  differs: 'The sum of no elements is 0, where Paddle refuses an X of size 0.',
  dtypes: ALL,
  outDType: (x) => (x === 'bool' || x === 'int32' ? 'int64' : x),
  converts: true,
  ofNothing: true,
  forward: sumInto,
  int64(x, out, reduced) {
    if (!(out.data instanceof BigInt64Array)) return sumInto(x, out as KernelTensor, reduced)
    out.data.fill(0n)
    wholeSums(x, reduced, out.data)
  },
  readsOut: false,
  backward(x, _out, { data: dout }, { data: dx }, reduced) {
    eachRun(x.shape, reduced, (start, count, from, step) => {
      if (step === 0) dx.fill(dout[from]!, start, start + count)
      else for (let i = 0; i < count; i++) dx[start + i] = dout[from + i]!
    })
  },
})

export const [reduceMean, reduceMeanGrad] = reduction('reduce_mean', {
  doc: 'The mean over the dimensions `dim`. The mean of integers is cut to an integer, that of bools is whether any is true.',
  differs:
    'The mean of no elements is NaN, where Paddle refuses an X of size 0. The gradient of a 0-D X works for every dim.',
  dtypes: [...NUMBERS, 'bool'],
  outDType: (x) => x,
  converts: false,
  ofNothing: true,
  forward({ data: x, shape }, out, reduced, count) {
    const total = new Float64Array(out.data.length)
    sums(x, shape, reduced, total)
    if (out.dtype === 'bool') for (let i = 0; i < total.length; i++) out.data[i] = total[i] === 0 ? 0 : 1
    else for (let i = 0; i < total.length; i++) out.data[i] = total[i]! / count
  },
  int64(x, out, reduced, count) {
    const total = out.data as BigInt64Array
    total.fill(0n)
    wholeSums(x, reduced, total)
    if (count > 0) for (let i = 0; i < total.length; i++) total[i] = total[i]! / BigInt(count)
  },
  readsOut: false,
  backward(x, _out, { data: dout }, { data: dx }, reduced, size) {
    eachRun(x.shape, reduced, (start, count, from, step) => {
      if (step === 0) dx.fill(dout[from]! / size, start, start + count)
      else for (let i = 0; i < count; i++) dx[start + i] = dout[from + i]! / size
    })
  },
})

/** Every element equal to its extreme gets the whole cotangent. */
function extremeBackward(
  { data: x, shape }: KernelTensor,
  out: KernelTensor | undefined,
  { data: dout }: KernelTensor,
  { data: dx }: KernelTensor,
  reduced: readonly boolean[],
): void {
  const extreme = out!.data
  eachRun(shape, reduced, (start, count, from, step) => {
    for (let i = 0; i < count; i++)
      dx[start + i] = x[start + i] === extreme[from + i * step] ? dout[from + i * step]! : 0
  })
}

const extreme = {
  differs: 'NaN wins over every number, as in NumPy. An empty choice is refused only where the result has elements.',
  dtypes: NUMBERS,
  outDType: (x: DType): DType => x,
  converts: false,
  ofNothing: false,
  readsOut: true,
  backward: extremeBackward,
} as const

export function maxInto({ data, shape }: Raw, out: Raw, reduced: readonly boolean[]): void {
  const x = data as Float64Array
  const y = out.data as Float64Array
  if (out.data instanceof BigInt64Array) out.data.fill(-(2n ** 63n))
  else out.data.fill(isInteger(out.dtype) ? -2147483648 : -Infinity)
  eachRun(shape, reduced, (start, count, to, step) => {
    if (step === 0) {
      let max = y[to]!
      // A NaN fails both comparisons on either side: the first one found stays.
      for (let i = start; i < start + count; i++) if (!(x[i]! <= max) && !Number.isNaN(max)) max = x[i]!
      y[to] = max
    } else {
      for (let i = 0; i < count; i++)
        if (!(x[start + i]! <= y[to + i]!) && !Number.isNaN(y[to + i]!)) y[to + i] = x[start + i]!
    }
  })
}

export const [reduceMax, reduceMaxGrad] = reduction('reduce_max', {
  doc: 'The largest element over the dimensions `dim`. Every element equal to it gets the whole gradient.',
  ...extreme,
  forward: maxInto,
  int64: maxInto,
})

export function minInto({ data, shape }: Raw, out: Raw, reduced: readonly boolean[]): void {
  const x = data as Float64Array
  const y = out.data as Float64Array
  if (out.data instanceof BigInt64Array) out.data.fill(2n ** 63n - 1n)
  else out.data.fill(isInteger(out.dtype) ? 2147483647 : Infinity)
  eachRun(shape, reduced, (start, count, to, step) => {
    if (step === 0) {
      let min = y[to]!
      for (let i = start; i < start + count; i++) if (!(x[i]! >= min) && !Number.isNaN(min)) min = x[i]!
      y[to] = min
    } else {
      for (let i = 0; i < count; i++)
        if (!(x[start + i]! >= y[to + i]!) && !Number.isNaN(y[to + i]!)) y[to + i] = x[start + i]!
    }
  })
}

export const [reduceMin, reduceMinGrad] = reduction('reduce_min', {
  doc: 'The smallest element over the dimensions `dim`. Every element equal to it gets the whole gradient.',
  ...extreme,
  forward: minInto,
  int64: minInto,
})
