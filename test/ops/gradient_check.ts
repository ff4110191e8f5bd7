/**
 * Gradients against central differences in float64. A recorded case gives operator, shapes, attributes and inputs; its float32 tensors become
 * float64, the cotangents are random, and the gradient of sum(Out * cotangent) that the program computes is compared with
 * (f(x + h) - f(x - h)) / 2h, element by element.
 */
import { Executor } from '../../src/executor/executor.ts'
import { gradients } from '../../src/framework/autodiff/backward.ts'
import { findOp, type OpLibrary } from '../../src/framework/op_def.ts'
import { Program } from '../../src/framework/program.ts'
import type { Variable } from '../../src/framework/variable.ts'
import { ops } from '../../src/ops/index.ts'
import { seed } from '../../src/tensor/random.ts'
import { hasUnknown, numel } from '../../src/tensor/shape.ts'
import { SelectedRows, Tensor, tensor } from '../../src/tensor/tensor.ts'
import { valueFromJSON } from '../../src/tensor/tensor_json.ts'
import type { GoldenCase } from './golden_case.ts'

export const STEP = 1e-5
/** Largest difference, relative to max(1, largest gradient). */
export const TOLERANCE = 1e-7

/** What a kink function is told about the point x at which a difference would be taken. */
export interface KinkQuery {
  readonly golden: GoldenCase
  /** The inputs in float64, by slot. */
  readonly inputs: Readonly<Record<string, readonly Tensor[]>>
  readonly slot: string
  /** Position in the slot's list. */
  readonly index: number
  readonly element: number
  readonly x: number
}

/** True where the function is not differentiable within `KINK_DISTANCE` of the point, so that no difference is taken there. */
export type Kink = (query: KinkQuery) => boolean
export const KINK_DISTANCE = 10 * STEP

