import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { log, logf } from '../../src/tensor/logf.ts'
import { Mt19937_64 } from '../../src/tensor/mt19937_64.ts'
import {
  defaultGenerator,
  engineFor,
  fillNormal,
  fillTruncatedNormal,
  fillUniform,
  Generator,
  seed,
  shuffle,
  uniformFloat32,
  uniformFloat64,
  uniformInt,
} from '../../src/tensor/random.ts'
import { readGolden } from '../golden.ts'

const fround = Math.fround

type Floats = Float32Array | Float64Array
type Numbers = Floats | Int32Array | Uint8Array | BigInt64Array

interface GoldenTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data?: readonly number[]
  readonly base64?: string
}
interface GoldenOp {
  readonly type: string
  readonly inputs: Readonly<Record<string, readonly string[]>>
  readonly outputs: Readonly<Record<string, readonly string[]>>
  readonly attrs: Readonly<Record<string, unknown>>
}
type Tensors = Readonly<Record<string, GoldenTensor>>

function makeArray(dtype: string, content: readonly number[] | ArrayBuffer | number): Numbers {
  const source = content as number // every form of `content` is one that all the constructors take
  if (dtype === 'float32') return new Float32Array(source)
  if (dtype === 'float64') return new Float64Array(source)
  if (dtype === 'int32') return new Int32Array(source)
  if (dtype === 'uint8') return new Uint8Array(source)
  if (dtype === 'int64') return Array.isArray(content) ? BigInt64Array.from(content, BigInt) : new BigInt64Array(source)
  throw new Error(`golden data of type ${dtype}`)
}

function read(tensor: GoldenTensor): Numbers {
  if (tensor.data !== undefined) return makeArray(tensor.dtype, tensor.data)
  return makeArray(tensor.dtype, Uint8Array.from(Buffer.from(tensor.base64!, 'base64')).buffer)
}

/** Equal kind, length and bits. */
function expectSameBits(got: Numbers, expected: Numbers): void {
  expect(got).toEqual(expected) // readable when it fails
  expect(new Uint8Array(got.buffer)).toEqual(new Uint8Array(expected.buffer))
}

const draws = (engine: Mt19937_64, count: number): string[] =>
  Array.from({ length: count }, () => engine.nextBigInt().toString())

/** An engine whose draws are given. */
class Scripted extends Mt19937_64 {
  readonly script: bigint[]
  constructor(script: bigint[]) {
    super()
    this.script = script
  }
  override next(): void {
    const draw = this.script.shift()
    if (draw === undefined) throw new Error('no draw left')
    this.hi = Number(draw >> 32n)
    this.lo = Number(draw & 0xffffffffn)
  }
}

const LAST = 2n ** 64n - 1n

describe('Mt19937_64', () => {
  test.each([
    [
      'seed(1)',
      () => new Mt19937_64(1),
      '2469588189546311528 2516265689700432462 8323445853463659930 387828560950575246',
    ],
    ['seed(33)', () => new Mt19937_64().seed(33), '5141232079998836263 4479202188031934533 12050777948115226479'],
    [
      'seed_seq{2021}',
      () => new Mt19937_64().seedSequence(2021),
      '6933507182269119971 512782403789749463 4591529794651962605 5736415225345161461',
    ],
    [
      'seed_seq{1}',
      () => new Mt19937_64().seedSequence(1),
      '329758917350066995 14110340595822323882 12471056292612174276',
    ],
  ])('%s gives the numbers of libstdc++', (_, make, expected) => {
    const numbers = expected.split(' ')
    expect(draws(make(), numbers.length)).toEqual(numbers)
  })

  test('the 10,000th draw of the default engine is the one the C++ standard names', () => {
    const engine = new Mt19937_64()
    for (let i = 1; i < 10000; i++) engine.next()
    expect(engine.nextBigInt()).toBe(9981545732273789042n)
  })

  test('takes 32 bits of a seed, with the sign of a negative one', () => {
    expect(draws(new Mt19937_64(2 ** 32 + 5), 3)).toEqual(draws(new Mt19937_64(5), 3))
    // The first draw for the seed 2^64 - 1, by the published recurrence; Paddle's uniform_random with seed -1 draws the same.
    expect(draws(new Mt19937_64(-1), 1)).toEqual(['478026398904862820'])
    expect(draws(new Mt19937_64(6), 3)).not.toEqual(draws(new Mt19937_64(5), 3))
  })

  test.each([0, 1, 311, 312, 313, 1000])('goes on from a saved state and from a clone after %i draws', (count) => {
    const engine = new Mt19937_64(7)
    for (let i = 0; i < count; i++) engine.next()
    const state = engine.saveState()
    const clone = engine.clone()
    const expected = draws(engine, 700)
    expect(new Set(expected).size).toBe(700)
    expect(draws(clone, 700)).toEqual(expected)
    expect(draws(new Mt19937_64().loadState(state), 700)).toEqual(expected)
  })

  test('refuses what is no state', () => {
    const engine = new Mt19937_64()
    expect(() => engine.loadState(new Uint32Array(10))).toThrowErrorMatchingInlineSnapshot(
      `[InvalidArgumentError: a state of the random engine is 625 numbers, the last at most 312]`,
    )
    const state = engine.saveState()
    state[624] = 313
    expect(() => engine.loadState(state)).toThrow(InvalidArgumentError)
  })
})

