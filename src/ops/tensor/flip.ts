/** Coordinates in another order along some axes: flip and reverse (backwards), roll (moved around the end). */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type InferContext,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS, INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { resolveAxis, type Shape } from '../../tensor/shape.ts'
import { type AxisMap, readMapped, steps } from './axis_map.ts'
import type { RawTensor } from './copy.ts'
import { axisInRange } from './indices.ts'
import { shapeInput } from './shape_inputs.ts'

const flipped = (shape: Shape, axes: ReadonlySet<number>): AxisMap =>
  shape.map((dim, d) => (axes.has(d) ? steps(dim - 1, -1, dim) : null))

const flipAttrs = { axis: attr.ints(undefined, { doc: 'The axes that run backwards in Out.' }) }
type FlipAttrs = { readonly axis: readonly number[] }

const flipInto = ({ X }: { X: RawTensor }, { axis }: FlipAttrs, { Out }: { Out: RawTensor }): void =>
  readMapped(X, X.shape, flipped(X.shape, new Set(axis.map((a) => (a < 0 ? a + X.shape.length : a)))), Out)

export const flip = defineOp({
  type: 'flip',
  doc: 'X backwards along the axes `axis`; its gradient is flip again.',
  source: 'paddle/phi/kernels/cpu/flip_kernel.cc',
  inputs: { X: one('Any shape.', [...NUMBERS, 'bool']) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: flipAttrs,
  inferMeta({ X }, { axis }) {
    for (const a of axis) resolveAxis('flip', a, X.shape)
    if (new Set(axis).size !== axis.length) {
      throw new InvalidArgumentError('E201', `flip: attr axis names an axis twice, got [${axis.join(', ')}]`, {
        got: axis,
      })
    }
    return { Out: X }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(flip, { inputs: { X: outputGrads.Out }, outputs: { Out: inputGrads.X as string }, attrs: 'copied' }),
  ],
  kernels: { cpu: flipInto, int64: flipInto, half: flipInto },
})

export const reverse = defineOp({
  type: 'reverse',
  doc: 'X backwards along the axes `axis`; its gradient is reverse again.',
  source: 'paddle/phi/kernels/cpu/reverse_kernel.cc',
  differs: 'Tensor arrays cannot be reversed.',
  inputs: { X: one('Any shape.', [...FLOATS, 'bool', 'int32', 'int64', 'uint8']) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: flipAttrs,
  inferMeta({ X }, { axis }) {
    if (axis.length === 0) {
      throw new InvalidArgumentError('E201', 'reverse: attr axis must name one axis or more, got []', { got: axis })
    }
    for (const a of axis) axisInRange('reverse', a, X.shape)
    return { Out: X }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(reverse, { inputs: { X: outputGrads.Out }, outputs: { Out: inputGrads.X as string }, attrs: 'copied' }),
  ],
  kernels: { cpu: flipInto, int64: flipInto, half: flipInto },
})

type Longs = readonly (number | bigint)[]

/** Where each coordinate of the rolled tensor comes from. Without axes the tensor counts as one row. */
function rolled(shape: Shape, shifts: Longs, axis: Longs, back: boolean): { shape: Shape; map: AxisMap } {
  const total = new Map<number, bigint>()
  const dims = axis.length === 0 ? [shape.reduce((size, dim) => size * dim, 1)] : shape
  shifts.forEach((shift, i) => {
    const along = axis.length === 0 ? 0 : axisInRange('roll', Number(axis[i]), shape)
    total.set(along, (total.get(along) ?? 0n) + BigInt(shift))
  })
  const map = dims.map((dim, d) => {
    const sum = total.get(d)
    if (sum === undefined || dim === 0) return null
    const shift = Number((((back ? sum : -sum) % BigInt(dim)) + BigInt(dim)) % BigInt(dim))
    return steps(0, 1, dim).map((at) => (at + shift) % dim)
  })
  return { shape: dims, map }
}

const rollAttrs = {
  shifts: attr.longs([], { doc: 'How far each axis is moved.' }),
  axis: attr.longs([], { doc: 'The axes; empty: X is rolled as one row and keeps its shape.' }),
}
type RollAttrs = { readonly shifts: Longs; readonly axis: Longs }

const shiftsOf = (tensor: RawTensor | undefined, shifts: Longs): Longs =>
  tensor === undefined ? shifts : Array.from({ length: tensor.data.length }, (_, i) => tensor.data[i]!)

function rollInto(
  { X, ShiftsTensor }: { X: RawTensor; ShiftsTensor?: RawTensor | undefined },
  { shifts, axis }: RollAttrs,
  { Out }: { Out: RawTensor },
): void {
  const { shape, map } = rolled(X.shape, shiftsOf(ShiftsTensor, shifts), axis, false)
  readMapped(X, shape, map, Out)
}

function rollBack(
  inputs: { 'Out@GRAD': RawTensor; ShiftsTensor?: RawTensor | undefined },
  { shifts, axis }: RollAttrs,
  outputs: { 'X@GRAD'?: RawTensor | undefined },
): void {
  const grad = outputs['X@GRAD']
  if (grad === undefined) return
  const { shape, map } = rolled(grad.shape, shiftsOf(inputs.ShiftsTensor, shifts), axis, true)
  readMapped(inputs['Out@GRAD'], shape, map, grad)
}

/** @throws InvalidArgumentError E201 unless there is one shift per axis, OutOfRangeError E216 for an axis past the rank. */
function checkShifts(
  opType: string,
  X: Meta,
  ShiftsTensor: Meta | undefined,
  shifts: Longs,
  axis: Longs,
  ctx: InferContext,
): void {
  const count = ShiftsTensor === undefined ? shifts.length : shapeInput(ctx, 'ShiftsTensor', ShiftsTensor).length
  const known = ShiftsTensor === undefined || ctx.atRun || (ShiftsTensor.shape[0] ?? 1) >= 0
  if (known && count !== Math.max(axis.length, 1)) {
    throw new InvalidArgumentError(
      'E201',
      `${opType}: there must be one shift per axis, or one in all without axes, got ${count} for ${axis.length} axes`,
      { expected: Math.max(axis.length, 1), got: count },
    )
  }
  for (const a of axis) axisInRange(opType, Number(a), X.shape)
}

export const rollGrad = defineOp({
  type: 'roll_grad',
  doc: 'Gradient of roll: Out@GRAD rolled back.',
  source: 'paddle/phi/kernels/cpu/roll_grad_kernel.cc',
  inputs: {
    X: one('X of roll; only its shape is read.'),
    ShiftsTensor: optional('As for roll.', INDEXES),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: rollAttrs,
  inferMeta({ X, ShiftsTensor, 'Out@GRAD': outGrad }, { shifts, axis }, ctx) {
    requireShape('roll_grad', 'Out@GRAD', outGrad, X.shape, 'the shape of X')
    checkShifts('roll_grad', X, ShiftsTensor, shifts, axis, ctx)
    return { 'X@GRAD': { dtype: outGrad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: rollBack, int64: rollBack, half: rollBack },
})

export const roll = defineOp({
  type: 'roll',
  doc: 'X with its elements moved by `shifts` along `axis`; what passes the end comes in again at the beginning.',
  source: 'paddle/phi/kernels/cpu/roll_kernel.cc',
  inputs: {
    X: one('Any shape.', NUMBERS),
    ShiftsTensor: optional('1-D: the shifts, in place of the attribute.', INDEXES),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: rollAttrs,
  inferMeta({ X, ShiftsTensor }, { shifts, axis }, ctx) {
    checkShifts('roll', X, ShiftsTensor, shifts, axis, ctx)
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(rollGrad, {
      inputs: { X: inputs.X, ShiftsTensor: inputs.ShiftsTensor, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: rollInto, int64: rollInto, half: rollInto },
})
