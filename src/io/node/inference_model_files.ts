/** Inference models as files on Node: PREFIX.pdmodel and PREFIX.pdiparams, and the layouts of older Paddle. */
import type { Executor } from '../../executor/executor.ts'
import type { OpLibrary } from '../../framework/op_def.ts'
import { Program } from '../../framework/program.ts'
import {
  type InferenceModel,
  type InferenceModelOptions,
  inferenceModelFiles,
  readInferenceModel,
  type Variables,
} from '../inference_model.ts'
import { modelFiles } from '../model_files.ts'
import { readModelValues } from '../read_model.ts'
import { fileLookup, fileSystem, readFile, writeFiles } from './file_system.ts'

/**
 * Writes PREFIX.pdmodel and PREFIX.pdiparams (none for a model without parameters); missing folders are made. Nothing is written if
 * anything is wrong with the model.
 * @throws what {@link inferenceModelFiles} throws; InvalidArgumentError E522 for a file that cannot be written; UnimplementedError E408 where
 * there are no files.
 */
export function saveInferenceModel(
  prefix: string,
  feedVars: Variables,
  fetchVars: Variables,
  executor: Executor,
  options: InferenceModelOptions = {},
): void {
  const fs = fileSystem('saveInferenceModel', 'inferenceModelFiles and readInferenceModel')
  const { model, params } = inferenceModelFiles(feedVars, fetchVars, executor.scope, options)
  const files = new Map<string, Uint8Array>()
  if (params !== undefined) files.set(`${prefix}.pdiparams`, params)
  writeFiles(fs, files.set(`${prefix}.pdmodel`, model))
}

/**
 * Reads PREFIX.pdmodel and PREFIX.pdiparams; the parameters go into the executor's scope. Instead of the prefix the .pdmodel itself may be
 * named, or a folder that holds one model: also `__model__` with `__params__`, or with one file for each variable.
 * @throws NotFoundError E520 for a missing file, E523 for a folder without a model, E533 for missing parameters; InvalidArgumentError E521 for
 * a file that cannot be read; what reading the model throws. Nothing is set then.
 */
export function loadInferenceModel(
  prefix: string,
  executor: Executor,
  options: { readonly library: OpLibrary },
): InferenceModel {
  const fs = fileSystem('loadInferenceModel', 'inferenceModelFiles and readInferenceModel')
  const lookup = fileLookup(fs)
  const files = modelFiles(prefix, lookup)
  // Where nothing is there, the file that Paddle would look for is the one that is missing.
  const main = files.main === prefix && !lookup.isFile(prefix) ? `${prefix}.pdmodel` : files.main
  const program = Program.from(readFile(fs, main), { library: options.library, file: main })
  const found = readModelValues(program, files, lookup, (file) => readFile(fs, file))
  return readInferenceModel(program, found?.values, executor)
}
