/** auc: the area under the receiver operating characteristic, from counts that go on from batch to batch. */
import { InvalidArgumentError, makeError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, type KernelTensor, type Meta, one, optional } from '../../framework/op_def.ts'
import { formatShape, numel } from '../../tensor/shape.ts'
import { requireDType } from '../tensor/indices.ts'

const atLeast =
  (least: number) =>
  (value: number): string | null =>
    value >= least ? null : `${least} or more`

/**
 * Elements of StatPos and StatNeg. slide_steps 0: one count per bucket. Else a ring of slide_steps batches, their sum, and the number of
 * batches so far.
 */
const statSize = (buckets: number, slide: number): number => (slide === 0 ? buckets : (slide + 1) * buckets + 1)

/** @throws InvalidArgumentError E203 for a Predict of more than two columns, labels of another count, counts of another size. */
function checkShapes(Predict: Meta, Label: Meta, stats: Readonly<Record<string, Meta>>, size: number): void {
  const fault = (slot: string, what: string, { shape }: Meta): InvalidArgumentError =>
    new InvalidArgumentError('E203', `auc: ${slot} must ${what}, got ${formatShape(shape)}`, {
      where: { opType: 'auc', slot },
      expected: what,
      got: shape,
    })
  const { shape } = Predict
  if (shape.length !== 2 || shape[1]! > 2 || shape[1] === 0) throw fault('Predict', 'be [N, 1] or [N, 2]', Predict)
  const labels = numel(Label.shape)
  if (labels >= 0 && shape[0]! >= 0 && labels !== shape[0]) throw fault('Label', 'have one label per row', Label)
  for (const [slot, meta] of Object.entries(stats)) {
    const count = numel(meta.shape)
    if (count >= 0 && count !== size) throw fault(slot, `have ${size} elements`, meta)
  }
}

/** Adds the batch: bucket floor(p * num_thresholds) of the positive or of the negative counts. */
function countBatch(Predict: KernelTensor, Label: KernelTensor, thresholds: number, pos: Counts, neg: Counts): void {
  const width = Predict.shape[1]!
  for (let row = 0; row < Predict.shape[0]!; row++) {
    const p = Predict.data[row * width + width - 1]!
    if (!(p >= 0 && p <= 1)) {
      throw makeError('PreconditionNotMet', 'E224', `auc: the prediction of row ${row} is ${p}, outside [0, 1]`, {
        where: { opType: 'auc', slot: 'Predict' },
        expected: [0, 1],
        got: p,
      })
    }
    const bucket = Math.trunc(Math.fround(p * thresholds))
    if (Label.data[row]! > 0) pos[bucket] = pos[bucket]! + 1
    else if (Label.data[row] === 0) neg[bucket] = neg[bucket]! + 1
  }
}

type Counts = Float64Array

/** The area, by trapezoids from the highest bucket down; 0 where one class is missing. */
function areaUnder(pos: Counts, neg: Counts): number {
  let area = 0
  let positives = 0
  let negatives = 0
  for (let i = pos.length - 1; i >= 0; i--) {
    const before = positives
    positives += pos[i]!
    negatives += neg[i]!
    area += (neg[i]! * (before + positives)) / 2
  }
  return positives > 0 && negatives > 0 ? area / positives / negatives : 0
}

/** Puts the batch into the ring in place of the oldest one, and brings the sum up to date. */
function slideIn(stat: Counts, batch: Counts, buckets: number, slide: number): void {
  const last = stat.length - 1
  const start = (stat[last]! % slide) * buckets
  const sum = slide * buckets
  for (let i = 0; i < buckets; i++) {
    stat[sum + i] = stat[sum + i]! - stat[start + i]! + batch[i]!
    stat[start + i] = batch[i]!
  }
  stat[last] = stat[last]! + 1
}

export const auc = defineOp({
  type: 'auc',
  doc: 'The area under the curve of all batches so far, or with slide_steps of the last ones. The counts behind it are StatPos and StatNeg.',
  source: 'paddle/phi/kernels/cpu/auc_kernel.cc',
  differs: 'A batch that InsTagWeight marks as a filler leaves the counts as they are.',
  inputs: {
    Predict: one('[N, 1] or [N, 2]; the last column is the probability of class 1.', ['float32']),
    Label: one('[N, 1], above 0 for class 1, 0 for class 0; others count nothing.', ['int64']),
    StatPos: one('Counts of class 1: [1, num_thresholds + 1], more with slide_steps.', ['int64']),
    StatNeg: one('Counts of class 0, as StatPos.', ['int64']),
    InsTagWeight: optional('A first element of 0 marks a batch that only fills.'),
  },
  outputs: {
    AUC: one('0-D float64.'),
    StatPosOut: one('The new counts; may be the variable StatPos.'),
    StatNegOut: one('The new counts; may be the variable StatNeg.'),
  },
  attrs: {
    curve: attr.string('ROC', { doc: 'Has no effect: it is always ROC, as in Paddle.' }),
    num_thresholds: attr.int(8191, { check: atLeast(1) }),
    slide_steps: attr.int(1, { doc: 'Batches that count; 0: all of them.', check: atLeast(0) }),
  },
  inferMeta({ Predict, Label, StatPos, StatNeg, InsTagWeight }, { num_thresholds, slide_steps }) {
    const buckets = num_thresholds + 1
    const size = statSize(buckets, slide_steps)
    checkShapes(Predict, Label, { StatPos, StatNeg }, size)
    if (InsTagWeight !== undefined) requireDType('auc', 'InsTagWeight', InsTagWeight, ['float32'])
    const stat: Meta = { dtype: 'int64', shape: slide_steps === 0 ? [1, buckets] : [size] }
    return { AUC: { dtype: 'float64', shape: [] }, StatPosOut: stat, StatNegOut: stat }
  },
  grad: 'none',
  inplace: { StatPosOut: 'StatPos', StatNegOut: 'StatNeg' },
  effects: 'state',
  kernels: {
    cpu({ Predict, Label, StatPos, StatNeg, InsTagWeight }, { num_thresholds, slide_steps }, outputs) {
      const buckets = num_thresholds + 1
      const { AUC, StatPosOut, StatNegOut } = outputs
      const stats = [StatPosOut, StatNegOut].map(({ data }) => data as Counts) as [Counts, Counts]
      stats[0].set(StatPos.data)
      stats[1].set(StatNeg.data)
      if (InsTagWeight === undefined || InsTagWeight.data[0] !== 0) {
        const batch = [new Float64Array(buckets), new Float64Array(buckets)] as const
        countBatch(Predict, Label, num_thresholds, batch[0], batch[1])
        stats.forEach((stat, i) => {
          if (slide_steps > 0) slideIn(stat, batch[i]!, buckets, slide_steps)
          else for (let k = 0; k < buckets; k++) stat[k] = stat[k]! + batch[i]![k]!
        })
      }
      const sum = slide_steps * buckets
      AUC.data[0] = areaUnder(stats[0].subarray(sum, sum + buckets), stats[1].subarray(sum, sum + buckets))
    },
  },
})
