/** Random cases of copies: joins, cuts, transposes, repetitions and constants, of every element type. */
import { byteSize, type DType, makeView } from '../../../src/tensor/dtype.ts'
import { product, type Shape } from '../../../src/tensor/shape.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { type LoweringCase, type Random, SHAPES } from '../lowering_case.ts'

const DTYPES = [
  'float32',
  'float32',
  'float32',
  'float16',
  'bfloat16',
  'int32',
  'int64',
  'bool',
  'float64',
  'uint8',
] as const

/** Random bits: a copy must not care what they mean. Of bool they are 0 and 1. */
export function anything(random: Random, shape: Shape, dtype: DType): Tensor {
  const bytes = new Uint8Array(Math.max(product(shape) * byteSize(dtype), 1))
  for (let i = 0; i < bytes.length; i++) bytes[i] = dtype === 'bool' ? random.int(0, 1) : random.int(0, 255)
  return new Tensor(dtype, shape, makeView(dtype, bytes.buffer, 0, product(shape)))
}

/** A shape of `rank` dimensions, now and then with a 1 or a 0 among them. */
function shapeOf(random: Random, rank: number): Shape {
  return Array.from({ length: rank }, () => (random.next() < 0.03 ? 0 : random.pick([1, 2, 3, 4, 5, 8, 9, 17])))
}

const xShape = (random: Random, shape: Shape): Tensor => random.floats([0, ...shape])

function reshape(type: string) {
  return (random: Random): LoweringCase => {
    const dtype = ['flatten2', 'reshape'].includes(type)
      ? random.pick(['float32', 'int64', 'int32'] as const)
      : random.pick(DTYPES)
    const dims = shapeOf(random, 3).map((size) => Math.max(size, 1))
    const shape = type === 'squeeze2' ? [1, dims[0]!, dims[1]!, 1] : dims
    const attrs: Record<string, Record<string, unknown>> = {
      reshape: { shape: [product(shape), 1] },
      reshape2: { shape: [product(shape), 1] },
      flatten_contiguous_range: { start_axis: 0, stop_axis: -1 },
      flatten2: { axis: 1 },
      squeeze2: { axes: [0, -1] },
      unsqueeze2: { axes: [0, 2] },
    }
    return {
      inputs: { X: anything(random, shape, dtype) },
      outputs: type === 'reshape' ? { Out: 1 } : { Out: 1, XShape: 1 },
      attrs: attrs[type]!,
    }
  }
}

const reshapeGrad = (random: Random): LoweringCase => {
  const shape = shapeOf(random, 3)
  return {
    inputs: { 'Out@GRAD': anything(random, [product(shape)], random.pick(DTYPES)), XShape: xShape(random, shape) },
    outputs: { 'X@GRAD': 1 },
  }
}

/** The older form reads the shape of X itself. */
const reshapeV1Grad = (random: Random): LoweringCase => {
  const shape = shapeOf(random, 3)
  const dtype = random.pick(['float32', 'int64', 'int32'] as const)
  const flat = [product(shape)]
  return {
    inputs: {
      X: anything(random, shape, dtype),
      Out: anything(random, flat, dtype),
      'Out@GRAD': anything(random, flat, dtype),
    },
    outputs: { 'X@GRAD': 1 },
    attrs: { shape: flat },
  }
}

const copies = (random: Random): LoweringCase => ({
  inputs: { X: anything(random, random.pick(SHAPES), random.pick(DTYPES)) },
  outputs: { Out: 1 },
})

/** Shapes that differ along one axis. */
function family(random: Random): { shapes: Shape[]; axis: number; joined: Shape } {
  const base = shapeOf(random, random.int(1, 4))
  const axis = random.int(0, base.length - 1)
  const shapes = Array.from({ length: random.int(1, 4) }, () =>
    base.map((size, d) => (d === axis ? random.pick([0, 1, 2, 3, 5, 16]) : size)),
  )
  const total = shapes.reduce((sum, shape) => sum + shape[axis]!, 0)
  return { shapes, axis, joined: base.map((size, d) => (d === axis ? total : size)) }
}

const negative = (random: Random, axis: number, rank: number): number => (random.next() < 0.4 ? axis - rank : axis)

