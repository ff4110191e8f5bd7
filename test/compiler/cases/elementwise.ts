/** Random cases of element-wise operators of one, two and many inputs, and of their gradients. */
import type { Shape } from '../../../src/tensor/shape.ts'
import { broadcast, product } from '../../../src/tensor/shape.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { type LoweringCase, type Random, SHAPES, toHalf } from '../lowering_case.ts'
import { broadcastShapes } from './logic.ts'

interface Unary {
  /** Inputs of the gradient beside Out@GRAD. */
  readonly reads: 'X' | 'Out' | 'X and Out' | 'neither'
  readonly low?: number
  readonly high?: number
  /** Infinities, NaN, subnormal numbers and zeros among the arguments. */
  readonly special?: boolean
  readonly attrs?: Readonly<Record<string, unknown>>
  /** Stated errors of the value and the slope; 0 is equal bits. */
  readonly ulp: readonly [value: number, slope: number]
  /** Magnitude of the arguments, by which errors are judged where results are differences. */
  readonly scale?: number
}

const exact: Unary = { reads: 'X', special: true, ulp: [0, 0] }

const UNARY: Readonly<Record<string, Unary>> = {
  relu: { ...exact, reads: 'Out' },
  relu6: { ...exact, reads: 'Out', low: -8, high: 8 },
  leaky_relu: { ...exact, attrs: { alpha: 0.1 } },
  hard_sigmoid: { reads: 'Out', low: -8, high: 8, ulp: [2, 0], scale: 1 },
  hard_swish: { reads: 'X', low: -8, high: 8, ulp: [2, 4], scale: 1 },
  swish: { reads: 'X', low: -20, high: 20, ulp: [4, 8], scale: 20 },
  sigmoid: { reads: 'Out', low: -87, high: 90, ulp: [3, 2], special: true },
  tanh: { reads: 'Out', low: -10, high: 10, ulp: [2, 2], scale: 1, special: true },
  rsqrt: { reads: 'Out', low: 1e-3, high: 1e3, ulp: [1, 3], special: true },
  sqrt: { reads: 'Out', low: 1e-3, high: 1e3, ulp: [0, 1], special: true },
  square: exact,
  reciprocal: { reads: 'Out', ulp: [0, 2], special: true },
  exp: { reads: 'Out', low: -100, high: 88, ulp: [1, 0], special: true },
  expm1: { reads: 'Out', low: -20, high: 20, ulp: [1, 1], special: true },
  log: { reads: 'X', low: 1e-3, high: 1e3, ulp: [1, 0], special: true },
  log2: { reads: 'X', low: 1e-3, high: 1e3, ulp: [3, 3], special: true },
  log10: { reads: 'X', low: 1e-3, high: 1e3, ulp: [3, 3], special: true },
  log1p: { reads: 'X', low: -0.99, high: 100, ulp: [1, 2], special: true },
  erf: { reads: 'X', low: -5, high: 5, ulp: [6, 8], special: true },
  ...Object.fromEntries(
    ['sin', 'cos', 'tan', 'sinh', 'cosh', 'asinh', 'acosh', 'atan'].map((type): [string, Unary] => [
      type,
      { reads: 'X', low: -40, high: 40, ulp: [1, 1], special: true },
    ]),
  ),
  ...Object.fromEntries(
    ['asin', 'acos', 'atanh'].map((type): [string, Unary] => [
      type,
      { reads: 'X', low: -1.1, high: 1.1, ulp: [1, 1], special: true },
    ]),
  ),
  floor: { ...exact, reads: 'neither' },
  ceil: { ...exact, reads: 'neither' },
  trunc: { ...exact, reads: 'neither' },
  round: { ...exact, reads: 'neither' },
  abs: exact,
  brelu: { ...exact, attrs: { t_min: -1, t_max: 1.5 } },
  thresholded_relu: { ...exact, attrs: { threshold: 0.7 } },
  hard_shrink: { ...exact, attrs: { threshold: 0.7 } },
  softshrink: { ...exact, attrs: { lambda: 0.7 } },
  // Beyond 12 the TypeScript kernel's own sum loses digits.
  logsigmoid: { reads: 'X', low: -12, high: 12, ulp: [8, 8], special: true },
  stanh: { reads: 'X', low: -10, high: 10, ulp: [8, 8], scale: 1, special: true },
  tanh_shrink: { reads: 'X', ulp: [8, 8], scale: 3 },
  silu: { reads: 'X and Out', low: -20, high: 20, ulp: [4, 8], scale: 20, special: true },
  gelu: { reads: 'X', low: -8, high: 8, ulp: [8, 24], scale: 1 },
  softsign: { reads: 'X', ulp: [2, 4], special: true },
  softplus: { reads: 'X', low: -8, high: 30, ulp: [8, 8], attrs: { beta: 1.3, threshold: 15 }, special: true },
  soft_relu: { reads: 'Out', low: -30, high: 30, ulp: [8, 8], attrs: { threshold: 20 } },
  mish: { reads: 'X', low: -30, high: 30, ulp: [8, 8], scale: 1 },
  elu: { reads: 'X and Out', low: -20, ulp: [8, 8], attrs: { alpha: 0.7 }, special: true },
  // The TypeScript kernel takes 1 from a float64 exponential, which keeps nothing below 2^-53.
  celu: { reads: 'X', low: -20, ulp: [8, 24], attrs: { alpha: 0.7 }, scale: 1e-9, special: true },
  logit: { reads: 'X', low: 0.001, high: 0.999, ulp: [8, 8], scale: 1, special: true },
  selu: { reads: 'Out', low: -20, ulp: [8, 2], special: true },
}

