/** One operator on both back ends: the TypeScript kernel is the meaning of the compiled one. */
import { expect } from 'vitest'
import { Executor } from '../../src/compiler/executor.ts'
import type { AttrValue } from '../../src/framework/attr.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

export interface OperatorCall {
  readonly type: string
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly attrs: Readonly<Record<string, AttrValue>>
  /** Slots that are computed; `inplace` names the input whose variable an output is. */
  readonly outputs: readonly string[]
  readonly inplace?: Readonly<Record<string, string>>
}

type Results = Readonly<Record<string, Float32Array>>

/** Numbers in [-1, 1) that are the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed * 2654435761
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state / 2147483648
  }
}

export function randomTensor(random: () => number, shape: readonly number[]): Tensor {
  const size = shape.reduce((product, dim) => product * dim, 1)
  return new Tensor('float32', [...shape], Float32Array.from({ length: size }, random))
}

export function runOperator(
  { type, inputs, attrs, outputs, inplace = {} }: OperatorCall,
  backend: 'ts' | 'wasm',
  engine: 'plan' | 'interpreter' = 'plan',
): { readonly results: Results; readonly compiled: number } {
  const program = new Program(ops)
  const block = program.globalBlock()
  const executor = new Executor({ backend, engine })
  for (const [slot, value] of Object.entries(inputs)) {
    block.createVar({ name: slot, dtype: value.dtype, shape: value.shape, persistable: true })
    executor.scope.set(slot, value)
  }
  const names = Object.fromEntries(outputs.map((slot) => [slot, inplace[slot] ?? `${slot}.out`]))
  for (const name of Object.values(names)) if (block.findVar(name) === undefined) block.createVar({ name })
  block.appendOp({
    type,
    inputs: Object.fromEntries(Object.keys(inputs).map((slot) => [slot, slot])),
    outputs: names,
    attrs: { ...attrs },
  })
  const values = executor.run(program, { fetch: Object.values(names) }) as Tensor[]
  const { compiledOps } = executor.lastRun!
  executor.dispose()
  return {
    results: Object.fromEntries(outputs.map((slot, i) => [slot, values[i]!.data as Float32Array])),
    compiled: compiledOps,
  }
}

/** Runs the call on the WASM back end by plan and by interpreter, which must give equal bits and must have compiled it. */
export function runCompiled(call: OperatorCall): Results {
  const plan = runOperator(call, 'wasm')
  expect(plan.compiled, `compiled: ${describeCall(call)}`).toBe(1)
  const interpreter = runOperator(call, 'wasm', 'interpreter')
  for (const slot of call.outputs) {
    expect(plan.results[slot], `plan and interpreter: ${slot} of ${describeCall(call)}`).toEqual(
      interpreter.results[slot],
    )
  }
  return plan.results
}

export const describeCall = ({ type, inputs, attrs }: OperatorCall): string =>
  `${type} ${Object.entries(inputs)
    .map(([slot, { shape }]) => `${slot}[${shape.join()}]`)
    .join(' ')} ${JSON.stringify(attrs)}`

export const absolute = (tensor: Tensor): Tensor =>
  new Tensor(
    'float32',
    tensor.shape,
    (tensor.data as Float32Array).map((value) => Math.abs(value)),
  )

/** Half a unit in the last place of 1 in float32. */
export const EPSILON = 2 ** -24

/** Where a value lies further from the expected one than its bound: a line for each. */
export function outOfBounds(
  got: Float32Array,
  expected: Float32Array,
  bound: (index: number) => number,
): readonly string[] {
  expect(got.length).toBe(expected.length)
  const faults: string[] = []
  for (let i = 0; i < got.length; i++) {
    const off = Math.abs(got[i]! - expected[i]!)
    if (!(off <= bound(i))) faults.push(`[${i}] is ${got[i]}, expected ${expected[i]}, off by ${off} > ${bound(i)}`)
  }
  return faults.slice(0, 3)
}
