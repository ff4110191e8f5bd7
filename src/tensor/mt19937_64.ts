/**
 * The 64-bit Mersenne twister of M. Matsumoto and T. Nishimura ("Tables of 64-bit Mersenne Twisters", 2000), as std::mt19937_64 seeds it.
 * Every 64-bit word is a pair of 32-bit halves, so that drawing needs no BigInt.
 */
import { InvalidArgumentError } from '../errors.ts'

/** Words of state. */
const N = 312
/** The recurrence joins words this far apart. */
const M = 156
const MATRIX_HI = 0xb5026f5a | 0
const MATRIX_LO = 0xa96619e9 | 0
/** The multiplier of `seed`, 6364136223846793005. */
const MULTIPLIER_HI = 0x5851f42d
const MULTIPLIER_LO = 0x4c957f2d
/** The seed of a default-constructed engine in C++. */
const DEFAULT_SEED = 5489

export class Mt19937_64 {
  /** Upper half of the last draw, in [0, 2^32). */
  hi = 0
  /** Lower half of the last draw, in [0, 2^32). */
  lo = 0
  readonly #hi = new Uint32Array(N)
  readonly #lo = new Uint32Array(N)
  /** Index of the next word to give out; N when a new block is due. */
  #position = N

  constructor(seed = DEFAULT_SEED) {
    this.seed(seed)
  }

  /** `engine.seed(n)` of C++: the low 32 bits of n, a negative n with all upper bits set, as an int becomes a uint64 (uniform_random/seed_negative). */
  seed(n: number): this {
    let hi = n < 0 ? 0xffffffff : 0
    let lo = n >>> 0
    this.#hi[0] = hi
    this.#lo[0] = lo
    for (let i = 1; i < N; i++) {
      lo ^= hi >>> 30 // word ^ (word >>> 62)
      const product = Math.imul(lo, MULTIPLIER_LO) >>> 0
      const sum = product + i
      hi = (upperProduct(lo, MULTIPLIER_LO) + Math.imul(lo, MULTIPLIER_HI) + Math.imul(hi, MULTIPLIER_LO)) | 0
      if (sum >= 2 ** 32) hi = (hi + 1) | 0
      lo = sum | 0
      this.#hi[i] = hi
      this.#lo[i] = lo
    }
    this.#position = N
    return this
  }

  /**
   * `engine.seed(std::seed_seq{n})` of C++: n is cut to its low 32 bits. The standard's guard against a state of zeros only is left out:
   * none of the 2^32 seeds can be expected among 2^19937 states.
   */
  seedSequence(n: number): this {
    const words = seedSequenceWords(n >>> 0, 2 * N)
    for (let i = 0; i < N; i++) {
      this.#lo[i] = words[2 * i]!
      this.#hi[i] = words[2 * i + 1]!
    }
    this.#position = N
    return this
  }

  /** Draws 64 bits into `hi` and `lo`. */
  next(): void {
    if (this.#position === N) this.#twist()
    const i = this.#position++
    let hi = this.#hi[i]!
    let lo = this.#lo[i]!
    // The tempering shifts 29 right, 17 left, 37 left, 43 right of the 64-bit word.
    const shifted = hi >>> 29
    lo ^= ((lo >>> 29) | (hi << 3)) & 0x55555555
    hi ^= shifted & 0x55555555
    hi ^= ((hi << 17) | (lo >>> 15)) & 0x71d67fff
    lo ^= (lo << 17) & 0xeda60000
    hi ^= (lo << 5) & 0xfff7eee0
    lo ^= hi >>> 11
    this.hi = hi >>> 0
    this.lo = lo >>> 0
  }

  /** Draws 64 bits as one number. Slow; for tests and rare cases. */
  nextBigInt(): bigint {
    this.next()
    return (BigInt(this.hi) << 32n) | BigInt(this.lo)
  }

  /** 625 numbers: the state words, each as lower and upper half, and the position in them. `hi` and `lo` are not part of it. */
  saveState(): Uint32Array {
    const state = new Uint32Array(2 * N + 1)
    for (let i = 0; i < N; i++) {
      state[2 * i] = this.#lo[i]!
      state[2 * i + 1] = this.#hi[i]!
    }
    state[2 * N] = this.#position
    return state
  }

  /** @throws InvalidArgumentError E212 if `state` is not one that `saveState` gave. */
  loadState(state: Uint32Array): this {
    if (state.length !== 2 * N + 1 || state[2 * N]! > N) {
      throw new InvalidArgumentError(
        'E212',
        `a state of the random engine is ${2 * N + 1} numbers, the last at most ${N}`,
        {
          expected: { length: 2 * N + 1 },
          got: { length: state.length, last: state.at(-1) },
        },
      )
    }
    for (let i = 0; i < N; i++) {
      this.#lo[i] = state[2 * i]!
      this.#hi[i] = state[2 * i + 1]!
    }
    this.#position = state[2 * N]!
    return this
  }

  /** An engine that goes on as this one does. */
  clone(): Mt19937_64 {
    return new Mt19937_64().loadState(this.saveState())
  }

  #twist(): void {
    const his = this.#hi
    const los = this.#lo
    for (let i = 0; i < N; i++) {
      const next = i + 1 < N ? i + 1 : 0
      const far = i + M < N ? i + M : i + M - N
      // The upper 33 bits of this word and the lower 31 of the next.
      const hi = his[i]!
      const lo = (los[i]! & 0x80000000) | (los[next]! & 0x7fffffff)
      const odd = -(lo & 1)
      his[i] = his[far]! ^ (hi >>> 1) ^ (odd & MATRIX_HI)
      los[i] = los[far]! ^ ((lo >>> 1) | (hi << 31)) ^ (odd & MATRIX_LO)
    }
    this.#position = 0
  }
}

/** The upper 32 bits, as a signed number, of the product of two unsigned 32-bit numbers. */
function upperProduct(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const carry = aLow * bHigh + (middle & 0xffff)
  // `middle` and `carry` reach 2^32 - 1 at most, so >>> 16 keeps all their bits.
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) | 0
}

/**
 * `count` words that std::seed_seq{n} generates, `count` >= 623. The C++ standard, [rand.util.seedseq], where the lag is 11 for such counts;
 * a sequence of one word adds itself in step 1 and nothing but the step's index later on.
 */
function seedSequenceWords(n: number, count: number): Uint32Array {
  const words = new Uint32Array(count).fill(0x8b8b8b8b)
  const p = (count - 11) >> 1
  const q = p + 11
  for (let k = 0; k < count; k++) {
    const near = (k + p) % count
    const far = (k + q) % count
    const mixed = words[k]! ^ words[near]! ^ words[(k + count - 1) % count]!
    const first = Math.imul(1664525, mixed ^ (mixed >>> 27))
    const second = first + (k === 0 ? 1 : k === 1 ? k + n : k)
    words[near] = words[near]! + first
    words[far] = words[far]! + second
    words[k] = second
  }
  for (let k = 0; k < count; k++) {
    const near = (k + p) % count
    const far = (k + q) % count
    const mixed = (words[k]! + words[near]! + words[(k + count - 1) % count]!) | 0
    const third = Math.imul(1566083941, mixed ^ (mixed >>> 27))
    const fourth = third - k
    words[near] = words[near]! ^ third
    words[far] = words[far]! ^ fourth
    words[k] = fourth
  }
  return words
}