function concat(random: Random): LoweringCase {
  const { shapes, axis, joined } = family(random)
  const dtype = random.pick(DTYPES)
  return {
    inputs: { X: shapes.map((shape) => anything(random, shape, dtype)) },
    outputs: { Out: 1 },
    attrs: { axis: negative(random, axis, joined.length) },
  }
}

function concatGrad(random: Random): LoweringCase {
  const { shapes, axis, joined } = family(random)
  const dtype = random.pick(DTYPES)
  return {
    inputs: {
      X: shapes.map((shape) => anything(random, shape, dtype)),
      'Out@GRAD': anything(random, joined, dtype),
    },
    outputs: { 'X@GRAD': shapes.map((_, i) => (random.next() < 0.2 && i > 0 ? '@EMPTY@' : `d${i}`)) },
    attrs: { axis },
  }
}

function split(random: Random): LoweringCase {
  const { shapes, axis, joined } = family(random)
  const sections = shapes.map((shape) => shape[axis]!)
  return {
    inputs: { X: anything(random, joined, random.pick(DTYPES)) },
    outputs: { Out: sections.length },
    attrs: { axis, sections },
  }
}

function stack(random: Random): LoweringCase {
  const shape = shapeOf(random, random.int(0, 3))
  const dtype = random.pick(DTYPES)
  return {
    inputs: { X: Array.from({ length: random.int(1, 4) }, () => anything(random, shape, dtype)) },
    outputs: { Y: 1 },
    attrs: { axis: random.int(-shape.length - 1, shape.length) },
  }
}

/** Operators that take a tensor apart along an axis. */
const apart =
  (input: string, output: string, named: boolean) =>
  (random: Random): LoweringCase => {
    const shape = shapeOf(random, random.int(1, 4)).map((size) => Math.max(size, 1))
    const axis = random.int(0, shape.length - 1)
    return {
      inputs: {
        ...(output === 'X@GRAD' ? { X: [] } : {}),
        [input]: anything(
          random,
          shape,
          random.pick(named ? (['float32', 'int64', 'int32', 'float16'] as const) : DTYPES),
        ),
      },
      outputs: { [output]: shape[axis]! },
      attrs: { axis, ...(named ? { num: shape[axis]! } : {}) },
    }
  }

function unstackGrad(random: Random): LoweringCase {
  const { inputs, attrs } = stack(random)
  return { inputs: { 'Y@GRAD': inputs['X']! }, outputs: { 'X@GRAD': 1 }, attrs: attrs! }
}

function transpose(random: Random): LoweringCase {
  const shape = shapeOf(random, random.int(0, 4))
  return {
    inputs: { X: anything(random, shape, random.pick(DTYPES)) },
    outputs: { Out: 1, XShape: 1 },
    attrs: { axis: random.shuffled(shape.map((_, d) => d)) },
  }
}

function transposeGrad(random: Random): LoweringCase {
  const shape = shapeOf(random, random.int(0, 4))
  const axis = random.shuffled(shape.map((_, d) => d))
  const out = axis.map((d) => shape[d]!)
  return {
    inputs: { 'Out@GRAD': anything(random, out, random.pick(DTYPES)), XShape: xShape(random, shape) },
    outputs: { 'X@GRAD': 1 },
    attrs: { axis },
  }
}

/** Bounds of a slice and its shape. */
function bounds(random: Random, strided: boolean) {
  const shape = shapeOf(random, random.int(1, 4)).map((size) => Math.max(size, 1))
  const axes = shape.map((_, d) => d).filter(() => random.next() < 0.6)
  const starts: number[] = []
  const ends: number[] = []
  const strides: number[] = []
  const out = [...shape]
  for (const axis of axes) {
    const size = shape[axis]!
    const step = strided ? random.pick([1, 2, 3, -1, -2]) : 1
    const from = random.int(0, size - 1)
    const to = step > 0 ? random.int(from, size) : random.int(0, from)
    starts.push(random.next() < 0.4 ? from - size : from)
    ends.push(step > 0 && random.next() < 0.3 && to === size ? 1000 : to)
    strides.push(step)
    out[axis] = Math.ceil(Math.abs(to - from) / Math.abs(step))
  }
  const decrease = axes.filter((axis) => out[axis] === 1 && random.next() < 0.4)
  const left = out.filter((_, d) => !decrease.includes(d))
  const attrs = { axes, starts, ends, decrease_axis: decrease, ...(strided ? { strides } : {}) }
  return { shape, attrs, out: left.length === 0 && strided ? [1] : left }
}

