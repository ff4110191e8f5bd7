/**
 * Gradients of general convolutions, a channel of the input at a time: the filter's as products of Output@GRAD with the columns of windows, the
 * input's as columns that are added up where windows overlap.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { Convolution } from '../../ops/nn/window.ts'
import { blockRows, emitColumns } from './columns.ts'
import { emitDots } from './dot_product.ts'
import { loadLanes, storeLanes } from './elements.ts'
import type { FunctionBuilder, I32 } from './function_builder.ts'
import { emitGemm, type GemmShape, gemmScratch } from './gemm.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { eachVector } from './loop.ts'
import { columnOffset, emitFill, emitUnpad, type PaddedPlane, paddedPlane } from './padded_plane.ts'

/** Calls `body` for blocks of rows of windows, with their first row and count. */
function eachRowBlock(
  f: FunctionBuilder,
  out: number,
  rows: number,
  body: (firstRow: I32, rows: number) => void,
): void {
  const firstRow = f.let(i32.const(0))
  f.count(f.local('i32'), 0, Math.floor(out / rows), 1, () => {
    body(firstRow, rows)
    f.advance(firstRow, rows)
  })
  if (out % rows > 0) body(firstRow, out % rows)
}

/** Filter@GRAD[f, c, i] = sum over images and windows of Output@GRAD[n, f, w] times the element of channel c under element i. */
export function columnsFilterGradKernel(
  conv: Convolution,
  input: PlannedTensor,
  outputGrad: PlannedTensor,
  filterGrad: PlannedTensor,
): Kernel {
  const { batch, groups, height, width } = conv
  const [channels, filters] = [conv.channels / groups, conv.filters / groups]
  const taps = height.kernel * width.kernel
  const windows = height.out * width.out
  const rows = blockRows(height.out, 4 * taps * width.out)
  const plane = paddedPlane(height, width, rows)
  return {
    kind: 'kernel',
    key: `columns_filter_grad|${JSON.stringify(conv)}`,
    args: [input, outputGrad, filterGrad, { bytes: plane.bytes }, { bytes: 4 * taps * rows * width.out + 16 }],
    writes: [filterGrad],
    units: conv.channels,
    work: batch * conv.filters * channels * taps * windows,
    emit: (module) =>
      kernelFunction(module, 5, (f, addresses, begin, unitEnd) => {
        const [from, slopes, to, padded, columns] = addresses as [I32, I32, I32, I32, I32]
        emitFill(f, plane, padded, f32x4.const(0))
        const [channel, image] = [f.local('i32'), f.local('i32')]
        // Images first: planes of one image lie side by side.
        f.count(image, 0, batch, 1, () => {
          f.count(channel, begin, unitEnd, 1, () => {
            const firstFilter = f.let(i32.mul(i32.divS(channel, i32.const(channels)), i32.const(filters)))
            const place = i32.add(i32.mul(firstFilter, i32.const(channels)), i32.remS(channel, i32.const(channels)))
            const c = f.let(i32.add(to, i32.mul(place, i32.const(4 * taps))))
            const source = f.let(
              i32.add(
                from,
                i32.mul(
                  i32.add(i32.mul(image, i32.const(conv.channels)), channel),
                  i32.const(4 * height.size * width.size),
                ),
              ),
            )
            const gradient = i32.add(i32.mul(image, i32.const(conv.filters)), firstFilter)
            const slopeAt = f.let(i32.add(slopes, i32.mul(gradient, i32.const(4 * windows))))
            eachRowBlock(f, height.out, rows, (firstRow, count) => {
              emitColumns(f, plane, 1, source, padded, columns, firstRow, count)
              const size = count * width.out
              const shape = { m: filters, n: taps, k: size, aRow: windows, bRow: size, cRow: channels * taps }
              const a = f.let(i32.add(slopeAt, i32.mul(firstRow, i32.const(4 * width.out))))
              emitDots(f, shape, { a, b: columns, c }, i32.or(image, firstRow))
            })
          })
        })
      }),
  }
}

