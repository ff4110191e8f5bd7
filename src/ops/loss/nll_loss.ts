/** nll_loss: minus the log-probability of the wanted class, weighted by class. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type KernelTensor,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'
import { requireClass } from './labels.ts'

const attrs = {
  ignore_index: attr.long(-100, { doc: 'Labels of this value count nothing.' }),
  reduction: attr.string('mean', {
    doc: '"mean" weighted by class, "sum" or "none".',
    check: oneOf('mean', 'sum', 'none'),
  }),
}

/** X is [N, C] or [N, C, H, W]: class c of sample n at place p is element (n C + c) places + p. */
function layout({ shape }: { shape: Shape }): { classes: number; places: number; samples: number } {
  return { samples: shape[0]!, classes: shape[1]!, places: product(shape, 2) }
}

/** X without its classes: the shape of Label. */
const labelShape = ({ shape }: Meta): Shape => [shape[0]!, ...shape.slice(2)]

/** Calls `visit(i, element of X, weight)` for each label i that counts. @throws InvalidArgumentError E216 for one outside [0, C). */
function eachLabel(
  X: { shape: Shape },
  Label: KernelTensor,
  Weight: KernelTensor | undefined,
  ignored: number,
  visit: (i: number, at: number, weight: number) => void,
): void {
  const { samples, classes, places } = layout(X)
  for (let n = 0; n < samples; n++) {
    for (let p = 0; p < places; p++) {
      const i = n * places + p
      const label = Label.data[i]!
      if (label === ignored) continue
      requireClass('nll_loss', label, classes, i, 'InvalidArgument')
      visit(i, (n * classes + label) * places + p, Weight === undefined ? 1 : Weight.data[label]!)
    }
  }
}

export const nllLossGrad = defineOp({
  type: 'nll_loss_grad',
  doc: 'Gradient of nll_loss: -weight dOut at the label, zero elsewhere, divided by Total_weight for "mean".',
  source: 'paddle/phi/kernels/cpu/nll_loss_grad_kernel.cc',
  inputs: {
    X: one('X of nll_loss; only its shape is read.', FLOATS),
    Label: one('Label of nll_loss.'),
    Weight: optional('Weight of nll_loss.'),
    Total_weight: one('Total_weight of nll_loss.'),
    'Out@GRAD': one('Gradient of Out.'),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta({ X, Label, Weight, 'Out@GRAD': outGrad }, { reduction }) {
    checkShapes('nll_loss_grad', X, Label, Weight)
    requireShape('nll_loss_grad', 'Out@GRAD', outGrad, reduction === 'none' ? labelShape(X) : [], 'the shape of Out')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Label, Weight, Total_weight, 'Out@GRAD': outGrad }, { ignore_index, reduction }, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      dx.fill(0)
      const { data: dout } = outGrad
      const divisor = reduction === 'mean' ? Total_weight.data[0]! : 1
      eachLabel(X, Label, Weight, Number(ignore_index), (i, at, weight) => {
        dx[at] = (-weight * dout[reduction === 'none' ? i : 0]!) / divisor
      })
    },
  },
})

/** @throws InvalidArgumentError E203 unless X is [N, C] or [N, C, H, W], Label has its N, H, W and Weight its C. */
function checkShapes(opType: string, X: Meta, Label: Meta, Weight: Meta | undefined): void {
  const fault = (slot: string, what: string, got: Shape): InvalidArgumentError =>
    new InvalidArgumentError('E203', `${opType}: ${slot} must be ${what}, got ${formatShape(got)}`, {
      where: { opType, slot },
      expected: what,
      got,
    })
  const { shape } = X
  if (shape.length !== 2 && shape.length !== 4) throw fault('X', '[N, C] or [N, C, H, W]', shape)
  const differ = (a: number | undefined, b: number): boolean => a === undefined || (a !== b && a >= 0 && b >= 0)
  const dims = labelShape(X)
  // As in Paddle a column of labels is a vector of them.
  const extra = Label.shape.slice(dims.length).some((dim) => dim !== 1 && dim >= 0)
  if (extra || dims.some((dim, d) => differ(Label.shape[d], dim))) throw fault('Label', formatShape(dims), Label.shape)
  if (Weight !== undefined && (Weight.shape.length !== 1 || differ(Weight.shape[0], shape[1]!))) {
    throw fault('Weight', formatShape([shape[1]!]), Weight.shape)
  }
}

export const nllLoss = defineOp({
  type: 'nll_loss',
  doc: '-weight X[label], the mean of it weighted by class, the sum, or every element. A mean without any weight is 0.',
  source: 'paddle/phi/kernels/cpu/nll_loss_kernel.cc',
  inputs: {
    X: one('[N, C] or [N, C, H, W], log-probabilities.', FLOATS),
    Label: one('[N] or [N, H, W], classes.', ['int64']),
    Weight: optional('[C], a weight for each class.', FLOATS),
  },
  outputs: {
    Out: one('0-D, or for "none" [N] or [N, H, W].'),
    Total_weight: one('0-D: the weights of all labels that count; 0 for "none".'),
  },
  attrs,
  inferMeta({ X, Label, Weight }, { reduction }) {
    checkShapes('nll_loss', X, Label, Weight)
    requireSameDType('nll_loss', { X, Weight })
    return {
      Out: { dtype: X.dtype, shape: reduction === 'none' ? labelShape(X) : [] },
      Total_weight: { dtype: X.dtype, shape: [] },
    }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(nllLossGrad, {
      inputs: {
        X: inputs.X,
        Label: inputs.Label,
        Weight: inputs.Weight,
        Total_weight: outputs.Total_weight,
        'Out@GRAD': outputGrads.Out,
      },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Label, Weight }, { ignore_index, reduction }, { Out, Total_weight }) {
      const { data: x } = X
      let sum = 0
      let total = 0
      if (reduction === 'none') Out.data.fill(0)
      eachLabel(X, Label, Weight, Number(ignore_index), (i, at, weight) => {
        const loss = -weight * x[at]!
        if (reduction === 'none') Out.data[i] = loss
        else {
          sum += loss
          total += weight
        }
      })
      Total_weight.data[0] = total
      if (reduction === 'sum') Out.data[0] = sum
      else if (reduction === 'mean') Out.data[0] = total === 0 ? 0 : sum / total
    },
  },
})
