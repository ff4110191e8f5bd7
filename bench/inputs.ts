/** What all contenders are fed: the same numbers, made here, so that every one of them computes the same thing. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** `count` numbers in [-scale, scale), from a linear congruential generator: equal in every contender and run. */
export function randomNumbers(count: number, seed: number, scale = 1): Float32Array {
  let state = seed >>> 0
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * scale
  })
}

export interface MlpSizes {
  readonly batch: number
  readonly features: number
  readonly hidden: number
  readonly classes: number
}

export const MLPS: Readonly<Record<string, MlpSizes>> = {
  'mlp-64-64-10': { batch: 32, features: 64, hidden: 64, classes: 10 },
  'mlp-784-256-10': { batch: 64, features: 784, hidden: 256, classes: 10 },
}
export const GEMM_SIZES = [256, 512, 1024] as const
export const LEARNING_RATE = 0.001
export const ADAM_PARAMETERS = 10_000_000
/** Of the fully connected layers in the programs of many layers. */
export const LAYER_WIDTH = 8
export const LAYER_BATCH = 4

export interface Mlp extends MlpSizes {
  readonly x: Float32Array
  readonly labels: Int32Array
  readonly w1: Float32Array
  readonly w2: Float32Array
}

export function mlp(name: string): Mlp {
  const sizes = MLPS[name]!
  const { batch, features, hidden, classes } = sizes
  return {
    ...sizes,
    x: randomNumbers(batch * features, 1),
    labels: Int32Array.from({ length: batch }, (_, i) => i % classes),
    w1: randomNumbers(features * hidden, 2, Math.sqrt(6 / (features + hidden))),
    w2: randomNumbers(hidden * classes, 3, Math.sqrt(6 / (hidden + classes))),
  }
}

const path = (relative: string): URL => new URL(`../${relative}`, import.meta.url)
export const PUBLISHED_MODEL = path('examples/direction_classifier/model/inference')
/** Side of the direction classifier's input: [rows, 3, 48, 192]. */
export const IMAGE = [3, 48, 192] as const

/** One line of text, and the two probabilities that Paddle gave for it. */
export function directionLine(): { readonly x: Float32Array; readonly expected: readonly number[] } {
  const unpacked = (name: string): Buffer => gunzipSync(readFileSync(path(`test/golden/direction_classifier/${name}`)))
  const bytes = unpacked('tensors/random_b1.f32.gz')
  const { cases } = JSON.parse(unpacked('inference.json.gz').toString()) as {
    cases: { name: string; output: { data: number[] } }[]
  }
  return {
    x: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)),
    expected: cases.find(({ name }) => name === 'random_b1')!.output.data,
  }
}

/** A file of the recorded training of the direction classifier. */
export const recordedTraining = (file: string): Uint8Array =>
  new Uint8Array(gunzipSync(readFileSync(path(`test/golden/direction_classifier/train/${file}`))))

export function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(got[i]! - expected[i]!) <= tolerance))
      throw new Error(`wrong result: ${got[i]} instead of ${expected[i]} at ${i}`)
  }
}
