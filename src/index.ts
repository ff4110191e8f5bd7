/** The public surface of oarlock. */

export type { BackendName } from './compiler/backends.ts'
export { Executor, type ExecutorOptions } from './compiler/executor.ts'
export { type Optimized, type OptimizeOptions, optimize, PassFailure, type PassStep } from './compiler/optimize.ts'
export type { Pass, PassContext, PassValues } from './compiler/passes/pass.ts'
export { PASSES, PIPELINES, type PipelineName } from './compiler/passes/pipelines.ts'
export { type Profile, Profiler, type TypeProfile, type UnitProfile } from './compiler/profiler.ts'
export * from './errors.ts'
export type { LastRun, RunOptions } from './executor/executor.ts'
export type { FeedValue } from './executor/feed.ts'
export type { RunObserver, UnitRun } from './executor/observer.ts'
export type { MemoryTimeline, PlannedValue } from './executor/plan_memory.ts'
export { Scope } from './executor/scope.ts'
export { attr } from './framework/attr.ts'
export {
  appendBackward,
  type BackwardOptions,
  type GradientsOptions,
  gradients,
  type ParamGrad,
} from './framework/autodiff/backward.ts'
export type { AppendOpDesc, Block, SlotValue } from './framework/block.ts'
export { comparePrograms, diffPrograms, formatDiff } from './framework/diff.ts'
export type { ParamAttr } from './framework/layer_helper.ts'
export * from './framework/op_def.ts'
export { OpRole } from './framework/op_role.ts'
export type { Operator } from './framework/operator.ts'
export { formatProgram } from './framework/printer.ts'
export { type ProgramJson, stringifyProgramJson } from './framework/program_json.ts'
export { prune } from './framework/prune.ts'
export { Parameter, Variable } from './framework/variable.ts'
export { type Issue, verify } from './framework/verify.ts'
export {
  type InferenceModel,
  type InferenceModelFiles,
  type InferenceModelOptions,
  inferenceModelFiles,
  type ModelParams,
  normalizeProgram,
  readInferenceModel,
} from './io/inference_model.ts'
export {
  type NamedValues,
  readNamedValues,
  VALUE_FORMATS,
  type ValueFormat,
  writeNamedValues,
} from './io/named_values.ts'
export {
  hasCheckpoint,
  type LoadCheckpointOptions,
  type LoadedCheckpoint,
  loadCheckpoint,
  type SaveCheckpointOptions,
  saveCheckpoint,
} from './io/node/checkpoint_files.ts'
export { saveInferenceModel } from './io/node/inference_model_files.ts'
export { load, save } from './io/node/training_state_files.ts'
export { readNpy, writeNpy } from './io/npy.ts'
export { readNpz, writeNpz } from './io/npz.ts'
export { readCombinedParams, readSeparateParams, writeCombinedParams, writeSeparateParams } from './io/params.ts'
export { PickleTuple, type PickleValue } from './io/pickle.ts'
export { readSafetensors, writeSafetensors } from './io/safetensors.ts'
export { readStateFile, type StateFile, writeStateFile } from './io/state_file.ts'
export { type TrainingStateFiles, trainingStateFiles } from './io/training_state.ts'
export { withBackend } from './modes/backend.ts'
export { type CallOptions, callOp, type OpValue } from './modes/call.ts'
export { tensor } from './modes/dygraph.ts'
export { loadInferenceModel } from './modes/files.ts'
export { type BuildOptions, type Built, build, input, Program } from './modes/static.ts'
export { noGrad } from './modes/tape.ts'
export * as nn from './nn/index.ts'
export { type OpType, ops, ops as standardOps } from './ops/index.ts'
export * as amp from './optimizer/amp/amp.ts'
export * as optimizer from './optimizer/index.ts'
export * as lr from './optimizer/lr/schedulers.ts'
export type { DType } from './tensor/dtype.ts'
export { ParameterTensor } from './tensor/parameter_tensor.ts'
export { Generator, seed } from './tensor/random.ts'
export { SelectedRows, Tensor, TensorArray, type Value } from './tensor/tensor.ts'
export { valueFromJSON } from './tensor/tensor_json.ts'
export type { TensorLike } from './tensor/tensor_like.ts'
