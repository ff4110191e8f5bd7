/** The plan against the interpreter, which is the meaning of a program: equal bits on every recorded program that runs. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Executor } from '../../src/compiler/executor.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'
import { seed } from '../../src/tensor/random.ts'
import { TensorArray, tensor, type Value } from '../../src/tensor/tensor.ts'
import { valueFromJSON } from '../../src/tensor/tensor_json.ts'
import { Recording } from '../../tools/replay/recording.ts'
import { differentValues } from '../ops/op_case.ts'

const FOLDER = fileURLToPath(new URL('../golden/programs/', import.meta.url))
const STEPS = 5
const recordings = readdirSync(FOLDER).map((name) => new Recording(`${FOLDER}${name}`))
const running = recordings.filter((recording) => recording.json('feeds') !== undefined)

type Sets = readonly Readonly<Record<string, unknown>>[]

interface Run {
  readonly executor: Executor
  /** Fetched values of each step by name. */
  readonly steps: readonly Readonly<Record<string, Value>>[]
  /** Startup, then one entry a step. */
  readonly engines: readonly string[]
}

function run(recording: Recording, engine: 'plan' | 'interpreter', backend: 'ts' | 'wasm'): Run {
  const main = recording.program('main')!
  const startup = recording.program('startup')!
  const executor = new Executor({ engine, backend })
  const engines: string[] = []
  seed(recording.meta.paddle_seed)
  executor.run(startup)
  engines.push(executor.lastRun!.engine)
  const feeds = recording.json<Sets>('feeds')!
  const sets = recording.json<Sets>('sets')
  // Beside what was fetched, every variable with a gradient's name: values in the middle of the program.
  const middle = [...main.globalBlock().vars.keys()].filter((name) => name.endsWith('@GRAD')).slice(0, 6)
  const fetch = [...new Set([...recording.meta.fetches, ...middle])]
  const steps: Record<string, Value>[] = []
  for (let step = 0; step < STEPS; step++) {
    for (const [name, json] of Object.entries(sets?.[step] ?? {})) executor.scope.set(name, valueFromJSON(json))
    const feed = Object.fromEntries(
      Object.entries(feeds.length === 0 ? {} : feeds[step % feeds.length]!).map(([name, json]) => [
        name,
        valueFromJSON(json),
      ]),
    )
    const values = executor.run(main, { feed, fetch })
    engines.push(executor.lastRun!.engine)
    steps.push(Object.fromEntries(fetch.map((name, i) => [name, values[i]!])))
  }
  return { executor, steps, engines }
}

