/**
 * J-14: an operator that writes to one of its own inputs, whether or not its definition provides for that, gives what it gives elsewhere, on
 * both back ends, by plan and by interpreter. What the definition reads of that input is its value from before.
 */
import { describe, expect, test } from 'vitest'
import { Executor } from '../../src/compiler/executor.ts'
import { EMPTY_VAR } from '../../src/framework/op_def.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'
import { Tensor, type Value } from '../../src/tensor/tensor.ts'
import { differentValues } from '../ops/op_case.ts'
import { CASES } from './cases/table.ts'
import { type LoweringCase, Random } from './lowering_case.ts'

const ROUNDS = 6

type Names = Readonly<Record<string, readonly string[]>>
interface Call {
  readonly type: string
  readonly attrs: Readonly<Record<string, unknown>>
  readonly values: ReadonlyMap<string, Tensor>
  readonly inputs: Names
  readonly outputs: Names
}

function callOf(type: string, { inputs, outputs, attrs = {} }: LoweringCase): Call {
  const values = new Map<string, Tensor>()
  const names: Record<string, string[]> = {}
  for (const [slot, given] of Object.entries(inputs)) {
    names[slot] = [given].flat().map((tensor, i) => {
      values.set(`${slot}_${i}`, tensor as Tensor)
      return `${slot}_${i}`
    })
  }
  // batch_norm refuses another variable than Mean for MeanOut, and than Variance for VarianceOut.
  const bound: Names = type === 'batch_norm' ? { MeanOut: names['Mean']!, VarianceOut: names['Variance']! } : {}
  const written = Object.entries(outputs).map(([slot, count]) => [
    slot,
    bound[slot] ?? (typeof count === 'number' ? Array.from({ length: count }, (_, i) => `${slot}_out_${i}`) : count),
  ])
  return { type, attrs, values, inputs: names, outputs: Object.fromEntries(written) }
}

/** The outputs in the order of the slots. */
function run(call: Call, backend: 'ts' | 'wasm', engine: 'plan' | 'interpreter'): (Value | undefined)[] {
  const program = new Program(ops, { callSites: false })
  const block = program.globalBlock()
  for (const [name, { dtype, shape }] of call.values) block.createVar({ name, dtype, shape, persistable: true })
  const written = Object.values(call.outputs)
    .flat()
    .filter((name) => name !== EMPTY_VAR)
  for (const name of written) if (!block.hasVar(name)) block.createVar({ name })
  block.appendOp({ type: call.type, inputs: call.inputs, outputs: call.outputs, attrs: call.attrs })
  const executor = new Executor({ backend, engine })
  for (const [name, value] of call.values) executor.scope.set(name, value)
  const values = executor.run(program, { fetch: written })
  executor.dispose()
  return values
}

/** The calls in which one output lies over one input that it could be. */
function* overlaid(call: Call, results: readonly (Value | undefined)[]): Generator<Call> {
  let index = 0
  for (const [slot, names] of Object.entries(call.outputs)) {
    for (const [i, name] of names.entries()) {
      if (name === EMPTY_VAR) continue
      const result = results[index++]
      if (!(result instanceof Tensor)) continue
      for (const [input, { dtype, shape }] of call.values) {
        if (dtype !== result.dtype || shape.join() !== result.shape.join() || result.size === 0) continue
        if (call.type === 'batch_norm' && slot !== 'Y') continue
        yield { ...call, outputs: { ...call.outputs, [slot]: names.map((other, k) => (k === i ? input : other)) } }
      }
    }
  }
}

describe('J-14: writing to an own input', () => {
  test.each(Object.entries(CASES).filter(([type]) => ops[type as keyof typeof ops].kernels.cpu !== undefined))(
    '%s',
    (type, make) => {
      const faults: string[] = []
      for (let round = 0; round < ROUNDS && faults.length < 4; round++) {
        const call = callOf(type, make(new Random(77 * type.length + round)))
        const meaning = run(call, 'ts', 'interpreter')
        const compiled = run(call, 'wasm', 'plan')
        for (const over of overlaid(call, meaning)) {
          for (const [backend, engine] of [
            ['ts', 'interpreter'],
            ['wasm', 'plan'],
            ['wasm', 'interpreter'],
          ] as const) {
            const got = run(over, backend, engine)
            // Where compiled code steps back, the bits are those of the TypeScript kernel.
            const isSame = (wanted: readonly (Value | undefined)[]): boolean =>
              got.every((value, i) => differentValues(wanted[i], value) === undefined)
            if (isSame(meaning) || (backend === 'wasm' && isSame(compiled))) continue
            const text = JSON.stringify([over.inputs, over.outputs, over.attrs])
            faults.push(`${backend} ${engine}, round ${round}: ${text}`)
          }
        }
      }
      expect(faults).toEqual([])
    },
  )
})
