/**
 * max_pool2d_with_index and max_pool3d_with_index: the largest element of each window and where it is, so that the gradient needs no search.
 * Source: paddle/phi/kernels/funcs/pooling.cc (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import { type AnyOpDef, defineOp, describeOp, type OpDef, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'
import { largest } from './pool_kernels.ts'
import type { Pooling, Windows } from './pool_shape.ts'
import { requireNumbers, windowCount } from './window.ts'

const attrsOf = (rank: 2 | 3) => {
  const ones = new Array<number>(rank).fill(1)
  const zeros = new Array<number>(rank).fill(0)
  return {
    ksize: attr.ints(undefined, { doc: 'Sizes of the window; with `adaptive` of the result.' }),
    strides: attr.ints(ones, { doc: 'Steps of the window.' }),
    paddings: attr.ints(zeros, { doc: 'Elements around X that are never the largest.' }),
    global_pooling: attr.bool(false, { doc: 'One window, all of X; ksize and paddings have no effect.' }),
    adaptive: attr.bool(false, { doc: 'As many windows as ksize says share X equally.' }),
  }
}
type PoolAttrs = {
  readonly ksize: readonly number[]
  readonly strides: readonly number[]
  readonly paddings: readonly number[]
  readonly global_pooling: boolean
  readonly adaptive: boolean
}

/** @throws InvalidArgumentError E203 for the rank or a window larger than the padded X, E201 for attributes that do not fit. */
function outShape(opType: string, x: Shape, attrs: PoolAttrs, rank: 2 | 3): Shape {
  const fail = (why: string): InvalidArgumentError =>
    new InvalidArgumentError('E203', `${opType}: X of shape ${formatShape(x)}: ${why}`, { got: { X: x, attrs } })
  if (x.length !== rank + 2) throw fail(`must have rank ${rank + 2}`)
  requireNumbers(opType, 'strides', attrs.strides, rank, 1)
  requireNumbers(opType, 'paddings', attrs.paddings, rank, 0)
  if (!attrs.global_pooling) requireNumbers(opType, 'ksize', attrs.ksize, rank, 1)
  const sizes = x.slice(2).map((size, i) => {
    if (attrs.adaptive && !attrs.global_pooling) return attrs.ksize[i]!
    if (attrs.global_pooling) return attrs.adaptive ? size : 1
    const out = windowCount(size, attrs.ksize[i]!, attrs.strides[i]!, 1, 2 * attrs.paddings[i]!)
    if (size >= 0 && out < 1) throw fail(`a window of ${attrs.ksize[i]} is larger than the padded dimension ${i + 2}`)
    return out
  })
  return [x[0]!, x[1]!, ...sizes]
}

function windowsOf(size: number, out: number, dim: number, attrs: PoolAttrs): Windows {
  const kernel = attrs.global_pooling ? size : attrs.ksize[dim]!
  const padding = attrs.global_pooling ? 0 : attrs.paddings[dim]!
  const starts = new Int32Array(out)
  const ends = new Int32Array(out)
  for (let o = 0; o < out; o++) {
    const first = o * attrs.strides[dim]! - padding
    starts[o] = attrs.adaptive ? Math.floor((o * size) / out) : Math.max(first, 0)
    ends[o] = attrs.adaptive ? Math.ceil(((o + 1) * size) / out) : Math.min(first + kernel, size)
  }
  return { size, out, starts, ends, counts: starts }
}

const STILL: Windows = {
  size: 1,
  out: 1,
  starts: Int32Array.of(0),
  ends: Int32Array.of(1),
  counts: Int32Array.of(1),
}

function poolingOf(x: Shape, out: Shape, attrs: PoolAttrs): Pooling {
  const windows = x.slice(2).map((size, i) => windowsOf(size, out[i + 2]!, i, attrs))
  const [width, height, depth] = windows.toReversed() as [Windows, Windows, Windows?]
  return { planes: x[0]! * x[1]!, depth: depth ?? STILL, height, width }
}

type XSlot = { readonly X: ReturnType<typeof one> }
type OutSlots = { readonly Out: ReturnType<typeof one>; readonly Mask: ReturnType<typeof one> }

function indexedPooling(type: string, rank: 2 | 3): [OpDef<XSlot, OutSlots, ReturnType<typeof attrsOf>>, AnyOpDef] {
  const attrs = attrsOf(rank)
  const source = 'paddle/phi/kernels/funcs/pooling.cc'
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: dOut added up where Mask says that its elements came from.`,
    source,
    inputs: {
      X: one(`X of ${type}; only its shape is read.`),
      Mask: one(`Mask of ${type}.`, ['int32']),
      'Out@GRAD': one('Gradient of Out.', FLOATS),
    },
    outputs: { 'X@GRAD': optional('Gradient of X.') },
    attrs,
    inferMeta({ X, Mask, 'Out@GRAD': dOut }, given) {
      const shape = outShape(`${type}_grad`, X.shape, given, rank)
      requireShape(`${type}_grad`, 'Mask', Mask, shape, 'the shape of Out')
      requireShape(`${type}_grad`, 'Out@GRAD', dOut, shape, 'the shape of Out')
      return { 'X@GRAD': { dtype: dOut.dtype, shape: X.shape } }
    },
    grad: 'unregistered',
    kernels: {
      cpu({ X, Mask, 'Out@GRAD': dOut }, _attrs, { 'X@GRAD': dX }) {
        if (dX === undefined) return
        const plane = product(X.shape, 2)
        const windows = product(dOut.shape, 2)
        const sums = new Float64Array(dX.data.length)
        for (let o = 0; o < dOut.data.length; o++) {
          const place = Mask.data[o]!
          if (place >= 0 && place < plane) sums[Math.floor(o / windows) * plane + place]! += dOut.data[o]!
        }
        dX.data.set(sums)
      },
    },
  })
  const def = defineOp({
    type,
    doc: 'The largest element of each window that slides over X, the first one of several, and its place in the plane or volume.',
    source,
    inputs: { X: one(rank === 2 ? '[N, C, height, width].' : '[N, C, depth, height, width].', FLOATS) },
    outputs: { Out: one('One element per window.'), Mask: one('Shape of Out, int32: row by row from 0.') },
    attrs,
    inferMeta({ X }, given) {
      const shape = outShape(type, X.shape, given, rank)
      return { Out: { dtype: X.dtype, shape }, Mask: { dtype: 'int32', shape } }
    },
    grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: { X: inputs.X, Mask: outputs.Mask, 'Out@GRAD': outputGrads.Out },
        outputs: { 'X@GRAD': inputGrads.X },
        attrs: 'copied',
      }),
    ],
    kernels: {
      cpu({ X }, given, { Out, Mask }) {
        largest(poolingOf(X.shape, Out.shape, given), X.data, Out.data, Mask.data as Int32Array)
      },
    },
  })
  return [def, gradDef]
}

export const [maxPool2dWithIndex, maxPool2dWithIndexGrad] = indexedPooling('max_pool2d_with_index', 2)
export const [maxPool3dWithIndex, maxPool3dWithIndexGrad] = indexedPooling('max_pool3d_with_index', 3)
