/** Random cases of running sums and products, and of losses that pick by labels: equal bits. */
import { product, type Shape } from '../../../src/tensor/shape.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'
import { type LoweringCase, type Random, SHAPES } from '../lowering_case.ts'

/** Of any element type that is compiled; int64 near the end of its range wraps around. */
const numbers = (random: Random, shape: Shape): Tensor => {
  const dtype = random.pick(['float32', 'float32', 'int32', 'int64'] as const)
  return dtype === 'float32'
    ? random.floats(shape, { special: random.next() < 0.3 })
    : random.ints(shape, -2_000_000_000, 2_000_000_000, dtype)
}

function walk(random: Random) {
  const shape = random.pick(SHAPES)
  const rank = Math.max(shape.length, 1)
  const flatten = shape.length === 0 || random.next() < 0.2
  const axis = flatten ? -1 : random.int(-rank, rank - 1)
  const attrs = { axis, flatten, exclusive: random.next() < 0.4, reverse: random.next() < 0.4 }
  return { shape, attrs, out: flatten ? [product(shape)] : shape }
}

const cumsum = (random: Random): LoweringCase => {
  const { shape, attrs } = walk(random)
  return { inputs: { X: numbers(random, shape) }, outputs: { Out: 1 }, attrs }
}

const cumsumGrad = (random: Random): LoweringCase => {
  const { shape, attrs, out } = walk(random)
  const special = random.next() < 0.3
  return {
    inputs: { X: random.floats(shape), 'Out@GRAD': random.floats(out, { special }) },
    outputs: { 'X@GRAD': 1 },
    attrs,
  }
}

const cumprod = (random: Random): LoweringCase => {
  const shape = random.pick(SHAPES)
  const rank = Math.max(shape.length, 1)
  return {
    inputs: { X: numbers(random, shape) },
    outputs: { Out: 1 },
    attrs: { dim: random.int(-rank, rank - 1) },
    inplace: random.next() < 0.3,
  }
}

function chosen(random: Random) {
  const [samples, classes] = [random.int(1, 9), random.int(1, 7)]
  const places = random.next() < 0.4 ? [random.int(1, 4), random.int(1, 4)] : []
  const reduction = random.pick(['mean', 'sum', 'none'])
  const out = reduction === 'none' ? [samples, ...places] : []
  // The first class is ignored now and then.
  const attrs = { reduction, ignore_index: random.pick([-100, 0]) }
  const inputs = {
    X: random.floats([samples, classes, ...places], { special: random.next() < 0.2 }),
    Label: random.ints([samples, ...places], 0, classes - 1),
    ...(random.next() < 0.5 ? { Weight: random.floats([classes], { low: 0, high: 2 }) } : {}),
  }
  return { inputs, attrs, out }
}

const nllLoss = (random: Random): LoweringCase => {
  const { inputs, attrs } = chosen(random)
  return { inputs, outputs: { Out: 1, Total_weight: 1 }, attrs }
}

const nllLossGrad = (random: Random): LoweringCase => {
  const { inputs, attrs, out } = chosen(random)
  return {
    inputs: { ...inputs, Total_weight: random.floats([], { low: 1, high: 9 }), 'Out@GRAD': random.floats(out) },
    outputs: { 'X@GRAD': 1 },
    attrs,
  }
}

export const running: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  cumsum,
  cumsum_grad: cumsumGrad,
  cumprod,
  nll_loss: nllLoss,
  nll_loss_grad: nllLossGrad,
}
