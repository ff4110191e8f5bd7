/**
 * General convolutions as matrix products: a few rows of windows at a time are written as columns (im2col), and the filter is multiplied with
 * them.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { Convolution } from '../../ops/nn/window.ts'
import type { FunctionBuilder, I32 } from './function_builder.ts'
import { DEPTH, emitGemm, type GemmShape, gemmScratch } from './gemm.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import type { Kernel, Statement } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { columnOffset, emitFill, emitPadRows, type PaddedPlane, paddedPlane } from './padded_plane.ts'
import { ResultEnd, resultEpilogue } from './result_end.ts'

/** Columns that stay in a second-level cache, in bytes. */
const COLUMN_BYTES = 1 << 17

/** Rows of windows to a block: as many as fit, or a little fewer where they then are all alike. */
export function blockRows(out: number, bytesOfRow: number): number {
  const most = Math.max(1, Math.min(out, Math.floor(COLUMN_BYTES / bytesOfRow)))
  for (let rows = most; rows > most / 2; rows--) if (out % rows === 0) return rows
  return most
}

/**
 * Writes the columns of `windowRows` rows of windows from `firstRow` on: a row for each channel from `source` on and element of the filter.
 * The padded plane must have been filled with zeros once. Up to three elements behind the last row are overwritten.
 */
export function emitColumns(
  f: FunctionBuilder,
  plane: PaddedPlane,
  channels: number,
  source: I32,
  padded: I32,
  columns: I32,
  firstRow: I32,
  windowRows: number,
): void {
  const { height, width, row } = plane
  const to = f.let(columns)
  const channelAt = f.let(source)
  const windows = windowRows * width.out
  const one = (offset: I32): void => {
    const from = f.let(offset)
    const line = f.let(to)
    f.count(f.local('i32'), 0, windowRows, 1, () => {
      // Whole vectors: what is written behind a row is overwritten by the next one.
      const at = f.local('i32')
      f.count(at, 0, 16 * Math.ceil(width.out / 4), 16, () =>
        f.do(v128.store(i32.add(line, at), v128.load(i32.add(from, at)))),
      )
      f.advance(from, 4 * height.stride * row)
      f.advance(line, 4 * width.out)
    })
    f.advance(to, 4 * windows)
  }
  f.count(f.local('i32'), 0, channels, 1, () => {
    emitPadRows(f, plane, channelAt, padded, firstRow, windowRows)
    const tapRow = f.let(padded)
    f.count(f.local('i32'), 0, height.kernel, 1, () => {
      if (width.stride === 1) {
        const tap = f.let(tapRow)
        f.count(f.local('i32'), 0, width.kernel, 1, () => {
          one(tap)
          f.advance(tap, 4 * width.dilation)
        })
      } else {
        for (let j = 0; j < width.kernel; j++) one(i32.add(tapRow, i32.const(4 * columnOffset(plane, j))))
      }
      f.advance(tapRow, 4 * height.dilation * row)
    })
    f.advance(channelAt, 4 * height.size * width.size)
  })
}

export function columnsKernel(
  conv: Convolution,
  input: PlannedTensor,
  filter: PlannedTensor,
  output: PlannedTensor,
): Kernel {
  const view = { result: output, space: output.shape, batchDims: 1, rowDims: 1 }
  const { batch, groups, height, width } = conv
  const [channels, filters] = [conv.channels / groups, conv.filters / groups]
  const depth = channels * height.kernel * width.kernel
  const windows = height.out * width.out
  const rows = blockRows(height.out, 4 * depth * width.out)
  const blocks = Math.ceil(height.out / rows)
  const plane = paddedPlane(height, width, rows)
  const productOf = (windowRows: number): GemmShape => ({
    batch: 1,
    m: filters,
    n: windowRows * width.out,
    k: depth,
    a: { batch: 0, row: depth, column: 1 },
    b: { batch: 0, row: windowRows * width.out, column: 1 },
    cRow: windows,
  })
  const last = height.out - (blocks - 1) * rows
  const scratch = { bytes: Math.max(gemmScratch(productOf(rows)), gemmScratch(productOf(last))) }
  const kernelWith = (statements?: readonly Statement[]): Kernel => {
    const end = new ResultEnd(view, statements)
    return {
      kind: 'kernel',
      key: `columns|${JSON.stringify(conv)}|${end.key}`,
      args: [
        input,
        filter,
        output,
        { bytes: plane.bytes },
        { bytes: 4 * depth * rows * width.out + 16 },
        scratch,
        ...end.args,
      ],
      writes: [...new Set([...end.targets, ...(depth > DEPTH ? [output] : [])])],
      units: batch * groups * blocks,
      work: batch * conv.filters * windows * depth,
      emit: (module) =>
        kernelFunction(module, 6 + end.args.length, (f, addresses, begin, unitEnd) => {
          const [from, weights, to, padded, columns, scratchAt, ...rest] = addresses as [I32, I32, I32, I32, I32, I32]
          const store = end.emit(f, rest)
          emitFill(f, plane, padded, f32x4.const(0))
          const unit = f.local('i32')
          f.count(unit, begin, unitEnd, 1, () => {
            const image = f.let(i32.divS(unit, i32.const(groups * blocks)))
            const part = f.let(i32.remS(unit, i32.const(groups * blocks)))
            const group = f.let(i32.divS(part, i32.const(blocks)))
            const block = f.let(i32.remS(part, i32.const(blocks)))
            const first = f.let(i32.mul(block, i32.const(rows)))
            const firstFilter = f.let(i32.mul(group, i32.const(filters)))
            const firstWindow = f.let(i32.mul(first, i32.const(width.out)))
            const channel = i32.add(i32.mul(image, i32.const(conv.channels)), i32.mul(group, i32.const(channels)))
            const source = f.let(i32.add(from, i32.mul(channel, i32.const(4 * height.size * width.size))))
            const row = i32.add(i32.mul(image, i32.const(conv.filters)), firstFilter)
            const target = i32.add(i32.mul(row, i32.const(windows)), firstWindow)
            const places = {
              a: f.let(i32.add(weights, i32.mul(firstFilter, i32.const(4 * depth)))),
              b: columns,
              c: f.let(i32.add(to, i32.shl(target, i32.const(2)))),
              scratch: scratchAt,
            }
            const multiply = (windowRows: number): void => {
              emitColumns(f, plane, channels, source, padded, columns, first, windowRows)
              emitGemm(f, productOf(windowRows), places, 'batch', i32.const(0), i32.const(1), (run, sums) =>
                store(
                  {
                    batch: image,
                    row: f.let(i32.add(run.row, firstFilter)),
                    column: f.let(i32.add(run.column, firstWindow)),
                    width: run.width,
                  },
                  sums,
                ),
              )
            }
            if (last === rows) multiply(rows)
            else
              f.if(
                i32.ltS(block, i32.const(blocks - 1)),
                () => multiply(rows),
                () => multiply(last),
              )
          })
        }),
    }
  }
  return { ...kernelWith(), epilogue: resultEpilogue(view, depth > DEPTH, kernelWith) }
}
