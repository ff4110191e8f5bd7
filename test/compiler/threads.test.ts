/** Kernels split among threads: the parts really run elsewhere, and no bit depends on it. */
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ThreadPool } from '../../src/compiler/threads/pool.ts'
import { WasmBackend } from '../../src/compiler/wasm/backend.ts'
import { i32 } from '../../src/compiler/wasm/instructions.ts'
import { kernelFunction } from '../../src/compiler/wasm/kernel_function.ts'
import { ModuleBuilder } from '../../src/compiler/wasm/module.ts'
import { Executor } from '../../src/executor/executor.ts'
import type { Value } from '../../src/index.ts'
import { Executor as PublicExecutor } from '../../src/index.ts'
import { seed } from '../../src/tensor/random.ts'
import { valueFromJSON } from '../../src/tensor/tensor_json.ts'
import { Recording } from '../../tools/replay/recording.ts'
import { differentValues } from '../ops/op_case.ts'

const FOLDER = fileURLToPath(new URL('../golden/programs/', import.meta.url))

/** A kernel whose record holds an address A: A[i] = i + 1 for its units i. */
function counting(memory: WebAssembly.Memory): WebAssembly.Module {
  const module = new ModuleBuilder()
  module.import('fork', { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] })
  const index = kernelFunction(module, 1, (f, [at], begin, end) => {
    const i = f.local('i32')
    f.count(i, begin, end, 1, () => f.do(i32.store(i32.add(at!, i32.shl(i, i32.const(2))), i32.add(i, i32.const(1)))))
  })
  module.export('kernel0', index)
  const maximum = 16
  expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer)
  return new WebAssembly.Module(module.bytes({ shared: true, maximum }))
}

describe.each([2, 3])('a pool of %i threads', (threads) => {
  test('each thread does its part of the units, again and again', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 16, shared: true })
    const pool = new ThreadPool(threads)
    const owner = {}
    const id = pool.register(counting(memory), memory, owner)
    pool.waitUntilReady()
    expect(pool.failure).toBeUndefined()
    const words = new Int32Array(memory.buffer)
    for (const units of [10, 7, 2, threads, 1000]) {
      words.fill(0)
      words[0] = 4096
      const mine: number[][] = []
      const stub = (record: number, begin: number, end: number): number => {
        mine.push([record, begin, end])
        return 0
      }
      pool.fork(stub, id, 0, 0, 0, units, 1e9)
      const first = Math.floor(units / threads)
      expect(mine).toEqual([[0, 0, first]])
      const expected = Array.from({ length: units }, (_, i) => (i < first ? 0 : i + 1))
      expect([...words.subarray(1024, 1024 + units)]).toEqual(expected)
      expect(words[1024 + units]).toBe(0)
    }
    expect(owner).toBeDefined()
  })

  test('threads that went to sleep are woken for large work, and left to sleep for small', async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 16, shared: true })
    const pool = new ThreadPool(threads)
    const id = pool.register(counting(memory), memory, {})
    pool.waitUntilReady()
    const words = new Int32Array(memory.buffer)
    words[0] = 4096
    let whole = 0
    const stub = (_: number, begin: number, end: number): number => {
      if (begin === 0 && end === 12) whole++
      return 0
    }
    await new Promise((resolve) => setTimeout(resolve, 300))
    pool.fork(stub, id, 0, 0, 0, 12, 10)
    expect(whole).toBe(1)
    expect(words[1024 + 11]).toBe(0)
    pool.fork(stub, id, 0, 0, 0, 12, 1e9)
    expect(whole).toBe(1)
    expect(words[1024 + 11]).toBe(12)
  })
})

const recordings = readdirSync(FOLDER)
  .map((name) => new Recording(`${FOLDER}${name}`))
  .filter((recording) => recording.json('feeds') !== undefined)

function losses(recording: Recording, threads: number): { readonly values: Value[]; readonly executor: Executor } {
  const main = recording.program('main')!
  // Every kernel of two units or more is split, however small.
  const executor = new Executor({ threads }, new WasmBackend(0))
  seed(recording.meta.paddle_seed)
  executor.run(recording.program('startup')!)
  const feeds = recording.json<readonly Readonly<Record<string, unknown>>[]>('feeds')!
  const values: Value[] = []
  for (let step = 0; step < 3; step++) {
    const given = Object.entries(feeds.length === 0 ? {} : feeds[step % feeds.length]!)
    const feed = Object.fromEntries(given.map(([name, json]) => [name, valueFromJSON(json)]))
    values.push(...executor.run(main, { feed, fetch: recording.meta.fetches }))
  }
  return { values, executor }
}

const several = availableParallelism() > 1

describe('recorded programs with every kernel split in two', () => {
  test.skipIf(!several)('the machine has a second processor', () => {
    expect(losses(recordings[0]!, 2).executor.lastRun!.threads).toBe(2)
  })

  test.each(recordings.map((recording) => [recording.meta.name, recording] as const))(
    '%s: the bits of one thread',
    (_, recording) => {
      const one = losses(recording, 1)
      const two = losses(recording, 2)
      const planned = two.executor.lastRun!.engine === 'plan'
      expect(two.executor.lastRun!.threads).toBe(planned && several ? 2 : 1)
      const faults = one.values.map((value, i) => differentValues(value, two.values[i])).filter(Boolean)
      for (const name of one.executor.scope.names()) {
        const fault = differentValues(one.executor.scope.get(name), two.executor.scope.get(name))
        if (fault !== undefined) faults.push(`"${name}" ${fault}`)
      }
      expect(faults).toEqual([])
    },
  )
})

test('lastRun says why there are fewer threads than asked for', () => {
  const recording = recordings[0]!
  const startup = recording.program('startup')!
  const last = (options: ConstructorParameters<typeof PublicExecutor>[0]) => {
    const executor = new PublicExecutor(options)
    executor.run(startup)
    return executor.lastRun!
  }
  expect(last({ threads: 2, backend: 'ts' })).toMatchObject({
    threads: 1,
    threadsReason: expect.stringContaining('TypeScript'),
  })
  expect(last({ threads: 2, engine: 'interpreter' }).threadsReason).toContain('interpreter')
  expect(last({ threads: 4096 })).toMatchObject({ threads: Math.min(64, availableParallelism()) })
  expect(last({ threads: 4096 }).threadsReason).toContain('processors')
  expect(last({ threads: 1 }).threadsReason).toBeUndefined()
})