/** What differs, one line each; empty when gradient and differences agree. */
export function checkGradient(golden: GoldenCase, kink: Kink | undefined, library: OpLibrary = ops): string[] {
  const grad = golden.grad!
  const program = new Program(library)
  const block = program.globalBlock()
  const executor = new Executor()
  const inputs: Record<string, Variable[]> = {}
  const values: Record<string, Tensor[]> = {}
  for (const [slot, list] of Object.entries(golden.inputs)) {
    const { dtypes } = findOp(library, golden.op)!.inputs[slot]!
    // What takes float32 alone, such as the factors of a resize, stays as it is.
    const widen = dtypes === undefined || dtypes.includes('float64')
    values[slot] = list.map(({ tensor }) => {
      const value = valueFromJSON(tensor) as Tensor
      return widen ? toFloat64(value) : value
    })
    inputs[slot] = list.map(({ name }, i) => {
      const { dtype, shape } = values[slot]![i]!
      executor.scope.set(name, values[slot]![i]!)
      return block.vars.get(name) ?? block.createVar({ name, dtype, shape, persistable: true })
    })
  }
  const outputs: Record<string, Variable[]> = {}
  for (const [slot, names] of Object.entries(golden.output_names!)) {
    outputs[slot] = names.map((name) => block.vars.get(name) ?? block.createVar({ name }))
  }
  block.appendOp({
    type: golden.op,
    ...(Object.keys(inputs).length > 0 ? { inputs } : {}),
    outputs,
    attrs: golden.attrs,
  })
  const forward = program.clone()

  const random = randomNumbers(golden.name)
  const targets: Variable[] = []
  const cotangents: Tensor[] = []
  for (const [slot, list] of Object.entries(grad.cotangents)) {
    list.forEach((json, i) => {
      if (json === null) return
      const { shape } = valueFromJSON(json) as Tensor
      targets.push(outputs[slot]![i]!)
      cotangents.push(tensor(Float64Array.from({ length: numel(shape) }, random), 'float64', shape))
    })
  }
  const targetGradients = targets.map((target, i) => {
    const name = `${target.name}@GRAD`
    executor.scope.set(name, cotangents[i]!)
    return block.createVar({
      name,
      dtype: 'float64',
      shape: hasUnknown(target.shape) ? target.shape : cotangents[i]!.shape,
      persistable: true,
      stopGradient: true,
    })
  })
  for (const [slot, list] of Object.entries(inputs)) {
    list.forEach((variable, i) => {
      variable.stopGradient = (grad.wrt[slot]?.[i] ?? null) === null
    })
  }
  const wanted = Object.entries(grad.wrt).flatMap(([slot, list]) =>
    list.flatMap((json, index) => (json === null ? [] : [{ slot, index, variable: inputs[slot]![index]! }])),
  )
  const made = gradients(
    targets,
    wanted.map(({ variable }) => variable),
    { targetGradients },
  )
  const fetch = wanted.map(({ slot }, i) => {
    const variable = made[i]
    if (variable === null || variable === undefined) throw new Error(`no gradient for ${slot}`)
    return variable
  })
  seed(SEED)
  const computed = executor.run(program, { fetch }).map(toDense)

  const evaluate = (): Tensor[] => {
    seed(SEED)
    return executor.run(forward, { fetch: targets.map((target) => target.name) }) as Tensor[]
  }
  // Outputs that stay as they are count nothing, also where they are infinite or NaN because of another element.
  const change = (above: readonly Tensor[], below: readonly Tensor[]): number => {
    let sum = 0
    above.forEach((result, i) => {
      for (let k = 0; k < result.size; k++) {
        const [p, q] = [Number(result.at(k)), Number(below[i]!.at(k))]
        if (!Object.is(p, q)) sum += (p - q) * Number(cotangents[i]!.at(k))
      }
    })
    return sum
  }
  const faults: string[] = []
  wanted.forEach(({ slot, index, variable }, position) => {
    const value = values[slot]![index]!
    const ours = computed[position]!
    if (ours.dtype !== 'float64') faults.push(`gradient of ${slot} is ${ours.dtype}`)
    if (ours.shape.join() !== value.shape.join()) faults.push(`gradient of ${slot} has shape [${ours.shape.join()}]`)
    const data = value.data as Float64Array
    // There are no differences at infinity; the recorded gradients say what is right there.
    const elements = Array.from(data.keys()).filter((element) => {
      const x = data[element]!
      return Number.isFinite(x) && kink?.({ golden, inputs: values, slot, index, element, x }) !== true
    })
    const largest = Math.max(1, ...elements.map((element) => Math.abs(Number(ours.at(element)))))
    if (!Number.isFinite(largest)) faults.push(`gradient of ${slot}[${index}] is infinite at a finite point`)
    for (const element of elements) {
      const x = data[element]!
      const at = (moved: number): Tensor[] => {
        data[element] = moved
        executor.scope.set(variable.name, value)
        return evaluate()
      }
      const difference = change(at(x + STEP), at(x - STEP)) / (2 * STEP)
      data[element] = x
      const got = Number(ours.at(element))
      if (Math.abs(difference - got) <= TOLERANCE * largest) continue
      faults.push(
        `gradient of ${slot}[${index}] at element ${element} (x = ${x}) is ${got}, by differences ${difference}`,
      )
    }
    executor.scope.set(variable.name, value)
  })
  executor.dispose()
  return faults
}

const SEED = 7

const toFloat64 = (value: Tensor): Tensor => (value.dtype === 'float32' ? tensor(value, 'float64') : value)

function toDense(value: unknown): Tensor {
  if (!(value instanceof SelectedRows)) return value as Tensor
  const dense = Tensor.zeros(value.value.dtype, value.denseShape)
  const width = value.value.size / Math.max(value.rows.length, 1)
  const to = dense.data as Float64Array
  const from = value.value.data as Float64Array
  value.rows.forEach((row, i) => {
    for (let k = 0; k < width; k++) to[row * width + k] = to[row * width + k]! + from[i * width + k]!
  })
  return dense
}

/** Uniform numbers in (-1, 1) that depend on the name alone. */
function randomNumbers(name: string): () => number {
  let state = 1
  for (const letter of name) state = (state * 31 + letter.codePointAt(0)!) % 2147483647
  return () => {
    state = (state * 48271) % 2147483647
    return (2 * state) / 2147483647 - 1
  }
}
