/** Choosing by truth values: where, where_index (the places of what is true) and masked_select. */
import { InvalidArgumentError, makeError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type KernelContext, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { expand, reduceTo } from '../../tensor/broadcast.ts'
import { FLOATS, NUMBERS } from '../../tensor/dtype.ts'
import { type Broadcast, broadcast, formatShape, product, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { fillZero, requireDType } from './indices.ts'

function choose(
  { Condition, X, Y }: { Condition: RawTensor; X: RawTensor; Y: RawTensor },
  _attrs: unknown,
  { Out }: { Out: RawTensor },
): void {
  const condition = Condition.data as Uint8Array
  const x = X.data as Float32Array
  const y = Y.data as Float32Array
  const out = Out.data as Float32Array
  for (let i = 0; i < out.length; i++) out[i] = condition[i] !== 0 ? x[i]! : y[i]!
}

/** The elements of `outGrad` where the condition is `wanted`, zero elsewhere. */
function keepWhere(Condition: RawTensor, wanted: boolean, outGrad: RawTensor, grad: RawTensor | undefined): void {
  if (grad === undefined) return
  fillZero(grad)
  const condition = Condition.data as Uint8Array
  const from = outGrad.data as Float32Array
  const to = grad.data as Float32Array
  for (let i = 0; i < to.length; i++) if ((condition[i] !== 0) === wanted) to[i] = from[i]!
}

function chooseBack(
  inputs: { Condition: RawTensor; 'Out@GRAD': RawTensor },
  _attrs: unknown,
  outputs: { 'X@GRAD'?: RawTensor | undefined; 'Y@GRAD'?: RawTensor | undefined },
): void {
  keepWhere(inputs.Condition, true, inputs['Out@GRAD'], outputs['X@GRAD'])
  keepWhere(inputs.Condition, false, inputs['Out@GRAD'], outputs['Y@GRAD'])
}

export const whereGrad = defineOp({
  type: 'where_grad',
  doc: 'Gradient of where: Out@GRAD goes to X where Condition is true, else to Y.',
  source: 'paddle/phi/kernels/cpu/where_grad_kernel.cc',
  inputs: {
    Condition: one('Condition of where.'),
    X: one('X of where; its values are not read.'),
    Y: one('Y of where; its values are not read.'),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Y@GRAD': optional('Gradient of Y.') },
  attrs: {},
  inferMeta({ Condition, 'Out@GRAD': outGrad }) {
    requireShape('where_grad', 'Condition', Condition, outGrad.shape, 'the shape of Out@GRAD')
    requireDType('where_grad', 'Condition', Condition, ['bool'])
    return { 'X@GRAD': outGrad, 'Y@GRAD': outGrad }
  },
  grad: 'unregistered',
  kernels: { cpu: chooseBack, int64: chooseBack, half: chooseBack },
})

export const where = defineOp({
  type: 'where',
  doc: 'X where Condition is true, else Y. Nothing is broadcast.',
  source: 'paddle/phi/kernels/cpu/where_kernel.cc',
  inputs: {
    Condition: one('bool, shape of X.'),
    X: one('Any shape.', NUMBERS),
    Y: one('Shape and element type of X.', NUMBERS),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {},
  inferMeta({ Condition, X, Y }) {
    requireShape('where', 'Condition', Condition, X.shape, 'the shape of X')
    requireShape('where', 'Y', Y, X.shape, 'the shape of X')
    requireDType('where', 'Condition', Condition, ['bool'])
    requireSameDType('where', { X, Y })
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(whereGrad, {
      inputs: { Condition: inputs.Condition, X: inputs.X, Y: inputs.Y, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: { cpu: choose, int64: choose, half: choose },
})

export const whereIndex = defineOp({
  type: 'where_index',
  doc: 'The index vectors of all elements of Condition that are not zero, in memory order.',
  source: 'paddle/phi/kernels/cpu/nonzero_kernel.cc',
  inputs: {
    Condition: one('One dimension or more; NaN is not zero.', [...FLOATS, 'bool', 'int16', 'int32', 'int64']),
  },
  outputs: { Out: one('[number of elements found, rank of Condition], int64.') },
  attrs: {},
  inferMeta({ Condition }) {
    const rank = Condition.shape.length
    if (rank === 0) {
      throw new InvalidArgumentError('E203', 'where_index: Condition must have one dimension or more, got []', {
        where: { opType: 'where_index', slot: 'Condition' },
        got: Condition.shape,
      })
    }
    return { Out: { dtype: 'int64', shape: [-1, rank] } }
  },
  grad: 'none',
  kernels: {
    // Out is int64, so this kernel is always the one.
    int64({ Condition }, _attrs, _outputs, ctx) {
      const { data, shape } = Condition
      const found: number[] = []
      for (let i = 0; i < data.length; i++) if (Number(data[i]) !== 0) found.push(i)
      const out = ctx.resize('Out', [found.length, shape.length])?.data as BigInt64Array | undefined
      if (out === undefined) return
      found.forEach((place, i) => {
        let rest = place
        for (let d = shape.length - 1; d >= 0; d--) {
          out[i * shape.length + d] = BigInt(rest % shape[d]!)
          rest = Math.floor(rest / shape[d]!)
        }
      })
    },
  },
})

/** X and Mask laid out in one shape. @throws PreconditionNotMetError E203, Paddle's category, if they do not broadcast. */
function meet(x: Shape, mask: Shape): Broadcast {
  try {
    return broadcast('masked_select', x, mask, -1)
  } catch {
    throw makeError(
      'PreconditionNotMet',
      'E203',
      `masked_select: X of shape ${formatShape(x)} and Mask of shape ${formatShape(mask)} do not broadcast`,
      { got: { X: x, Mask: mask } },
    )
  }
}

const maskOf = (Mask: RawTensor, met: Broadcast): Uint8Array => expand(Mask.data as Uint8Array, met.y, met.shape)

function selectMasked(
  { X, Mask }: { X: RawTensor; Mask: RawTensor },
  _attrs: unknown,
  _outputs: unknown,
  ctx: KernelContext,
): void {
  const met = meet(X.shape, Mask.shape)
  const mask = maskOf(Mask, met)
  const x = expand(X.data as Float32Array, met.x, met.shape)
  let count = 0
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) count++
  const out = ctx.resize('Y', [count])?.data as Float32Array | undefined
  if (out === undefined) return
  let next = 0
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) out[next++] = x[i]!
}

function selectBack(
  inputs: { X: RawTensor; Mask: RawTensor; 'Y@GRAD': RawTensor },
  _attrs: unknown,
  outputs: { 'X@GRAD'?: RawTensor | undefined },
): void {
  const grad = outputs['X@GRAD']
  if (grad === undefined) return
  const met = meet(grad.shape, inputs.Mask.shape)
  const mask = maskOf(inputs.Mask, met)
  const from = inputs['Y@GRAD'].data as Float32Array
  const count = mask.reduce((sum, flag) => sum + (flag !== 0 ? 1 : 0), 0)
  if (count !== from.length) {
    throw new InvalidArgumentError(
      'E203',
      `masked_select_grad: Y@GRAD must have one element per true element of Mask, ${count}, got ${from.length}`,
      { where: { slot: 'Y@GRAD' }, expected: count, got: from.length },
    )
  }
  const direct = product(met.shape) === grad.data.length
  const full = direct ? (grad.data as Float32Array) : new Float64Array(mask.length)
  if (direct) fillZero(grad)
  let next = 0
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) full[i] = from[next++]!
  if (!direct) reduceTo(full, met.shape, met.x, grad.data as Float32Array)
}

export const maskedSelectGrad = defineOp({
  type: 'masked_select_grad',
  doc: 'Gradient of masked_select: the elements of Y@GRAD where they came from, zero elsewhere.',
  source: 'paddle/phi/kernels/cpu/masked_select_grad_kernel.cc',
  inputs: {
    X: one('X of masked_select; only its shape is read.'),
    Mask: one('Mask of masked_select.', ['bool']),
    'Y@GRAD': one('Gradient of Y.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: {},
  inferMeta({ X, Mask, 'Y@GRAD': grad }) {
    meet(X.shape, Mask.shape)
    return { 'X@GRAD': { dtype: grad.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: selectBack },
})

export const maskedSelect = defineOp({
  type: 'masked_select',
  doc: 'The elements of X where Mask is true, in memory order, as a vector. X and Mask broadcast.',
  source: 'paddle/phi/kernels/cpu/masked_select_kernel.cc',
  inputs: { X: one('Any shape.', NUMBERS), Mask: one('bool, a shape that broadcasts with X.', ['bool']) },
  outputs: { Y: one('[number of elements chosen], element type of X.') },
  attrs: {},
  inferMeta({ X, Mask }) {
    meet(X.shape, Mask.shape)
    return { Y: { dtype: X.dtype, shape: [-1] } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(maskedSelectGrad, {
      inputs: { X: inputs.X, Mask: inputs.Mask, 'Y@GRAD': outputGrads.Y },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: selectMasked, int64: selectMasked, half: selectMasked },
})
