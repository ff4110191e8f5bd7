/**
 * One operator with random tensors, run by its TypeScript kernel and by its WASM lowering, the latter in a plan and by the interpreter. The
 * TypeScript kernels are the meaning: equal bits, or no further apart than a case states.
 */
import { Executor } from '../../src/compiler/executor.ts'
import { WasmBackend } from '../../src/compiler/wasm/backend.ts'
import type { Backend, PlannedOp } from '../../src/executor/backend.ts'
import { Executor as PlainExecutor } from '../../src/executor/executor.ts'
import { EMPTY_VAR } from '../../src/framework/op_def.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'
import { type DType, isHalf } from '../../src/tensor/dtype.ts'
import { float32ToHalf } from '../../src/tensor/half.ts'
import { product, type Shape } from '../../src/tensor/shape.ts'
import { Tensor, type Value } from '../../src/tensor/tensor.ts'
import { differentValues } from '../ops/op_case.ts'

export interface LoweringCase {
  readonly inputs: Readonly<Record<string, Tensor | readonly Tensor[]>>
  /** Names of outputs by slot, or how many there are; `@EMPTY@` is a gradient that nobody wants. */
  readonly outputs: Readonly<Record<string, number | readonly string[]>>
  readonly attrs?: Readonly<Record<string, unknown>>
  /** Outputs that lie over the inputs that the definition names, as optimizers have them. */
  readonly inplace?: boolean
  /** How far results may be apart, in units in the last place of float32 of the larger of the value and `scale`. */
  readonly ulp?: number
  /** Magnitude by which small results are judged, where they are differences of larger numbers. */
  readonly scale?: number
  /**
   * Products that are summed for an element of an output. A float32 sum of K products is off by at most K + 1 halves of a unit in the last
   * place of the sum of their magnitudes, which the same operator gives on magnitudes.
   */
  readonly terms?: Readonly<Record<string, number>>
  /** True where the lowering leaves these tensors or attributes to the TypeScript kernel. */
  readonly declined?: boolean
}

/** A sequence of numbers in [0, 1) that is the same in every run. */
export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 12345) >>> 0
  }

  next(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return this.#state / 4294967296
  }

  /** A whole number in [from, to]. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)]!
  }

  shuffled<T>(list: readonly T[]): T[] {
    const result = [...list]
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.int(0, i)
      ;[result[i], result[j]] = [result[j]!, result[i]!]
    }
    return result
  }

  /** Numbers in [low, high); with `special` some are infinite, NaN, zeros of both signs, whole or very small. */
  floats(shape: Shape, { low = -3, high = 3, special = false } = {}): Tensor {
    const data = Float32Array.from({ length: product(shape) }, () => {
      if (special && this.next() < 0.3) return this.pick(SPECIAL)
      return low + (high - low) * this.next()
    })
    return new Tensor('float32', shape, data)
  }

  ints(shape: Shape, from: number, to: number, dtype: DType = 'int64'): Tensor {
    const values = Array.from({ length: product(shape) }, () => this.int(from, to))
    if (dtype === 'int64') return new Tensor(dtype, shape, BigInt64Array.from(values, BigInt))
    return dtype === 'int32'
      ? new Tensor(dtype, shape, Int32Array.from(values))
      : new Tensor(dtype === 'uint8' && to === 1 ? 'bool' : dtype, shape, Uint8Array.from(values))
  }
}

const SPECIAL = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  1e-40,
  -1e-42,
  3e38,
  -3e38,
  Infinity,
  -Infinity,
  Number.NaN,
]

/** Sizes around the four lanes of a vector and the unrolled loops over it. */
export const SHAPES: readonly Shape[] = [
  [],
  [1],
  [3],
  [4],
  [5],
  [16],
  [17],
  [67],
  [2, 3],
  [5, 7],
  [8, 16],
  [33, 9],
  [2, 3, 5],
  [4, 1, 6],
  [3, 2, 2, 5],
  [1031],
  [0],
  [2, 0, 3],
]

/** The tensor as a half type: the same numbers, rounded. */
export function toHalf(tensor: Tensor, dtype: DType): Tensor {
  if (!isHalf(dtype) || tensor.dtype !== 'float32') return tensor
  const data = new Uint16Array(tensor.size)
  float32ToHalf(dtype as 'float16' | 'bfloat16', tensor.data as Float32Array, data)
  return new Tensor(dtype, tensor.shape, data)
}

const BACKENDS = [
  ['ts', 'interpreter'],
  ['wasm', 'plan'],
  ['wasm', 'interpreter'],
] as const

/** What is wrong with the case, one line each. */
export function faultsOf(type: string, given: LoweringCase): string[] {
  const names = namesOf(type, given)
  const results = BACKENDS.map(([backend, engine]) => run(type, given, names, backend, engine))
  const magnitudes =
    given.terms &&
    run(
      type,
      given,
      { ...names, values: new Map([...names.values].map(([name, value]) => [name, absolute(value)])) },
      'ts',
      'interpreter',
    )
  const faults: string[] = []
  const [meaning, plan, interpreter] = results as [Result, Result, Result]
  // XShape holds a shape and no elements.
  const named: [string, Value][] = [
    ...names.values,
    ...names.fetch.map((name, i): [string, Value] => [name, meaning.values[i]!]),
  ]
  const isEmpty = named.some(
    ([name, value]) => !name.startsWith('XShape') && value instanceof Tensor && value.size === 0,
  )
  if (!isEmpty && (plan.compiled === 0) !== (given.declined === true))
    faults.push(`${plan.compiled} compiled operators`)
  if (interpreter.compiled !== plan.compiled)
    faults.push(`${interpreter.compiled} compiled operators in the interpreter`)
  names.fetch.forEach((name, i) => {
    const fault = differentValues(plan.values[i], interpreter.values[i])
    if (fault !== undefined) faults.push(`${name} in plan and interpreter ${fault}`)
    const [wanted, got] = [meaning.values[i] as Tensor, plan.values[i] as Tensor]
    const terms = given.terms?.[name.replace(/_out_\d+$/, '')]
    const apart =
      terms === undefined
        ? distance(wanted, got, given)
        : beyondSum(wanted, got, magnitudes!.values[i] as Tensor, terms)
    if (apart !== undefined) faults.push(`${name}: ${apart}`)
  })
  return faults
}

