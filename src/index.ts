/** The public surface of oarlock. */
export * from './errors.ts'
export { Executor, type ExecutorOptions, type RunOptions } from './executor/executor.ts'
export type { FeedValue } from './executor/feed.ts'
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
export { type CallOptions, callOp, type OpValue } from './modes/call.ts'
export { tensor } from './modes/dygraph.ts'
export { type BuildOptions, type Built, build, input, Program } from './modes/static.ts'
export { noGrad } from './modes/tape.ts'
export * as nn from './nn/index.ts'
export { type OpType, ops, ops as standardOps } from './ops/index.ts'
export * as optimizer from './optimizer/index.ts'
export * as lr from './optimizer/lr/schedulers.ts'
export type { DType } from './tensor/dtype.ts'
export { ParameterTensor } from './tensor/parameter_tensor.ts'
export { Generator, seed } from './tensor/random.ts'
export { SelectedRows, Tensor, TensorArray, type Value } from './tensor/tensor.ts'
export { valueFromJSON } from './tensor/tensor_json.ts'
export type { TensorLike } from './tensor/tensor_like.ts'