/** Input@GRAD[n, c]: the filter's elements times Output@GRAD for each element of a window, added up over the plane. */
export function columnsInputGradKernel(
  conv: Convolution,
  outputGrad: PlannedTensor,
  filter: PlannedTensor,
  inputGrad: PlannedTensor,
): Kernel {
  const { batch, groups, height, width } = conv
  const [channels, filters] = [conv.channels / groups, conv.filters / groups]
  const taps = height.kernel * width.kernel
  const windows = height.out * width.out
  const rows = blockRows(height.out, 4 * taps * width.out)
  const plane = paddedPlane(height, width)
  const productOf = (count: number): GemmShape => ({
    batch: 1,
    m: taps,
    n: count * width.out,
    k: filters,
    a: { batch: 0, row: 1, column: channels * taps },
    b: { batch: 0, row: windows, column: 1 },
  })
  const counts = [rows, height.out % rows].filter((count) => count > 0)
  const scratch = { bytes: Math.max(...counts.map((count) => gemmScratch(productOf(count)))) }
  return {
    kind: 'kernel',
    key: `columns_input_grad|${JSON.stringify(conv)}`,
    args: [outputGrad, filter, inputGrad, { bytes: plane.bytes }, { bytes: 4 * taps * rows * width.out }, scratch],
    writes: [inputGrad],
    units: batch * conv.channels,
    work: batch * conv.filters * channels * taps * windows,
    emit: (module) =>
      kernelFunction(module, 6, (f, addresses, begin, unitEnd) => {
        const [from, weights, to, sums, columns, scratchAt] = addresses as [I32, I32, I32, I32, I32, I32]
        const unit = f.local('i32')
        f.count(unit, begin, unitEnd, 1, () => {
          const image = f.let(i32.divS(unit, i32.const(conv.channels)))
          const channel = f.let(i32.remS(unit, i32.const(conv.channels)))
          const firstFilter = f.let(i32.mul(i32.divS(channel, i32.const(channels)), i32.const(filters)))
          const place = i32.add(i32.mul(firstFilter, i32.const(channels)), i32.remS(channel, i32.const(channels)))
          const a = f.let(i32.add(weights, i32.mul(place, i32.const(4 * taps))))
          const gradient = i32.add(i32.mul(image, i32.const(conv.filters)), firstFilter)
          const slopeAt = f.let(i32.add(from, i32.mul(gradient, i32.const(4 * windows))))
          emitFill(f, plane, sums, f32x4.const(0))
          eachRowBlock(f, height.out, rows, (firstRow, count) => {
            const b = f.let(i32.add(slopeAt, i32.mul(firstRow, i32.const(4 * width.out))))
            const places = { a, b, c: columns, scratch: scratchAt }
            const size = count * width.out
            emitGemm(
              f,
              productOf(count),
              places,
              'batch',
              i32.const(0),
              i32.const(1),
              ({ row, column, width: n }, values) => {
                const index = i32.add(i32.mul(row, i32.const(size)), column)
                const at = f.let(i32.add(columns, i32.shl(index, i32.const(2))))
                values.forEach((value, v) => {
                  storeLanes(f, at, value, Math.min(4, n - 4 * v), 16 * v)
                })
              },
            )
            emitAddColumns(f, plane, columns, sums, firstRow, count)
          })
          emitUnpad(f, plane, sums, i32.add(to, i32.mul(unit, i32.const(4 * height.size * width.size))))
        })
      }),
  }
}

/** Adds rows of columns to the elements of the padded plane that they stand for: the inverse walk of `emitColumns`. */
function emitAddColumns(
  f: FunctionBuilder,
  plane: PaddedPlane,
  columns: I32,
  sums: I32,
  firstRow: I32,
  windowRows: number,
): void {
  const { height, width, row } = plane
  const from = f.let(columns)
  const tapRow = f.let(i32.add(sums, i32.mul(firstRow, i32.const(4 * height.stride * row))))
  const one = (target: I32): void => {
    const to = f.let(target)
    f.count(f.local('i32'), 0, windowRows, 1, () => {
      // Lanes behind the last are 0, and change nothing.
      eachVector(f, width.out, (at, lanes) => {
        const place = f.let(i32.add(to, at))
        f.do(v128.store(place, f32x4.add(v128.load(place), loadLanes(i32.add(from, at), lanes))))
      })
      f.advance(from, 4 * width.out)
      f.advance(to, 4 * height.stride * row)
    })
  }
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
}
