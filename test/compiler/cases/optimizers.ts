/** Random cases of optimizers: parameters, accumulators and attributes as training has them, also with half parameters and master weights. */
import type { Shape } from '../../../src/tensor/shape.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'
import { type LoweringCase, type Random, SHAPES, toHalf } from '../lowering_case.ts'

interface Entry {
  readonly accumulators: readonly string[]
  readonly outputs: readonly string[]
  readonly scalars?: readonly string[]
  readonly attrs: (random: Random) => Record<string, unknown>
  readonly master?: boolean
}

const small = (random: Random): number => Math.fround(random.pick([1e-8, 1e-6, 1e-3]))

const ENTRIES: Readonly<Record<string, Entry>> = {
  sgd: { accumulators: [], outputs: [], attrs: () => ({}) },
  momentum: {
    accumulators: ['Velocity'],
    outputs: ['VelocityOut'],
    attrs: (random) => ({
      mu: 0.9,
      use_nesterov: random.next() < 0.5,
      ...(random.next() < 0.5 ? { regularization_method: 'l2_decay', regularization_coeff: 0.01 } : {}),
      rescale_grad: random.pick([1, 0.5, 0.3]),
    }),
  },
  adagrad: {
    accumulators: ['Moment'],
    outputs: ['MomentOut'],
    attrs: (random) => ({ epsilon: small(random) }),
  },
  rmsprop: {
    accumulators: ['MeanSquare', 'Moment', 'MeanGrad'],
    outputs: ['MeanSquareOut', 'MomentOut', 'MeanGradOut'],
    attrs: (random) => ({ epsilon: small(random), decay: 0.9, momentum: 0.7, centered: random.next() < 0.5 }),
  },
  adamax: {
    accumulators: ['Moment', 'InfNorm'],
    outputs: ['MomentOut', 'InfNormOut'],
    scalars: ['Beta1Pow'],
    attrs: (random) => ({ beta1: 0.9, beta2: 0.99, epsilon: small(random) }),
  },
  adadelta: {
    accumulators: ['AvgSquaredGrad', 'AvgSquaredUpdate'],
    outputs: ['AvgSquaredGradOut', 'AvgSquaredUpdateOut'],
    attrs: (random) => ({ rho: 0.95, epsilon: small(random) }),
  },
  ftrl: {
    accumulators: ['SquaredAccumulator', 'LinearAccumulator'],
    outputs: ['SquaredAccumOut', 'LinearAccumOut'],
    attrs: (random) => ({ l1: random.pick([0, 0.1]), l2: random.pick([0, 0.3]), lr_power: -0.5 }),
    master: false,
  },
  adam: {
    accumulators: ['Moment1', 'Moment2'],
    outputs: ['Moment1Out', 'Moment2Out', 'Beta1PowOut', 'Beta2PowOut'],
    scalars: ['Beta1Pow', 'Beta2Pow'],
    attrs: (random) => ({ epsilon: small(random), use_global_beta_pow: random.next() < 0.3 }),
  },
  adamw: {
    accumulators: ['Moment1', 'Moment2'],
    outputs: ['Moment1Out', 'Moment2Out', 'Beta1PowOut', 'Beta2PowOut'],
    scalars: ['Beta1Pow', 'Beta2Pow'],
    attrs: (random) => ({ epsilon: small(random), with_decay: random.next() < 0.7, coeff: 0.02, lr_ratio: 0.7 }),
  },
  lamb: {
    accumulators: ['Moment1', 'Moment2'],
    outputs: ['Moment1Out', 'Moment2Out', 'Beta1PowOut', 'Beta2PowOut'],
    scalars: ['Beta1Pow', 'Beta2Pow'],
    attrs: (random) => ({
      epsilon: small(random),
      weight_decay: random.pick([0, 0.01]),
      always_adapt: random.next() < 0.5,
    }),
  },
}

const rateOf = (random: Random): Tensor => random.floats([1], { low: 1e-3, high: 0.1 })

