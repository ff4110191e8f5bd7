/** Shapes that follow from shapes: programs for any batch size are planned, and give what the interpreter gives. */
import { expect, test } from 'vitest'
import type { AppendOpDesc } from '../../src/framework/block.ts'
import { Executor, Program, Tensor } from '../../src/index.ts'

const INT32 = 2

/** x [-1, 2, 3] → rows [-1, 6] by the batch size that x has, with `between` appended in the middle. */
function program(between: readonly AppendOpDesc[] = []): Program {
  const made = new Program()
  const block = made.globalBlock()
  block.createVar({ name: 'x', shape: [-1, 2, 3], dtype: 'float32', needCheckFeed: true, stopGradient: true })
  const ops: AppendOpDesc[] = [
    { type: 'shape', inputs: { Input: 'x' }, outputs: { Out: 'dims' } },
    {
      type: 'slice',
      inputs: { Input: 'dims' },
      outputs: { Out: 'batch' },
      attrs: { axes: [0], starts: [0], ends: [1], decrease_axis: [0] },
    },
    { type: 'fill_constant', outputs: { Out: 'width' }, attrs: { shape: [1], value: 6, dtype: INT32 } },
    ...between,
    {
      type: 'reshape2',
      inputs: { X: 'x', ShapeTensor: ['batch', 'width'] },
      outputs: { Out: 'rows', XShape: 'xshape' },
      attrs: { shape: [-1, 6] },
    },
  ]
  for (const op of ops) block.appendOp(op)
  return made
}

function run(main: Program, engine: 'plan' | 'interpreter', batch: number) {
  const executor = new Executor({ engine })
  const values = Float32Array.from({ length: batch * 6 }, (_, i) => i)
  const [rows] = executor.run(main, { feed: { x: new Tensor('float32', [batch, 2, 3], values) }, fetch: ['rows'] })
  return { rows: rows as Tensor, lastRun: executor.lastRun }
}

test('a reshape by the batch size is planned, for each batch size', () => {
  const main = program()
  for (const batch of [1, 3, 2]) {
    const { rows, lastRun } = run(main, 'plan', batch)
    expect(lastRun?.engine, lastRun?.reason).toBe('plan')
    expect(rows.shape).toEqual([batch, 6])
    expect([...rows.data]).toEqual(Array.from({ length: batch * 6 }, (_, i) => i))
    expect(run(main, 'interpreter', batch).rows).toEqual(rows)
  }
})

test('what an operator over known numbers computes is known too', () => {
  const main = program([
    { type: 'scale', inputs: { X: 'width' }, outputs: { Out: 'width' }, attrs: { scale: 1, bias: -3 } },
    { type: 'scale', inputs: { X: 'batch' }, outputs: { Out: 'batch' }, attrs: { scale: 2 } },
  ])
  const { rows, lastRun } = run(main, 'plan', 3)
  expect(lastRun?.engine, lastRun?.reason).toBe('plan')
  expect(rows.shape).toEqual([6, 3])
  expect(run(main, 'interpreter', 3).rows).toEqual(rows)
})

test('a value that only the run knows leaves the program to the interpreter', () => {
  const main = program([
    { type: 'cast', inputs: { X: 'x' }, outputs: { Out: 'whole' }, attrs: { in_dtype: 5, out_dtype: INT32 } },
    { type: 'reduce_max', inputs: { X: 'whole' }, outputs: { Out: 'batch' }, attrs: { reduce_all: true } },
    { type: 'scale', inputs: { X: 'batch' }, outputs: { Out: 'batch' }, attrs: { scale: 0, bias: 2 } },
  ])
  const { rows, lastRun } = run(main, 'plan', 2)
  expect(lastRun?.engine).toBe('interpreter')
  expect(lastRun?.reason).toContain('needs the value of "batch"')
  expect(rows.shape).toEqual([2, 6])
})
