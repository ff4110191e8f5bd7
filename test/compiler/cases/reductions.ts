/** Random cases of reductions, norms and losses. */
import { product, type Shape } from '../../../src/tensor/shape.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { type LoweringCase, type Random, SHAPES, toHalf } from '../lowering_case.ts'
import { numbers } from './logic.ts'

/** Dimensions to reduce, and the shape that is left. */
function reduced(random: Random, name = 'dim', keep = 'keep_dim') {
  const shape = random.pick(SHAPES)
  const dims = shape.map((_, d) => d).filter(() => random.next() < 0.5)
  const reduceAll = random.next() < 0.2
  const keepDim = random.next() < 0.5
  const all = reduceAll || dims.length === 0
  const gone = (d: number): boolean => all || dims.includes(d)
  const out = keepDim ? shape.map((size, d) => (gone(d) ? 1 : size)) : shape.filter((_, d) => !gone(d))
  const count = shape.reduce((total, size, d) => (gone(d) ? total * size : total), 1)
  return { shape, out, count, attrs: { [name]: dims, [keep]: keepDim, reduce_all: reduceAll } }
}

/** Numbers that may be NaN or infinite, but no zeros of either sign, among which extremes do not choose. */
function extremes(random: Random, shape: Shape): Tensor {
  const data = Float32Array.from({ length: product(shape) }, () =>
    random.next() < 0.05 ? random.pick([Infinity, -Infinity, Number.NaN]) : random.int(1, 9) - 10.5,
  )
  return new Tensor('float32', shape, data)
}

const sumError = (count: number) => ({ ulp: 8, scale: 3 * Math.sqrt(Math.max(count, 1)) })

const fold =
  (type: string) =>
  (random: Random): LoweringCase => {
    const { shape, count, attrs, out } = reduced(random)
    // No extreme is chosen from nothing.
    if (/max|min/.test(type) && product(shape) === 0 && product(out) > 0) return fold(type)(random)
    const isExtreme = /max|min/.test(type)
    const isProduct = type === 'reduce_prod'
    const x = isExtreme ? extremes(random, shape) : random.floats(shape, isProduct ? { low: 0.9, high: 1.1 } : {})
    const dtype = isExtreme ? random.pick(['float32', 'float16'] as const) : 'float32'
    return {
      inputs: { X: toHalf(x, dtype) },
      outputs: { Out: 1 },
      attrs,
      ...(isExtreme ? {} : isProduct ? { ulp: 4 + count } : sumError(count)),
    }
  }

const foldGrad =
  (type: string) =>
  (random: Random): LoweringCase => {
    const { shape, out, attrs } = reduced(random)
    if (product(shape) === 0) return foldGrad(type)(random)
    const isExtreme = /max|min/.test(type)
    const given = isExtreme ? extremes(random, shape) : random.floats(shape, { low: 0.5, high: 2 })
    return {
      inputs: {
        X: given,
        ...(isExtreme || type === 'reduce_prod_grad'
          ? { Out: isExtreme ? extremes(random, out) : random.floats(out) }
          : {}),
        'Out@GRAD': random.floats(out),
      },
      outputs: { 'X@GRAD': 1 },
      attrs,
      ulp: type === 'reduce_prod_grad' ? 2 : type === 'reduce_mean_grad' ? 1 : 0,
    }
  }

const logical = (random: Random): LoweringCase => {
  const { shape, attrs } = reduced(random)
  return {
    inputs: { X: numbers(random, shape, random.pick(['bool', 'float32', 'int32'] as const)) },
    outputs: { Out: 1 },
    attrs,
  }
}

const wholeTensor =
  (ulp: number) =>
  (random: Random): LoweringCase => {
    const shape = random.pick(SHAPES)
    return { inputs: { X: random.floats(shape) }, outputs: { Out: 1 }, ulp, scale: 3 * product(shape) }
  }

const wholeGrad = (random: Random): LoweringCase => {
  const X = random.floats(random.pick(SHAPES), { special: true })
  return { inputs: { X, 'Out@GRAD': random.floats([]) }, outputs: { 'X@GRAD': 1 } }
}

const clipByNorm = (random: Random): LoweringCase => ({
  inputs: { X: random.floats(random.pick(SHAPES)) },
  outputs: { Out: 1 },
  attrs: { max_norm: random.pick([0.5, 10, 1000]) },
  ulp: 8,
})

const logsumexp = (random: Random): LoweringCase => {
  const { shape, attrs, count } = reduced(random, 'axis', 'keepdim')
  return { inputs: { X: random.floats(shape) }, outputs: { Out: 1 }, attrs, ulp: 8, scale: 1 + Math.log(count + 1) }
}

const logsumexpGrad = (random: Random): LoweringCase => {
  const { shape, out, attrs } = reduced(random, 'axis', 'keepdim')
  return {
    inputs: { X: random.floats(shape), Out: random.floats(out), 'Out@GRAD': random.floats(out) },
    outputs: { 'X@GRAD': 1 },
    attrs,
    ulp: 8,
  }
}

function dot(random: Random): LoweringCase {
  const shape = random.pick([[7], [1], [16], [3, 5], [2, 33]])
  return {
    inputs: { X: random.floats(shape), Y: random.floats(shape) },
    outputs: { Out: 1 },
    ...sumError(9 * product(shape)),
  }
}

