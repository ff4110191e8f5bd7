/**
 * Programs from what the command line is given: a program file, a folder with main.json and startup.json (and test.json), or `-`. What a
 * file holds decides what it is, not its name.
 */
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { NotFoundError } from '../errors.ts'
import { fileKind } from '../framework/file_kind.ts'
import { parseJsonText } from '../framework/json_text.ts'
import { LIMITS } from '../framework/limits.ts'
import { Program } from '../framework/program.ts'
import { ops } from '../ops/index.ts'
import { exists, isFolder, pathOf, readInput } from './files.ts'
import type { Io } from './io.ts'

export interface LoadedProgram {
  readonly program: Program
  /** As it was given, with `/main.json` behind a folder. */
  readonly file: string
  readonly bytes: Uint8Array
}

/** The files that belong to what was given; `startup` and `test` where they are there. */
export interface ProgramFiles {
  readonly main: string
  readonly startup?: string
  readonly test?: string
}

/**
 * The files behind a command's FILE. Beside main.json stand startup.json and test.json; beside NAME.json NAME.startup.json and
 * NAME.test.json.
 * @throws NotFoundError E523 for a folder without main.json.
 */
export function programFiles(io: Io, path: string): ProgramFiles {
  if (path === '-') return { main: path }
  if (isFolder(pathOf(io, path))) {
    const main = join(path, 'main.json')
    if (!exists(pathOf(io, main))) {
      throw new NotFoundError('E523', `the folder "${path}" has no main.json`, {
        where: { file: path },
        expected: 'main.json',
      })
    }
    return { main, ...beside(io, path, '') }
  }
  const name = /(?:^|[/\\])([^/\\]+)\.json$/.exec(path)?.[1]
  if (name === undefined) return { main: path }
  return { main: path, ...beside(io, dirname(path), name === 'main' ? '' : `${name}.`) }
}

function beside(io: Io, folder: string, prefix: string): { startup?: string; test?: string } {
  const startup = join(folder, `${prefix}startup.json`)
  const test = join(folder, `${prefix}test.json`)
  return {
    ...(exists(pathOf(io, startup)) ? { startup } : {}),
    ...(exists(pathOf(io, test)) ? { test } : {}),
  }
}

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
export const programEntry = ({ file, bytes }: LoadedProgram): { file: string; sha256: string } => ({
  file,
  sha256: sha256(bytes),
})
