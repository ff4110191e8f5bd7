/**
 * Lowerings of running sums and products along an axis, one element after the other in float64 or in whole numbers, as ops/reduce/cumsum.ts and
 * cumprod.ts have them: equal bits.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { byteSize } from '../../tensor/dtype.ts'
import { numel } from '../../tensor/shape.ts'
import type { I32 } from './function_builder.ts'
import { type Code, type Effect, f32, f64, i32, i64, type ValueType } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { copyPiece } from './movement.ts'
import { eachSlice, type Slices, slicesOf } from './ranking.ts'

/** How elements are read, put together and written. */
interface Numbers<T extends ValueType = ValueType> {
  readonly load: (at: I32) => Code<T>
  readonly add: (a: Code<T>, b: Code<T>) => Code<T>
  readonly mul: (a: Code<T>, b: Code<T>) => Code<T>
  readonly of: (value: number) => Code<T>
  readonly store: (at: I32, value: Code<T>) => Effect
}

const FLOAT32: Numbers<'f64'> = {
  load: (at) => f64.promoteF32(f32.load(at)),
  add: f64.add,
  mul: f64.mul,
  of: f64.const,
  store: (at, value) => f32.store(at, f32.demoteF64(value)),
}
const INT32: Numbers<'i32'> = { ...i32, of: i32.const }
const INT64: Numbers<'i64'> = { ...i64, of: (value) => i64.const(BigInt(value)) }

const NUMBERS: Readonly<Record<string, Numbers>> = {
  float32: FLOAT32 as unknown as Numbers,
  int32: INT32 as unknown as Numbers,
  int64: INT64 as unknown as Numbers,
}

interface Running {
  readonly combine: 'add' | 'mul'
  readonly exclusive?: boolean
  readonly reverse?: boolean
}

function runningKernel(X: PlannedTensor, Out: PlannedTensor, slices: Slices, running: Running): Kernel | undefined {
  const numbers = NUMBERS[X.dtype]
  if (numbers === undefined || X.dtype !== Out.dtype || numel(X.shape) === 0) return undefined
  const { combine, exclusive = false, reverse = false } = running
  const { outer, size, step } = slices
  const bytes = byteSize(X.dtype)
  return {
    kind: 'kernel',
    key: `running|${X.dtype}|${JSON.stringify([slices, running])}`,
    args: [X, Out],
    writes: [Out],
    overwrites: [X],
    units: outer * step,
    work: 4 * numel(X.shape),
    emit: (module) =>
      kernelFunction(module, 2, (f, [x, out], begin, end) =>
        eachSlice(f, slices, begin, end, (start) => {
          const [from, to] = [start(x!, size, bytes), start(out!, size, bytes)]
          const move = reverse ? -bytes * step : bytes * step
          if (reverse) for (const at of [from, to]) f.advance(at, -move * (size - 1))
          const result = f.let(numbers.of(combine === 'add' ? 0 : 1))
          f.count(f.local('i32'), 0, size, 1, () => {
            const value = f.let(numbers.load(from))
            if (exclusive) f.do(numbers.store(to, result))
            f.set(result, numbers[combine](result, value))
            if (!exclusive) f.do(numbers.store(to, result))
            f.advance(from, move)
            f.advance(to, move)
          })
        }),
      ),
  }
}

const sums =
  (input: string, output: string, backward: boolean): Lowering =>
  (op) => {
    const [X, Out] = [op.input(input), op.output(output)]
    if (X === undefined || Out === undefined || numel(X.shape) === 0) return undefined
    // A single element stays as it is.
    if (numel(X.shape) === 1) return X.dtype === Out.dtype ? [copyPiece(X, Out)] : undefined
    const slices = op.attr<boolean>('flatten')
      ? { outer: 1, size: numel(X.shape), step: 1 }
      : slicesOf(X.shape, op.attr<number>('axis'))
    const [exclusive, reverse] = [op.attr<boolean>('exclusive'), op.attr<boolean>('reverse') !== backward]
    const kernel = runningKernel(X, Out, slices, { combine: 'add', exclusive, reverse })
    return kernel && [kernel]
  }

const products: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out === undefined) return undefined
  const kernel = runningKernel(X, Out, slicesOf(X.shape, op.attr<number>('dim')), { combine: 'mul' })
  return kernel && [kernel]
}

export const runs: Readonly<Record<string, Lowering>> = {
  cumsum: sums('X', 'Out', false),
  cumsum_grad: sums('Out@GRAD', 'X@GRAD', true),
  cumprod: products,
}
