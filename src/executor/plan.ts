/**
 * A program prepared for given feeds and fetches: shapes are inferred once, every name is resolved to memory, and each operator is bound to
 * its kernel. Running is a loop over prepared steps: no look-up and no inference. It binds and infers through the same functions as the
 * interpreter and must give the same bits.
 */
import { EnforceError, withPlace } from '../errors.ts'
import type { Block } from '../framework/block.ts'
import { inferOperator, type MetaSource } from '../framework/infer.ts'
import { EMPTY_VAR, findOp, type Meta } from '../framework/op_def.ts'
import type { Program } from '../framework/program.ts'
import { byteSize, type DType, makeView, type TensorData } from '../tensor/dtype.ts'
import type { Generator } from '../tensor/random.ts'
import { hasUnknown, numel, type Shape, sameShape } from '../tensor/shape.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import { operatorPlace } from './interpreter.ts'
import { type BoundTensor, bindKernel } from './kernels.ts'
import { type Lifetime, layOut } from './memory.ts'
import { type Scope, TensorSlot } from './scope.ts'

/** Why a program cannot be planned and is interpreted instead. */
export class NotPlannable {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** A place that a variable's value has during the run: in the arena, or in the scope for persistable variables. */
interface Storage extends Lifetime {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  readonly persistable: boolean
}

interface Step {
  readonly inputs: Readonly<Record<string, readonly (Storage | undefined)[]>>
  readonly outputs: Readonly<Record<string, readonly (Storage | undefined)[]>>
}

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
  #arena = -1
  #runs: (() => void)[] = []
  #feedViews: { readonly name: string; readonly view: TensorData }[] = []
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
  ) {
    this.program = program
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

    this.#steps = this.#block.ops.map((op, index) => {
      const def = findOp(program.library, op.type)!
      if (def.kernels.scope !== undefined) throw new NotPlannable(`${op.type} works on the scope`)
      const source: MetaSource = {
        limits: scope.limits,
        meta: (name) => {
          if (scope.find(name) !== undefined && !(scope.find(name) instanceof TensorSlot)) {
            throw new NotPlannable(`"${name}" is no dense tensor`)
          }
          return find(name)
        },
        constant: (name) => {
          const writer = current.has(name) && !persistables.has(name) ? this.#block.lastWriter(name) : undefined
          const writerDef = writer === undefined ? undefined : findOp(program.library, writer.type)
          const value = writer === undefined ? undefined : writerDef?.constant?.(writer.filledAttrs(writerDef))
          if (value === undefined) throw new NotPlannable(`${op.type} needs the value of "${name}" for its shapes`)
          return value
        },
      }
      try {
        const metas = inferOperator(def, op, op.filledAttrs(def), source, true)
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
    this.arenaBytes = layOut(temporaries, operators)
    this.temporaryBytes = temporaries.reduce((sum, storage) => sum + storage.bytes, 0)
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
   * Runs the steps on these feeds, whose types and shapes must be the planned ones, and returns copies of the fetched values.
   * @throws what kernels throw, with block, operator and the caller's line.
   */
  run(feeds: ReadonlyMap<string, Value>): Value[] {
    const { heap } = this.#scope
    const fresh = this.#scopeVersion !== this.#scope.version || this.#generation !== heap.generation ? this.#bind() : []
    for (const { name, view } of this.#feedViews)
      (view as Float32Array).set((feeds.get(name) as Tensor).data as Float32Array)
    const runs = this.#runs
    let index = 0
    try {
      for (; index < runs.length; index++) runs[index]!()
    } catch (error) {
      this.#dropUnwritten(fresh, index)
      if (error instanceof EnforceError) throw error.at(operatorPlace(this.#block, this.#block.ops[index]!, index))
      throw error
    }
    return this.#fetchViews.map(({ storage, view }) => {
      const bytes = new Uint8Array(view.byteLength)
      bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
      return new Tensor(storage.dtype, storage.shape, makeView(storage.dtype, bytes.buffer, 0, numel(storage.shape)))
    })
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
    this.#arena = -1
    this.#scopeVersion = -1
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
    // Views are made only now: allocation may have grown the heap.
    const views = new Map<Storage, BoundTensor>()
    const bound = (storage: Storage | undefined): BoundTensor | undefined => {
      if (storage === undefined) return undefined
      let view = views.get(storage)
      if (view === undefined) {
        const { dtype, shape } = storage
        const data = storage.persistable
          ? (this.#scope.find(storage.name) as TensorSlot).data
          : makeView(dtype, heap.buffer, this.#arena + storage.offset, numel(shape))
        view = { dtype, shape, data }
        views.set(storage, view)
      }
      return view
    }
    this.#runs = this.#steps.map(({ inputs, outputs }, index) => {
      const op = this.#block.ops[index]!
      const def = findOp(this.program.library, op.type)!
      try {
        return bindKernel(def, op.filledAttrs(def), mapNames(inputs, bound), mapNames(outputs, bound), this.#generator)
      } catch (error) {
        this.#dropUnwritten(fresh, 0)
        if (error instanceof EnforceError) throw error.at(operatorPlace(this.#block, op, index))
        throw error
      }
    })
    this.#feedViews = [...this.#feeds].map(([name, storage]) => ({ name, view: bound(storage)!.data }))
    this.#fetchViews = this.#fetches.map((storage) => ({ storage, view: bound(storage)!.data }))
    this.#scopeVersion = this.#scope.version
    this.#generation = heap.generation
    return fresh
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
