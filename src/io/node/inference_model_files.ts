/**
 * Inference models as files on Node: PREFIX.pdmodel and PREFIX.pdiparams. Node's modules are asked of the running process rather than
 * imported, so that a page can bundle the library; there these functions say that there is no file system.
 */
import { EnforceError, InvalidArgumentError, NotFoundError, UnimplementedError } from '../../errors.ts'
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
import { persistableVariables } from '../params.ts'

type FileSystem = typeof import('node:fs')

function fileSystem(what: string): FileSystem {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process
  const fs = host?.getBuiltinModule?.('node:fs') as FileSystem | undefined
  if (fs !== undefined) return fs
  throw new UnimplementedError('E408', `${what}: there is no file system here`, {
    hint: 'use inferenceModelFiles and readInferenceModel, which work on bytes',
  })
}

/** The errors of the file system as typed ones. */
function onFile<T>(path: string, code: 'E521' | 'E522', body: () => T): T {
  try {
    return body()
  } catch (error) {
    const reason = (error as { code?: string }).code
    if (error instanceof EnforceError || reason === undefined) throw error
    const details = { where: { file: path }, got: reason, cause: error }
    if (code === 'E521' && reason === 'ENOENT') throw new NotFoundError('E520', `there is no file "${path}"`, details)
    throw new InvalidArgumentError(
      code,
      `"${path}" cannot be ${code === 'E521' ? 'read' : 'written'}: ${reason}`,
      details,
    )
  }
}

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
  const fs = fileSystem('saveInferenceModel')
  const { model, params } = inferenceModelFiles(feedVars, fetchVars, executor.scope, options)
  const folder = /^(.*)[/\\][^/\\]*$/.exec(prefix)?.[1]
  if (folder !== undefined && folder !== '') {
    onFile(folder, 'E522', () => fs.mkdirSync(folder, { recursive: true }))
  }
  const write = (path: string, bytes: Uint8Array): void =>
    onFile(path, 'E522', () => {
      // A reader sees the old file or the new one, never a part.
      fs.writeFileSync(`${path}.tmp`, bytes)
      fs.renameSync(`${path}.tmp`, path)
    })
  if (params !== undefined) write(`${prefix}.pdiparams`, params)
  write(`${prefix}.pdmodel`, model)
}

/**
 * Reads PREFIX.pdmodel and PREFIX.pdiparams; the parameters go into the executor's scope.
 * @throws NotFoundError E520 for a missing file, InvalidArgumentError E521 for one that cannot be read; what reading the model throws.
 */
export function loadInferenceModel(
  prefix: string,
  executor: Executor,
  options: { readonly library: OpLibrary },
): InferenceModel {
  const fs = fileSystem('loadInferenceModel')
  const read = (path: string): Uint8Array => onFile(path, 'E521', () => new Uint8Array(fs.readFileSync(path)))
  const file = `${prefix}.pdmodel`
  const program = Program.from(read(file), { library: options.library, file })
  const params = persistableVariables(program).length > 0 ? read(`${prefix}.pdiparams`) : undefined
  return readInferenceModel(program, params, executor)
}
