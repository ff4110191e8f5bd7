/** Gradients of convolutions whose filters see one channel each, as many as there are channels. */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { Convolution, Span } from '../../ops/nn/window.ts'
import { sumFour } from './dot_product.ts'
import { loadLanes, storeLanes } from './elements.ts'
import type { FunctionBuilder, I32, Vector } from './function_builder.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import type { Kernel, Statement } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { eachVector } from './loop.ts'
import { columnOffset, emitFill, emitPad, emitUnpad, type PaddedPlane, paddedPlane } from './padded_plane.ts'
import { ResultEnd, resultEpilogue } from './result_end.ts'

/** Vectors of sums that are made side by side. */
const SUMS = 4

/** Elements of a filter along one dimension that reach inputs of one remainder: `count` from `first` on, every `every`th. */
interface TapRun {
  readonly first: number
  readonly count: number
  readonly every: number
  /** Windows that lie before for each of them, after the first. */
  readonly step: number
  /** The window of element `first` of the filter over position `remainder`. */
  readonly window: number
}

/** Positions of a padded plane with remainder `remainder` by the stride, counted p = remainder + stride t: window t + window - step n. */
function tapRun({ kernel, stride, dilation }: Span, remainder: number): TapRun | undefined {
  let first = 0
  while (first < kernel && (first * dilation) % stride !== remainder) first++
  if (first === kernel) return undefined
  let every = 1
  while ((every * dilation) % stride !== 0) every++
  return {
    first,
    count: Math.ceil((kernel - first) / every),
    every,
    step: (every * dilation) / stride,
    window: (remainder - first * dilation) / stride,
  }
}

/** Windows before 0 that inputs of a dimension ask for, where there are none. */
const windowsBefore = ({ kernel, dilation, stride, before }: Span): number =>
  Math.max(0, Math.ceil(((kernel - 1) * dilation - before) / stride))

/** A span that copies a plane of windows with room around it for all that inputs ask for. */
function windowSpan(span: Span): Span {
  const before = windowsBefore(span)
  const last = Math.floor((span.size - 1 + span.before) / span.stride)
  const out = before + Math.max(last, span.out - 1, 0) + 1
  return { size: span.out, kernel: 1, stride: 1, dilation: 1, before, after: out - before - span.out, out }
}

/**
 * Input@GRAD[n, c, p] = sum of filter[c, i] Output@GRAD[n, c, w] over the windows w and elements i that lie over p. Positions of one remainder by
 * the stride see the same elements, so each remainder is a convolution of its own over the windows.
 */
