/**
 * Lowerings of softmax and cross entropy along the last dimension, one row at a time. Errors, in units in the last place against float64: 8,
 * and half of what an element is below the largest of its row.
 */

import type { PlannedTensor } from '../../executor/backend.ts'
import { product } from '../../tensor/shape.ts'
import { loadLanes, storeLanes } from './elements.ts'
import { constant, type Formula, FormulaEmitter, read } from './expression.ts'
import type { FunctionBuilder, I32, Vector } from './function_builder.ts'
import { exp, log } from './functions.ts'
import { f32, f32x4, i32, i64, v128 } from './instructions.ts'
import type { Kernel, Operand } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { eachVector } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import type { OpReader } from './op_reader.ts'
import { laneMask } from './reduction.ts'

/** As in Paddle, exponents below this are cut. */
export const LOWEST_EXPONENT = -64

/** A stand-in for a value in a formula. */
const standIn = (name: string): { operand: Operand; formula: Formula } => {
  const operand: Operand = { tensor: { dtype: 'float32', shape: [], name } as PlannedTensor, strides: [] }
  return { operand, formula: read(operand) }
}

/** Rows and their length where the classes are the last dimension. */
function rowsOf(op: OpReader, tensor: PlannedTensor): { rows: number; size: number } | undefined {
  const rank = tensor.shape.length
  const axis = op.attr<number>('axis')
  if (rank === 0 || (axis !== -1 && axis !== rank - 1)) return undefined
  return { rows: product(tensor.shape, 0, rank - 1), size: tensor.shape[rank - 1]! }
}

function fold(f: FunctionBuilder, value: Vector, combine: (a: Vector, b: Vector) => Vector): Vector {
  const pairs = f.let(combine(value, v128.shuffle32(value, value, [2, 3, 0, 1])))
  return f.let(combine(pairs, v128.shuffle32(pairs, pairs, [1, 0, 3, 2])))
}

interface RowSums {
  readonly max: Vector
  readonly sum: Vector
}

/** Writes exp(x - max) of a row to `to`, then divides it by the sum. */
function emitSoftmaxRow(
  f: FunctionBuilder,
  emitter: FormulaEmitter,
  x: Operand,
  size: number,
  from: I32,
  to: I32,
): RowSums {
  const top = f.let(f32x4.const(-Infinity))
  eachVector(f, size, (at, lanes) => {
    const value = loadLanes(i32.add(from, at), lanes)
    f.set(top, f32x4.max(top, lanes === 4 ? value : v128.bitselect(value, f32x4.const(-Infinity), laneMask(lanes))))
  })
  const max = fold(f, top, f32x4.max)
  const total = f.let(f32x4.const(0))
  eachVector(f, size, (at, lanes) => {
    const moved = f.let(f32x4.sub(loadLanes(i32.add(from, at), lanes), max))
    const value = f.let(emitter.valuesOf((operand) => (operand === x ? moved : max))[0]!)
    f.set(total, f32x4.add(total, lanes === 4 ? value : v128.and(value, laneMask(lanes))))
    storeLanes(f, f.let(i32.add(to, at)), value, lanes)
  })
  const sum = fold(f, total, f32x4.add)
  eachVector(f, size, (at, lanes) => {
    const place = f.let(i32.add(to, at))
    storeLanes(f, place, f32x4.div(loadLanes(place, lanes), sum), lanes)
  })
  return { max, sum }
}

/** max keeps NaN of the argument, as the TypeScript kernel's Math.max does. */
const boundedExp = (x: Formula): Formula => exp({ op: 'max', args: [x, constant(LOWEST_EXPONENT)], number: 0 })

const softmaxForward: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  const layout = X && op.isFloat32() ? rowsOf(op, X) : undefined
  if (X === undefined || Out === undefined || layout === undefined) return undefined
  const { rows, size } = layout
  const { operand, formula } = standIn('x')
  return [
    {
      kind: 'kernel',
      key: `softmax|${size}`,
      args: [X, Out],
      writes: [Out],
      overwrites: [X],
      units: rows,
      work: rows * size * 32,
      emit: (module) =>
        kernelFunction(module, 2, (f, [from, to], begin, end) => {
          const emitter = new FormulaEmitter(f, [boundedExp(formula)])
          emitter.prepare()
          eachRow(f, size, [from!, to!], begin, end, ([x, y]) => emitSoftmaxRow(f, emitter, operand, size, x!, y!))
        }),
    } satisfies Kernel,
  ]
}

