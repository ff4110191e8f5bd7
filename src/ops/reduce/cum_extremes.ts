/** cummax and cummin: the extreme of all elements up to each one along an axis, and where it is. Of equal elements the last one counts. */
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import { type AnyOpDef, defineOp, describeOp, type OpDef, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { eachSlice, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'
import { axisInRange } from '../tensor/indices.ts'

const ATTRS = {
  axis: attr.int(-1),
  dtype: attr.dtype('int64', {
    doc: 'Element type of indices.',
    check: (dtype) => (dtype === 'int32' || dtype === 'int64' ? null : 'int32 or int64'),
  }),
}

/** The shape that is walked and the axis; a 0-D tensor counts as one row. @throws OutOfRangeError E216 for an axis past the rank. */
function walk(opType: string, shape: Shape, axis: number): [Shape, number] {
  const rows = shape.length === 0 ? [1] : shape
  return [rows, axisInRange(opType, axis, rows, 'axis', 'x')]
}

type XSlot = { readonly x: ReturnType<typeof one> }
type OutSlots = { readonly out: ReturnType<typeof one>; readonly indices: ReturnType<typeof one> }

/** @param takes whether an element replaces the extreme so far; neither is NaN. */
function cumulative(
  type: string,
  what: string,
  takes: (value: number, extreme: number) => boolean,
): [OpDef<XSlot, OutSlots, typeof ATTRS>, AnyOpDef] {
  const source = 'paddle/phi/kernels/cpu/cum_maxmin_kernel.cc'
  const forward = (X: RawTensor, axis: number, Out: RawTensor, Indices: RawTensor): void => {
    const [x, out] = [X.data as Float64Array, Out.data as Float64Array]
    const long = Indices.data instanceof BigInt64Array ? Indices.data : undefined
    eachSlice(...walk(type, X.shape, axis), (start, step, size) => {
      let place = 0
      for (let k = 0, i = start; k < size; k++, i += step) {
        const value = x[i]!
        const extreme = x[start + place * step]!
        if (Number.isNaN(value) || (!Number.isNaN(extreme) && takes(value, extreme))) place = k
        out[i] = x[start + place * step]!
        if (long === undefined) Indices.data[i] = place
        else long[i] = BigInt(place)
      }
    })
  }
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: the elements of out@GRAD added up where their values came from.`,
    source: 'paddle/phi/kernels/cpu/cum_maxmin_grad_kernel.cc',
    inputs: {
      x: one(`x of ${type}; only its shape is read.`),
      indices: one(`indices of ${type}.`, INDEXES),
      'out@GRAD': one('Gradient of out.', NUMBERS),
    },
    outputs: { 'x@GRAD': optional('Gradient of x.') },
    attrs: ATTRS,
    inferMeta({ x, indices, 'out@GRAD': dOut }, { axis }) {
      requireShape(`${type}_grad`, 'indices', indices, x.shape, 'the shape of x')
      requireShape(`${type}_grad`, 'out@GRAD', dOut, x.shape, 'the shape of x')
      walk(`${type}_grad`, x.shape, axis)
      return { 'x@GRAD': { dtype: dOut.dtype, shape: x.shape } }
    },
    grad: 'unregistered',
    kernels: {
      cpu({ x, indices, 'out@GRAD': dOut }, { axis }, { 'x@GRAD': dX }) {
        if (dX === undefined) return
        const sums = new Float64Array(dX.data.length)
        eachSlice(...walk(`${type}_grad`, x.shape, axis), (start, step, size) => {
          for (let k = 0, i = start; k < size; k++, i += step) sums[start + indices.data[i]! * step]! += dOut.data[i]!
        })
        dX.data.set(sums)
      },
    },
  })
  const def = defineOp({
    type,
    doc: `The ${what} of all elements up to each one, along \`axis\`, and its position; from the first NaN on it is NaN.`,
    source,
    differs: 'The gradient of a 0-D x is that of its output; Paddle gives 0.',
    inputs: { x: one('Any shape.', NUMBERS) },
    outputs: { out: one('Shape and element type of x.'), indices: one('Shape of x, of the element type `dtype`.') },
    attrs: ATTRS,
    inferMeta({ x }, { axis, dtype }) {
      walk(type, x.shape, axis)
      return { out: x, indices: { dtype: dtype === -1 ? 'int64' : dtype, shape: x.shape } }
    },
    grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: { x: inputs.x, indices: outputs.indices, 'out@GRAD': outputGrads.out },
        outputs: { 'x@GRAD': inputGrads.x },
        attrs: 'copied',
      }),
    ],
    kernels: {
      cpu: ({ x }, { axis }, { out, indices }) => forward(x, axis, out, indices),
      int64: ({ x }, { axis }, { out, indices }) => forward(x, axis, out, indices),
    },
  })
  return [def, gradDef]
}

export const [cummax, cummaxGrad] = cumulative('cummax', 'largest', (value, extreme) => value >= extreme)
export const [cummin, cumminGrad] = cumulative('cummin', 'smallest', (value, extreme) => value <= extreme)
