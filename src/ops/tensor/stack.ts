/** A new axis from a list of tensors, and a list of tensors from an axis: stack, unstack, unbind. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, many, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { ALL, NUMBERS } from '../../tensor/dtype.ts'
import { resolveAxis, type Shape } from '../../tensor/shape.ts'
import { copyParts } from './concat.ts'
import type { RawTensor } from './copy.ts'

/** Copies between a tensor and its slices of one along `axis`; `join` says which way. */
function copySlices(slices: readonly (RawTensor | undefined)[], whole: RawTensor, axis: number, join: boolean): void {
  copyParts(
    slices,
    slices.map(() => 1),
    whole,
    axis,
    join,
  )
}

/** A list where each meta is the one `axis` of a tensor of `count` such slices. */
const slices = (dtype: Meta['dtype'], shape: Shape, axis: number, count: number): Meta[] =>
  Array.from({ length: count }, () => ({ dtype, shape: shape.filter((_, d) => d !== axis) }))

/** @throws InvalidArgumentError E206 unless there are as many outputs as slices. */
function requireCount(opType: string, slot: string, wanted: number, got: number): void {
  if (wanted < 0 || wanted === got) return
  throw new InvalidArgumentError('E206', `${opType}: ${slot} has ${got} variables for ${wanted} slices`, {
    where: { opType, slot },
    expected: wanted,
    got,
  })
}

const axisAttr = { axis: attr.int(0) }
type AxisAttr = { readonly axis: number }

/** The shape with a dimension of `count` put in; `axis` counts in the new shape. */
function stackedShape(opType: string, shape: Shape, axis: number, count: number): Shape {
  const at = resolveAxis(opType, axis, [...shape, 1])
  return [...shape.slice(0, at), count, ...shape.slice(at)]
}

/** The metas of tensors of one shape and element type, stacked. */
function stackedMeta(opType: string, list: readonly Meta[], axis: number, name: string): Meta {
  const first = list[0]
  if (first === undefined) {
    throw new InvalidArgumentError('E206', `${opType}: input slot ${name} needs one variable or more, got none`, {
      where: { opType, slot: name },
      got: 0,
    })
  }
  requireSameDType(opType, Object.fromEntries(list.map((meta, i) => [`${name}[${i}]`, meta])))
  list.forEach((meta, i) => {
    requireShape(opType, `${name}[${i}]`, meta, first.shape, `the shape of ${name}[0]`)
  })
  return { dtype: first.dtype, shape: stackedShape(opType, first.shape, axis, list.length) }
}

const join = ({ X }: { X: readonly RawTensor[] }, { axis }: AxisAttr, { Y }: { Y: RawTensor }): void =>
  copySlices(X, Y, resolveAxis('stack', axis, Y.shape), true)

const joinBack = (
  inputs: { 'Y@GRAD': RawTensor },
  { axis }: AxisAttr,
  outputs: { 'X@GRAD': readonly (RawTensor | undefined)[] },
): void => copySlices(outputs['X@GRAD'], inputs['Y@GRAD'], resolveAxis('stack', axis, inputs['Y@GRAD'].shape), false)

export const stackGrad = defineOp({
  type: 'stack_grad',
  doc: 'Gradient of stack: the slice of Y@GRAD that belongs to each X.',
  source: 'paddle/phi/kernels/cpu/stack_grad_kernel.cc',
  inputs: { X: many('The inputs of stack; not read.'), 'Y@GRAD': one('Gradient of Y.', ALL) },
  outputs: { 'X@GRAD': many('Gradients of X, one for each.') },
  attrs: axisAttr,
  inferMeta({ 'Y@GRAD': grad }, { axis }, ctx) {
    const at = resolveAxis('stack', axis, grad.shape, 'axis', 'Y@GRAD')
    const count = ctx.outputCount('X@GRAD')
    requireCount('stack_grad', 'X@GRAD', grad.shape[at]!, count)
    return { 'X@GRAD': slices(grad.dtype, grad.shape, at, count) }
  },
  grad: 'unregistered',
  kernels: { cpu: joinBack, int64: joinBack, half: joinBack },
})

