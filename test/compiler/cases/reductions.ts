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
  inputs: { X: ofOneSize(random, random.pick(SHAPES)) },
  outputs: { Out: 1 },
  attrs: { max_norm: random.pick([0.5, 10, 1000, 1e25, 1e-25]) },
  ulp: 4,
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

const ORDERS = [0, 1, 2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3, 2.5, 0.5, -1]

/** Numbers of one size, which may have squares beyond float32, above or below. */
function ofOneSize(random: Random, shape: Shape): Tensor {
  const size = random.pick([1, 1, 1e19, 1e30, 1e-19, 1e-30])
  const plain = random.floats(shape)
  return new Tensor(
    'float32',
    shape,
    (plain.data as Float32Array).map((value) => value * size),
  )
}

/** Vectors along an axis, or all elements as one. */
function vectors(random: Random) {
  const shape = random.pick(SHAPES.filter((dims) => dims.length > 0 && product(dims) > 0))
  const axis = random.int(0, shape.length - 1)
  const porder = random.pick(ORDERS)
  const all = random.next() < 0.3
  const keepdim = random.next() < 0.5
  const gone = (d: number): boolean => all || d === axis
  return {
    shape,
    out: keepdim ? shape.map((size, d) => (gone(d) ? 1 : size)) : shape.filter((_, d) => !gone(d)),
    attrs: { porder, axis: random.next() < 0.5 ? axis : axis - shape.length, asvector: all, keepdim },
  }
}

const pNorm = (random: Random): LoweringCase => {
  const { shape, attrs } = vectors(random)
  const isExact = [0, Infinity, -Infinity].includes(attrs.porder)
  return {
    inputs: { X: isExact ? random.floats(shape, { special: true }) : ofOneSize(random, shape) },
    outputs: { Out: 1 },
    attrs,
    ulp: isExact ? 0 : 1,
  }
}

/** The halves are norms of the elements of X often enough for infinite orders. */
const pNormGrad = (random: Random): LoweringCase => {
  const { shape, out, attrs } = vectors(random)
  const norms = Float32Array.from({ length: product(out) }, () => random.int(1, 9) + 0.5)
  return {
    inputs: { X: extremes(random, shape), Out: new Tensor('float32', out, norms), 'Out@GRAD': random.floats(out) },
    outputs: { 'X@GRAD': 1 },
    attrs,
    ulp: [0, Infinity, -Infinity].includes(attrs.porder) ? 0 : 1,
  }
}

const frobeniusNorm = (random: Random): LoweringCase => {
  const { shape, attrs } = reduced(random)
  return { inputs: { X: ofOneSize(random, shape) }, outputs: { Out: 1 }, attrs, ulp: 1 }
}

const frobeniusNormGrad = (random: Random): LoweringCase => {
  const { shape, out, attrs } = reduced(random)
  return {
    inputs: {
      X: ofOneSize(random, shape),
      Out: ofOneSize(random, out),
      'Out@GRAD': random.floats(out),
    },
    outputs: { 'X@GRAD': 1 },
    attrs,
    ulp: 1,
  }
}

const normalize = (random: Random): LoweringCase => {
  const { shape, attrs } = vectors(random)
  return {
    inputs: { X: ofOneSize(random, shape) },
    outputs: { Out: 1, Norm: 1 },
    attrs: { axis: attrs.axis, epsilon: Math.fround(1e-10) },
    ulp: 2,
  }
}

const normalizeGrad = (random: Random): LoweringCase => {
  const { shape, attrs } = vectors(random)
  const axis = (attrs.axis + shape.length) % shape.length
  return {
    inputs: {
      X: random.floats(shape),
      Norm: random.floats(shape.with(axis, 1), { low: 1, high: 4 }),
      'Out@GRAD': random.floats(shape),
    },
    outputs: { 'X@GRAD': 1 },
    attrs: { axis: attrs.axis },
    // X times the sum of as many products as there are along the axis.
    ulp: 8,
    scale: 27 * Math.sqrt(shape[axis]!),
  }
}

