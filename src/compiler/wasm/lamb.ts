/**
 * Lowerings of the optimizers that scale the step by norms, lamb and lars_momentum, in the order of operations of ops/optimizer/lamb.ts:
 * norms are float64 sums from the first element to the last, all else is rounded to float32 after each operation.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { numel } from '../../tensor/shape.ts'
import { momentsOf, nextMoments } from './adam.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { f32, f64, i32 } from './instructions.ts'
import { type Kernel, type Piece, Temporary } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { scalar, whole } from './op_reader.ts'

const { add, and, constant, div, mul, sqrt, sub } = e

/** The square root of the sum of squares. One after the other: another order would give other bits than the TypeScript kernel. */
function norm(from: PlannedTensor, to: PlannedTensor): Kernel {
  const count = numel(from.shape)
  return {
    kind: 'kernel',
    key: `norm|${count}`,
    args: [from, to],
    writes: [to],
    work: 4 * count,
    emit: (module) =>
      kernelFunction(module, 2, (f, [source, target]) => {
        const sum = f.local('f64')
        const value = f.local('f64')
        const at = f.local('i32')
        f.count(at, 0, 4 * count, 4, () => {
          f.set(value, f64.promoteF32(f32.load(i32.add(source!, at))))
          f.set(sum, f64.add(sum, f64.mul(value, value)))
        })
        f.do(f32.store(target!, f32.demoteF64(f64.sqrt(sum))))
      }),
  }
}

/** Whether both norms are above 0, as a mask. */
const arePositive = (a: Formula, b: Formula): Formula => and(e.gt(a, constant(0)), e.gt(b, constant(0)))

const lambLowering: Lowering = (op) => {
  const moments = momentsOf(op)
  if (moments === undefined) return undefined
  const { param, targets, grad, rate, moment1, moment2, pow1, pow2, outputs } = moments
  const { shape } = param
  const one = constant(1)
  const number = (name: string): Formula => constant(op.attr<number>(name))
  const p = whole(param)
  const [b1, b2] = [number('beta1'), number('beta2')]
  const [first, second] = nextMoments(whole(moment1, shape), whole(moment2, shape), whole(grad, shape), b1, b2)
  const corrected1 = div(first, sub(one, scalar(pow1, shape)))
  const corrected2 = div(second, sub(one, scalar(pow2, shape)))
  const step = new Temporary(shape)
  const direction = add(div(corrected1, add(sqrt(corrected2), number('epsilon'))), mul(number('weight_decay'), p))
  const pieces: Piece[] = [
    loop(
      shape,
      { target: outputs[0], value: first },
      { target: outputs[1], value: second },
      { target: step, value: direction },
    ),
  ]
  let ratio: Formula = one
  if (op.attr<number>('weight_decay') > 0 || op.attr<boolean>('always_adapt')) {
    const [paramNorm, stepNorm] = [new Temporary([1]), new Temporary([1])]
    pieces.push(norm(param, paramNorm), norm(step, stepNorm))
    const [of, by] = [scalar(paramNorm, shape), scalar(stepNorm, shape)]
    ratio = e.select(arePositive(of, by), div(of, by), one)
  }
  const value = sub(p, mul(mul(scalar(rate, shape), ratio), whole(step)))
  pieces.push(loop(shape, ...targets.map((target) => ({ target, value }))))
  const powers = [
    { target: op.output('Beta1PowOut'), value: mul(scalar(pow1, [1]), b1) },
    { target: op.output('Beta2PowOut'), value: mul(scalar(pow2, [1]), b2) },
  ].filter((power): power is { target: PlannedTensor; value: Formula } => power.target !== undefined)
  if (powers.length > 0) pieces.push(loop([1], ...powers))
  return pieces
}

const larsMomentum: Lowering = (op) => {
  const params = op.inputs('Param')
  const useMaster = op.attr<boolean>('multi_precision')
  if (!op.isFloat32()) return undefined
  const pieces: Piece[] = []
  for (const [k, given] of params.entries()) {
    const master = useMaster ? op.inputs('MasterParam')[k] : undefined
    const param = master ?? given
    const [grad, velocity] = [op.inputs('Grad')[k], op.inputs('Velocity')[k]]
    const rate = op.inputs('LearningRate')[k] ?? op.inputs('LearningRate')[0]
    const [out, velocityOut] = [op.outputs('ParamOut')[k], op.outputs('VelocityOut')[k]]
    if (!param || !grad || !velocity || !rate || !out || !velocityOut) return undefined
    const { shape } = param
    const decays = op.attr<readonly number[]>('lars_weight_decay')
    const decay = decays[k] ?? decays[0] ?? 0
    const scaled = mul(constant(decay), whole(param))
    let local = scalar(rate, shape)
    if (decay > 0) {
      const [paramNorm, gradNorm] = [new Temporary([1]), new Temporary([1])]
      pieces.push(norm(param, paramNorm), norm(grad, gradNorm))
      const [p, g] = [scalar(paramNorm, shape), scalar(gradNorm, shape)]
      const under = add(add(g, mul(constant(decay), p)), constant(op.attr<number>('epsilon')))
      const adapted = div(mul(mul(local, constant(op.attr<number>('lars_coeff'))), p), under)
      local = e.select(arePositive(p, g), adapted, local)
    }
    const speed = mul(whole(velocity, shape), constant(op.attr<number>('mu')))
    const next = add(speed, mul(local, add(whole(grad, shape), scaled)))
    const masterOut = master === undefined ? undefined : op.outputs('MasterParamOut')[k]
    const targets = masterOut === undefined ? [out] : [out, masterOut]
    const value = sub(whole(param), next)
    pieces.push(loop(shape, { target: velocityOut, value: next }, ...targets.map((target) => ({ target, value }))))
  }
  return pieces
}

export const lamb: Readonly<Record<string, Lowering>> = { lamb: lambLowering, lars_momentum: larsMomentum }
