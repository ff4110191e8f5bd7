/**
 * The optimizer operators alone, ten steps each, against the recorded states of Paddle 2.6.2's CPU kernels: normal gradients, gradients with
 * zeros and extreme ones. A step starts from what our own previous step left.
 */
import { describe, expect, test } from 'vitest'
import { type DType, Executor, Program, type Tensor, tensor } from '../../src/index.ts'
import { readGolden } from '../golden.ts'

type Numbers = readonly (number | string)[]
interface KernelCase {
  readonly op: string
  readonly attrs: Readonly<Record<string, unknown>>
  readonly dtype: DType
  readonly learning_rate: number
  readonly gradients: string
  readonly initial: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Numbers }>>
  readonly grads: readonly Numbers[]
  readonly steps: readonly Readonly<Record<string, Numbers>>[]
  readonly skip_update?: readonly boolean[]
  readonly tensor_inputs?: Readonly<Record<string, number>>
}

const OPERATORS = [
  'adadelta',
  'adagrad',
  'adam',
  'adamax',
  'adamw',
  'lamb',
  'lars_momentum',
  'momentum',
  'rmsprop',
  'sgd',
]

/** `beta1_pow` to `Beta1Pow`. */
const slotOf = (state: string): string => state.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
const numberOf = (value: number | string): number => (typeof value === 'string' ? Number(value) : value)

/**
 * Paddle's float32 kernels fuse multiply and add, which moves a result by half a unit of the terms, not of the result: where terms cancel the
 * share of the result is large. So an element is held against the largest value that it has had.
 */
const TOLERANCE: Readonly<Partial<Record<DType, number>>> = { float32: 1e-6, float64: 1e-13 }

function run(golden: KernelCase): string[] {
  const program = new Program()
  const block = program.globalBlock()
  const executor = new Executor()
  const state = Object.keys(golden.initial)
  const set = (
    name: string,
    dtype: DType,
    shape: readonly number[],
    data: readonly number[] | readonly boolean[],
  ): void => {
    if (!block.hasVar(name)) block.createVar({ name, dtype, shape, persistable: true })
    executor.scope.set(name, tensor(data as readonly number[], dtype, shape))
  }
  for (const name of state) {
    const { shape, data } = golden.initial[name]!
    set(name, golden.dtype, shape, data.map(numberOf))
  }
  set('rate', golden.dtype, [1], [golden.learning_rate])
  const { shape } = golden.initial['param']!
  set('grad', golden.dtype, shape, golden.grads[0]!.map(numberOf))
  const inputs: Record<string, string> = { Grad: 'grad', LearningRate: 'rate' }
  const outputs: Record<string, string> = {}
  for (const name of state) {
    inputs[slotOf(name)] = name
    if (!(golden.op === 'adamax' && name === 'beta1_pow')) outputs[`${slotOf(name)}Out`] = name
  }
  for (const [slot, value] of Object.entries(golden.tensor_inputs ?? {})) {
    set(slot, 'float32', [1], [value])
    inputs[slot] = slot
  }
  if (golden.skip_update !== undefined) {
    set('skip', 'bool', [1], [false])
    inputs['SkipUpdate'] = 'skip'
  }
  block.appendOp({ type: golden.op, inputs, outputs, attrs: golden.attrs })
  const faults: string[] = []
  const largest = new Map(
    state.map((name) => [name, golden.initial[name]!.data.map((value) => Math.abs(numberOf(value)))]),
  )
  golden.steps.forEach((step, index) => {
    set('grad', golden.dtype, shape, golden.grads[index]!.map(numberOf))
    if (golden.skip_update !== undefined) set('skip', 'bool', [1], [golden.skip_update[index]!])
    executor.run(program)
    for (const [name, recorded] of Object.entries(step)) {
      const got = executor.scope.get(name) as Tensor
      recorded.forEach((value, i) => {
        const wanted = golden.dtype === 'float32' ? Math.fround(numberOf(value)) : numberOf(value)
        const have = got.at(i) as number
        const sizes = largest.get(name)!
        if (Number.isFinite(wanted)) sizes[i] = Math.max(sizes[i]!, Math.abs(wanted))
        if (Object.is(wanted, have) || wanted === have) return
        if (!(Math.abs(wanted - have) <= TOLERANCE[golden.dtype]! * sizes[i]!)) {
          faults.push(`step ${index} ${name}[${i}] is ${have}, recorded ${wanted}`)
        }
      })
    }
  })
  return faults
}

describe.each(OPERATORS)('%s', (op) => {
  const { cases } = readGolden<{ cases: KernelCase[] }>(`optimizers/${op}.json.gz`)
  test.each(
    cases.map(
      (golden, i) => [`${i} ${golden.dtype} ${golden.gradients} ${JSON.stringify(golden.attrs)}`, golden] as const,
    ),
  )('%s', (_, golden) => {
    expect(run(golden).slice(0, 5)).toEqual([])
  })
})
