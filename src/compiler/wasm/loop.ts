/**
 * Code for loops over a space of indices, four float32 at a time. Dimensions are merged as far as all operands allow; where one flat run
 * remains, the code does not depend on its length.
 */
import type { Shape } from '../../tensor/shape.ts'
import { numel } from '../../tensor/shape.ts'
import { advanced, loadElements, shiftOf, sizeShift, splatElement, storeElements } from './elements.ts'
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
  const targets = statements.map(({ target }) => target)
  const shifts = [...targets.map(({ dtype }) => sizeShift(dtype)), ...operands.map(shiftOf)]
  const key = [
    'loop',
    flat ? '' : sizes.slice(1).join('x'),
    strides.map((steps) => steps.join()).join(':'),
    shifts.join(''),
    statements.length,
    formulaKey(formulas, (operand) => operands.findIndex((known) => sameOperand(known, operand))),
  ].join('|')
  return {
    kind: 'kernel',
    key,
    args: [...targets, ...operands.map(({ tensor }) => tensor)],
    writes: targets,
    units: flat ? Math.ceil(numel(space) / 4) : sizes[0]!,
    work: numel(space) * shifts.reduce((sum, shift) => sum + 2 ** shift, 0),
    emit: (module) =>
      kernelFunction(module, targets.length + operands.length, (f, addresses, begin, end) => {
        const emitter = new FormulaEmitter(f, formulas)
        emitter.prepare()
        const streams: Streams = {
          f,
          emitter,
          operands,
          stores: targets.map(({ dtype }, i) => ({ address: addresses[i]!, shift: sizeShift(dtype) })),
          loads: operands.map((operand, i) => ({ address: addresses[targets.length + i]!, shift: shiftOf(operand) })),
          unroll: unrollOf(formulas),
        }
        const steps = strides.slice(1)
        if (flat) emitFlat(streams, steps, begin, end)
        else emitNest(streams, { sizes, target: strides[0]!, operands: steps }, begin, end, inner)
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

/** Memory that a loop walks along. */
interface Stream {
  readonly address: I32
  /** Binary logarithm of the bytes of an element. */
  readonly shift: number
}

interface Streams {
  readonly f: FunctionBuilder
  readonly emitter: FormulaEmitter
  readonly operands: readonly Operand[]
  readonly stores: readonly Stream[]
  readonly loads: readonly Stream[]
  readonly unroll: number
}

/** The repeated operands, loaded before the loop. */
const splatsOf = ({ f, loads }: Streams, steps: readonly number[]): (Vector | undefined)[] =>
  steps.map((step, i) => (step === 0 ? f.let(splatElement(loads[i]!.address, loads[i]!.shift)) : undefined))

/**
 * `count` (1 to 4) elements, `offset` bytes of float32 behind `at`, or behind the addresses where `at` is undefined. All operands are read
 * before the first store.
 */
function emitVector(
  { f, emitter, operands, stores, loads }: Streams,
  splats: readonly (Vector | undefined)[],
  at: I32 | undefined,
  offset: number,
  count = 4,
): void {
  const place = ({ address, shift }: Stream): I32 => (at === undefined ? address : advanced(address, at, shift))
  const behind = ({ shift }: Stream): number => offset >> (2 - shift)
  const held = loads.map(
    (stream, i) => splats[i] ?? f.let(loadElements(place(stream), stream.shift, count, behind(stream))),
  )
  const values = emitter.valuesOf((operand) => held[operands.findIndex((known) => sameOperand(known, operand))]!)
  const several = values.length > 1
  const results = several ? values.map((value) => f.let(value)) : values
  results.forEach((value, i) => {
    const stream = stores[i]!
    storeElements(f, place(stream), stream.shift, value, count, behind(stream))
  })
}

function emitFlat(streams: Streams, steps: readonly (readonly number[])[], begin: I32, end: I32): void {
  const { f, emitter, operands, unroll } = streams
  const splats = splatsOf(
    streams,
    steps.map((step) => step[0]!),
  )
  emitter.hoist((operand) => splats[operands.findIndex((known) => sameOperand(known, operand))])
  const at = f.local('i32')
  const limit = f.let(i32.shl(end, i32.const(4)))
  const one = (offset: number): void => emitVector(streams, splats, at, offset)
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
  streams: Streams,
  dims: {
    readonly sizes: readonly number[]
    readonly target: readonly number[]
    readonly operands: readonly (readonly number[])[]
  },
  begin: I32,
  end: I32,
  inner: number,
): void {
  const { f } = streams
  const outer = dims.sizes.length - 1
  const level = (d: number, stores: readonly Stream[], loads: readonly Stream[]): void => {
    if (d === outer) {
      emitRow(
        { ...streams, stores, loads },
        dims.operands.map((steps) => steps[d]!),
        inner,
      )
      return
    }
    /** The stream from where this level begins, in a local of its own if it moves, and the bytes by which it moves. */
    const start = ({ address, shift }: Stream, step: number) => {
      const bytes = step << shift
      if (bytes === 0) return { address, shift, bytes }
      const first = d === 0 ? i32.add(address, i32.mul(begin, i32.const(bytes))) : address
      return { address: f.let(first), shift, bytes }
    }
    const targets = stores.map((stream) => start(stream, dims.target[d]!))
    const sources = loads.map((stream, i) => start(stream, dims.operands[i]![d]!))
    const index = f.local('i32')
    f.count(index, d === 0 ? begin : 0, d === 0 ? end : dims.sizes[d]!, 1, () => {
      level(d + 1, targets, sources)
      for (const { address, bytes } of [...targets, ...sources]) f.advance(address as Local<'i32'>, bytes)
    })
  }
  level(0, streams.stores, streams.loads)
}

/** A row of `size` elements; its last one to three are loaded and stored lane by lane. */
function emitRow(streams: Streams, steps: readonly number[], size: number): void {
  const { f, unroll } = streams
  const splats = splatsOf(streams, steps)
  const vectors = Math.floor(size / 4)
  const turns = Math.floor(vectors / unroll)
  const at = f.local('i32')
  if (turns > 1) {
    f.count(at, 0, turns * unroll * 16, 16 * unroll, () => {
      for (let u = 0; u < unroll; u++) emitVector(streams, splats, at, 16 * u)
    })
  }
  for (let v = turns > 1 ? turns * unroll : 0; v < vectors; v++) emitVector(streams, splats, undefined, 16 * v)
  const rest = size % 4
  if (rest > 0) emitVector(streams, splats, undefined, 16 * vectors, rest)
}

/** Calls `body` for the vectors of `size` elements, by a loop where there are many; `at` is in bytes. */
export function eachVector(f: FunctionBuilder, size: number, body: (at: I32, lanes: number) => void): void {
  const vectors = Math.floor(size / 4)
  const at = f.local('i32')
  if (vectors > 0) f.count(at, 0, 16 * vectors, 16, () => body(at, 4))
  if (size % 4 > 0) {
    f.set(at, i32.const(16 * vectors))
    body(at, size % 4)
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
