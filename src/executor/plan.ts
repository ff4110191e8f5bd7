/**
 * A program prepared for given feeds and fetches: shapes are inferred once, every name is resolved to memory, and each operator is bound to
 * its kernel. Running is a loop over prepared steps: no look-up and no inference. It binds and infers through the same functions as the
 * interpreter and must give the same bits.
 */

import { EnforceError, withPlace } from '../errors.ts'
import type { Block } from '../framework/block.ts'
import { inferOperator, type MetaSource } from '../framework/infer.ts'
import { type AnyOpDef, EMPTY_VAR, findOp, type Meta } from '../framework/op_def.ts'
import type { Operator } from '../framework/operator.ts'
import type { Program } from '../framework/program.ts'
import { byteSize, type DType, makeView, type TensorData } from '../tensor/dtype.ts'
import type { Generator } from '../tensor/random.ts'
import { hasUnknown, numel, type Shape, sameShape } from '../tensor/shape.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import type { Backend, CompiledOps, LinkedOps, PlannedSlots, PlannedTensor, Threading, UnitScratch } from './backend.ts'
import { operatorPlace } from './interpreter.ts'
import { type BoundTensor, bindKernel } from './kernels.ts'
import { type Lifetime, layOut } from './memory.ts'
import { observed, type RunObserver } from './observer.ts'
import { PlanConstants } from './plan_constants.ts'
import { type MemoryTimeline, memoryTimeline, type NamedLifetime } from './plan_memory.ts'
import { roomWithin } from './room.ts'
import { type Scope, TensorSlot } from './scope.ts'

/** Why a program cannot be planned and is interpreted instead. */
export class NotPlannable {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** A place that a variable's value has during the run: in the arena, or in the scope for persistable variables. */
interface Storage extends Lifetime, PlannedTensor {
  readonly name: string
  readonly persistable: boolean
  /** The storage whose memory this one takes over, because the operator that writes it is the last to read that one. */
  home?: Storage
}

const homeOf = (storage: Storage): Storage => {
  let home = storage
  while (home.home !== undefined) home = home.home
  return home
}

interface ScratchLifetime extends Lifetime {
  readonly scratch: UnitScratch
}

/** Operators that run together: false means that compiled code left them to the TypeScript kernels. */
interface BoundUnit {
  readonly first: number
  readonly last: number
  readonly run: () => unknown
}

interface Step {
  readonly inputs: Readonly<Record<string, readonly (Storage | undefined)[]>>
  readonly outputs: Readonly<Record<string, readonly (Storage | undefined)[]>>
}

const NO_TENSORS: Step = { inputs: {}, outputs: {} }
const isHandover = (def: AnyOpDef): boolean => def.feedHolder !== undefined || def.fetchHolder !== undefined
const nothing = (): void => {}

export class Plan {
  readonly program: Program
  /** The program's edit counter when it was planned. */
  readonly edits: number
  /** Bytes of the arena that all temporaries share. */
  readonly arenaBytes: number
  /** Bytes that the temporaries would take without sharing. */
  readonly temporaryBytes: number
  readonly #block: Block
  readonly #scope: Scope
  readonly #generator: Generator
  readonly #steps: readonly Step[]
  readonly #feeds: ReadonlyMap<string, Storage>
  readonly #fetches: readonly Storage[]
  readonly #persistables: readonly Storage[]
  readonly #compiled: CompiledOps | undefined
  readonly #scratch: ReadonlyMap<UnitScratch, Lifetime>
  readonly #temporaries: readonly Storage[]
  readonly #observer: RunObserver | undefined
  #arena = -1
  /** Memory of the compiled operators' records. */
  #records: { readonly address: number; readonly bytes: number }[] = []
  #runs: BoundUnit[] = []
  #linked: LinkedOps | undefined
  #feedViews: TensorData[] = []
  #fetchViews: { readonly storage: Storage; readonly view: TensorData }[] = []
  #scopeVersion = -1
  #generation = -1

