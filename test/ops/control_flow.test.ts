/**
 * Running blocks under conditions, and selected rows made ready for norms. What recorded programs do with these operators
 * (test/golden/programs: case_chain, cond_in_while, lr_ops_*, embedding_sparse_clip_l2) is compared with Paddle by golden_programs.test.ts;
 * here are the rules that these programs do not reach, and what is refused.
 */
import { describe, expect, test } from 'vitest'
import {
  type EnforceError,
  Executor,
  gradients,
  Program,
  SelectedRows,
  Tensor,
  tensor,
  verify,
} from '../../src/index.ts'

function caught(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    return error as EnforceError
  }
  throw new Error('nothing was thrown')
}

const values = (value: unknown): unknown => (value as Tensor).toArray()

/** `result` is 1 before; the block doubles `x` into it. */
function conditional(attrs: Readonly<Record<string, unknown>>, condition: readonly string[]): Program {
  const program = new Program()
  const block = program.globalBlock()
  block.createVar({ name: 'go', dtype: 'bool', shape: [-1], needCheckFeed: true })
  block.createVar({ name: 'x', shape: [-1], needCheckFeed: true })
  block.createVar({ name: 'result', shape: [-1] })
  block.createVar({ name: 'scope', type: 'STEP_SCOPES' })
  block.appendOp({
    type: 'fill_constant',
    outputs: { Out: 'result' },
    attrs: { shape: [1], value: 1, dtype: 'float32' },
  })
  const inner = program.createBlock(0)
  inner.createVar({ name: 'inside', shape: [-1] })
  inner.appendOp({ type: 'scale', inputs: { X: 'x' }, outputs: { Out: 'inside' }, attrs: { scale: 2 } })
  inner.appendOp({ type: 'assign', inputs: { X: 'inside' }, outputs: { Out: 'result' } })
  program.rollback()
  block.appendOp({
    type: 'conditional_block',
    inputs: { Cond: condition, Input: ['x'] },
    outputs: { Out: ['result'], Scope: 'scope' },
    attrs: { sub_block: 1, ...attrs },
  })
  return program
}

const run = (program: Program, go: Tensor, x: Tensor): unknown =>
  values(new Executor().run(program, { feed: { go, x }, fetch: ['result'] })[0])

describe('conditional_block', () => {
  test('runs its block if the one truth value is true, and leaves the outputs alone if not', () => {
    const program = conditional({ is_scalar_condition: true }, ['go'])
    expect(verify(program).filter(({ severity }) => severity === 'error')).toEqual([])
    expect(run(program, tensor([true]), tensor([3, 4]))).toEqual([6, 8])
    expect(run(program, tensor([false]), tensor([3, 4]))).toEqual([1])
    expect(run(program, tensor([true]), tensor([5]))).toEqual([10])
  })

  test('in its older form runs it if no input is empty', () => {
    const program = conditional({}, ['go'])
    expect(run(program, tensor([false]), tensor([3]))).toEqual([6])
    expect(run(program, tensor([true]), new Tensor('float32', [0], new Float32Array(0)))).toEqual([1])
  })

  test('refuses a condition that is not one bool, by name, and runs rightly afterwards', () => {
    const program = conditional({ is_scalar_condition: true }, ['go'])
    const error = caught(() => run(program, tensor([true, false]), tensor([3])))
    expect([error.category, error.code]).toEqual(['InvalidArgument', 'E203'])
    expect(error.where).toMatchObject({ opType: 'conditional_block', slot: 'Cond', variable: 'go' })
    const none = caught(() => run(conditional({ is_scalar_condition: true }, []), tensor([true]), tensor([3])))
    expect(none.code).toBe('E103')
    expect(run(program, tensor([true]), tensor([3]))).toEqual([6])
  })

  test('has no gradient yet: asking for one leaves the program as it was', () => {
    const program = conditional({ is_scalar_condition: true }, ['go'])
    const result = program.globalBlock().var('result')
    result.stopGradient = false
    const loss = result.mean()
    const before = JSON.stringify(program.toJSON())
    const error = caught(() => gradients(loss, program.globalBlock().var('x')))
    expect([error.category, error.code, error.where?.opType]).toEqual(['Unimplemented', 'E404', 'conditional_block'])
    expect(JSON.stringify(program.toJSON())).toBe(before)
  })
})

