/**
 * Matrix products C = A B for fixed sizes, in blocks that stay in the caches: panels of eight columns of B in the first level, blocks of
 * rows of A in the second, blocks of columns of B in the third, and tiles of C in registers (gemm_tile.ts). Every element is one chain of multiply and add over the depth, in
 * order, so results depend neither on blocks nor on how columns and rows are split among threads.
 * Source of the blocking: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
 */
import type { FunctionBuilder, I32, Local } from './function_builder.ts'
import { emitPackColumns, emitPackPanels, emitPackRows } from './gemm_pack.ts'
import { emitTile } from './gemm_tile.ts'
import { i32 } from './instructions.ts'
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

/** Depth of a panel and of a block of rows; sums of deeper products are resumed from C. */
export const DEPTH = 512
/** Columns of a panel: with DEPTH rows of B it takes half of a first-level cache of 32 KiB. */
const PANEL = 8
/** Rows of a tile. */
const TILE = 4
/** Rows of A that are read in place wherever they lie, in bytes: with a panel they stay in a first-level cache. */
const ROWS_IN_PLACE = 1 << 14
/** A block of packed rows, in bytes: half of a second-level cache of 512 KiB. */
const ROW_BLOCK = 1 << 18
/** A block of packed columns, in bytes: a part of a third-level cache, from which a panel comes to the first once for each block of rows. */
const COLUMN_BLOCK = 1 << 20

export function splitOf({ batch, m, n, sumBatch }: GemmShape): { readonly split: Split; readonly units: number } {
  const columns = Math.ceil(n / PANEL)
  const rows = Math.ceil(m / TILE)
  if (sumBatch !== true && batch >= 8) return { split: 'batch', units: batch }
  return columns >= rows ? { split: 'columns', units: columns } : { split: 'rows', units: rows }
}

/** Bytes of scratch memory: a panel or a block of columns of B and a block of rows of A, as far as they are copied. */
export const gemmScratch = (shape: GemmShape): number => panelBytes(shape) + rowBlockBytes(shape)

const panelBytes = (shape: GemmShape): number => {
  if (!packsColumns(shape)) return 0
  const columns = blocksColumns(shape) ? blockPanels(shape) * PANEL : Math.min(PANEL, 4 * Math.ceil(shape.n / 4))
  return Math.min(shape.k, DEPTH) * columns * 4
}

/** Panels to a block of columns. */
const blockPanels = ({ k, n }: GemmShape): number =>
  Math.min(Math.ceil(n / PANEL), Math.max(1, Math.floor(COLUMN_BLOCK / (4 * PANEL * Math.min(k, DEPTH)))))

/** Units of rows to a block. */
const blockUnits = ({ k, m }: GemmShape): number =>
  Math.min(Math.floor(m / TILE), Math.max(1, Math.floor(ROW_BLOCK / (4 * TILE * Math.min(k, DEPTH)))))

const rowBlockBytes = (shape: GemmShape): number =>
  packsRows(shape) ? blockUnits(shape) * TILE * Math.min(shape.k, DEPTH) * 4 : 0

/** Rows that a power of two apart would all fall into the same few lines of the cache. */
const collides = (elements: number): boolean => elements >= 256 && (elements & (elements - 1)) === 0

/**
 * B is copied where its rows are not side by side, where whole vectors of columns are not left, where many rows of A use the copy, and where
 * its rows collide.
 */
const packsColumns = ({ n, m, b }: GemmShape): boolean =>
  b.column !== 1 || n % 4 !== 0 || (m >= 48 && n > 8) || (collides(b.row) && m > TILE)

/**
 * A is copied where many panels use the copy, and it would not stay in the first-level cache or its columns collide. Rows that lie one behind the
 * other and are read whole are in order as they are: of them a copy is made only where A is too large for the second level.
 */
const packsRows = ({ m, n, k, a }: GemmShape): boolean => {
  if (m < 2 * TILE || n < 4 * PANEL) return false
  const inOrder = a.column === 1 && a.row === k && k <= DEPTH
  if (4 * m * Math.min(k, DEPTH) > (inOrder ? ROW_BLOCK : ROWS_IN_PLACE)) return true
  return a.column !== 1 && collides(a.column) && k > 8
}

/** Columns are packed before any row meets them where rows come in blocks, and where all rows of B fall into one set of a first-level cache. */
const blocksColumns = (shape: GemmShape): boolean =>
  packsColumns(shape) &&
  (packsRows(shape) || (shape.b.column === 1 && shape.b.row % 1024 === 0 && shape.n >= 4 * PANEL))

