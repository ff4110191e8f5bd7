/** What a variable of a program and a tensor with values have in common: a model written on this runs in both modes. */
import type { DType } from './dtype.ts'
import type { Shape } from './shape.ts'
import type { Tensor } from './tensor.ts'

export interface TensorLike<Self> {
  readonly dtype: DType
  /** -1 where only a run knows. */
  readonly shape: Shape
  add(other: Self | number): Self
  sub(other: Self | number): Self
  mul(other: Self | number): Self
  div(other: Self | number): Self
  matmul(other: Self, options?: { readonly transX?: boolean; readonly transY?: boolean }): Self
  square(): Self
  sqrt(): Self
  exp(): Self
  log(): Self
  abs(): Self
  tanh(): Self
  sigmoid(): Self
  relu(): Self
  mean(axis?: number | readonly number[], keepDim?: boolean): Self
  sum(axis?: number | readonly number[], keepDim?: boolean): Self
  item(): number | bigint | boolean
}

/** What computes with tensors when methods are called on them: dygraph. */
export interface TensorEngine {
  /** Runs an operator with one output. */
  call(type: string, inputs: Readonly<Record<string, Tensor>>, attrs: Readonly<Record<string, unknown>>): Tensor
  /** Runs an operator that writes into the given outputs, or into new tensors for slots that are not given. */
  run(desc: {
    readonly type: string
    readonly inputs: Readonly<Record<string, Tensor | readonly Tensor[] | undefined>>
    readonly outputs?: Readonly<Record<string, Tensor | readonly Tensor[] | undefined>>
    readonly attrs?: Readonly<Record<string, unknown>>
  }): Readonly<Record<string, Tensor | readonly Tensor[]>>
  /** Runs `body` without writing on the tape. */
  noGrad<T>(body: () => T): T
  backward(from: Tensor, gradient: Tensor | undefined, retainGraph: boolean): void
}

/** What the tape of dygraph knows of a tensor; kept on the tensor, so that it goes when the tensor goes. */
export interface TapeMark {
  readonly name: string
  /** The call that computed the tensor. */
  producer: object | undefined
}
