/**
 * A program made by hand, operator by operator, and what `minimize` adds to it.
 *
 *   npx tsx examples/adam_by_hand.ts
 *
 * A program is data: a block holds named variables and a list of operators that read and write them by name. There is no other structure.
 * The model is prediction = x w + b, the loss is mean((prediction - y)^2).
 */
// Outside of this repository: from 'oarlock'.
import { Executor, optimizer, Program, type Tensor, verify } from '../src/index.ts'

const main = new Program()
const startup = new Program()
main.startup = startup

// Variables first. -1 is a dimension that a run decides: here the number of rows fed. Parameters are persistable (they outlive a run).
const block = main.globalBlock()
block.createVar({ name: 'x', shape: [-1, 2], needCheckFeed: true, stopGradient: true })
block.createVar({ name: 'y', shape: [-1, 1], needCheckFeed: true, stopGradient: true })
block.createParameter({ name: 'w', shape: [2, 1] })
block.createParameter({ name: 'b', shape: [1] })

// Then operators, under Paddle's names. Output variables that do not exist yet are made, with the shape that follows from the inputs.
block.appendOp({ type: 'matmul_v2', inputs: { X: 'x', Y: 'w' }, outputs: { Out: 'xw' } })
block.appendOp({ type: 'elementwise_add', inputs: { X: 'xw', Y: 'b' }, outputs: { Out: 'prediction' } })
block.appendOp({ type: 'elementwise_sub', inputs: { X: 'prediction', Y: 'y' }, outputs: { Out: 'error' } })
block.appendOp({ type: 'square', inputs: { X: 'error' }, outputs: { Out: 'squared' } })
block.appendOp({ type: 'reduce_mean', inputs: { X: 'squared' }, outputs: { Out: 'loss' }, attrs: { reduce_all: true } })

// Another program gives the parameters their start.
const start = startup.globalBlock()
for (const [name, shape] of [
  ['w', [2, 1]],
  ['b', [1]],
] as const) {
  start.createVar({ name, shape, persistable: true })
  start.appendOp({ type: 'fill_constant', outputs: { Out: name }, attrs: { shape, value: 0, dtype: 'float32' } })
}

console.log('--- forward, as appended\n')
console.log(String(main))

// Backward: each operator's gradient operator, from the last to the first (role B below). Update: one adam for each parameter (role O).
// Adam's moments are more persistable variables; startup gets the operators that set them.
new optimizer.Adam({ learningRate: 0.1 }).minimize(block.var('loss'))

console.log('\n--- after Adam.minimize\n')
console.log(String(main))
console.log('\n--- startup\n')
console.log(String(startup))

const issues = verify(main)
if (issues.length > 0) throw new Error(issues.map((issue) => issue.message).join('\n'))

// 200 steps toward y = 3 x0 - x1 + 0.5.
const x = [
  [1, 0],
  [0, 1],
  [1, 1],
  [2, 1],
]
const y = x.map(([x0, x1]) => [3 * x0! - x1! + 0.5])
const executor = new Executor()
executor.run(startup)
let loss = Number.NaN
for (let step = 0; step < 200; step++) {
  loss = Number((executor.run(main, { feed: { x, y }, fetch: ['loss'] })[0] as Tensor).item())
}
console.log(`\nloss after 200 steps: ${loss.toExponential(1)}`)
console.log(`w  ${String(executor.scope.get('w'))}`)
console.log(`b  ${String(executor.scope.get('b'))}`)