/** Rows [begin, end) of tensors of `size` columns. */
function eachRow(
  f: FunctionBuilder,
  size: number,
  addresses: readonly I32[],
  begin: I32,
  end: I32,
  body: (addresses: readonly I32[], row: I32) => void,
): void {
  const row = f.local('i32')
  const moving = addresses.map((address) => f.let(i32.add(address, i32.mul(begin, i32.const(4 * size)))))
  f.count(row, begin, end, 1, () => {
    body(moving, row)
    for (const at of moving) f.advance(at, 4 * size)
  })
}

const softmaxGrad: Lowering = (op) => {
  const [Out, dOut, dX] = [op.input('Out'), op.input('Out@GRAD'), op.output('X@GRAD')]
  const layout = Out && op.isFloat32() ? rowsOf(op, Out) : undefined
  if (Out === undefined || dOut === undefined || dX === undefined || layout === undefined) return undefined
  const { rows, size } = layout
  return [
    {
      kind: 'kernel',
      key: `softmax_grad|${size}`,
      args: [Out, dOut, dX],
      writes: [dX],
      overwrites: [Out, dOut],
      units: rows,
      work: rows * size * 12,
      emit: (module) =>
        kernelFunction(module, 3, (f, addresses, begin, end) => {
          eachRow(f, size, addresses, begin, end, ([p, g, d]) => {
            const total = f.let(f32x4.const(0))
            eachVector(f, size, (at, lanes) => {
              const product_ = f32x4.mul(loadLanes(i32.add(p!, at), lanes), loadLanes(i32.add(g!, at), lanes))
              f.set(total, f32x4.add(total, product_))
            })
            const sum = fold(f, total, f32x4.add)
            eachVector(f, size, (at, lanes) => {
              const slope = f32x4.sub(loadLanes(i32.add(g!, at), lanes), sum)
              storeLanes(f, f.let(i32.add(d!, at)), f32x4.mul(loadLanes(i32.add(p!, at), lanes), slope), lanes)
            })
          })
        }),
    } satisfies Kernel,
  ]
}

/** Hard labels of int64 with softmax: the usual loss of a classifier. */
function hardLabels(op: OpReader, tensor: PlannedTensor | undefined, Label: PlannedTensor | undefined) {
  if (tensor === undefined || Label?.dtype !== 'int64') return undefined
  if (op.attr<boolean>('soft_label') || !op.attr<boolean>('use_softmax')) return undefined
  return rowsOf(op, tensor)
}

