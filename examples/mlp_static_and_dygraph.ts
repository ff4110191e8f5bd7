/**
 * One model, two ways to run it, the same numbers to the last bit.
 *
 *   npx tsx examples/mlp_static_and_dygraph.ts
 *
 * In dygraph an operator call computes; in static mode it appends a line to a program that is run later. Where the code stands decides: what
 * is called inside of `build` is recorded, everything else is computed at once. Model and loss below do not know which of the two it is.
 */
import assert from 'node:assert/strict'
// Outside of this repository: from 'oarlock'.
import { build, Executor, input, nn, optimizer, seed, type Tensor, type TensorLike, tensor } from '../src/index.ts'

const STEPS = 10
const SEED = 7
const LEARNING_RATE = 0.05

/** Eight points of y = a - 2 b + c d. */
const points = [
  [0.1, 0.9, 0.4, 0.3],
  [0.8, 0.2, 0.5, 0.7],
  [0.3, 0.3, 0.9, 0.1],
  [0.6, 0.7, 0.2, 0.8],
  [0.9, 0.1, 0.6, 0.6],
  [0.2, 0.5, 0.1, 0.9],
  [0.7, 0.4, 0.8, 0.2],
  [0.5, 0.6, 0.3, 0.5],
]
const targets = points.map(([a, b, c, d]) => [a! - 2 * b! + c! * d!])

const makeModel = (): nn.Sequential => new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 1))

/** The mean squared error, of tensors that have values and of variables that will have some. */
const lossOf = <V extends TensorLike<V>>(prediction: V, target: V): V => prediction.sub(target).square().mean()

function trainStatic(): number[] {
  // Nothing is computed in here: `main` becomes a list of operators, `startup` the operators that set the parameters.
  const { main, startup, out } = build(() => {
    const x = input('x', [null, 4])
    const y = input('y', [null, 1])
    const loss = lossOf(makeModel().forward(x), y)
    new optimizer.Adam({ learningRate: LEARNING_RATE }).minimize(loss)
    return { loss }
  })
  const executor = new Executor()
  seed(SEED)
  executor.run(startup)
  return Array.from({ length: STEPS }, () => {
    const [loss] = executor.run(main, { feed: { x: points, y: targets }, fetch: [out.loss] })
    return Number((loss as Tensor).item())
  })
}

function trainDygraph(): number[] {
  // Making a layer draws its weights now, from the generator that startup draws from above, in the same order.
  seed(SEED)
  const model = makeModel()
  const adam = new optimizer.Adam({ learningRate: LEARNING_RATE, parameters: model.parameters() })
  const x = tensor(points)
  const y = tensor(targets)
  return Array.from({ length: STEPS }, () => {
    const loss = lossOf(model.forward(x), y)
    loss.backward()
    adam.step()
    adam.clearGrad()
    return Number(loss.item())
  })
}

const fromProgram = trainStatic()
const fromTensors = trainDygraph()
console.log('step  static                 dygraph')
fromProgram.forEach((loss, step) => {
  console.log(`${String(step + 1).padStart(4)}  ${String(loss).padEnd(21)}  ${fromTensors[step]}`)
})
// A float32 loss is printed with all of its digits: equal numbers are equal bits.
assert.deepEqual(fromProgram, fromTensors)
assert.ok(fromProgram.at(-1)! < fromProgram[0]!, 'the loss did not fall')
console.log(`\nequal in all ${STEPS} steps, bit for bit`)