  /** Infers shapes and lays out memory; nothing in the scope changes. Use {@link planProgram}. */
  constructor(
    program: Program,
    scope: Scope,
    feeds: ReadonlyMap<string, Value>,
    fetch: readonly string[],
    generator: Generator,
    backend: Backend | undefined,
    threads = 1,
    observer?: RunObserver,
  ) {
    this.program = program
    this.#observer = observer?.units === true ? observer : undefined
    this.edits = program.edits
    this.#block = program.globalBlock()
    this.#scope = scope
    this.#generator = generator
    const current = new Map<string, Storage>()
    const temporaries: Storage[] = []
    const persistables = new Map<string, Storage>()
    const feedStorages = new Map<string, Storage>()

    const temporary = (name: string, dtype: DType, shape: Shape, start: number): Storage => {
      const storage: Storage = {
        name,
        dtype,
        shape,
        persistable: false,
        bytes: numel(shape) * byteSize(dtype),
        start,
        end: start,
        offset: -1,
      }
      temporaries.push(storage)
      current.set(name, storage)
      return storage
    }
    const persistable = (name: string, dtype: DType, shape: Shape): Storage => {
      const storage: Storage = { name, dtype, shape, persistable: true, bytes: 0, start: -1, end: -1, offset: -1 }
      persistables.set(name, storage)
      current.set(name, storage)
      return storage
    }
    const find = (name: string): Storage | undefined => {
      const known = current.get(name)
      if (known !== undefined) return known
      const slot = scope.find(name)
      return slot instanceof TensorSlot ? persistable(name, slot.dtype, slot.shape) : undefined
    }
    for (const [name, value] of feeds) {
      if (!(value instanceof Tensor)) throw new NotPlannable(`the feed "${name}" is no dense tensor`)
      feedStorages.set(name, temporary(name, value.dtype, value.shape, -1))
    }

    const constants = new PlanConstants(generator)
    const checkRoom = roomWithin(scope.limits)
    this.#steps = this.#block.ops.map((op, index) => {
      const def = findOp(program.library, op.type)!
      const handover = this.#handOver(op, def, index, feedStorages, fetch, find)
      if (handover !== undefined) {
        constants.forget(op)
        return handover
      }
      if (def.kernels.scope !== undefined) throw new NotPlannable(`${op.type} works on the scope`)
      const source: MetaSource = {
        meta: (name) => {
          if (scope.find(name) !== undefined && !(scope.find(name) instanceof TensorSlot)) {
            throw new NotPlannable(`"${name}" is no dense tensor`)
          }
          return find(name)
        },
        constant: (name) => {
          const value = constants.get(name)
          if (value === undefined) throw new NotPlannable(`${op.type} needs the value of "${name}" for its shapes`)
          return value
        },
      }
      try {
        const metas = inferOperator(def, op, op.filledAttrs(def), source, checkRoom)
        constants.note(op, def, metas, find)
        const touch = (name: string): Storage | undefined => {
          const storage = name === EMPTY_VAR ? undefined : find(name)
          if (storage !== undefined) storage.end = Math.max(storage.end, index)
          return storage
        }
        const inputs = mapNames(op.inputs, touch)
        const outputs = mapNames(op.outputs, (name, slot, i) => {
          const meta = metas[slot]?.[i]
          if (name === EMPTY_VAR || meta === undefined) return undefined
          if (meta.kind !== undefined && meta.kind !== 'LOD_TENSOR')
            throw new NotPlannable(`"${name}" is no dense tensor`)
          if (hasUnknown(meta.shape)) throw new NotPlannable(`only the run knows the shape of "${name}"`)
          return this.#output(name, meta, index, find, temporary, persistable)
        })
        return { inputs, outputs }
      } catch (error) {
        if (error instanceof EnforceError) throw error.at(operatorPlace(this.#block, op, index))
        throw error
      }
    })
    const operators = this.#steps.length
    this.#fetches = fetch.map((name) => {
      const storage = find(name)
      if (storage === undefined) throw new NotPlannable(`"${name}" has no value`)
      storage.end = operators
      return storage
    })
    this.#feeds = feedStorages
    this.#persistables = [...persistables.values()]
    this.temporaryBytes = temporaries.reduce((sum, storage) => sum + storage.bytes, 0)
    const fetched = new Set(this.#fetches)
    if (backend !== undefined) this.#shareMemory(fetched)
    this.#compiled = backend?.compile(
      this.#block.ops.map((op, index) => {
        const def = findOp(program.library, op.type)!
        return { def, attrs: op.filledAttrs(def), ...this.#steps[index]! }
      }),
      {
        isReadAfter: (tensor, last) => (tensor as Storage).persistable || (tensor as Storage).end > last,
        memoryOf: (tensor) => homeOf(tensor as Storage),
        callPerUnit: this.#observer !== undefined,
        threads,
      },
    )
    const scratch = this.#widenLifetimes()
    this.#scratch = new Map(scratch.map((lifetime) => [lifetime.scratch, lifetime]))
    const own = temporaries.filter((storage) => storage.home === undefined)
    this.arenaBytes = layOut([...own, ...scratch], operators)
    this.#temporaries = temporaries
    observer?.planned?.(this)
  }

  /** Counts of operators by how they run: compiled, and by their TypeScript kernels. */
  get coverage(): { readonly compiled: number; readonly typescript: number } {
    const compiled = (this.#compiled?.units ?? []).reduce(
      (sum, { compiled, first, last }) => sum + (compiled ? last - first + 1 : 0),
      0,
    )
    return { compiled, typescript: this.#steps.length - compiled }
  }

  /** Where temporaries are, and how many bytes are alive at each operator. */
  get memory(): MemoryTimeline {
    const names = new Map<Storage, string[]>()
    for (const storage of this.#temporaries) {
      const home = homeOf(storage)
      const list = names.get(home)
      if (list === undefined) names.set(home, [storage.name])
      else list.push(storage.name)
    }
    const lifetimes = [
      ...[...names].map(([home, list]): NamedLifetime => ({ ...home, names: list })),
      ...[...this.#scratch.values()].map((lifetime): NamedLifetime => ({ ...lifetime, names: [] })),
    ]
    return memoryTimeline(lifetimes, this.#steps.length, this)
  }

  /** Tensors that the operators from `first` to `last` read and write, each once, but for those that are never stored. */
  tensorsOf(first: number, last: number): PlannedTensor[] {
    const touched = new Set<Storage>()
    for (const { inputs, outputs } of this.#steps.slice(first, last + 1)) {
      for (const storage of [...Object.values(inputs), ...Object.values(outputs)].flat()) {
        if (storage !== undefined && (storage.persistable || homeOf(storage).bytes > 0)) touched.add(storage)
      }
    }
    return [...touched]
  }

  /** The tensors of one operator by slot. */
  slotsOf(index: number): { readonly inputs: PlannedSlots; readonly outputs: PlannedSlots } {
    return this.#steps[index]!
  }

  /** How many threads the last run used, and why fewer than asked for. */
  get threading(): Threading {
    return this.#linked?.threading() ?? { threads: 1 }
  }

  /** An output takes over the memory of an input that nobody reads any more, where the definition allows it. */
  #shareMemory(fetched: ReadonlySet<Storage>): void {
    this.#steps.forEach(({ inputs, outputs }, index) => {
      const { inplace } = findOp(this.program.library, this.#block.ops[index]!.type)!
      if (inplace === undefined) return
      const taken = new Set<Storage>()
      for (const [slot, source] of Object.entries(inplace)) {
        const output = outputs[slot]?.[0]
        const input = source === undefined ? undefined : inputs[source]?.[0]
        if (output === undefined || input === undefined || output === input) continue
        const home = homeOf(input)
        const free = !input.persistable && !fetched.has(input) && input.end === index && input.start >= 0
        const fresh = !output.persistable && output.start === index && output.home === undefined
        const uses = [...Object.values(inputs), ...Object.values(outputs)]
          .flat()
          .filter((used) => used === input).length
        if (!free || !fresh || uses > 1 || taken.has(home)) continue
        if (output.dtype !== input.dtype || output.bytes !== input.bytes) continue
        output.home = home
        home.end = Math.max(home.end, output.end)
        taken.add(home)
      }
    })
  }

  /** What operators that run together touch must live as long as they do; what they keep in registers needs no memory. */
  #widenLifetimes(): ScratchLifetime[] {
    const scratch: ScratchLifetime[] = []
    for (const { first, last, scratch: wanted, unstored } of this.#compiled?.units ?? []) {
      for (const item of wanted) scratch.push({ scratch: item, bytes: item.bytes, start: first, end: last, offset: -1 })
      if (first === last) continue
      for (let index = first; index <= last; index++) {
        const { inputs, outputs } = this.#steps[index]!
        for (const storage of [...Object.values(inputs), ...Object.values(outputs)].flat()) {
          if (storage === undefined || storage.persistable) continue
          const home = homeOf(storage)
          home.start = Math.min(home.start, first)
          home.end = Math.max(home.end, last)
        }
      }
      const homes = new Set(
        this.#steps.slice(first, last + 1).flatMap(({ outputs }) =>
          Object.values(outputs)
            .flat()
            .map((storage) => storage?.home),
        ),
      )
      for (const tensor of unstored as readonly Storage[]) {
        if (tensor.home === undefined && tensor.start >= first && tensor.end <= last && !homes.has(tensor))
          tensor.bytes = 0
      }
    }
    return scratch
  }

  /**
   * `feed` and `fetch` between a program saved for inference and the lists of a run: fed values are in their places already, and fetched
   * ones are copied from theirs, so neither has anything to do. undefined for all other operators.
   */
  #handOver(
    op: Operator,
    def: AnyOpDef,
    index: number,
    feeds: ReadonlyMap<string, Storage>,
    fetch: readonly string[],
    find: (name: string) => Storage | undefined,
  ): Step | undefined {
    if (def.feedHolder !== undefined) {
      const { holder, target } = def.feedHolder(op)
      if (!feeds.has(target) || fetch.includes(holder))
        throw new NotPlannable(`${op.type} has no value for "${target}"`)
      return NO_TENSORS
    }
    if (def.fetchHolder === undefined) return undefined
    const source = find(op.inputNames()[0] ?? '')
    if (source === undefined || fetch.includes(def.fetchHolder(op)))
      throw new NotPlannable(`${op.type} makes a list of tensors`)
    source.end = Math.max(source.end, index)
    return NO_TENSORS
  }

  #output(
    name: string,
    meta: Meta,
    index: number,
    find: (name: string) => Storage | undefined,
    temporary: (name: string, dtype: DType, shape: Shape, start: number) => Storage,
    persistable: (name: string, dtype: DType, shape: Shape) => Storage,
  ): Storage {
    const present = find(name)
    if (present !== undefined && present.dtype === meta.dtype && sameShape(present.shape, meta.shape)) {
      present.end = Math.max(present.end, index)
      return present
    }
    const isPersistable = this.#block.findVar(name)?.persistable === true
    if (isPersistable && present !== undefined)
      throw new NotPlannable(`persistable "${name}" changes its shape or type`)
    return isPersistable ? persistable(name, meta.dtype, meta.shape) : temporary(name, meta.dtype, meta.shape, index)
  }

  /**
   * Runs the steps on these feeds, whose order, types and shapes must be the planned ones, and returns copies of the fetched values.
   * @throws what kernels throw, with block, operator and the caller's line.
   */
  run(feeds: readonly TensorData[]): Value[] {
    const { heap } = this.#scope
    const fresh = this.#scopeVersion !== this.#scope.version || this.#generation !== heap.generation ? this.#bind() : []
    const feedViews = this.#feedViews
    for (let i = 0; i < feedViews.length; i++) (feedViews[i] as Float32Array).set(feeds[i] as Float32Array)
    this.#linked?.wake()
    const units = this.#runs
    let unit = 0
    let index = 0
    try {
      for (; unit < units.length; unit++) {
        const { first, last, run } = units[unit]!
        index = first
        if (run() === false) for (; index <= last; index++) this.#bindTypeScript(index)()
      }
    } catch (error) {
      this.#dropUnwritten(fresh, index)
      if (error instanceof EnforceError) throw error.at(operatorPlace(this.#block, this.#block.ops[index]!, index))
      throw error
    }
    const results: Value[] = []
    for (const { storage, view } of this.#fetchViews) {
      // A slice has memory of its own that is never shared.
      results.push(new Tensor(storage.dtype, storage.shape, view.slice()))
    }
    return results
  }

  /** False once a persistable variable has another type or shape than was planned: then a new plan is needed. */
  get isCurrent(): boolean {
    if (this.#scopeVersion === this.#scope.version) return true
    return this.#persistables.every(({ name, dtype, shape }) => {
      const slot = this.#scope.find(name)
      return slot === undefined || (slot instanceof TensorSlot && slot.dtype === dtype && sameShape(slot.shape, shape))
    })
  }

  /** Gives the arena back. */
  dispose(): void {
    if (this.#arena >= 0) this.#scope.heap.release(this.#arena, this.arenaBytes)
    this.#releaseRecords()
    this.#arena = -1
    this.#scopeVersion = -1
  }

  #releaseRecords(): void {
    for (const { address, bytes } of this.#records) this.#scope.heap.release(address, bytes)
    this.#records = []
  }

  /** Makes views and kernels; returns the names of persistable variables that had no memory before. */
  #bind(): string[] {
    const { heap } = this.#scope
    const fresh: string[] = []
    if (this.#arena < 0)
      this.#arena = withPlace(
        () => ({ block: this.#block.idx }),
        () => heap.allocate(this.arenaBytes),
      )
    for (const { name, dtype, shape } of this.#persistables) {
      if (!this.#scope.has(name)) fresh.push(name)
      const slot = this.#scope.find(name)
      if (!(slot instanceof TensorSlot)) this.#scope.root.allocate(name, dtype, shape)
    }
    const linked = this.#link()
    this.#linked = linked
    // Views are made only now: allocation may have grown the heap.
    this.#views = new Map()
    const single = (_: unknown, index: number) => ({ first: index, last: index, compiled: false })
    this.#runs = (this.#compiled?.units ?? this.#steps.map(single)).flatMap(({ first, last }, unit): BoundUnit[] => {
      const run = linked?.runs[unit]
      if (run === 'idle') return []
      if (run !== undefined) return [{ first, last, run: this.#timed(first, last, true, run) }]
      try {
        return [{ first, last, run: this.#timed(first, last, false, this.#bindTypeScript(first)) }]
      } catch (error) {
        this.#dropUnwritten(fresh, 0)
        if (error instanceof EnforceError) throw error.at(operatorPlace(this.#block, this.#block.ops[first]!, first))
        throw error
      }
    })
    const bound = (storage: Storage): BoundTensor => this.#bound(storage)!
    this.#feedViews = [...this.#feeds.values()].map((storage) => bound(storage).data)
    this.#fetchViews = this.#fetches.map((storage) => ({ storage, view: bound(storage)!.data }))
    this.#scopeVersion = this.#scope.version
    this.#generation = heap.generation
    return fresh
  }

  #timed(first: number, last: number, compiled: boolean, run: () => unknown): () => unknown {
    if (this.#observer === undefined) return run
    return observed(this.#observer, { block: this.#block.idx, first, last, compiled }, this.#block.ops, run)
  }

  #views = new Map<Storage, BoundTensor>()

  #bound(storage: Storage | undefined): BoundTensor | undefined {
    if (storage === undefined) return undefined
    let view = this.#views.get(storage)
    if (view === undefined) {
      const { dtype, shape } = storage
      const data = storage.persistable
        ? (this.#scope.find(storage.name) as TensorSlot).data
        : makeView(dtype, this.#scope.heap.buffer, this.#arena + homeOf(storage).offset, numel(shape))
      view = { dtype, shape, data }
      this.#views.set(storage, view)
    }
    return view
  }

  #bindTypeScript(index: number): () => void {
    const op = this.#block.ops[index]!
    const def = findOp(this.program.library, op.type)!
    if (isHandover(def)) return nothing
    const { inputs, outputs } = this.#steps[index]!
    const bound = (storage: Storage | undefined): BoundTensor | undefined => this.#bound(storage)
    return bindKernel(def, op.filledAttrs(def), mapNames(inputs, bound), mapNames(outputs, bound), this.#generator)
  }

  #link(): LinkedOps | undefined {
    const { heap } = this.#scope
    this.#releaseRecords()
    const addressOf = (tensor: PlannedTensor | UnitScratch): number => {
      const scratch = this.#scratch.get(tensor as UnitScratch)
      if (scratch !== undefined) return this.#arena + scratch.offset
      const storage = tensor as Storage
      if (storage.persistable) return (this.#scope.find(storage.name) as TensorSlot).address
      return this.#arena + homeOf(storage).offset
    }
    return this.#compiled?.link(heap.memory, addressOf, (bytes) => {
      const address = heap.allocate(bytes)
      this.#records.push({ address, bytes })
      return address
    })
  }

  /** After a failure: variables that got memory but no value yet have none. */
  #dropUnwritten(fresh: readonly string[], failed: number): void {
    const unwritten = new Set(fresh)
    for (const { outputs } of this.#steps.slice(0, failed)) {
      for (const list of Object.values(outputs))
        for (const storage of list) if (storage !== undefined) unwritten.delete(storage.name)
    }
    for (const name of unwritten) this.#scope.root.delete(name)
  }
}

function mapNames<T, R>(
  slots: Readonly<Record<string, readonly T[]>>,
  map: (item: T, slot: string, index: number) => R,
): Record<string, R[]> {
  const result: Record<string, R[]> = {}
  for (const slot of Object.keys(slots)) result[slot] = slots[slot]!.map((item, i) => map(item, slot, i))
  return result
}
