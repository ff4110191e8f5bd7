/** The table of the operators of this folder: optimizers. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { adam, adamw } from './adam.ts'
import { lamb, larsMomentum } from './lamb.ts'
import { mergedAdam, mergedMomentum } from './merged.ts'
import { sgd } from './sgd.ts'
import { adadelta, adagrad, adamax, ftrl, momentum, rmsprop } from './updates.ts'

export const optimizerOps = {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  ftrl,
  lamb,
  lars_momentum: larsMomentum,
  merged_adam: mergedAdam,
  merged_momentum: mergedMomentum,
  momentum,
  rmsprop,
  sgd,
} satisfies OpLibrary
