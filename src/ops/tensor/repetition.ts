/** Older and rarer forms of repetition: expand, repeat_interleave and broadcast_tensors. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  EMPTY_VAR,
  type InferContext,
  type KernelTensor,
  type Meta,
  many,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { reduceTo, expand as repeatTo } from '../../tensor/broadcast.ts'
import { FLOATS, INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { broadcast, formatShape, product, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { tileBack, tileOut } from './expand.ts'
import { addElements, axisInRange, fillZero, moveElements, requireEigenRank } from './indices.ts'
import { shapeInput, shapeListInput } from './shape_inputs.ts'

const TIMES = { expand_times: attr.ints([], { doc: 'How often each dimension is repeated.' }) }
const TIMES_SLOTS = {
  ExpandTimes: optional('1-D: the counts, in place of the attribute.', INDEXES),
  expand_times_tensor: many('One element each: the counts, in place of the attribute. May be empty.', INDEXES),
}
interface TimesInputs {
  readonly X: Meta
  readonly ExpandTimes?: Meta | undefined
  readonly expand_times_tensor: readonly Meta[]
}

/** @throws InvalidArgumentError E201 unless there is one count of 1 or more per dimension. */
function expandedShape(
  opType: string,
  given: TimesInputs,
  { expand_times }: { expand_times: readonly number[] },
  ctx: InferContext,
): Shape {
  const { X, ExpandTimes, expand_times_tensor } = given
  requireEigenRank(opType, 'X', X.shape.length)
  const [times, known] =
    ExpandTimes !== undefined
      ? [shapeInput(ctx, 'ExpandTimes', ExpandTimes), ctx.constant('ExpandTimes') !== undefined]
      : expand_times_tensor.length > 0
        ? [
            shapeListInput(ctx, 'expand_times_tensor', expand_times_tensor),
            expand_times_tensor.every((_, i) => ctx.constant('expand_times_tensor', i) !== undefined),
          ]
        : [expand_times, true]
  if (!known) return X.shape.map(() => -1)
  if (times.length !== X.shape.length || times.some((count) => count < 1)) {
    throw new InvalidArgumentError(
      'E201',
      `${opType}: expand_times must hold one count of 1 or more per dimension of X of shape ${formatShape(X.shape)}, got [${times.join(', ')}]`,
      { expected: X.shape.length, got: times },
    )
  }
  return X.shape.map((dim, d) => (dim < 0 ? -1 : dim * times[d]!))
}

