/**
 * The values of a model from the files that {@link modelFiles} found: one file of any kind, .pdparams with .pdopt, or one file for each
 * variable. Reading files is left to the caller.
 */

import { InvalidArgumentError } from '../errors.ts'
import type { Program } from '../framework/program.ts'
import type { Value } from '../tensor/tensor.ts'
import { staysInside } from './file_name.ts'
import { type FileLookup, joinPath, type ModelFiles, valueFiles } from './model_files.ts'
import { readNamedValues } from './named_values.ts'
import { persistableVariables, readVariableFiles } from './params.ts'
import { type FittedValues, fitValues } from './training_state.ts'

export type ReadFile = (path: string) => Uint8Array

/** Values that fit the program, and the files that they came from. */
export interface ModelValues extends FittedValues {
  readonly files: readonly string[]
}

/**
 * The values beside a program; undefined where no file holds any.
 * @throws what reading throws; InvalidArgumentError E526, E533 for values that do not fit.
 */
export function readModelValues(
  program: Program,
  files: ModelFiles,
  lookup: FileLookup,
  read: ReadFile,
): ModelValues | undefined {
  if (files.params.length > 0) return readValueFiles(program, files.params, read)
  const names = persistableVariables(program).map(({ name }) => name)
  const inFolder =
    names.length > 0 && names.every((name) => staysInside(name) && lookup.isFile(joinPath(files.folder, name)))
  return inFolder ? readSeparateFiles(program, files.folder, lookup, read) : undefined
}

/** The values that `path` means, see {@link valueFiles}. @throws as {@link readModelValues}. */
export function readSavedValues(program: Program, path: string, lookup: FileLookup, read: ReadFile): ModelValues {
  const where = valueFiles(path, lookup)
  return where.folder === undefined
    ? readValueFiles(program, where.files, read)
    : readSeparateFiles(program, where.folder, lookup, read)
}

/** The values of files, later ones over earlier ones. @throws as {@link readModelValues}. */
function readValueFiles(program: Program, files: readonly string[], read: ReadFile): ModelValues {
  const values = new Map<string, Value>()
  const unused: string[] = []
  for (const file of files) {
    const found = readNamedValues(read(file), { file, program })
    const fitted = fitValues(program, found.values, { names: found.state?.parameterNames, file })
    for (const [name, value] of fitted.values) values.set(name, value)
    unused.push(...fitted.unused)
  }
  const missing = persistableVariables(program)
    .map(({ name }) => name)
    .filter((name) => !values.has(name))
  return { values, unused, missing, files }
}

/**
 * One file for each persistable variable that has one in the folder.
 * @throws InvalidArgumentError E541 for a variable whose name leads out of the folder; what reading throws.
 */
function readSeparateFiles(program: Program, folder: string, lookup: FileLookup, read: ReadFile): ModelValues {
  const variables = persistableVariables(program)
  for (const { name } of variables) {
    if (!staysInside(name)) {
      throw new InvalidArgumentError('E541', `no file can be named after the variable ${JSON.stringify(name)}`, {
        where: { variable: name },
        got: name,
      })
    }
  }
  const there = variables.filter(({ name }) => lookup.isFile(joinPath(folder, name)))
  const files = new Map(there.map(({ name }) => [name, read(joinPath(folder, name))] as const))
  const values = readVariableFiles(files, there)
  const missing = variables.map(({ name }) => name).filter((name) => !values.has(name))
  return { values, unused: [], missing, files: [folder] }
}
