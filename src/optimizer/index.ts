/** The optimizers, under Paddle's class names. */
export { Adam, type AdamOptions } from './adam.ts'
export {
  type AccumulatorOptions,
  type MinimizeOptions,
  type MinimizeResult,
  type OpSink,
  Optimizer,
  type OptimizerOptions,
} from './optimizer.ts'
export { checkMasterWeights, masterPairs, syncMasterWeights } from './master_weights.ts'
export { L1Decay, L2Decay } from './regularizer.ts'
export { SGD } from './sgd.ts'
