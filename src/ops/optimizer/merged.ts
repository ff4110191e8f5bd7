/**
 * One operator that updates many parameters: merged_adam and merged_momentum. Each parameter is updated as by adam and momentum, with the
 * attributes in common.
 */
import { attr } from '../../framework/attr.ts'
import { defineOp, type KernelContext, type KernelTensor, type Meta, many } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { adam } from './adam.ts'
import { checkOptimizerInputs, requireEqualCounts, requireOneElement } from './checks.ts'
import { momentum } from './updates.ts'

type Lists<T> = Readonly<Record<string, readonly T[]>>

/** The element of each list that belongs to parameter `k`; a rate that is given once is everybody's, and empty lists have none. */
function ofParameter<T>(lists: Lists<T>, k: number): Record<string, T | undefined> {
  return Object.fromEntries(
    Object.entries(lists).map(([slot, list]) => [slot, slot === 'LearningRate' ? (list[k] ?? list[0]) : list[k]]),
  )
}

/**
 * As many of everything as parameters; in merged_momentum one rate may serve all.
 * @throws InvalidArgumentError E206 for counts, and what the update of one parameter throws.
 */
function checkMerged(
  opType: string,
  inputs: Lists<Meta>,
  accumulators: readonly string[],
  wanted: (slot: string) => number,
): void {
  const { Param, Grad, LearningRate, MasterParam = [] } = inputs
  requireEqualCounts(opType, {
    Param: Param!.length,
    Grad: Grad!.length,
    ...Object.fromEntries(accumulators.map((slot) => [slot, inputs[slot]!.length])),
    ParamOut: wanted('ParamOut'),
    ...Object.fromEntries(accumulators.map((slot) => [`${slot}Out`, wanted(`${slot}Out`)])),
    ...(LearningRate!.length === 1 && opType === 'merged_momentum' ? {} : { LearningRate: LearningRate!.length }),
    ...(MasterParam.length === 0 ? {} : { MasterParam: MasterParam.length }),
  })
  const ofShape = accumulators.filter((slot) => !slot.endsWith('Pow'))
  Param!.forEach((param, k) => {
    checkOptimizerInputs(opType, {
      Param: param,
      Grad: Grad![k]!,
      LearningRate: LearningRate![k] ?? LearningRate![0]!,
      accumulators: Object.fromEntries(ofShape.map((slot) => [slot, inputs[slot]![k]!])),
      MasterParam: MasterParam[k],
    })
    for (const slot of accumulators) if (slot.endsWith('Pow')) requireOneElement(opType, slot, inputs[slot]![k]!)
  })
}

const differs = 'Grad must have the shape of Param. Master weights work on the CPU, with the meaning of the GPU kernel.'

const common = {
  Param: many('The parameters.', FLOATS),
  Grad: many('Their gradients, dense.'),
  MasterParam: many('float32 copies of half parameters, used when multi_precision is set; may be empty.', ['float32']),
}

