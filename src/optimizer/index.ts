/** The optimizers, under Paddle's class names. */
export {
  Adadelta,
  type AdadeltaOptions,
  Adagrad,
  type AdagradOptions,
  Adamax,
  type AdamaxOptions,
  Ftrl,
  type FtrlOptions,
  RMSProp,
  type RMSPropOptions,
} from './accumulating.ts'
export { Adam, type AdamOptions } from './adam.ts'
export { AdamW, type AdamWOptions } from './adamw.ts'
export { Lamb, type LambOptions } from './lamb.ts'
export { checkMasterWeights, masterPairs, settleMasterWeights, syncMasterWeights } from './master_weights.ts'
export { LarsMomentum, type LarsMomentumOptions, Momentum, type MomentumOptions } from './momentum.ts'
export { type BuildOptimizerOptions, type BuiltOptimizer, buildOptimizer } from './ocr/build_optimizer.ts'
export {
  type AccumulatorOptions,
  type MinimizeOptions,
  type MinimizeResult,
  type OpSink,
  Optimizer,
  type OptimizerOptions,
} from './optimizer.ts'
export { L1Decay, L2Decay } from './regularizer.ts'
export { SGD } from './sgd.ts'
