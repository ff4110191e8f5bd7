/** Random cases of moves of channels, pixels, boxes and diagonals, and of enlarging by the nearest element. */
import type { Shape } from '../../../src/tensor/shape.ts'
import { product } from '../../../src/tensor/shape.ts'
import type { LoweringCase, Random } from '../lowering_case.ts'
import { anything } from './movement.ts'

type Make = (random: Random) => LoweringCase

interface Move {
  readonly shape: Shape
  readonly out: Shape
  readonly attrs: Readonly<Record<string, unknown>>
}

/** A move and its gradient, which reads the gradient of Out alone. */
const both = (type: string, make: (random: Random) => Move): Readonly<Record<string, Make>> => ({
  [type]: (random) => {
    const { shape, attrs } = make(random)
    return { inputs: { X: random.floats(shape, { special: true }) }, outputs: { Out: 1 }, attrs }
  },
  [`${type}_grad`]: (random) => {
    const { out, attrs } = make(random)
    return { inputs: { 'Out@GRAD': random.floats(out, { special: true }) }, outputs: { 'X@GRAD': 1 }, attrs }
  },
})

/** Images of so many channels, laid out with them in the second or the last dimension. */
function layout(random: Random) {
  const last = random.next() < 0.4
  return {
    attrs: { data_format: last ? 'NHWC' : 'NCHW' },
    of: (batch: number, channels: number, [height, width]: readonly [number, number]): Shape =>
      last ? [batch, height, width, channels] : [batch, channels, height, width],
  }
}

const channelShuffle = (random: Random): Move => {
  const { attrs, of } = layout(random)
  const groups = random.int(1, 4)
  const shape = of(random.int(0, 3), groups * random.int(1, 5), [random.int(1, 9), random.int(1, 9)])
  return { shape, out: shape, attrs: { ...attrs, groups } }
}

const shuffleChannel = (random: Random): Move => {
  const group = random.int(1, 4)
  const shape = [random.int(1, 3), group * random.int(1, 5), random.int(1, 9), random.int(1, 9)]
  return { shape, out: shape, attrs: { group } }
}

/** Many channels of small planes, and few of large ones. */
function pixels(random: Random) {
  const { attrs, of } = layout(random)
  const factor = random.int(1, 4)
  const [batch, channels] = [random.int(1, 3), random.int(1, 3)]
  const [height, width] = [random.int(1, 5), random.int(1, 9)]
  return {
    factor,
    attrs,
    many: of(batch, channels * factor * factor, [height, width]),
    few: of(batch, channels, [height * factor, width * factor]),
  }
}

const pixelShuffle = (random: Random): Move => {
  const { factor, attrs, many, few } = pixels(random)
  return { shape: many, out: few, attrs: { ...attrs, upscale_factor: factor } }
}

const pixelUnshuffle = (random: Random): Move => {
  const { factor, attrs, many, few } = pixels(random)
  return { shape: few, out: many, attrs: { ...attrs, downscale_factor: factor } }
}

const temporalShift = (random: Random): Move => {
  const { attrs, of } = layout(random)
  const moments = random.int(1, 4)
  const shape = of(moments * random.int(1, 3), random.int(1, 9), [random.int(1, 5), random.int(1, 5)])
  return { shape, out: shape, attrs: { ...attrs, seg_num: moments, shift_ratio: random.pick([0.25, 0.1, 0.4]) } }
}

const ELEMENTS = ['float32', 'float32', 'int64', 'int32', 'float16'] as const

