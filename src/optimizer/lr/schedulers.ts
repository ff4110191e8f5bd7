/** The learning-rate schedules, under the names of paddle.optimizer.lr. */
export { CyclicalCosineDecay, type CyclicalCosineDecayOptions } from '../ocr/cyclical_cosine.ts'
export { buildLrScheduler, type TrainingLength } from '../ocr/lr_scheduler.ts'
export { attachScheduler, schedulerOf } from './attach.ts'
export {
  CosineAnnealingDecay,
  type CosineAnnealingDecayOptions,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
} from './cosine.ts'
export { CyclicLR, type CyclicLROptions } from './cyclic_lr.ts'
export { ExponentialDecay, type GammaOptions, InverseTimeDecay, NaturalExpDecay } from './exponential.ts'
export { fromJSON } from './from_json.ts'
export { LambdaDecay, type LambdaOptions, MultiplicativeDecay } from './functions.ts'
export { LinearLR, type LinearLROptions } from './linear_lr.ts'
export { LinearWarmup, type LinearWarmupOptions } from './linear_warmup.ts'
export { NoamDecay, type NoamDecayOptions } from './noam_decay.ts'
export { OneCycleLR, type OneCycleLROptions } from './one_cycle_lr.ts'
export { PolynomialDecay, type PolynomialDecayOptions } from './polynomial_decay.ts'
export { ReduceOnPlateau, type ReduceOnPlateauOptions } from './reduce_on_plateau.ts'
export { LRScheduler, type SchedulerJson, type SchedulerOptions, type SchedulerState } from './scheduler.ts'
export {
  MultiStepDecay,
  type MultiStepDecayOptions,
  PiecewiseDecay,
  type PiecewiseDecayOptions,
  StepDecay,
  type StepDecayOptions,
} from './steps.ts'
