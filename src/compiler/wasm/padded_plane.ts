/**
 * Planes copied into scratch memory with their padding around them, so that windows read without asking where a plane ends. With a stride the
 * columns are sorted by their remainder ("phases"): the elements that neighbouring windows have under one column of a filter lie side by side.
 */
import type { Span } from '../../ops/nn/window.ts'
import { loadLanes, storeLanes } from './elements.ts'
import type { FunctionBuilder, I32, Vector } from './function_builder.ts'
import { f32, f32x4, i32, v128 } from './instructions.ts'
import { eachVector } from './loop.ts'

export interface PaddedPlane {
  readonly height: Span
  readonly width: Span
  /** Rows of windows that are held at once. */
  readonly windowRows: number
  readonly rows: number
  /** Elements of one phase of a row, and of a row. */
  readonly phase: number
  readonly row: number
  readonly bytes: number
}

/** Vectors may be loaded this many elements past the last one. */
const SLACK = 16

/** A plane, or as much of it as `windowRows` rows of windows need. */
export function paddedPlane(height: Span, width: Span, windowRows = height.out): PaddedPlane {
  const reach = ({ kernel, dilation, stride }: Span, windows: number): number =>
    (windows - 1) * stride + (kernel - 1) * dilation + 1
  const rows = reach(height, windowRows)
  const phase = Math.ceil(reach(width, width.out) / width.stride)
  const row = phase * width.stride
  return { height, width, windowRows, rows, phase, row, bytes: 4 * (Math.ceil((rows * row) / 4) * 4 + SLACK) }
}

/** Elements from the first element under a window of column 0 to that under column `j` of the filter. */
export function columnOffset({ width, phase }: PaddedPlane, j: number): number {
  const column = j * width.dilation
  return (column % width.stride) * phase + Math.floor(column / width.stride)
}

/** Columns of a filter that are read with one step: `count` of them from `first` on, every `every`th, `step` elements apart. */
export interface ColumnRun {
  readonly first: number
  readonly count: number
  readonly every: number
  readonly offset: number
  readonly step: number
}

/** All columns of a filter; one run without a stride. */
export function columnRuns(plane: PaddedPlane): ColumnRun[] {
  const { kernel, stride, dilation } = plane.width
  const divisor = greatestDivisor(stride, dilation)
  const every = stride / divisor
  return Array.from({ length: Math.min(every, kernel) }, (_, first) => ({
    first,
    count: Math.ceil((kernel - first) / every),
    every,
    offset: columnOffset(plane, first),
    step: dilation / divisor,
  }))
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b))

/** Fills the whole scratch; what is no element of the plane keeps this value while planes are copied in. */
export function emitFill(f: FunctionBuilder, plane: PaddedPlane, scratch: I32, value: Vector): void {
  const at = f.let(scratch)
  const fill = f.let(value)
  f.count(f.local('i32'), 0, plane.bytes / 16, 1, () => {
    f.do(v128.store(at, fill))
    f.advance(at, 16)
  })
}

/** The columns of the plane that windows see, as columns of the padded row. */
function insideColumns({ width, row }: PaddedPlane): { readonly first: number; readonly end: number } {
  return { first: Math.max(width.before, 0), end: Math.min(row, width.size + width.before) }
}

/** Copies a whole plane from `source`. */
export function emitPad(f: FunctionBuilder, plane: PaddedPlane, source: I32, scratch: I32): void {
  const { height, width, row, rows } = plane
  const first = Math.max(height.before, 0)
  const end = Math.min(rows, height.size + height.before)
  if (first >= end) return
  const from = f.let(i32.add(source, i32.const(4 * (first - height.before) * width.size)))
  const to = f.let(i32.add(scratch, i32.const(4 * first * row)))
  f.count(f.local('i32'), first, end, 1, () => {
    emitRow(f, plane, from, to, 'pad')
    f.advance(from, 4 * width.size)
    f.advance(to, 4 * row)
  })
}

