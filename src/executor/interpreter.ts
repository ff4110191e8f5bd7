/**
 * The interpreter: one operator after another, names looked up in a scope. It is the meaning of a program; faster engines must give the same
 * bits. Source: paddle/fluid/framework/executor.cc and operator.cc (2.6.2).
 */

import {
  type ErrorPlace,
  PreconditionNotMetError,
  ResourceExhaustedError,
  UnimplementedError,
  withPlace,
} from '../errors.ts'
import type { Block } from '../framework/block.ts'
import { inferOperator, type MetaSource } from '../framework/infer.ts'
import { LIMITS, type Limits } from '../framework/limits.ts'
import { type AnyOpDef, EMPTY_VAR, findOp, type Meta, type ScopeKernelContext } from '../framework/op_def.ts'
import { formatOperator } from '../framework/op_text.ts'
import type { Operator } from '../framework/operator.ts'
import type { Generator } from '../tensor/random.ts'
import { hasUnknown, sameShape } from '../tensor/shape.ts'
import { SelectedRows, Tensor, TensorArray } from '../tensor/tensor.ts'
import type { Backend } from './backend.ts'
import { checkFinite } from './check_finite.ts'
import { compileOperator } from './compile_operator.ts'
import { type BoundTensor, bindKernel, placeholder } from './kernels.ts'
import type { RunObserver } from './observer.ts'
import { roomWithin } from './room.ts'
import { Scope, TensorSlot } from './scope.ts'

export interface InterpreterOptions {
  readonly generator: Generator
  /** Index of the first operator to run. Default 0. */
  readonly from?: number
  /** Operators that may still be run, and iterations of each loop. Default {@link LIMITS}. */
  readonly budget?: RunBudget
  /** Compiles operators that it can compile; the others run by their TypeScript kernels. */
  readonly backend?: Backend | undefined
  /**
   * True for a program that runs once: operators that read nothing then run by their TypeScript kernels. What they write is copied or drawn,
   * with the same bits on every back end, and to compile a fill takes longer than to fill.
   */
  readonly runsOnce?: boolean
  /** True to make an error of the first operator that gives NaN or an infinity. */
  readonly checkFinite?: boolean
  /** Gets the operators that compiled code ran, those of blocks inside too. */
  readonly compiled?: Set<Operator>
  /** Told of every operator. */
  readonly observer?: RunObserver | undefined
}

/** What is left of a run's limits; one object for the whole run, blocks inside included. */
export class RunBudget {
  readonly #limits: Limits
  #opRuns = 0

  constructor(limits: Limits = LIMITS) {
    this.#limits = limits
  }