const slice =
  (strided: boolean) =>
  (random: Random): LoweringCase => {
    const { shape, attrs } = bounds(random, strided)
    return { inputs: { Input: anything(random, shape, random.pick(DTYPES)) }, outputs: { Out: 1 }, attrs }
  }

const sliceGrad =
  (strided: boolean) =>
  (random: Random): LoweringCase => {
    const { shape, attrs, out } = bounds(random, strided)
    const dtype = random.pick(DTYPES)
    return {
      inputs: { Input: anything(random, shape, dtype), 'Out@GRAD': anything(random, out, dtype) },
      outputs: { 'Input@GRAD': 1 },
      attrs,
    }
  }

function padded(random: Random) {
  const shape = shapeOf(random, random.int(1, 4))
  const paddings = shape.flatMap(() => [random.int(0, 3), random.int(0, 3)])
  return { shape, paddings, out: shape.map((size, d) => size + paddings[2 * d]! + paddings[2 * d + 1]!) }
}

const pad = (random: Random): LoweringCase => {
  const { shape, paddings } = padded(random)
  return {
    inputs: { X: random.floats(shape, { special: true }) },
    outputs: { Out: 1 },
    attrs: { paddings, pad_value: random.pick([0, -0, 1.5]) },
  }
}

const padGrad = (random: Random): LoweringCase => {
  const { paddings, out } = padded(random)
  return {
    inputs: { 'Out@GRAD': random.floats(out, { special: true }) },
    outputs: { 'X@GRAD': 1 },
    attrs: { paddings },
  }
}

/** Volumes with elements put around them or cut off; a tenth in a way that is left to the TypeScript kernel. */
function volumes(random: Random) {
  const last = random.next() < 0.3
  const sizes = [random.int(1, 5), random.int(1, 5), random.int(1, 9)]
  const [batch, channels] = [random.int(1, 2), random.int(1, 3)]
  const declined = random.next() < 0.1
  const counts = sizes.map((size): [number, number] => {
    const before = random.int(declined ? 0 : -Math.min(1, size - 1), 2)
    return [before, random.int(declined || before < 0 ? 0 : -Math.min(1, size - 1), 3)]
  })
  const laidOut = (dims: readonly number[]): Shape => (last ? [batch, ...dims, channels] : [batch, channels, ...dims])
  return {
    shape: laidOut(sizes),
    out: laidOut(sizes.map((size, d) => size + counts[d]![0] + counts[d]![1])),
    attrs: {
      paddings: [...counts].reverse().flat(),
      mode: declined ? 'replicate' : 'constant',
      value: random.pick([0, -0, 1.5]),
      data_format: last ? 'NDHWC' : 'NCDHW',
    },
    declined,
  }
}

const pad3d = (random: Random): LoweringCase => {
  const { shape, attrs, declined } = volumes(random)
  return { inputs: { X: random.floats(shape, { special: true }) }, outputs: { Out: 1 }, attrs, declined }
}

const pad3dGrad = (random: Random): LoweringCase => {
  const { shape, out, attrs, declined } = volumes(random)
  return {
    inputs: { X: random.floats(shape), 'Out@GRAD': random.floats(out, { special: true }) },
    outputs: { 'X@GRAD': 1 },
    attrs,
    declined,
  }
}

function boxes(random: Random) {
  const shape = shapeOf(random, random.int(1, 4)).map((size) => Math.max(size, 1))
  const offsets = shape.map((size) => random.int(0, size - 1))
  const box = shape.map((size, d) => random.int(1, size - offsets[d]!))
  return { shape, box, attrs: { offsets, shape: box }, dtype: random.pick(['float32', 'int64', 'float16'] as const) }
}

const crop = (random: Random): LoweringCase => {
  const { shape, attrs, dtype } = boxes(random)
  return { inputs: { X: anything(random, shape, dtype) }, outputs: { Out: 1 }, attrs }
}

const cropGrad = (random: Random): LoweringCase => {
  const { shape, box, attrs, dtype } = boxes(random)
  return {
    inputs: { X: anything(random, shape, dtype), 'Out@GRAD': anything(random, box, dtype) },
    outputs: { 'X@GRAD': 1 },
    attrs,
  }
}

