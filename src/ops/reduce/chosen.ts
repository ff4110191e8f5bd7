/** kthvalue and mode: one element chosen along an axis, by its rank or because it is the most frequent one, and where it is. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  type AnyOpDef,
  type Attrs,
  defineOp,
  describeOp,
  type FilledAttrs,
  type Meta,
  type OpDef,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { NUMBERS } from '../../tensor/dtype.ts'
import { eachSlice, formatShape, resolveAxis, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'

const CHOICE = {
  axis: attr.int(-1),
  keepdim: attr.bool(false, { doc: 'Keep the dimension with size 1.' }),
}
interface ChoiceAttrs {
  readonly axis: number
  readonly keepdim: boolean
}

/** The shape that is searched and the axis; a 0-D tensor counts as one row. */
function searched(opType: string, shape: Shape, axis: number): [Shape, number] {
  const rows = shape.length === 0 ? [1] : shape
  return [rows, resolveAxis(opType, axis, rows)]
}

function chosenShape(opType: string, { shape }: Meta, { axis, keepdim }: ChoiceAttrs): Shape {
  const [, along] = searched(opType, shape, axis)
  if (shape.length === 0) return []
  return keepdim ? shape.with(along, 1) : shape.toSpliced(along, 1)
}

type XSlot = { readonly X: ReturnType<typeof one> }
type OutSlots = { readonly Out: ReturnType<typeof one>; readonly Indices: ReturnType<typeof one> }

interface Choice<A extends Attrs> {
  readonly doc: string
  readonly differs: string
  readonly source: string
  readonly attrs: A & typeof CHOICE
  /** @throws for a dimension that has nothing to choose. */
  readonly check: (size: number, X: Meta, attrs: FilledAttrs<A>) => void
  /** Position of the chosen one among the `order`ed positions, whose values ascend; equal ones are in the order of their positions. */
  readonly choose: (order: readonly number[], valueAt: (position: number) => number, attrs: FilledAttrs<A>) => number
}

function choice<const A extends Attrs>(
  type: string,
  { doc, differs, source, attrs, check, choose }: Choice<A>,
): [OpDef<XSlot, OutSlots, A & typeof CHOICE>, AnyOpDef] {
  type Given = FilledAttrs<A> & ChoiceAttrs
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: each element of Out@GRAD where its value came from, zero elsewhere.`,
    source: source.replace('_kernel.cc', '_grad_kernel.cc'),
    inputs: {
      X: one(`X of ${type}; only its shape is read.`),
      Indices: one(`Indices of ${type}.`, ['int64']),
      'Out@GRAD': one('Gradient of Out.', NUMBERS),
    },
    outputs: { 'X@GRAD': optional('Gradient of X.') },
    attrs,
    inferMeta({ X, Indices, 'Out@GRAD': dOut }, given) {
      const shape = chosenShape(`${type}_grad`, X, given as Given)
      requireShape(`${type}_grad`, 'Indices', Indices, shape, 'the shape that X gives')
      requireShape(`${type}_grad`, 'Out@GRAD', dOut, shape, 'the shape of Out')
      return { 'X@GRAD': { dtype: dOut.dtype, shape: X.shape } }
    },
    grad: 'unregistered',
    kernels: {
      cpu({ X, Indices, 'Out@GRAD': dOut }, given, { 'X@GRAD': dX }) {
        if (dX === undefined) return
        dX.data.fill(0)
        let slice = 0
        eachSlice(...searched(`${type}_grad`, X.shape, (given as Given).axis), (start, step) => {
          dX.data[start + Indices.data[slice]! * step] = dOut.data[slice]!
          slice++
        })
      },
    },
  })
  const forward = (X: RawTensor, given: Given, Out: RawTensor, Indices: RawTensor): void => {
    // Numbers or bigints: both compare alike.
    const [x, out] = [X.data as Float64Array, Out.data as Float64Array]
    let slice = 0
    eachSlice(...searched(type, X.shape, given.axis), (start, step, size) => {
      const valueAt = (position: number): number => x[start + position * step]!
      const order = Array.from({ length: size }, (_, k) => k).sort((a, b) => ascending(valueAt(a), valueAt(b)) || a - b)
      const place = choose(order, valueAt, given)
      out[slice] = valueAt(place)
      ;(Indices.data as BigInt64Array)[slice++] = BigInt(place)
    })
  }
  const def = defineOp({
    type,
    doc,
    source,
    differs,
    inputs: { X: one('Any shape.', NUMBERS) },
    outputs: { Out: one('Shape of X without the axis, or with 1 in its place.'), Indices: one('Shape of Out, int64.') },
    attrs,
    inferMeta({ X }, given) {
      const shape = chosenShape(type, X, given as Given)
      const [rows, along] = searched(type, X.shape, (given as Given).axis)
      if (rows[along]! >= 0) check(rows[along]!, X, given as Given)
      return { Out: { dtype: X.dtype, shape }, Indices: { dtype: 'int64', shape } }
    },
    grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: { X: inputs.X, Indices: outputs.Indices, 'Out@GRAD': outputGrads.Out },
        outputs: { 'X@GRAD': inputGrads.X },
        attrs: 'copied',
      }),
    ],
    kernels: {
      // Indices are int64, so this kernel is always the one.
      int64: ({ X }, given, { Out, Indices }) => forward(X, given as Given, Out, Indices),
    },
  })
  return [def, gradDef]
}

/** NaN counts as larger than every number. */
function ascending(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

export const [kthvalue, kthvalueGrad] = choice('kthvalue', {
  doc: 'The k-th smallest element along `axis`, counted from 1, and its position.',
  differs: 'Of equal elements the one with the lower index comes first; Paddle leaves the order open.',
  source: 'paddle/phi/kernels/cpu/kthvalue_kernel.cc',
  attrs: { k: attr.int(1, { check: (k) => (k >= 1 ? null : 'a number of 1 or more') }), ...CHOICE },
  check(size, X, { k }) {
    if (k <= size) return
    throw new InvalidArgumentError(
      'E201',
      `kthvalue: attr k must be in [1, ${size}] for X of shape ${formatShape(X.shape)}, got ${k}`,
      { expected: [1, size], got: k },
    )
  },
  choose: (order, _valueAt, { k }) => order[k - 1]!,
})

export const [mode, modeGrad] = choice('mode', {
  doc: 'The most frequent element along `axis`, of several the smallest, and the position where it stands last.',
  differs: 'An axis without elements is refused.',
  source: 'paddle/phi/kernels/cpu/mode_kernel.cc',
  attrs: CHOICE,
  check(size, X) {
    if (size > 0) return
    throw new InvalidArgumentError(
      'E203',
      `mode: there is no element to choose in X of shape ${formatShape(X.shape)}`,
      {
        expected: 'one element or more along the axis',
        got: X.shape,
      },
    )
  },
  choose(order, valueAt) {
    let [best, length] = [0, 0]
    for (let start = 0; start < order.length; ) {
      let end = start + 1
      while (end < order.length && valueAt(order[end]!) === valueAt(order[start]!)) end++
      if (end - start > length) [best, length] = [order[end - 1]!, end - start]
      start = end
    }
    return best
  },
})