const logSoftmax = (random: Random): LoweringCase => {
  const shape = random.pick(SHAPES)
  const rank = Math.max(shape.length, 1)
  return {
    inputs: { X: random.floats(shape, { low: -40, high: 40 }) },
    outputs: { Out: 1 },
    attrs: { axis: random.int(-rank, rank - 1) },
    inplace: random.next() < 0.3,
    ulp: 8,
    scale: 80,
  }
}

const logSoftmaxGrad = (random: Random): LoweringCase => {
  const shape = random.pick(SHAPES)
  const rank = Math.max(shape.length, 1)
  return {
    inputs: { Out: random.floats(shape, { low: -20, high: 0 }), 'Out@GRAD': random.floats(shape) },
    outputs: { 'X@GRAD': 1 },
    attrs: { axis: random.int(-rank, rank - 1) },
    inplace: random.next() < 0.3,
    ulp: 8,
    scale: 3 * Math.sqrt(Math.max(product(shape), 1)),
  }
}

function matrixTimesVector(random: Random) {
  const [rows, columns] = [random.int(1, 20), random.int(1, 40)]
  return { X: random.floats([rows, columns]), Vec: random.floats([columns]) }
}

const mv = (random: Random): LoweringCase => {
  const inputs = matrixTimesVector(random)
  return { inputs, outputs: { Out: 1 }, ...sumError(9 * inputs.Vec.size) }
}

const mvGrad = (random: Random): LoweringCase => {
  const inputs = matrixTimesVector(random)
  const rows = inputs.X.shape[0]!
  return {
    inputs: { ...inputs, 'Out@GRAD': random.floats([rows]) },
    outputs: { 'X@GRAD': random.next() < 0.3 ? ['@EMPTY@'] : 1, 'Vec@GRAD': 1 },
    ...sumError(9 * rows),
  }
}

/** Images with their channels in the second or the last dimension. */
function images(random: Random) {
  const channels = random.int(1, 9)
  const inner = Array.from({ length: random.int(0, 2) }, () => random.int(1, 9))
  const last = random.next() < 0.4
  const batch = random.int(1, 4)
  return { channels, last, shape: last ? [batch, ...inner, channels] : [batch, channels, ...inner] }
}

const affineChannel = (random: Random): LoweringCase => {
  const { channels, last, shape } = images(random)
  return {
    inputs: { X: random.floats(shape), Scale: random.floats([channels]), Bias: random.floats([channels]) },
    outputs: { Out: 1 },
    attrs: { data_layout: last ? 'NHWC' : 'NCHW' },
    inplace: random.next() < 0.3,
    ulp: 1,
    scale: 9,
  }
}

const affineChannelGrad = (random: Random): LoweringCase => {
  const { channels, last, shape } = images(random)
  return {
    inputs: { X: random.floats(shape), Scale: random.floats([channels]), 'Out@GRAD': random.floats(shape) },
    outputs: Object.fromEntries(
      ['X@GRAD', 'Scale@GRAD', 'Bias@GRAD'].filter((_, i) => i === 0 || random.next() < 0.8).map((slot) => [slot, 1]),
    ),
    attrs: { data_layout: last ? 'NHWC' : 'NCHW' },
    ...sumError(9 * product(shape)),
  }
}

/** X with slopes for all, for each channel, and for each element of a sample. */
function rectified(random: Random, inputs: readonly string[], special: boolean): LoweringCase {
  const { channels, last, shape } = images(random)
  const mode = random.pick(['all', 'channel', 'element'])
  const alpha = mode === 'all' ? [1] : mode === 'channel' ? [channels] : [1, ...shape.slice(1)]
  return {
    inputs: {
      ...Object.fromEntries(inputs.map((slot) => [slot, random.floats(shape, { special })])),
      Alpha: random.floats(alpha),
    },
    outputs: {},
    attrs: { mode, data_format: last ? 'NHWC' : 'NCHW' },
  }
}

