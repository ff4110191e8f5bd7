/** iou_similarity: how much each box of X overlaps each box of Y. */
import { attr } from '../../framework/attr.ts'
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, one } from '../../framework/op_def.ts'
import { BOX, overlap, requireDims } from './boxes.ts'

/** Added to every union. */
const UNION = 1e-10

export const iouSimilarity = defineOp({
  type: 'iou_similarity',
  doc: 'For each pair of boxes the area of their intersection over that of their union.',
  source: 'paddle/fluid/operators/detection/iou_similarity_op.h',
  inputs: {
    X: one('[N, 4]: left, top, right, bottom.', ['float32', 'float64']),
    Y: one('[M, 4], element type of X.', ['float32', 'float64']),
  },
  outputs: { Out: one('[N, M].') },
  attrs: {
    box_normalized: attr.bool(true, {
      doc: 'Coordinates are relative to the image; else pixels, of which the last ones count too.',
    }),
  },
  inferMeta({ X, Y }) {
    requireSameDType('iou_similarity', { X, Y })
    requireDims('iou_similarity', 'X', X, [-1, BOX], '[N, 4]')
    requireDims('iou_similarity', 'Y', Y, [-1, BOX], '[M, 4]')
    return { Out: { dtype: X.dtype, shape: [X.shape[0]!, Y.shape[0]!] } }
  },
  grad: 'none',
  olderRegistry: true,
  kernels: {
    cpu({ X, Y }, { box_normalized }, { Out }) {
      const extra = box_normalized ? 0 : 1
      let o = 0
      for (let i = 0; i < X.data.length; i += BOX) {
        for (let j = 0; j < Y.data.length; j += BOX) Out.data[o++] = overlap(X.data, i, Y.data, j, extra, UNION)
      }
    },
  },
})
