/**
 * Every recorded program, run in dygraph: its forward operators one by one on tensors, the tape's backward, then its own clipping, decay and
 * update operators. Losses, gradients and all persistable variables must have the bits of the plan's run.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  Executor,
  type Operator,
  OpRole,
  type Program,
  seed,
  type Tensor,
  type Value,
  valueFromJSON,
} from '../../src/index.ts'
import { attach, runNow } from '../../src/modes/dygraph.ts'
import { ops } from '../../src/ops/index.ts'
import { Recording } from '../../tools/replay/recording.ts'

const FOLDER = fileURLToPath(new URL('../golden/programs/', import.meta.url))

/**
 * Programs with one loss, one backward pass and nothing but dense tensors: what the tape of one step can do (its gradients are dense). Error
 * clips belong to variables of a program, tensors have none; branches and loops are JavaScript's.
 */
function canRun(name: string): boolean {
  const recording = new Recording(`${FOLDER}${name}`)
  const { meta } = recording
  const isSparse = recording.program('main')!.blocks.some(({ ops }) => ops.some((op) => op.attrs['is_sparse'] === true))
  return (
    !isSparse &&
    !name.startsWith('amp_') &&
    !name.includes('error_clip') &&
    recording.program('main')!.blocks.length === 1 &&
    meta.gradients === undefined &&
    meta.minimize.length === 1 &&
    meta.unique_names_before_backward !== undefined
  )
}

const names = readdirSync(FOLDER).filter(canRun)
const STEPS = 4

const bits = (value: Tensor): string =>
  Buffer.from(value.data.buffer, value.data.byteOffset, value.data.byteLength).toString('hex')

class DygraphRun {
  readonly values = new Map<string, Tensor>()
  readonly #main: Program
  readonly #noGrad: ReadonlySet<string>
  readonly #definitions = ops as unknown as Readonly<Record<string, Parameters<typeof runNow>[0]>>

  constructor(main: Program, noGrad: readonly string[], persistables: ReadonlyMap<string, Tensor>) {
    this.#main = main
    this.#noGrad = new Set(noGrad)
    for (const [name, value] of persistables) this.#set(name, attach(value))
  }

  #set(name: string, value: Tensor): void {
    const variable = this.#main.globalBlock().vars.get(name)
    const isParameter = variable?.isParameter === true
    if (isParameter && !variable!.stopGradient) value.stopGradient = false
    if (variable?.stopGradient === true || this.#noGrad.has(name)) value.stopGradient = true
    this.values.set(name, value)
  }

  step(feed: Readonly<Record<string, Value>>, loss: string): void {
    for (const [name, value] of Object.entries(feed)) this.#set(name, attach((value as Tensor).clone()))
    const block = this.#main.globalBlock()
    for (const op of block.ops) if ((op.role & (OpRole.Backward | OpRole.Optimize)) === 0) this.#run(op)
    this.values.get(loss)!.backward()
    for (const param of block.parameters()) {
      const value = this.values.get(param.name)!
      if (value.grad !== null) this.values.set(`${param.name}@GRAD`, value.grad)
      value.clearGrad()
    }
    for (const op of block.ops) if ((op.role & OpRole.Optimize) !== 0) this.#run(op)
  }

  #run(op: Operator): void {
    const inputs: Record<string, Tensor[]> = {}
    for (const [slot, list] of Object.entries(op.inputs)) inputs[slot] = list.map((name) => this.values.get(name)!)
    const given: Record<string, Tensor[]> = {}
    for (const [slot, list] of Object.entries(op.outputs)) {
      // What an operator writes over one of its inputs is written in place, as in the program.
      const present = list.map((name) => (op.inputNames().includes(name) ? this.values.get(name) : undefined))
      if (present.every((value) => value !== undefined) && present.length > 0) given[slot] = present as Tensor[]
    }
    const def = this.#definitions[op.type]!
    const known = Object.fromEntries(Object.entries(op.attrs).filter(([name]) => Object.hasOwn(def.attrs, name)))
    const outputs = runNow(def, inputs, known, given)
    for (const [slot, list] of Object.entries(op.outputs)) {
      const results = [outputs[slot]].flat()
      list.forEach((name, i) => {
        const value = results[i]
        if (value !== undefined) this.#set(name, value)
      })
    }
  }
}

describe('recorded programs in dygraph', () => {
  test('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(30)
  })

  test.each(names)('%s has the bits of the plan', (name) => {
    const recording = new Recording(`${FOLDER}${name}`)
    const { meta } = recording
    const main = recording.program('main')!
    const startup = recording.program('startup')!
    const feeds = recording
      .json<Record<string, unknown>[]>('feeds')!
      .map((feed) => Object.fromEntries(Object.entries(feed).map(([key, json]) => [key, valueFromJSON(json)])))
    const sets = recording.json<Record<string, unknown>[]>('sets')
    const executor = new Executor()
    seed(meta.paddle_seed)
    executor.run(startup)
    const persistable = [...main.globalBlock().vars.values()]
      .filter((variable) => variable.persistable)
      .map((variable) => variable.name)
    const start = new Map(persistable.map((key) => [key, executor.scope.get(key) as Tensor] as const))
    const call = meta.minimize[0]!
    const dygraph = new DygraphRun(main, call.minimize_args?.no_grad_set ?? [], start)
    const gradients = (call.params_grads ?? []).map(([param]) => param)
    for (let step = 0; step < STEPS; step++) {
      for (const [key, json] of Object.entries(sets?.[step] ?? {})) {
        executor.scope.set(key, valueFromJSON(json))
        dygraph.values.set(key, attach(valueFromJSON(json) as Tensor))
      }
      const feed = feeds[step % feeds.length]!
      // Both draw from the default generator: it starts each step at the same place.
      seed(100 + step)
      const [loss] = executor.run(main, { feed, fetch: [call.loss!] }) as [Tensor]
      expect(executor.lastRun?.engine).toBe('plan')
      seed(100 + step)
      dygraph.step(feed, call.loss!)
      expect(bits(dygraph.values.get(call.loss!)!)).toBe(bits(loss))
      for (const key of persistable) {
        expect([key, bits(dygraph.values.get(key)!)]).toEqual([key, bits(executor.scope.get(key) as Tensor)])
      }
      for (const param of gradients) expect(dygraph.values.has(`${param}@GRAD`)).toBe(true)
    }
  })
})
