/**
 * Matrix products C = A B for fixed sizes: panels of eight columns of B, tiles of four rows of A, the sums of a tile in eight vectors, depth
 * not unrolled. More live vectors than fifteen would be spilled by V8. Every element is one chain of multiply and add over the depth, in
 * order, so results depend neither on tiles nor on how panels and rows are split among threads.
 * Source of the blocking: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
 */
import { loadLanes, storeLanes } from './elements.ts'
import type { FunctionBuilder, I32, Local, Vector } from './function_builder.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import type { StoreRun } from './result_end.ts'

/** Strides in elements; 1 in row or column. */
export interface MatrixLayout {
  readonly batch: number
  readonly row: number
  readonly column: number
}

export interface GemmShape {
  readonly batch: number
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: MatrixLayout
  readonly b: MatrixLayout
  /** Elements from one row of C to the next, if not n. */
  readonly cRow?: number
  /** C holds the sum over the batch. */
  readonly sumBatch?: boolean
}

export type Split = 'batch' | 'columns' | 'rows'

/** Rows of B that one panel holds: 8 columns of them stay in a first-level cache. */
export const DEPTH = 1024
const TILE = 4
const PANEL = 8

export function splitOf({ batch, m, n, sumBatch }: GemmShape): { readonly split: Split; readonly units: number } {
  const columns = Math.ceil(n / PANEL)
  const rows = Math.ceil(m / TILE)
  if (sumBatch !== true && batch >= 8) return { split: 'batch', units: batch }
  return columns >= rows ? { split: 'columns', units: columns } : { split: 'rows', units: rows }
}

/** Bytes of the panel, or 0 where B is read in place. */
export const panelBytes = (shape: GemmShape): number => (needsPanel(shape) ? Math.min(shape.k, DEPTH) * PANEL * 4 : 0)

/**
 * B is copied where its rows are not side by side, where eight columns are not left, where many rows of A use the copy, and where its rows
 * lie a power of two apart, so that they would all fall into the same few lines of the cache.
 */
function needsPanel({ n, m, b }: GemmShape): boolean {
  const stride = b.row * 4
  const collides = stride >= 1024 && (stride & (stride - 1)) === 0
  return b.column !== 1 || n % 4 !== 0 || (m >= 48 && n > PANEL) || (collides && m > TILE)
}

/** Addresses. C is read and written only where sums are resumed. */
interface Places {
  readonly a: I32
  readonly b: I32
  readonly c: I32
  readonly panel: I32
}

/** Emits the product for units [begin, end) of `split`; `store` gets the sums of each row of a tile when the depth is done. */
export function emitGemm(
  f: FunctionBuilder,
  shape: GemmShape,
  places: Places,
  split: Split,
  begin: I32,
  end: I32,
  store: StoreRun,
): void {
  const { batch, k, a, b, sumBatch } = shape
  const cBatch = sumBatch ? 0 : shape.m * cRowOf(shape)
  const index = f.local('i32')
  const aAt = f.local('i32')
  const bAt = f.local('i32')
  const cAt = f.local('i32')
  const split0 = split === 'batch'
  f.count(index, split0 ? begin : 0, split0 ? end : batch, 1, () => {
    f.set(aAt, i32.add(places.a, i32.mul(index, i32.const(4 * a.batch))))
    f.set(bAt, i32.add(places.b, i32.mul(index, i32.const(4 * b.batch))))
    f.set(cAt, i32.add(places.c, i32.mul(index, i32.const(4 * cBatch))))
    for (let from = 0; from < k; from += DEPTH) {
      const depth = Math.min(DEPTH, k - from)
      const chunk: Chunk = {
        shape,
        from,
        depth,
        last: from + depth === k,
        // Later chunks, and later matrices of a sum, go on with the sums that C holds.
        resume: from > 0 ? 'always' : sumBatch && batch > 1 ? 'after first' : 'never',
        packed: needsPanel(shape),
        batchIndex: index,
        a: aAt,
        b: bAt,
        c: cAt,
        panel: places.panel,
        rows: split === 'rows' ? { begin, end } : undefined,
        store,
      }
      emitPanels(f, chunk, split === 'columns' ? { begin, end } : undefined)
    }
  })
}

const cRowOf = ({ n, cRow }: GemmShape): number => cRow ?? n

interface Range {
  readonly begin: I32
  readonly end: I32
}

interface Chunk {
  readonly shape: GemmShape
  readonly from: number
  readonly depth: number
  readonly last: boolean
  readonly resume: 'never' | 'always' | 'after first'
  readonly packed: boolean
  readonly batchIndex: Local<'i32'>
  readonly a: I32
  readonly b: I32
  readonly c: I32
  readonly panel: I32
  readonly rows: Range | undefined
  readonly store: StoreRun
}

function emitPanels(f: FunctionBuilder, chunk: Chunk, range: Range | undefined): void {
  const { n } = chunk.shape
  const full = Math.floor(n / PANEL)
  const rest = n % PANEL
  const panel = f.local('i32')
  const one = (width: number): void => emitPanel(f, chunk, f.let(i32.mul(panel, i32.const(PANEL))), width)
  if (full > 0) {
    const last =
      range === undefined ? full : f.let(i32.select(i32.ltS(range.end, i32.const(full)), range.end, i32.const(full)))
    f.count(panel, range?.begin ?? 0, last, 1, () => one(PANEL))
  }
  if (rest > 0) {
    f.set(panel, i32.const(full))
    if (range === undefined) one(rest)
    else f.if(i32.gtS(range.end, i32.const(full)), () => one(rest))
  }
}

