/** Checks that optimizer operators share. */
import { InvalidArgumentError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import type { Meta } from '../../framework/op_def.ts'
import { isHalf } from '../../tensor/dtype.ts'
import { formatShape, hasUnknown, numel } from '../../tensor/shape.ts'

/** @throws InvalidArgumentError E203 unless the input has exactly one element. */
export function requireOneElement(opType: string, slot: string, meta: Meta): void {
  if (hasUnknown(meta.shape) || numel(meta.shape) === 1) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: ${slot} must have one element, got shape ${formatShape(meta.shape)}`,
    {
      where: { opType, slot },
      expected: 1,
      got: meta.shape,
    },
  )
}

/**
 * Slots whose variables belong together one by one must have as many as the first of them, which has at least one.
 * @param counts variables with a value by slot; an output's are those that the operator names.
 * @throws InvalidArgumentError E206.
 */
export function requireEqualCounts(opType: string, counts: Readonly<Record<string, number>>): void {
  const [first, wanted] = Object.entries(counts)[0]!
  if (wanted === 0) {
    throw new InvalidArgumentError('E206', `${opType}: input slot ${first} needs one variable or more, got none`, {
      where: { opType, slot: first },
      expected: '1 or more',
      got: 0,
    })
  }
  for (const [slot, got] of Object.entries(counts)) {
    if (got === wanted) continue
    throw new InvalidArgumentError('E206', `${opType}: ${slot} has ${got} variables with a value, ${first} ${wanted}`, {
      where: { opType, slot },
      expected: wanted,
      got,
    })
  }
}

/**
 * Grad, accumulators and master weight against the parameter: same shape; accumulators of the parameter's type, float32 for half types; the
 * gradient of a half parameter may be float32.
 * @throws InvalidArgumentError E203, E210.
 */
export function checkOptimizerInputs(
  opType: string,
  inputs: {
    readonly Param: Meta
    readonly Grad: Meta
    readonly LearningRate: Meta
    readonly accumulators: Readonly<Record<string, Meta>>
    readonly MasterParam?: Meta | undefined
  },
): void {
  const { Param, Grad, accumulators, MasterParam } = inputs
  requireOneElement(opType, 'LearningRate', inputs.LearningRate)
  requireShape(opType, 'Grad', Grad, Param.shape, 'the shape of Param')
  // With master gradients the gradient of a half parameter is float32.
  if (!isHalf(Param.dtype) || Grad.dtype !== 'float32') requireSameDType(opType, { Param, Grad })
  for (const [slot, meta] of Object.entries(accumulators))
    requireShape(opType, slot, meta, Param.shape, 'the shape of Param')
  if (!isHalf(Param.dtype)) requireSameDType(opType, { Param, ...accumulators })
  if (MasterParam !== undefined) requireShape(opType, 'MasterParam', MasterParam, Param.shape, 'the shape of Param')
}
