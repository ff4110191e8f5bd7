/**
 * Trains the digits program through the library: the loop that `oarlock run --data` has, written out.
 *
 *   npx tsx examples/digits/train.ts                one training, seed 1
 *   npx tsx examples/digits/train.ts --seed 7       another one
 *   npx tsx examples/digits/train.ts --seeds 5      seeds 1 to 5, and the mean of their test accuracies
 *
 * Equal seeds give equal numbers, here and on the command line (`npm run digits`).
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Executor, Generator, Tensor } from '../../src/index.ts'
import { readNpy } from '../../src/io/npy.ts'
import { buildDigits, type DigitsPrograms, PIXELS } from './build_program.ts'

export const BATCH = 32
export const EPOCHS = 20

/** Images [N, 64] and their labels [N, 1]. */
export interface Digits {
  readonly x: Tensor
  readonly y: Tensor
}

/** What one epoch left: the mean loss of its batches, each weighted by its rows, and the test results. */
export interface Epoch {
  readonly loss: number
  readonly testLoss: number
  readonly testAccuracy: number
}

export function readDigits(part: 'train' | 'test'): Digits {
  const read = (name: string): Tensor => readNpy(readFileSync(new URL(`${part}_${name}.npy`, import.meta.url)))
  return { x: read('x'), y: read('y') }
}

/** Trains from the start that `seed` gives. @param onEpoch called after each epoch. @returns the epochs. */
export function trainDigits(programs: DigitsPrograms, seed: number, onEpoch?: (epoch: Epoch) => void): Epoch[] {
  const data = readDigits('train')
  const test = readDigits('test')
  // One generator for initial values, one for the order of rows: then the order does not depend on how many values there are.
  const executor = new Executor({ seed })
  const generator = new Generator(seed)
  executor.run(programs.startup)
  const epochs: Epoch[] = []
  for (let i = 0; i < EPOCHS; i++) {
    let sum = 0
    for (const batch of batches(data, shuffledRows(data.x.shape[0]!, generator))) {
      const [loss] = executor.run(programs.main, { feed: { ...batch }, fetch: ['loss'] })
      sum += numberOf(loss) * batch.x.shape[0]!
    }
    // The test program reads the parameters that main has just updated: both run in the executor's scope.
    const [testLoss, accuracy] = executor.run(programs.test, { feed: { ...test }, fetch: ['loss', 'accuracy'] })
    const epoch = { loss: sum / data.x.shape[0]!, testLoss: numberOf(testLoss), testAccuracy: numberOf(accuracy) }
    epochs.push(epoch)
    onEpoch?.(epoch)
  }
  executor.dispose()
  return epochs
}

const numberOf = (value: unknown): number => Number((value as Tensor).item())

/** The rows in the given order, cut into batches; the last one may be smaller. */
export function* batches({ x, y }: Digits, order: Uint32Array): Iterable<Digits> {
  for (let start = 0; start < order.length; start += BATCH) {
    const rows = order.subarray(start, start + BATCH)
    const images = new Float32Array(rows.length * PIXELS)
    const labels = new BigInt64Array(rows.length)
    rows.forEach((row, i) => {
      images.set((x.data as Float32Array).subarray(row * PIXELS, (row + 1) * PIXELS), i * PIXELS)
      labels[i] = (y.data as BigInt64Array)[row]!
    })
    yield { x: new Tensor('float32', [rows.length, PIXELS], images), y: new Tensor('int64', [rows.length, 1], labels) }
  }
}

/** The numbers 0 to n - 1 in random order (Fisher and Yates). */
export function shuffledRows(n: number, { engine }: Generator): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    engine.next()
    // 64 random bits in two halves, as a number in [0, 1).
    const j = Math.floor((engine.hi * 2 ** 32 + engine.lo) * 2 ** -64 * (i + 1))
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}

function main(): void {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, seeds: { type: 'string' } } })
  const programs = buildDigits()
  if (values.seeds === undefined) {
    const seed = Number(values.seed ?? 1)
    let number = 0
    trainDigits(programs, seed, ({ loss, testLoss, testAccuracy }) => {
      const test = `test loss ${testLoss.toFixed(4)}  test accuracy ${percent(testAccuracy)}`
      console.log(`epoch ${++number}/${EPOCHS}  loss ${loss.toFixed(4)}  ${test}`)
    })
    return
  }
  const accuracies = Array.from({ length: Number(values.seeds) }, (_, i) => {
    const accuracy = trainDigits(programs, i + 1).at(-1)!.testAccuracy
    console.log(`seed ${i + 1}  test accuracy ${percent(accuracy)}`)
    return accuracy
  })
  console.log(`mean    test accuracy ${percent(accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length)}`)
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