export const expandGrad = defineOp({
  type: 'expand_grad',
  doc: 'Gradient of expand: Out@GRAD added up over the repetitions.',
  source: 'paddle/fluid/operators/expand_op.cc',
  inputs: {
    X: one('X of expand; only its shape is read.'),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
    ...TIMES_SLOTS,
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: TIMES,
  inferMeta(given, attrs, ctx) {
    const dOut = given['Out@GRAD']
    requireShape('expand_grad', 'Out@GRAD', dOut, expandedShape('expand_grad', given, attrs, ctx), 'the shape of Out')
    return { 'X@GRAD': { dtype: dOut.dtype, shape: given.X.shape } }
  },
  grad: 'unregistered',
  olderRegistry: true,
  kernels: { cpu: tileBack },
})

export const expand = defineOp({
  type: 'expand',
  doc: 'X repeated along each dimension as often as `expand_times` says.',
  source: 'paddle/fluid/operators/expand_op.cc',
  inputs: { X: one('One to six dimensions.', [...FLOATS, 'bool', 'int32', 'int64']), ...TIMES_SLOTS },
  outputs: { Out: one('Element type of X.') },
  attrs: TIMES,
  inferMeta: (given, attrs, ctx) => ({
    Out: { dtype: given.X.dtype, shape: expandedShape('expand', given, attrs, ctx) },
  }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(expandGrad, {
      inputs: {
        X: inputs.X,
        'Out@GRAD': outputGrads.Out,
        ExpandTimes: inputs.ExpandTimes,
        expand_times_tensor: inputs.expand_times_tensor,
      },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  olderRegistry: true,
  kernels: { cpu: tileOut, int64: tileOut, half: tileOut },
})

const INTERLEAVE = {
  Repeats: attr.int(0, { doc: 'How often each slice is repeated, where no tensor says it.' }),
  dim: attr.int(0, { doc: 'The axis of the slices.' }),
}
const REPEATS_SLOT = { RepeatsTensor: optional('1-D: how often each slice is repeated.', INDEXES) }

/** How often each of `size` slices is repeated. @throws InvalidArgumentError E201 for a count below 0. */
function repeatsOf(
  size: number,
  repeats: number,
  given: { readonly data: ArrayLike<number | bigint> } | undefined,
): number[] {
  const counts =
    given === undefined
      ? new Array<number>(size).fill(repeats)
      : Array.from({ length: size }, (_, i) => Number(given.data[i]))
  const wrong = counts.find((count) => count < 0)
  if (wrong === undefined) return counts
  throw new InvalidArgumentError('E201', `repeat_interleave: repeats must be 0 or more, got ${wrong}`, {
    where: { opType: 'repeat_interleave' },
    got: wrong,
  })
}

/** Calls `visit(k, o)` for each slice o of Out, which is slice k of X. */
function eachRepeat(counts: readonly number[], visit: (k: number, o: number) => void): number {
  let o = 0
  counts.forEach((count, k) => {
    for (let i = 0; i < count; i++) visit(k, o++)
  })
  return o
}

function interleavedShape(
  X: Meta,
  RepeatsTensor: Meta | undefined,
  { dim, Repeats }: { dim: number; Repeats: number },
  ctx: InferContext,
): Shape {
  const axis = axisInRange('repeat_interleave', dim, X.shape, 'dim')
  const size = X.shape[axis]!
  const given = RepeatsTensor === undefined ? undefined : ctx.constant('RepeatsTensor')
  if (RepeatsTensor !== undefined) {
    const length = RepeatsTensor.shape[0] ?? 1
    if (RepeatsTensor.shape.length !== 1 || (length >= 0 && size >= 0 && length !== size)) {
      throw new InvalidArgumentError(
        'E203',
        `repeat_interleave: RepeatsTensor must be [${size}], got ${formatShape(RepeatsTensor.shape)}`,
        {
          where: { opType: 'repeat_interleave', slot: 'RepeatsTensor' },
          expected: [size],
          got: RepeatsTensor.shape,
        },
      )
    }
    if (given === undefined || size < 0) return X.shape.with(axis, -1)
  } else if (Repeats < 1) {
    throw new InvalidArgumentError('E201', `repeat_interleave: attr Repeats must be 1 or more, got ${Repeats}`, {
      got: Repeats,
    })
  }
  if (size < 0) return X.shape.with(axis, -1)
  return X.shape.with(
    axis,
    repeatsOf(size, Repeats, given).reduce((sum, count) => sum + count, 0),
  )
}

type InterleaveInputs = { X: RawTensor; RepeatsTensor?: RawTensor | undefined }
type InterleaveAttrs = { Repeats: number; dim: number }

function interleave(
  { X, RepeatsTensor }: InterleaveInputs,
  { Repeats, dim }: InterleaveAttrs,
  { Out }: { Out: RawTensor },
): void {
  const axis = axisInRange('repeat_interleave', dim, X.shape, 'dim')
  const [size, inner, outer] = [X.shape[axis]!, product(X.shape, axis + 1), product(X.shape, 0, axis)]
  const total = Out.shape[axis]!
  eachRepeat(repeatsOf(size, Repeats, RepeatsTensor), (k, o) => {
    for (let n = 0; n < outer; n++) moveElements(X, (n * size + k) * inner, Out, (n * total + o) * inner, inner)
  })
}

function interleaveBack(
  inputs: InterleaveInputs & { 'Out@GRAD': RawTensor },
  { Repeats, dim }: InterleaveAttrs,
  outputs: { 'X@GRAD'?: RawTensor | undefined },
): void {
  const grad = outputs['X@GRAD']
  if (grad === undefined) return
  fillZero(grad)
  const axis = axisInRange('repeat_interleave', dim, grad.shape, 'dim')
  const [size, inner, outer] = [grad.shape[axis]!, product(grad.shape, axis + 1), product(grad.shape, 0, axis)]
  const outGrad = inputs['Out@GRAD']
  const total = outGrad.shape[axis]!
  eachRepeat(repeatsOf(size, Repeats, inputs.RepeatsTensor), (k, o) => {
    for (let n = 0; n < outer; n++) addElements(outGrad, (n * total + o) * inner, grad, (n * size + k) * inner, inner)
  })
}

export const repeatInterleaveGrad = defineOp({
  type: 'repeat_interleave_grad',
  doc: 'Gradient of repeat_interleave: Out@GRAD added up over the repetitions of each slice.',
  source: 'paddle/phi/kernels/impl/repeat_interleave_grad_kernel_impl.h',
  inputs: { X: one('X; only its shape is read.'), ...REPEATS_SLOT, 'Out@GRAD': one('Gradient of Out.', NUMBERS) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: INTERLEAVE,
  inferMeta({ X, RepeatsTensor, 'Out@GRAD': dOut }, attrs, ctx) {
    requireShape(
      'repeat_interleave_grad',
      'Out@GRAD',
      dOut,
      interleavedShape(X, RepeatsTensor, attrs, ctx),
      'the shape of Out',
    )
    return { 'X@GRAD': { dtype: dOut.dtype, shape: X.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: interleaveBack, int64: interleaveBack },
})

export const repeatInterleave = defineOp({
  type: 'repeat_interleave',
  doc: 'Each slice along `dim` repeated, next to itself.',
  source: 'paddle/phi/kernels/impl/repeat_interleave_kernel_impl.h',
  differs: 'A negative dim counts from the end, where Paddle crashes.',
  inputs: { X: one('One dimension or more.', NUMBERS), ...REPEATS_SLOT },
  outputs: { Out: one('X with more slices along `dim`.') },
  attrs: INTERLEAVE,
  inferMeta: ({ X, RepeatsTensor }, attrs, ctx) => ({
    Out: { dtype: X.dtype, shape: interleavedShape(X, RepeatsTensor, attrs, ctx) },
  }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(repeatInterleaveGrad, {
      inputs: { X: inputs.X, RepeatsTensor: inputs.RepeatsTensor, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: interleave, int64: interleave, half: interleave },
})

const lifted = (shape: Shape, rank: number): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape]

/** @throws InvalidArgumentError E203 for shapes that do not broadcast. */
const commonShape = (metas: readonly { readonly shape: Shape }[]): Shape =>
  metas.reduce<Shape>((shape, meta) => broadcast('broadcast_tensors', shape, meta.shape, -1).shape, [])

function broadcastAll(
  { X }: { X: readonly RawTensor[] },
  _attrs: unknown,
  { Out }: { Out: readonly RawTensor[] },
): void {
  X.forEach((x, i) => {
    const out = Out[i]
    if (out === undefined) return
    ;(out.data as Float64Array).set(repeatTo(x.data as Float64Array, lifted(x.shape, out.shape.length), out.shape))
  })
}

export const broadcastTensorsGrad = defineOp({
  type: 'broadcast_tensors_grad',
  doc: 'Gradient of broadcast_tensors: each Out@GRAD added up over what was repeated.',
  source: 'paddle/phi/kernels/cpu/broadcast_tensors_grad_kernel.cc',
  inputs: { X: many('X of broadcast_tensors; only shapes are read.'), 'Out@GRAD': many('Gradients of Out.', NUMBERS) },
  outputs: { 'X@GRAD': many('Gradients of X.') },
  attrs: {},
  inferMeta({ X, 'Out@GRAD': dOut }) {
    if (dOut.length !== X.length) {
      throw new InvalidArgumentError(
        'E206',
        `broadcast_tensors_grad: Out@GRAD must hold one gradient per X, ${X.length}, got ${dOut.length}`,
        { where: { opType: 'broadcast_tensors_grad', slot: 'Out@GRAD' }, expected: X.length, got: dOut.length },
      )
    }
    const shape = commonShape(X)
    return {
      'X@GRAD': X.map((x, i) => {
        requireShape('broadcast_tensors_grad', 'Out@GRAD', dOut[i]!, shape, 'the common shape')
        return { dtype: dOut[i]!.dtype, shape: x.shape }
      }),
    }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': dX }) {
      dX.forEach((dx: KernelTensor | undefined, i) => {
        if (dx !== undefined)
          reduceTo(dOut[i]!.data, dOut[i]!.shape, lifted(X[i]!.shape, dOut[i]!.shape.length), dx.data)
      })
    },
  },
})

export const broadcastTensors = defineOp({
  type: 'broadcast_tensors',
  doc: 'All X repeated to their common shape.',
  source: 'paddle/phi/kernels/cpu/broadcast_tensors_kernel.cc',
  inputs: { X: many('Shapes that broadcast, one element type.', [...NUMBERS, 'bool']) },
  outputs: { Out: many('One for each X, of the common shape.') },
  attrs: {},
  inferMeta({ X }) {
    const shape = commonShape(X)
    return { Out: X.map(({ dtype }) => ({ dtype, shape })) }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(broadcastTensorsGrad, {
      inputs: { X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X.map((name) => name ?? EMPTY_VAR) },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: broadcastAll, int64: broadcastAll, half: broadcastAll },
})
