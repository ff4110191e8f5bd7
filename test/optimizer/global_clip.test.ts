/** ClipGradByGlobalNorm over gradients of several element types: one norm, of all of them. */
import { expect, test } from 'vitest'
import {
  build,
  callOp,
  Executor,
  input,
  nn,
  ops,
  optimizer,
  ParameterTensor,
  type Tensor,
  tensor,
} from '../../src/index.ts'

const X = [
  [1, 2, 3],
  [0, -1, 1],
]

/** mean(x w) in float32 plus mean(x v) in float64. */
function mixed() {
  return build(() => {
    const narrow = nn.functional.mean(nn.functional.fc(input('x', [2, 3]), 2, { biasAttr: false }))
    const wide = nn.functional.mean(nn.functional.fc(input('xd', [2, 3], 'float64'), 2, { biasAttr: false }))
    return narrow.add(callOp(ops.cast, { X: wide }, { in_dtype: 'float64', out_dtype: 'float32' }).Out)
  })
}

test('float32 and float64 share a norm in float64; each is multiplied in its own type', () => {
  const { main, startup, out } = mixed()
  new optimizer.SGD({ learningRate: 1, gradClip: nn.ClipGradByGlobalNorm(0.5) }).minimize(out, { startup })
  const appended = main.globalBlock().ops.filter(({ nameScope }) => nameScope.includes('gradient_clip'))
  // What Paddle 2.6.2 appends, but for the cast before the first product: without it its program fails when it runs.
  expect(appended.map(({ type }) => type)).toEqual([
    ...['squared_l2_norm', 'squared_l2_norm', 'sum', 'cast', 'sum', 'sum', 'sqrt', 'fill_constant', 'elementwise_max'],
    ...['elementwise_div', 'cast', 'elementwise_mul', 'elementwise_mul'],
  ])
  for (const engine of ['plan', 'interpreter'] as const) {
    const executor = new Executor({ engine, seed: 3 })
    executor.run(startup)
    const before = ['fc_0.w_0', 'fc_1.w_0'].map((name) => Array.from((executor.scope.get(name) as Tensor).data, Number))
    executor.run(main, { feed: { x: X, xd: X } })
    // The gradient of each weight [3, 2] is the column sum of x over 4, in both columns.
    const gradient = [1, 1, 1, 1, 4, 4].map((sum) => sum / 4)
    const norm = Math.sqrt(2 * gradient.reduce((sum, value) => sum + value * value, 0))
    for (const [i, name] of ['fc_0.w_0', 'fc_1.w_0'].entries()) {
      const after = executor.scope.get(name) as Tensor
      expect(after.dtype).toBe(i === 0 ? 'float32' : 'float64')
      const moved = before[i]!.map((value, k) => value - Number(after.at(k)))
      for (const [k, value] of moved.entries()) expect(value).toBeCloseTo((gradient[k]! * 0.5) / norm, i === 0 ? 6 : 7)
    }
    executor.dispose()
  }
})

test('dygraph does the same', () => {
  const parameter = (name: string, dtype: 'float32' | 'float64') => {
    const { data, engine } = tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], dtype, [3, 2])
    return new ParameterTensor(name, dtype, [3, 2], data, engine!)
  }
  const weights = [parameter('w', 'float32'), parameter('v', 'float64')]
  const rule = new optimizer.SGD({ learningRate: 1, parameters: weights, gradClip: nn.ClipGradByGlobalNorm(0.5) })
  expect(weights.map(({ dtype }) => dtype)).toEqual(['float32', 'float64'])
  const before = weights.map((weight) => Array.from(weight.data, Number))
  for (const weight of weights) nn.functional.mean(nn.functional.linear(tensor(X, weight.dtype), weight)).backward()
  rule.step()
  const gradient = [1, 1, 1, 1, 4, 4].map((sum) => sum / 4)
  const norm = Math.sqrt(2 * gradient.reduce((sum, value) => sum + value * value, 0))
  for (const [i, weight] of weights.entries()) {
    for (const [k, value] of before[i]!.entries())
      expect(value - Number(weight.at(k))).toBeCloseTo((gradient[k]! * 0.5) / norm, 6)
  }
})
