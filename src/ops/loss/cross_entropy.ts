/** cross_entropy and cross_entropy2: minus the logarithm of the probability that X gives to the wanted class. */
import { attr } from '../../framework/attr.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { product, resolveAxis, type Shape } from '../../tensor/shape.ts'
import { boundedLog, requireClass, requireLabelShape, requireLabelType } from './labels.ts'

const ignoreIndex = attr.int(-100, { doc: 'Labels of this value have loss and gradient 0.' })

/** Label as a tensor of the rank of X: hard labels may come without the last dimension. */
const fullRank = (X: Meta, Label: Meta, soft: boolean): Meta =>
  !soft && Label.shape.length === X.shape.length - 1 ? { ...Label, shape: [...Label.shape, 1] } : Label

/** Checks Label; Y has the shape of hard labels, and that of X with 1 class for soft ones. */
function lossMeta(opType: string, X: Meta, Label: Meta, soft: boolean): Meta {
  const axis = resolveAxis(opType, -1, X.shape, 'the class dimension')
  requireLabelShape(opType, 'X', X, fullRank(X, Label, soft), axis, soft)
  requireLabelType(opType, 'X', X, Label, soft)
  const rows = X.shape.slice(0, -1)
  return { dtype: X.dtype, shape: !soft && Label.shape.length === rows.length ? rows : [...rows, 1] }
}

/** Number of classes and of rows. */
const sizes = (shape: Shape): [classes: number, rows: number] => [shape.at(-1)!, product(shape, 0, shape.length - 1)]

const attrs = {
  soft_label: attr.bool(false, { doc: 'Label holds a probability for each class, not a class.' }),
  ignore_index: ignoreIndex,
}

export const crossEntropyGrad = defineOp({
  type: 'cross_entropy_grad',
  doc: 'Gradient of cross_entropy: -Label / X * dY, Label as a one-hot vector where it is hard.',
  source: 'paddle/fluid/operators/cross_entropy_op.h',
  inputs: {
    X: one('X of cross_entropy.', FLOATS),
    Label: one('Label of cross_entropy.'),
    'Y@GRAD': one('Gradient of Y.'),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta: ({ X }) => ({ 'X@GRAD': X }),
  grad: 'unregistered',
  kernels: {
    cpu(inputs, { soft_label, ignore_index }, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const { data: x, shape } = inputs.X
      const { data: label } = inputs.Label
      const { data: dy } = inputs['Y@GRAD']
      const [classes, rows] = sizes(shape)
      if (!soft_label) dx.fill(0)
      for (let row = 0; row < rows; row++) {
        const start = row * classes
        if (soft_label) {
          for (let i = start; i < start + classes; i++) dx[i] = (-dy[row]! * label[i]!) / x[i]!
        } else if (label[row] !== ignore_index) {
          const at = start + label[row]!
          dx[at] = -dy[row]! / x[at]!
        }
      }
    },
  },
})

export const crossEntropy = defineOp({
  type: 'cross_entropy',
  doc: 'Cross entropy of the probabilities X with Label: -log(X[label]), or -sum(Label * log(X)) for soft labels. log(0) counts as -1e20.',
  source: 'paddle/fluid/operators/cross_entropy_op.cc',
  inputs: {
    X: one('[..., C], probabilities.', FLOATS),
    Label: one('Hard: integers, [..., 1] or [...]. Soft: shape and element type of X.'),
  },
  outputs: { Y: one('Shape of a hard Label, else [..., 1].') },
  attrs,
  inferMeta: ({ X, Label }, { soft_label }) => ({ Y: lossMeta('cross_entropy', X, Label, soft_label) }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(crossEntropyGrad, {
      inputs: { X: inputs.X, Label: inputs.Label, 'Y@GRAD': outputGrads.Y },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Label }, { soft_label, ignore_index }, { Y }) {
      const { data: x } = X
      const { data: label } = Label
      const [classes, rows] = sizes(X.shape)
      for (let row = 0; row < rows; row++) {
        const start = row * classes
        if (soft_label) {
          let sum = 0
          for (let i = start; i < start + classes; i++) sum -= label[i]! * boundedLog(x[i]!)
          Y.data[row] = sum
        } else if (label[row] === ignore_index) {
          Y.data[row] = 0
        } else {
          requireClass('cross_entropy', label[row]!, classes, row)
          Y.data[row] = -boundedLog(x[start + label[row]!]!)
        }
      }
    },
  },
})

export const crossEntropyGrad2 = defineOp({
  type: 'cross_entropy_grad2',
  doc: 'Gradient of cross_entropy2: -dY / MatchX at the label, zero elsewhere.',
  source: 'paddle/fluid/operators/cross_entropy_op.h',
  inputs: {
    Label: one('Label of cross_entropy2.'),
    MatchX: one('MatchX of cross_entropy2.', FLOATS),
    XShape: one('[...dims of X, 0]'),
    'Y@GRAD': one('Gradient of Y.'),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: { ignore_index: ignoreIndex },
  inferMeta: ({ XShape, MatchX }) => ({ 'X@GRAD': { dtype: MatchX.dtype, shape: XShape.shape.slice(0, -1) } }),
  grad: 'unregistered',
  kernels: {
    cpu(inputs, { ignore_index }, outputs) {
      const xGrad = outputs['X@GRAD']
      if (xGrad === undefined) return
      const { data: label } = inputs.Label
      const { data: match } = inputs.MatchX
      const { data: dy } = inputs['Y@GRAD']
      const [classes, rows] = sizes(xGrad.shape)
      xGrad.data.fill(0)
      for (let row = 0; row < rows; row++) {
        if (label[row] !== ignore_index) xGrad.data[row * classes + label[row]!] = -dy[row]! / match[row]!
      }
    },
  },
})

export const crossEntropy2 = defineOp({
  type: 'cross_entropy2',
  doc: 'cross_entropy for hard labels that keeps the probabilities of the labels, MatchX, so that X can be freed.',
  source: 'paddle/fluid/operators/cross_entropy_op.cc',
  inputs: { X: one('[..., C], probabilities.', FLOATS), Label: one('Integers, [..., 1] or [...].') },
  outputs: {
    Y: one('Shape of Label.'),
    XShape: one('[...dims of X, 0], no elements.'),
    MatchX: one('[..., 1], X at the label; 0 for ignored labels.'),
  },
  attrs: { ignore_index: ignoreIndex },
  inferMeta({ X, Label }, _attrs, ctx) {
    const Y = lossMeta('cross_entropy2', X, Label, false)
    // A run leaves XShape without an element type of its own in Paddle, which then reads as float32.
    const MatchX = { dtype: X.dtype, shape: [...X.shape.slice(0, -1), 1] }
    return { Y, XShape: { dtype: ctx.atRun ? 'float32' : X.dtype, shape: [...X.shape, 0] }, MatchX }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(crossEntropyGrad2, {
      inputs: { Label: inputs.Label, MatchX: outputs.MatchX, XShape: outputs.XShape, 'Y@GRAD': outputGrads.Y },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Label }, { ignore_index }, { Y, MatchX }) {
      const { data: x } = X
      const { data: label } = Label
      const [classes, rows] = sizes(X.shape)
      for (let row = 0; row < rows; row++) {
        if (label[row] === ignore_index) {
          Y.data[row] = 0
          MatchX.data[row] = 0
          continue
        }
        requireClass('cross_entropy2', label[row]!, classes, row, 'EnforceNotMet')
        const match = x[row * classes + label[row]!]!
        MatchX.data[row] = match
        Y.data[row] = -boundedLog(match)
      }
    },
  },
})
