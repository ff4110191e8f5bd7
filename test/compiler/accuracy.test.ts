/**
 * The errors that formulas state, against functions of float64, over float32 numbers of every size and sign, and for powers over exponents that are
 * whole, half, or next to those: at most one unit in the last place.
 */
import { describe, expect, test } from 'vitest'
import { Executor } from '../../src/compiler/executor.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { Random } from './lowering_case.ts'

/** Out of a compiled operator. */
function compiled(type: string, inputs: Readonly<Record<string, Float32Array>>): Float32Array {
  const executor = new Executor({ backend: 'wasm', engine: 'plan' })
  const program = new Program(ops, { callSites: false })
  const block = program.globalBlock()
  for (const [name, data] of Object.entries(inputs)) {
    block.createVar({ name, dtype: 'float32', shape: [data.length], persistable: true })
    executor.scope.set(name, new Tensor('float32', [data.length], data))
  }
  block.createVar({ name: 'out' })
  const slots = Object.fromEntries(Object.keys(inputs).map((name) => [name, [name]]))
  block.appendOp({ type, inputs: slots, outputs: { Out: ['out'] } })
  const [out] = executor.run(program, { fetch: ['out'] }) as [Tensor]
  expect(executor.lastRun!.compiledOps).toBe(1)
  executor.dispose()
  return out.data as Float32Array
}

const bitsOf = new Int32Array(1)
const numberOf = new Float32Array(bitsOf.buffer)
/** Numbers in the order of float32, one apart for neighbours; zeros are one. */
function place(value: number): number {
  numberOf[0] = value
  return bitsOf[0]! < 0 ? -(bitsOf[0]! & 0x7fffffff) : bitsOf[0]!
}

const show = (inputs: readonly Float32Array[], i: number): string => inputs.map((data) => data[i]).join(', ')

/** Results further than one place from the float32 next to the true value. */
function faults(inputs: readonly Float32Array[], got: Float32Array, wanted: (...args: number[]) => number): string[] {
  const list: string[] = []
  for (let i = 0; i < got.length; i++) {
    const truth = Math.fround(wanted(...inputs.map((data) => data[i]!)))
    const value = got[i]!
    const same = Object.is(truth, value) || (Number.isNaN(truth) && Number.isNaN(value))
    if (same || (truth !== 0 && Math.abs(place(truth) - place(value)) <= 1)) continue
    if (list.length < 5) list.push(`of ${show(inputs, i)} is ${value}, not ${truth}`)
  }
  return list
}

/** Every 7919th float32, infinities and NaN among them, and those next to multiples of π/4 up to the largest. */
function everySize(): Float32Array {
  const words = Uint32Array.from({ length: Math.floor(2 ** 32 / 7919) }, (_, i) => i * 7919)
  const list = [...new Float32Array(words.buffer)]
  for (let exponent = 0; exponent < 128; exponent++) {
    for (const odd of [1, 3, 5, 7, 1001, 8388607]) list.push(Math.fround(odd * (Math.PI / 4) * 2 ** exponent))
  }
  return Float32Array.from([...list, 0, -0, 1, -1, Infinity, -Infinity, Number.NaN])
}

const UNARY = {
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  expm1: Math.expm1,
  log1p: Math.log1p,
} as const

describe('one unit in the last place over the whole range', () => {
  const numbers = everySize()
  test.each(Object.entries(UNARY))('%s', (type, truth) => {
    expect(faults([numbers], compiled(type, { X: numbers }), truth)).toEqual([])
  })
})

/** Exponents, and numbers of any size whose powers may be in the range of float32. */
function powers(): [Float32Array, Float32Array] {
  const random = new Random(20)
  const special = [
    0,
    -0,
    1,
    -1,
    2,
    -2,
    0.5,
    -0.5,
    3,
    -3,
    1e-45,
    -1e-45,
    1e-40,
    3e38,
    -3e38,
    Infinity,
    -Infinity,
    Number.NaN,
  ]
  // Odd numbers end at 2^24.
  special.push(16777215, -16777215, 16777216, 16777218, 33554432, 1 + 2 ** -23, 1 - 2 ** -24, -1 - 2 ** -23)
  const [x, y]: [number[], number[]] = [[], []]
  for (const a of special) for (const b of special) x.push(a) && y.push(b)
  for (let i = 0; i < 200_000; i++) {
    const size = random.next() < 0.5 ? 2 ** (random.next() * 276 - 149) : 4 * random.next()
    const half = random.int(-60, 60) / 2
    // Those next to a whole or half exponent, and those that bring the power to any float32.
    const beside = half * (1 + random.int(-2, 2) * 2 ** -23)
    const reaching = (280 * random.next() - 150) / Math.log2(size)
    x.push(random.next() < 0.3 ? -size : size)
    y.push(random.pick([half, beside, reaching]))
  }
  return [Float32Array.from(x), Float32Array.from(y)]
}

test('one unit in the last place of elementwise_pow, and every special case of C pow', () => {
  const [X, Y] = powers()
  // JavaScript has NaN where C has 1.
  const pow = (x: number, y: number): number => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y)
  expect(faults([X, Y], compiled('elementwise_pow', { X, Y }), pow)).toEqual([])
})