/** Half precision is rounded once, so an error of float32 moves a result by one step at most where it is near the middle of two: exact ones only. */
function dtypeOf(random: Random, ulp: number): 'float32' | 'float16' | 'bfloat16' {
  return ulp === 0 ? random.pick(['float32', 'float32', 'float16', 'bfloat16'] as const) : 'float32'
}

function unary(
  { low = -3, high = 3, special = false, attrs = {}, ulp, scale = 0 }: Unary,
  random: Random,
): LoweringCase {
  const x = random.floats(random.pick(SHAPES), { low, high, special })
  return {
    inputs: { X: toHalf(x, dtypeOf(random, ulp[0])) },
    outputs: { Out: 1 },
    attrs,
    ulp: ulp[0],
    scale,
    inplace: random.next() < 0.3,
  }
}

function slope(
  type: string,
  { reads, low = -3, high = 3, special = false, attrs = {}, ulp, scale = 0 }: Unary,
  random: Random,
): LoweringCase {
  const shape = random.pick(SHAPES)
  const dtype = dtypeOf(random, ulp[1])
  // Out is in the range of the function where that matters: it is bounded for all that read it.
  const bounded = ['sigmoid', 'tanh'].includes(type)
  const given = (slot: 'X' | 'Out'): Tensor =>
    toHalf(random.floats(shape, slot === 'Out' && bounded ? { low: 0, high: 1 } : { low, high, special }), dtype)
  return {
    inputs: {
      ...(reads.includes('X') ? { X: given('X') } : {}),
      ...(reads.includes('Out') ? { Out: given('Out') } : {}),
      'Out@GRAD': toHalf(random.floats(shape), dtype),
    },
    outputs: { 'X@GRAD': 1 },
    attrs,
    ulp: ulp[1],
    scale,
  }
}

const gelu = (type: string, random: Random): LoweringCase => {
  const given = type === 'gelu' ? unary(UNARY['gelu']!, random) : slope('gelu', UNARY['gelu']!, random)
  return { ...given, attrs: { approximate: random.next() < 0.5 } }
}

const logit = (type: string, random: Random): LoweringCase => {
  const given = type === 'logit' ? unary(UNARY['logit']!, random) : slope('logit', UNARY['logit']!, random)
  return { ...given, attrs: { eps: random.pick([0, Math.fround(1e-6), 0.25]) } }
}

const BINARY = ['add', 'sub', 'mul', 'div', 'max', 'min'].map((name) => `elementwise_${name}`)
/** Those that have no attribute axis. */
const TRAILING = ['fmax', 'fmin', 'heaviside'].map((name) => `elementwise_${name}`)

