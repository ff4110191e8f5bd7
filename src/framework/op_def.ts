/**
 * Operator definitions: slots, attributes, inference, gradient and kernels of one operator in one object literal, typed so that a wrong
 * slot, attribute, arity or a forgotten member does not compile.
 */

import type { DType, NumberArray } from '../tensor/dtype.ts'
import type { Generator } from '../tensor/random.ts'
import type { Shape } from '../tensor/shape.ts'
import type { Tensor, Value } from '../tensor/tensor.ts'
import type { Attr, AttrValue } from './attr_value.ts'

// biome-ignore lint/suspicious/noExplicitAny: the one place where a definition of any operator is named
export type AnyAttr = Attr<any>
export type Attrs = Readonly<Record<string, AnyAttr>>
type ValueOf<A> = A extends Attr<infer T, boolean> ? T : never

/** All attributes, defaults filled: what inference and kernels see. */
export type FilledAttrs<A extends Attrs> = { readonly [K in keyof A]: ValueOf<A[K]> }

/** What a caller writes: attributes with a default may be left out. */
export type GivenAttrs<A extends Attrs> = {
  // biome-ignore lint/suspicious/noExplicitAny: the element type does not matter here
  readonly [K in keyof A as A[K] extends Attr<any, true> ? K : never]: ValueOf<A[K]>
} & {
  // biome-ignore lint/suspicious/noExplicitAny: the element type does not matter here
  readonly [K in keyof A as A[K] extends Attr<any, true> ? never : K]?: ValueOf<A[K]> | undefined
}

/** `one` variable, `optional` (Paddle: dispensable) or `many` (duplicable; may be empty where Paddle calls it dispensable too). */
export type Arity = 'one' | 'optional' | 'many'
export interface Slot<A extends Arity = Arity> {
  readonly arity: A
  readonly doc: string
  /** Element types with a kernel; undefined leaves all. */
  readonly dtypes: readonly DType[] | undefined
}
export type Slots = Readonly<Record<string, Slot>>

export const one = (doc: string, dtypes?: readonly DType[]): Slot<'one'> => ({ arity: 'one', doc, dtypes })
export const optional = (doc: string, dtypes?: readonly DType[]): Slot<'optional'> => ({
  arity: 'optional',
  doc,
  dtypes,
})
export const many = (doc: string, dtypes?: readonly DType[]): Slot<'many'> => ({ arity: 'many', doc, dtypes })

/** One T per slot: a list for `many`, possibly undefined for `optional`. */
export type Filled<S extends Slots, T> = {
  readonly [K in keyof S as S[K]['arity'] extends 'optional' ? never : K]: S[K]['arity'] extends 'many'
    ? readonly T[]
    : T
} & { readonly [K in keyof S as S[K]['arity'] extends 'optional' ? K : never]?: T | undefined }

/** Paddle's variable types that hold values at run time. */
export type MetaKind = 'LOD_TENSOR' | 'SELECTED_ROWS' | 'LOD_TENSOR_ARRAY'

/** What inference knows of a variable. A dimension of -1 is unknown until the run. For SELECTED_ROWS `shape` is the dense shape. */
export interface Meta {
  readonly dtype: DType
  readonly shape: Shape
  /** Default LOD_TENSOR. */
  readonly kind?: MetaKind
}

export interface InferContext {
  readonly opType: string
  /** True when dimensions are those of a run, false while a program is built. */
  readonly atRun: boolean
  /** The value of an input where it is known: always in a run, else only what a `fill_constant` or `assign_value` set. */
  constant(slot: string, index?: number): Tensor | undefined
  /** How many variables the operator writes into an output slot. */
  outputCount(slot: string): number
  /** How many of these are wanted: `@EMPTY@` is not. */
  wantedCount(slot: string): number
  /** True if the operator has the same variable in both slots. */
  sameVariable(outputSlot: string, inputSlot: string): boolean
}

/** A tensor as kernels see it: int64 arrives as float64 and halves as float32, unless the definition has a kernel of its own for them. */
export interface KernelTensor<D extends NumberArray | BigInt64Array = NumberArray> {
  readonly dtype: DType
  readonly shape: Shape
  readonly data: D
}

export interface KernelContext {
  readonly opType: string
  /** Where operators with seed 0 draw from. */
  readonly generator: Generator
  /** The original element type of an input slot, before int64 and halves were converted. */
  dtypeOf(slot: string): DType | undefined
  /**
   * Allocates an output whose shape inference left unknown; undefined where the operator has no variable there. The kernel fills what it
   * gets, not the placeholder among its outputs.
   */
  resize(slot: string, shape: Shape): KernelTensor<NumberArray | BigInt64Array> | undefined
}

