/** Paddle's functions that read programs from files, for programs over the standard operators. */
import type { Executor } from '../executor/executor.ts'
import type { OpLibrary } from '../framework/op_def.ts'
import type { InferenceModel } from '../io/inference_model.ts'
import { loadInferenceModel as loadWith } from '../io/node/inference_model_files.ts'
import { ops } from '../ops/index.ts'

/**
 * Reads an inference model, see io/node/inference_model_files.ts.
 *
 * @example
 * const executor = new Executor()
 * const { program, feedNames, fetchVars } = loadInferenceModel('inference', executor)
 * const [prob] = executor.run(program, { feed: { [feedNames[0]]: x }, fetch: fetchVars })
 */
export const loadInferenceModel = (
  prefix: string,
  executor: Executor,
  options: { readonly library?: OpLibrary } = {},
): InferenceModel => loadWith(prefix, executor, { library: ops, ...options })