function binary(random: Random): LoweringCase {
  const [x, y] = random.shuffled(broadcastShapes(random)) as [Shape, Shape]
  const dtype = dtypeOf(random, 0)
  return {
    inputs: {
      X: toHalf(random.floats(x, { special: true }), dtype),
      Y: toHalf(random.floats(y, { special: true }), dtype),
    },
    outputs: { Out: 1 },
    attrs: { axis: -1 },
  }
}

const trailing = (random: Random): LoweringCase => ({ ...binary(random), attrs: {} })

/** Slopes that choose: equal bits where nothing is summed, with NaN and ties among the arguments. */
function trailingGrad(type: string, random: Random): LoweringCase {
  const given = binaryGrad(type, random)
  const { X, Y } = given.inputs as { X: Tensor; Y: Tensor }
  const repeats = product(X.shape) !== product(Y.shape)
  const special = repeats
    ? {}
    : { X: random.floats(X.shape, { special: true }), Y: random.floats(Y.shape, { special: true }) }
  return { ...given, inputs: { ...given.inputs, ...special }, attrs: {}, ...(repeats ? {} : { ulp: 0 }) }
}

function binaryGrad(type: string, random: Random): LoweringCase {
  const [x, y] = broadcastShapes(random)
  const numbers = (shape: Shape): Tensor => random.floats(shape, { low: 0.5, high: 3 })
  const given = { X: numbers(x), Y: numbers(y), 'Out@GRAD': numbers(x) }
  return {
    inputs: type === 'elementwise_div' ? { ...given, Out: numbers(x) } : given,
    outputs: { 'X@GRAD': random.next() < 0.2 ? ['@EMPTY@'] : 1, 'Y@GRAD': 1 },
    attrs: { axis: -1 },
    // Sums of what was repeated are float32.
    ulp: 8,
    scale: 10 * Math.sqrt(product(x)),
  }
}

/** Exponents whole, near whole and half ones, and others; infinities, NaN, zeros of both signs and subnormal numbers on both sides. */
function exponents(random: Random, shape: Shape): Tensor {
  const halves = random.floats(shape, { special: true })
  const data = halves.data as Float32Array
  for (let i = 0; i < data.length; i++) {
    if (random.next() < 0.5) data[i] = (random.int(-12, 12) / 2) * (random.next() < 0.5 ? 1 : 1 + 2 ** -23)
  }
  return halves
}

function power(random: Random): LoweringCase {
  const [x, y] = random.shuffled(broadcastShapes(random)) as [Shape, Shape]
  return {
    inputs: { X: random.floats(x, { special: true }), Y: exponents(random, y) },
    outputs: { Out: 1 },
    attrs: { axis: -1 },
    ulp: 1,
  }
}

/** Slopes to 1 unit in the last place where no operand is repeated, so that nothing is summed. */
function powerGrad(random: Random): LoweringCase {
  if (random.next() < 0.5) return binaryGrad('elementwise_pow', random)
  const shape = random.pick(SHAPES)
  return {
    inputs: {
      X: random.floats(shape, { special: true }),
      Y: exponents(random, shape),
      'Out@GRAD': random.floats(shape, { special: true }),
    },
    outputs: { 'X@GRAD': random.next() < 0.2 ? ['@EMPTY@'] : 1, 'Y@GRAD': 1 },
    attrs: { axis: -1 },
    ulp: 1,
  }
}

function angles(random: Random, slots: readonly string[], outputs: LoweringCase['outputs']): LoweringCase {
  const shape = random.pick(SHAPES)
  return {
    inputs: Object.fromEntries(slots.map((slot) => [slot, random.floats(shape, { special: true })])),
    outputs,
    ulp: 1,
  }
}

/** Three shapes that broadcast. */
function blended(random: Random) {
  const [x, y] = random.shuffled(broadcastShapes(random)) as [Shape, Shape]
  const weight = random.pick([x, y, [1], []])
  return { x, y, weight }
}

const broadcastOf = (x: Shape, y: Shape): Shape => broadcast('lerp', x, y, -1).shape