export const mergedAdam = defineOp({
  type: 'merged_adam',
  doc: 'Updates each of many parameters as adam does.',
  source: 'paddle/phi/kernels/cpu/adam_kernel.cc (MergedAdamKernel)',
  differs,
  inputs: {
    ...common,
    LearningRate: many('One element each.'),
    Moment1: many('Shape of Param each; float32 for half parameters.'),
    Moment2: many('Shape of Param each; float32 for half parameters.'),
    Beta1Pow: many('beta1 to the power of the step, one element each.'),
    Beta2Pow: many('beta2 to the power of the step, one element each.'),
  },
  outputs: {
    ParamOut: many('The same variables as Param.'),
    Moment1Out: many('The same variables as Moment1.'),
    Moment2Out: many('The same variables as Moment2.'),
    Beta1PowOut: many('The same variables as Beta1Pow.'),
    Beta2PowOut: many('The same variables as Beta2Pow.'),
    MasterParamOut: many('The same variables as MasterParam.'),
  },
  attrs: {
    beta1: attr.float(0.9),
    beta2: attr.float(0.999),
    epsilon: attr.float(1e-8),
    multi_precision: attr.bool(false),
    use_global_beta_pow: attr.bool(false, { doc: 'Leaves the powers of beta as they are.' }),
  },
  inferMeta(inputs, _attrs, ctx) {
    const accumulators = ['Moment1', 'Moment2', 'Beta1Pow', 'Beta2Pow']
    checkMerged('merged_adam', inputs, accumulators, (slot) => ctx.wantedCount(slot))
    const { Param, Moment1, Moment2, Beta1Pow, Beta2Pow, MasterParam } = inputs
    return {
      ParamOut: Param,
      Moment1Out: Moment1,
      Moment2Out: Moment2,
      Beta1PowOut: Beta1Pow,
      Beta2PowOut: Beta2Pow,
      MasterParamOut: MasterParam,
    }
  },
  grad: 'none',
  inplace: {
    ParamOut: 'Param',
    Moment1Out: 'Moment1',
    Moment2Out: 'Moment2',
    Beta1PowOut: 'Beta1Pow',
    Beta2PowOut: 'Beta2Pow',
    MasterParamOut: 'MasterParam',
  },
  effects: 'state',
  kernels: {
    cpu(inputs, attrs, outputs, ctx) {
      updateEach(adam.kernels.cpu as Update, inputs, () => attrs, outputs, ctx)
    },
  },
})

export const mergedMomentum = defineOp({
  type: 'merged_momentum',
  doc: 'Updates each of many parameters as momentum does. regularization_method and regularization_coeff have one entry for each, or none.',
  source: 'paddle/phi/kernels/impl/merged_momentum_impl.h',
  differs: `rescale_grad counts only with a master weight, as in momentum. ${differs}`,
  inputs: {
    ...common,
    LearningRate: many('One element each, or one for all.'),
    Velocity: many('Shape of Param each; float32 for half parameters.'),
  },
  outputs: {
    ParamOut: many('The same variables as Param.'),
    VelocityOut: many('The same variables as Velocity.'),
    MasterParamOut: many('The same variables as MasterParam.'),
  },
  attrs: {
    mu: attr.float(),
    use_nesterov: attr.bool(false),
    regularization_method: attr.strings([]),
    regularization_coeff: attr.floats([]),
    multi_precision: attr.bool(false),
    rescale_grad: attr.float(1),
  },
  inferMeta(inputs, { regularization_method: methods, regularization_coeff: coeffs }, ctx) {
    checkMerged('merged_momentum', inputs, ['Velocity'], (slot) => ctx.wantedCount(slot))
    const { Param, Velocity, MasterParam } = inputs
    if (methods.length > 0) {
      requireEqualCounts('merged_momentum', {
        Param: Param.length,
        regularization_method: methods.length,
        regularization_coeff: coeffs.length,
      })
    }
    return { ParamOut: Param, VelocityOut: Velocity, MasterParamOut: MasterParam }
  },
  grad: 'none',
  inplace: { ParamOut: 'Param', VelocityOut: 'Velocity', MasterParamOut: 'MasterParam' },
  effects: 'state',
  kernels: {
    cpu(inputs, attrs, outputs, ctx) {
      const { regularization_method: methods, regularization_coeff: coeffs } = attrs
      const own = (k: number): object => ({
        ...attrs,
        regularization_method: methods[k] ?? '',
        regularization_coeff: coeffs[k] ?? 0,
      })
      updateEach(momentum.kernels.cpu as Update, inputs, own, outputs, ctx)
    },
  },
})

type Update = (inputs: object, attrs: object, outputs: object, ctx: KernelContext) => void

function updateEach(
  update: Update,
  inputs: Lists<KernelTensor>,
  attrsOf: (k: number) => object,
  outputs: Lists<KernelTensor>,
  ctx: KernelContext,
): void {
  for (const k of inputs['Param']!.keys()) update(ofParameter(inputs, k), attrsOf(k), ofParameter(outputs, k), ctx)
}
