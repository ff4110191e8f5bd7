/**
 * Lowerings of nll_loss and its gradient, in float64 in the order of ops/loss/nll_loss.ts: equal bits. A label that is no class is reported by the
 * TypeScript kernel.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { numel, product } from '../../tensor/shape.ts'
import type { FunctionBuilder, I32 } from './function_builder.ts'
import { type Code, f32, f64, i32, i64 } from './instructions.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { fillKernel } from './move.ts'
import type { OpReader } from './op_reader.ts'

type F64 = Code<'f64'>

interface Labels {
  readonly count: number
  readonly classes: number
  /** Elements of one class of one sample. */
  readonly places: number
  readonly ignored: bigint
  readonly weighted: boolean
}

function labelsOf(op: OpReader, X: PlannedTensor): Labels {
  const [samples, classes] = X.shape as [number, number]
  const places = product(X.shape, 2)
  const ignored = BigInt(op.attr<number | bigint>('ignore_index'))
  return { count: samples * places, classes, places, ignored, weighted: op.input('Weight') !== undefined }
}

/** The number of each label in [begin, end) that counts, the address of its element of X, and its weight. */
function eachLabel(
  f: FunctionBuilder,
  { classes, places, ignored, weighted }: Labels,
  [x, label, weight]: readonly [I32, I32, I32],
  [begin, end]: readonly [I32 | number, I32 | number],
  fail: (status: number) => void,
  visit: (i: I32, at: I32, weight: F64) => void,
): void {
  const [i, value] = [f.local('i32'), f.local('i64')]
  f.count(i, begin, end, 1, () => {
    f.set(value, i64.load(i32.add(label, i32.shl(i, i32.const(3)))))
    f.if(i32.eqz(i64.eq(value, i64.const(ignored))), () => {
      f.if(i32.or(i64.ltS(value, i64.const(0n)), i64.geS(value, i64.const(BigInt(classes)))), () => fail(1))
      const chosen = f.let(i32.wrapI64(value))
      const row = i32.add(i32.mul(i32.divS(i, i32.const(places)), i32.const(classes)), chosen)
      const element = i32.add(i32.mul(row, i32.const(places)), i32.remS(i, i32.const(places)))
      const at = f.let(i32.add(x, i32.shl(element, i32.const(2))))
      const by = i32.add(weight, i32.shl(chosen, i32.const(2)))
      visit(i, at, f.let(weighted ? f64.promoteF32(f32.load(by)) : f64.const(1)))
    })
  })
}

const minus = (value: F64): F64 => f64.mul(f64.const(-1), value)
const keyOf = (labels: Labels): string => Object.values(labels).join()

const nllLoss: Lowering = (op) => {
  const [X, Label, Out, Total] = [op.input('X'), op.input('Label'), op.output('Out'), op.output('Total_weight')]
  if (!X || Label?.dtype !== 'int64' || !Out || !Total || !op.isFloat32('X', 'Weight', 'Out')) return undefined
  const labels = labelsOf(op, X)
  const reduction = op.attr<string>('reduction')
  const Weight = op.input('Weight')
  const each = reduction === 'none'
  const kernel = {
    kind: 'kernel',
    key: `nll_loss|${reduction}|${keyOf(labels)}`,
    args: [X, Label, Out, Total, ...(Weight === undefined ? [] : [Weight])],
    writes: [Out, Total],
    ...(each ? { units: labels.count } : {}),
    work: 8 * labels.count,
    mayFail: true,
    emit: (module) =>
      kernelFunction(module, Weight === undefined ? 4 : 5, (f, [x, label, out, total, weight], begin, end, fail) => {
        const [sum, weights] = [f.let(f64.const(0)), f.let(f64.const(0))]
        const range = each ? ([begin, end] as const) : ([0, labels.count] as const)
        eachLabel(f, labels, [x!, label!, weight ?? x!], range, fail, (i, at, by) => {
          const loss = f64.mul(minus(by), f64.promoteF32(f32.load(at)))
          if (each) f.do(f32.store(i32.add(out!, i32.shl(i, i32.const(2))), f32.demoteF64(loss)))
          else {
            f.set(sum, f64.add(sum, loss))
            f.set(weights, f64.add(weights, by))
          }
        })
        if (each) return
        f.do(f32.store(total!, f32.demoteF64(weights)))
        if (reduction === 'sum') f.do(f32.store(out!, f32.demoteF64(sum)))
        else {
          // A mean of nothing is 0.
          f.if(
            f64.eq(weights, f64.const(0)),
            () => f.do(f32.store(out!, f32.const(0))),
            () => f.do(f32.store(out!, f32.demoteF64(f64.div(sum, weights)))),
          )
        }
      }),
  } as const satisfies ReturnType<typeof fillKernel>
  return each ? [fillKernel(Out, 0n), fillKernel(Total, 0n), kernel] : [kernel]
}

const nllLossGrad: Lowering = (op) => {
  const [X, Label, dOut, dX] = [op.input('X'), op.input('Label'), op.input('Out@GRAD'), op.output('X@GRAD')]
  const [Weight, Total] = [op.input('Weight'), op.input('Total_weight')]
  if (!X || Label?.dtype !== 'int64' || !dOut || !dX || !Total) return undefined
  if (!op.isFloat32('Weight', 'Total_weight', 'Out@GRAD', 'X@GRAD')) return undefined
  const labels = labelsOf(op, X)
  const reduction = op.attr<string>('reduction')
  const kernel = {
    kind: 'kernel',
    key: `nll_loss_grad|${reduction}|${keyOf(labels)}`,
    args: [dX, Label, dOut, Total, ...(Weight === undefined ? [] : [Weight])],
    writes: [dX],
    units: labels.count,
    work: 8 * labels.count,
    mayFail: true,
    emit: (module) =>
      kernelFunction(module, Weight === undefined ? 4 : 5, (f, [dx, label, dout, total, weight], begin, end, fail) =>
        eachLabel(f, labels, [dx!, label!, weight ?? dx!], [begin, end], fail, (i, at, by) => {
          const from = reduction === 'none' ? i32.add(dout!, i32.shl(i, i32.const(2))) : dout!
          const slope = f64.mul(minus(by), f64.promoteF32(f32.load(from)))
          const divisor = f64.promoteF32(f32.load(total!))
          f.do(f32.store(at, f32.demoteF64(reduction === 'mean' ? f64.div(slope, divisor) : slope)))
        }),
      ),
  } as const satisfies ReturnType<typeof fillKernel>
  return numel(dX.shape) === 0 ? undefined : [fillKernel(dX, 0n), kernel]
}

export const nll: Readonly<Record<string, Lowering>> = { nll_loss: nllLoss, nll_loss_grad: nllLossGrad }
