/** `oarlock fmt`: a program in the canonical form. */
import { InvalidArgumentError } from '../errors.ts'
import { fileKind } from '../framework/file_kind.ts'
import { addOption, asPath, type CommandDefinition } from './command.ts'
import { writeOutput } from './files.ts'
import { loadMain, programEntry } from './load_program.ts'
import { programText } from './program_output.ts'

interface FmtFlags {
  readonly check?: boolean
  readonly output?: string
  readonly force?: boolean
}

export const fmt: CommandDefinition<FmtFlags> = {
  usage: 'FILE [--check] [-o OUT]',
  examples: [
    ['oarlock fmt mlp.json', 'prints it: one operator a line, defaults left out'],
    ['oarlock fmt mlp.json -o mlp.json -f', 'changes the file itself'],
    ['oarlock fmt mlp.json --check', 'exit code 1 if the file would change'],
  ],
  exits: { 1: 'with --check: the file would change' },
  define(command) {
    command.argument('<FILE>')
    command.option('--check', 'write nothing, only tell')
    addOption(command, '-o, --output PATH', 'where to write (stdout)', asPath)
    command.option('-f, --force', 'replace a file')
  },
  async run({ args, options }, { io, out }) {
    const loaded = await loadMain(io, args[0]!)
    if (options.check === true && fileKind(loaded.bytes) === 'program-desc') {
      throw new InvalidArgumentError(
        'E529',
        `"${loaded.file}" is a ProgramDesc: only program files in JSON have a canonical text`,
        {
          where: { file: loaded.file },
          expected: 'a program file in JSON',
          got: 'a ProgramDesc',
          hint: `oarlock convert ${loaded.file} -o ${loaded.file.replace(/\.pdmodel$/, '')}.json writes one`,
        },
      )
    }
    const text = programText(loaded.program)
    const same = new TextDecoder().decode(loaded.bytes) === text
    if (options.check === true) {
      if (out.json) out.document({ ok: same, command: 'fmt', program: programEntry(loaded), canonical: same })
      else if (!same) out.data(`${loaded.file} would change`)
      return same ? 0 : 1
    }
    writeOutput(io, options.output ?? '-', [text], options.force === true)
    if (options.output !== undefined && options.output !== '-') {
      if (out.json)
        out.document({
          ok: true,
          command: 'fmt',
          program: programEntry(loaded),
          output: options.output,
          changed: !same,
        })
      out.done(same ? `wrote ${options.output}, unchanged` : `wrote ${options.output}`)
    }
    return 0
  },
}
