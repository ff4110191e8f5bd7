/**
 * Means over adaptive windows of unequal size: window o of `out` takes the elements from floor(o size / out) up to ceil((o + 1) size / out), so
 * neighbours may share one. Element by element, since no two windows are alike.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { FunctionBuilder, I32 } from './function_builder.ts'
import { f32, i32 } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'

/** One dimension of the planes, and how many windows share it. */
export interface Shared {
  readonly size: number
  readonly out: number
}

/** First element, one past the last, and their count, of window `index`. */
function boundsOf(f: FunctionBuilder, { size, out }: Shared, index: I32): { from: I32; to: I32; count: I32 } {
  const from = f.let(i32.divS(i32.mul(index, i32.const(size)), i32.const(out)))
  const next = i32.mul(i32.add(index, i32.const(1)), i32.const(size))
  const to = f.let(i32.divS(i32.add(next, i32.const(out - 1)), i32.const(out)))
  return { from, to, count: i32.sub(to, from) }
}

/** Calls `body` for each window of each plane, with its number among all windows, its count of elements, and what walks over them. */
function eachWindow(
  f: FunctionBuilder,
  height: Shared,
  width: Shared,
  begin: I32,
  end: I32,
  planes: I32,
  body: (window: I32, count: I32, eachElement: (visit: (address: I32) => void) => void) => void,
): void {
  const [plane, i, j, y, x] = f.locals('i32', 5)
  const window = f.let(i32.mul(begin, i32.const(height.out * width.out)))
  f.count(plane!, begin, end, 1, () => {
    const planeAt = f.let(i32.add(planes, i32.mul(plane!, i32.const(4 * height.size * width.size))))
    f.count(i!, 0, height.out, 1, () => {
      const rows = boundsOf(f, height, i!)
      f.count(j!, 0, width.out, 1, () => {
        const columns = boundsOf(f, width, j!)
        body(window, f.let(i32.mul(rows.count, columns.count)), (visit) =>
          f.count(y!, rows.from, rows.to, 1, () => {
            const row = f.let(i32.add(planeAt, i32.mul(y!, i32.const(4 * width.size))))
            f.count(x!, columns.from, columns.to, 1, () => visit(f.let(i32.add(row, i32.shl(x!, i32.const(2))))))
          }),
        )
        f.advance(window, 1)
      })
    })
  })
}

export function adaptiveMeanKernel(
  planes: number,
  height: Shared,
  width: Shared,
  x: PlannedTensor,
  out: PlannedTensor,
): Kernel {
  return {
    kind: 'kernel',
    key: `adaptive_mean|${JSON.stringify([height, width])}`,
    args: [x, out],
    writes: [out],
    units: planes,
    work: 4 * planes * height.size * width.size,
    emit: (module) =>
      kernelFunction(module, 2, (f, [from, to], begin, end) => {
        const sum = f.local('f32')
        eachWindow(f, height, width, begin, end, from!, (window, count, eachElement) => {
          f.set(sum, f32.const(0))
          eachElement((address) => f.set(sum, f32.add(sum, f32.load(address))))
          const target = i32.add(to!, i32.shl(window, i32.const(2)))
          f.do(f32.store(target, f32.div(sum, f32.convertI32S(count))))
        })
      }),
  }
}

/** Each window gives an equal share of its gradient to all of its elements. */
export function adaptiveMeanGradKernel(
  planes: number,
  height: Shared,
  width: Shared,
  outGrad: PlannedTensor,
  xGrad: PlannedTensor,
): Kernel {
  const size = height.size * width.size
  return {
    kind: 'kernel',
    key: `adaptive_mean_grad|${JSON.stringify([height, width])}`,
    args: [outGrad, xGrad],
    writes: [xGrad],
    units: planes,
    work: 12 * planes * size,
    emit: (module) =>
      kernelFunction(module, 2, (f, [from, to], begin, end) => {
        const at = f.let(i32.add(to!, i32.mul(begin, i32.const(4 * size))))
        f.count(f.local('i32'), f.let(i32.mul(begin, i32.const(size))), f.let(i32.mul(end, i32.const(size))), 1, () => {
          f.do(f32.store(at, f32.const(0)))
          f.advance(at, 4)
        })
        const share = f.local('f32')
        eachWindow(f, height, width, begin, end, to!, (window, count, eachElement) => {
          const slope = f32.load(i32.add(from!, i32.shl(window, i32.const(2))))
          f.set(share, f32.mul(slope, f32.div(f32.const(1), f32.convertI32S(count))))
          eachElement((address) => f.do(f32.store(address, f32.add(f32.load(address), share))))
        })
      }),
  }
}
