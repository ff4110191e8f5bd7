/**
 * Lowerings of sqrt and of the slopes of asinh and acosh. As in Paddle, which takes eight float32 at a time and makes a root of a reciprocal one, the
 * root of infinity is NaN, except among the last (size mod 8) elements (ops/math/activation.ts). So it depends on where an element stands.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { numel } from '../../tensor/shape.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import { i32, i32x4, v128 } from './instructions.ts'
import type { Piece } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { whole } from './op_reader.ts'
import { trigonometric } from './trigonometric.ts'

const PACKED = 8

/** target = value, and NaN where `spoilt` is all ones among the elements that are taken eight at a time. */
function byPlace(target: PlannedTensor, value: e.Formula, spoilt: e.Formula): readonly Piece[] {
  const count = numel(target.shape)
  if (count < PACKED) return [loop(target.shape, { target, value })]
  const formulas = [value, spoilt]
  const operands = e.operandsOf(formulas)
  const numberOf = (operand: { readonly tensor: PlannedTensor }): number =>
    operands.findIndex(({ tensor }) => tensor === operand.tensor)
  const args = operands.map(({ tensor }) => tensor)
  return [
    {
      kind: 'kernel',
      key: `by_place|${count - (count % PACKED)}|${e.formulaKey(formulas, numberOf)}`,
      args: [target, ...args],
      writes: [target],
      overwrites: args,
      units: Math.ceil(count / 4),
      work: 8 * count,
      emit: (module) =>
        kernelFunction(module, 1 + args.length, (f, [to, ...from], begin, end) => {
          const emitter = new e.FormulaEmitter(f, formulas)
          emitter.prepare()
          const vector = f.local('i32')
          f.count(vector, begin, end, 1, () => {
            const at = f.let(i32.shl(vector, i32.const(4)))
            const held = from.map((address) => f.let(v128.load(i32.add(address, at))))
            const [result, mask] = emitter.valuesOf((operand) => held[numberOf(operand)]!)
            // All ones are a NaN.
            const isPacked = i32.sub(i32.const(0), i32.ltS(vector, i32.const((count - (count % PACKED)) / 4)))
            f.do(v128.store(i32.add(to!, at), v128.or(result!, v128.and(mask!, i32x4.splat(isPacked)))))
          })
        }),
    },
  ]
}

const infinity = e.constant(Number.POSITIVE_INFINITY)

const sqrt: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out === undefined || !op.isFloat32()) return undefined
  const root = e.sqrt(whole(X))
  return byPlace(Out, root, e.eq(root, infinity))
}

/** They divide by a root of x x, which may be infinite. */
const slope =
  (type: 'asinh' | 'acosh'): Lowering =>
  (op) => {
    const [X, dOut, dX] = [op.input('X'), op.input('Out@GRAD'), op.output('X@GRAD')]
    if (X === undefined || dOut === undefined || !op.isFloat32()) return undefined
    if (dX === undefined) return []
    const x = whole(X)
    const value = trigonometric[type]!.slope({ x, out: x, dout: whole(dOut) }, (name) => op.attr(name))
    return byPlace(dX, value, e.eq(e.mul(x, x), infinity))
  }

export const roots: Readonly<Record<string, Lowering>> = {
  sqrt,
  asinh_grad: slope('asinh'),
  acosh_grad: slope('acosh'),
}
