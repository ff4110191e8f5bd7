/** The help of each command, and the screen of `oarlock` alone. */
import type { Command, Option } from 'commander'
import type { CommandDefinition } from './command.ts'
import { COMMANDS, type CommandEntry } from './commands.ts'

const WIDTH = 80

/** Flags that every command has. */
export const COMMON_FLAGS = ['--json', '--quiet', '--color', '--width', '--ascii', '--help', '--version']

const EXITS: Readonly<Record<number, string>> = {
  0: 'done',
  2: 'wrong use',
  3: 'a file cannot be read or written, or is no program',
}

/** What `oarlock` prints without arguments. */
export function screen(): string {
  const groups = COMMANDS.filter(({ group }) => group !== 'more').map(({ name }) => name)
  return `oarlock: build, run and inspect Paddle-style programs

Try
  npx oarlock run mlp.json --steps 20    train for 20 steps
  npx oarlock show mlp.json              read the program
  npx oarlock check mlp.json             find what is wrong with it

${wrapped('Commands   ', [...groups, 'completion', 'help'].join('  '), WIDTH)}
Run oarlock help COMMAND. \`oarlock FILE\` is short for \`oarlock show FILE\`.`
}

/** What `oarlock --help` prints: the screen with a line on each command. */
export function overview(): string {
  const widest = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(widest)}  ${summary}`)
  return `oarlock: build, run and inspect Paddle-style programs

Examples
  oarlock run mlp.json --steps 20 --fetch loss
  oarlock show mlp.json '#18'
  oarlock minimize net.json --loss loss --optimizer adam -o trained/

Usage  oarlock COMMAND [arguments] [options]

Commands
${lines.join('\n')}

Every command takes --json, --quiet, --color, --width, --ascii and --help.
A FILE is program JSON, a .pdmodel, a folder with a program, or - (stdin).
Data goes to stdout, talk to stderr. \`oarlock help COMMAND\` has more.`
}

export function commandHelp(entry: CommandEntry, definition: CommandDefinition, command: Command): string {
  const examples = definition.examples.flatMap(([line, does]) => [`  ${line}`, `      ${does}`])
  const isCommon = (option: Option): boolean => COMMON_FLAGS.includes(option.long ?? '')
  const own = command.options.filter((option) => !isCommon(option) && !option.hidden)
  // commander keeps the help flag apart.
  const common = [...command.options.filter(isCommon), { flags: '-h, --help', description: 'this text' }]
  const parts = [
    `oarlock ${entry.name}: ${entry.summary}`,
    `Examples\n${examples.join('\n')}`,
    wrapped('Usage  ', `oarlock ${entry.name} ${definition.usage}`.trim(), WIDTH),
  ]
  if (own.length > 0) parts.push(`Options\n${optionLines(own)}`)
  if (definition.notes !== undefined) parts.push(definition.notes)
  parts.push(`Common options\n${optionLines(common)}`)
  const exits = Object.entries({ ...EXITS, ...definition.exits }).map(([code, means]) =>
    wrapped(`  ${code.padStart(3)}  `, means, WIDTH),
  )
  parts.push(`Exit codes\n${exits.join('\n')}`)
  return parts.join('\n\n')
}

function optionLines(options: readonly Pick<Option, 'flags' | 'description'>[]): string {
  const shown = options.map(({ flags, description }) => ({ flags: flags.replace(/[<>]/g, ''), description }))
  const widest = Math.min(24, Math.max(...shown.map(({ flags }) => flags.length)))
  return shown
    .map(({ flags, description }) =>
      flags.length > widest
        ? `  ${flags}\n${wrapped(' '.repeat(widest + 4), description, WIDTH)}`
        : wrapped(`  ${flags.padEnd(widest)}  `, description, WIDTH),
    )
    .join('\n')
}

/** `label` and the text behind it, its further lines set in below the first. */
function wrapped(label: string, text: string, width: number): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/(?<=\S)(?= )/)) {
    if (line !== '' && label.length + line.length + word.length > width) {
      lines.push(line)
      line = word.trimStart()
    } else line += word
  }
  lines.push(line)
  return lines.map((each, i) => (i === 0 ? label : ' '.repeat(label.length)) + each).join('\n')
}