const lerp = (random: Random): LoweringCase => {
  const { x, y, weight } = blended(random)
  return {
    inputs: { X: random.floats(x), Y: random.floats(y), Weight: random.floats(weight, { special: true }) },
    outputs: { Out: 1 },
    ulp: 1,
  }
}

const lerpGrad = (random: Random): LoweringCase => {
  const { x, y, weight } = blended(random)
  const out = broadcastOf(x, y)
  return {
    inputs: {
      X: random.floats(x),
      Y: random.floats(y),
      Weight: random.floats(weight),
      Out: random.floats(out),
      'Out@GRAD': random.floats(out),
    },
    outputs: { 'X@GRAD': random.next() < 0.2 ? ['@EMPTY@'] : 1, 'Y@GRAD': 1 },
    ulp: 1,
  }
}

/** The power as an attribute or as a tensor. */
function constantPower(random: Random, slots: readonly string[], output: string): LoweringCase {
  const shape = random.pick(SHAPES)
  const factor = random.pick(
    [0, 1, 2, 3, 4, 5, -1, -2, 0.5, 1.5, -0.5, 2 / 3, 7.25, 300, Infinity, Number.NaN].map(Math.fround),
  )
  return {
    inputs: {
      ...Object.fromEntries(slots.map((slot) => [slot, random.floats(shape, { special: true })])),
      ...(random.next() < 0.3 ? { FactorTensor: new Tensor('float32', [1], Float32Array.of(factor)) } : {}),
    },
    outputs: { [output]: 1 },
    attrs: { factor },
    inplace: random.next() < 0.3,
    ulp: 1,
  }
}

function sum(random: Random): LoweringCase {
  const shape = random.pick(SHAPES)
  const dtype = dtypeOf(random, 0)
  return {
    inputs: { X: Array.from({ length: random.int(1, 17) }, () => toHalf(random.floats(shape), dtype)) },
    outputs: { Out: 1 },
    inplace: random.next() < 0.3,
  }
}

const scale = (random: Random): LoweringCase => ({
  inputs: { X: random.floats(random.pick(SHAPES)) },
  outputs: { Out: 1 },
  attrs: { scale: random.pick([0, 1, -0.3]), bias: random.pick([0, 0.7]), bias_after_scale: random.next() < 0.5 },
  ulp: 2,
  scale: 1,
})

const clip = (random: Random): LoweringCase => ({
  inputs: { X: random.floats(random.pick(SHAPES), { special: true }) },
  outputs: { Out: 1 },
  attrs: { min: -0.5, max: 1.25 },
})

export const elementwise: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  ...Object.fromEntries(Object.entries(UNARY).map(([type, entry]) => [type, (random: Random) => unary(entry, random)])),
  ...Object.fromEntries(
    Object.entries(UNARY).map(([type, entry]) => [`${type}_grad`, (random: Random) => slope(type, entry, random)]),
  ),
  gelu: (random) => gelu('gelu', random),
  gelu_grad: (random) => gelu('gelu_grad', random),
  logit: (random) => logit('logit', random),
  logit_grad: (random) => logit('logit_grad', random),
  sign: (random) => unary(exact, random),
  ...Object.fromEntries(BINARY.map((type) => [type, binary])),
  grad_add: binary,
  elementwise_pow: power,
  elementwise_pow_grad: powerGrad,
  atan2: (random) => angles(random, ['X1', 'X2'], { Out: 1 }),
  atan2_grad: (random) => angles(random, ['X1', 'X2', 'Out@GRAD'], { 'X1@GRAD': 1, 'X2@GRAD': 1 }),
  lerp,
  lerp_grad: lerpGrad,
  pow: (random) => constantPower(random, ['X'], 'Out'),
  pow_grad: (random) => constantPower(random, ['X', 'Out@GRAD'], 'X@GRAD'),
  ...Object.fromEntries(TRAILING.map((type) => [type, trailing])),
  ...Object.fromEntries(TRAILING.map((type) => [`${type}_grad`, (random: Random) => trailingGrad(type, random)])),
  ...Object.fromEntries(BINARY.map((type) => [`${type}_grad`, (random: Random) => binaryGrad(type, random)])),
  sum,
  scale,
  clip,
}
