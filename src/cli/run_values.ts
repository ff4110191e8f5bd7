/** Values of a run from files and into files: what stands beside a model, `--load` and `--save`. */
import { EnforceError, makeError, NotFoundError } from '../errors.ts'
import type { Executor } from '../executor/executor.ts'
import { LIMITS } from '../framework/limits.ts'
import { counted } from '../framework/print_text.ts'
import type { Program } from '../framework/program.ts'
import { type ModelFiles, paramsPlaces } from '../io/model_files.ts'
import { VALUE_FORMATS, type ValueFormat, writeNamedValues } from '../io/named_values.ts'
import { persistableVariables, typeText } from '../io/params.ts'
import { type ModelValues, readModelValues, readSavedValues } from '../io/read_model.ts'
import { tensorFileText } from '../io/tensor_file.ts'
import { trainingStateFiles } from '../io/training_state.ts'
import { settleMasterWeights } from '../optimizer/master_weights.ts'
import type { Value } from '../tensor/tensor.ts'
import type { Context } from './command.ts'
import { makeFolder, readFile, refuseExisting, writeOutput } from './files.ts'
import type { Io } from './io.ts'
import { lookupOf } from './load_program.ts'

/** The file of saved values inside a folder. */
const VALUES_FILE = 'parameters.json'

/** The bytes of a file of values, within the limit for all tensors of a run. */
export const readValueBytes = (io: Io, path: string): Uint8Array => readFile(io, path, LIMITS.runBytes)

/** Sets what `--load PATH` means, and tells. @param warn takes what is left over. */
export function loadValues(
  executor: Executor,
  program: Program,
  path: string,
  { io, out }: Context,
  warn: (text: string) => void,
): void {
  const found = readSavedValues(program, path, lookupOf(io), (file) => readValueBytes(io, file))
  if (found.values.size === 0 && persistableVariables(program).length > 0)
    throw nothingFits(program, path, found.unused)
  const remade = setValues(executor, program, found)
  out.done(`loaded   ${counted(found.values.size, 'value')} from ${found.files.join(', ')}`)
  const listed = (names: readonly string[], text: string): void => {
    if (names.length > 0) warn(`${counted(names.length, 'value')} of ${text}: ${names.slice(0, 4).join(', ')}`)
  }
  listed(found.unused, `${found.files.join(', ')} fit no persistable variable of the program`)
  listed(remade, 'the program made anew, because only its half parameter or only its master weight was in the file')
}

/** Of values, not one of which has a place in the program: they belong to another one. */
function nothingFits(program: Program, path: string, given: readonly string[]): NotFoundError {
  const wanted = persistableVariables(program)
  return new NotFoundError('E533', `no value of "${path}" belongs to the program`, {
    where: { file: path },
    expected: wanted.map((variable) => `${variable.name}: ${typeText(variable)}`),
    got: given,
    hint: given.length === 0 ? 'it holds no values' : 'give the values of this program, or the program of these values',
  })
}

/** Sets the values that stand beside the program, if there are any, and tells. @returns whether there are any. */
export function loadBeside(executor: Executor, program: Program, files: ModelFiles, { io, out }: Context): boolean {
  if (persistableVariables(program).length === 0) return true
  const found = readModelValues(program, files, lookupOf(io), (file) => readValueBytes(io, file))
  if (found === undefined) return false
  setValues(executor, program, found)
  out.done(`loaded   ${counted(found.values.size, 'value')} from ${found.files.join(', ')}`)
  return true
}

/** The error of a run without parameters, with the files that they were looked for in and how to name another. */
export function missingParameters(error: unknown, main: string): unknown {
  if (!(error instanceof EnforceError) || error.code !== 'E101') return error
  const { category, code, summary, where, got } = error
  return makeError(category, code, summary, {
    ...(where === undefined ? {} : { where }),
    got,
    expected: paramsPlaces(main),
    hint: `no file of parameters stands beside ${main} (looked for ${paramsPlaces(main).join(', ')}); give one with --load PATH, or a program that sets them with --startup FILE`,
  })
}

function setValues(executor: Executor, program: Program, { values }: ModelValues): string[] {
  for (const [name, value] of values) executor.scope.set(name, value)
  return settleMasterWeights(program, executor.scope, new Set(values.keys()))
}

/** Where `--save PATH` writes: a file of a kind that its ending names, .pdparams and .pdopt together, or a folder. */
export class ValueSaver {
  readonly #path: string
  readonly #force: boolean
  readonly #context: Context
  readonly #format: ValueFormat | 'folder'

  /** @throws AlreadyExistsError E706 before anything runs. */
  constructor(path: string, force: boolean, context: Context) {
    this.#path = path.replace(/[/\\]+$/, '')
    this.#force = force
    this.#context = context
    this.#format = VALUE_FORMATS.find((format) => path.endsWith(`.${format}`)) ?? 'folder'
    for (const file of this.files) refuseExisting(context.io, file, force)
  }

  get files(): string[] {
    if (this.#format === 'folder') return [`${this.#path}/${VALUES_FILE}`]
    if (this.#format !== 'pdparams') return [this.#path]
    return [this.#path, this.#path.replace(/\.pdparams$/, '.pdopt')]
  }

  /** Writes every persistable variable that has a value. */
  save(executor: Executor, program: Program): void {
    const { io, out } = this.#context
    const names = persistableVariables(program).map(({ name }) => name)
    const kept = names.filter((name) => executor.scope.has(name))
    const { files } = this
    if (this.#format === 'folder') makeFolder(io, this.#path)
    this.#contents(executor, program, kept).forEach((pieces, i) => {
      writeOutput(io, files[i]!, pieces, this.#force)
    })
    out.done(`saved    ${counted(kept.length, 'value')} to ${files.join(', ')}`)
  }

  #contents(executor: Executor, program: Program, kept: readonly string[]): Iterable<string | Uint8Array>[] {
    if (this.#format === 'folder' || this.#format === 'json') return [tensorFileText(valuesOf(executor, kept))]
    if (this.#format === 'pdparams') {
      const { params, optimizer } = trainingStateFiles(program, (name) => executor.scope.get(name))
      return [[params], [optimizer]]
    }
    return [writeNamedValues(this.#format, new Map(valuesOf(executor, kept)), { program })]
  }
}

/** Copied out one by one: all of them together may be as large as the memory. */
function* valuesOf({ scope }: Executor, names: readonly string[]): Iterable<readonly [name: string, value: Value]> {
  for (const name of names) yield [name, scope.get(name)!]
}