export function depthwiseInputGradKernel(
  conv: Convolution,
  outputGrad: PlannedTensor,
  filter: PlannedTensor,
  inputGrad: PlannedTensor,
): Kernel {
  const view = { result: inputGrad, space: inputGrad.shape, batchDims: 1, rowDims: 1 }
  const { batch, channels, height, width } = conv
  const windows = paddedPlane(windowSpan(height), windowSpan(width))
  const taps = height.kernel * width.kernel
  const plane = paddedPlane(height, width)
  const isDirect = width.stride === 1
  const kernelWith = (statements?: readonly Statement[]): Kernel => {
    const end = new ResultEnd(view, statements)
    return {
      kind: 'kernel',
      key: `depthwise_input_grad|${JSON.stringify([channels, height, width])}|${end.key}`,
      args: [
        outputGrad,
        filter,
        inputGrad,
        { bytes: windows.bytes },
        { bytes: isDirect ? 0 : plane.bytes },
        ...end.args,
      ],
      writes: isDirect ? end.targets : [inputGrad],
      units: batch * channels,
      work: batch * channels * taps * height.out * width.out,
      emit: (module) =>
        kernelFunction(module, 5 + end.args.length, (f, addresses, begin, unitEnd) => {
          const [from, weights, to, scratch, result, ...rest] = addresses as [I32, I32, I32, I32, I32]
          const store = end.emit(f, rest)
          emitFill(f, windows, scratch, f32x4.const(0))
          // Rows and columns that no window covers stay 0.
          if (!isDirect) emitFill(f, plane, result, f32x4.const(0))
          const unit = f.local('i32')
          f.count(unit, begin, unitEnd, 1, () => {
            const image = f.let(i32.divS(unit, i32.const(channels)))
            const channel = f.let(i32.remS(unit, i32.const(channels)))
            emitPad(f, windows, i32.add(from, i32.mul(unit, i32.const(4 * height.out * width.out))), scratch)
            const filterAt = f.let(i32.add(weights, i32.mul(channel, i32.const(4 * taps))))
            for (let vertical = 0; vertical < height.stride; vertical++) {
              const rows = tapRun(height, vertical)
              // The first row of the plane with this remainder, in padded rows.
              const firstRow = height.before + modulo(vertical - height.before, height.stride)
              const count = Math.ceil((height.before + height.size - firstRow) / height.stride)
              const row = f.let(i32.const(firstRow))
              f.count(f.local('i32'), 0, count, 1, () => {
                for (let horizontal = 0; horizontal < width.stride; horizontal++) {
                  const columns = tapRun(width, horizontal)
                  const first = isDirect ? width.before : 0
                  const positions = isDirect ? width.size : plane.phase
                  const storeRun = (t: I32, lanes: number, sums: readonly Vector[]): void => {
                    if (isDirect) {
                      const y = i32.sub(row, i32.const(height.before))
                      const column = f.let(i32.add(i32.mul(y, i32.const(width.size)), t))
                      store({ batch: image, row: channel, column, width: lanes }, sums)
                      return
                    }
                    const place = i32.add(
                      i32.mul(row, i32.const(plane.row)),
                      i32.add(t, i32.const(horizontal * plane.phase)),
                    )
                    const target = f.let(i32.add(result, i32.shl(place, i32.const(2))))
                    sums.forEach((sum, v) => {
                      storeLanes(f, target, sum, Math.min(4, lanes - 4 * v), 16 * v)
                    })
                  }
                  eachRun(f, positions, (t, lanes) => {
                    const sums = Array.from({ length: Math.ceil(lanes / 4) }, () => f.let(f32x4.const(0)))
                    if (rows !== undefined && columns !== undefined) {
                      const windowRow = i32.add(
                        i32.divS(i32.sub(row, i32.const(vertical)), i32.const(height.stride)),
                        i32.const(rows.window + windows.height.before),
                      )
                      const windowColumn = i32.add(t, i32.const(first + columns.window + windows.width.before))
                      const start = i32.add(i32.mul(windowRow, i32.const(windows.row)), windowColumn)
                      const rowAt = f.let(i32.add(scratch, i32.shl(start, i32.const(2))))
                      const rowWeight = f.let(
                        i32.add(filterAt, i32.const(4 * (rows.first * width.kernel + columns.first))),
                      )
                      f.count(f.local('i32'), 0, rows.count, 1, () => {
                        const [at, weight] = [f.let(rowAt), f.let(rowWeight)]
                        f.count(f.local('i32'), 0, columns.count, 1, () => {
                          const factor = f.let(v128.load32Splat(weight))
                          sums.forEach((sum, v) => {
                            f.set(sum, f32x4.add(sum, f32x4.mul(factor, v128.load(at, 16 * v))))
                          })
                          f.advance(at, -4 * columns.step)
                          f.advance(weight, 4 * columns.every)
                        })
                        f.advance(rowAt, -4 * rows.step * windows.row)
                        f.advance(rowWeight, 4 * rows.every * width.kernel)
                      })
                    }
                    storeRun(t, lanes, sums)
                  })
                }
                f.advance(row, height.stride)
              })
            }
            if (!isDirect) {
              const target = i32.add(to, i32.mul(unit, i32.const(4 * height.size * width.size)))
              emitUnpad(f, plane, result, target)
            }
          })
        }),
    }
  }
  const kernel = kernelWith()
  return isDirect ? { ...kernel, epilogue: resultEpilogue(view, false, kernelWith) } : kernel
}

const modulo = (a: number, b: number): number => ((a % b) + b) % b