/** For operators that work on variables rather than on tensors: feed, fetch, control flow, tensor arrays. */
export interface ScopeKernelContext {
  readonly opType: string
  readonly attrs: Readonly<Record<string, AttrValue>>
  readonly generator: Generator
  inputNames(slot: string): readonly string[]
  outputNames(slot: string): readonly string[]
  /**
   * The value of a variable, looked up outwards from the operator's scope; undefined if it has none. Tensors are views: writing into
   * their data changes the variable. A view is good until the next `set` or `runBlock`.
   */
  get(name: string): Value | undefined
  /** Gives a variable a new value, which is copied. */
  set(name: string, value: Value): void
  /** Runs a block of the same program in a new scope below this one. */
  runBlock(idx: number): void
}

export interface Kernels<I extends Slots, O extends Slots, A extends Attrs> {
  /** Inputs and outputs hold numbers. Outputs are allocated, and hold anything: a kernel writes every element. */
  readonly cpu?: (
    inputs: Filled<I, KernelTensor>,
    attrs: FilledAttrs<A>,
    outputs: Filled<O, KernelTensor>,
    ctx: KernelContext,
  ) => void
  /** Used when an input or output is int64: such tensors then arrive as BigInt64Array. */
  readonly int64?: (
    inputs: Filled<I, KernelTensor<NumberArray | BigInt64Array>>,
    attrs: FilledAttrs<A>,
    outputs: Filled<O, KernelTensor<NumberArray | BigInt64Array>>,
    ctx: KernelContext,
  ) => void
  /** Used when an input or output is float16 or bfloat16: such tensors then arrive as bits in a Uint16Array. */
  readonly half?: (
    inputs: Filled<I, KernelTensor>,
    attrs: FilledAttrs<A>,
    outputs: Filled<O, KernelTensor>,
    ctx: KernelContext,
  ) => void
  /** Used when an input is selected rows. Without it such an input is an UnimplementedError. */
  readonly selectedRows?: (ctx: ScopeKernelContext) => void
  /** Used instead of all others by operators on variables. */
  readonly scope?: (ctx: ScopeKernelContext) => void
}

/** An operator as plain data, before it is in a block. */
export interface OpDesc {
  readonly type: string
  readonly inputs: Readonly<Record<string, readonly string[]>>
  readonly outputs: Readonly<Record<string, readonly string[]>>
  /** 'copied': all attributes of the forward operator, also those that no definition declares. */
  readonly attrs: Readonly<Record<string, unknown>> | 'copied'
  /** The definition that the description was made from: dygraph runs it without a look-up by name. */
  readonly def?: AnyOpDef
}

/** Paddle's placeholder for a variable that nobody wants. */
export const EMPTY_VAR = '@EMPTY@'
/** Suffix of gradient variables. */
export const GRAD_SUFFIX = '@GRAD'

/** Names of the input gradients; undefined where nobody wants one (`@EMPTY@` inside a list slot). */
export type Wanted<S extends Slots> = {
  readonly [K in keyof S]: S[K]['arity'] extends 'many' ? readonly string[] : string | undefined
}

export interface GradContext<I extends Slots, O extends Slots, A extends Attrs> {
  readonly inputs: Filled<I, string>
  readonly outputs: Filled<O, string>
  /** Always named, whether or not anything has produced them. */
  readonly outputGrads: Filled<O, string>
  readonly inputGrads: Wanted<I>
  readonly attrs: FilledAttrs<A>
  /** The block that holds the gradients of the operator's sub-block. */
  gradBlock(): number
}

