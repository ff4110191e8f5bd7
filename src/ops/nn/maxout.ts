/** maxout: the largest of each group of neighbouring channels. Source: paddle/phi/kernels/funcs/maxouting.cc (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'
import { requireRank } from './channels.ts'

const ATTRS = {
  groups: attr.int(undefined, {
    doc: 'How many channels make one.',
    check: (groups) => (groups > 1 ? null : 'a number above 1'),
  }),
  axis: attr.int(1, {
    doc: 'Where the channels are: 1, or the last dimension.',
    check: (axis) => ([-1, 1, 3].includes(axis) ? null : '1, -1 or 3'),
  }),
}
interface Attrs {
  readonly groups: number
  readonly axis: number
}

/** @throws InvalidArgumentError E203 unless X has rank 4 and its channels are groups. */
function outShape(opType: string, X: Meta, { groups, axis }: Attrs): Shape {
  requireRank(opType, X, 4, 4)
  const along = axis < 0 ? axis + 4 : axis
  const channels = X.shape[along]!
  if (channels >= 0 && channels % groups !== 0) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: the channels of X must be a multiple of ${groups}, got ${formatShape(X.shape)}`,
      { expected: groups, got: channels },
    )
  }
  return X.shape.with(along, channels < 0 ? -1 : channels / groups)
}

/** Calls `visit(out, first, step)` for each element of Out: its group begins at `first` and goes on in steps. */
function eachGroup(
  shape: Shape,
  { groups, axis }: Attrs,
  visit: (out: number, first: number, step: number) => void,
): void {
  const along = axis < 0 ? axis + 4 : axis
  const inner = product(shape, along + 1)
  const blocks = product(shape, 0, along) * (shape[along]! / groups)
  for (let b = 0, out = 0; b < blocks; b++) {
    for (let i = 0; i < inner; i++, out++) visit(out, b * groups * inner + i, inner)
  }
}

export const maxoutGrad = defineOp({
  type: 'maxout_grad',
  doc: 'Gradient of maxout: dOut to the first element of each group that is its maximum.',
  source: 'paddle/phi/kernels/funcs/maxouting.cc',
  inputs: {
    X: one('X of maxout.', FLOATS),
    Out: one('Out of maxout.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: ATTRS,
  inferMeta({ X, Out, 'Out@GRAD': dOut }, attrs) {
    requireSameDType('maxout_grad', { X, Out, 'Out@GRAD': dOut })
    const shape = outShape('maxout_grad', X, attrs)
    requireShape('maxout_grad', 'Out', Out, shape, 'the shape that X gives')
    requireShape('maxout_grad', 'Out@GRAD', dOut, shape, 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Out, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX }) {
      if (dX === undefined) return
      dX.data.fill(0)
      eachGroup(X.shape, attrs, (o, first, step) => {
        for (let k = 0, i = first; k < attrs.groups; k++, i += step) {
          if (X.data[i] !== Out.data[o]) continue
          dX.data[i] = dOut.data[o]!
          return
        }
      })
    },
  },
})

export const maxout = defineOp({
  type: 'maxout',
  doc: 'The largest of each group of `groups` neighbouring channels.',
  source: 'paddle/phi/kernels/funcs/maxouting.cc',
  inputs: { X: one('[N, C, H, W], or [N, H, W, C] with axis 3.', FLOATS) },
  outputs: { Out: one('X with C / groups channels.') },
  attrs: ATTRS,
  inferMeta: ({ X }, attrs) => ({ Out: { dtype: X.dtype, shape: outShape('maxout', X, attrs) } }),
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(maxoutGrad, {
      inputs: { X: inputs.X, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X }, attrs, { Out }) {
      eachGroup(X.shape, attrs, (o, first, step) => {
        let max = X.data[first]!
        for (let k = 1, i = first + step; k < attrs.groups; k++, i += step) if (X.data[i]! > max) max = X.data[i]!
        Out.data[o] = max
      })
    },
  },
})
