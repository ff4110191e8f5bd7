/**
 * Copies between places of two tensors, or of one number into places of a tensor, whatever the element type: bits are moved, dimension by
 * dimension, as strides and offsets say. Runs go by vectors, transposes of four-byte elements in blocks of four by four.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { byteSize } from '../../tensor/dtype.ts'
import { numel, type Shape } from '../../tensor/shape.ts'
import type { FunctionBuilder, I32, Local } from './function_builder.ts'
import { type Code, i32, i32x4, i64, v128 } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { fullStrides, mergeDims } from './loop.ts'

/** Places of a tensor at each index of a space, in elements. Strides may be negative, and 0 in what is read. */
export interface Places {
  readonly tensor: PlannedTensor
  readonly offset?: number
  readonly strides: readonly number[]
}

/** All elements in their order. */
export const allOf = (tensor: PlannedTensor, space: Shape = tensor.shape): Places => ({
  tensor,
  strides: fullStrides(space),
})

/** A dimension: its size, and the distance of its elements in bytes in what is written and what is read. */
interface Dim {
  readonly size: number
  readonly to: number
  readonly from: number
}

/** Bytes of a run that are one unit of work. */
const CHUNK = 1 << 16

/** to = from at every index of the space, which has elements. */
export function moveKernel(space: Shape, to: Places, from: Places): Kernel {
  const bytes = byteSize(to.tensor.dtype)
  const { sizes, strides } = mergeDims(space, [to.strides, from.strides])
  const dims = sizes.map((size, d): Dim => ({ size, to: bytes * strides[0]![d]!, from: bytes * strides[1]![d]! }))
  const [toOffset, fromOffset] = [bytes * (to.offset ?? 0), bytes * (from.offset ?? 0)]
  const { units, emit } = planMove(dims, bytes)
  const isWhole = toOffset === 0 && fromOffset === 0 && dims.length === 1 && dims[0]!.to === dims[0]!.from
  return {
    kind: 'kernel',
    key: `move|${bytes}|${dims.map((dim) => Object.values(dim).join()).join(':')}|${toOffset}|${fromOffset}`,
    args: [to.tensor, from.tensor],
    writes: [to.tensor],
    // A copy in order may be one onto itself.
    ...(isWhole ? { overwrites: [from.tensor] } : {}),
    units,
    work: 2 * bytes * numel(space),
    emit: (module) =>
      kernelFunction(module, 2, (f, [target, source], begin, end) => {
        const at = (base: I32, offset: number): I32 => (offset === 0 ? base : f.let(i32.add(base, i32.const(offset))))
        emit(f, at(target!, toOffset), at(source!, fromOffset), begin, end)
      }),
  }
}

/** The bits in all of the tensor; `bits` is a number of its element's size. */
export function fillKernel(tensor: PlannedTensor, bits: bigint): Kernel {
  const bytes = byteSize(tensor.dtype)
  const size = bytes * numel(tensor.shape)
  return {
    kind: 'kernel',
    key: `fill|${bytes}|${size}|${bits}`,
    args: [tensor],
    writes: [tensor],
    units: Math.ceil(size / CHUNK),
    work: size,
    emit: (module) =>
      kernelFunction(module, 1, (f, [target], begin, end) => {
        let word = BigInt.asUintN(8 * bytes, bits)
        for (let width = bytes; width < 8; width *= 2) word |= word << BigInt(8 * width)
        const all = f.let(i64x2Splat(word))
        const value = f.let(i64.const(BigInt.asIntN(64, word)))
        eachChunk(f, size, begin, end, (offset, count) => {
          const to = f.let(i32.add(target!, offset))
          emitBytes(f, count, {
            vector: (at, more) => f.do(v128.store(i32.add(to, at), all, more)),
            piece: (width, more) => STORES[width](f, to, value, more),
          })
        })
      }),
  }
}

