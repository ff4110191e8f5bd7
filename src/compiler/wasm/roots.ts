/**
 * Lowering of sqrt. As in Paddle, which takes eight float32 at a time and makes a root of a reciprocal one, the root of infinity is NaN,
 * except among the last (size mod 8) elements (ops/math/activation.ts). So it depends on where an element stands.
 */
import { numel } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import { f32x4, i32, v128 } from './instructions.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { whole } from './op_reader.ts'

const PACKED = 8

const sqrt: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out === undefined || !op.isFloat32()) return undefined
  const count = numel(X.shape)
  if (count < PACKED) return [loop(X.shape, { target: Out, value: e.sqrt(whole(X)) })]
  return [
    {
      kind: 'kernel',
      key: `sqrt|${count - (count % PACKED)}`,
      args: [X, Out],
      writes: [Out],
      overwrites: [X],
      units: Math.ceil(count / 4),
      work: 8 * count,
      emit: (module) =>
        kernelFunction(module, 2, (f, [from, to], begin, end) => {
          const vector = f.local('i32')
          const infinity = f.let(f32x4.const(Number.POSITIVE_INFINITY))
          const packed = i32.const((count - (count % PACKED)) / 4)
          f.count(vector, begin, end, 1, () => {
            const at = f.let(i32.shl(vector, i32.const(4)))
            const root = f.let(f32x4.sqrt(v128.load(i32.add(from!, at))))
            // All ones are a NaN.
            const spoilt = v128.or(root, f32x4.eq(root, infinity))
            const isPacked = f.let(i32.ltS(vector, packed))
            f.if(
              isPacked,
              () => f.do(v128.store(i32.add(to!, at), spoilt)),
              () => f.do(v128.store(i32.add(to!, at), root)),
            )
          })
        }),
    },
  ]
}

export const roots: Readonly<Record<string, Lowering>> = { sqrt }
