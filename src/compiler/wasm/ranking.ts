/** Lowerings of operators that look for the best elements along an axis: top_k, arg_max, and accuracy, which reads what top_k finds. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { numel, product, type Shape } from '../../tensor/shape.ts'
import type { FunctionBuilder, I32, Local } from './function_builder.ts'
import { type Code, f32, i32, i64 } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import type { OpReader } from './op_reader.ts'

/** Above this the TypeScript kernel sorts. */
const INSERTION_LIMIT = 16

/** What lies along an axis, once for each element of the other dimensions. */
export interface Slices {
  readonly outer: number
  readonly size: number
  /** Distance of neighbours along the axis, in elements. */
  readonly step: number
}

/** A 0-D tensor is one slice of one element. */
export function slicesOf(shape: Shape, axis: number): Slices {
  if (shape.length === 0) return { outer: 1, size: 1, step: 1 }
  const at = axis < 0 ? axis + shape.length : axis
  return { outer: product(shape, 0, at), size: shape[at]!, step: product(shape, at + 1) }
}

/** Whether `a` goes strictly before `b`: NaN counts as the largest number. */
function precedes(a: Code<'f32'>, b: Code<'f32'>, largest: boolean): Code<'i32'> {
  const isNone = (value: Code<'f32'>): Code<'i32'> => f32.ne(value, value)
  if (largest) return i32.or(f32.gt(a, b), i32.and(isNone(a), f32.eq(b, b)))
  return i32.or(f32.lt(a, b), i32.and(isNone(b), f32.eq(a, a)))
}

/** Slices [begin, end): where each begins in a tensor of `size` along the axis. */
export function eachSlice(
  f: FunctionBuilder,
  { step }: Slices,
  begin: I32,
  end: I32,
  body: (start: (base: I32, size: number, bytes: number) => Local<'i32'>, slice: I32) => void,
): void {
  const slice = f.local('i32')
  f.count(slice, begin, end, 1, () => {
    const outer = f.let(i32.divS(slice, i32.const(step)))
    const inner = f.let(i32.remS(slice, i32.const(step)))
    body((base, size, bytes) => {
      const element = i32.add(i32.mul(outer, i32.const(step * size)), inner)
      return f.let(i32.add(base, i32.mul(element, i32.const(bytes))))
    }, slice)
  })
}

function topKernel(
  X: PlannedTensor,
  Out: PlannedTensor,
  Indices: PlannedTensor,
  slices: Slices,
  largest: boolean,
): Kernel {
  const { outer, size, step } = slices
  const k = numel(Out.shape) / (outer * step)
  return {
    kind: 'kernel',
    key: `top_k|${outer}|${size}|${step}|${k}|${largest}`,
    args: [X, Out, Indices],
    writes: [Out, Indices],
    units: outer * step,
    work: numel(X.shape) * 4,
    emit: (module) =>
      kernelFunction(module, 3, (f, [x, out, indices], begin, end) =>
        eachSlice(f, slices, begin, end, (start) => {
          const read = start(x!, size, 4)
          const values = start(out!, k, 4)
          const places = start(indices!, k, 8)
          const [i, filled, place] = [f.local('i32'), f.local('i32'), f.local('i32')]
          const value = f.local('f32')
          const valueAt = (at: I32): I32 => i32.add(values, i32.mul(at, i32.const(4 * step)))
          const placeAt = (at: I32): I32 => i32.add(places, i32.mul(at, i32.const(8 * step)))
          const before = (at: I32): I32 => i32.sub(at, i32.const(1))
          f.set(filled, i32.const(0))
          f.count(i, 0, size, 1, () => {
            f.set(value, f32.load(read))
            f.advance(read, 4 * step)
            f.block((leave) => {
              f.if(
                i32.ltS(filled, i32.const(k)),
                () => {
                  f.set(place, filled)
                  f.advance(filled, 1)
                },
                () => {
                  leave(i32.eqz(precedes(value, f32.load(valueAt(i32.const(k - 1))), largest)))
                  f.set(place, i32.const(k - 1))
                },
              )
              f.block((stop) => {
                f.repeat(() => {
                  stop(i32.eqz(place))
                  stop(i32.eqz(precedes(value, f32.load(valueAt(before(place))), largest)))
                  f.do(f32.store(valueAt(place), f32.load(valueAt(before(place)))))
                  f.do(i64.store(placeAt(place), i64.load(placeAt(before(place)))))
                  f.advance(place, -1)
                  return i32.const(1)
                })
              })
              f.do(f32.store(valueAt(place), value))
              f.do(i64.store(placeAt(place), i64.extendI32S(i)))
            })
          })
        }),
      ),
  }
}