describe('Generator', () => {
  test('seed starts the sequence of seed_seq over and returns the generator', () => {
    const generator = new Generator(2021)
    expect(draws(generator.engine, 1)).toEqual(['6933507182269119971'])
    expect(generator.seed(1)).toBe(generator)
    expect(draws(generator.engine, 1)).toEqual(['329758917350066995'])
    expect(seed(2021)).toBe(defaultGenerator)
    expect(draws(defaultGenerator.engine, 1)).toEqual(['6933507182269119971'])
  })

  test('counts only the low 32 bits, also of negative seeds', () => {
    const first = (n: number): string[] => draws(new Generator(n).engine, 2)
    expect(first(2 ** 32 + 5)).toEqual(first(5))
    expect(first(-1)).toEqual(first(2 ** 32 - 1))
    expect(first(-(2 ** 53 - 1))).toEqual(first(1))
    expect(first(5)).not.toEqual(first(1))
  })

  test('starts anywhere without a seed', () => {
    expect(draws(new Generator().engine, 2)).not.toEqual(draws(new Generator().engine, 2))
  })

  test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuses the seed %s', (n) => {
    const before = defaultGenerator.state
    expect(() => seed(n)).toThrow(expect.objectContaining({ category: 'InvalidArgument', code: 'E212', got: n }))
    expect(defaultGenerator.state).toEqual(before)
  })

  test('says what a seed must be', () => {
    expect(() => seed(1.5)).toThrowErrorMatchingInlineSnapshot(
      `[InvalidArgumentError: a seed must be a whole number of size below 2^53, got 1.5]`,
    )
  })

  test('its state is a copy that can be put back', () => {
    const generator = new Generator(3)
    generator.engine.next()
    const state = generator.state
    const expected = draws(generator.engine, 400)
    generator.state = state
    expect(draws(generator.engine, 400)).toEqual(expected)
  })

  test('engineFor: the generator for seed 0, else a fresh engine', () => {
    const generator = new Generator(1)
    expect(engineFor(0, generator)).toBe(generator.engine)
    expect(engineFor(2 ** 32, generator)).toBe(generator.engine)
    const engine = engineFor(33, generator)
    expect(engine).not.toBe(generator.engine)
    expect(draws(engine, 1)).toEqual(['5141232079998836263'])
    expect(draws(engineFor(33, generator), 1)).toEqual(['5141232079998836263'])
  })
})

