/**
 * What the executor asks of a back end that has faster kernels than those of the operator definitions. The plan hands it all operators with
 * their tensors, the interpreter one at a time; a back end takes those that it can compile. It is handed to the Executor from outside.
 */
import type { AttrValue } from '../framework/attr_value.ts'
import type { AnyOpDef } from '../framework/op_def.ts'
import type { DType } from '../tensor/dtype.ts'
import type { WasmMemory } from '../tensor/heap.ts'
import type { Shape } from '../tensor/shape.ts'

/** A tensor whose place in memory is decided later. One object is one place. */
export interface PlannedTensor {
  readonly dtype: DType
  readonly shape: Shape
}

export type PlannedSlots = Readonly<Record<string, readonly (PlannedTensor | undefined)[]>>

export interface PlannedOp {
  readonly def: AnyOpDef
  readonly attrs: Readonly<Record<string, AttrValue>>
  readonly inputs: PlannedSlots
  readonly outputs: PlannedSlots
}

/** Memory that a unit needs while it runs. */
export interface UnitScratch {
  readonly bytes: number
}

/** Neighbouring operators that were compiled together, or one that was not. */
export interface Unit {
  /** Indices of the first and the last operator. */
  readonly first: number
  readonly last: number
  /** False if the operator runs by its TypeScript kernel. */
  readonly compiled: boolean
  readonly scratch: readonly UnitScratch[]
  /** Tensors that are never stored, because only the unit itself would read them. */
  readonly unstored: readonly PlannedTensor[]
}

export interface CompiledOps {
  /** In order; together they are all operators. */
  readonly units: readonly Unit[]
  /** Makes compiled units ready to run over a memory; `allocate` gives memory that stays as long as the plan. */
  link(
    memory: WasmMemory,
    addressOf: (tensor: PlannedTensor | UnitScratch) => number,
    allocate: (bytes: number) => number,
  ): LinkedOps
}

export interface LinkedOps {
  /**
   * By unit; undefined where it was not compiled, 'idle' where there is nothing to do or a later unit does it. False means that the unit did
   * nothing and its operators must run by their TypeScript kernels, because only those can say what is wrong.
   */
  readonly runs: readonly ((() => boolean) | 'idle' | undefined)[]
  /** Tells threads that sleep that a run begins. */
  wake(): void
  /** How many threads kernels use at present, and why fewer than asked for. */
  threading(): Threading
}

export interface Threading {
  readonly threads: number
  readonly reason?: string
}

export interface CompileOptions {
  /** Whether a tensor is read after operator `last`, by an operator, a fetch or a later run. */
  readonly isReadAfter: (tensor: PlannedTensor, last: number) => boolean
  /** Equal for tensors that are the same memory. */
  readonly memoryOf: (tensor: PlannedTensor) => object
  /** True to get every unit as a call of its own, so that it can be timed. */
  readonly callPerUnit?: boolean
  /** Threads that large kernels are to be split among. Default 1. */
  readonly threads?: number
}

export interface Backend {
  readonly name: 'wasm'
  compile(ops: readonly PlannedOp[], options: CompileOptions): CompiledOps
}
