/** box_coder: boxes as their differences from prior boxes, and back. Source: paddle/phi/kernels/cpu/box_coder.cc (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, type FilledAttrs, type KernelTensor, one, optional } from '../../framework/op_def.ts'
import { BOX, requireDims } from './boxes.ts'

const TYPE = 'box_coder'
const ATTRS = {
  code_type: attr.string('encode_center_size', {
    doc: 'encode_center_size: differences of TargetBox from the prior boxes; decode_center_size: the boxes of such differences.',
    check: oneOf('encode_center_size', 'decode_center_size'),
  }),
  box_normalized: attr.bool(true, {
    doc: 'Coordinates are relative to the image; else pixels, of which the last ones count too.',
  }),
  axis: attr.int(0, {
    doc: 'Of decoding: the dimension of TargetBox that the prior boxes are repeated along.',
    check: (axis) => (axis === 0 || axis === 1 ? null : '0 or 1'),
  }),
  variance: attr.floats([], { doc: 'Four divisors of the differences, in place of PriorBoxVar.' }),
}
type CoderAttrs = FilledAttrs<typeof ATTRS>

interface Inputs {
  readonly PriorBox: KernelTensor
  readonly PriorBoxVar?: KernelTensor | undefined
  readonly TargetBox: KernelTensor
}

/** Width, height and centre of a box. */
function measures({ data }: KernelTensor, i: number, extra: number): { w: number; h: number; x: number; y: number } {
  const [w, h] = [data[i + 2]! - data[i]! + extra, data[i + 3]! - data[i + 1]! + extra]
  return { w, h, x: data[i]! + w / 2, y: data[i + 1]! + h / 2 }
}

function code({ PriorBox, PriorBoxVar, TargetBox }: Inputs, attrs: CoderAttrs, OutputBox: KernelTensor): void {
  const [rows, columns] = OutputBox.shape as readonly [number, number]
  const extra = attrs.box_normalized ? 0 : 1
  const out = OutputBox.data
  const encodes = attrs.code_type === 'encode_center_size'
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const o = (i * columns + j) * BOX
      const p = (encodes || attrs.axis === 0 ? j : i) * BOX
      const prior = measures(PriorBox, p, extra)
      const variance = (k: number): number => PriorBoxVar?.data[p + k] ?? attrs.variance[k] ?? 1
      if (encodes) {
        const t = i * BOX
        const target = measures(TargetBox, t, extra)
        const [x, y] = [
          (TargetBox.data[t]! + TargetBox.data[t + 2]!) / 2,
          (TargetBox.data[t + 1]! + TargetBox.data[t + 3]!) / 2,
        ]
        out[o] = (x - prior.x) / prior.w / variance(0)
        out[o + 1] = (y - prior.y) / prior.h / variance(1)
        out[o + 2] = Math.log(Math.abs(target.w / prior.w)) / variance(2)
        out[o + 3] = Math.log(Math.abs(target.h / prior.h)) / variance(3)
        continue
      }
      const x = variance(0) * TargetBox.data[o]! * prior.w + prior.x
      const y = variance(1) * TargetBox.data[o + 1]! * prior.h + prior.y
      const w = Math.exp(variance(2) * TargetBox.data[o + 2]!) * prior.w
      const h = Math.exp(variance(3) * TargetBox.data[o + 3]!) * prior.h
      out[o] = x - w / 2
      out[o + 1] = y - h / 2
      out[o + 2] = x + w / 2 - extra
      out[o + 3] = y + h / 2 - extra
    }
  }
}

export const boxCoder = defineOp({
  type: TYPE,
  doc: 'Codes boxes as differences of centre and size from prior boxes, or gives the boxes of such codes.',
  source: 'paddle/phi/kernels/cpu/box_coder.cc',
  inputs: {
    PriorBox: one('[M, 4]: left, top, right, bottom.', ['float32', 'float64']),
    PriorBoxVar: optional('[M, 4]: divisors of the differences.', ['float32', 'float64']),
    TargetBox: one('[N, 4] to encode, [N, M, 4] to decode; element type of PriorBox.', ['float32', 'float64']),
  },
  outputs: { OutputBox: one('[N, M, 4].') },
  attrs: ATTRS,
  inferMeta({ PriorBox, PriorBoxVar, TargetBox }, { code_type, axis, variance }) {
    requireSameDType(TYPE, { PriorBox, PriorBoxVar, TargetBox })
    requireDims(TYPE, 'PriorBox', PriorBox, [-1, BOX], '[M, 4]')
    const priors = PriorBox.shape[0]!
    if (PriorBoxVar !== undefined)
      requireDims(TYPE, 'PriorBoxVar', PriorBoxVar, [priors, BOX], 'of the shape of PriorBox')
    if (variance.length !== 0 && (variance.length !== BOX || PriorBoxVar !== undefined)) {
      throw new InvalidArgumentError(
        'E201',
        `${TYPE}: attr variance must hold 4 numbers, and none besides PriorBoxVar, got ${variance.length}`,
        {
          where: { opType: TYPE },
          got: variance,
        },
      )
    }
    if (code_type === 'encode_center_size') {
      requireDims(TYPE, 'TargetBox', TargetBox, [-1, BOX], '[N, 4] to encode')
      return { OutputBox: { dtype: PriorBox.dtype, shape: [TargetBox.shape[0]!, priors, BOX] } }
    }
    const wanted = axis === 0 ? [-1, priors, BOX] : [priors, -1, BOX]
    requireDims(
      TYPE,
      'TargetBox',
      TargetBox,
      wanted,
      `[N, M, 4] to decode, with the ${priors} prior boxes along axis ${axis === 0 ? 1 : 0}`,
    )
    return { OutputBox: { dtype: PriorBox.dtype, shape: TargetBox.shape } }
  },
  grad: 'none',
  kernels: { cpu: (given, attrs, { OutputBox }) => code(given, attrs, OutputBox) },
})
