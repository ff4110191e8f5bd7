/** prior_box: the default boxes of an SSD detector over a plane. Source: paddle/phi/kernels/cpu/prior_box_kernel.cc (2.6.2). */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, type FilledAttrs, one } from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import type { Shape } from '../../tensor/shape.ts'
import { BOX, requireDims } from './boxes.ts'

const ATTRS = {
  min_sizes: attr.floats(undefined, {
    doc: 'Sides of the small squares, in pixels of the image.',
    check: (sizes) => (sizes.length > 0 && sizes.every((size) => size > 0) ? null : 'numbers above 0, one or more'),
  }),
  max_sizes: attr.floats([], { doc: 'One for each of min_sizes: a square between both is added.' }),
  aspect_ratios: attr.floats([], { doc: 'Width to height of boxes besides the square.' }),
  variances: attr.floats([], { doc: 'Four numbers that are repeated for each box.' }),
  flip: attr.bool(true, { doc: 'Each ratio counts upside down, too.' }),
  clip: attr.bool(true, { doc: 'Keep boxes inside of the image.' }),
  step_w: attr.float(0, { doc: 'Distance of the centres; 0: width of the image over that of Input.' }),
  step_h: attr.float(0, { doc: 'Distance of the centres; 0: height of the image over that of Input.' }),
  offset: attr.float(0.5, { doc: 'Of the centre in its cell.' }),
  min_max_aspect_ratios_order: attr.bool(false, {
    doc: 'Small square, larger square, then the others; else the larger square comes last.',
  }),
}
type PriorAttrs = FilledAttrs<typeof ATTRS>

const same = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6

/** 1 and the given ratios, each once. */
function ratiosOf({ aspect_ratios, flip }: PriorAttrs): number[] {
  const ratios = [1]
  for (const ratio of aspect_ratios) {
    if (ratios.some((known) => same(known, ratio))) continue
    ratios.push(ratio)
    if (flip) ratios.push(Math.fround(1 / ratio))
  }
  return ratios
}

/** Half the width and height of the boxes around one centre, in pixels; sizes and ratios are float32, as is what follows from them. */
function halfSizes(attrs: PriorAttrs): [number, number][] {
  const ratios = ratiosOf(attrs)
  return attrs.min_sizes.flatMap((size, s): [number, number][] => {
    const shaped = ratios.map((ratio): [number, number] => {
      const root = Math.fround(Math.sqrt(ratio))
      return [Math.fround(size * root) / 2, Math.fround(size / root) / 2]
    })
    if (attrs.max_sizes.length === 0) return shaped
    const side = Math.fround(Math.sqrt(Math.fround(size * attrs.max_sizes[s]!))) / 2
    const square: [number, number] = [side, side]
    return attrs.min_max_aspect_ratios_order ? [shaped[0]!, square, ...shaped.slice(1)] : [...shaped, square]
  })
}

function fillBoxes(input: Shape, image: Shape, attrs: PriorAttrs, out: NumberArray): void {
  const [height, width] = [input[2]!, input[3]!]
  const [imageHeight, imageWidth] = [image[2]!, image[3]!]
  const given = attrs.step_w !== 0 && attrs.step_h !== 0
  const [stepX, stepY] = given ? [attrs.step_w, attrs.step_h] : [imageWidth / width, imageHeight / height]
  const inside = (value: number): number => (attrs.clip ? Math.min(Math.max(value, 0), 1) : value)
  const sizes = halfSizes(attrs)
  let o = 0
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const [x, y] = [(j + attrs.offset) * stepX, (i + attrs.offset) * stepY]
      for (const [w, h] of sizes) {
        out[o++] = inside((x - w) / imageWidth)
        out[o++] = inside((y - h) / imageHeight)
        out[o++] = inside((x + w) / imageWidth)
        out[o++] = inside((y + h) / imageHeight)
      }
    }
  }
}

export const priorBox = defineOp({
  type: 'prior_box',
  doc: 'Boxes of several sizes and shapes around the centre of every cell of Input, relative to the image.',
  source: 'paddle/phi/kernels/cpu/prior_box_kernel.cc',
  inputs: {
    Input: one('[N, C, height, width]; its values are not read.', ['float32', 'float64']),
    Image: one('[N, C, height, width]; its values are not read.', ['float32', 'float64']),
  },
  outputs: {
    Boxes: one('[height, width, boxes, 4]: left, top, right, bottom.'),
    Variances: one('Shape of Boxes: the variances again and again.'),
  },
  attrs: ATTRS,
  inferMeta({ Input, Image }, attrs) {
    requireDims('prior_box', 'Input', Input, [-1, -1, -1, -1], '[N, C, height, width]')
    requireDims('prior_box', 'Image', Image, [-1, -1, -1, -1], '[N, C, height, width]')
    const fail = (what: string, got: unknown): InvalidArgumentError =>
      new InvalidArgumentError('E201', `prior_box: attr ${what}`, { where: { opType: 'prior_box' }, got })
    if (attrs.variances.length !== BOX)
      throw fail(`variances must hold 4 numbers, got ${attrs.variances.length}`, attrs.variances)
    if (attrs.max_sizes.length > 0 && attrs.max_sizes.length !== attrs.min_sizes.length) {
      throw fail(
        `max_sizes must be as many as min_sizes, ${attrs.min_sizes.length}, got ${attrs.max_sizes.length}`,
        attrs.max_sizes,
      )
    }
    if (attrs.max_sizes.some((size, s) => size <= attrs.min_sizes[s]!)) {
      throw fail(`max_sizes must be above min_sizes, got [${attrs.max_sizes.join(', ')}]`, attrs.max_sizes)
    }
    const out = { dtype: Input.dtype, shape: [Input.shape[2]!, Input.shape[3]!, halfSizes(attrs).length, BOX] }
    return { Boxes: out, Variances: out }
  },
  grad: 'none',
  kernels: {
    cpu({ Input, Image }, attrs, { Boxes, Variances }) {
      fillBoxes(Input.shape, Image.shape, attrs, Boxes.data)
      for (let i = 0; i < Variances.data.length; i++) Variances.data[i] = attrs.variances[i % BOX]!
    },
  },
})
