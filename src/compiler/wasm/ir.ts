/**
 * What an operator becomes before code is emitted: loops over a space of indices, which can be joined, and kernels, which are functions of
 * their own and may end in a loop over their result.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { byteSize, type DType } from '../../tensor/dtype.ts'
import { numel, type Shape } from '../../tensor/shape.ts'
import type { Formula } from './expression.ts'
import type { ModuleBuilder } from './module.ts'

/** A tensor read at each index of a space: `strides` in elements, one for each dimension of the space, 0 where it is repeated. */
export interface Operand {
  readonly tensor: PlannedTensor
  readonly strides: readonly number[]
}

/** A statement's value is what memory holds, in 32 bits: narrower types with zeros above. */
export interface Statement {
  /** Has one element for each index of the space, in row-major order. */
  readonly target: PlannedTensor
  readonly value: Formula
}

/** target = value at every index; all operands of an index are read before anything is written there. */
export interface Loop {
  readonly kind: 'loop'
  readonly space: Shape
  readonly statements: readonly Statement[]
}

/** Memory that a kernel needs while it runs. */
export interface Scratch {
  readonly bytes: number
}

/** A tensor that only the pieces of one operator see. Joined loops keep it in registers. */
export class Temporary implements PlannedTensor, Scratch {
  readonly dtype: DType
  readonly shape: Shape
  readonly bytes: number

  constructor(shape: Shape, dtype: DType = 'float32') {
    this.dtype = dtype
    this.shape = shape
    this.bytes = numel(shape) * byteSize(dtype)
  }
}

export type KernelArgument = PlannedTensor | Scratch

export const isScratch = (arg: KernelArgument): arg is Scratch => !('dtype' in arg) || arg instanceof Temporary

/** A function to be emitted. Equal keys mean equal code. */
export interface Kernel {
  readonly kind: 'kernel'
  readonly key: string
  /** Their addresses are the function's parameters, in this order. */
  readonly args: readonly KernelArgument[]
  /** Those of `args` that the kernel writes. */
  readonly writes: readonly PlannedTensor[]
  /** Those that it reads and that may be the memory of what it writes. */
  readonly overwrites?: readonly PlannedTensor[]
  /**
   * Independent units of work, such as rows: two parameters more, first unit and end. Results do not depend on how units are split.
   * Without it the kernel runs on one thread.
   */
  readonly units?: number
  /** Multiply-adds or bytes that are moved, to tell whether a second thread is worth it. */
  readonly work?: number
  /** True if the function returns 0 when it has done its work, else a number: then the TypeScript kernel runs and says what is wrong. */
  readonly mayFail?: boolean
  /** Adds the function to the module and returns its number. */
  readonly emit: (module: ModuleBuilder) => number
  /** Where a loop over `space` that reads `result` can be joined: the kernel with that end. */
  readonly epilogue?: Epilogue
}

export interface Epilogue {
  readonly result: PlannedTensor
  readonly space: Shape
  /** True where the kernel keeps unfinished sums in `result`, which then must have memory. */
  readonly needsResult: boolean
  /** True where the end may read and write any element type that loops can, else float32 alone. */
  readonly anyType?: boolean
  /** Whether an operand with these strides over the space can be read at the end of the kernel. */
  readonly accepts: (operand: Operand) => boolean
  /** The kernel that ends in the statements, which read `result` at their own index only, and stores nothing else. */
  readonly attach: (statements: readonly Statement[]) => Kernel
}

export type Piece = Loop | Kernel

/** Tensors of no elements and copies onto themselves: nothing to do. */
export const NOTHING: readonly Piece[] = []
