/** softmax and cross entropy in one operator, so that the loss of a certain prediction keeps its digits. */
import { attr } from '../../framework/attr.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { eachSlice, resolveAxis } from '../../tensor/shape.ts'
import { LOWEST_EXPONENT } from '../nn/softmax.ts'
import { boundedLog, requireClass, requireLabelShape, requireLabelType } from './labels.ts'

const TYPE = 'softmax_with_cross_entropy'

const attrs = {
  soft_label: attr.bool(false, { doc: 'Label holds a probability for each class, not a class.' }),
  use_softmax: attr.bool(true, { doc: 'false: Logits are probabilities already.' }),
  numeric_stable_mode: attr.bool(true, { doc: 'Has no effect on the CPU.' }),
  ignore_index: attr.int(-100, { doc: 'Hard labels of this value have loss and gradient 0.' }),
  axis: attr.int(-1, { doc: 'The dimension of the classes.' }),
}

export const softmaxWithCrossEntropyGrad = defineOp({
  type: 'softmax_with_cross_entropy_grad',
  doc: 'Gradient of softmax_with_cross_entropy: (Softmax - Label) * dLoss, Label as a one-hot vector where it is hard; -Label / p * dLoss without softmax. The gradient of the output Softmax is not used, a soft label is taken to sum to 1, and the cut at -64 is not seen, as in Paddle.',
  source: 'paddle/phi/kernels/cpu/cross_entropy_grad_kernel.cc',
  inputs: {
    Label: one('Label of softmax_with_cross_entropy.'),
    Softmax: one('Softmax of softmax_with_cross_entropy.', FLOATS),
    'Loss@GRAD': one('Gradient of Loss.'),
  },
  outputs: { 'Logits@GRAD': optional('Gradient of Logits.') },
  attrs,
  inferMeta: ({ Softmax }) => ({ 'Logits@GRAD': Softmax }),
  grad: 'unregistered',
  inplace: { 'Logits@GRAD': 'Softmax' },
  kernels: {
    cpu(inputs, { soft_label, use_softmax, ignore_index, axis }, outputs) {
      const dx = outputs['Logits@GRAD']?.data
      if (dx === undefined) return
      const { data: p, shape } = inputs.Softmax
      const { data: label } = inputs.Label
      const { data: dloss } = inputs['Loss@GRAD']
      let row = 0
      eachSlice(shape, resolveAxis(TYPE, axis, shape, 'axis', 'Logits'), (start, step, size) => {
        const end = start + size * step
        const scale = dloss[row]!
        if (soft_label) {
          if (use_softmax) for (let i = start; i < end; i += step) dx[i] = (p[i]! - label[i]!) * scale
          else for (let i = start; i < end; i += step) dx[i] = (-label[i]! / p[i]!) * scale
        } else {
          const wanted = label[row]!
          const ignored = wanted === ignore_index
          const at = start + wanted * step
          const there = p[at]!
          for (let i = start; i < end; i += step) dx[i] = ignored || !use_softmax ? 0 : p[i]! * scale
          if (!ignored) dx[at] = use_softmax ? (there - 1) * scale : -scale / there
        }
        row++
      })
    },
  },
})

/**
 * Softmax as the operator softmax gives it. Loss of a hard label k: -log(Softmax[k]) = log(sum) - (x[k] - max); of a soft one the mean of
 * that over the classes, weighted by Label.
 */
export const softmaxWithCrossEntropy = defineOp({
  type: TYPE,
  doc: 'Softmax of Logits along `axis` and its cross entropy with Label, a class (hard) or a probability for each class (soft).',
  source: 'paddle/fluid/operators/softmax_with_cross_entropy_op.cc, paddle/phi/kernels/cpu/cross_entropy_kernel.cc',
  inputs: {
    Logits: one('Rank 1 or more.', FLOATS),
    Label: one('Hard: integers, shape of Logits with 1 class. Soft: shape and element type of Logits.'),
  },
  outputs: {
    Softmax: one('Shape and element type of Logits; Logits itself without softmax.'),
    Loss: one('Shape of Logits with 1 class.'),
  },
  attrs,
  inferMeta({ Logits, Label }, { axis, soft_label }) {
    const along = resolveAxis(TYPE, axis, Logits.shape, 'axis', 'Logits')
    requireLabelShape(TYPE, 'Logits', Logits, Label, along, soft_label)
    requireLabelType(TYPE, 'Logits', Logits, Label, soft_label)
    return {
      Softmax: Logits,
      Loss: { dtype: Logits.dtype, shape: Logits.shape.map((dim, i) => (i === along ? 1 : dim)) },
    }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(softmaxWithCrossEntropyGrad, {
      inputs: { Label: inputs.Label, Softmax: outputs.Softmax, 'Loss@GRAD': outputGrads.Loss },
      outputs: { 'Logits@GRAD': inputGrads.Logits },
      attrs: 'copied',
    }),
  ],
  inplace: { Softmax: 'Logits' },
  kernels: {
    cpu({ Logits, Label }, { soft_label, use_softmax, ignore_index, axis }, { Softmax, Loss }) {
      const { data: x, shape } = Logits
      const { data: label } = Label
      const { data: p } = Softmax
      const { data: loss } = Loss
      const along = resolveAxis(TYPE, axis, shape, 'axis', 'Logits')
      // Logarithms of the probabilities of one slice, so that results are rounded once.
      const logs = new Float64Array(shape[along]!)
      let row = 0
      eachSlice(shape, along, (start, step, size) => {
        if (use_softmax) {
          let max = -Infinity
          for (let k = 0, i = start; k < size; k++, i += step) max = Math.max(max, x[i]!)
          let sum = 0
          for (let k = 0, i = start; k < size; k++, i += step)
            sum += Math.exp((logs[k] = Math.max(x[i]! - max, LOWEST_EXPONENT)))
          const logSum = Math.log(sum)
          for (let k = 0, i = start; k < size; k++, i += step) {
            p[i] = Math.exp(logs[k]!) / sum
            logs[k]! -= logSum
          }
        } else {
          for (let k = 0, i = start; k < size; k++, i += step) {
            logs[k] = boundedLog(x[i]!)
            p[i] = x[i]!
          }
        }
        if (soft_label) {
          let sum = 0
          for (let k = 0, i = start; k < size; k++, i += step) sum -= label[i]! * logs[k]!
          loss[row] = sum
        } else if (label[row] === ignore_index) {
          loss[row] = 0
        } else {
          requireClass(TYPE, label[row]!, size, row)
          loss[row] = -logs[label[row]!]!
        }
        row++
      })
    },
  },
})
