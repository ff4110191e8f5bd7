/** The table of the operators of this folder: mixed precision. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { checkFiniteAndUnscale, updateLossScaling } from './loss_scaling.ts'

export const ampOps = {
  check_finite_and_unscale: checkFiniteAndUnscale,
  update_loss_scaling: updateLossScaling,
} satisfies OpLibrary
