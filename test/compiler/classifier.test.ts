/** The direction classifier on the WASM back end: all of its operators are compiled, and plan and interpreter give equal bits. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { Executor } from '../../src/compiler/executor.ts'
import { Program, readCombinedParams } from '../../src/index.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { readGolden } from '../golden.ts'
import { differentValues } from '../ops/op_case.ts'
import { Random } from './lowering_case.ts'

const FOLDER = '../golden/direction_classifier/train/'
const golden = (name: string): Uint8Array =>
  new Uint8Array(gunzipSync(readFileSync(new URL(`${FOLDER}${name}.gz`, import.meta.url))))
const { loss, logits } = readGolden<{ loss: string; logits: string }>('direction_classifier/train/run.json.gz')

/** Fetched values of two runs, and all persistable ones after them. */
function run(name: 'main' | 'test', batch: number, engine: 'plan' | 'interpreter') {
  const program = Program.from(golden(`${name}.pdmodel`))
  const executor = new Executor({ engine, backend: 'wasm', seed: 2 })
  executor.run(Program.from(golden('startup.pdmodel')))
  const initial = readCombinedParams(golden('initial.pdiparams'), Program.from(golden('main.pdmodel')))
  for (const [variable, value] of initial) executor.scope.set(variable, value)
  const random = new Random(7)
  const feed = {
    image: random.floats([batch, 3, 48, 192], { low: -1, high: 1 }),
    label: random.ints([batch, 1], 0, 1),
  }
  const fetched = Array.from({ length: 2 }, () => executor.run(program, { feed, fetch: [loss, logits] }) as Tensor[])
  const persistable = new Map(executor.scope.names().map((variable) => [variable, executor.scope.get(variable)]))
  const { compiledOps } = executor.lastRun!
  executor.dispose()
  return { fetched, persistable, compiledOps, operators: program.globalBlock().ops.length }
}

test.each([
  ['main', 8],
  ['test', 1],
] as const)('%s, %i images', (name, batch) => {
  const plan = run(name, batch, 'plan')
  const interpreter = run(name, batch, 'interpreter')
  expect(plan.compiledOps).toBe(plan.operators)
  expect(interpreter.compiledOps).toBe(plan.operators)
  plan.fetched.forEach((values, step) => {
    values.forEach((value, i) => {
      expect(differentValues(interpreter.fetched[step]![i], value), `step ${step}`).toBeUndefined()
    })
  })
  expect([...plan.persistable.keys()].sort()).toEqual([...interpreter.persistable.keys()].sort())
  for (const [variable, value] of plan.persistable)
    expect(differentValues(interpreter.persistable.get(variable), value), variable).toBeUndefined()
})
