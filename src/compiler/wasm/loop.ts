/**
 * Code for loops over a space of indices, four float32 at a time. Dimensions are merged as far as all operands allow; where one flat run
 * remains, the code does not depend on its length.
 */
import type { Shape } from '../../tensor/shape.ts'
import { numel } from '../../tensor/shape.ts'
import { type Formula, FormulaEmitter, formulaKey, operandsOf, sameOperand } from './expression.ts'
import type { FunctionBuilder, I32, Local, Vector } from './function_builder.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import type { Kernel, Loop, Operand, Statement } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'

/** Row-major strides, 0 for dimensions of one element. */
export function fullStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = shape[d] === 1 ? 0 : step
    step *= shape[d]!
  }
  return strides
}

/** Sizes and, for each operand, strides, of neighbouring dimensions merged where every operand goes on evenly. */
export function mergeDims(
  space: Shape,
  strides: readonly (readonly number[])[],
): { readonly sizes: number[]; readonly strides: number[][] } {
  const sizes: number[] = []
  const merged: number[][] = strides.map(() => [])
  for (let d = space.length - 1; d >= 0; d--) {
    const size = space[d]!
    if (size === 1) continue
    const even = sizes.length > 0 && strides.every((steps, i) => steps[d]! === merged[i]![0]! * sizes[0]!)
    if (even) sizes[0]! *= size
    else {
      sizes.unshift(size)
      for (let i = 0; i < merged.length; i++) merged[i]!.unshift(strides[i]![d]!)
    }
  }
  if (sizes.length === 0) {
    sizes.push(1)
    for (const steps of merged) steps.push(0)
  }
  return { sizes, strides: merged }
}

/** True where the innermost dimension of every operand is read side by side or repeated, as vectors need it. */
export function isVectorizable(space: Shape, operands: readonly Operand[]): boolean {
  const { strides } = mergeDims(space, [fullStrides(space), ...operands.map((operand) => operand.strides)])
  return strides.every((steps) => steps[steps.length - 1]! <= 1)
}

export function loopKernel({ space, statements }: Loop): Kernel {
  const formulas = statements.map(({ value }) => value)
  const operands = operandsOf(formulas)
  const { sizes, strides } = mergeDims(space, [fullStrides(space), ...operands.map((operand) => operand.strides)])
  const flat = sizes.length === 1
  const inner = sizes[sizes.length - 1]!
  const key = [
    'loop',
    flat ? '' : sizes.slice(1).join('x'),
    strides.map((steps) => steps.join()).join(':'),
    statements.length,
    formulaKey(formulas, (operand) => operands.findIndex((known) => sameOperand(known, operand))),
  ].join('|')
  const targets = statements.map(({ target }) => target)
  return {
    kind: 'kernel',
    key,
    args: [...targets, ...operands.map(({ tensor }) => tensor)],
    writes: targets,
    units: flat ? Math.ceil(numel(space) / 4) : sizes[0]!,
    work: numel(space) * (targets.length + operands.length) * 4,
    emit: (module) =>
      kernelFunction(module, targets.length + operands.length, (f, addresses, begin, end) => {
        const emitter = new FormulaEmitter(f, formulas)
        emitter.prepare()
        const stores = addresses.slice(0, targets.length)
        const loads = addresses.slice(targets.length)
        const steps = strides.slice(1)
        if (flat) emitFlat(f, emitter, operands, steps, stores, loads, begin, end, unrollOf(formulas))
        else {
          const dims = { sizes, target: strides[0]!, operands: steps }
          emitNest(f, emitter, operands, dims, stores, loads, begin, end, inner, unrollOf(formulas))
        }
      }),
  }
}

/** Short formulas do not fill the processor's pipes; long ones run out of registers when unrolled. */
function unrollOf(formulas: readonly Formula[]): number {
  const seen = new Set<Formula>()
  const visit = (formula: Formula): void => {
    if (seen.has(formula)) return
    seen.add(formula)
    formula.args.forEach(visit)
  }
  formulas.forEach(visit)
  return seen.size <= 10 ? 4 : seen.size <= 24 ? 2 : 1
}

/** Where the values of operands come from inside a loop over vectors. */
function reader(
  operands: readonly Operand[],
  load: (index: number) => Vector,
  splats: readonly (Vector | undefined)[],
): (operand: Operand) => Vector {
  return (operand) => {
    const index = operands.findIndex((known) => sameOperand(known, operand))
    return splats[index] ?? load(index)
  }
}

/** One vector: all operands are read before the first store. */
function emitVector(
  f: FunctionBuilder,
  emitter: FormulaEmitter,
  operands: readonly Operand[],
  splats: readonly (Vector | undefined)[],
  load: (index: number) => Vector,
  store: (index: number, value: Vector) => void,
): void {
  const held = operands.map((_, i) => splats[i] ?? f.let(load(i)))
  const values = emitter.valuesOf(reader(operands, (index) => held[index]!, splats))
  const several = values.length > 1
  const results = several ? values.map((value) => f.let(value)) : values
  for (let i = 0; i < results.length; i++) store(i, results[i]!)
}