/** What the TypeScript kernel gives. */
export const meaningOf = (type: string, given: LoweringCase): Value[] =>
  run(type, given, namesOf(type, given), 'ts', 'interpreter').values

/** The operator as a back end gets it, with the values of its inputs. */
export function plannedOp(type: string, given: LoweringCase): { op: PlannedOp; values: Map<object, Tensor> } {
  const names = namesOf(type, given)
  const backend = new WasmBackend()
  let op: PlannedOp | undefined
  const spy: Backend = {
    name: 'wasm',
    compile(ops, options) {
      op = ops[0]
      return backend.compile(ops, options)
    },
  }
  runOn(new PlainExecutor({ backend: 'wasm', engine: 'plan' }, spy), type, given, names)
  const values = new Map<object, Tensor>()
  for (const [slot, tensors] of Object.entries(op!.inputs)) {
    tensors.forEach((tensor, i) => {
      if (tensor !== undefined) values.set(tensor, names.values.get(names.inputs[slot]![i]!)!)
    })
  }
  return { op: op!, values }
}

const run = (
  type: string,
  given: LoweringCase,
  names: ReturnType<typeof namesOf>,
  backend: 'ts' | 'wasm',
  engine: 'plan' | 'interpreter',
): Result => runOn(new Executor({ backend, engine }), type, given, names)

function runOn(executor: PlainExecutor, type: string, given: LoweringCase, names: ReturnType<typeof namesOf>): Result {
  const program = new Program(ops, { callSites: false })
  const block = program.globalBlock()
  for (const [name, { dtype, shape }] of names.values) block.createVar({ name, dtype, shape, persistable: true })
  for (const name of names.fetch) if (!block.hasVar(name)) block.createVar({ name })
  block.appendOp({ type, inputs: names.inputs, outputs: names.outputs, attrs: given.attrs ?? {} })
  for (const [name, value] of names.values) executor.scope.set(name, value)
  const values = executor.run(program, { fetch: names.fetch })
  const compiled = executor.lastRun!.compiledOps
  executor.dispose()
  return { values, compiled }
}

interface Result {
  readonly values: Value[]
  readonly compiled: number
}

function namesOf(type: string, { inputs, outputs, inplace }: LoweringCase) {
  const values = new Map<string, Tensor>()
  const inputNames: Record<string, string[]> = {}
  for (const [slot, given] of Object.entries(inputs)) {
    inputNames[slot] = (given instanceof Tensor ? [given] : given).map((tensor, i) => {
      const name = `${slot}_${i}`
      values.set(name, tensor)
      return name
    })
  }
  const over =
    inplace === true ? (ops[type as keyof typeof ops].inplace as Record<string, string> | undefined) : undefined
  const outputNames: Record<string, readonly string[]> = {}
  for (const [slot, count] of Object.entries(outputs)) {
    const source = over?.[slot]
    outputNames[slot] =
      typeof count !== 'number'
        ? count
        : source !== undefined && inputNames[source] !== undefined
          ? inputNames[source].slice(0, count)
          : Array.from({ length: count }, (_, i) => `${slot}_out_${i}`)
  }
  const fetch = [...new Set(Object.values(outputNames).flat())].filter((name) => name !== EMPTY_VAR)
  return { values, inputs: inputNames, outputs: outputNames, fetch }
}

/** Where two results are further apart than the case allows. */
function distance(wanted: Tensor, got: Tensor, { ulp = 0, scale = 0 }: LoweringCase): string | undefined {
  if (ulp === 0 || wanted.dtype !== 'float32') return differentValues(wanted, got)
  let worst = 0
  let text: string | undefined
  for (let i = 0; i < wanted.size; i++) {
    const [a, b] = [Number(wanted.at(i)), Number(got.at(i))]
    if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) continue
    const apart = Math.abs(a - b) / unit(Math.max(Math.abs(a), scale))
    if (apart <= ulp && apart <= worst) continue
    worst = Math.max(worst, apart)
    if (!(apart <= ulp)) text = `element ${i} of [${wanted.shape}] is ${b}, ${apart.toFixed(1)} ulp from ${a}`
  }
  return text
}

const absolute = (tensor: Tensor): Tensor =>
  tensor.dtype === 'float32' ? new Tensor('float32', tensor.shape, (tensor.data as Float32Array).map(Math.abs)) : tensor

/** Where a float32 sum is further from the exact one than its rounding explains. */
function beyondSum(wanted: Tensor, got: Tensor, magnitudes: Tensor, terms: number): string | undefined {
  for (let i = 0; i < wanted.size; i++) {
    const [a, b, size] = [wanted, got, magnitudes].map((tensor) => Number(tensor.at(i))) as [number, number, number]
    const bound = (terms + 1) * 2 ** -24 * size
    if (!(Math.abs(a - b) <= bound)) {
      return `element ${i} of [${wanted.shape}] is ${b}, further than ${bound} from ${a}`
    }
  }
  return undefined
}

/** The distance of float32 numbers at a magnitude. */
export function unit(size: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(size)), -126) - 23)
}