const dotGrad = (random: Random): LoweringCase => {
  const { inputs } = dot(random)
  const { shape } = inputs['X'] as Tensor
  return {
    inputs: { ...inputs, 'Out@GRAD': random.floats(shape.slice(0, -1)) },
    outputs: { 'X@GRAD': random.next() < 0.3 ? ['@EMPTY@'] : 1, 'Y@GRAD': 1 },
  }
}

interface Loss {
  readonly inputs: readonly string[]
  readonly optional?: string
  readonly outputs: readonly string[]
  readonly attrs: Readonly<Record<string, unknown>>
  readonly ulp: number
  readonly scale?: number
  /** Column vectors alone. */
  readonly columns?: boolean
  readonly low?: number
  readonly high?: number
}

const probabilities = { low: 0.01, high: 0.99 }

const LOSSES: Readonly<Record<string, Loss>> = {
  sigmoid_cross_entropy_with_logits: {
    inputs: ['X', 'Label'],
    optional: 'pos_weight',
    outputs: ['Out'],
    attrs: { ignore_index: 1 },
    ulp: 8,
    scale: 9,
  },
  sigmoid_cross_entropy_with_logits_grad: {
    inputs: ['X', 'Label', 'Out@GRAD'],
    optional: 'pos_weight',
    outputs: ['X@GRAD'],
    attrs: { ignore_index: 1 },
    ulp: 8,
    scale: 9,
  },
  huber_loss: { inputs: ['X', 'Y'], outputs: ['Out', 'Residual'], attrs: { delta: 1.3 }, ulp: 2, scale: 1 },
  huber_loss_grad: { inputs: ['Residual', 'Out@GRAD'], outputs: ['X@GRAD', 'Y@GRAD'], attrs: { delta: 1.3 }, ulp: 0 },
  log_loss: {
    inputs: ['Predicted', 'Labels'],
    outputs: ['Loss'],
    attrs: { epsilon: 1e-4 },
    ulp: 8,
    scale: 5,
    columns: true,
    ...probabilities,
  },
  log_loss_grad: {
    inputs: ['Predicted', 'Labels', 'Loss@GRAD'],
    outputs: ['Predicted@GRAD'],
    attrs: { epsilon: 1e-4 },
    ulp: 8,
    scale: 100,
    ...probabilities,
  },
  bce_loss_grad: { inputs: ['X', 'Label', 'Out@GRAD'], outputs: ['X@GRAD'], attrs: {}, ulp: 8, ...probabilities },
  clip_grad: { inputs: ['X', 'Out@GRAD'], outputs: ['X@GRAD'], attrs: { min: -1, max: 1 }, ulp: 0 },
  label_smooth_grad: { inputs: ['Out@GRAD'], outputs: ['X@GRAD'], attrs: { epsilon: 0.1 }, ulp: 0 },
}

function loss(
  { inputs, optional, outputs, attrs, ulp, scale = 0, columns = false, low = -3, high = 3 }: Loss,
  random: Random,
): LoweringCase {
  const shape = columns ? [random.int(1, 40), 1] : random.pick(SHAPES)
  const slots = optional !== undefined && random.next() < 0.5 ? [...inputs, optional] : inputs
  return {
    inputs: Object.fromEntries(slots.map((slot) => [slot, random.floats(shape, { low, high })])),
    outputs: Object.fromEntries(outputs.map((slot) => [slot, 1])),
    attrs,
    ulp,
    scale,
  }
}

function labelSmooth(random: Random): LoweringCase {
  const shape = random.pick(SHAPES.filter((dims) => dims.length > 0))
  const prior = random.next() < 0.5 ? { PriorDist: random.floats([1, shape.at(-1)!]) } : {}
  return {
    inputs: { X: random.floats(shape), ...prior },
    outputs: { Out: 1 },
    attrs: { epsilon: 0.1 },
    ulp: 2,
    scale: 1,
  }
}

const FACTORS = [0, 1, 2, 3, -1, -2]

const pow = (random: Random): LoweringCase => ({
  inputs: { X: random.floats(random.pick(SHAPES)) },
  outputs: { Out: 1 },
  attrs: { factor: random.pick(FACTORS) },
  ulp: 3,
})

const powGrad = (random: Random): LoweringCase => {
  const shape = random.pick(SHAPES)
  return {
    inputs: { X: random.floats(shape), 'Out@GRAD': random.floats(shape) },
    outputs: { 'X@GRAD': 1 },
    attrs: { factor: random.pick(FACTORS.map((factor) => factor + 1)) },
    ulp: 3,
  }
}

const FOLDS = ['reduce_sum', 'reduce_mean', 'reduce_max', 'reduce_min', 'reduce_amax', 'reduce_amin', 'reduce_prod']

export const reductions: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  ...Object.fromEntries(FOLDS.map((type) => [type, fold(type)])),
  ...Object.fromEntries(FOLDS.map((type) => [`${type}_grad`, foldGrad(`${type}_grad`)])),
  reduce_any: logical,
  reduce_all: logical,
  mean: wholeTensor(2),
  mean_grad: (random) => ({ ...wholeGrad(random), ulp: 1 }),
  squared_l2_norm: wholeTensor(8),
  squared_l2_norm_grad: wholeGrad,
  l1_norm: wholeTensor(8),
  l1_norm_grad: wholeGrad,
  clip_by_norm: clipByNorm,
  logsumexp,
  logsumexp_grad: logsumexpGrad,
  dot,
  dot_grad: dotGrad,
  ...Object.fromEntries(Object.entries(LOSSES).map(([type, entry]) => [type, (random: Random) => loss(entry, random)])),
  label_smooth: labelSmooth,
  pow,
  pow_grad: powGrad,
}
