/** Limits of a run: refused with a typed error before memory or time are spent, and the next run works. */
import { describe, expect, test } from 'vitest'
import { EnforceError } from '../../src/errors.ts'
import { attr } from '../../src/framework/attr.ts'
import type { Limits } from '../../src/framework/limits.ts'
import { defineOp, extend, one } from '../../src/framework/op_def.ts'
import { Executor, ops, Program, tensor } from '../../src/index.ts'

const ENGINES = ['plan', 'interpreter'] as const

function failure(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** y = broadcast of x [n] to [100, n], then z = y + 1. */
function program(library: ConstructorParameters<typeof Program>[0] = ops): Program {
  const made = new Program(library)
  const block = made.globalBlock()
  block.createVar({ name: 'x', shape: [-1], needCheckFeed: true })
  block.createVar({ name: 'y' })
  block.createVar({ name: 'z' })
  block.appendOp({ type: 'expand_v2', inputs: { X: 'x' }, outputs: { Out: 'y' }, attrs: { shape: [100, -1] } })
  block.appendOp({ type: 'scale', inputs: { X: 'y' }, outputs: { Out: 'z' }, attrs: { bias: 1 } })
  return made
}

/** Runs its block `times` times. */
const repeat = defineOp({
  type: 'repeat',
  doc: 'Runs a block several times.',
  source: 'this test',
  inputs: { X: one('Read by the block.') },
  outputs: { Out: one('Written by the block.') },
  attrs: { sub_block: attr.block(), times: attr.int() },
  inferMeta: ({ X }) => ({ Out: X }),
  grad: 'none',
  effects: 'state',
  kernels: {
    scope(ctx) {
      for (let i = 0; i < (ctx.attrs['times'] as number); i++) ctx.runBlock(ctx.attrs['sub_block'] as number)
    },
  },
})

/** x = x + 1, `times` times. */
function loop(times: number): Program {
  const made = new Program(extend(ops, { repeat }))
  const block = made.globalBlock()
  block.createVar({ name: 'x', shape: [1], needCheckFeed: true })
  const inner = made.createBlock(0)
  const step = { type: 'increment', inputs: { X: 'x' }, outputs: { Out: 'x' }, attrs: { step: 1 } }
  inner.appendOp(step)
  block.appendOp({
    type: 'repeat',
    inputs: { X: 'x' },
    outputs: { Out: 'x' },
    attrs: { sub_block: inner.idx, times },
  })
  return made
}

describe.each(ENGINES)('%s', (engine) => {
  const executor = (limits: Partial<Limits>): Executor => new Executor({ engine, limits })
  const small = { feed: { x: [1, 2] }, fetch: ['z'] }

  test('tensorBytes: a tensor that would be too large, with operator and limit', () => {
    const limited = executor({ tensorBytes: 4000 })
    const error = failure(() => limited.run(program(), { feed: { x: new Float32Array(11) }, fetch: ['z'] }))
    expect(error).toMatchObject({ category: 'ResourceExhausted', code: 'E604', where: { block: 0, op: 0 }, got: 4400 })
    expect(error.message).toContain('the limit tensorBytes of 4000')
    expect(limited.run(program(), small)[0]?.toJSON()).toMatchObject({ shape: [100, 2] })
  })

  test('tensorBytes: a feed and a value that is set', () => {
    const limited = executor({ tensorBytes: 40 })
    const feed = { x: new Float32Array(11) }
    expect(failure(() => limited.run(program(), { feed, fetch: ['z'] }))).toMatchObject({ code: 'E604' })
    expect(failure(() => limited.scope.set('w', tensor(feed.x)))).toMatchObject({ code: 'E604', got: 44 })
    expect(limited.scope.has('w')).toBe(false)
  })

  test('runBytes: all tensors together', () => {
    const limited = executor({ runBytes: 3900 })
    const error = failure(() => limited.run(program(), { feed: { x: new Float32Array(10) }, fetch: ['z'] }))
    expect(error).toMatchObject({ category: 'ResourceExhausted', code: 'E610', where: { block: 0 } })
    expect(error.message).toContain('of at most 3900 bytes')
    expect(limited.scope.heap.used).toBe(0)
    expect(limited.run(program(), small)[0]?.toJSON()).toMatchObject({ shape: [100, 2] })
  })

  test('opRuns: operators of one run, those of loops counted each time', () => {
    expect(failure(() => executor({ opRuns: 1 }).run(program(), small))).toMatchObject({
      category: 'ResourceExhausted',
      code: 'E620',
      where: { block: 0, op: 1 },
    })
    expect(failure(() => executor({ opRuns: 10 }).run(loop(10), { feed: { x: [0] } }))).toMatchObject({
      code: 'E620',
      where: { block: 1, op: 0 },
    })
    expect(
      executor({ opRuns: 11 })
        .run(loop(10), { feed: { x: [0] }, fetch: ['x'] })[0]
        ?.toJSON(),
    ).toMatchObject({
      data: [10],
    })
  })

  test('loopIterations: of one loop', () => {
    const limited = executor({ loopIterations: 10 })
    const error = failure(() => limited.run(loop(11), { feed: { x: [0] } }))
    expect(error).toMatchObject({ code: 'E620', where: { block: 0, op: 0, opType: 'repeat' } })
    expect(error.message).toContain('loopIterations')
    expect(limited.run(loop(10), { feed: { x: [0] }, fetch: ['x'] })[0]?.toJSON()).toMatchObject({ data: [10] })
  })
})

test('dygraph: a tensor that would be too large', () => {
  const column = tensor(new Float32Array(40_000), 'float32', [40_000, 1])
  const row = tensor(new Float32Array(40_000), 'float32', [1, 40_000])
  expect(failure(() => column.add(row))).toMatchObject({ code: 'E604' })
})
