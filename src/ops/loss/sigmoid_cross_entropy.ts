/** sigmoid_cross_entropy_with_logits: binary cross entropy of every element on its own. */
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type KernelTensor, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'

const attrs = {
  normalize: attr.bool(false, { doc: 'Divide by the number of labels that differ from ignore_index.' }),
  ignore_index: attr.int(-100, { doc: 'Labels whose whole part is this number have loss and gradient 0.' }),
}

/** Labels this near to ignore_index are not counted by `normalize`. */
const NEAR = 1e-6

function counted({ data }: KernelTensor, normalize: boolean, ignored: number): number {
  if (!normalize) return 1
  let count = 0
  for (let i = 0; i < data.length; i++) if (Math.abs(data[i]! - ignored) > NEAR) count++
  return count
}

const differs =
  'As in Paddle the gradient with pos_weight p is (sigmoid(X) p - Label) dOut, which is not the derivative of the loss.'

export const sigmoidCrossEntropyWithLogitsGrad = defineOp({
  type: 'sigmoid_cross_entropy_with_logits_grad',
  doc: 'Gradient of sigmoid_cross_entropy_with_logits: dOut (sigmoid(X) pos_weight - Label), 0 for ignored labels.',
  source: 'paddle/phi/kernels/cpu/sigmoid_cross_entropy_with_logits_grad_kernel.cc',
  differs,
  inputs: {
    X: one('X of sigmoid_cross_entropy_with_logits.', FLOATS),
    Label: one('Its Label.'),
    pos_weight: optional('Its pos_weight.'),
    'Out@GRAD': one('Gradient of Out.'),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta({ X, Label, pos_weight, 'Out@GRAD': outGrad }) {
    const type = 'sigmoid_cross_entropy_with_logits_grad'
    requireShape(type, 'Label', Label, X.shape, 'the shape of X')
    if (pos_weight !== undefined) requireShape(type, 'pos_weight', pos_weight, X.shape, 'the shape of X')
    requireShape(type, 'Out@GRAD', outGrad, X.shape, 'the shape of X')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu({ X, Label, pos_weight, 'Out@GRAD': outGrad }, { normalize, ignore_index }, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const { data: x } = X
      const { data: label } = Label
      const { data: dout } = outGrad
      const weight = pos_weight?.data
      const count = counted(Label, normalize, ignore_index)
      for (let i = 0; i < dx.length; i++) {
        const slope =
          Math.trunc(label[i]!) === ignore_index
            ? 0
            : dout[i]! * ((weight === undefined ? 1 : weight[i]!) / (1 + Math.exp(-x[i]!)) - label[i]!)
        dx[i] = slope / count
      }
    },
  },
})

export const sigmoidCrossEntropyWithLogits = defineOp({
  type: 'sigmoid_cross_entropy_with_logits',
  doc: 'max(X, 0) - X Label + pos_weight log(1 + exp(-|X|)), 0 for ignored labels.',
  source: 'paddle/phi/kernels/cpu/sigmoid_cross_entropy_with_logits_kernel.cc',
  differs,
  inputs: {
    X: one('Logits, any shape.', FLOATS),
    Label: one('Probabilities, shape and element type of X.', FLOATS),
    pos_weight: optional('Shape and element type of X; 1 without it.', FLOATS),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs,
  inferMeta({ X, Label, pos_weight }) {
    const type = 'sigmoid_cross_entropy_with_logits'
    requireShape(type, 'Label', Label, X.shape, 'the shape of X')
    if (pos_weight !== undefined) requireShape(type, 'pos_weight', pos_weight, X.shape, 'the shape of X')
    requireSameDType(type, { X, Label, pos_weight })
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(sigmoidCrossEntropyWithLogitsGrad, {
      inputs: {
        X: inputs.X,
        Label: inputs.Label,
        pos_weight: inputs.pos_weight,
        'Out@GRAD': outputGrads.Out,
      },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X, Label, pos_weight }, { normalize, ignore_index }, { Out }) {
      const { data: x } = X
      const { data: label } = Label
      const { data: out } = Out
      const weight = pos_weight?.data
      const count = counted(Label, normalize, ignore_index)
      for (let i = 0; i < out.length; i++) {
        const v = x[i]!
        const loss =
          Math.trunc(label[i]!) === ignore_index
            ? 0
            : Math.max(v, 0) -
              v * label[i]! +
              (weight === undefined ? 1 : weight[i]!) * Math.log1p(Math.exp(-Math.abs(v)))
        out[i] = loss / count
      }
    },
  },
})