/** Copies the rows that windows from row `firstRow` on see; rows outside of the plane become 0. */
export function emitPadRows(
  f: FunctionBuilder,
  plane: PaddedPlane,
  source: I32,
  scratch: I32,
  firstRow: I32,
  windowRows: number,
): void {
  const { height, width, row } = plane
  const rows = (windowRows - 1) * height.stride + (height.kernel - 1) * height.dilation + 1
  const y = f.let(i32.sub(i32.mul(firstRow, i32.const(height.stride)), i32.const(height.before)))
  const from = f.let(i32.add(source, i32.mul(y, i32.const(4 * width.size))))
  const to = f.let(scratch)
  f.count(f.local('i32'), 0, rows, 1, () => {
    f.if(
      i32.ltU(y, i32.const(height.size)),
      () => emitRow(f, plane, from, to, 'pad'),
      () => emitZeroRow(f, row, to),
    )
    f.advance(y, 1)
    f.advance(from, 4 * width.size)
    f.advance(to, 4 * row)
  })
}

function emitZeroRow(f: FunctionBuilder, row: number, to: I32): void {
  eachVector(f, row, (at, lanes) => storeLanes(f, f.let(i32.add(to, at)), f32x4.const(0), lanes))
}

/** Copies the plane back: the inverse of `emitPad`. Elements that no window sees become 0. */
export function emitUnpad(f: FunctionBuilder, plane: PaddedPlane, scratch: I32, target: I32): void {
  const { height, width, row, rows } = plane
  const { first, end } = insideColumns(plane)
  const to = f.let(target)
  const y = f.local('i32')
  const from = f.let(i32.add(scratch, i32.const(4 * height.before * row)))
  f.count(y, height.before, height.before + height.size, 1, () => {
    const isSeen = end - first === width.size
    f.if(
      i32.ltU(y, i32.const(rows)),
      () => {
        if (!isSeen) emitZeroRow(f, width.size, to)
        emitRow(f, plane, to, from, 'unpad')
      },
      () => emitZeroRow(f, width.size, to),
    )
    f.advance(from, 4 * row)
    f.advance(to, 4 * width.size)
  })
}

/** One row between the plane (`outer`) and the padded plane (`inner`), in either direction. */
function emitRow(f: FunctionBuilder, plane: PaddedPlane, outer: I32, inner: I32, way: 'pad' | 'unpad'): void {
  const { width, phase } = plane
  const { first, end } = insideColumns(plane)
  if (first >= end) return
  const start = 4 * (first - width.before)
  const { stride } = width
  if (stride === 1) {
    const [from, to, fromOffset, toOffset] =
      way === 'pad' ? [outer, inner, start, 4 * first] : [inner, outer, 4 * first, start]
    eachVector(f, end - first, (at, lanes) => {
      const value = f.let(loadLanes(i32.add(from, at), lanes, fromOffset))
      storeLanes(f, f.let(i32.add(to, at)), value, lanes, toOffset)
    })
    return
  }
  const placeOf = (column: number): number => 4 * ((column % stride) * phase + Math.floor(column / stride))
  const single = (outerOffset: number, innerOffset: number, at: I32, inAt: I32): void =>
    f.do(
      way === 'pad'
        ? f32.store(i32.add(inner, inAt), f32.load(i32.add(outer, at), outerOffset), innerOffset)
        : f32.store(i32.add(outer, at), f32.load(i32.add(inner, inAt), innerOffset), outerOffset),
    )
  const turns = Math.floor((end - first) / stride)
  const at = f.let(i32.const(0))
  const inAt = f.let(i32.const(0))
  let done = 0
  if (stride === 2) {
    const pairs = Math.floor(turns / 4)
    f.count(f.local('i32'), 0, pairs, 1, () => {
      emitPairs(f, i32.add(outer, at), start, i32.add(inner, inAt), placeOf(first), placeOf(first + 1), way)
      f.advance(at, 32)
      f.advance(inAt, 16)
    })
    done = 4 * pairs
  }
  f.count(f.local('i32'), done, turns, 1, () => {
    for (let p = 0; p < stride; p++) single(start + 4 * p, placeOf(first + p), at, inAt)
    f.advance(at, 4 * stride)
    f.advance(inAt, 4)
  })
  for (let p = 0; p < (end - first) % stride; p++) single(start + 4 * p, placeOf(first + p), at, inAt)
}