describe('one draw as a float', () => {
  /** x / 2^64 rounded once to `bits` significant bits, ties to even, in exact integers. */
  function exact(x: bigint, bits: number): number {
    const surplus = Math.max(0, x.toString(2).length - bits)
    const unit = 1n << BigInt(surplus)
    let quotient = x / unit
    const twiceRest = 2n * (x % unit)
    if (twiceRest > unit || (twiceRest === unit && quotient % 2n === 1n)) quotient++
    const result = Number(quotient) * 2 ** (surplus - 64)
    return result < 1 ? result : 1 - 2 ** -bits
  }

  // Numbers at and beside the middle between two floats of either size, for every position of the leading bit.
  const inputs = new Set<bigint>([0n, 1n, LAST])
  const engine = new Mt19937_64(99)
  for (let length = 2; length <= 64; length++) {
    for (const bits of [24, 53]) {
      for (let k = 0; k < 8; k++) {
        const start = (1n << BigInt(length - 1)) | (engine.nextBigInt() & ((1n << BigInt(length - 1)) - 1n))
        const surplus = BigInt(Math.max(0, length - bits))
        const middle = ((start >> surplus) << surplus) | ((1n << surplus) >> 1n)
        for (const offset of [-2048n, -1025n, -1024n, -1n, 0n, 1n, 1023n, 1024n, 1025n, 2047n, 2048n]) {
          if (middle + offset >= 0n && middle + offset <= LAST) inputs.add(middle + offset)
        }
      }
    }
  }
  for (let k = 0n; k < 5000n; k++) inputs.add(LAST - k * 1234567n)

  test('rounds exactly, and never reaches 1', () => {
    const list = [...inputs]
    expect(list.length).toBeGreaterThan(10000)
    const wrong32 = list.filter((x) => uniformFloat32(new Scripted([x])) !== exact(x, 24))
    const wrong64 = list.filter((x) => uniformFloat64(new Scripted([x])) !== exact(x, 53))
    expect(wrong32).toEqual([])
    expect(wrong64).toEqual([])
    expect(uniformFloat32(new Scripted([LAST]))).toBe(fround(0.99999994))
    // The trap: rounding to float64 first gets these wrong.
    const trapped = list.filter((x) => x < LAST / 2n && fround(Number(x)) * 2 ** -64 !== exact(x, 24))
    expect(trapped.length).toBeGreaterThan(50)
  })
})

describe('spec vectors', () => {
  test.each<[string, Floats, (out: Floats) => void]>([
    [
      'seed(1) uniform<float>(-1, 1)',
      new Float32Array([-0.732246757, -0.727185965, -0.0975701809, -0.957951546, -0.298203766, 0.822716117]),
      (out) => fillUniform(new Mt19937_64(1), out, -1, 1),
    ],
    [
      'paddle.seed(2021) uniform<float>(-1, 1)',
      new Float32Array([-0.248267651, -0.944404006, -0.502185345, -0.378056586, 0.821061134, 0.476218462]),
      (out) => fillUniform(new Generator(2021).engine, out, -1, 1),
    ],
    [
      'seed(1) uniform<float>(0, 1)',
      new Float32Array([0.133876637, 0.136407033, 0.45121491, 0.021024229, 0.350898117, 0.911358058]),
      (out) => fillUniform(new Mt19937_64(1), out, 0, 1),
    ],
    [
      'seed(1) normal<float>',
      new Float32Array([-0.38683185, -0.0393999591, 0.686823547, -0.248947814, -0.795146167, -0.054646872]),
      (out) => fillNormal(new Mt19937_64(1), out, 0, 1),
    ],
    [
      'paddle.seed(2021) normal<float>',
      new Float32Array([-0.298338413, -0.0784280598, -0.819628716, -1.08874059, 0.229185581, 0.395145059]),
      (out) => fillNormal(new Generator(2021).engine, out, 0, 1),
    ],
    [
      'seed(1) normal<double>',
      new Float64Array([-0.38683176162103994, -0.039399956754155308, 0.68682363917932543, -0.24894784633514505]),
      (out) => fillNormal(new Mt19937_64(1), out, 0, 1),
    ],
    [
      'seed(1) truncated<float>(0, 1)',
      new Float32Array([-1.03414011, -1.02386045, -0.116988339, -1.71888399, -0.364660889, 1.24069679]),
      (out) => fillTruncatedNormal(new Mt19937_64(1), out, 0, 1),
    ],
  ])('%s', (_, expected, fill) => {
    const out = expected instanceof Float32Array ? new Float32Array(expected.length) : new Float64Array(expected.length)
    fill(out)
    expectSameBits(out, expected)
  })

  test('seed(1) uniform_int(0, 9)', () => {
    const engine = new Mt19937_64(1)
    expect(Array.from({ length: 10 }, () => uniformInt(engine, 0, 9))).toEqual([1, 1, 4, 0, 3, 9, 4, 0, 5, 6])
  })

  test('seed(1) randperm(10)', () => {
    const array = Array.from({ length: 10 }, (_, i) => i)
    shuffle(new Mt19937_64(1), array)
    expect(array).toEqual([6, 9, 4, 8, 1, 3, 2, 5, 0, 7])
  })
})

