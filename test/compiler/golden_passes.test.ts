/**
 * Recorded programs under the default pipelines: what is fetched and what is kept has the same bits as without passes, in plan and
 * interpreter and on both back ends; where a pass says that it changes bits, within what it says.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Executor } from '../../src/compiler/executor.ts'
import { countOps, optimize } from '../../src/compiler/optimize.ts'
import type { Program } from '../../src/framework/program.ts'
import { stringifyProgramJson } from '../../src/framework/program_json.ts'
import { seed } from '../../src/tensor/random.ts'
import type { Value } from '../../src/tensor/tensor.ts'
import { valueFromJSON } from '../../src/tensor/tensor_json.ts'
import { Recording } from '../../tools/replay/recording.ts'
import { differentValues } from '../ops/op_case.ts'

const FOLDER = fileURLToPath(new URL('../golden/programs/', import.meta.url))
const STEPS = 3
const recordings = readdirSync(FOLDER).map((name) => new Recording(`${FOLDER}${name}`))
const running = recordings.filter((recording) => recording.json('feeds') !== undefined)

interface Engine {
  readonly engine: 'plan' | 'interpreter'
  readonly backend: 'ts' | 'wasm'
}

type Sets = readonly Readonly<Record<string, unknown>>[]

/** Fetched values of each step, then everything that is kept in the end. */
function run(recording: Recording, program: Program, fetch: readonly string[], engine: Engine): Map<string, Value> {
  const executor = new Executor(engine)
  seed(recording.meta.paddle_seed)
  executor.run(recording.program('startup')!)
  const feeds = recording.json<Sets>('feeds')!
  const sets = recording.json<Sets>('sets')
  const found = new Map<string, Value>()
  for (let step = 0; step < STEPS; step++) {
    for (const [name, json] of Object.entries(sets?.[step] ?? {})) executor.scope.set(name, valueFromJSON(json))
    const given = Object.entries(feeds.length === 0 ? {} : feeds[step % feeds.length]!)
    const feed = Object.fromEntries(
      given.filter(([name]) => program.globalBlock().vars.has(name)).map(([name, json]) => [name, valueFromJSON(json)]),
    )
    for (const [i, value] of executor.run(program, { feed, fetch }).entries())
      found.set(`step ${step} ${fetch[i]}`, value)
  }
  for (const name of executor.scope.names()) found.set(`kept ${name}`, executor.scope.get(name)!)
  executor.dispose()
  return found
}

function differences(expected: ReadonlyMap<string, Value>, got: ReadonlyMap<string, Value>): string[] {
  const faults: string[] = []
  for (const [name, value] of expected) {
    const fault = differentValues(value, got.get(name))
    if (fault !== undefined) faults.push(`${name}: ${fault}`)
  }
  return faults
}

const ENGINES: readonly Engine[] = [
  { engine: 'plan', backend: 'ts' },
  { engine: 'interpreter', backend: 'ts' },
  { engine: 'plan', backend: 'wasm' },
]

describe('recorded programs give equal bits', () => {
  test('there are programs that run', () => {
    expect(running.length).toBeGreaterThanOrEqual(60)
  })

  test.each(running.map((recording) => [recording.meta.name, recording] as const))('%s', (_, recording) => {
    const main = recording.program('main')!
    const middle = [...main.globalBlock().vars.keys()].filter((name) => name.endsWith('@GRAD')).slice(0, 4)
    const fetch = [...new Set([...recording.meta.fetches, ...middle])]
    const text = stringifyProgramJson(main.toJSON())
    const training = optimize(main, { passes: 'training', fetch })
    // No values are given, so what would change bits has nothing to compute with.
    const inference = optimize(main, { passes: 'inference', fetch })
    expect([training.tolerance, inference.tolerance]).toEqual([0, 0])
    expect(stringifyProgramJson(main.toJSON()), 'the program itself is not edited').toBe(text)
    expect(optimize(main, { passes: 'none' }).program).toBe(main)
    expect(countOps(training.program)).toBeLessThanOrEqual(countOps(main))
    const { ops } = main.globalBlock()
    const updates = ops.filter(
      (op) => /^(adam|momentum)$/.test(op.type) && (op.inputs['Beta1Tensor'] ?? []).length === 0,
    )
    const sparse = ops.some((op) => op.attrs['is_sparse'] === true)
    if (updates.length > 1 && !sparse) {
      expect(countOps(training.program), 'updates are merged').toBeLessThan(countOps(main))
    }
    for (const engine of ENGINES) {
      const expected = run(recording, main, fetch, { engine: 'plan', backend: engine.backend })
      expect(differences(expected, run(recording, training.program, fetch, engine))).toEqual([])
      if (engine.engine === 'plan') {
        expect(differences(expected, run(recording, inference.program, fetch, engine))).toEqual([])
      }
    }
  })

  const tests = running.filter(
    (recording) => recording.program('test') !== undefined && recording.meta.test_fetches?.length > 0,
  )
  test.each(tests.map((recording) => [recording.meta.name, recording] as const))('%s for test', (_, recording) => {
    const program = recording.program('test')!
    const fetch = recording.meta.test_fetches.filter((name) => program.globalBlock().vars.has(name))
    const { program: after, tolerance } = optimize(program, { passes: 'inference', fetch })
    expect(tolerance).toBe(0)
    const engine = { engine: 'plan', backend: 'ts' } as const
    expect(differences(run(recording, program, fetch, engine), run(recording, after, fetch, engine))).toEqual([])
  })
})
