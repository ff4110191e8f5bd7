/** Lowering of cast: a loop between types that loops read, and one element after the other to and from int64. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { byteSize, type DType } from '../../tensor/dtype.ts'
import { numel } from '../../tensor/shape.ts'
import { convert } from './conversions.ts'
import { hasLanes } from './elements.ts'
import { loop } from './elementwise.ts'
import type { I32 } from './function_builder.ts'
import { type Code, type Effect, f32, i32, i64 } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { copyPiece } from './movement.ts'
import { whole } from './op_reader.ts'

const cast: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out === undefined || numel(X.shape) === 0) return undefined
  // By way of float32 it would be rounded twice.
  const isLong = X.dtype === 'int32' || X.dtype === 'int64'
  if (isLong && op.attr<DType>('out_dtype') === 'bfloat16') return undefined
  if (X.dtype === Out.dtype) return [copyPiece(X, Out)]
  if (hasLanes(X.dtype) && hasLanes(Out.dtype)) {
    return [loop(X.shape, { target: Out, value: convert(whole(X), X.dtype, Out.dtype) })]
  }
  const [load, store] = [LOADS[X.dtype], STORES[Out.dtype]]
  return load && store && [wholeKernel(X, Out, load, store)]
}

type Load = (address: I32) => Code<'i64'>
type Store = (address: I32, value: Code<'i64'>) => Effect

/** An element as int64; a float32 is cut towards zero, and what int64 does not hold is the smallest one. */
const LOADS: Partial<Record<DType, Load>> = {
  int64: (at) => i64.load(at),
  int32: (at) => i64.extendI32S(i32.load(at)),
  bool: (at) => i64.extendI32S(i32.load8U(at)),
  uint8: (at) => i64.extendI32S(i32.load8U(at)),
  float32(at) {
    const value = f32.load(at)
    const fits = i32.and(f32.ge(value, f32.const(-(2 ** 63))), f32.lt(value, f32.const(2 ** 63)))
    return i64.select(fits, i64.truncSatF32S(value), i64.const(-(2n ** 63n)))
  },
}

/** Integers keep their low bits; a float32 is the nearest one, to even. */
const STORES: Partial<Record<DType, Store>> = {
  int64: (at, value) => i64.store(at, value),
  int32: (at, value) => i32.store(at, i32.wrapI64(value)),
  uint8: (at, value) => i32.store8(at, i32.wrapI64(value)),
  bool: (at, value) => i32.store8(at, i32.eqz(i64.eqz(value))),
  float32: (at, value) => f32.store(at, f32.convertI64S(value)),
}

function wholeKernel(X: PlannedTensor, Out: PlannedTensor, load: Load, store: Store): Kernel {
  const count = numel(X.shape)
  const [from, to] = [byteSize(X.dtype), byteSize(Out.dtype)]
  return {
    kind: 'kernel',
    key: `cast|${X.dtype}|${Out.dtype}`,
    args: [X, Out],
    writes: [Out],
    units: count,
    work: count * (from + to),
    emit: (module) =>
      kernelFunction(module, 2, (f, [source, target], begin, end) => {
        const at = (base: I32, bytes: number): I32 => i32.add(base, i32.mul(begin, i32.const(bytes)))
        const [read, write] = [f.let(at(source!, from)), f.let(at(target!, to))]
        f.count(f.local('i32'), begin, end, 1, () => {
          f.do(store(write, load(read)))
          f.advance(read, from)
          f.advance(write, to)
        })
      }),
  }
}

export const casts: Readonly<Record<string, Lowering>> = { cast }
