/**
 * Random numbers with Paddle's values: the process-wide generator, the engine of an operator, and the distributions that operators draw
 * from, as libstdc++ computes them from a 64-bit Mersenne twister. Operators keep their own formulas (dropout, bernoulli) in their files.
 * Sources: paddle/phi/core/generator.cc (Generator, GetCPURandomEngine), paddle/phi/kernels/truncated_gaussian_random_kernel.h, the C++
 * standard's <random>.
 *
 * T, the type a distribution computes in, is float32 when `out` is a Float32Array and float64 otherwise. Every step of a float32 formula is
 * rounded to float32: for +, -, *, / and sqrt, rounding the float64 result gives what float32 arithmetic gives.
 */
import { assert, InvalidArgumentError } from '../errors.ts'
import { log, logf } from './logf.ts'
import { Mt19937_64 } from './mt19937_64.ts'

const fround = Math.fround

/** The source of random numbers that `seed` sets and that operators without a seed of their own share. */
export class Generator {
  readonly engine = new Mt19937_64()

  /** @param seed as for `seed`; without it the generator starts anywhere. */
  constructor(seed: number = Math.floor(Math.random() * 2 ** 32)) {
    this.seed(seed)
  }

  /**
   * Starts over as `paddle.seed(n)` does. Only the low 32 bits of `n` count.
   * @throws InvalidArgumentError E212 if `n` is not a safe integer.
   */
  seed(n: number): this {
    if (!Number.isSafeInteger(n)) {
      throw new InvalidArgumentError('E212', `a seed must be a whole number of size below 2^53, got ${String(n)}`, {
        expected: 'a safe integer',
        got: n,
      })
    }
    this.engine.seedSequence(n)
    return this
  }

  /** A copy of the engine's state, for checkpoints. */
  get state(): Uint32Array {
    return this.engine.saveState()
  }

  /** @throws InvalidArgumentError E212 if `state` is not one that a generator gave. */
  set state(state: Uint32Array) {
    this.engine.loadState(state)
  }
}

/** Paddle's default CPU generator. */
export const defaultGenerator = new Generator()

/** paddle.seed: seeds the default generator and returns it. @throws InvalidArgumentError E212 as `Generator.seed`. */
export function seed(n: number): Generator {
  return defaultGenerator.seed(n)
}

/**
 * The engine of an operator with the attribute seed = `opSeed`, a 32-bit int: the generator's for 0, which goes on from run to run; else a
 * new one, so that every run gives the same numbers (GetCPURandomEngine).
 */
export function engineFor(opSeed: number, generator: Generator): Mt19937_64 {
  return opSeed >>> 0 === 0 ? generator.engine : new Mt19937_64(opSeed)
}

/** The largest float32 below 1. */
const FLOAT32_BELOW_ONE = 1 - 2 ** -24
/** The largest float64 below 1. */
const FLOAT64_BELOW_ONE = 1 - 2 ** -53

/** A float32 in [0, 1): one draw, rounded to float32, divided by 2^64. */
export function uniformFloat32(engine: Mt19937_64): number {
  engine.next()
  // float64 holds the upper 53 of 64 bits. The 11 below are folded into the last one held, else a draw just beside the middle of two float32
  // would be rounded to that middle first and then to the wrong side. Draws below 2^53 are exact as they are.
  const lo = engine.lo
  const draw =
    engine.hi * 2 ** 32 +
    (engine.hi < 2 ** 21 ? lo : ((lo & 0xfffff800) >>> 0) + ((lo & 0x7ff) === 0 || lo & 0x800 ? 0 : 0x800))
  const result = fround(draw) * 2 ** -64
  return result < 1 ? result : FLOAT32_BELOW_ONE
}

/** A float64 in [0, 1): one draw, rounded to float64, divided by 2^64. */
export function uniformFloat64(engine: Mt19937_64): number {
  engine.next()
  const result = (engine.hi * 2 ** 32 + engine.lo) * 2 ** -64
  return result < 1 ? result : FLOAT64_BELOW_ONE
}