  /** Counts an operator. @throws ResourceExhaustedError E620. */
  countOperator(): void {
    const { opRuns } = this.#limits
    if (++this.#opRuns > opRuns) throw tooLong('opRuns', opRuns, `a run of more than ${opRuns} operators`)
  }

  /** @param done iterations that a loop has made. @throws ResourceExhaustedError E620. */
  checkIterations(opType: string, done: number): void {
    const { loopIterations } = this.#limits
    if (done > loopIterations)
      throw tooLong('loopIterations', loopIterations, `${opType}: more than ${loopIterations} iterations`)
  }
}

const tooLong = (limit: string, most: number, what: string): ResourceExhaustedError =>
  new ResourceExhaustedError('E620', `${what}, beyond the limit ${limit}`, { expected: `at most ${most}` })

/**
 * Runs the operators of `block` in `scope`, which is a scope of this run alone; persistable variables are written to the root.
 * @throws whatever inference and kernels throw, with block, operator and the caller's line.
 */
export function interpretBlock(block: Block, scope: Scope, options: InterpreterOptions): void {
  const { ops } = block
  const { observer } = options
  const budget = options.budget ?? new RunBudget()
  const run = { ...options, budget }
  for (let index = options.from ?? 0; index < ops.length; index++) {
    const op = ops[index]!
    withPlace(
      () => operatorPlace(block, op, index),
      () => {
        budget.countOperator()
        const begin = observer === undefined ? 0 : performance.now()
        const compiled = runOperator(block, op, scope, run)
        if (compiled) options.compiled?.add(op)
        if (options.checkFinite === true) checkFinite(op, scope)
        observer?.ran?.({ block: block.idx, first: index, last: index, compiled, begin, end: performance.now() }, ops)
      },
    )
  }
}

/** Where an operator stands, for errors. */
export function operatorPlace(block: Block, op: Operator, index: number): ErrorPlace {
  const site = op.callSite?.text
  return {
    block: block.idx,
    op: index,
    opType: op.type,
    text: formatOperator(op, block.program.library, (name) => block.findVar(name)),
    ...(site === undefined ? {} : { site }),
  }
}

/** @returns whether compiled code ran it. */
function runOperator(block: Block, op: Operator, scope: Scope, options: InterpreterOptions): boolean {
  const def = findOp(block.program.library, op.type)
  if (def === undefined) {
    throw new UnimplementedError('E401', `operator "${op.type}" is not implemented`, { where: { opType: op.type } })
  }
  if (def.kernels.scope !== undefined) {
    def.kernels.scope(scopeContext(block, op, scope, options))
    return false
  }
  const inputs = op.inputNames().map((name) => scope.find(name))
  if (inputs.some((value) => value instanceof SelectedRows || value instanceof TensorArray)) {
    if (def.kernels.selectedRows === undefined) {
      const what = inputs.some((value) => value instanceof SelectedRows) ? 'selected rows' : 'tensor arrays'
      throw new UnimplementedError('E403', `${op.type} has no kernel for ${what}`, { where: { opType: op.type } })
    }
    inferOperator(def, op, op.filledAttrs(def), scopeMetas(scope), roomWithin(scope.limits))
    def.kernels.selectedRows(scopeContext(block, op, scope, options))
    return false
  }
  return runTensorKernel(block, op, def, scope, options)
}

function runTensorKernel(
  block: Block,
  op: Operator,
  def: AnyOpDef,
  scope: Scope,
  options: InterpreterOptions,
): boolean {
  const attrs = op.filledAttrs(def)
  for (const [slot, { arity }] of Object.entries(def.inputs)) {
    const name = op.inputs[slot]?.[0]
    if (arity === 'one' && name !== undefined && scope.find(name) === undefined) throw notInitialized(op, slot, name)
  }
  const metas = inferOperator(def, op, attrs, scopeMetas(scope), roomWithin(scope.limits))
  if (Object.values(metas).some((list) => list.some((meta) => meta?.kind === 'SELECTED_ROWS'))) {
    def.kernels.selectedRows!(scopeContext(block, op, scope, options))
    return false
  }
  const inputSlots: Record<string, (TensorSlot | undefined)[]> = {}
  for (const [slot, names] of Object.entries(op.inputs)) {
    inputSlots[slot] = names.map((name) => {
      const found = name === EMPTY_VAR ? undefined : scope.find(name)
      return found instanceof TensorSlot ? found : undefined
    })
  }
  // A variable that changes shape or type while it is also an input keeps its old storage until the kernel is done.
  const replaced: TensorSlot[] = []
  const outputSlots: Record<string, (BoundTensor | undefined)[]> = {}
  for (const [slot, names] of Object.entries(op.outputs)) {
    outputSlots[slot] = names.map((name, i) => {
      const meta = metas[slot]?.[i]
      if (name === EMPTY_VAR || meta === undefined) return undefined
      if (hasUnknown(meta.shape)) return placeholder(meta.dtype, meta.shape)
      return outputSlot(scopeOf(block, name, scope), name, meta, replaced)
    })
  }
  const backend = options.runsOnce === true && op.inputNames().length === 0 ? undefined : options.backend
  const run = backend && compileOperator(backend, { def, attrs, inputs: inputSlots, outputs: outputSlots }, scope.heap)
  if (run?.() === true) {
    for (const slot of replaced) slot.release()
    return true
  }
  // Views are made only now: allocation may have grown the heap.
  bindKernel(def, attrs, inputSlots, outputSlots, options.generator, (slot, { dtype, shape, data }) => {
    const name = op.outputs[slot]![0]!
    const target = outputSlot(scopeOf(block, name, scope), name, { dtype, shape }, replaced)
    ;(target.data as Float32Array).set(data as Float32Array)
  })()
  for (const slot of replaced) slot.release()
  return false
}

function outputSlot(scope: Scope, name: string, meta: Meta, replaced: TensorSlot[]): TensorSlot {
  const present = scope.local(name)
  if (present instanceof TensorSlot && present.dtype === meta.dtype && sameShape(present.shape, meta.shape))
    return present
  const slot = new TensorSlot(scope.heap, meta.dtype, meta.shape)
  const old = scope.swap(name, slot)
  if (old !== undefined) replaced.push(old)
  return slot
}

/**
 * The scope that a variable lives in: persistable ones in the root, others in the scope of the block that declares them, whether or not they
 * have a value there yet. Scopes of a run are nested as its blocks are. A list of fetches belongs to its run.
 */
function scopeOf(block: Block, name: string, scope: Scope): Scope {
  const variable = block.findVar(name)
  if (variable?.persistable === true && variable.type !== 'FETCH_LIST') return scope.root
  let home: Scope | undefined = scope
  for (let outer: Block | undefined = block; outer !== undefined && home !== undefined; outer = outer.parent) {
    if (outer.hasVar(name)) return home
    home = home.parent
  }
  return scope
}

function scopeMetas(scope: Scope): MetaSource {
  return {
    meta: (name) => {
      const slot = scope.find(name)
      if (slot === undefined) return undefined
      if (slot instanceof TensorSlot) return { dtype: slot.dtype, shape: slot.shape }
      if (slot instanceof SelectedRows)
        return { dtype: slot.value.dtype, shape: slot.denseShape, kind: 'SELECTED_ROWS' }
      return { dtype: slot.items[0]?.dtype ?? 'float32', shape: slot.items[0]?.shape ?? [], kind: 'LOD_TENSOR_ARRAY' }
    },
    constant: (name) => {
      const slot = scope.find(name)
      return slot instanceof TensorSlot ? slot.copyOut() : undefined
    },
  }
}

function scopeContext(block: Block, op: Operator, scope: Scope, options: InterpreterOptions): ScopeKernelContext {
  const def = findOp(block.program.library, op.type)!
  let iterations = 0
  return {
    opType: op.type,
    attrs: op.filledAttrs(def),
    generator: options.generator,
    inputNames: (slot) => op.inputs[slot] ?? [],
    outputNames: (slot) => op.outputs[slot] ?? [],
    get: (name) => {
      const slot = scope.find(name)
      return slot instanceof TensorSlot ? new Tensor(slot.dtype, slot.shape, slot.data, slot.lod) : slot
    },
    set: (name, value) => {
      const target = scopeOf(block, name, scope)
      if (value instanceof TensorArray) target.put(name, value)
      else target.set(name, value)
    },
    runBlock: (idx) => {
      options.budget?.checkIterations(op.type, ++iterations)
      const inner = new Scope(scope)
      try {
        interpretBlock(block.program.blocks[idx]!, inner, { ...options, from: 0 })
      } finally {
        inner.drop()
      }
    },
  }
}

function notInitialized(op: Operator, slot: string, name: string): PreconditionNotMetError {
  return new PreconditionNotMetError('E103', `${op.type}: input ${slot} ("${name}") has no value`, {
    where: { opType: op.type, slot, variable: name },
    hint: 'an operator before this one must write it, or it must be fed, loaded or set by the startup program',
  })
}