describe('fills', () => {
  const engine = (): Mt19937_64 => new Mt19937_64(5)

  test('draw nothing for no elements, one number for each uniform and truncated one', () => {
    for (const fill of [fillUniform, fillNormal, fillTruncatedNormal]) {
      const used = engine()
      fill(used, new Float32Array(0), 0, 1)
      expect(draws(used, 1)).toEqual(draws(engine(), 1))
    }
    for (const fill of [fillUniform, fillTruncatedNormal]) {
      const used = engine()
      fill(used, new Float32Array(7), 0, 1)
      expect(draws(used, 1)).toEqual(draws(engine(), 8).slice(7))
    }
  })

  test('a normal fill of odd length drops the spare number of its last pair', () => {
    const [odd, even] = [new Float32Array(5), new Float32Array(6)]
    const [oddEngine, evenEngine] = [engine(), engine()]
    fillNormal(oddEngine, odd, 1, 2)
    fillNormal(evenEngine, even, 1, 2)
    expect(odd).toEqual(even.slice(0, 5))
    expect(oddEngine.nextBigInt()).toBe(evenEngine.nextBigInt())
  })

  test.each([[Float32Array], [Float64Array]])('%o: mean, deviation and bounds are as asked', (Numbers) => {
    const out = new Numbers(20000)
    const mean = (): number => (out as Float64Array).reduce((sum, x) => sum + x, 0) / out.length
    const deviation = (m: number): number =>
      Math.sqrt((out as Float64Array).reduce((sum, x) => sum + (x - m) ** 2, 0) / out.length)
    fillUniform(engine(), out, 2, 6)
    expect(out.every((x) => x >= 2 && x < 6)).toBe(true)
    expect(mean()).toBeCloseTo(4, 1)
    fillNormal(engine(), out, 3, 2)
    expect(mean()).toBeCloseTo(3, 1)
    expect(deviation(3)).toBeCloseTo(2, 1)
    fillTruncatedNormal(engine(), out, 3, 2)
    expect(out.every((x) => x >= -1 && x <= 7)).toBe(true)
    expect(mean()).toBeCloseTo(3, 1)
    expect(deviation(3)).toBeCloseTo(2 * 0.8796, 1) // of the normal distribution cut at 2 sigma
  })
})

describe('uniformInt', () => {
  /** The rule in exact integers. */
  function exact(engine: Mt19937_64, low: number, high: number): number {
    const k = BigInt(high) - BigInt(low) + 1n
    const scale = LAST / k
    for (;;) {
      const x = engine.nextBigInt()
      if (x < k * scale) return low + Number(x / scale)
    }
  }

  test.each([
    [0, 0],
    [5, 7],
    [-5, 999999],
    [0, 2 ** 20 - 1],
    [-(2 ** 31), 2 ** 31 - 1],
    [0, 2 ** 32],
    [0, 3 * 2 ** 38],
    [0, 2 ** 53 - 1],
  ])('in [%i, %i] follows the exact rule', (low, high) => {
    const [a, b] = [new Mt19937_64(11), new Mt19937_64(11)]
    const got = Array.from({ length: 3000 }, () => uniformInt(a, low, high))
    expect(got).toEqual(Array.from({ length: 3000 }, () => exact(b, low, high)))
    expect(a.nextBigInt()).toBe(b.nextBigInt())
    expect(Math.min(...got)).toBeGreaterThanOrEqual(low)
    expect(Math.max(...got)).toBeLessThanOrEqual(high)
  })

  test.each([2, 3, 7, 10, 1000003, 2 ** 31 - 1, 2 ** 40 + 1])('of %i values is exact where the result changes', (k) => {
    const scale = LAST / BigInt(k)
    let checked = 0
    for (let j = 1; j <= k; j = j < 64 || j >= k - 64 ? j + 1 : Math.min(k - 64, j * 2)) {
      const edge = BigInt(j) * scale
      expect(uniformInt(new Scripted([edge - 1n]), 0, k - 1)).toBe(j - 1)
      if (j < k) expect(uniformInt(new Scripted([edge]), 0, k - 1)).toBe(j)
      checked++
    }
    expect(checked).toBeGreaterThanOrEqual(Math.min(k, 100))
    // Draws from k * scale on are rejected.
    expect(uniformInt(new Scripted([BigInt(k) * scale, LAST, 0n]), 0, k - 1)).toBe(0)
  })
})

