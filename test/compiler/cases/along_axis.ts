/** Random cases of operators that pick elements along an axis: equal bits. */
import type { Shape } from '../../../src/tensor/shape.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { type LoweringCase, meaningOf, type Random } from '../lowering_case.ts'
import { anything } from './movement.ts'

const MOVED = ['float32', 'float32', 'int64', 'int32', 'float16'] as const

/** A tensor, an axis, and indices that lie as it does but along the axis; now and then they are fewer elsewhere too. */
function picked(random: Random) {
  const shape = Array.from({ length: random.int(1, 3) }, () => random.int(1, 9))
  const axis = random.int(0, shape.length - 1)
  const fewer = random.next() < 0.2
  const places = shape.map((size, d) => (d === axis ? random.int(1, 7) : fewer ? random.int(1, size) : size))
  const index = random.ints(places, 0, shape[axis]! - 1, random.pick(['int32', 'int64'] as const))
  const declined = places.some((size, d) => d !== axis && size !== shape[d])
  return { shape, index, attrs: { Axis: random.next() < 0.3 ? axis - shape.length : axis }, declined }
}

const take = (random: Random): LoweringCase => {
  const { shape, index, attrs, declined } = picked(random)
  const Input = anything(random, shape, random.pick(MOVED))
  return { inputs: { Input, Index: index }, outputs: { Result: 1 }, attrs, declined }
}

const takeGrad = (random: Random): LoweringCase => {
  const { shape, index, attrs, declined } = picked(random)
  return {
    inputs: { Input: random.floats(shape), Index: index, 'Result@GRAD': random.floats(index.shape) },
    outputs: { 'Input@GRAD': 1 },
    attrs,
    declined,
  }
}

function sampled(random: Random) {
  const [rows, columns] = [random.int(1, 9), random.int(1, 9)]
  const dtype = random.pick(['int32', 'int64'] as const)
  return { shape: [rows, columns], Index: random.ints([rows, random.int(1, 12)], 0, columns - 1, dtype) }
}

const sample = (random: Random): LoweringCase => {
  const { shape, Index } = sampled(random)
  return { inputs: { X: anything(random, shape, random.pick(MOVED)), Index }, outputs: { Out: 1 } }
}

const sampleGrad = (random: Random): LoweringCase => {
  const { shape, Index } = sampled(random)
  return {
    inputs: { X: random.floats(shape), Index, 'Out@GRAD': random.floats(Index.shape) },
    outputs: { 'X@GRAD': 1 },
  }
}

/** The indices are those of the largest elements. */
const topGrad =
  (type: 'top_k' | 'top_k_v2') =>
  (random: Random): LoweringCase => {
    const shape = Array.from({ length: random.int(1, 3) }, () => random.int(1, 9))
    const axis = type === 'top_k' ? shape.length - 1 : random.int(0, shape.length - 1)
    const attrs = { k: random.int(1, shape[axis]!), ...(type === 'top_k' ? {} : { axis: axis - shape.length }) }
    const X = random.floats(shape)
    const [, Indices] = meaningOf(type, { inputs: { X }, outputs: { Out: 1, Indices: 1 }, attrs }) as [Tensor, Tensor]
    return {
      inputs: { X, Indices, 'Out@GRAD': random.floats(Indices.shape) },
      outputs: { 'X@GRAD': 1 },
      attrs: type === 'top_k' ? {} : attrs,
    }
  }

/** Whole numbers repeat, so that there are several maxima; some are NaN. */
function grouped(random: Random) {
  const [groups, blocks] = [random.int(2, 4), random.int(1, 3)]
  const last = random.next() < 0.4
  const [batch, height, width] = [random.int(1, 3), random.int(1, 4), random.int(1, 6)]
  const lay = (channels: number): Shape => (last ? [batch, height, width, channels] : [batch, channels, height, width])
  const shape = lay(groups * blocks)
  const plain = random.floats(shape)
  const numbers = (plain.data as Float32Array).map((x) => (random.next() < 0.1 ? Number.NaN : Math.round(x) + 0.5))
  return {
    X: new Tensor('float32', shape, numbers),
    out: lay(blocks),
    attrs: { groups, axis: last ? random.pick([3, -1]) : 1 },
  }
}

const maxout = (random: Random): LoweringCase => {
  const { X, attrs } = grouped(random)
  return { inputs: { X }, outputs: { Out: 1 }, attrs }
}

const maxoutGrad = (random: Random): LoweringCase => {
  const { X, out, attrs } = grouped(random)
  const [Out] = meaningOf('maxout', { inputs: { X }, outputs: { Out: 1 }, attrs }) as [Tensor]
  return { inputs: { X, Out, 'Out@GRAD': random.floats(out) }, outputs: { 'X@GRAD': 1 }, attrs }
}

export const alongAxis: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  take_along_axis: take,
  take_along_axis_grad: takeGrad,
  index_sample: sample,
  index_sample_grad: sampleGrad,
  top_k_grad: topGrad('top_k'),
  top_k_v2_grad: topGrad('top_k_v2'),
  maxout,
  maxout_grad: maxoutGrad,
}
