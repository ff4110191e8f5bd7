/** Automatic mixed precision, under the names of paddle.static.amp. */
export { decorate, type LevelOptions, type PureFp16Options } from './decorate.ts'
export { fp16Guard } from './guard.ts'
export {
  type AmpLevel,
  type AmpListOptions,
  AutoMixedPrecisionLists,
  AutoMixedPrecisionLists as CustomOpLists,
  type HalfType,
} from './lists.ts'
export type { AmpInitOptions, OptimizerWithMixedPrecision } from './mixed_precision.ts'
export { type CastParametersOptions, castParameters } from './parameters.ts'