/** Addresses. C is read and written only where sums are resumed. */
interface Places {
  readonly a: I32
  readonly b: I32
  readonly c: I32
  readonly scratch: I32
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
  const { batch, k, a, b, sumBatch, cRow = shape.n } = shape
  const cBatch = sumBatch ? 0 : shape.m * cRow
  const index = f.local('i32')
  const aAt = f.local('i32')
  const bAt = f.local('i32')
  const cAt = f.local('i32')
  const rowBlock = f.let(i32.add(places.scratch, i32.const(panelBytes(shape))))
  const split0 = split === 'batch'
  f.count(index, split0 ? begin : 0, split0 ? end : batch, 1, () => {
    f.set(aAt, i32.add(places.a, i32.mul(index, i32.const(4 * a.batch))))
    f.set(bAt, i32.add(places.b, i32.mul(index, i32.const(4 * b.batch))))
    f.set(cAt, i32.add(places.c, i32.mul(index, i32.const(4 * cBatch))))
    for (let from = 0; from < k; from += DEPTH) {
      const depth = Math.min(DEPTH, k - from)
      const chunk: Chunk = {
        shape,
        depth,
        last: from + depth === k,
        // Later chunks, and later matrices of a sum, go on with the sums that C holds.
        resume: from > 0 ? 'always' : sumBatch && batch > 1 ? 'after first' : 'never',
        batchIndex: index,
        a: f.let(i32.add(aAt, i32.const(4 * from * a.column))),
        b: f.let(i32.add(bAt, i32.const(4 * from * b.row))),
        c: cAt,
        cRow,
        panel: places.scratch,
        rowBlock,
        columns: split === 'columns' ? { begin, end } : { begin: 0, end: Math.ceil(shape.n / PANEL) },
        store,
      }
      const rows = split === 'rows' ? { begin, end } : { begin: 0, end: Math.ceil(shape.m / TILE) }
      if (blocksColumns(shape)) emitColumnBlocks(f, chunk, rows)
      else emitRowBlocks(f, chunk, rows)
    }
  })
}

interface Range {
  readonly begin: I32 | number
  readonly end: I32 | number
}

interface Block extends Range {
  readonly begin: I32
  readonly end: I32
}

/** A product over a part of the depth. */
export interface Chunk {
  readonly shape: GemmShape
  readonly depth: number
  readonly last: boolean
  readonly resume: 'never' | 'always' | 'after first'
  readonly batchIndex: Local<'i32'>
  readonly a: I32
  readonly b: I32
  readonly c: I32
  /** Elements from one row of C to the next. */
  readonly cRow: number
  readonly panel: I32
  readonly rowBlock: I32
  readonly columns: Range
  /** Number of the panel with which the packed ones begin; undefined while each is packed when its turn comes. */
  readonly packedFrom?: I32
  readonly store: StoreRun
}

function least(f: FunctionBuilder, value: I32, bound: number): I32
function least(f: FunctionBuilder, value: I32 | number, bound: number): I32 | number
function least(f: FunctionBuilder, value: I32 | number, bound: number): I32 | number {
  if (typeof value === 'number') return Math.min(value, bound)
  return f.let(i32.select(i32.ltS(value, i32.const(bound)), value, i32.const(bound)))
}

/** `whole` for each of the first `count` numbers of the range, and `rest` if the range holds the one behind them, which is not whole. */
function eachOf(
  f: FunctionBuilder,
  { begin, end }: Range,
  count: number,
  hasRest: boolean,
  whole: (index: Local<'i32'>) => void,
  rest: (index: Local<'i32'>) => void,
): void {
  const index = f.local('i32')
  if (count > 0) f.count(index, begin, least(f, end, count), 1, () => whole(index))
  if (!hasRest) return
  const one = (): void => {
    f.set(index, i32.const(count))
    rest(index)
  }
  if (typeof end !== 'number') f.if(i32.gtS(end, i32.const(count)), one)
  else if (end > count) one()
}

/** `body` for each `size` numbers of the range, and for what is left. */
function blocksOf(f: FunctionBuilder, { begin, end }: Range, size: number, body: (part: Block) => void): void {
  const block = f.local('i32')
  f.count(block, begin, end, size, () => {
    const next = f.let(i32.add(block, i32.const(size)))
    const bound = typeof end === 'number' ? i32.const(end) : end
    body({ begin: block, end: f.let(i32.select(i32.ltS(next, bound), next, bound)) })
  })
}

