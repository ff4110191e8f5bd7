/**
 * Lowerings of optimizer updates. Every operation is rounded to float32 in the order of the TypeScript kernels (ops/optimizer), so both give
 * equal bits. An entry is the formulas of the new parameter and the new accumulators, as in ops/optimizer/updates.ts.
 */
import type { AttrValue } from '../../framework/attr_value.ts'
import { adam } from './adam.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import type { Statement } from './ir.ts'
import { lamb } from './lamb.ts'
import type { Lowering } from './lowerings.ts'
import { merged } from './merged.ts'
import { scalar, whole } from './op_reader.ts'
import { parameterOf } from './parameter.ts'

const { abs, add, and, constant, div, mul, sqrt, sub } = e

interface At {
  readonly p: Formula
  readonly g: Formula
  readonly rate: Formula
  /** Accumulators, in the order of the entry. */
  readonly state: readonly Formula[]
  /** Inputs of one element, in the order of the entry. */
  readonly scalars: readonly Formula[]
  readonly number: (attr: string) => number
  readonly attr: (name: string) => AttrValue
}

interface Update {
  /** Accumulators by output slot; the input is the same name without Out unless `inputs` names others. */
  readonly state: readonly string[]
  readonly inputs?: readonly string[]
  readonly scalars?: readonly string[]
  /** True where a MasterParam that is given counts without multi_precision. */
  readonly masterBySlot?: boolean
  /** The new parameter, then the new accumulators; undefined for attributes that are not covered. */
  readonly update: (at: At) => readonly Formula[] | undefined
}

const updateWith =
  ({ state, inputs, scalars = [], masterBySlot, update }: Update): Lowering =>
  (op) => {
    const parameter = parameterOf(op, masterBySlot)
    const [grad, rate] = [op.input('Grad'), op.input('LearningRate')]
    if (parameter === undefined || !grad || !rate || !op.isFloat32()) return undefined
    const { param, targets } = parameter
    const { shape } = param
    const given = state.map((slot, i) => op.input(inputs?.[i] ?? slot.replace(/Out$/, '')))
    const written = state.map((slot) => op.output(slot))
    const singles = scalars.map((slot) => op.input(slot))
    if ([...given, ...written, ...singles].includes(undefined)) return undefined
    const values = update({
      p: whole(param),
      g: whole(grad, shape),
      rate: scalar(rate, shape),
      state: given.map((tensor) => whole(tensor!, shape)),
      scalars: singles.map((tensor) => scalar(tensor!, shape)),
      number: (name) => op.attr<number>(name),
      attr: (name) => op.attr(name),
    })
    if (values === undefined) return undefined
    const [next, ...states] = values
    return [
      loop(
        shape,
        ...states.map((value, i): Statement => ({ target: written[i]!, value })),
        ...targets.map((target): Statement => ({ target, value: next! })),
      ),
    ]
  }

const UPDATES: Readonly<Record<string, Update>> = {
  sgd: { state: [], update: ({ p, g, rate }) => [sub(p, mul(rate, g))] },
  momentum: {
    state: ['VelocityOut'],
    update({ p, g, rate, state: [v], number, attr }) {
      const mu = constant(number('mu'))
      const rescale = attr('multi_precision') === true ? number('rescale_grad') : 1
      const scaled = rescale === 1 ? g : mul(g, constant(rescale))
      const decays = attr('regularization_method') === 'l2_decay'
      const gradient = decays ? add(scaled, mul(constant(number('regularization_coeff')), p)) : scaled
      const velocity = add(mul(mu, v!), gradient)
      const step = attr('use_nesterov') === true ? add(gradient, mul(mu, velocity)) : velocity
      return [sub(p, mul(step, rate)), velocity]
    },
  },
  adagrad: {
    state: ['MomentOut'],
    update({ p, g, rate, state: [m], number }) {
      const moment = add(m!, mul(g, g))
      return [sub(p, div(mul(rate, g), add(sqrt(moment), constant(number('epsilon'))))), moment]
    },
  },
  rmsprop: {
    state: ['MeanSquareOut', 'MomentOut', 'MeanGradOut'],
    masterBySlot: true,
    update({ p, g, rate, state: [ms, mom, mg], number, attr }) {
      const [decay, epsilon] = [constant(number('decay')), constant(number('epsilon'))]
      const rest = constant(1 - number('decay'))
      const square = add(mul(decay, ms!), mul(mul(rest, g), g))
      const mean = attr('centered') === true ? add(mul(decay, mg!), mul(rest, g)) : mg!
      const under = attr('centered') === true ? sub(square, mul(mean, mean)) : square
      const moment = add(mul(constant(number('momentum')), mom!), div(mul(rate, g), sqrt(add(under, epsilon))))
      return [sub(p, moment), square, moment, mean]
    },
  },
  adamax: {
    state: ['MomentOut', 'InfNormOut'],
    scalars: ['Beta1Pow'],
    update({ p, g, rate, state: [m, u], scalars: [pow], number }) {
      const step = div(rate, sub(constant(1), pow!))
      const moment = add(mul(constant(number('beta1')), m!), mul(constant(1 - number('beta1')), g))
      const norm = e.max(abs(g), add(mul(constant(number('beta2')), u!), constant(number('epsilon'))))
      return [sub(p, mul(step, div(moment, norm))), moment, norm]
    },
  },
  adadelta: {
    state: ['AvgSquaredGradOut', 'AvgSquaredUpdateOut'],
    update({ p, g, rate, state: [eg, ed], number }) {
      const [rho, rest, epsilon] = [number('rho'), 1 - number('rho'), number('epsilon')].map(constant) as [
        Formula,
        Formula,
        Formula,
      ]
      const square = add(mul(rho, eg!), mul(rest, mul(g, g)))
      const change = e.neg(mul(div(sqrt(add(ed!, epsilon)), sqrt(add(square, epsilon))), g))
      return [add(p, mul(rate, change)), square, add(mul(rho, ed!), mul(rest, mul(change, change)))]
    },
  },
  ftrl: {
    state: ['SquaredAccumOut', 'LinearAccumOut'],
    inputs: ['SquaredAccumulator', 'LinearAccumulator'],
    update({ p, g, rate, state: [s, l], number }) {
      // Other powers than the square root are no float32 arithmetic.
      if (number('lr_power') !== -0.5) return undefined
      const l1 = constant(number('l1') + 1e-10)
      const l2 = constant(Math.fround(number('l2') + 1e-10) * 2)
      const sum = add(s!, mul(g, g))
      const linear = add(l!, sub(g, mul(div(sub(sqrt(sum), sqrt(s!)), rate), p)))
      const y = add(div(sqrt(sum), rate), l2)
      const zero = constant(0)
      const sign = e.select(e.lt(linear, zero), constant(-1), and(e.gt(linear, zero), constant(1)))
      return [and(e.gt(abs(linear), l1), div(sub(mul(l1, sign), linear), y)), sum, linear]
    },
  },
}

export const optimizers: Readonly<Record<string, Lowering>> = {
  ...Object.fromEntries(Object.entries(UPDATES).map(([type, update]) => [type, updateWith(update)])),
  ...adam,
  ...lamb,
  merged_adam: merged(adam['adam']!),
  merged_momentum: merged(updateWith(UPDATES['momentum']!), { regularization_method: '', regularization_coeff: 0 }),
}
