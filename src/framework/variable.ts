/**
 * Variables of a block: a name with a kind, an element type and a shape. They hold no values; values live in a Scope while a program runs.
 * Source: framework.proto's VarDesc and python/paddle/base/framework.py (2.6.2).
 */
import { PreconditionNotMetError } from '../errors.ts'
import type { DType } from '../tensor/dtype.ts'
import { formatShape, type Shape } from '../tensor/shape.ts'
import type { TensorLike } from '../tensor/tensor_like.ts'
import type { Block } from './block.ts'
import { CallSite } from './call_site.ts'
import { binary, matmul, type Operand, reduce, scaleBias, unary } from './math_op_patch.ts'
import type { Meta, MetaKind } from './op_def.ts'
import type { WireNotes } from './wire_notes.ts'

/** Names of VarType.Type that are no element types. */
export type VarType =
  | MetaKind
  | 'FEED_MINIBATCH'
  | 'FETCH_LIST'
  | 'STEP_SCOPES'
  | 'LOD_RANK_TABLE'
  | 'PLACE_LIST'
  | 'READER'
  | 'RAW'
  | 'TUPLE'
  | 'STRING'
  | 'STRINGS'
  | 'VOCAB'
  | 'FEED_LIST'
  | 'PSTRING'
  | 'SPARSE_COO'
  | 'SPARSE_CSR'

/** Kinds of variable that carry an element type and a shape. */
export const isTensorKind = (type: VarType): type is MetaKind =>
  type === 'LOD_TENSOR' || type === 'SELECTED_ROWS' || type === 'LOD_TENSOR_ARRAY'

/** A range of gradients: ErrorClipByValue makes it. */
export interface ErrorClip {
  readonly min: number
  readonly max: number
}

export interface VarDesc {
  readonly name: string
  /** Default LOD_TENSOR. */
  readonly type?: VarType | undefined
  /** Default float32. */
  readonly dtype?: DType | undefined
  /** -1 where only the run knows. Default []. */
  readonly shape?: Shape | undefined
  readonly lodLevel?: number | undefined
  /** Kept between runs. */
  readonly persistable?: boolean | undefined
  /** Fed by the user; its shape and element type are checked. */
  readonly needCheckFeed?: boolean | undefined
  /** No gradient flows into it. */
  readonly stopGradient?: boolean | undefined
  /** The range that `minimize` cuts its gradient to, where it is made. Files do not carry it. */
  readonly errorClip?: ErrorClip | undefined
  /** `$…` and `x_…` members of the file it came from. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined
  /** How the ProgramDesc that it came from wrote it. */
  readonly wire?: WireNotes | undefined
}

/** A regularizer of a parameter or an optimizer. */
export interface Regularizer {
  readonly type: 'L1Decay' | 'L2Decay'
  readonly coeff: number
}

export class Variable implements TensorLike<Variable> {
  readonly block: Block
  readonly name: string
  type: VarType
  dtype: DType
  shape: Shape
  lodLevel: number
  persistable: boolean
  needCheckFeed: boolean
  stopGradient: boolean
  /** Set it to cut this variable's gradient, before other gradients are computed from it. Counts for `minimize`. */
  errorClip: ErrorClip | undefined
  extra: Readonly<Record<string, unknown>> | undefined
  wire: WireNotes | undefined

  /** Use Block.createVar. */
  constructor(block: Block, desc: VarDesc) {
    this.block = block
    this.name = desc.name
    this.type = desc.type ?? 'LOD_TENSOR'
    this.dtype = desc.dtype ?? 'float32'
    this.shape = desc.shape ?? []
    this.lodLevel = desc.lodLevel ?? 0
    this.persistable = desc.persistable ?? false
    this.needCheckFeed = desc.needCheckFeed ?? false
    this.stopGradient = desc.stopGradient ?? false
    this.errorClip = desc.errorClip
    this.extra = desc.extra
    this.wire = desc.wire
  }

  get isParameter(): boolean {
    return false
  }

