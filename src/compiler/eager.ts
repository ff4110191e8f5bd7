/**
 * Operators one at a time on tensors with memory of their own, as dygraph runs them, by the WASM back end. Each is compiled once for its
 * attributes, types and shapes; a call copies the inputs into a memory that all calls share, runs, and copies the outputs out.
 */
import type { Backend, PlannedSlots, PlannedTensor, UnitScratch } from '../executor/backend.ts'
import type { BoundSlots, BoundTensor } from '../executor/kernels.ts'
import type { AttrValue } from '../framework/attr_value.ts'
import type { AnyOpDef } from '../framework/op_def.ts'
import { byteSize, makeView, type TensorData } from '../tensor/dtype.ts'
import { MAX_PAGES } from '../tensor/heap.ts'
import { numel } from '../tensor/shape.ts'

const PAGE = 65536
/** Bytes at the start of the memory for the records of compiled calls, a hundred or so each. When they are full all calls are forgotten. */
const RECORDS = 4 * PAGE
const ALIGNMENT = 64
/** Calls that are remembered, those that were not compiled included. */
const MAX_CALLS = 4096

interface Call {
  readonly run: () => boolean
  /** Addresses of the operator's tensors, in the order in which slots name them first. */
  readonly addresses: readonly number[]
}

export class EagerCompiler {
  readonly #backend: Backend
  readonly #memory = new WebAssembly.Memory({ initial: RECORDS / PAGE, maximum: MAX_PAGES })
  readonly #calls = new Map<AnyOpDef, Map<string, Call | 'typescript'>>()
  #count = 0
  #records = 0

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** Runs the operator, whose outputs are allocated. False if it did nothing and the TypeScript kernel must run. */
  run(def: AnyOpDef, attrs: Readonly<Record<string, AttrValue>>, inputs: BoundSlots, outputs: BoundSlots): boolean {
    const tensors = new Map<BoundTensor, number>()
    const key = `${JSON.stringify(attrs, exactNumber)}|${slotsKey(inputs, tensors)}|${slotsKey(outputs, tensors)}`
    let call = this.#calls.get(def)?.get(key)
    if (call === undefined) {
      call = this.#compile(def, attrs, inputs, outputs, [...tensors.keys()])
      const calls = this.#calls.get(def)
      if (calls === undefined) this.#calls.set(def, new Map([[key, call]]))
      else calls.set(key, call)
      this.#count++
    }
    if (call === 'typescript') return false
    const { run, addresses } = call
    const { buffer } = this.#memory
    const place = (tensor: BoundTensor): TensorData =>
      makeView(tensor.dtype, buffer, addresses[tensors.get(tensor)!]!, numel(tensor.shape))
    for (const tensor of present(inputs)) (place(tensor) as Float32Array).set(tensor.data as Float32Array)
    if (!run()) return false
    for (const tensor of present(outputs)) (tensor.data as Float32Array).set(place(tensor) as Float32Array)
    return true
  }

  #compile(
    def: AnyOpDef,
    attrs: Readonly<Record<string, AttrValue>>,
    inputs: BoundSlots,
    outputs: BoundSlots,
    tensors: readonly BoundTensor[],
  ): Call | 'typescript' {
    if (this.#count >= MAX_CALLS) this.#forget()
    const planned = new Map<BoundTensor, PlannedTensor>()
    for (const tensor of tensors) planned.set(tensor, { dtype: tensor.dtype, shape: tensor.shape })
    const slots = (bound: BoundSlots): PlannedSlots =>
      Object.fromEntries(
        Object.entries(bound).map(([slot, list]) => [slot, list.map((tensor) => tensor && planned.get(tensor))]),
      )
    const { units, link } = this.#backend.compile([{ def, attrs, inputs: slots(inputs), outputs: slots(outputs) }], {
      isReadAfter: () => true,
      memoryOf: (tensor) => tensor,
    })
    const unit = units[0]!
    if (!unit.compiled) return 'typescript'
    let end = RECORDS
    const take = (bytes: number): number => {
      const address = end
      end += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
      return address
    }
    const addresses = new Map<PlannedTensor | UnitScratch, number>()
    for (const tensor of planned.values()) addresses.set(tensor, take(numel(tensor.shape) * byteSize(tensor.dtype)))
    for (const scratch of unit.scratch) addresses.set(scratch, take(scratch.bytes))
    if (!this.#grow(end)) return 'typescript'
    const linked = link(
      this.#memory,
      (item) => addresses.get(item)!,
      (bytes) => this.#takeRecord(bytes),
    )
    const linkedRun = linked.runs[0]
    const run = linkedRun === 'idle' ? nothing : linkedRun
    return run === undefined
      ? 'typescript'
      : { run, addresses: [...planned.values()].map((tensor) => addresses.get(tensor)!) }
  }

  /** False if the memory cannot be that large. */
  #grow(end: number): boolean {
    const missing = Math.ceil(end / PAGE) - this.#memory.buffer.byteLength / PAGE
    if (missing <= 0) return true
    try {
      this.#memory.grow(missing)
      return true
    } catch {
      return false
    }
  }

  #takeRecord(bytes: number): number {
    if (this.#records + bytes > RECORDS) this.#forget()
    const address = this.#records
    this.#records += Math.ceil(bytes / 4) * 4
    return address
  }

  #forget(): void {
    this.#calls.clear()
    this.#count = 0
    this.#records = 0
  }
}

/** What JSON would write as null or lose, so that different attributes have different keys. */
const exactNumber = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' || (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    ? `#${Object.is(value, -0) ? '-0' : value}`
    : value

/** Types and shapes by slot, and which tensors are the same; numbers the tensors as they come. */
function slotsKey(slots: BoundSlots, tensors: Map<BoundTensor, number>): string {
  let key = ''
  for (const slot in slots) {
    key += `${slot}(`
    for (const tensor of slots[slot]!) {
      if (tensor === undefined) key += '-,'
      else {
        let index = tensors.get(tensor)
        if (index === undefined) tensors.set(tensor, (index = tensors.size))
        key += `${index}:${tensor.dtype}${tensor.shape.join('x')},`
      }
    }
    key += ')'
  }
  return key
}

/** Of an operator on no elements. */
const nothing = (): boolean => true

function* present(slots: BoundSlots): Generator<BoundTensor> {
  for (const slot in slots) for (const tensor of slots[slot]!) if (tensor !== undefined) yield tensor
}
