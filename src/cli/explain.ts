/** `oarlock explain`: the entry of an error code in the catalogue. */
import { ERROR_CATALOGUE, type ErrorEntry, findErrorEntry } from '../error_catalogue.ts'
import { NotFoundError, suggest } from '../errors.ts'
import type { CommandDefinition } from './command.ts'
import type { Output } from './output.ts'

export const explain: CommandDefinition = {
  usage: '[CODE]',
  examples: [
    ['oarlock explain E110', 'what a code means, an example, what to do'],
    ['oarlock explain', 'all codes'],
  ],
  exits: { 2: 'wrong use, or there is no such code' },
  define(command) {
    command.argument('[CODE]')
  },
  async run({ args }, { out }) {
    const [given] = args
    if (given === undefined) {
      if (out.json) out.document({ ok: true, command: 'explain', errors: ERROR_CATALOGUE })
      else out.data(ERROR_CATALOGUE.map(({ code, title }) => `${code}  ${title}`).join('\n'))
      return 0
    }
    const entry = findErrorEntry(given.toUpperCase())
    if (entry === undefined) {
      const hint = suggest(
        given.toUpperCase(),
        ERROR_CATALOGUE.map(({ code }) => code),
      )
      throw new NotFoundError('E705', `there is no error code "${given}"`, {
        got: given,
        hint: hint ?? 'oarlock explain lists the codes',
      })
    }
    if (out.json) out.document({ ok: true, command: 'explain', entry })
    else out.data(page(entry, out))
    return 0
  },
}

function page(entry: ErrorEntry, out: Output): string {
  const { code, category, title, exit, explanation, cause, example, remedy } = entry
  const width = Math.min(out.width ?? 80, 100)
  return [
    `${out.style('bold', `${code} ${title}`)}   ${category}, exit code ${exit}`,
    '',
    fold(explanation, width, ''),
    '',
    fold(`Usual cause: ${cause}`, width, ''),
    '',
    ...example.split('\n').map((line) => `  ${line}`),
    '',
    fold(`What to do: ${remedy}`, width, ''),
  ].join('\n')
}

function fold(text: string, width: number, indent: string): string {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    if (line.length > indent.length && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent
    }
    line += line.length > indent.length ? ` ${word}` : word
  }
  lines.push(line)
  return lines.join('\n')
}
