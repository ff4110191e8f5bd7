/**
 * C = A Bᵀ, or C + A Bᵀ, where rows of A and of B are side by side in memory: tiles of two rows of A and four of B, vectors along the depth.
 * Nothing is turned or copied, which is what gradients of filters need: their depth, the windows, is the long side of both operands.
 */

import { loadLanes, storeLanes } from './elements.ts'
import type { FunctionBuilder, I32, Vector } from './function_builder.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import { repeatUntil } from './steps.ts'

export interface DotShape {
  readonly m: number
  readonly n: number
  readonly k: number
  /** Elements from one row to the next. */
  readonly aRow: number
  readonly bRow: number
  readonly cRow: number
}

const ROWS = 2
const COLUMNS = 4

/** How C is cut for threads: into pairs of rows, or fours of columns. */
export function dotSplit({ m, n }: DotShape): { readonly split: 'rows' | 'columns'; readonly units: number } {
  const [rows, columns] = [Math.ceil(m / ROWS), Math.ceil(n / COLUMNS)]
  return rows >= columns ? { split: 'rows', units: rows } : { split: 'columns', units: columns }
}

interface Range {
  readonly begin: I32
  readonly end: I32
}

/** Emits the product, of the units of `split` in `range` or of all; `resume` is 0 where C is written anew. */
export function emitDots(
  f: FunctionBuilder,
  shape: DotShape,
  places: { readonly a: I32; readonly b: I32; readonly c: I32 },
  resume: I32,
  cut?: { readonly split: 'rows' | 'columns'; readonly range: Range },
): void {
  const { m, n, aRow, bRow, cRow } = shape
  const range = (split: 'rows' | 'columns'): Range | undefined => (cut?.split === split ? cut.range : undefined)
  eachTile(f, m, ROWS, range('rows'), (row, rows) => {
    const aAt = f.let(i32.add(places.a, i32.mul(row, i32.const(4 * aRow))))
    const cAt = f.let(i32.add(places.c, i32.mul(row, i32.const(4 * cRow))))
    eachTile(f, n, COLUMNS, range('columns'), (column, columns) => {
      const bAt = f.let(i32.add(places.b, i32.mul(column, i32.const(4 * bRow))))
      const target = f.let(i32.add(cAt, i32.shl(column, i32.const(2))))
      emitTile(f, shape, { a: aAt, b: bAt, c: target }, resume, rows, columns)
    })
  })
}

/** Calls `body` with the first index and the size of each tile. */
function eachTile(
  f: FunctionBuilder,
  size: number,
  tile: number,
  range: Range | undefined,
  body: (first: I32, size: number) => void,
): void {
  const full = Math.floor(size / tile)
  const rest = size % tile
  const index = f.local('i32')
  const one = (count: number): void => body(f.let(i32.mul(index, i32.const(tile))), count)
  if (full > 0) {
    const last =
      range === undefined ? full : f.let(i32.select(i32.ltS(range.end, i32.const(full)), range.end, i32.const(full)))
    f.count(index, range?.begin ?? 0, last, 1, () => one(tile))
  }
  if (rest > 0) {
    f.set(index, i32.const(full))
    if (range === undefined) one(rest)
    else f.if(i32.gtS(range.end, i32.const(full)), () => one(rest))
  }
}

function emitTile(
  f: FunctionBuilder,
  { k, aRow, bRow, cRow }: DotShape,
  at: { readonly a: I32; readonly b: I32; readonly c: I32 },
  resume: I32,
  rows: number,
  columns: number,
): void {
  const sums = Array.from({ length: rows }, () => Array.from({ length: columns }, () => f.let(f32x4.const(0))))
  const [a, b] = [f.locals('v128', rows), f.locals('v128', columns)]
  const [aAt, bAt] = [f.let(at.a), f.let(at.b)]
  const add = (lanes: number): void => {
    for (let c = 0; c < columns; c++) f.set(b[c]!, loadLanes(bAt, lanes, 4 * bRow * c))
    for (let r = 0; r < rows; r++) {
      f.set(a[r]!, loadLanes(aAt, lanes, 4 * aRow * r))
      for (let c = 0; c < columns; c++) f.set(sums[r]![c]!, f32x4.add(sums[r]![c]!, f32x4.mul(a[r]!, b[c]!)))
    }
  }
  const vectors = Math.floor(k / 4)
  if (vectors > 0) {
    const end = f.let(i32.add(bAt, i32.const(16 * vectors)))
    repeatUntil(f, bAt, end, vectors, () => {
      add(4)
      f.advance(aAt, 16)
      f.advance(bAt, 16)
    })
  }
  if (k % 4 > 0) add(k % 4)
  const totals = sums.map((row) => f.let(sumFour(f, row)))
  f.if(resume, () => {
    totals.forEach((total, r) => {
      f.set(total, f32x4.add(loadLanes(at.c, columns, 4 * cRow * r), total))
    })
  })
  totals.forEach((total, r) => {
    storeLanes(f, at.c, total, columns, 4 * cRow * r)
  })
}

/** The sums of the lanes of up to four vectors, one in each lane: (l0 + l2) + (l1 + l3). */
export function sumFour(f: FunctionBuilder, vectors: readonly Vector[]): Vector {
  const lane = (i: number): Vector => f.let(vectors[i] ?? f32x4.const(0))
  const halves = (x: Vector, y: Vector): Vector =>
    f.let(f32x4.add(v128.shuffle32(x, y, [0, 4, 1, 5]), v128.shuffle32(x, y, [2, 6, 3, 7])))
  const [ab, cd] = [halves(lane(0), lane(1)), halves(lane(2), lane(3))]
  return f32x4.add(v128.shuffle32(ab, cd, [0, 1, 4, 5]), v128.shuffle32(ab, cd, [2, 3, 6, 7]))
}
