/**
 * Convolutions whose filters see one channel each: vectors of sums over neighbouring windows, to which the products with the filter's elements
 * are added one after the other, read from a padded copy of the plane. The loop over the elements is not unrolled: V8 would load all of them
 * first, and spill.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { Convolution } from '../../ops/nn/window.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import type { Kernel, Statement } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { blockOffsets, eachBlock, eachTap, emitFill, emitPad, paddedPlane } from './padded_plane.ts'
import { ResultEnd, resultEpilogue } from './result_end.ts'

/** Output[n, f] = the plane of channel f / multiplier under filter f. */
export function depthwiseKernel(
  conv: Convolution,
  input: PlannedTensor,
  filter: PlannedTensor,
  output: PlannedTensor,
): Kernel {
  const view = { result: output, space: output.shape, batchDims: 1, rowDims: 1 }
  const { batch, channels, filters, height, width } = conv
  const plane = paddedPlane(height, width)
  const taps = height.kernel * width.kernel
  const kernelWith = (statements?: readonly Statement[]): Kernel => {
    const end = new ResultEnd(view, statements)
    return {
      kind: 'kernel',
      key: `depthwise|${JSON.stringify([channels, filters, height, width])}|${end.key}`,
      args: [input, filter, { bytes: plane.bytes }, ...end.args],
      writes: end.targets,
      units: batch * filters,
      work: batch * filters * taps * height.out * width.out,
      emit: (module) =>
        kernelFunction(module, 3 + end.args.length, (f, [from, weights, scratch, ...rest], begin, unitEnd) => {
          const store = end.emit(f, rest)
          emitFill(f, plane, scratch!, f32x4.const(0))
          const unit = f.local('i32')
          f.count(unit, begin, unitEnd, 1, () => {
            const n = f.let(i32.divS(unit, i32.const(filters)))
            const row = f.let(i32.remS(unit, i32.const(filters)))
            const channel = i32.add(
              i32.mul(n, i32.const(channels)),
              filters === channels ? row : i32.divS(row, i32.const(filters / channels)),
            )
            emitPad(f, plane, i32.add(from!, i32.mul(channel, i32.const(4 * height.size * width.size))), scratch!)
            const filterAt = f.let(i32.add(weights!, i32.mul(row, i32.const(4 * taps))))
            eachBlock(f, plane, scratch!, (block) => {
              const offsets = blockOffsets(plane, block)
              const sums = offsets.map(() => f.let(f32x4.const(0)))
              eachTap(f, plane, block.at, filterAt, (address, weight) => {
                const factor = f.let(v128.load32Splat(weight))
                sums.forEach((sum, v) => {
                  f.set(sum, f32x4.add(sum, f32x4.mul(factor, v128.load(address, offsets[v]))))
                })
              })
              const vectors = block.lanes.length
              const windows = block.lanes.reduce((sum, lanes) => sum + lanes)
              for (let r = 0; r < block.rows; r++) {
                const column = f.let(i32.add(block.first, i32.const(r * width.out)))
                store({ batch: n, row, column, width: windows }, sums.slice(r * vectors, (r + 1) * vectors))
              }
            })
          })
        }),
    }
  }
  return { ...kernelWith(), epilogue: resultEpilogue(view, false, kernelWith) }
}