/** Eight neighbours of a plane: the even ones to or from one phase, the odd ones to or from the other. */
function emitPairs(
  f: FunctionBuilder,
  outer: I32,
  start: number,
  inner: I32,
  even: number,
  odd: number,
  way: 'pad' | 'unpad',
): void {
  const [outerAt, innerAt] = [f.let(outer), f.let(inner)]
  if (way === 'pad') {
    const a = f.let(v128.load(outerAt, start))
    const b = f.let(v128.load(outerAt, start + 16))
    f.do(v128.store(innerAt, v128.shuffle32(a, b, [0, 2, 4, 6]), even))
    f.do(v128.store(innerAt, v128.shuffle32(a, b, [1, 3, 5, 7]), odd))
  } else {
    const a = f.let(v128.load(innerAt, even))
    const b = f.let(v128.load(innerAt, odd))
    f.do(v128.store(outerAt, v128.shuffle32(a, b, [0, 4, 1, 5]), start))
    f.do(v128.store(outerAt, v128.shuffle32(a, b, [2, 6, 3, 7]), start + 16))
  }
}

/** Windows of which one function body makes the sums at once. */
export interface WindowBlock {
  readonly rows: number
  /** Windows in each vector of a row. */
  readonly lanes: readonly number[]
  /** Number of the first window in its plane, row by row. */
  readonly first: I32
  /** Address of the element under the first element of the filter at the first window. */
  readonly at: I32
}

/** Vectors in a block. */
const BLOCK = 4

/** Calls `body` for all windows: sixteen of a row at a time, or several rows where they are short. */
export function eachBlock(
  f: FunctionBuilder,
  { height, width, row }: PaddedPlane,
  scratch: I32,
  body: (block: WindowBlock) => void,
): void {
  const lanesOf = (windows: number): number[] =>
    Array.from({ length: Math.ceil(windows / 4) }, (_, v) => Math.min(4, windows - 4 * v))
  const vectors = Math.ceil(width.out / 4)
  const rowsAtOnce = vectors === 1 ? 4 : vectors === 2 ? 2 : 1
  const rowAt = f.let(scratch)
  const rowFirst = f.let(i32.const(0))
  const [at, first] = [f.local('i32'), f.local('i32')]
  const line = (rows: number): void => {
    if (vectors <= BLOCK) body({ rows, lanes: lanesOf(width.out), first: rowFirst, at: rowAt })
    else {
      f.set(at, rowAt)
      f.set(first, rowFirst)
      f.count(f.local('i32'), 0, Math.floor(width.out / (4 * BLOCK)), 1, () => {
        body({ rows, lanes: lanesOf(4 * BLOCK), first, at })
        f.advance(at, 16 * BLOCK)
        f.advance(first, 4 * BLOCK)
      })
      const rest = width.out % (4 * BLOCK)
      if (rest > 0) body({ rows, lanes: lanesOf(rest), first, at })
    }
    f.advance(rowAt, 4 * rows * height.stride * row)
    f.advance(rowFirst, rows * width.out)
  }
  const full = height.out - (height.out % rowsAtOnce)
  f.count(f.local('i32'), 0, full, rowsAtOnce, () => line(rowsAtOnce))
  if (full < height.out) line(height.out - full)
}

/** Byte offsets of a block's vectors from its address, row by row. */
export const blockOffsets = ({ height, row }: PaddedPlane, { rows, lanes }: WindowBlock): number[] =>
  Array.from({ length: rows }, (_, r) => lanes.map((_, v) => 4 * r * height.stride * row + 16 * v)).flat()

/** Calls `body` for every element of a filter, in loops: with the address under it for the windows at `at`, and its own from `weights` on. */
export function eachTap(
  f: FunctionBuilder,
  plane: PaddedPlane,
  at: I32,
  weights: I32,
  body: (address: I32, weight: I32) => void,
): void {
  const { height, width, row } = plane
  const rowAt = f.let(at)
  const rowWeights = f.let(weights)
  f.count(f.local('i32'), 0, height.kernel, 1, () => {
    for (const { first, count, every, offset, step } of columnRuns(plane)) {
      const address = f.let(i32.add(rowAt, i32.const(4 * offset)))
      const weight = f.let(i32.add(rowWeights, i32.const(4 * first)))
      f.count(f.local('i32'), 0, count, 1, () => {
        body(address, weight)
        f.advance(address, 4 * step)
        f.advance(weight, 4 * every)
      })
    }
    f.advance(rowAt, 4 * height.dilation * row)
    f.advance(rowWeights, 4 * width.kernel)
  })
}
