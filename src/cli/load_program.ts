/**
 * Programs from what the command line is given: a program file, a folder with main.json and startup.json (and test.json) or with a model of
 * Paddle, or `-`. What a file holds decides what it is, not its name.
 */
import { createHash } from 'node:crypto'
import { fileKind } from '../framework/file_kind.ts'
import { parseJsonText } from '../framework/json_text.ts'
import { LIMITS } from '../framework/limits.ts'
import { Program } from '../framework/program.ts'
import { type FileLookup, type ModelFiles, modelFiles } from '../io/model_files.ts'
import { ops } from '../ops/index.ts'
import { isFile, isFolder, listFolder, pathOf, readInput } from './files.ts'
import type { Io } from './io.ts'

export interface LoadedProgram {
  readonly program: Program
  /** As it was given, with the name of the program behind a folder. */
  readonly file: string
  readonly bytes: Uint8Array
}

/** The folder of relative paths, as the finding of files asks for it. */
export const lookupOf = (io: Io): FileLookup => ({
  isFile: (path) => isFile(pathOf(io, path)),
  isFolder: (path) => isFolder(pathOf(io, path)),
  list: (folder) => listFolder(pathOf(io, folder)),
})

/**
 * The files behind a command's FILE. Beside main.json stand startup.json and test.json; beside NAME.json or NAME.pdmodel NAME.startup.json
 * and NAME.test.json; parameters under the names that Paddle gives them.
 * @throws NotFoundError E523 for a folder without a program.
 */
export const programFiles = (io: Io, path: string): ModelFiles =>
  path === '-' ? { main: path, params: [], folder: '' } : modelFiles(path, lookupOf(io))

/**
 * A program from one file, or `-`.
 * @throws what reading files throws, and InvalidArgumentError E50x with line and column, E527 to E529 with the byte.
 */
export async function loadProgram(io: Io, file: string): Promise<LoadedProgram> {
  const bytes = await readInput(io, file, LIMITS.programBytes)
  return { program: Program.from(bytes, { library: ops, file }), file, bytes }
}

/** The program that FILE means. */
export async function loadMain(io: Io, path: string): Promise<LoadedProgram> {
  return await loadProgram(io, programFiles(io, path).main)
}

/** Line and column of places in the file of a loaded program; a .pdmodel has none. */
export function locator({ bytes }: LoadedProgram): (pointer: string) => { line: number; column: number } | undefined {
  if (fileKind(bytes) === 'program-desc') return () => undefined
  const { locate } = parseJsonText(bytes)
  return (pointer) => locate(pointer)
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What `--json` documents say about the file. */
export const programEntry = ({
  file,
  bytes,
}: Pick<LoadedProgram, 'file' | 'bytes'>): { file: string; sha256: string } => ({
  file,
  sha256: sha256(bytes),
})