/** How dimensions are walked, and the units of work of the first. */
function planMove(
  dims: readonly Dim[],
  bytes: number,
): { units: number; emit: (f: FunctionBuilder, to: I32, from: I32, begin: I32, end: I32) => void } {
  const inner = dims[dims.length - 1]!
  const outer = dims.slice(0, -1)
  const isRun = inner.to === bytes && inner.from === bytes
  if (isRun && outer.length === 0) {
    const size = inner.size * bytes
    return {
      units: Math.ceil(size / CHUNK),
      emit: (f, to, from, begin, end) =>
        eachChunk(f, size, begin, end, (offset, count) =>
          emitRun(f, f.let(i32.add(to, offset)), f.let(i32.add(from, offset)), count),
        ),
    }
  }
  const across = bytes === 4 && inner.to === 4 ? outer.findIndex(({ from }) => from === 4) : -1
  if (across >= 0 && inner.size >= 4 && outer[across]!.size >= 4) {
    const others = outer.filter((_, d) => d !== across)
    const range = others.length > 0 ? others[0]!.size : Math.ceil(outer[across]!.size / 4)
    return {
      units: range,
      emit: (f, to, from, begin, end) => {
        const within = others.length > 0 ? undefined : { begin, end }
        walk(f, others, to, from, others.length > 0 ? { begin, end } : undefined, (target, source) =>
          emitTransposed(f, outer[across]!, inner, target, source, within),
        )
      },
    }
  }
  const loops = isRun ? outer : dims
  return {
    units: loops[0]!.size,
    emit: (f, to, from, begin, end) =>
      walk(f, loops, to, from, { begin, end }, (target, source) =>
        isRun ? emitRun(f, target, source, inner.size * bytes) : emitElement(f, target, source, bytes),
      ),
  }
}

interface Range {
  readonly begin: I32
  readonly end: I32
}

/** Loops over dimensions with addresses that move along; a range limits the first. */
function walk(
  f: FunctionBuilder,
  [dim, ...rest]: readonly Dim[],
  to: I32,
  from: I32,
  range: Range | undefined,
  body: (to: I32, from: I32) => void,
): void {
  if (dim === undefined) {
    body(to, from)
    return
  }
  const start = (base: I32, step: number): Local<'i32'> =>
    f.let(range === undefined ? base : i32.add(base, i32.mul(range.begin, i32.const(step))))
  const [target, source] = [start(to, dim.to), start(from, dim.from)]
  f.count(f.local('i32'), range?.begin ?? 0, range?.end ?? dim.size, 1, () => {
    walk(f, rest, target, source, undefined, body)
    f.advance(target, dim.to)
    f.advance(source, dim.from)
  })
}

/** Chunks [begin, end) of `size` bytes: where each begins, and how long it is. */
function eachChunk(
  f: FunctionBuilder,
  size: number,
  begin: I32,
  end: I32,
  body: (offset: I32, count: number) => void,
): void {
  const full = Math.floor(size / CHUNK)
  const chunk = f.local('i32')
  if (full > 0) {
    const last = f.let(i32.select(i32.ltS(end, i32.const(full)), end, i32.const(full)))
    f.count(chunk, begin, last, 1, () => body(f.let(i32.mul(chunk, i32.const(CHUNK))), CHUNK))
  }
  if (size % CHUNK > 0) f.if(i32.gtS(end, i32.const(full)), () => body(i32.const(full * CHUNK), size % CHUNK))
}

export type Width = 1 | 2 | 4 | 8

/** `count` bytes as vectors and a rest of eight, four, two and one. */
function emitBytes(
  f: FunctionBuilder,
  count: number,
  emit: { vector: (at: I32, offset: number) => void; piece: (width: Width, offset: number) => void },
): void {
  const vectors = Math.floor(count / 16)
  const turns = Math.floor(vectors / 4)
  if (turns > 1) {
    const at = f.local('i32')
    f.count(at, 0, 64 * turns, 64, () => {
      for (let v = 0; v < 4; v++) emit.vector(at, 16 * v)
    })
  }
  for (let v = turns > 1 ? 4 * turns : 0; v < vectors; v++) emit.vector(i32.const(0), 16 * v)
  let done = 16 * vectors
  for (const width of [8, 4, 2, 1] as const) {
    if (count - done < width) continue
    emit.piece(width, done)
    done += width
  }
}

/** Copies `count` bytes. */
export const emitRun = (f: FunctionBuilder, to: I32, from: I32, count: number): void =>
  emitBytes(f, count, {
    vector: (at, offset) => f.do(v128.store(i32.add(to, at), v128.load(i32.add(from, at), offset), offset)),
    piece: (width, offset) => COPIES[width](f, to, from, offset),
  })

export const emitElement = (f: FunctionBuilder, to: I32, from: I32, bytes: number): void =>
  COPIES[bytes as Width](f, to, from, 0)