/** Fills `out` with u * (max - min) + min, u uniform in [0, 1): one draw each. */
export function fillUniform(engine: Mt19937_64, out: Float32Array | Float64Array, min: number, max: number): void {
  if (out instanceof Float32Array) {
    const start = fround(min)
    const range = fround(fround(max) - start)
    for (let i = 0; i < out.length; i++) out[i] = fround(uniformFloat32(engine) * range) + start
  } else {
    const range = max - min
    for (let i = 0; i < out.length; i++) out[i] = uniformFloat64(engine) * range + min
  }
}

/**
 * Fills `out` with normal numbers by Marsaglia's polar method: points (x, y) are drawn until one lies in the unit circle, r = x^2 + y^2,
 * and give y * s, then x * s, with s = sqrt(-2 * log(r) / r). An x left over at the end is dropped.
 */
export function fillNormal(engine: Mt19937_64, out: Float32Array | Float64Array, mean: number, std: number): void {
  if (out instanceof Float32Array) fillNormalFloat32(engine, out, fround(mean), fround(std))
  else fillNormalFloat64(engine, out, mean, std)
}

function fillNormalFloat32(engine: Mt19937_64, out: Float32Array, mean: number, std: number): void {
  for (let i = 0; i < out.length; i += 2) {
    let x: number
    let y: number
    let r: number
    do {
      x = fround(2 * uniformFloat32(engine) - 1)
      y = fround(2 * uniformFloat32(engine) - 1)
      r = fround(fround(x * x) + fround(y * y))
    } while (r > 1 || r === 0)
    const scale = fround(Math.sqrt(fround((-2 * logf(r)) / r)))
    out[i] = fround(fround(y * scale) * std) + mean
    if (i + 1 < out.length) out[i + 1] = fround(fround(x * scale) * std) + mean
  }
}

function fillNormalFloat64(engine: Mt19937_64, out: Float64Array, mean: number, std: number): void {
  for (let i = 0; i < out.length; i += 2) {
    let x: number
    let y: number
    let r: number
    do {
      x = 2 * uniformFloat64(engine) - 1
      y = 2 * uniformFloat64(engine) - 1
      r = x * x + y * y
    } while (r > 1 || r === 0)
    const scale = Math.sqrt((-2 * log(r)) / r)
    out[i] = y * scale * std + mean
    if (i + 1 < out.length) out[i + 1] = x * scale * std + mean
  }
}

/** The normal distribution function at -2 and at 2. */
const CDF_MINUS_2 = 0.02275013194817921
const CDF_2 = 0.9772498680518208
const SMALLEST_NORMAL_FLOAT32 = 2 ** -126

/**
 * Fills `out` with normal numbers cut off at mean +- 2 * std: sqrt(2) * erfinv(2p - 1) * std + mean with p uniform between the values of the
 * distribution function at -2 and 2. One draw each.
 */
export function fillTruncatedNormal(
  engine: Mt19937_64,
  out: Float32Array | Float64Array,
  mean: number,
  std: number,
): void {
  fillUniform(engine, out, SMALLEST_NORMAL_FLOAT32, 1)
  const round = out instanceof Float32Array ? fround : identity
  const inverse = out instanceof Float32Array ? ERFINV_FLOAT32 : ERFINV_FLOAT64
  const a = round(CDF_MINUS_2)
  const range = round(round(CDF_2) - a)
  const scale = round(std)
  const centre = round(mean)
  for (let i = 0; i < out.length; i++) {
    const p = round(a + round(range * out[i]!))
    out[i] = Math.SQRT2 * erfinv(round(2 * p - 1), round, inverse) * scale + centre
  }
}

const identity = (x: number): number => x

/**
 * Coefficients, lowest first, of the fractions that approximate the inverse error function (M. Wichura, algorithm AS 241, 1988, scaled from
 * the normal distribution): A/B for |y| <= 0.85, C/D and E/F for the tails.
 */