/** Shifts of up to four axes, one of them perhaps twice, or of all elements as one row; all four are left to the TypeScript kernel. */
function rolled(random: Random) {
  const shape = Array.from({ length: random.int(1, 4) }, () => random.int(1, 9))
  const axis = shape.map((_, d) => (random.next() < 0.5 ? d : d - shape.length)).filter(() => random.next() < 0.7)
  if (axis.length > 0 && random.next() < 0.2) axis.push(axis[0]!)
  const shifts = (axis.length === 0 ? [0] : axis).map(() => random.int(-20, 20))
  const totals = shape.map(() => 0)
  axis.forEach((given, i) => {
    totals[(given + shape.length) % shape.length]! += shifts[i]!
  })
  const moved = totals.filter((total, d) => total % shape[d]! !== 0)
  return { shape, attrs: { axis, shifts }, declined: moved.length > 3 }
}

const roll = (random: Random): LoweringCase => {
  const { shape, attrs, declined } = rolled(random)
  return { inputs: { X: anything(random, shape, random.pick(ELEMENTS)) }, outputs: { Out: 1 }, attrs, declined }
}

const rollGrad = (random: Random): LoweringCase => {
  const { shape, attrs, declined } = rolled(random)
  const dtype = random.pick(ELEMENTS)
  const [X, dOut] = [anything(random, shape, dtype), anything(random, shape, dtype)]
  return { inputs: { X, 'Out@GRAD': dOut }, outputs: { 'X@GRAD': 1 }, attrs, declined }
}

/** Matrices in two dimensions of a tensor, and the shape of their diagonals. */
function matrices(random: Random) {
  const shape = Array.from({ length: random.int(2, 4) }, () => random.int(1, 7))
  const [a, b] = random.shuffled(shape.map((_, d) => d)) as [number, number]
  const offset = random.int(1 - shape[a]!, shape[b]! - 1)
  const length = Math.min(shape[a]! + Math.min(offset, 0), shape[b]! - Math.max(offset, 0))
  return {
    shape,
    out: [...shape.filter((_, d) => d !== a && d !== b), length],
    attrs: { offset, axis1: random.next() < 0.5 ? a : a - shape.length, axis2: b },
  }
}

const diagonal = (random: Random): LoweringCase => {
  const { shape, attrs } = matrices(random)
  return { inputs: { Input: anything(random, shape, random.pick(ELEMENTS)) }, outputs: { Out: 1 }, attrs }
}

const diagonalGrad = (random: Random): LoweringCase => {
  const { shape, out, attrs } = matrices(random)
  const dtype = random.pick(ELEMENTS)
  return {
    inputs: { Input: anything(random, shape, dtype), 'Out@GRAD': anything(random, out, dtype) },
    outputs: { 'Input@GRAD': 1 },
    attrs,
  }
}

const diagEmbed = (random: Random): LoweringCase => {
  const shape = Array.from({ length: random.int(1, 3) }, () => random.int(1, 7))
  const [dim1, dim2] = random.shuffled([...shape, 0].map((_, d) => d)) as [number, number]
  return {
    inputs: { Input: anything(random, shape, random.pick(ELEMENTS)) },
    outputs: { Out: 1 },
    attrs: { offset: random.int(-3, 3), dim1, dim2: random.next() < 0.5 ? dim2 : dim2 - shape.length - 1 },
  }
}

/** A vector and the square matrix that it becomes, or a matrix and its diagonal. */
function diagonals(random: Random) {
  const dtype = random.pick(['float32', 'int64', 'int32', 'float64'] as const)
  const padding = { padding_value: random.pick([0, 2, -1]) }
  if (random.next() < 0.5) {
    const { shape, out, attrs } = matrices(random)
    if (shape.length === 2 && attrs.axis2 === 1)
      return { dtype, shape, out, attrs: { offset: attrs.offset, ...padding } }
  }
  const size = random.int(1, 9)
  const offset = random.int(-4, 4)
  const side = size + Math.abs(offset)
  const shape = size === 1 && random.next() < 0.5 ? [] : [size]
  return { dtype, shape, out: [side, side], attrs: { offset, ...padding } }
}

const diagV2 = (random: Random): LoweringCase => {
  const { dtype, shape, attrs } = diagonals(random)
  return { inputs: { X: anything(random, shape, dtype) }, outputs: { Out: 1 }, attrs }
}

