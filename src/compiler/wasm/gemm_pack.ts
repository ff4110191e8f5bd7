/** Copies of parts of matrices, in the order in which tiles of a product (gemm_tile.ts) read them. */
import { loadLanes } from './elements.ts'
import type { FunctionBuilder, I32, Vector } from './function_builder.ts'
import type { MatrixLayout } from './gemm.ts'
import { f32x4, v128 } from './instructions.ts'

/** Rows of B that are read side by side into panels. */
const ROWS = 4

/** Copies `width` columns of `depth` rows of B from `from` on, a row after the other in whole vectors, with zeros where B has no columns. */
export function emitPackColumns(
  f: FunctionBuilder,
  from: I32,
  b: MatrixLayout,
  depth: number,
  width: number,
  to: I32,
): void {
  const vectors = Math.ceil(width / 4)
  const lanesOf = (v: number): number => Math.min(4, width - 4 * v)
  const source = f.let(from)
  const target = f.let(to)
  const index = f.local('i32')
  if (b.column === 1) {
    f.count(index, 0, depth, 1, () => {
      for (let v = 0; v < vectors; v++) f.do(v128.store(target, loadLanes(source, lanesOf(v), 16 * v), 16 * v))
      f.advance(source, 4 * b.row)
      f.advance(target, 16 * vectors)
    })
    return
  }
  // Columns of B are side by side in depth: four by four of them are turned in registers.
  const turn = (count: number): void => {
    for (let v = 0; v < vectors; v++) {
      const columns = Array.from({ length: 4 }, (_, c) =>
        f.let(c < lanesOf(v) ? loadLanes(source, count, 4 * b.column * (4 * v + c)) : f32x4.const(0)),
      )
      const rows = transpose4(f, columns)
      for (let r = 0; r < count; r++) f.do(v128.store(target, rows[r]!, 16 * (vectors * r + v)))
    }
    f.advance(source, 4 * count)
    f.advance(target, 16 * vectors * count)
  }
  f.count(index, 0, Math.floor(depth / 4), 1, () => turn(4))
  if (depth % 4 > 0) turn(depth % 4)
}

/**
 * Copies `panels` panels of `width` columns, a multiple of four, one behind the other. Where columns are side by side, some rows of B are read
 * from end to end: a line of the cache is read once, though panels are narrower, and rows that are a power of two apart do not drive each other out.
 */
export function emitPackPanels(
  f: FunctionBuilder,
  from: I32,
  b: MatrixLayout,
  depth: number,
  width: number,
  panels: I32,
  to: I32,
): void {
  const source = f.let(from)
  const target = f.let(to)
  const panel = f.local('i32')
  if (b.column !== 1) {
    f.count(panel, 0, panels, 1, () => {
      emitPackColumns(f, source, b, depth, width, target)
      f.advance(source, 4 * width * b.column)
      f.advance(target, 4 * width * depth)
    })
    return
  }
  const rowsOf = (rows: number): void => {
    const at = f.let(source)
    const toAt = f.let(target)
    f.count(panel, 0, panels, 1, () => {
      for (let r = 0; r < rows; r++)
        for (let v = 0; v < width; v += 4)
          f.do(v128.store(toAt, v128.load(at, 4 * (b.row * r + v)), 4 * (width * r + v)))
      f.advance(at, 4 * width)
      f.advance(toAt, 4 * width * depth)
    })
    f.advance(source, 4 * b.row * rows)
    f.advance(target, 4 * width * rows)
  }
  f.count(f.local('i32'), 0, Math.floor(depth / ROWS), 1, () => rowsOf(ROWS))
  if (depth % ROWS > 0) rowsOf(depth % ROWS)
}

/** Copies four rows of A over `depth` columns from `from` on, a column after the other. */
export function emitPackRows(f: FunctionBuilder, from: I32, a: MatrixLayout, depth: number, to: I32): void {
  const source = f.let(from)
  const target = f.let(to)
  const index = f.local('i32')
  if (a.row === 1) {
    f.count(index, 0, depth, 1, () => {
      f.do(v128.store(target, v128.load(source)))
      f.advance(source, 4 * a.column)
      f.advance(target, 16)
    })
    return
  }
  const turn = (count: number): void => {
    const rows = Array.from({ length: 4 }, (_, r) => f.let(loadLanes(source, count, 4 * a.row * r)))
    transpose4(f, rows)
      .slice(0, count)
      .forEach((column, i) => {
        f.do(v128.store(target, column, 16 * i))
      })
    f.advance(source, 4 * count)
    f.advance(target, 16 * count)
  }
  f.count(index, 0, Math.floor(depth / 4), 1, () => turn(4))
  if (depth % 4 > 0) turn(depth % 4)
}

export function transpose4(f: FunctionBuilder, [a, b, c, d]: readonly Vector[]): Vector[] {
  const ab = f.let(v128.shuffle32(a!, b!, [0, 4, 1, 5]))
  const cd = f.let(v128.shuffle32(c!, d!, [0, 4, 1, 5]))
  const abHigh = f.let(v128.shuffle32(a!, b!, [2, 6, 3, 7]))
  const cdHigh = f.let(v128.shuffle32(c!, d!, [2, 6, 3, 7]))
  return [
    v128.shuffle32(ab, cd, [0, 1, 4, 5]),
    v128.shuffle32(ab, cd, [2, 3, 6, 7]),
    v128.shuffle32(abHigh, cdHigh, [0, 1, 4, 5]),
    v128.shuffle32(abHigh, cdHigh, [2, 3, 6, 7]),
  ]
}
