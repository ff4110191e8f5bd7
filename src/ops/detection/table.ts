/** The table of the operators of this folder: boxes of detectors. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { boxCoder } from './box_coder.ts'
import { iouSimilarity } from './iou_similarity.ts'
import { multiclassNms3 } from './multiclass_nms.ts'
import { priorBox } from './prior_box.ts'
import { yoloBox } from './yolo_box.ts'

export const detectionOps = {
  box_coder: boxCoder,
  iou_similarity: iouSimilarity,
  multiclass_nms3: multiclassNms3,
  prior_box: priorBox,
  yolo_box: yoloBox,
} satisfies OpLibrary