describe('plan and interpreter', () => {
  test('there are programs that run', () => {
    expect(running.length).toBeGreaterThanOrEqual(22)
  })

  const backends = ['ts', 'wasm'] as const
  test.each(
    running.flatMap((recording) => backends.map((backend) => [recording.meta.name, backend, recording] as const)),
  )('%s on %s: equal bits over 5 steps', (_, backend, recording) => {
    const plan = run(recording, 'plan', backend)
    const interpreter = run(recording, 'interpreter', backend)
    expect(plan.executor.lastRun!.backend).toBe(backend)
    // Gradients of rows have no place in an arena, and loops and branches no fixed list of steps: plans leave those to the interpreter.
    const { blocks } = recording.program('main')!
    const isInterpreted = blocks.length > 1 || blocks[0]!.ops.some((op) => op.attrs['is_sparse'] === true)
    expect(plan.engines).toEqual(['plan', ...new Array(STEPS).fill(isInterpreted ? 'interpreter' : 'plan')])
    expect(plan.executor.lastRun!.compiledOps > 0).toBe(backend === 'wasm')
    expect(interpreter.executor.lastRun!.compiledOps).toBe(plan.executor.lastRun!.compiledOps)
    expect(interpreter.engines).toEqual(new Array(STEPS + 1).fill('interpreter'))
    const faults: string[] = []
    plan.steps.forEach((values, step) => {
      for (const [name, value] of Object.entries(values)) {
        const fault = differentValues(interpreter.steps[step]![name], value)
        if (fault !== undefined) faults.push(`step ${step}, "${name}" ${fault}`)
      }
    })
    const names = interpreter.executor.scope.names().sort()
    expect(plan.executor.scope.names().sort()).toEqual(names)
    for (const name of names) {
      const fault = differentValues(interpreter.executor.scope.get(name), plan.executor.scope.get(name))
      if (fault !== undefined) faults.push(`persistable "${name}" ${fault}`)
    }
    expect(faults).toEqual([])
    plan.executor.dispose()
    interpreter.executor.dispose()
  })

  /** As saved for inference: y = 3 x between a list of feeds and one of fetches. */
  const saved = (): Program => {
    const program = new Program(ops)
    const block = program.globalBlock()
    block.createVar({ name: 'feed', type: 'FEED_MINIBATCH', persistable: true })
    block.createVar({ name: 'fetch', type: 'FETCH_LIST', persistable: true })
    block.createVar({ name: 'x', dtype: 'float32', shape: [2], needCheckFeed: true })
    block.createVar({ name: 'y' })
    block.appendOp({ type: 'feed', inputs: { X: 'feed' }, outputs: { Out: 'x' }, attrs: { col: 0 } })
    block.appendOp({ type: 'scale', inputs: { X: 'x' }, outputs: { Out: 'y' }, attrs: { scale: 3 } })
    block.appendOp({ type: 'fetch', inputs: { X: 'y' }, outputs: { Out: 'fetch' }, attrs: { col: 0 } })
    return program
  }

  test.each(['ts', 'wasm'] as const)('programs with feed and fetch operators are planned on %s', (backend) => {
    const program = saved()
    for (const engine of ['plan', 'interpreter'] as const) {
      const executor = new Executor({ backend, engine })
      expect(executor.lastRun).toBeUndefined()
      for (const x of [
        [1, 2],
        [-5, 0.5],
      ]) {
        const [y] = executor.run(program, { feed: { x: tensor(x) }, fetch: ['y'] })
        expect(differentValues(tensor(x.map((value) => 3 * value)), y)).toBeUndefined()
        expect(executor.lastRun).toMatchObject({ engine, backend })
        // The lists belong to the run.
        expect(executor.scope.names()).toEqual([])
      }
    }
  })

  test('lastRun says why a program was interpreted although plans were asked for', () => {
    const executor = new Executor({ backend: 'ts' })
    const [list] = executor.run(saved(), { feed: { x: tensor([1, 2]) }, fetch: ['fetch'] })
    expect(differentValues(new TensorArray([tensor([3, 6])]), list)).toBeUndefined()
    expect(executor.lastRun).toEqual({
      engine: 'interpreter',
      backend: 'ts',
      threads: 1,
      compiledOps: 0,
      reason: expect.stringContaining('fetch'),
    })
  })

  test('a plan is made anew when the program, the shape of a feed, the fetch list or a persistable changes', () => {
    const program = new Program(ops)
    const block = program.globalBlock()
    block.createVar({ name: 'x', dtype: 'float32', shape: [-1], needCheckFeed: true })
    block.createVar({ name: 'w', dtype: 'float32', shape: [1], persistable: true })
    block.createVar({ name: 'y' })
    block.appendOp({ type: 'elementwise_mul', inputs: { X: 'x', Y: 'w' }, outputs: { Out: 'y' } })
    const executor = new Executor()
    executor.scope.set('w', tensor([2]))
    const y = (x: number[], fetch = 'y'): unknown => {
      const [value] = executor.run(program, { feed: { x: tensor(x) }, fetch: [fetch] })
      expect(executor.lastRun!.engine).toBe('plan')
      return (value as { toArray(): unknown }).toArray()
    }
    expect(y([1, 2])).toEqual([2, 4])
    expect(y([1, 2, 3])).toEqual([2, 4, 6])
    expect(y([1, 2])).toEqual([2, 4])
    executor.scope.set('w', tensor([10]))
    expect(y([1, 2])).toEqual([10, 20])
    executor.scope.delete('w')
    executor.scope.set('w', tensor([5, 7]))
    expect(y([1, 2])).toEqual([5, 14])
    executor.scope.set('big', tensor(new Float32Array(1_000_000), 'float32', [1_000_000]))
    expect(y([1, 2]), 'after the heap has grown').toEqual([5, 14])
    block.createVar({ name: 'z' })
    block.appendOp({ type: 'scale', inputs: { X: 'y' }, outputs: { Out: 'z' }, attrs: { scale: -1 } })
    expect(y([1, 2], 'z')).toEqual([-5, -14])
    for (let n = 1; n < 40; n++) expect(y(new Array<number>(n * 2).fill(1).slice(0, 2), 'y')).toEqual([5, 7])
  })

  test('plans of many feed shapes give their memory back', () => {
    const program = new Program(ops)
    const block = program.globalBlock()
    block.createVar({ name: 'x', dtype: 'float32', shape: [-1], needCheckFeed: true })
    block.createVar({ name: 'y' })
    block.appendOp({ type: 'scale', inputs: { X: 'x' }, outputs: { Out: 'y' }, attrs: { scale: 2 } })
    const executor = new Executor()
    let most = 0
    for (let n = 1; n <= 200; n++) {
      executor.run(program, { feed: { x: new Float32Array(n % 50 === 0 ? 1 : n) }, fetch: ['y'] })
      most = Math.max(most, executor.scope.heap.used)
    }
    // Eight plans are kept, each with an arena of two tensors of at most 200 elements and what rounding adds.
    expect(most).toBeLessThan(9 * 2 * 200 * 4 * 1.25 + 1024)
  })
})
