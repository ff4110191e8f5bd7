/**
 * A tile of a matrix product: up to four rows by eight columns, whose sums stay in eight vectors while the depth is walked. With what one step of
 * depth loads they fill V8's vector registers.
 */

import { loadLanes, storeLanes } from './elements.ts'
import type { FunctionBuilder, I32, Local } from './function_builder.ts'
import type { Chunk } from './gemm.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import { repeatUntil } from './steps.ts'

/** Where a tile reads an operand: address, and bytes from one step of depth to the next. */
interface Walk {
  readonly at: I32
  readonly step: number
}

/** Adds A's rows times B's columns over the depth; `row` of `left` is the bytes from one row of A to the next. */
export function emitTile(
  f: FunctionBuilder,
  chunk: Chunk,
  left: Walk & { readonly row: number },
  right: Walk,
  row: Local<'i32'>,
  column: Local<'i32'>,
  rows: number,
  width: number,
): void {
  const { depth, resume, cRow } = chunk
  const vectors = Math.ceil(width / 4)
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

  const a = f.let(left.at)
  const b = f.let(right.at)
  const end = f.let(i32.add(b, i32.const(right.step * depth)))
  const bRow = f.locals('v128', vectors)
  const element = f.locals('v128', rows)
  const step = (): void => {
    for (let v = 0; v < vectors; v++) f.set(bRow[v]!, v128.load(b, 16 * v))
    for (let r = 0; r < rows; r++) {
      f.set(element[r]!, v128.load32Splat(a, left.row * r))
      for (let v = 0; v < vectors; v++) {
        const sum = sums[r * vectors + v]!
        f.set(sum, f32x4.add(sum, f32x4.mul(element[r]!, bRow[v]!)))
      }
    }
    f.advance(b, right.step)
    f.advance(a, left.step)
  }
  repeatUntil(f, b, end, depth, step)
  for (let r = 0; r < rows; r++) {
    const values = sums.slice(r * vectors, (r + 1) * vectors)
    if (chunk.last)
      chunk.store({ batch: chunk.batchIndex, row: f.let(i32.add(row, i32.const(r))), column, width }, values)
    else for (let v = 0; v < vectors; v++) storeLanes(f, cTile, values[v]!, lanesOf(v), 4 * cRow * r + 16 * v)
  }
}