describe('shuffle', () => {
  test.each([0, 1])('draws nothing for %i elements', (length) => {
    const array = Array.from({ length }, (_, i) => i)
    shuffle(new Scripted([]), array)
    expect(array).toEqual(Array.from({ length }, (_, i) => i))
  })

  test.each([2, 3, 8, 101])('gives the same permutation of %i elements in any kind of array', (length) => {
    const numbers = Int32Array.from({ length }, (_, i) => i)
    const bigints = BigInt64Array.from({ length }, (_, i) => BigInt(i))
    shuffle(new Mt19937_64(2), numbers)
    shuffle(new Mt19937_64(2), bigints)
    expect(Array.from(bigints, Number)).toEqual([...numbers])
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i))
  })
})

describe('logarithms', () => {
  test('logf gives the bits that glibc 2.36 gives for every 32,749th positive float32', () => {
    const value = new Float32Array(1)
    const bits = new Uint32Array(value.buffer)
    let hash = 0x811c9dc5 // FNV-1a over words, computed by a C program from logf
    let count = 0
    for (let word = 1; word < 0x7f800000; word += 32749) {
      bits[0] = word
      value[0] = logf(value[0]!)
      hash = Math.imul(hash ^ bits[0]!, 0x01000193)
      count++
    }
    expect([count, (hash >>> 0).toString(16)]).toEqual([65318, 'fdaae435'])
  })

  // Values of glibc's log, equal to those of libquadmath's logq rounded; V8's Math.log has other last bits for all of them.
  test.each([
    [0.041645270271585474, -3.178567475723097],
    [0.5824992952329685, -0.5404273034434967],
    [1.5423912239037147, 0.4333339549615061],
    [0.6335135344056568, -0.4564739149572005],
    [0.5940635934948079, -0.5207689055944099],
    [0.3701761462585424, -0.9937763156606639],
    [1.2025815781561073, 0.1844705611591784],
    [2.47913755118645, 0.9079107380754293],
    [0.7524947974720984, -0.28436119604134674],
    [0.37236046696570135, -0.9878928966641075],
  ])('log(%d)', (x, expected) => {
    expect(log(x)).toBe(expected)
  })

  test('at the ends', () => {
    for (const f of [logf, log]) {
      expect([0, -0, -1, Infinity, -Infinity, NaN, 1].map(f)).toEqual([
        -Infinity,
        -Infinity,
        NaN,
        Infinity,
        NaN,
        NaN,
        0,
      ])
    }
    expect(log(Number.MIN_VALUE)).toBe(-744.4400719213812)
    expect(log(Number.MAX_VALUE)).toBe(709.782712893384)
    for (let k = 1; k < 1000; k++) expect(log(2 ** -k)).toBe(-log(2 ** k))
  })
})

/**
 * The recorded operators of Paddle 2.6.2, as far as their random numbers go. The formulas that belong to one operator stand here in short.
 */
const RUN: Record<
  string,
  (op: GoldenOp, generator: Generator, feeds: Tensors, outputs: Tensors) => Record<string, Numbers>