function optimizer({ accumulators, outputs, scalars = [], attrs, master = true }: Entry, random: Random): LoweringCase {
  const shape: Shape = random.pick(SHAPES)
  const dtype = random.pick(master ? (['float32', 'float32', 'float16', 'bfloat16'] as const) : (['float32'] as const))
  const isHalf = dtype !== 'float32'
  const useMaster = isHalf && random.next() < 0.7
  const param = random.floats(shape)
  const grad = random.floats(shape)
  return {
    inputs: {
      Param: toHalf(param, dtype),
      Grad: isHalf && random.next() < 0.3 ? grad : toHalf(grad, dtype),
      LearningRate: rateOf(random),
      ...Object.fromEntries(accumulators.map((slot) => [slot, random.floats(shape, { low: 0.01, high: 2 })])),
      ...Object.fromEntries(scalars.map((slot) => [slot, random.floats([1], { low: 0.2, high: 0.9 })])),
      ...(useMaster ? { MasterParam: param } : {}),
    },
    outputs: {
      ParamOut: 1,
      ...Object.fromEntries(outputs.map((slot) => [slot, 1])),
      ...(useMaster ? { MasterParamOut: 1 } : {}),
    },
    attrs: { ...attrs(random), ...(master ? { multi_precision: useMaster } : {}) },
    inplace: random.next() < 0.8,
  }
}

/** Several parameters in one operator. */
function larsMomentum(random: Random): LoweringCase {
  const shapes = Array.from({ length: random.int(1, 3) }, () => random.pick(SHAPES))
  const useMaster = random.next() < 0.4
  const dtype = useMaster ? random.pick(['float16', 'bfloat16'] as const) : 'float32'
  const params = shapes.map((shape) => random.floats(shape))
  const each = (make: (shape: Shape) => Tensor): Tensor[] => shapes.map(make)
  return {
    inputs: {
      Param: params.map((param) => toHalf(param, dtype)),
      Grad: each((shape) => toHalf(random.floats(shape), dtype)),
      Velocity: each((shape) => random.floats(shape)),
      LearningRate: each(() => rateOf(random)),
      MasterParam: useMaster ? params : [],
    },
    outputs: { ParamOut: shapes.length, VelocityOut: shapes.length, MasterParamOut: useMaster ? shapes.length : 0 },
    attrs: {
      mu: 0.9,
      lars_weight_decay: random.pick([[0.0005], [0], shapes.map(() => 0.01)]),
      epsilon: random.pick([0, 1e-6]),
      multi_precision: useMaster,
    },
    inplace: true,
  }
}

/** The same update of several parameters. */
function merged(type: 'adam' | 'momentum', random: Random): LoweringCase {
  const count = random.int(1, 3)
  const cases = Array.from({ length: count }, () => optimizer({ ...ENTRIES[type]!, master: false }, random))
  const list = (side: 'inputs' | 'outputs'): string[] => Object.keys(cases[0]![side])
  const attrs = { ...cases[0]!.attrs }
  const { regularization_method: method = '', regularization_coeff: coeff = 0, ...shared } = attrs
  const each = <T>(value: T): T[] => Array.from({ length: count }, () => value)
  return {
    inputs: Object.fromEntries(list('inputs').map((slot) => [slot, cases.map(({ inputs }) => inputs[slot] as Tensor)])),
    outputs: Object.fromEntries(list('outputs').map((slot) => [slot, count])),
    attrs: {
      ...shared,
      ...(type === 'momentum' ? { regularization_method: each(method), regularization_coeff: each(coeff) } : {}),
    },
    inplace: true,
  }
}

export const optimizers: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  ...Object.fromEntries(
    Object.entries(ENTRIES).map(([type, entry]) => [type, (random: Random) => optimizer(entry, random)]),
  ),
  lars_momentum: larsMomentum,
  merged_adam: (random) => merged('adam', random),
  merged_momentum: (random) => merged('momentum', random),
}
