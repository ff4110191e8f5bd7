/** The state of a training program as files on Node, as paddle.static.save and load have them. */

import { NotFoundError } from '../../errors.ts'
import type { Executor } from '../../executor/executor.ts'
import type { Program } from '../../framework/program.ts'
import { listed } from '../bytes.ts'
import { type ModelValues, readSavedValues } from '../read_model.ts'
import { trainingStateFiles } from '../training_state.ts'
import { fileLookup, fileSystem, readFile, writeFiles } from './file_system.ts'

const BYTES = 'trainingStateFiles and readStateFile'

/**
 * Writes PREFIX.pdparams (parameters), PREFIX.pdopt (all other persistable variables) and PREFIX.pdmodel (the program).
 * @throws what {@link trainingStateFiles} throws; InvalidArgumentError E522 for a file that cannot be written; UnimplementedError E408 where
 * there are no files. Nothing is written then.
 */
export function save(program: Program, prefix: string, executor: Executor): void {
  const fs = fileSystem('save', BYTES)
  const { params, optimizer, model } = trainingStateFiles(program, (name) => executor.scope.get(name))
  writeFiles(
    fs,
    new Map([
      [`${prefix}.pdparams`, params],
      [`${prefix}.pdopt`, optimizer],
      [`${prefix}.pdmodel`, model],
    ]),
  )
}

/**
 * Puts the values of PREFIX.pdparams and PREFIX.pdopt into the executor's scope. `path` may also be one file of values of any kind, or a
 * folder with a model or with one file for each variable, of which those that are there are read.
 * @returns what was set, and what in the files fits no variable.
 * @throws NotFoundError E520 for missing files, E533 for parameters that the files lack; InvalidArgumentError E526 for values that do not
 * fit; what reading throws. Nothing is set then.
 */
export function load(program: Program, path: string, executor: Executor): ModelValues {
  const fs = fileSystem('load', BYTES)
  const found = readSavedValues(program, path, fileLookup(fs), (file) => readFile(fs, file))
  const parameters = new Set(program.parameters().map(({ name }) => name))
  const missing = found.missing.filter((name) => parameters.has(name))
  if (missing.length > 0) {
    throw new NotFoundError(
      'E533',
      `${missing.length} parameters have no value in ${found.files.join(' and ')}: ${listed(missing)}`,
      {
        expected: [...parameters],
        got: [...found.values.keys()],
      },
    )
  }
  for (const [name, value] of found.values) executor.scope.set(name, value)
  return found
}
