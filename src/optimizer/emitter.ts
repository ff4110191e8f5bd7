/**
 * Where clipping and decay put their operators: into a program, or run at once. The same code then serves both modes.
 */
import { LayerHelper } from '../framework/layer_helper.ts'
import { OpRole } from '../framework/op_role.ts'
import type { ProgramPair } from '../framework/program_guard.ts'
import type { Parameter, Variable } from '../framework/variable.ts'
import type { DType } from '../tensor/dtype.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { TensorEngine } from '../tensor/tensor_like.ts'
import type { OptimizedParameter } from './parameter.ts'

/** A value of either mode. */
export type OptimizerValue = Variable | Tensor

/** A parameter with its gradient. */
export interface ParamGradPair {
  readonly param: OptimizedParameter
  readonly grad: OptimizerValue
}

/** What the result of an operator is written to. */
export type Target =
  /** A new temporary of a new layer: `clip_0.tmp_0`. `unused` names of the layer are passed over, as Paddle does in places. */
  | { readonly layer: string; readonly unused?: number }
  /** A new variable `<name>_<n>`. */
  | { readonly name: string }
  /** A new variable `_generated_var_<n>`. */
  | { readonly generated: true }
  /** An existing value, in place. */
  | { readonly into: OptimizerValue }

export interface Emitter {
  /** Appends or runs an operator X → Out and returns the result. */
  apply(
    type: string,
    inputs: Readonly<Record<string, OptimizerValue | readonly OptimizerValue[]>>,
    attrs: Readonly<Record<string, unknown>>,
    target: Target,
    dtype: DType,
  ): OptimizerValue
  /** Operators of `body` belong to this pair. */
  forPair<T>(pair: ParamGradPair, body: () => T): T
}

/** Appends to the main program. Operators of decay go to the block of their gradient, which is the block given. */
export function staticEmitter(programs: ProgramPair): Emitter {
  const { main } = programs
  return {
    apply(type, inputs, attrs, target, dtype) {
      const block = main.currentBlock()
      let out: Variable
      if ('into' in target) out = target.into as Variable
      else if ('generated' in target) out = block.createVar({ name: main.generateVarName(), dtype })
      else if ('name' in target) out = block.createVar({ name: main.names.generate(target.name), dtype })
      else {
        for (let i = 0; i < (target.unused ?? 0); i++) main.names.generate(target.layer)
        out = new LayerHelper(target.layer, { programs }).createVariable(dtype)
      }
      block.appendOp({ type, inputs: inputs as Record<string, Variable | Variable[]>, outputs: { Out: out }, attrs })
      return out
    },
    forPair: ({ param, grad }, body) => {
      const names = [(param as Parameter).name, (grad as Variable).name]
      return main.withRole(OpRole.Optimize, names, body)
    },
  }
}

/** Runs at once, without a tape. */
export function eagerEmitter(engine: TensorEngine): Emitter {
  return {
    apply(type, inputs, attrs, target) {
      const outputs = 'into' in target ? { Out: target.into as Tensor } : {}
      const result = engine.run({ type, inputs: inputs as Record<string, Tensor | Tensor[]>, outputs, attrs })
      return result['Out'] as Tensor
    },
    forPair: (_, body) => body(),
  }
}
