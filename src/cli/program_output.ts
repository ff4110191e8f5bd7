/** Programs as files, and the flags that grad and minimize share. */
import { NotFoundError, suggest } from '../errors.ts'
import type { Program } from '../framework/program.ts'
import { stringifyProgramJson } from '../framework/program_json.ts'
import type { Variable } from '../framework/variable.ts'
import { usage } from './command.ts'
import { isFolder, makeFolder, pathOf, writeOutput } from './files.ts'
import type { Io } from './io.ts'

export const programText = (program: Program): string => stringifyProgramJson(program.toJSON())

/** Written as ProgramDesc bytes where the path ends with .pdmodel, else as canonical JSON. */
export function writeProgram(io: Io, path: string, program: Program, force: boolean): void {
  writeOutput(io, path, [path.endsWith('.pdmodel') ? program.toProto() : programText(program)], force)
}

/** Where `-o OUT` puts programs: into a folder, unless OUT ends with .json, is `-` or is a file already. */
export function isFolderOutput(io: Io, path: string): boolean {
  if (path === '-' || path.endsWith('.json')) return false
  return path.endsWith('/') || isFolder(pathOf(io, path)) || !/\.[a-z]+$/i.test(path)
}

export function prepareFolder(io: Io, path: string): string {
  makeFolder(io, path)
  return path.replace(/[/\\]+$/, '')
}

/** The variable that --loss names. @throws NotFoundError E705, InvalidArgumentError E703 if the flag is missing. */
export function lossVariable(program: Program, name: string | undefined): Variable {
  if (name === undefined) throw usage('--loss NAME is missing', { hint: 'oarlock show FILE vars lists the variables' })
  return blockVariable(program, name, '--loss')
}

/** A variable of block 0 that a flag names. */
export function blockVariable(program: Program, name: string, flag: string): Variable {
  const { vars } = program.globalBlock()
  const variable = vars.get(name)
  if (variable !== undefined) return variable
  const hint = suggest(name, vars.keys())
  throw new NotFoundError('E705', `${flag}: the program has no variable "${name}"`, {
    where: { variable: name },
    got: name,
    hint,
  })
}