describe('while', () => {
  /** Adds 1 to `i` until it is `limit`; each round uses a variable of its own block. */
  function loop(): Program {
    const program = new Program()
    const block = program.globalBlock()
    for (const name of ['i', 'limit']) block.createVar({ name, dtype: 'int64', shape: [1] })
    block.createVar({ name: 'more', dtype: 'bool', shape: [1] })
    block.createVar({ name: 'scopes', type: 'STEP_SCOPES' })
    block.appendOp({ type: 'less_than', inputs: { X: 'i', Y: 'limit' }, outputs: { Out: 'more' } })
    const inner = program.createBlock(0)
    inner.createVar({ name: 'next', dtype: 'int64', shape: [1] })
    inner.appendOp({ type: 'scale', inputs: { X: 'i' }, outputs: { Out: 'next' }, attrs: { scale: 1, bias: 1 } })
    inner.appendOp({ type: 'assign', inputs: { X: 'next' }, outputs: { Out: 'i' } })
    inner.appendOp({ type: 'less_than', inputs: { X: 'i', Y: 'limit' }, outputs: { Out: 'more' } })
    program.rollback()
    block.appendOp({
      type: 'while',
      inputs: { X: ['i', 'limit'], Condition: ['more'] },
      outputs: { Out: ['i', 'more'], StepScopes: 'scopes' },
      attrs: { sub_block: 1 },
    })
    return program
  }
  const count = (executor: Executor, limit: number): unknown => {
    const feed = { i: tensor([0], 'int64'), limit: tensor([limit], 'int64') }
    return values(executor.run(loop(), { feed, fetch: ['i'] })[0])
  }

  test('runs its block until the condition is false, not at all if it is false at once', () => {
    expect(count(new Executor(), 7)).toEqual([7])
    expect(count(new Executor(), -3)).toEqual([0])
  })

  test('stops at the limit of iterations, and the executor runs on', () => {
    const executor = new Executor({ limits: { loopIterations: 20 } })
    expect(caught(() => count(executor, 21)).code).toBe('E620')
    expect(count(executor, 20)).toEqual([20])
  })
})

describe('select_input', () => {
  function selecting(): Program {
    const program = new Program()
    const block = program.globalBlock()
    for (const name of ['a', 'b', 'out']) block.createVar({ name, shape: [-1] })
    block.createVar({ name: 'mask', dtype: 'int32', shape: [-1] })
    block.appendOp({ type: 'select_input', inputs: { X: ['a', 'b'], Mask: 'mask' }, outputs: { Out: 'out' } })
    return program
  }
  const select = (mask: readonly number[]): unknown => {
    const feed = { a: tensor([1, 2]), b: tensor([3]), mask: tensor([...mask], 'int32') }
    return values(new Executor().run(selecting(), { feed, fetch: ['out'] })[0])
  }

  test('copies the variable that the mask names', () => {
    expect(select([0])).toEqual([1, 2])
    expect(select([1])).toEqual([3])
  })

  test.each([[[2]], [[-1]], [[0, 1]]])('refuses the mask %j', (mask) => {
    const error = caught(() => select(mask))
    expect([error.category, error.code, error.where?.slot]).toEqual(['InvalidArgument', 'E203', 'Mask'])
  })
})

describe('selected rows', () => {
  const rows = new SelectedRows(
    [4, 1, 4],
    6,
    tensor([
      [1, 2],
      [10, 20],
      [100, 200],
    ]),
  )
  function merging(type: string): { program: Program; executor: Executor } {
    const program = new Program()
    const block = program.globalBlock()
    block.createVar({ name: 'grad', type: 'SELECTED_ROWS', shape: [6, 2], persistable: true })
    block.createVar({ name: 'out', persistable: true })
    block.appendOp({ type, inputs: { X: 'grad' }, outputs: { Out: 'out' } })
    const executor = new Executor()
    executor.scope.set('grad', rows)
    return { program, executor }
  }

  test('merge_selected_rows adds up equal rows and sorts them', () => {
    const { program, executor } = merging('merge_selected_rows')
    expect(program.globalBlock().var('out').type).toBe('SELECTED_ROWS')
    executor.run(program)
    const merged = executor.scope.get('out') as SelectedRows
    expect([merged.rows, merged.height, values(merged.value)]).toEqual([
      [1, 4],
      6,
      [
        [10, 20],
        [101, 202],
      ],
    ])
  })

  test('get_tensor_from_selected_rows gives the rows that are listed, and is declared with the dense shape', () => {
    const { program, executor } = merging('get_tensor_from_selected_rows')
    expect(program.globalBlock().var('out')).toMatchObject({ type: 'LOD_TENSOR', shape: [6, 2] })
    executor.run(program)
    expect(values(executor.scope.get('out'))).toEqual([
      [1, 2],
      [10, 20],
      [100, 200],
    ])
  })

  test.each(['merge_selected_rows', 'get_tensor_from_selected_rows'])('%s refuses a dense tensor', (type) => {
    const program = new Program()
    const block = program.globalBlock()
    for (const name of ['x', 'out']) block.createVar({ name, shape: [2, 2] })
    const append = () => block.appendOp({ type, inputs: { X: 'x' }, outputs: { Out: 'out' } })
    const error = caught(append)
    expect([error.code, error.where?.slot]).toEqual(['E203', 'X'])
    expect(block.ops).toHaveLength(0)
  })
})