function emitPanel(f: FunctionBuilder, chunk: Chunk, column: Local<'i32'>, width: number): void {
  const { shape, from, packed } = chunk
  const { m, b } = shape
  const bColumn = f.let(
    i32.add(i32.add(chunk.b, i32.const(4 * from * b.row)), i32.mul(column, i32.const(4 * b.column))),
  )
  const vectors = width > 4 ? 2 : 1
  if (packed) emitPack(f, chunk, bColumn, width)
  const source = packed ? { at: chunk.panel, step: vectors * 16 } : { at: bColumn as I32, step: 4 * b.row }
  const tiles = Math.floor(m / TILE)
  const rest = m % TILE
  const tile = f.local('i32')
  const one = (rows: number): void =>
    emitTile(f, chunk, source, f.let(i32.mul(tile, i32.const(TILE))), column, rows, width)
  const range = chunk.rows
  if (tiles > 0) {
    const last =
      range === undefined ? tiles : f.let(i32.select(i32.ltS(range.end, i32.const(tiles)), range.end, i32.const(tiles)))
    f.count(tile, range?.begin ?? 0, last, 1, () => one(TILE))
  }
  if (rest > 0) {
    f.set(tile, i32.const(tiles))
    if (range === undefined) one(rest)
    else f.if(i32.gtS(range.end, i32.const(tiles)), () => one(rest))
  }
}

/** Copies the panel, rows of 4 or 8 with zeros where B has no columns. */
function emitPack(f: FunctionBuilder, { shape, depth, panel }: Chunk, from: I32, width: number): void {
  const { b } = shape
  const vectors = width > 4 ? 2 : 1
  const lanesOf = (v: number): number => Math.min(4, width - 4 * v)
  const source = f.let(from)
  const target = f.let(panel)
  if (b.column === 1) {
    const index = f.local('i32')
    f.count(index, 0, depth, 1, () => {
      for (let v = 0; v < vectors; v++) {
        f.do(v128.store(target, loadLanes(source, lanesOf(v), 16 * v), 16 * v))
      }
      f.advance(source, 4 * b.row)
      f.advance(target, 16 * vectors)
    })
    return
  }
  // Columns of B are side by side in depth: four by four of them are turned in registers.
  const index = f.local('i32')
  const blocks = Math.floor(depth / 4)
  const turn = (lanes: number): void => {
    for (let v = 0; v < vectors; v++) {
      const columns = Array.from({ length: 4 }, (_, c) =>
        f.let(c < lanesOf(v) ? loadLanes(source, lanes, 4 * b.column * (4 * v + c)) : f32x4.const(0)),
      )
      const rows = transpose4(f, columns)
      for (let r = 0; r < lanes; r++) f.do(v128.store(target, rows[r]!, 16 * (vectors * r + v)))
    }
    f.advance(source, 4 * lanes)
    f.advance(target, 16 * vectors * lanes)
  }
  f.count(index, 0, blocks, 1, () => turn(4))
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

function emitTile(
  f: FunctionBuilder,
  chunk: Chunk,
  source: { readonly at: I32; readonly step: number },
  row: Local<'i32'>,
  column: Local<'i32'>,
  rows: number,
  width: number,
): void {
  const { shape, from, depth, resume } = chunk
  const { a } = shape
  const cRow = cRowOf(shape)
  const vectors = width > 4 ? 2 : 1
  const sums = f.locals('v128', rows * vectors)
  const cTile = f.let(i32.add(chunk.c, i32.shl(i32.add(i32.mul(row, i32.const(cRow)), column), i32.const(2))))
  const lanesOf = (v: number): number => Math.min(4, width - 4 * v)
  const load = (): void =>
    sums.forEach((sum, s) => {
      const [r, v] = [Math.floor(s / vectors), s % vectors]
      f.set(sum, loadLanes(cTile, lanesOf(v), 4 * cRow * r + 16 * v))
    })
  const clear = (): void => {
    for (const sum of sums) f.set(sum, f32x4.const(0))
  }
  if (resume === 'always') load()
  else if (resume === 'never') clear()
  else f.if(i32.eqz(chunk.batchIndex), clear, load)

  const aTile = f.let(i32.add(i32.add(chunk.a, i32.const(4 * from * a.column)), i32.mul(row, i32.const(4 * a.row))))
  const bAt = f.let(source.at)
  // Rows of A are read by pointers of their own, columns from one pointer.
  const alongRows = a.column === 1
  const rowAt = alongRows
    ? Array.from({ length: rows }, (_, r) => f.let(i32.add(aTile, i32.const(4 * a.row * r))))
    : [aTile]
  const end = f.let(i32.add(rowAt[0]!, i32.const(4 * a.column * depth)))
  const b = f.locals('v128', vectors)
  const scalar = f.locals('v128', rows)
  f.repeat(() => {
    for (let v = 0; v < vectors; v++) f.set(b[v]!, v128.load(bAt, 16 * v))
    for (let r = 0; r < rows; r++) {
      f.set(scalar[r]!, alongRows ? v128.load32Splat(rowAt[r]!) : v128.load32Splat(rowAt[0]!, 4 * r))
      for (let v = 0; v < vectors; v++) {
        const sum = sums[r * vectors + v]!
        f.set(sum, f32x4.add(sum, f32x4.mul(scalar[r]!, b[v]!)))
      }
    }
    f.advance(bAt, source.step)
    for (const at of rowAt) f.advance(at, 4 * a.column)
    return i32.ne(rowAt[0]!, end)
  })
  for (let r = 0; r < rows; r++) {
    const values = sums.slice(r * vectors, (r + 1) * vectors)
    if (chunk.last)
      chunk.store({ batch: chunk.batchIndex, row: f.let(i32.add(row, i32.const(r))), column, width }, values)
    else for (let v = 0; v < vectors; v++) storeLanes(f, cTile, values[v]!, lanesOf(v), 4 * cRow * r + 16 * v)
  }
}