const flip = (random: Random): LoweringCase => {
  const shape = shapeOf(random, random.int(1, 4))
  const axes = random.shuffled(shape.map((_, d) => d)).slice(0, random.int(1, shape.length))
  const dtype = random.pick(['float32', 'int32', 'int64', 'bool'] as const)
  return { inputs: { X: anything(random, shape, dtype) }, outputs: { Out: 1 }, attrs: { axis: axes } }
}

/** X and a shape that it can be repeated to. */
function repetition(random: Random): { small: Shape; large: Shape } {
  const large = shapeOf(random, random.int(1, 4)).map((size) => Math.max(size, 1))
  const small = large.map((size) => (random.next() < 0.4 ? 1 : size)).slice(random.int(0, large.length))
  return { small, large }
}

function expand(random: Random): LoweringCase {
  const { small, large } = repetition(random)
  return {
    inputs: { X: anything(random, small, random.pick(['float32', 'float32', 'int64', 'bool', 'float16'] as const)) },
    outputs: { Out: 1 },
    attrs: { shape: large },
  }
}

const expandAs = (random: Random): LoweringCase => {
  const { inputs, attrs } = expand(random)
  return { inputs, outputs: { Out: 1 }, attrs: { target_shape: attrs!['shape'] } }
}

const expandGrad = (random: Random): LoweringCase => {
  const { small, large } = repetition(random)
  return {
    inputs: { X: random.floats(small), 'Out@GRAD': random.floats(large) },
    outputs: { 'X@GRAD': 1 },
    ...sums(product(large)),
  }
}

/** Float32 sums of numbers up to 3 against float64 ones. */
const sums = (count: number) => ({ ulp: 8, scale: 3 * Math.sqrt(count) })

function tiling(random: Random) {
  const shape = shapeOf(random, random.int(1, 3)).map((size) => Math.max(size, 1))
  const times = shape.map(() => random.int(1, 3))
  return { shape, times, out: shape.map((size, d) => size * times[d]!) }
}

const tile = (random: Random): LoweringCase => {
  const { shape, times } = tiling(random)
  return {
    inputs: { X: anything(random, shape, random.pick(['float32', 'float32', 'int64', 'bool', 'float16'] as const)) },
    outputs: { Out: 1 },
    attrs: { repeat_times: times },
  }
}

const tileGrad = (random: Random): LoweringCase => {
  const { shape, times, out } = tiling(random)
  return {
    inputs: { X: random.floats(shape), 'Out@GRAD': random.floats(out) },
    outputs: { 'X@GRAD': 1 },
    attrs: { repeat_times: times },
    ...sums(product(out)),
  }
}

const WITH_LANES_OR_NOT = ['float32', 'float32', 'int64', 'bool', 'float16'] as const

const expandV1 = (random: Random): LoweringCase => {
  const { inputs, attrs } = tile(random)
  return { inputs, outputs: { Out: 1 }, attrs: { expand_times: attrs!['repeat_times'] } }
}

const expandV1Grad = (random: Random): LoweringCase => {
  const { attrs, ...given } = tileGrad(random)
  return { ...given, attrs: { expand_times: attrs!['repeat_times'] } }
}

/** Tensors that are repeated to one shape, which the first of them has. */
function broadcastAll(random: Random): { shapes: Shape[]; large: Shape } {
  const { large } = repetition(random)
  const small = Array.from({ length: random.int(0, 3) }, () =>
    large.map((size) => (random.next() < 0.4 ? 1 : size)).slice(random.int(0, large.length)),
  )
  return { shapes: [large, ...small], large }
}

const broadcastTensors = (random: Random): LoweringCase => {
  const { shapes } = broadcastAll(random)
  const dtype = random.pick(WITH_LANES_OR_NOT)
  return { inputs: { X: shapes.map((shape) => anything(random, shape, dtype)) }, outputs: { Out: shapes.length } }
}

/** Gradients that nobody wants among those that somebody does. */
const someOf = (random: Random, count: number): string[] =>
  Array.from({ length: count }, (_, i) => (random.next() < 0.2 && i > 0 ? '@EMPTY@' : `d${i}`))

