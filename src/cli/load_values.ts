/** Files that hold values instead of a program, for the commands that look at either. */
import { dirname } from 'node:path'
import { LIMITS } from '../framework/limits.ts'
import { Program } from '../framework/program.ts'
import { identify } from '../io/identify.ts'
import { modelFiles } from '../io/model_files.ts'
import { type NamedValues, readNamedValues } from '../io/named_values.ts'
import { ops } from '../ops/index.ts'
import { isFile, pathOf, readInput } from './files.ts'
import type { Io } from './io.ts'
import { type LoadedProgram, lookupOf, programFiles } from './load_program.ts'

export interface LoadedValues {
  readonly found: NamedValues
  readonly file: string
  readonly bytes: Uint8Array
  /** The file of the program that gave the names. */
  readonly namedBy?: string
  /** That program. */
  readonly owner?: Program
}

/** A program or values, whatever FILE turns out to be. */
export type Loaded = LoadedProgram | LoadedValues

export const isValues = (loaded: Loaded): loaded is LoadedValues => 'found' in loaded

/**
 * What FILE holds. A file without names, .pdiparams, gets them from the program beside it.
 * @param programPath names the program instead. @throws what reading programs and values throws.
 */
export async function loadAny(io: Io, path: string, programPath?: string): Promise<Loaded> {
  const { file, bytes } = await readMain(io, path)
  if (holdsValues(bytes)) return await valuesFrom(io, file, bytes, programPath)
  return { program: Program.from(bytes, { library: ops, file }), file, bytes }
}

/** The values of FILE; undefined if it holds none. @throws as {@link loadAny}. */
export async function valuesOf(io: Io, path: string): Promise<LoadedValues | undefined> {
  const { file, bytes } = await readMain(io, path)
  return holdsValues(bytes) ? await valuesFrom(io, file, bytes) : undefined
}

async function readMain(io: Io, path: string): Promise<{ file: string; bytes: Uint8Array }> {
  const file = programFiles(io, path).main
  const limit = isFile(pathOf(io, file)) ? LIMITS.runBytes : LIMITS.programBytes
  return { file, bytes: await readInput(io, file, limit) }
}

async function valuesFrom(io: Io, file: string, bytes: Uint8Array, programPath?: string): Promise<LoadedValues> {
  const namedBy = programPath ?? ownerOf(io, file, bytes)
  if (namedBy === undefined) return { found: readNamedValues(bytes, { file }), file, bytes }
  const main = programFiles(io, namedBy).main
  const owner = Program.from(await readInput(io, main, LIMITS.programBytes), { library: ops, file: main })
  return { found: readNamedValues(bytes, { file, program: owner }), file, bytes, namedBy: main, owner }
}

/** Whether bytes are values rather than a program; broken JSON is taken for a program, which says what is wrong with it. */
function holdsValues(bytes: Uint8Array): boolean {
  // Reading a long program twice only to learn that it is one would be a waste.
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 4096))
  if (/^\W*\{/.test(head) && /"(format|blocks)"\s*:/.test(head)) return false
  return identify(bytes).uses.some((use) => use !== 'program')
}

/** The program whose parameters a file holds, by the names that Paddle gives the two. Only files without names need it. */
function ownerOf(io: Io, file: string, bytes: Uint8Array): string | undefined {
  if (file === '-' || identify(bytes).kind !== 'tensor-stream') return undefined
  const lookup = lookupOf(io)
  const stem = file.replace(/\.pdiparams$/, '')
  const folder = dirname(file)
  const candidates = stem === file ? [`${folder}/__model__`, `${folder}/model`] : [`${stem}.pdmodel`, `${stem}.json`]
  return candidates.find((each) => lookup.isFile(each) && modelFiles(each, lookup).params.includes(file))
}