function emitFlat(
  f: FunctionBuilder,
  emitter: FormulaEmitter,
  operands: readonly Operand[],
  steps: readonly (readonly number[])[],
  stores: readonly I32[],
  loads: readonly I32[],
  begin: I32,
  end: I32,
  unroll: number,
): void {
  const splats = steps.map((step, i) => (step[0] === 0 ? f.let(v128.load32Splat(loads[i]!)) : undefined))
  emitter.hoist((operand) => splats[operands.findIndex((known) => sameOperand(known, operand))])
  const at = f.local('i32')
  const limit = f.let(i32.shl(end, i32.const(4)))
  const one = (offset: number): void =>
    emitVector(
      f,
      emitter,
      operands,
      splats,
      (i) => v128.load(i32.add(loads[i]!, at), offset),
      (i, value) => f.do(v128.store(i32.add(stores[i]!, at), value, offset)),
    )
  f.set(at, i32.shl(begin, i32.const(4)))
  if (unroll > 1) {
    const main = f.let(i32.sub(limit, i32.const(16 * (unroll - 1))))
    f.if(i32.ltS(at, main), () =>
      f.repeat(() => {
        for (let u = 0; u < unroll; u++) one(16 * u)
        f.advance(at, 16 * unroll)
        return i32.ltS(at, main)
      }),
    )
  }
  f.if(i32.ltS(at, limit), () =>
    f.repeat(() => {
      one(0)
      f.advance(at, 16)
      return i32.ltS(at, limit)
    }),
  )
}

function emitNest(
  f: FunctionBuilder,
  emitter: FormulaEmitter,
  operands: readonly Operand[],
  dims: {
    readonly sizes: readonly number[]
    readonly target: readonly number[]
    readonly operands: readonly (readonly number[])[]
  },
  stores: readonly I32[],
  loads: readonly I32[],
  begin: I32,
  end: I32,
  inner: number,
  unroll: number,
): void {
  const outer = dims.sizes.length - 1
  const level = (d: number, targets: readonly I32[], sources: readonly I32[]): void => {
    if (d === outer) {
      emitRow(
        f,
        emitter,
        operands,
        dims.operands.map((steps) => steps[d]!),
        targets,
        sources,
        inner,
        unroll,
      )
      return
    }
    const start = (base: I32, step: number): Local<'i32'> =>
      f.let(d === 0 ? i32.add(base, i32.mul(begin, i32.const(4 * step))) : base)
    const targetAt = targets.map((base) => start(base, dims.target[d]!))
    const sourceAt = sources.map((base, i) => (dims.operands[i]![d] === 0 ? base : start(base, dims.operands[i]![d]!)))
    const index = f.local('i32')
    f.count(index, d === 0 ? begin : 0, d === 0 ? end : dims.sizes[d]!, 1, () => {
      level(d + 1, targetAt, sourceAt)
      for (const at of targetAt) f.advance(at, 4 * dims.target[d]!)
      sourceAt.forEach((at, i) => {
        if (dims.operands[i]![d] !== 0) f.advance(at as Local<'i32'>, 4 * dims.operands[i]![d]!)
      })
    })
  }
  level(0, stores, loads)
}

/** A row of `size` elements; its last one to three are loaded and stored lane by lane. */
function emitRow(
  f: FunctionBuilder,
  emitter: FormulaEmitter,
  operands: readonly Operand[],
  steps: readonly number[],
  targets: readonly I32[],
  sources: readonly I32[],
  size: number,
  unroll: number,
): void {
  const splats = steps.map((step, i) => (step === 0 ? f.let(v128.load32Splat(sources[i]!)) : undefined))
  const vectors = Math.floor(size / 4)
  const turns = Math.floor(vectors / unroll)
  const at = f.local('i32')
  const one = (base: (address: I32) => I32, offset: number): void =>
    emitVector(
      f,
      emitter,
      operands,
      splats,
      (i) => v128.load(base(sources[i]!), offset),
      (i, value) => f.do(v128.store(base(targets[i]!), value, offset)),
    )
  if (turns > 1) {
    f.count(at, 0, turns * unroll * 16, 16 * unroll, () => {
      for (let u = 0; u < unroll; u++) one((address) => i32.add(address, at), 16 * u)
    })
  }
  for (let v = turns > 1 ? turns * unroll : 0; v < vectors; v++) one((address) => address, 16 * v)
  const rest = size % 4
  if (rest > 0) {
    const offset = 16 * vectors
    emitVector(
      f,
      emitter,
      operands,
      splats,
      (i) => loadLanes(sources[i]!, rest, offset),
      (i, value) => storeLanes(f, targets[i]!, value, rest, offset),
    )
  }
}

/** The first `count` (1 to 4) of four float32; the others are 0, and their memory is not touched. */
export function loadLanes(address: I32, count: number, offset = 0): Vector {
  if (count === 4) return v128.load(address, offset)
  if (count === 1) return v128.load32Zero(address, offset)
  const two = v128.load64Zero(address, offset)
  return count === 2 ? two : v128.load32Lane(address, two, 2, offset + 8)
}

/** Stores the first `count` (1 to 4) lanes. */
export function storeLanes(f: FunctionBuilder, address: I32, value: Vector, count: number, offset = 0): void {
  if (count === 4) {
    f.do(v128.store(address, value, offset))
    return
  }
  const held = f.let(value)
  if (count === 1) f.do(v128.store32Lane(address, held, 0, offset))
  else {
    f.do(v128.store64Lane(address, held, 0, offset))
    if (count === 3) f.do(v128.store32Lane(address, held, 2, offset + 8))
  }
}

/** ((l0 + l2) + (l1 + l3)) of a vector, in all four lanes. */
export function sumLanes(f: FunctionBuilder, value: Vector): Vector {
  const held = f.let(value)
  const pairs = f.let(f32x4.add(held, v128.shuffle32(held, held, [2, 3, 0, 1])))
  return f32x4.add(pairs, v128.shuffle32(pairs, pairs, [1, 0, 3, 2]))
}

/** Statements whose value is copied from the same place need no code. */
export const isSelfCopy = ({ target, value }: Statement): boolean => value.operand?.tensor === target