const ERFINV_FLOAT64 = {
  a: [
    1.1975323115670913, 47.07268811238398, 697.062665343896, 4854.886889384388, 16235.862515167575, 23782.041382114385,
    11819.493347062295, 887.0940696254552,
  ],
  b: [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
  c: [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  d: [
    Math.SQRT2,
    2.9036514445419948,
    2.3707661626024534,
    0.9754783200178743,
    0.2094506521051275,
    0.021494160384252878,
    0.0007744145906515771,
    1.4859850019840355e-9,
  ],
  e: [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
  ],
  f: [
    Math.SQRT2,
    0.8482908416595164,
    0.19364809469506591,
    0.02103693768272069,
    0.0011128009970788597,
    2.6110884050805935e-5,
    2.010321207683943e-7,
    2.8910246058729655e-15,
  ],
}

const ERFINV_FLOAT32: typeof ERFINV_FLOAT64 = {
  a: ERFINV_FLOAT64.a.map(fround),
  b: ERFINV_FLOAT64.b.map(fround),
  c: ERFINV_FLOAT64.c.map(fround),
  d: ERFINV_FLOAT64.d.map(fround),
  e: ERFINV_FLOAT64.e.map(fround),
  f: ERFINV_FLOAT64.f.map(fround),
}

type Round = (x: number) => number

/** The inverse error function of y in (-1, 1), rounded to T after the steps that Paddle computes in T; the others are float64 for both. */
function erfinv(y: number, round: Round, { a, b, c, d, e, f }: typeof ERFINV_FLOAT64): number {
  const size = Math.abs(y)
  if (size <= round(0.85)) {
    const r = round(0.180625 - 0.25 * y * y)
    return round(round(y * polynomial(a, r, round)) / polynomial(b, r, round))
  }
  const root = round(Math.sqrt(Math.LN2 - log(1 - size)))
  const near = root <= 5
  const r = round(near ? root - 1.6 : root - 5)
  const value = round(polynomial(near ? c : e, r, round) / polynomial(near ? d : f, r, round))
  return y < 0 ? -value : value
}

/** Horner's rule from the highest of eight coefficients down. */
function polynomial(coefficients: readonly number[], x: number, round: Round): number {
  let value = coefficients[7]!
  for (let i = 6; i >= 0; i--) value = round(round(value * x) + coefficients[i]!)
  return value
}

/**
 * A whole number in [low, highInclusive], as std::uniform_int_distribution of libstdc++ before GCC 11: with k values and
 * scale = floor((2^64 - 1) / k), draws x from k * scale on are rejected and the result is low + floor(x / scale).
 * `low` and `highInclusive` must be safe integers less than 2^53 apart.
 */
export function uniformInt(engine: Mt19937_64, low: number, highInclusive: number): number {
  const k = highInclusive - low + 1
  assert(k >= 1 && k <= 2 ** 53, `uniformInt needs 1 to 2^53 values, got [${low}, ${highInclusive}]`)
  // x * k / 2^64 in float64 differs from x / scale by less than `margin`. If no whole number lies that near, its floor is the result and x
  // is no reject (those lie just above k); only else the exact division is needed, about once in 2^23 draws for a million values.
  const margin = k * 2 ** -50 + k * k * 2 ** -63
  for (;;) {
    engine.next()
    const quotient = (engine.hi * 2 ** 32 + engine.lo) * 2 ** -64 * k
    const floor = Math.floor(quotient)
    const above = quotient - floor
    if (above > margin && above < 1 - margin) return low + floor
    const exact = ((BigInt(engine.hi) << 32n) | BigInt(engine.lo)) / ((2n ** 64n - 1n) / BigInt(k))
    if (exact < k) return low + Number(exact)
  }
}

/** What `shuffle` takes: arrays and typed arrays. */
interface Shuffled<T> {
  readonly length: number
  [index: number]: T
}

/**
 * Puts `array` in random order as std::shuffle of libstdc++ does: element i swaps places with one of the elements up to it, and one draw
 * serves two neighbours. The length must be below 94,906,265, the root of 2^53.
 */
export function shuffle<T>(engine: Mt19937_64, array: Shuffled<T>): void {
  const n = array.length
  let i = 1
  // An even number of elements leaves an odd number of swaps: the first is drawn alone.
  if (n > 0 && n % 2 === 0) swap(array, i++, uniformInt(engine, 0, 1))
  for (; i < n; i += 2) {
    const pair = uniformInt(engine, 0, (i + 1) * (i + 2) - 1)
    swap(array, i, Math.floor(pair / (i + 2)))
    swap(array, i + 1, pair % (i + 2))
  }
}

function swap<T>(array: Shuffled<T>, i: number, j: number): void {
  const kept = array[i]!
  array[i] = array[j]!
  array[j] = kept
}
