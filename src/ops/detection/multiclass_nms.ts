/**
 * multiclass_nms3: of many overlapping boxes those that are kept for each class, best first.
 * Source: paddle/phi/kernels/cpu/multiclass_nms3_kernel.cc (2.6.2).
 */
import { UnimplementedError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType } from '../../framework/infer.ts'
import {
  defineOp,
  type FilledAttrs,
  type KernelContext,
  type KernelTensor,
  one,
  optional,
} from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { formatShape } from '../../tensor/shape.ts'
import { BOX, overlap, requireDims } from './boxes.ts'

const TYPE = 'multiclass_nms3'
const ATTRS = {
  score_threshold: attr.float(undefined, { doc: 'Boxes with a lower or equal score are left out.' }),
  nms_top_k: attr.int(undefined, { doc: 'How many boxes of a class are looked at; -1: all.' }),
  keep_top_k: attr.int(undefined, { doc: 'How many boxes of an image are kept; -1: all.' }),
  nms_threshold: attr.float(0.3, { doc: 'A box that overlaps a better one by more is left out.' }),
  normalized: attr.bool(true, {
    doc: 'Coordinates are relative to the image; else pixels, of which the last ones count too.',
  }),
  nms_eta: attr.float(1, { doc: 'Below 1: what a threshold above 0.5 is multiplied with for each box that is kept.' }),
  background_label: attr.int(0, { doc: 'The class that is left out; -1: none.' }),
}
type NmsAttrs = FilledAttrs<typeof ATTRS>

interface Kept {
  readonly label: number
  readonly box: number
  readonly score: number
}

/** Positions by falling score; equal scores stay in order. */
const byScore = <T extends { readonly score: number }>(list: T[]): T[] => list.sort((a, b) => b.score - a.score)

/** The boxes of one class that are kept, best first. */
function suppress(boxes: NumberArray, first: number, candidates: Kept[], attrs: NmsAttrs): Kept[] {
  const extra = attrs.normalized ? 0 : 1
  const sorted = byScore(candidates)
  const kept: Kept[] = []
  let threshold = attrs.nms_threshold
  for (const candidate of attrs.nms_top_k > -1 ? sorted.slice(0, attrs.nms_top_k) : sorted) {
    const at = first + candidate.box * BOX
    if (kept.some(({ box }) => !(overlap(boxes, at, boxes, first + box * BOX, extra) <= threshold))) continue
    kept.push(candidate)
    if (attrs.nms_eta < 1 && threshold > 0.5) threshold *= attrs.nms_eta
  }
  return kept
}

/** The boxes that are kept of image `n`, class by class. */
function keptOf(n: number, BBoxes: KernelTensor, Scores: KernelTensor, attrs: NmsAttrs): Kept[] {
  const [, classes, count] = Scores.shape as readonly [number, number, number]
  const kept: Kept[] = []
  for (let label = 0; label < classes; label++) {
    if (label === attrs.background_label) continue
    const candidates: Kept[] = []
    for (let box = 0; box < count; box++) {
      const score = Scores.data[(n * classes + label) * count + box]!
      if (score > attrs.score_threshold) candidates.push({ label, box, score })
    }
    kept.push(...suppress(BBoxes.data, n * count * BOX, candidates, attrs))
  }
  if (attrs.keep_top_k < 0 || kept.length <= attrs.keep_top_k) return kept
  return byScore([...kept])
    .slice(0, attrs.keep_top_k)
    .sort((a, b) => a.label - b.label)
}

function run(
  { BBoxes, Scores }: { BBoxes: KernelTensor; Scores: KernelTensor },
  attrs: NmsAttrs,
  ctx: KernelContext,
): void {
  const [batch, count] = BBoxes.shape as readonly [number, number]
  const images = Array.from({ length: batch }, (_, n) => keptOf(n, BBoxes, Scores, attrs))
  const all = images.flatMap((kept, n) => kept.map((entry) => ({ ...entry, row: n * count + entry.box })))
  const out = ctx.resize('Out', [all.length, 2 + BOX])
  const index = ctx.resize('Index', [all.length, 1])
  all.forEach(({ label, score, row }, k) => {
    out?.data.set(
      [label, score, ...BBoxes.data.subarray(row * BOX, (row + 1) * BOX)] as number[] & bigint[],
      k * (2 + BOX),
    )
    if (index !== undefined) index.data[k] = row
  })
  const counts = ctx.resize('NmsRoisNum', [batch])
  images.forEach((kept, n) => {
    if (counts !== undefined) counts.data[n] = kept.length
  })
}

export const multiclassNms3 = defineOp({
  type: TYPE,
  doc: 'Non-maximum suppression: for each image and class the boxes that no better one overlaps by more than a threshold.',
  source: 'paddle/phi/kernels/cpu/multiclass_nms3_kernel.cc',
  differs: 'Boxes that differ from class to class, and images of different numbers of boxes (RoisNum), are refused.',
  inputs: {
    BBoxes: one('[N, M, 4]: left, top, right, bottom.', ['float32', 'float64']),
    Scores: one('[N, classes, M], element type of BBoxes.', ['float32', 'float64']),
    RoisNum: optional('Refused: for boxes without a dimension of images.'),
  },
  outputs: {
    Out: one('[boxes kept, 6]: class, score, box; image by image.'),
    Index: one('[boxes kept, 1], int32: which of the N * M boxes.'),
    NmsRoisNum: optional('[N], int32: how many boxes of each image.'),
  },
  attrs: ATTRS,
  inferMeta({ BBoxes, Scores, RoisNum }) {
    requireSameDType(TYPE, { BBoxes, Scores })
    if (RoisNum !== undefined || (BBoxes.shape.length === 3 && BBoxes.shape[2]! > BOX)) {
      throw new UnimplementedError(
        'E405',
        `${TYPE}: only BBoxes [N, M, 4] without RoisNum, got ${formatShape(BBoxes.shape)}`,
        {
          where: { opType: TYPE, slot: RoisNum === undefined ? 'BBoxes' : 'RoisNum' },
          got: BBoxes.shape,
        },
      )
    }
    requireDims(TYPE, 'BBoxes', BBoxes, [-1, -1, BOX], '[N, M, 4]')
    const [batch, count] = BBoxes.shape as readonly [number, number]
    requireDims(TYPE, 'Scores', Scores, [batch, -1, count], `[${batch}, classes, ${count}]`)
    return {
      Out: { dtype: BBoxes.dtype, shape: [-1, 2 + BOX] },
      Index: { dtype: 'int32', shape: [-1, 1] },
      NmsRoisNum: { dtype: 'int32', shape: [batch < 0 ? -1 : batch] },
    }
  },
  grad: 'none',
  kernels: { cpu: ({ BBoxes, Scores }, attrs, _outputs, ctx) => run({ BBoxes, Scores }, attrs, ctx) },
})