export interface OpDef<I extends Slots = Slots, O extends Slots = Slots, A extends Attrs = Attrs> {
  /** Paddle's operator type. */
  readonly type: string
  /** What it computes, one or two sentences; printed by `oarlock ops`. */
  readonly doc: string
  /** The Paddle file or paper whose meaning it follows. */
  readonly source: string
  /** Where it knowingly differs from Paddle 2.6.2; printed in the reference. */
  readonly differs?: string
  readonly inputs: I
  readonly outputs: O
  readonly attrs: A
  /** Maps kinds, element types and shapes; checks shapes. Pure. Runs at append (dimensions may be -1) and before a kernel. */
  readonly inferMeta: (inputs: Filled<I, Meta>, attrs: FilledAttrs<A>, ctx: InferContext) => Filled<O, Meta>
  /**
   * The operators of the gradient. 'none': there is none, and a path of gradients ends here (Paddle's empty grad maker).
   * 'unregistered': asking for it is an error, as for most `*_grad` operators in Paddle.
   */
  readonly grad: 'none' | 'unregistered' | ((g: GradContext<I, O, A>) => readonly OpDesc[])
  /** Output slots that may share memory with an input slot. */
  readonly inplace?: { readonly [K in keyof O]?: keyof I & string }
  /**
   * The kind of the variable that an output is written to, where it is not always a dense tensor: selected rows for sparse gradients.
   * Given the operator, the output's name and the kinds of its inputs.
   */
  readonly outputKind?: (
    op: {
      readonly inputs: Readonly<Record<string, readonly string[]>>
      readonly attrs: Readonly<Record<string, AttrValue>>
    },
    output: string,
    kindOf: (input: string) => MetaKind | undefined,
  ) => MetaKind
  /** The output's value, for operators whose only output follows from their attributes alone. */
  readonly constant?: (attrs: FilledAttrs<A>) => Tensor | undefined
  /** The kernels ask inputs for their shapes and never for their values. */
  readonly readsShapesOnly?: true
  /** Of operators that Paddle keeps in its older kernel registry, where an element type without a kernel is a NotFoundError. */
  readonly olderRegistry?: true
  readonly effects?: 'random' | 'state' | 'io'
  /** Output slots that `clone({ forTest: true })` takes off the operator. */
  readonly dropInTest?: readonly (keyof O & string)[]
  /** Of `feed` alone: the list it reads from, the variable it sets and the position. */
  readonly feedHolder?: (op: {
    readonly inputs: Readonly<Record<string, readonly string[]>>
    readonly outputs: Readonly<Record<string, readonly string[]>>
    readonly attrs: Readonly<Record<string, AttrValue>>
  }) => { readonly holder: string; readonly target: string; readonly col: number }
  /** Of `fetch` alone: the list that it writes. */
  readonly fetchHolder?: (op: { readonly outputs: Readonly<Record<string, readonly string[]>> }) => string
  readonly kernels: Kernels<I, O, A>
}

/** A definition of any operator, as the framework handles them: its functions are called with what the slots say. */
export interface AnyOpDef
  extends Omit<OpDef, 'inferMeta' | 'grad' | 'inplace' | 'dropInTest' | 'constant' | 'kernels'> {
  // biome-ignore lint/suspicious/noExplicitAny: typed by the definition's own slots
  readonly inferMeta: (inputs: any, attrs: any, ctx: InferContext) => any
  // biome-ignore lint/suspicious/noExplicitAny: typed by the definition's own slots
  readonly grad: 'none' | 'unregistered' | ((g: any) => readonly OpDesc[])
  readonly inplace?: Readonly<Record<string, string | undefined>>
  readonly dropInTest?: readonly string[]
  // biome-ignore lint/suspicious/noExplicitAny: typed by the definition's own attributes
  readonly constant?: (attrs: any) => Tensor | undefined
  readonly kernels: {
    readonly cpu?: AnyKernel
    readonly int64?: AnyKernel
    readonly half?: AnyKernel
    readonly selectedRows?: (ctx: ScopeKernelContext) => void
    readonly scope?: (ctx: ScopeKernelContext) => void
  }
}

// biome-ignore lint/suspicious/noExplicitAny: typed by the definition's own slots and attributes
export type AnyKernel = (inputs: any, attrs: any, outputs: any, ctx: KernelContext) => void

/** Operator definitions by type. */
export type OpLibrary = Readonly<Record<string, AnyOpDef>>

/** Returns its argument; exists so that TypeScript reads slots and attributes off the literal. */
export function defineOp<const I extends Slots, const O extends Slots, const A extends Attrs>(
  def: OpDef<I, O, A>,
): OpDef<I, O, A> {
  return def
}

/** A library with operators added. @throws nothing: a type given again replaces the older definition. */
export function extend<L extends OpLibrary, M extends OpLibrary>(library: L, more: M): Omit<L, keyof M> & M {
  return { ...library, ...more }
}

/** The definition of `type`, or undefined. Names such as "constructor" are not found by accident. */
export function findOp(library: OpLibrary, type: string): AnyOpDef | undefined {
  return Object.hasOwn(library, type) ? library[type] : undefined
}

/** An operator description for a gradient, checked against the definition that it names. An undefined name leaves the slot empty. */
export function describeOp<I extends Slots, O extends Slots, A extends Attrs>(
  def: OpDef<I, O, A>,
  args: { inputs: Filled<I, string>; outputs: Filled<O, string>; attrs: GivenAttrs<A> | 'copied' },
): OpDesc {
  return {
    type: def.type,
    inputs: namesBySlot(args.inputs),
    outputs: namesBySlot(args.outputs),
    attrs: args.attrs as OpDesc['attrs'],
    def,
  }
}

function namesBySlot(slots: object): Record<string, readonly string[]> {
  const names: Record<string, readonly string[]> = {}
  for (const [slot, value] of Object.entries(slots) as [string, string | readonly string[] | undefined][]) {
    names[slot] = value === undefined ? [] : typeof value === 'string' ? [value] : value
  }
  return names
}
