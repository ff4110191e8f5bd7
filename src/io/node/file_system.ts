/**
 * The file system of Node for the functions of the library that take paths. Node's modules are asked of the running process rather than
 * imported, so that a page can bundle the library; there these functions say that there is no file system.
 */
import { EnforceError, InvalidArgumentError, NotFoundError, UnimplementedError } from '../../errors.ts'
import type { FileLookup } from '../model_files.ts'

export type FileSystem = typeof import('node:fs')
type Crypto = typeof import('node:crypto')

const builtin = (name: string): unknown =>
  (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process?.getBuiltinModule?.(name)

/** @throws UnimplementedError E408 where there is no file system. @param bytesInstead what a page can use. */
export function fileSystem(what: string, bytesInstead: string): FileSystem {
  const fs = builtin('node:fs') as FileSystem | undefined
  if (fs !== undefined) return fs
  throw new UnimplementedError('E408', `${what}: there is no file system here`, {
    hint: `use ${bytesInstead}, which work on bytes`,
  })
}

/** SHA-256 in hexadecimal. Only where there is a file system. */
export const sha256 = (data: Uint8Array | string): string =>
  (builtin('node:crypto') as Crypto).createHash('sha256').update(data).digest('hex')

/** @throws NotFoundError E520 for a missing file, InvalidArgumentError E521 for one that cannot be read. */
export function readFile(fs: FileSystem, path: string): Uint8Array {
  return onFile(path, 'E521', () => new Uint8Array(fs.readFileSync(path)))
}

/**
 * Writes files that belong together; missing folders are made. All of them are written beside their places before the first one takes its
 * place, so that a fault leaves the old files.
 * @throws InvalidArgumentError E522 for a file that cannot be written.
 */
export function writeFiles(fs: FileSystem, files: ReadonlyMap<string, Uint8Array>): void {
  const temporary = new Map<string, string>()
  try {
    for (const [path, bytes] of files) {
      const folder = /^(.*)[/\\][^/\\]*$/.exec(path)?.[1]
      if (folder !== undefined && folder !== '') {
        onFile(folder, 'E522', () => fs.mkdirSync(folder, { recursive: true }))
      }
      const beside = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`
      temporary.set(path, beside)
      onFile(path, 'E522', () => fs.writeFileSync(beside, bytes, { flag: 'wx' }))
    }
    for (const [path, beside] of temporary) {
      onFile(path, 'E522', () => fs.renameSync(beside, path))
      temporary.delete(path)
    }
  } finally {
    for (const beside of temporary.values()) fs.rmSync(beside, { force: true })
  }
}

/** The errors of the file system as typed ones. */
export function onFile<T>(path: string, code: 'E521' | 'E522', body: () => T): T {
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

/** What finding the files of a model asks. */
export const fileLookup = (fs: FileSystem): FileLookup => {
  const stat = (path: string): ReturnType<FileSystem['statSync']> | undefined => {
    try {
      return fs.statSync(path)
    } catch {
      return undefined
    }
  }
  return {
    isFile: (path) => stat(path)?.isFile() === true,
    isFolder: (path) => stat(path)?.isDirectory() === true,
    list: (folder) => fs.readdirSync(folder),
  }
}