/** Calls `body` with the first of up to sixteen positions, and their count. */
function eachRun(f: FunctionBuilder, positions: number, body: (first: I32, count: number) => void): void {
  const run = 4 * SUMS
  const first = f.let(i32.const(0))
  f.count(f.local('i32'), 0, Math.floor(positions / run), 1, () => {
    body(first, run)
    f.advance(first, run)
  })
  if (positions % run > 0) body(first, positions % run)
}

/** Filter elements whose sums are made together: with the gradient and what lies under each they fill the registers. */
const TAPS = 7

/** Filter@GRAD[c, i] = sum over images and windows of Output@GRAD times the element of the plane under element i of the window. */
export function depthwiseFilterGradKernel(
  conv: Convolution,
  input: PlannedTensor,
  outputGrad: PlannedTensor,
  filterGrad: PlannedTensor,
): Kernel {
  const { batch, channels, height, width } = conv
  const plane = paddedPlane(height, width)
  const windows = height.out * width.out
  const taps = height.kernel * width.kernel
  const offsets = Array.from({ length: taps }, (_, tap) => {
    const [i, j] = [Math.floor(tap / width.kernel), tap % width.kernel]
    return 4 * (i * height.dilation * plane.row + columnOffset(plane, j))
  })
  const parts = Math.ceil(taps / TAPS)
  return {
    kind: 'kernel',
    key: `depthwise_filter_grad|${batch}|${JSON.stringify([channels, height, width])}`,
    args: [input, outputGrad, filterGrad, { bytes: plane.bytes }],
    writes: [filterGrad],
    units: channels,
    work: batch * channels * taps * windows,
    emit: (module) =>
      kernelFunction(module, 4, (f, addresses, begin, unitEnd) => {
        const [from, slopes, to, scratch] = addresses as [I32, I32, I32, I32]
        emitFill(f, plane, scratch, f32x4.const(0))
        const channel = f.local('i32')
        const image = f.local('i32')
        // Images first: planes of one image lie side by side.
        f.count(image, 0, batch, 1, () => {
          f.count(channel, begin, unitEnd, 1, () => {
            const target = f.let(i32.add(to, i32.mul(channel, i32.const(4 * taps))))
            const unit = f.let(i32.add(i32.mul(image, i32.const(channels)), channel))
            emitPad(f, plane, i32.add(from, i32.mul(unit, i32.const(4 * height.size * width.size))), scratch)
            const slopeAt = f.let(i32.add(slopes, i32.mul(unit, i32.const(4 * windows))))
            for (let part = 0; part < parts; part++) {
              const first = Math.floor((part * taps) / parts)
              const end = Math.floor(((part + 1) * taps) / parts)
              const sums = emitPlaneSums(f, plane, slopeAt, scratch, offsets.slice(first, end))
              for (let tap = first; tap < end; tap += 4) {
                const count = Math.min(4, end - tap)
                const total = f.let(sumFour(f, sums.slice(tap - first, tap - first + count)))
                f.if(image, () => f.set(total, f32x4.add(loadLanes(target, count, 4 * tap), total)))
                storeLanes(f, target, total, count, 4 * tap)
              }
            }
          })
        })
      }),
  }
}

/** The sums over a plane of windows of their gradients times the elements at some offsets. */
function emitPlaneSums(
  f: FunctionBuilder,
  { height, width, row }: PaddedPlane,
  slopes: I32,
  scratch: I32,
  offsets: readonly number[],
): Vector[] {
  const sums = offsets.map(() => f.let(f32x4.const(0)))
  const [slope, line] = [f.let(slopes), f.let(scratch)]
  f.count(f.local('i32'), 0, height.out, 1, () => {
    eachVector(f, width.out, (at, lanes) => {
      const d = f.let(loadLanes(i32.add(slope, at), lanes))
      const under = f.let(i32.add(line, at))
      sums.forEach((sum, tap) => {
        f.set(sum, f32x4.add(sum, f32x4.mul(d, loadLanes(under, lanes, offsets[tap]))))
      })
    })
    f.advance(slope, 4 * width.out)
    f.advance(line, 4 * height.stride * row)
  })
  return sums
}
