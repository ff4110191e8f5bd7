/** Ftrl against the update of McMahan et al. 2013, "Ad Click Prediction: a View from the Trenches", algorithm 1, in float64. */
import { expect, test } from 'vitest'
import { build, Executor, input, nn, optimizer, type Tensor, tensor } from '../../src/index.ts'

/** One weight of the paper's algorithm with alpha = rate, beta = 0. */
class Weight {
  value: number
  #n = 0
  #z = 0
  constructor(value: number) {
    this.value = value
  }
  update(g: number, rate: number, l1: number, l2: number): void {
    const n = this.#n + g * g
    const sigma = (Math.sqrt(n) - Math.sqrt(this.#n)) / rate
    this.#z += g - sigma * this.value
    this.#n = n
    // Paddle's operator weighs the squares with 2 * l2.
    this.value = Math.abs(this.#z) <= l1 ? 0 : -(this.#z - Math.sign(this.#z) * l1) / (Math.sqrt(n) / rate + 2 * l2)
  }
}

test.each([
  [0, 0],
  [0.05, 0],
  [0.02, 0.3],
  [1, 0.1],
])('l1 %d, l2 %d: weights follow the formula over 6 steps', (l1, l2) => {
  const rate = 0.1
  const { main, startup, out } = build(() => {
    const x = input('x', [null, 3])
    const prediction = nn.functional.fc(x, 1, { biasAttr: false })
    const loss = nn.functional.mean(prediction)
    new optimizer.Ftrl({ learningRate: rate, l1, l2 }).minimize(loss)
    return { loss }
  })
  const executor = new Executor({ seed: 4 })
  executor.run(startup)
  const op = main.globalBlock().ops.find(({ type }) => type === 'ftrl')!
  expect(op.inputs['SquaredAccumulator']).toEqual(['fc_0.w_0_squared_0'])
  expect(op.outputs['LinearAccumOut']).toEqual(['fc_0.w_0_linear_0'])
  const weightsOf = (): number[] => [...((executor.scope.get('fc_0.w_0') as Tensor).data as Float32Array)]
  const weights = weightsOf().map((value) => new Weight(value))
  for (let step = 0; step < 6; step++) {
    // The gradient of the mean of one row is the row.
    const row = [0.3, -1.2, 0.05].map((value, i) => value * Math.cos(step * (i + 1)))
    executor.run(main, { feed: { x: tensor([row]) }, fetch: [out.loss] })
    row.forEach((g, i) => {
      weights[i]!.update(g, rate, l1, l2)
    })
    weightsOf().forEach((value, i) => {
      expect(Math.abs(value - weights[i]!.value)).toBeLessThanOrEqual(2e-6)
    })
  }
  if (l1 === 1) expect(weightsOf()).toContain(0)
})
