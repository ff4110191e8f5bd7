/**
 * Scopes: values by variable name. A root scope owns the heap that tensors live in; scopes below it (one per run, one per sub-block) use the
 * same heap and free what they hold when they are dropped. `get` copies out and `set` copies in, so nobody outside holds a view.
 * Source: paddle/fluid/framework/scope.cc (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import { type Limits, withLimits } from '../framework/limits.ts'
import { byteSize, type DType, makeView, type TensorData } from '../tensor/dtype.ts'
import { Heap } from '../tensor/heap.ts'
import { numel, type Shape, sameShape } from '../tensor/shape.ts'
import { SelectedRows, Tensor, TensorArray, type Value } from '../tensor/tensor.ts'
import { requireRoom } from './room.ts'

/** A tensor in the heap. */
export class TensorSlot {
  readonly dtype: DType
  readonly shape: Shape
  readonly address: number
  readonly bytes: number
  readonly lod: Tensor['lod']
  readonly #heap: Heap
  #view: TensorData | undefined
  #generation = -1

  constructor(heap: Heap, dtype: DType, shape: Shape, lod?: Tensor['lod']) {
    this.#heap = heap
    this.dtype = dtype
    this.shape = shape
    this.lod = lod
    this.bytes = numel(shape) * byteSize(dtype)
    this.address = heap.allocate(this.bytes)
  }

  /** The elements in the heap; good until the heap grows. */
  get data(): TensorData {
    if (this.#view === undefined || this.#generation !== this.#heap.generation) {
      this.#view = makeView(this.dtype, this.#heap.buffer, this.address, numel(this.shape))
      this.#generation = this.#heap.generation
    }
    return this.#view
  }

  /** A tensor with its own copy of the elements. */
  copyOut(): Tensor {
    return new Tensor(this.dtype, [...this.shape], copyOfData(this.dtype, this.data), this.lod)
  }

  release(): void {
    this.#heap.release(this.address, this.bytes)
  }
}

/** What a name holds in a scope. */
export type Slot = TensorSlot | SelectedRows | TensorArray

export class Scope {
  readonly parent: Scope | undefined
  #slots = new Map<string, Slot>()
  #heap: Heap | undefined
  /** How large one tensor, and all together, may be. */
  readonly limits: Limits
  /** Counts the times that a name got, changed or lost its memory; whoever keeps views compares it. */
  version = 0

  /**
   * @param parent the scope to look names up in when this one does not have them; without one this is a root.
   * @param limits of a root: `tensorBytes`, `tensorElements` and `runBytes`, where they are not to be the defaults.
   */
  constructor(parent?: Scope, limits?: Partial<Limits>) {
    this.parent = parent
    this.limits = parent?.limits ?? withLimits(limits)
  }

  get heap(): Heap {
    if (this.parent !== undefined) return this.root.heap
    this.#heap ??= new Heap(this.limits.runBytes)
    return this.#heap
  }

  get root(): Scope {
    let scope: Scope = this
    while (scope.parent !== undefined) scope = scope.parent
    return scope
  }

  /** A copy of the value of `name`, looked up outwards; undefined if there is none. */
  get(name: string): Value | undefined {
    const slot = this.find(name)
    if (slot === undefined) return undefined
    if (slot instanceof TensorSlot) return slot.copyOut()
    if (slot instanceof SelectedRows) return new SelectedRows([...slot.rows], slot.height, slot.value.clone())
    return new TensorArray(slot.items.map((item) => item.clone()))
  }

  /**
   * Gives `name` a value in this scope; the value is copied.
   * @throws InvalidArgumentError E106 for what is no value.
   */
  set(name: string, value: Value): void {
    if (value instanceof Tensor) {
      const slot = this.allocate(name, value.dtype, value.shape, value.lod)
      ;(slot.data as Float32Array).set(value.data as Float32Array)
    } else if (value instanceof SelectedRows) {
      this.put(name, new SelectedRows([...value.rows], value.height, value.value.clone()))
    } else if (value instanceof TensorArray) {
      this.put(name, new TensorArray(value.items.map((item) => item.clone())))
    } else {
      throw new InvalidArgumentError('E106', `Scope.set("${name}"): a Tensor, SelectedRows or TensorArray is needed`, {
        where: { variable: name },
        hint: 'make one with tensor(…)',
      })
    }
  }

  /** True if this scope or one around it holds the name. */
  has(name: string): boolean {
    return this.find(name) !== undefined
  }

  /** Names held by this scope itself, in the order in which they came. */
  names(): string[] {
    return [...this.#slots.keys()]
  }

  /** Takes a value out of this scope. */
  delete(name: string): void {
    const slot = this.#slots.get(name)
    if (slot instanceof TensorSlot) slot.release()
    if (this.#slots.delete(name)) this.version++
  }

  /** The slot of `name`, looked up outwards. */
  find(name: string): Slot | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      const slot = scope.#slots.get(name)
      if (slot !== undefined) return slot
    }
    return undefined
  }

  /** The slot of `name` in this scope alone. */
  local(name: string): Slot | undefined {
    return this.#slots.get(name)
  }

  /**
   * A tensor slot for `name` in this scope: the present one if type and shape are the same, else a new, zeroed one.
   * @throws ResourceExhaustedError E604 (too large), E610 (no room left).
   */
  allocate(name: string, dtype: DType, shape: Shape, lod?: Tensor['lod']): TensorSlot {
    const old = this.#slots.get(name)
    if (old instanceof TensorSlot && old.dtype === dtype && sameShape(old.shape, shape) && old.lod === lod) return old
    requireRoom(`"${name}"`, { dtype, shape }, this.limits)
    const slot = new TensorSlot(this.heap, dtype, shape, lod)
    new Uint8Array(this.heap.buffer, slot.address, slot.bytes).fill(0)
    if (old instanceof TensorSlot) old.release()
    this.#slots.set(name, slot)
    this.version++
    return slot
  }

  /** Puts a slot in place; a tensor that was there is given back to the caller, who releases it. */
  swap(name: string, slot: TensorSlot): TensorSlot | undefined {
    const old = this.#slots.get(name)
    this.#slots.set(name, slot)
    this.version++
    return old instanceof TensorSlot ? old : undefined
  }

  /** Puts a value that is no dense tensor in place, without copying it. */
  put(name: string, value: SelectedRows | TensorArray): void {
    const old = this.#slots.get(name)
    if (old instanceof TensorSlot) old.release()
    this.#slots.set(name, value)
    this.version++
  }

  /** Frees everything that this scope holds. */
  drop(): void {
    if (this.parent !== undefined) {
      for (const slot of this.#slots.values()) if (slot instanceof TensorSlot) slot.release()
    }
    this.#slots.clear()
    this.version++
    this.#heap = undefined
  }
}

/** A copy in memory of its own (never shared). */
function copyOfData(dtype: DType, data: TensorData): TensorData {
  const bytes = new Uint8Array(data.byteLength)
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return makeView(dtype, bytes.buffer, 0, data.byteLength / byteSize(dtype))
}
