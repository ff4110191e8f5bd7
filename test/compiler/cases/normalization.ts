/**
 * Cases of normalisations. Statistics are sums of float32 within a plane, so results are some units in the last place off; gradients that are
 * differences of larger numbers are judged by the size of what they are made of.
 */
import { product } from '../../../src/tensor/shape.ts'
import type { LoweringCase, Random } from '../lowering_case.ts'

function batchNorm(random: Random, gradient: boolean): LoweringCase {
  const rank = random.int(2, 5)
  const channels = random.int(1, 9)
  const inner = Array.from({ length: rank - 2 }, () => random.int(1, rank === 3 ? 150 : 11))
  const last = random.next() < 0.3
  const shape = last && rank > 2 ? [random.int(2, 5), ...inner, channels] : [random.int(2, 9), channels, ...inner]
  const global = random.next() < 0.4
  const vector = (low: number, high: number) => random.floats([channels], { low, high })
  const attrs = {
    ...(random.next() < 0.3 ? { is_test: true, trainable_statistics: true } : {}),
    use_global_stats: global,
    data_layout: last && rank > 2 ? 'NHWC' : 'NCHW',
    epsilon: Math.fround(random.pick([1e-5, 1e-3])),
    momentum: Math.fround(random.pick([0.9, 0.5])),
  }
  const parameters = {
    X: random.floats(shape),
    ...(random.next() < 0.8 ? { Scale: vector(0.5, 2) } : {}),
    ...(random.next() < 0.8 ? { Bias: vector(-1, 1) } : {}),
    Mean: vector(-1, 1),
    Variance: vector(0.5, 2),
  }
  const count = product(shape) / channels
  if (!gradient) {
    return {
      inputs: parameters,
      attrs,
      inplace: true,
      outputs: { Y: 1, MeanOut: 1, VarianceOut: 1, SavedMean: 1, SavedVariance: 1 },
      ulp: 8,
      scale: 8,
    }
  }
  const { Mean, Variance, ...rest } = parameters
  return {
    inputs: {
      ...rest,
      // With is_test the gradient takes the averages as constants.
      ...(global || 'is_test' in attrs
        ? { Mean, Variance }
        : { SavedMean: vector(-0.5, 0.5), SavedVariance: vector(0.4, 0.8) }),
      'Y@GRAD': random.floats(shape),
    },
    attrs,
    outputs: Object.fromEntries(
      ['X@GRAD', 'Scale@GRAD', 'Bias@GRAD'].filter(() => random.next() < 0.9).map((slot) => [slot, 1]),
    ),
    ulp: 8,
    scale: 16 * Math.max(1, count / 16),
  }
}

function layerNorm(random: Random, gradient: boolean): LoweringCase {
  const shape = Array.from({ length: random.int(2, 4) }, () => random.int(1, random.pick([4, 12, 70])))
  const axis = random.int(1, shape.length - 1)
  shape[shape.length - 1]! += 1
  const size = product(shape, axis)
  const rows = product(shape, 0, axis)
  const attrs = { begin_norm_axis: axis, epsilon: Math.fround(1e-5) }
  const inputs = {
    X: random.floats(shape),
    ...(random.next() < 0.8 ? { Scale: random.floats([size], { low: 0.5, high: 2 }) } : {}),
    ...(random.next() < 0.8 ? { Bias: random.floats([size], { low: -1, high: 1 }) } : {}),
  }
  if (!gradient) return { inputs, attrs, outputs: { Y: 1, Mean: 1, Variance: 1 }, ulp: 64, scale: 4 }
  return {
    inputs: {
      ...inputs,
      Mean: random.floats(shape.slice(0, axis), { low: -0.5, high: 0.5 }),
      Variance: random.floats(shape.slice(0, axis), { low: 1, high: 4 }),
      'Y@GRAD': random.floats(shape),
    },
    attrs,
    outputs: Object.fromEntries(
      ['X@GRAD', ...('Scale' in inputs ? ['Scale@GRAD'] : []), ...('Bias' in inputs ? ['Bias@GRAD'] : [])].map(
        (slot) => [slot, 1],
      ),
    ),
    ulp: 8,
    scale: 16 * Math.max(1, rows / 16),
  }
}

/** group_norm, or instance_norm, whose groups are its channels and whose second statistic is one over the root of the variance. */
function groupNorm(random: Random, instance: boolean, gradient: boolean): LoweringCase {
  const groups = random.int(1, 4)
  const channels = groups * (instance ? 1 : random.int(1, 5))
  const inner = Array.from({ length: random.int(instance ? 1 : 0, 2) }, () => random.int(1, random.pick([3, 12, 40])))
  const shape = [random.int(1, 4), channels, ...inner]
  const last = !instance && inner.length > 0 && random.next() < 0.25
  const planes = last ? [shape[0]!, ...inner, channels] : shape
  const count = (channels / groups) * product(inner)
  const attrs = { epsilon: Math.fround(1e-5), ...(instance ? {} : { groups, data_layout: last ? 'NHWC' : 'NCHW' }) }
  const scale = random.next() < 0.8 ? { Scale: random.floats([channels], { low: 0.5, high: 2 }) } : {}
  const bias = random.next() < 0.8 ? { Bias: random.floats([channels], { low: -1, high: 1 }) } : {}
  const [mean, variance] = instance ? ['SavedMean', 'SavedVariance'] : ['Mean', 'Variance']
  const statistics = instance ? [shape[0]! * groups] : [shape[0]!, groups]
  const X = random.floats(planes)
  if (!gradient) {
    // A group whose elements are all alike has a variance of nearly nothing, by which rounding errors are divided.
    if (count < 3) return groupNorm(random, instance, gradient)
    const outputs = { Y: 1, [mean!]: 1, [variance!]: 1 }
    return { inputs: { X, ...scale, ...bias }, attrs, outputs, ulp: 64, scale: 16 }
  }
  return {
    inputs: {
      X,
      ...(instance ? {} : { Y: random.floats(planes), ...bias }),
      ...scale,
      [mean!]: random.floats(statistics, { low: -0.5, high: 0.5 }),
      [variance!]: random.floats(statistics, { low: 0.5, high: 2 }),
      'Y@GRAD': random.floats(planes),
    },
    attrs,
    outputs: Object.fromEntries(
      ['X@GRAD', 'Scale@GRAD', 'Bias@GRAD'].filter((_, i) => i === 0 || random.next() < 0.8).map((slot) => [slot, 1]),
    ),
    ulp: 8,
    scale: 16 * Math.max(1, Math.sqrt(product(shape))),
  }
}

export const normalization: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  batch_norm: (random) => batchNorm(random, false),
  batch_norm_grad: (random) => batchNorm(random, true),
  layer_norm: (random) => layerNorm(random, false),
  layer_norm_grad: (random) => layerNorm(random, true),
  group_norm: (random) => groupNorm(random, false, false),
  group_norm_grad: (random) => groupNorm(random, false, true),
  instance_norm: (random) => groupNorm(random, true, false),
  instance_norm_grad: (random) => groupNorm(random, true, true),
}