> = {
  uniform_random(op, generator, _, { Out }) {
    const { min, max, seed, diag_num = 0, diag_step = 0, diag_val = 1 } = op.attrs as Record<string, number>
    const out = floats(Out!)
    fillUniform(engineFor(seed!, generator), out, min!, max!)
    for (let i = 0; i < diag_num; i++) out[i * diag_step + i] = diag_val
    return { Out: out }
  },
  gaussian_random(op, generator, _, { Out }) {
    const { mean, std, seed } = op.attrs as Record<string, number>
    const out = floats(Out!)
    fillNormal(engineFor(seed!, generator), out, mean!, std!)
    return { Out: out }
  },
  truncated_gaussian_random(op, generator, _, { Out }) {
    const { mean, std, seed } = op.attrs as Record<string, number>
    const out = floats(Out!)
    fillTruncatedNormal(engineFor(seed!, generator), out, mean!, std!)
    return { Out: out }
  },
  fill_constant(op, _generator, _, { Out }) {
    return { Out: floats(Out!).fill(op.attrs['value'] as number) }
  },
  /** With a seed other than 0, Paddle 2.6.2 seeds the engine with the number of the dtype (2 for int32, 3 for int64) instead. */
  randint(op, generator, _, { Out }) {
    const { low, high, seed, dtype } = op.attrs as Record<string, number>
    const engine = engineFor(seed === 0 ? 0 : dtype!, generator)
    const values = Array.from({ length: size(Out!) }, () => uniformInt(engine, low!, high! - 1))
    return { Out: makeArray(Out!.dtype, values) }
  },
  /** The seed attribute has no effect. */
  randperm(_op, generator, _, { Out }) {
    const out = makeArray(
      Out!.dtype,
      Array.from({ length: size(Out!) }, (_, i) => i),
    )
    shuffle<number | bigint>(generator.engine, out as Int32Array)
    return { Out: out }
  },
  bernoulli(_op, generator, { X }, _outputs) {
    return { Out: (read(X!) as Float32Array).map((p) => (uniformFloat32(generator.engine) < p ? 1 : 0)) }
  },
  dropout(op, generator, { X }, _outputs) {
    const { seed, fix_seed, dropout_implementation } = op.attrs
    const p = fround(op.attrs['dropout_prob'] as number)
    const x = read(X!) as Float32Array
    const engine = engineFor(fix_seed === true ? (seed as number) : 0, generator)
    const mask = Uint8Array.from(x, () => (p === 1 || uniformFloat32(engine) < p ? 0 : 1))
    const divisor = dropout_implementation === 'upscale_in_train' ? fround(1 - p) : 1
    return { Mask: mask, Out: x.map((value, i) => (mask[i] === 0 ? 0 : value / divisor)) }
  },
  /** Each sample is looked up in the running sums of a row's shares; without replacement it then leaves the row. */
  multinomial(op, generator, { X }, _outputs) {
    const { num_samples, replacement } = op.attrs
    const columns = X!.shape.at(-1)!
    const probabilities = read(X!) as Float32Array
    const out: number[] = []
    for (let start = 0; start < probabilities.length; start += columns) {
      const row = probabilities.slice(start, start + columns)
      for (let i = 0; i < (num_samples as number); i++) {
        const total = row.reduce((sum, p) => fround(sum + p), 0)
        let reached = 0
        const sums = row.map((p) => (reached = fround(reached + fround(p / total))))
        const u = uniformFloat32(generator.engine)
        const chosen = sums.findIndex((sum) => sum >= u)
        out.push(chosen)
        if (replacement === false) row[chosen] = 0
      }
    }
    return { Out: makeArray('int64', out) }
  },
  /** std::exponential_distribution: -log(1 - u) / lambda. */
  exponential(op, generator, { X }, _outputs) {
    const lambda = fround(op.attrs['lambda'] as number)
    const next = (): number => -logf(fround(1 - uniformFloat32(generator.engine))) / lambda
    return { Out: (read(X!) as Float32Array).map(next) }
  },
  /** std::poisson_distribution below mean 12: how many uniform float64 can be multiplied until the product is below e^-mean. */
  poisson(_op, generator, { X }, _outputs) {
    const next = (mean: number): number => {
      let count = -1
      for (let product = 1; count < 0 || product > Math.exp(-mean); count++) product *= uniformFloat64(generator.engine)
      return count
    }
    return { Out: (read(X!) as Float32Array).map(next) }
  },
}

const size = (tensor: GoldenTensor): number => tensor.shape.reduce((product, length) => product * length, 1)

const totalSize = (tensors: readonly GoldenTensor[]): number => tensors.reduce((sum, tensor) => sum + size(tensor), 0)

const floats = (tensor: GoldenTensor): Floats => makeArray(tensor.dtype, size(tensor)) as Floats