/** Packs blocks of columns, and runs each through all rows. */
function emitColumnBlocks(f: FunctionBuilder, chunk: Chunk, rows: Range): void {
  const { shape, depth, panel } = chunk
  const { n, b } = shape
  blocksOf(f, chunk.columns, blockPanels(shape), (part) => {
    const columnsFrom = (index: I32): I32 => f.let(i32.add(chunk.b, i32.mul(index, i32.const(4 * PANEL * b.column))))
    const packedPanel = (index: I32): I32 =>
      i32.add(panel, i32.mul(i32.sub(index, part.begin), i32.const(4 * PANEL * depth)))
    const whole = Math.floor(n / PANEL)
    const count = f.let(i32.sub(least(f, part.end, whole), part.begin))
    emitPackPanels(f, columnsFrom(part.begin), b, depth, PANEL, count, panel)
    if (n % PANEL > 0)
      f.if(i32.gtS(part.end, i32.const(whole)), () =>
        emitPackColumns(f, columnsFrom(i32.const(whole)), b, depth, n % PANEL, packedPanel(i32.const(whole))),
      )
    emitRowBlocks(f, { ...chunk, columns: part, packedFrom: part.begin }, rows)
  })
}

/** Packs blocks of rows, if rows are packed, and runs each through the columns. */
function emitRowBlocks(f: FunctionBuilder, chunk: Chunk, rows: Range): void {
  const { shape, depth } = chunk
  if (!packsRows(shape)) {
    emitPanels(f, chunk, rows, undefined)
    return
  }
  const whole = Math.floor(shape.m / TILE)
  blocksOf(f, rows, blockUnits(shape), (part) => {
    const unit = f.local('i32')
    const to = f.let(chunk.rowBlock)
    f.count(unit, part.begin, least(f, part.end, whole), 1, () => {
      emitPackRows(f, i32.add(chunk.a, i32.mul(unit, i32.const(4 * TILE * shape.a.row))), shape.a, depth, to)
      f.advance(to, 4 * TILE * depth)
    })
    emitPanels(f, chunk, part, part.begin)
  })
}

/** All panels of columns for a range of rows, whose packed units begin with number `packedFrom`. */
function emitPanels(f: FunctionBuilder, chunk: Chunk, rows: Range, packedFrom: I32 | undefined): void {
  const { n } = chunk.shape
  const rest = n % PANEL
  const one = (panel: Local<'i32'>, width: number): void => emitPanel(f, chunk, panel, width, rows, packedFrom)
  eachOf(
    f,
    chunk.columns,
    Math.floor(n / PANEL),
    rest > 0,
    (panel) => one(panel, PANEL),
    (panel) => one(panel, rest),
  )
}

function emitPanel(
  f: FunctionBuilder,
  chunk: Chunk,
  panel: Local<'i32'>,
  width: number,
  rows: Range,
  packedFrom: I32 | undefined,
): void {
  const { shape, depth, rowBlock } = chunk
  const { m, a, b } = shape
  const step = 16 * Math.ceil(width / 4)
  const column = f.let(i32.mul(panel, i32.const(PANEL)))
  const bColumn = (): I32 => i32.add(chunk.b, i32.mul(column, i32.const(4 * b.column)))
  let right: { readonly at: I32; readonly step: number }
  if (chunk.packedFrom !== undefined) {
    const before = i32.mul(i32.sub(panel, chunk.packedFrom), i32.const(4 * PANEL * depth))
    right = { at: f.let(i32.add(chunk.panel, before)), step }
  } else if (packsColumns(shape)) {
    emitPackColumns(f, bColumn(), b, depth, width, chunk.panel)
    right = { at: chunk.panel, step }
  } else right = { at: f.let(bColumn()), step: 4 * b.row }
  const one = (unit: I32, rows: number, packedFrom?: I32): void => {
    const row = f.let(i32.mul(unit, i32.const(TILE)))
    const left =
      packedFrom === undefined
        ? { at: i32.add(chunk.a, i32.mul(row, i32.const(4 * a.row))), step: 4 * a.column, row: 4 * a.row }
        : {
            at: i32.add(rowBlock, i32.mul(i32.sub(unit, packedFrom), i32.const(4 * TILE * depth))),
            step: 4 * TILE,
            row: 4,
          }
    emitTile(f, chunk, left, right, row, column, rows, width)
  }
  eachOf(
    f,
    rows,
    Math.floor(m / TILE),
    m % TILE > 0,
    (tile) => one(tile, TILE, packedFrom),
    (tile) => one(tile, m % TILE),
  )
}