const COPIES: Readonly<Record<Width, (f: FunctionBuilder, to: I32, from: I32, offset: number) => void>> = {
  1: (f, to, from, offset) => f.do(i32.store8(to, i32.load8U(from, offset), offset)),
  2: (f, to, from, offset) => f.do(i32.store16(to, i32.load16U(from, offset), offset)),
  4: (f, to, from, offset) => f.do(i32.store(to, i32.load(from, offset), offset)),
  8: (f, to, from, offset) => f.do(i64.store(to, i64.load(from, offset), offset)),
}

const STORES: Readonly<Record<Width, (f: FunctionBuilder, to: I32, value: Code<'i64'>, offset: number) => void>> = {
  1: (f, to, value, offset) => f.do(i32.store8(to, i32.wrapI64(value), offset)),
  2: (f, to, value, offset) => f.do(i32.store16(to, i32.wrapI64(value), offset)),
  4: (f, to, value, offset) => f.do(i32.store(to, i32.wrapI64(value), offset)),
  8: (f, to, value, offset) => f.do(i64.store(to, value, offset)),
}

/** Stores the low bits of a number as one element. */
export const storeBits = (f: FunctionBuilder, to: I32, value: Code<'i64'>, bytes: Width): void =>
  STORES[bytes](f, to, value, 0)

const i64x2Splat = (word: bigint): Code<'v128'> => {
  const low = i32x4.const(Number(BigInt.asIntN(32, word)))
  const high = i32x4.const(Number(BigInt.asIntN(32, word >> 32n)))
  return v128.shuffle32(low, high, [0, 4, 1, 5])
}

/**
 * Four-byte elements that are neighbours along `down` in what is read and along `along` in what is written: blocks of four by four, with what
 * is left over element by element. A range counts blocks of `down`.
 */
function emitTransposed(f: FunctionBuilder, down: Dim, along: Dim, to: I32, from: I32, range: Range | undefined): void {
  const row = f.local('i32')
  const column = f.local('i32')
  const rows = Math.floor(down.size / 4)
  const columns = Math.floor(along.size / 4)
  const place = (base: I32, r: I32, rowStep: number, c: I32, columnStep: number): Local<'i32'> =>
    f.let(i32.add(i32.add(base, i32.mul(r, i32.const(rowStep))), i32.mul(c, i32.const(columnStep))))
  const strip = (height: number): void => {
    const target = place(to, row, 4 * down.to, i32.const(0), 0)
    const source = place(from, row, 4 * down.from, i32.const(0), 0)
    if (height === 4) {
      f.count(column, 0, columns, 1, () => {
        const lines = [0, 1, 2, 3].map((i) => f.let(v128.load(f.let(i32.add(source, i32.const(i * along.from))))))
        const [a, b, c, d] = lines as [Local<'v128'>, Local<'v128'>, Local<'v128'>, Local<'v128'>]
        const lowAB = f.let(v128.shuffle32(a, b, [0, 4, 1, 5]))
        const highAB = f.let(v128.shuffle32(a, b, [2, 6, 3, 7]))
        const lowCD = f.let(v128.shuffle32(c, d, [0, 4, 1, 5]))
        const highCD = f.let(v128.shuffle32(c, d, [2, 6, 3, 7]))
        const turned = [
          v128.shuffle32(lowAB, lowCD, [0, 1, 4, 5]),
          v128.shuffle32(lowAB, lowCD, [2, 3, 6, 7]),
          v128.shuffle32(highAB, highCD, [0, 1, 4, 5]),
          v128.shuffle32(highAB, highCD, [2, 3, 6, 7]),
        ]
        for (const [i, line] of turned.entries()) f.do(v128.store(i32.add(target, i32.const(i * down.to)), line))
        f.advance(target, 16)
        f.advance(source, 4 * along.from)
      })
    }
    const rest = { ...along, size: height === 4 ? along.size - 4 * columns : along.size }
    if (rest.size > 0)
      walk(f, [{ ...down, size: height }, rest], target, source, undefined, (t, s) => emitElement(f, t, s, 4))
  }
  if (range === undefined) f.count(row, 0, rows, 1, () => strip(4))
  else {
    const last = f.let(i32.select(i32.ltS(range.end, i32.const(rows)), range.end, i32.const(rows)))
    f.count(row, range.begin, last, 1, () => strip(4))
  }
  if (down.size % 4 === 0) return
  f.set(row, i32.const(rows))
  if (range === undefined) strip(down.size % 4)
  else f.if(i32.gtS(range.end, i32.const(rows)), () => strip(down.size % 4))
}