const prelu = (random: Random): LoweringCase => ({
  ...rectified(random, ['X'], true),
  outputs: { Out: 1 },
  inplace: random.next() < 0.3,
})

const preluGrad = (random: Random): LoweringCase => {
  const given = rectified(random, ['X', 'Out@GRAD'], false)
  return {
    ...given,
    outputs: { 'X@GRAD': random.next() < 0.2 ? ['@EMPTY@'] : 1, 'Alpha@GRAD': 1 },
    ...sumError(9 * (given.inputs['X'] as Tensor).size),
  }
}

const REDUCTIONS = ['mean', 'batchmean', 'sum', 'none']

function divergence(random: Random) {
  const shape = random.pick(SHAPES.filter((dims) => product(dims) > 0))
  const reduction = random.pick(REDUCTIONS)
  const inputs = { X: random.floats(shape), Target: random.floats(shape, { low: -0.2, high: 1 }) }
  return { shape, inputs, attrs: { reduction }, ...sumError(9 * product(shape)) }
}

const kldivLoss = (random: Random): LoweringCase => ({ ...divergence(random), outputs: { Loss: 1 } })

const kldivLossGrad = (random: Random): LoweringCase => {
  const { shape, inputs, attrs } = divergence(random)
  return {
    inputs: { ...inputs, 'Loss@GRAD': random.floats(attrs.reduction === 'none' ? shape : []) },
    outputs: { 'X@GRAD': 1 },
    attrs,
    ulp: 2,
  }
}

/** Probabilities, among them 0 and 1, whose logarithms are cut. */
const bceLoss = (random: Random): LoweringCase => {
  const shape = random.pick(SHAPES)
  const data = Float32Array.from({ length: product(shape) }, () =>
    random.next() < 0.2 ? random.pick([0, 1, 1e-40]) : random.next(),
  )
  return {
    inputs: { X: new Tensor('float32', shape, data), Label: random.floats(shape, { low: 0, high: 1 }) },
    outputs: { Out: 1 },
    inplace: random.next() < 0.3,
    ulp: 8,
    scale: 2,
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

const FOLDS = ['reduce_sum', 'reduce_mean', 'reduce_max', 'reduce_min', 'reduce_amax', 'reduce_amin', 'reduce_prod']

export const reductions: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  ...Object.fromEntries(FOLDS.map((type) => [type, fold(type)])),
  ...Object.fromEntries(FOLDS.map((type) => [`${type}_grad`, foldGrad(`${type}_grad`)])),
  reduce_any: logical,
  reduce_all: logical,
  mean: wholeTensor(2),
  mean_grad: (random) => ({ ...wholeGrad(random), ulp: 1 }),
  squared_l2_norm: (random) => ({
    inputs: { X: ofOneSize(random, random.pick(SHAPES)) },
    outputs: { Out: 1 },
    ulp: 1,
  }),
  squared_l2_norm_grad: wholeGrad,
  l1_norm: wholeTensor(8),
  l1_norm_grad: wholeGrad,
  clip_by_norm: clipByNorm,
  logsumexp,
  logsumexp_grad: logsumexpGrad,
  dot,
  dot_grad: dotGrad,
  mv,
  mv_grad: mvGrad,
  p_norm: pNorm,
  p_norm_grad: pNormGrad,
  frobenius_norm: frobeniusNorm,
  frobenius_norm_grad: frobeniusNormGrad,
  norm: normalize,
  norm_grad: normalizeGrad,
  log_softmax: logSoftmax,
  log_softmax_grad: logSoftmaxGrad,
  affine_channel: affineChannel,
  affine_channel_grad: affineChannelGrad,
  prelu,
  prelu_grad: preluGrad,
  bce_loss: bceLoss,
  kldiv_loss: kldivLoss,
  kldiv_loss_grad: kldivLossGrad,
  ...Object.fromEntries(Object.entries(LOSSES).map(([type, entry]) => [type, (random: Random) => loss(entry, random)])),
  label_smooth: labelSmooth,
}
