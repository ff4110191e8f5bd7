/**
 * Why half-precision training needs master weights: an update smaller than half the gap to the next float16 number is lost.
 *
 *   npx tsx examples/half_master_weights.ts
 *
 * The digits are classified by a network with float16 parameters. Adam moves a weight by about the learning rate. Weights lie around 0.1, where
 * neighbouring float16 numbers are 6e-5 apart: a step of 2e-5 rounds back to where it started, every time. With multiPrecision, Adam keeps a
 * float32 master of each parameter and updates that; the parameter is the master rounded, and small steps add up.
 */
import { fileURLToPath } from 'node:url'
// Outside of this repository: from 'oarlock'.
import {
  build,
  callOp,
  Executor,
  Generator,
  input,
  nn,
  ops,
  optimizer,
  type Tensor,
  type Variable,
} from '../src/index.ts'
import { CLASSES, PIXELS } from './digits/build_program.ts'
import { batches, readDigits, shuffledRows } from './digits/train.ts'

type Float = 'float32' | 'float16' | 'bfloat16'

export interface HalfSettings {
  readonly learningRate: number
  readonly epochs: number
  /** Master weights for half parameters. */
  readonly multiPrecision?: boolean
  readonly seed?: number
}

export interface HalfTraining {
  /** Share of the test digits that were right, 0 to 1. */
  readonly accuracy: number
  /** How many weights are no longer what startup gave. */
  readonly moved: number
  readonly weights: number
}

/** Trains 64 pixels -> 32 -> 10 with parameters of the given type; inputs are cast to it, the loss is taken in float32. */
export function trainHalf(
  dtype: Float,
  { learningRate, epochs, multiPrecision = false, seed = 3 }: HalfSettings,
): HalfTraining {
  const { main, startup, out } = build(() => {
    const x = input('x', [null, PIXELS])
    const y = input('y', [null, 1], 'int64')
    const hidden = nn.functional.fc(cast(x, dtype), 32, { activation: 'relu' })
    const logits = cast(nn.functional.fc(hidden, CLASSES), 'float32')
    return {
      loss: nn.functional.crossEntropy(logits, y),
      accuracy: nn.functional.accuracy(nn.functional.softmax(logits), y),
    }
  })
  const test = main.clone({ forTest: true })
  new optimizer.Adam({ learningRate, multiPrecision }).minimize(out.loss, { startup })

  const executor = new Executor({ seed })
  executor.run(startup)
  const names = main.parameters().map(({ name }) => name)
  const before = names.map((name) => executor.scope.get(name) as Tensor)
  const digits = readDigits('train')
  const generator = new Generator(seed)
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const batch of batches(digits, shuffledRows(digits.x.shape[0]!, generator))) {
      executor.run(main, { feed: { ...batch }, fetch: [] })
    }
  }
  // Throws if a parameter is not its master rounded.
  optimizer.checkMasterWeights(main, executor.scope)
  const [accuracy] = executor.run(test, { feed: { ...readDigits('test') }, fetch: [out.accuracy.name] }) as [Tensor]
  const moved = names.map((name, i) => {
    const { data } = executor.scope.get(name) as Tensor
    return Array.from<unknown>(data).filter((value, k) => value !== before[i]!.data[k]).length
  })
  executor.dispose()
  return {
    accuracy: Number(accuracy.item()),
    moved: moved.reduce((sum, count) => sum + count, 0),
    weights: before.reduce((sum, { size }) => sum + size, 0),
  }
}

const cast = (x: Variable, to: Float): Variable =>
  x.dtype === to ? x : callOp(ops.cast, { X: x }, { in_dtype: x.dtype, out_dtype: to }).Out

function main(): void {
  for (const learningRate of [0.004, 2e-5]) {
    const epochs = learningRate > 1e-3 ? 8 : 120
    console.log(`learning rate ${learningRate}, ${epochs} epochs`)
    const rows: [string, Float, boolean][] = [
      ['float32', 'float32', false],
      ['float16 with master weights', 'float16', true],
      ['float16 without', 'float16', false],
    ]
    for (const [title, dtype, multiPrecision] of rows) {
      const { accuracy, moved, weights } = trainHalf(dtype, { learningRate, epochs, multiPrecision })
      const share = `${((100 * moved) / weights).toFixed(1)} % of ${weights} weights moved`
      console.log(`  ${title.padEnd(28)} ${share.padStart(30)}, test accuracy ${(100 * accuracy).toFixed(1)} %`)
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