/** A label outside of the classes, other than ignore_index, is reported by the TypeScript kernel. */
const crossEntropy: Lowering = (op) => {
  const [Logits, Label, Softmax, Loss] = [
    op.input('Logits'),
    op.input('Label'),
    op.output('Softmax'),
    op.output('Loss'),
  ]
  const layout = op.isFloat32('Logits', 'Softmax', 'Loss') ? hardLabels(op, Logits, Label) : undefined
  if (!Logits || !Label || !Softmax || !Loss || layout === undefined) return undefined
  const { rows, size } = layout
  const ignored = BigInt(op.attr<number>('ignore_index'))
  const x = standIn('x')
  const total = standIn('sum')
  return [
    {
      kind: 'kernel',
      key: `softmax_with_cross_entropy|${size}|${ignored}|${rows}`,
      args: [Logits, Label, Softmax, Loss],
      writes: [Softmax, Loss],
      overwrites: [Logits],
      mayFail: true,
      work: rows * size * 32,
      emit: (module) =>
        kernelFunction(module, 4, (f, [logits, labels, softmax, losses], _begin, _end, fail) => {
          const label = f.local('i64')
          const row = f.local('i32')
          const labelOf = (): void => f.set(label, i64.load(i32.add(labels!, i32.shl(row, i32.const(3)))))
          const outside = i32.or(i64.ltS(label, i64.const(0n)), i64.geS(label, i64.const(BigInt(size))))
          // All labels are looked at first, so that nothing is written when one is wrong.
          f.count(row, 0, rows, 1, () => {
            labelOf()
            f.if(outside, () => f.if(i32.eqz(i64.eq(label, i64.const(ignored))), () => fail(1)))
          })
          const exponent = new FormulaEmitter(f, [boundedExp(x.formula)])
          exponent.prepare()
          const logarithm = new FormulaEmitter(f, [log(total.formula)])
          logarithm.prepare()
          eachRow(f, size, [logits!, softmax!], i32.const(0), i32.const(rows), ([from, to], index) => {
            // The logit of the label is read first: softmax may be written over the logits.
            f.set(label, i64.load(i32.add(labels!, i32.shl(index, i32.const(3)))))
            const wanted = f.local('f32')
            const counts = f.let(i32.eqz(i64.eq(label, i64.const(ignored))))
            f.if(counts, () => f.set(wanted, f32.load(i32.add(from!, i32.shl(i32.wrapI64(label), i32.const(2))))))
            const { max, sum } = emitSoftmaxRow(f, exponent, x.operand, size, from!, to!)
            const logSum = logarithm.valuesOf(() => sum)[0]!
            const moved = f32x4.max(f32x4.sub(f32x4.splat(wanted), max), f32x4.const(LOWEST_EXPONENT))
            const loss = f32.select(counts, f32x4.extractLane(f32x4.sub(logSum, moved), 0), f32.const(0))
            f.do(f32.store(i32.add(losses!, i32.shl(index, i32.const(2))), loss))
          })
        }),
    } satisfies Kernel,
  ]
}

/** dLogits = (Softmax - one-hot) dLoss, 0 where the label is ignored. */
const crossEntropyGrad: Lowering = (op) => {
  const [Label, Softmax, dLoss, dLogits] = [
    op.input('Label'),
    op.input('Softmax'),
    op.input('Loss@GRAD'),
    op.output('Logits@GRAD'),
  ]
  const layout = op.isFloat32('Softmax', 'Loss@GRAD', 'Logits@GRAD') ? hardLabels(op, Softmax, Label) : undefined
  if (!Label || !Softmax || !dLoss || !dLogits || layout === undefined) return undefined
  const { rows, size } = layout
  const ignored = BigInt(op.attr<number>('ignore_index'))
  return [
    {
      kind: 'kernel',
      key: `softmax_with_cross_entropy_grad|${size}|${ignored}`,
      args: [Label, Softmax, dLoss, dLogits],
      writes: [dLogits],
      overwrites: [Softmax],
      units: rows,
      work: rows * size * 8,
      emit: (module) =>
        kernelFunction(module, 4, (f, [labels, softmax, losses, out], begin, end) => {
          eachRow(f, size, [softmax!, out!], begin, end, ([from, to], row) => {
            const label = f.let(i64.load(i32.add(labels!, i32.shl(row, i32.const(3)))))
            const counts = f.let(i32.eqz(i64.eq(label, i64.const(ignored))))
            const loss = f.let(f32.load(i32.add(losses!, i32.shl(row, i32.const(2)))))
            f.if(
              counts,
              () => {
                const factor = f.let(f32x4.splat(loss))
                const at = f.let(i32.shl(i32.wrapI64(label), i32.const(2)))
                const there = f.let(f32.load(i32.add(from!, at)))
                eachVector(f, size, (offset, lanes) =>
                  storeLanes(
                    f,
                    f.let(i32.add(to!, offset)),
                    f32x4.mul(loadLanes(i32.add(from!, offset), lanes), factor),
                    lanes,
                  ),
                )
                f.do(f32.store(i32.add(to!, at), f32.mul(f32.sub(there, f32.const(1)), loss)))
              },
              () =>
                eachVector(f, size, (offset, lanes) =>
                  storeLanes(f, f.let(i32.add(to!, offset)), f32x4.const(0), lanes),
                ),
            )
          })
        }),
    } satisfies Kernel,
  ]
}

export const softmax: Readonly<Record<string, Lowering>> = {
  softmax: softmaxForward,
  softmax_grad: softmaxGrad,
  softmax_with_cross_entropy: crossEntropy,
  softmax_with_cross_entropy_grad: crossEntropyGrad,
}