const diagV2Grad = (random: Random): LoweringCase => {
  const { shape, out, attrs } = diagonals(random)
  return { inputs: { X: random.floats(shape), 'Out@GRAD': random.floats(out) }, outputs: { 'X@GRAD': 1 }, attrs }
}

/** Planes enlarged by whole factors, given as such or by the size; other sizes are left to the TypeScript kernel. */
function enlarged(random: Random, older: boolean) {
  const { of } = layout(random)
  const last = of(1, 2, [3, 4])[1] === 3
  const declined = random.next() < 0.15
  const sizes = [random.int(2, 6), random.int(2, random.pick([5, 19]))] as const
  const across = random.pick([1, 2, 2, 3])
  const factors = [older ? across : random.pick([1, 2, 2, 3]), across] as const
  const out = sizes.map((size, d) => size * factors[d]! + (declined ? 1 : 0)) as [number, number]
  const [batch, channels] = [random.int(1, 2), random.int(1, 3)]
  const byScale = !declined && random.next() < 0.6
  return {
    shape: of(batch, channels, sizes),
    out: of(batch, channels, out),
    attrs: {
      interp_method: 'nearest',
      align_corners: false,
      data_layout: last ? 'NHWC' : 'NCHW',
      ...(byScale ? { scale: older ? across : [...factors] } : { out_h: out[0], out_w: out[1] }),
    },
    declined,
  }
}

const nearest =
  (older: boolean): Make =>
  (random) => {
    const { shape, attrs, declined } = enlarged(random, older)
    const dtype = older ? 'float32' : random.pick(['float32', 'float32', 'int32', 'int64', 'uint8'] as const)
    return { inputs: { X: anything(random, shape, dtype) }, outputs: { Out: 1 }, attrs, declined }
  }

const nearestGrad =
  (older: boolean): Make =>
  (random) => {
    const { shape, out, attrs, declined } = enlarged(random, older)
    return {
      inputs: { X: random.floats(shape), 'Out@GRAD': random.floats(out) },
      outputs: { 'X@GRAD': 1 },
      attrs,
      declined,
      ulp: 4,
      scale: 3 * Math.sqrt(product(out) / product(shape)),
    }
  }

/** Of any element type; the diagonal may lie outside of the matrix. */
const triangle =
  (input: string, output: string): Make =>
  (random) => {
    const shape = random.pick([
      [1, 1],
      [3, 5],
      [7, 4],
      [2, 3, 9],
      [2, 2, 6, 6],
      [0, 3],
    ])
    const dtype = random.pick(['float32', 'float16', 'int32', 'int64', 'bool'] as const)
    return {
      inputs: { [input]: anything(random, shape, dtype) },
      outputs: { [output]: 1 },
      attrs: { diagonal: random.int(-8, 8), lower: random.next() < 0.5 },
      inplace: random.next() < 0.3,
    }
  }

export const rearrangements: Readonly<Record<string, Make>> = {
  ...both('channel_shuffle', channelShuffle),
  ...both('shuffle_channel', shuffleChannel),
  ...both('pixel_shuffle', pixelShuffle),
  ...both('pixel_unshuffle', pixelUnshuffle),
  ...both('temporal_shift', temporalShift),
  tril_triu: triangle('X', 'Out'),
  tril_triu_grad: triangle('Out@GRAD', 'X@GRAD'),
  roll,
  roll_grad: rollGrad,
  diagonal,
  diagonal_grad: diagonalGrad,
  diag_embed: diagEmbed,
  diag_v2: diagV2,
  diag_v2_grad: diagV2Grad,
  nearest_interp: nearest(true),
  nearest_interp_grad: nearestGrad(true),
  nearest_interp_v2: nearest(false),
  nearest_interp_v2_grad: nearestGrad(false),
}