  /** What inference sees of it. */
  get meta(): Meta {
    return this.type === 'LOD_TENSOR'
      ? { dtype: this.dtype, shape: this.shape }
      : { dtype: this.dtype, shape: this.shape, kind: isTensorKind(this.type) ? this.type : 'LOD_TENSOR' }
  }

  /** Element-wise sum; a number is added to every element. */
  add(other: Operand): Variable {
    return typeof other === 'number' ? scaleBias(this, 1, other) : binary('elementwise_add', this, other)
  }
  sub(other: Operand): Variable {
    return typeof other === 'number' ? scaleBias(this, 1, -other) : binary('elementwise_sub', this, other)
  }
  mul(other: Operand): Variable {
    return typeof other === 'number' ? scaleBias(this, other, 0) : binary('elementwise_mul', this, other)
  }
  div(other: Operand): Variable {
    return typeof other === 'number' ? scaleBias(this, 1 / other, 0) : binary('elementwise_div', this, other)
  }
  /** The matrix product, with NumPy's rules for more than two dimensions. */
  matmul(other: Variable, options: { readonly transX?: boolean; readonly transY?: boolean } = {}): Variable {
    return matmul(this, other, options.transX ?? false, options.transY ?? false)
  }
  square(): Variable {
    return unary('square', this)
  }
  sqrt(): Variable {
    return unary('sqrt', this)
  }
  exp(): Variable {
    return unary('exp', this)
  }
  log(): Variable {
    return unary('log', this)
  }
  abs(): Variable {
    return unary('abs', this)
  }
  tanh(): Variable {
    return unary('tanh', this)
  }
  sigmoid(): Variable {
    return unary('sigmoid', this)
  }
  relu(): Variable {
    return unary('relu', this)
  }
  /** The mean over `axis` (default: over all elements, giving a 0-D result). */
  mean(axis?: number | readonly number[], keepDim = false): Variable {
    return reduce('reduce_mean', 'mean', this, axis, keepDim)
  }
  /** The sum over `axis` (default: over all elements, giving a 0-D result). */
  sum(axis?: number | readonly number[], keepDim = false): Variable {
    return reduce('reduce_sum', 'sum', this, axis, keepDim)
  }

  /** @throws PreconditionNotMetError E042: a variable has no value while its program is built. */
  item(): never {
    const made = this.block.lastWriter(this.name)?.callSite?.text
    const read = new CallSite().text
    const summary = `"${this.name}" has no value while the program is being built`
    throw new PreconditionNotMetError('E042', read === undefined ? summary : `${summary}; it is read at ${read}`, {
      where: { block: this.block.idx, variable: this.name, ...(made === undefined ? {} : { site: made }) },
      hint: 'fetch it from a run, executor.run(main, { fetch: [variable] }), or compute it in dygraph',
    })
  }

  /** `x: float32[-1, 4]`. */
  toString(): string {
    return isTensorKind(this.type)
      ? `${this.name}: ${this.type === 'LOD_TENSOR' ? '' : `${this.type} `}${this.dtype}${formatShape(this.shape)}`
      : `${this.name}: ${this.type}`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Variable ${this.toString()} (no value until run)`
  }
}

/** What a parameter carries beside a variable's members. */
export interface ParameterOptions {
  readonly trainable?: boolean | undefined
  /** Factor on the optimizer's learning rate. Default 1. */
  readonly learningRate?: number | undefined
  readonly regularizer?: Regularizer | null | undefined
  /** False keeps gradient clipping away from it. */
  readonly needClip?: boolean | undefined
}

/** A persistable variable that training changes. */
export class Parameter extends Variable {
  trainable: boolean
  learningRate: number
  regularizer: Regularizer | null
  needClip: boolean

  constructor(block: Block, desc: VarDesc, options: ParameterOptions = {}) {
    const { trainable = true } = options
    super(block, {
      ...desc,
      persistable: desc.persistable ?? true,
      stopGradient: desc.stopGradient ?? !trainable,
    })
    this.trainable = trainable
    this.learningRate = options.learningRate ?? 1
    this.regularizer = options.regularizer ?? null
    this.needClip = options.needClip ?? true
  }

  override get isParameter(): boolean {
    return true
  }
}