export const stack = defineOp({
  type: 'stack',
  doc: 'The tensors of X side by side along a new axis.',
  source: 'paddle/phi/kernels/cpu/stack_kernel.cc',
  differs: 'Tensors without elements can be stacked.',
  inputs: { X: many('One or more tensors of one shape and element type.', ALL) },
  outputs: { Y: one('Shape of X with the number of tensors put in at `axis`.') },
  attrs: axisAttr,
  inferMeta: ({ X }, { axis }) => ({ Y: stackedMeta('stack', X, axis, 'X') }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(stackGrad, {
      inputs: { X: inputs.X, 'Y@GRAD': outputGrads.Y },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: join, int64: join, half: join },
})

const unstackAttrs = { axis: attr.int(0), num: attr.int(0, { doc: 'The number of slices, the dimension of X.' }) }

const part = ({ X }: { X: RawTensor }, { axis }: AxisAttr, { Y }: { Y: readonly (RawTensor | undefined)[] }): void =>
  copySlices(Y, X, resolveAxis('unstack', axis, X.shape), false)

const partBack = (
  inputs: { 'Y@GRAD': readonly RawTensor[] },
  { axis }: AxisAttr,
  outputs: { 'X@GRAD'?: RawTensor | undefined },
): void => {
  const grad = outputs['X@GRAD']
  if (grad !== undefined) copySlices(inputs['Y@GRAD'], grad, resolveAxis('unstack', axis, grad.shape), true)
}

export const unstackGrad = defineOp({
  type: 'unstack_grad',
  doc: 'Gradient of unstack: the gradients of Y stacked.',
  source: 'paddle/phi/kernels/cpu/unstack_grad_kernel.cc',
  inputs: { 'Y@GRAD': many('Gradients of Y.', ALL) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: unstackAttrs,
  inferMeta: ({ 'Y@GRAD': grads }, { axis }) => ({ 'X@GRAD': stackedMeta('unstack_grad', grads, axis, 'Y@GRAD') }),
  grad: 'unregistered',
  kernels: { cpu: partBack, int64: partBack, half: partBack },
})

export const unstack = defineOp({
  type: 'unstack',
  doc: 'The slices of X along `axis`, each without that axis.',
  source: 'paddle/phi/kernels/cpu/unstack_kernel.cc',
  inputs: { X: one('One dimension or more.', NUMBERS) },
  outputs: { Y: many('The slices, `num` of them.') },
  attrs: unstackAttrs,
  inferMeta({ X }, { axis, num }, ctx) {
    const at = resolveAxis('unstack', axis, X.shape)
    requireCount('unstack', 'Y', num, ctx.outputCount('Y'))
    requireCount('unstack', 'Y', X.shape[at]!, num)
    return { Y: slices(X.dtype, X.shape, at, num) }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(unstackGrad, {
      inputs: { 'Y@GRAD': outputGrads.Y },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: part, int64: part, half: part },
})

const bind = (
  { X }: { X: RawTensor },
  { axis }: AxisAttr,
  { Out }: { Out: readonly (RawTensor | undefined)[] },
): void => {
  const at = resolveAxis('unbind', axis, X.shape)
  // With fewer outputs than slices the last ones are left out.
  const all = Array.from({ length: X.shape[at]! }, (_, i) => Out[i])
  copySlices(all, X, at, false)
}

export const unbind = defineOp({
  type: 'unbind',
  doc: 'The slices of X along `axis`, each without that axis.',
  source: 'paddle/phi/kernels/cpu/unbind_kernel.cc',
  inputs: { X: one('One dimension or more.', ALL) },
  outputs: { Out: many('The slices.') },
  attrs: axisAttr,
  inferMeta({ X }, { axis }, ctx) {
    const at = resolveAxis('unbind', axis, X.shape)
    const count = ctx.outputCount('Out')
    if (X.shape[at]! >= 0 && count > X.shape[at]!) requireCount('unbind', 'Out', X.shape[at]!, count)
    return { Out: slices(X.dtype, X.shape, at, count) }
  },
  grad: ({ outputGrads, inputGrads, attrs: { axis } }): OpDesc[] => [
    describeOp(stack, { inputs: { X: outputGrads.Out }, outputs: { Y: inputGrads.X as string }, attrs: { axis } }),
  ],
  kernels: { cpu: bind, int64: bind, half: bind },
})
