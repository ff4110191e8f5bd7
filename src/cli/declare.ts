/** A command's flags, declared for commander and read by it. Loaded only when there are flags to read. */
import { Command, CommanderError } from 'commander'
import { InvalidArgumentError } from '../errors.ts'
import { addOption, asChoice, asCount, type CommandDefinition, type CommandInput } from './command.ts'
import type { CommandEntry } from './commands.ts'
import { commandHelp } from './help.ts'

export function declare(entry: CommandEntry, definition: CommandDefinition, version: string): Command {
  const command = new Command(entry.name)
  command.exitOverride()
  definition.define(command)
  command.option('--json', 'one JSON document on stdout')
  command.option('-q, --quiet', 'no talk on stderr')
  addOption(command, '--color WHEN', 'auto, always or never', asChoice('auto', 'always', 'never'))
  addOption(command, '--width N', 'columns of listings', asCount(20))
  command.option('--ascii', 'only ASCII characters')
  command.helpOption('-h, --help', 'this text')
  command.version(version, '-V, --version', 'the version')
  // The help flag is no option of its own for commander.
  command.configureHelp({ formatHelp: () => `${commandHelp(entry, definition, command)}\n` })
  return command
}

/** Arguments and flags, or what --help and --version print. @throws InvalidArgumentError E702, E703. */
export function readFlags(
  entry: CommandEntry,
  definition: CommandDefinition,
  args: readonly string[],
  version: string,
): CommandInput<object> | { readonly text: string } {
  const command = declare(entry, definition, version)
  let text = ''
  command.configureOutput({
    writeOut: (part) => (text += part),
    writeErr: () => undefined,
    outputError: () => undefined,
  })
  try {
    command.parse([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { text: text.trimEnd() }
    throw wrongUse(error, entry)
  }
  return { args: command.args, options: command.opts() }
}

/** What commander found wrong, as an error of ours. */
function wrongUse(error: CommanderError, { name }: CommandEntry): InvalidArgumentError {
  const [sentence, ...more] = error.message.replace(/^error: /, '').split('\n')
  const near = more.join(' ').replace(/^\(Did you mean (.*)\?\)$/, 'did you mean $1?')
  return new InvalidArgumentError('E702', `${name}: ${sentence}`, {
    got: error.code.replace('commander.', ''),
    hint: near.startsWith('did you') ? near : `oarlock help ${name} shows its use`,
  })
}