const topK: Lowering = (op) => {
  const [X, Out, Indices] = [op.input('X'), op.output('Out'), op.output('Indices')]
  if (!X || !Out || !Indices || op.input('K') !== undefined || !op.isFloat32('X', 'Out')) return undefined
  const isV2 = op.type === 'top_k_v2'
  const slices = slicesOf(X.shape, isV2 ? op.attr<number>('axis') : -1)
  if (numel(Out.shape) / (slices.outer * slices.step) > INSERTION_LIMIT) return undefined
  return [topKernel(X, Out, Indices, slices, isV2 ? op.attr<boolean>('largest') : true)]
}

/** Of equal elements the first counts, and the first NaN before all. */
const extremeAt =
  (largest: boolean): Lowering =>
  (op) => {
    const [X, Out] = [op.input('X'), op.output('Out')]
    if (!X || !Out || !op.isFloat32('X') || numel(Out.shape) === 0) return undefined
    const shape = op.attr<boolean>('flatten') ? [numel(X.shape)] : X.shape
    const slices = slicesOf(shape, op.attr<boolean>('flatten') ? 0 : Number(op.attr<number | bigint>('axis')))
    const { outer, size, step } = slices
    const bytes = Out.dtype === 'int64' ? 8 : 4
    return [
      {
        kind: 'kernel',
        key: `arg|${outer}|${size}|${step}|${largest}|${bytes}`,
        args: [X, Out],
        writes: [Out],
        units: outer * step,
        work: 4 * numel(X.shape),
        emit: (module) =>
          kernelFunction(module, 2, (f, [x, out], begin, end) =>
            eachSlice(f, slices, begin, end, (start, slice) => {
              const read = start(x!, size, 4)
              const [i, best] = [f.local('i32'), f.local('i32')]
              const value = f.local('f32')
              const extreme = f.let(f32.load(read))
              f.set(best, i32.const(0))
              f.count(i, 1, size, 1, () => {
                f.advance(read, 4 * step)
                f.set(value, f32.load(read))
                const beats = largest ? f32.gt(value, extreme) : f32.lt(value, extreme)
                f.if(i32.or(beats, i32.and(f32.ne(value, value), f32.eq(extreme, extreme))), () => {
                  f.set(extreme, value)
                  f.set(best, i)
                })
              })
              const at = i32.add(out!, i32.mul(slice, i32.const(bytes)))
              f.do(bytes === 8 ? i64.store(at, i64.extendI32S(best)) : i32.store(at, best))
            }),
          ),
      } satisfies Kernel,
    ]
  }

/** A negative label is reported by the TypeScript kernel. */
const accuracy: Lowering = (op: OpReader) => {
  const [Indices, Label] = [op.input('Indices'), op.input('Label')]
  const outputs = [op.output('Accuracy'), op.output('Correct'), op.output('Total')] as const
  const [Accuracy, Correct, Total] = outputs
  if (!Indices || !Label || !Accuracy || !Correct || !Total || numel(Indices.shape) === 0) return undefined
  if (Accuracy.dtype !== 'float32' || Correct.dtype !== 'int32' || Total.dtype !== 'int32') return undefined
  const [rows, k] = Indices.shape as [number, number]
  return [
    {
      kind: 'kernel',
      key: `accuracy|${rows}|${k}`,
      args: [Indices, Label, ...outputs.map((tensor) => tensor!)],
      writes: [Accuracy, Correct, Total],
      work: 8 * rows * k,
      mayFail: true,
      emit: (module) =>
        kernelFunction(module, 5, (f, [indices, labels, share, correct, total], _begin, _end, fail) => {
          const [row, i, hits] = [f.local('i32'), f.local('i32'), f.local('i32')]
          const label = f.local('i64')
          const read = f.let(indices!)
          const isRight = f.local('i32')
          f.count(row, 0, rows, 1, () => {
            f.set(label, i64.load(i32.add(labels!, i32.shl(row, i32.const(3)))))
            f.if(i64.ltS(label, i64.const(0n)), () => fail(1))
            f.set(isRight, i32.const(0))
            f.count(i, 0, k, 1, () => {
              f.set(isRight, i32.or(isRight, i64.eq(i64.load(read), label)))
              f.advance(read, 8)
            })
            f.set(hits, i32.add(hits, isRight))
          })
          f.do(f32.store(share!, f32.div(f32.convertI32S(hits), f32.convertI32S(i32.const(rows)))))
          f.do(i32.store(correct!, hits))
          f.do(i32.store(total!, i32.const(rows)))
        }),
    } satisfies Kernel,
  ]
}

export const ranking: Readonly<Record<string, Lowering>> = {
  top_k: topK,
  top_k_v2: topK,
  arg_max: extremeAt(true),
  arg_min: extremeAt(false),
  accuracy,
}