/** Runs one operator, compares what it gives with what was recorded and returns how many values that were. */
function checkOp(op: GoldenOp, generator: Generator, feeds: Tensors, recorded: Tensors): number {
  const bySlot = (names: GoldenOp['inputs'], from: Tensors): Tensors =>
    Object.fromEntries(Object.entries(names).map(([slot, [name]]) => [slot, from[name!]!]))
  const outputs = bySlot(op.outputs, recorded)
  const got = RUN[op.type]!(op, generator, bySlot(op.inputs, feeds), outputs)
  expect(Object.keys(got).sort()).toEqual(Object.keys(outputs).sort())
  let count = 0
  for (const [slot, tensor] of Object.entries(outputs)) {
    expectSameBits(got[slot]!, read(tensor))
    count += size(tensor)
  }
  return count
}

describe('recorded from Paddle 2.6.2', () => {
  interface OperatorCase {
    readonly case: string
    readonly paddle_seed: number
    readonly ops: readonly GoldenOp[]
    readonly feeds?: Tensors
    readonly runs: readonly Tensors[]
  }
  const operators = readGolden<{ cases: OperatorCase[] }>('random/operators.json.gz').cases

  test.each(operators.map((c) => [`${c.case}, paddle.seed(${c.paddle_seed}), ${opSeeds(c.ops)}`, c] as const))(
    'operators: %s',
    (_, { paddle_seed, ops, feeds = {}, runs }) => {
      const generator = new Generator(paddle_seed)
      expect(runs.length).toBe(2)
      for (const run of runs) {
        const checked = ops.reduce((sum, op) => sum + checkOp(op, generator, feeds, run), 0)
        expect(checked).toBe(totalSize(Object.values(run)))
      }
    },
  )

  test('operators: that was all of them', () => {
    const values = operators.reduce((sum, c) => sum + totalSize(c.runs.flatMap((run) => Object.values(run))), 0)
    expect({ cases: operators.length, values }).toEqual({ cases: 43, values: 3470 })
  })

  interface StreamCase {
    readonly op: string
    readonly attrs: GoldenOp['attrs']
    readonly value: GoldenTensor
  }
  const streams = readGolden<{ cases: StreamCase[] }>('random/streams.json.gz').cases

  test.each(streams.map((c) => [c.op, c] as const))('4000 values of %s', (type, { attrs, value }) => {
    const op = { type, inputs: {}, outputs: { Out: ['a'] }, attrs }
    expect(checkOp(op, new Generator(0), {}, { a: value })).toBe(4000)
  })

  test('streams: that was all of them', () => {
    expect(streams.map((c) => c.op)).toEqual(['uniform_random', 'gaussian_random', 'truncated_gaussian_random'])
  })

  interface InitializerCase {
    readonly initializer: string
    readonly args: Readonly<Record<string, unknown>>
    readonly shape: readonly number[]
    readonly program_random_seed: number
    readonly paddle_seed: number
    readonly startup: { readonly blocks: readonly { readonly ops: readonly GoldenOp[] }[] }
    readonly value: GoldenTensor
  }
  const FILLS = ['fill_constant', 'uniform_random', 'gaussian_random', 'truncated_gaussian_random']
  const initializers = readGolden<{ cases: InitializerCase[] }>('random/initializers.json.gz').cases.filter((c) => {
    const ops = c.startup.blocks.flatMap((block) => block.ops)
    return ops.length === 1 && FILLS.includes(ops[0]!.type)
  })

  test.each(
    initializers.map((c) => {
      const args = JSON.stringify(c.args)
      return [`${c.initializer} ${args} [${c.shape.join(', ')}], random_seed ${c.program_random_seed}`, c] as const
    }),
  )('initializers: %s', (_, { paddle_seed, startup, value }) => {
    const op = startup.blocks[0]!.ops[0]!
    expect(op.outputs).toEqual({ Out: ['p'] })
    expect(checkOp(op, new Generator(paddle_seed), {}, { p: value })).toBe(size(value))
    expect(size(value)).toBeGreaterThan(0)
  })

  test('initializers: that was all of them', () => {
    const values = totalSize(initializers.map((c) => c.value))
    expect({ cases: initializers.length, values }).toEqual({ cases: 54, values: 1443 })
  })
})

function opSeeds(ops: readonly GoldenOp[]): string {
  return `op seeds ${ops.map((op) => String(op.attrs['seed'] ?? 'none')).join(', ')}`
}
