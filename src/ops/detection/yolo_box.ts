/** yolo_box: the boxes and scores that a plane of a YOLOv3 network stands for. Source: paddle/phi/kernels/cpu/yolo_box_kernel.cc (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, type FilledAttrs, type KernelTensor, type Meta, one } from '../../framework/op_def.ts'
import { formatShape } from '../../tensor/shape.ts'
import { BOX, requireDims } from './boxes.ts'

const ATTRS = {
  anchors: attr.ints([], { doc: 'Width and height of each anchor, in pixels of the input of the network.' }),
  class_num: attr.int(1, { doc: 'Number of classes.', check: (count) => (count > 0 ? null : 'a number of 1 or more') }),
  conf_thresh: attr.float(0.01, { doc: 'Boxes with a lower confidence are zeros.' }),
  downsample_ratio: attr.int(32, { doc: 'How many times the input of the network is as large as X.' }),
  clip_bbox: attr.bool(true, { doc: 'Keep the boxes inside of the image.' }),
  scale_x_y: attr.float(1, { doc: 'Stretches the centre within its cell.' }),
  iou_aware: attr.bool(false, { doc: 'X begins with a channel per anchor that says how good its box is.' }),
  iou_aware_factor: attr.float(0.5, { doc: 'The weight of that channel in the confidence.' }),
}
type YoloAttrs = FilledAttrs<typeof ATTRS>

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** @throws InvalidArgumentError E201 for anchors, E203 for the channels of X. */
function anchorCount(X: Meta, { anchors, class_num, iou_aware }: YoloAttrs): number {
  const count = anchors.length / 2
  if (anchors.length === 0 || anchors.length % 2 !== 0) {
    throw new InvalidArgumentError('E201', `yolo_box: attr anchors must hold pairs, got ${anchors.length} numbers`, {
      where: { opType: 'yolo_box' },
      got: anchors,
    })
  }
  const channels = count * (class_num + (iou_aware ? 6 : 5))
  requireDims('yolo_box', 'X', X, [-1, channels, -1, -1], `[N, ${channels}, height, width]`)
  return count
}

function decode(
  X: KernelTensor,
  ImgSize: KernelTensor,
  attrs: YoloAttrs,
  Boxes: KernelTensor,
  Scores: KernelTensor,
): void {
  const { anchors, class_num, conf_thresh, downsample_ratio, clip_bbox, scale_x_y, iou_aware, iou_aware_factor } = attrs
  const [batch, channels, height, width] = X.shape as readonly [number, number, number, number]
  const count = anchors.length / 2
  const plane = height * width
  const bias = -0.5 * (scale_x_y - 1)
  Boxes.data.fill(0)
  Scores.data.fill(0)
  for (let n = 0; n < batch; n++) {
    const [imageHeight, imageWidth] = [ImgSize.data[2 * n]!, ImgSize.data[2 * n + 1]!]
    const image = n * channels * plane
    for (let a = 0; a < count; a++) {
      const first = image + ((iou_aware ? count : 0) + a * (class_num + 5)) * plane
      for (let k = 0; k < plane; k++) {
        const at = (entry: number): number => X.data[first + entry * plane + k]!
        let confidence = sigmoid(at(4))
        if (iou_aware) {
          const iou = sigmoid(X.data[image + a * plane + k]!)
          confidence = confidence ** (1 - iou_aware_factor) * iou ** iou_aware_factor
        }
        if (confidence < conf_thresh) continue
        const [row, column] = [Math.floor(k / width), k % width]
        const x = ((column + sigmoid(at(0)) * scale_x_y + bias) * imageWidth) / width
        const y = ((row + sigmoid(at(1)) * scale_x_y + bias) * imageHeight) / height
        const w = (Math.exp(at(2)) * anchors[2 * a]! * imageWidth) / (downsample_ratio * width)
        const h = (Math.exp(at(3)) * anchors[2 * a + 1]! * imageHeight) / (downsample_ratio * height)
        const box = (n * count + a) * plane + k
        const corners = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        if (clip_bbox) {
          corners[0] = Math.max(corners[0]!, 0)
          corners[1] = Math.max(corners[1]!, 0)
          corners[2] = Math.min(corners[2]!, imageWidth - 1)
          corners[3] = Math.min(corners[3]!, imageHeight - 1)
        }
        Boxes.data.set(corners, box * BOX)
        for (let c = 0; c < class_num; c++) Scores.data[box * class_num + c] = confidence * sigmoid(at(5 + c))
      }
    }
  }
}

export const yoloBox = defineOp({
  type: 'yolo_box',
  doc: 'The boxes, in pixels of the image, and the scores of their classes that the output X of a YOLOv3 network stands for.',
  source: 'paddle/phi/kernels/cpu/yolo_box_kernel.cc',
  inputs: {
    X: one('[N, anchors * (5 + classes), height, width]: x, y, width, height, confidence, classes of each anchor.', [
      'float32',
      'float64',
    ]),
    ImgSize: one('[N, 2]: height and width of each image.', ['int32']),
  },
  outputs: {
    Boxes: one('[N, anchors * height * width, 4]: left, top, right, bottom.'),
    Scores: one('[N, anchors * height * width, classes].'),
  },
  attrs: ATTRS,
  inferMeta({ X, ImgSize }, attrs) {
    const count = anchorCount(X, attrs)
    const [batch, , height, width] = X.shape as readonly [number, number, number, number]
    requireDims('yolo_box', 'ImgSize', ImgSize, [batch, 2], `[N, 2] for X of shape ${formatShape(X.shape)}`)
    const boxes = height < 0 || width < 0 ? -1 : count * height * width
    return {
      Boxes: { dtype: X.dtype, shape: [batch, boxes, BOX] },
      Scores: { dtype: X.dtype, shape: [batch, boxes, attrs.class_num] },
    }
  },
  grad: 'none',
  kernels: { cpu: ({ X, ImgSize }, attrs, { Boxes, Scores }) => decode(X, ImgSize, attrs, Boxes, Scores) },
})