const broadcastTensorsGrad = (random: Random): LoweringCase => {
  const { shapes, large } = broadcastAll(random)
  return {
    inputs: {
      X: shapes.map((shape) => random.floats(shape)),
      'Out@GRAD': shapes.map(() => random.floats(large)),
    },
    outputs: { 'X@GRAD': someOf(random, shapes.length) },
    ...sums(product(large)),
  }
}

/** Sizes of vectors that span a grid; one element may be no dimension. */
const gridOf = (random: Random): Shape[] =>
  Array.from({ length: random.int(2, 4) }, () => (random.next() < 0.2 ? [] : [random.int(1, 9)]))

const meshgrid = (random: Random): LoweringCase => {
  const vectors = gridOf(random)
  const dtype = random.pick(['float32', 'float32', 'int64', 'int32', 'float16'] as const)
  return { inputs: { X: vectors.map((shape) => anything(random, shape, dtype)) }, outputs: { Out: vectors.length } }
}

const meshgridGrad = (random: Random): LoweringCase => {
  const vectors = gridOf(random)
  const grid = vectors.map((shape) => shape[0] ?? 1)
  return {
    inputs: {
      X: vectors.map((shape) => random.floats(shape)),
      'outputs@GRAD': vectors.map(() => random.floats(grid)),
    },
    outputs: { 'X@GRAD': someOf(random, vectors.length) },
    ...sums(product(grid)),
  }
}

const fillConstant = (random: Random): LoweringCase => {
  const dtype = random.pick(DTYPES)
  const text = random.pick(['', '0.0', '1', '3.7', '200'])
  return {
    inputs: {},
    outputs: { Out: 1 },
    attrs: { shape: shapeOf(random, random.int(0, 3)), dtype, value: random.pick([0, 1, 0.1, 7]), str_value: text },
  }
}

const fillBatch = (random: Random): LoweringCase => ({
  inputs: { Input: random.floats([5, 2]) },
  outputs: { Out: 1 },
  attrs: { shape: [-1, 3], dtype: random.pick(['float32', 'int64', 'int32'] as const), value: 3 },
})

const fillLike = (random: Random): LoweringCase => ({
  inputs: { X: anything(random, random.pick(SHAPES), random.pick(DTYPES)) },
  outputs: { Out: 1 },
})

const RESHAPES = ['reshape', 'reshape2', 'flatten_contiguous_range', 'flatten2', 'squeeze2', 'unsqueeze2']

export const movement: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  ...Object.fromEntries(RESHAPES.map((type) => [type, reshape(type)])),
  ...Object.fromEntries(RESHAPES.map((type) => [`${type}_grad`, reshapeGrad])),
  reshape_grad: reshapeV1Grad,
  assign: copies,
  memcpy: (random) => ({ ...copies(random), attrs: { dst_place_type: 0 } }),
  share_data: copies,
  concat,
  concat_grad: concatGrad,
  split,
  stack,
  stack_grad: apart('Y@GRAD', 'X@GRAD', false),
  unstack: apart('X', 'Y', true),
  unstack_grad: unstackGrad,
  unbind: apart('X', 'Out', false),
  transpose2: transpose,
  transpose2_grad: transposeGrad,
  slice: slice(false),
  slice_grad: sliceGrad(false),
  strided_slice: slice(true),
  strided_slice_grad: sliceGrad(true),
  pad,
  pad_grad: padGrad,
  pad3d,
  pad3d_grad: pad3dGrad,
  crop_tensor: crop,
  crop_tensor_grad: cropGrad,
  flip,
  reverse: flip,
  expand_v2: expand,
  expand_v2_grad: expandGrad,
  expand_as_v2: expandAs,
  expand_as_v2_grad: expandGrad,
  tile,
  tile_grad: tileGrad,
  expand: expandV1,
  expand_grad: expandV1Grad,
  broadcast_tensors: broadcastTensors,
  broadcast_tensors_grad: broadcastTensorsGrad,
  meshgrid,
  meshgrid_grad: meshgridGrad,
  fill_constant: fillConstant,
  fill_constant_batch_size_like: fillBatch,
  fill_zeros_like: fillLike,
  fill_zeros_like2: fillLike,
  fill_any_like: (random) => ({ ...fillLike(random), attrs: { value: random.pick([0, 1]) } }),
}
