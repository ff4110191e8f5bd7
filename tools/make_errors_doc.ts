/** Writes docs/errors.md, the reference of all error codes, from the catalogue. */
import { ERROR_CATALOGUE, type ErrorEntry } from '../src/error_catalogue.ts'

const CHAPTERS: readonly (readonly [prefix: string, title: string])[] = [
  ['E0', 'Two modes: building and computing'],
  ['E1', 'Runs: scope, feeds, fetches'],
  ['E2', 'Operators: slots, attributes, shapes, element types'],
  ['E3', 'Gradients and optimizers'],
  ['E4', 'Not implemented'],
  ['E5', 'Files'],
  ['E6', 'Limits'],
  ['E7', 'Command line'],
  ['E8', 'Passes'],
  ['W1', 'Warnings'],
]

/** The file, by path from the project's root. */
export function errorsDocFiles(): Record<string, string> {
  const parts = [
    `# Error codes

Every error carries a code. \`oarlock explain CODE\` prints what stands here. The exit code is that of the command line; a fault that has
a place in a file gives 3 in place of 4. This page is generated from \`src/error_catalogue.ts\` by \`tools/make_errors_doc.ts\`.

| code | meaning | category | exit |
|---|---|---|---:|
${ERROR_CATALOGUE.map(tableRow).join('\n')}`,
  ]
  for (const [prefix, title] of CHAPTERS) {
    const entries = ERROR_CATALOGUE.filter(({ code }) => code.startsWith(prefix))
    parts.push(`## ${title}`, ...entries.map(section))
  }
  return { 'docs/errors.md': `${parts.join('\n\n')}\n` }
}

const tableRow = ({ code, title, category, exit }: ErrorEntry): string =>
  `| [${code}](#${code.toLowerCase()}) | ${title} | ${category} | ${exit} |`

function section({ code, title, explanation, cause, example, remedy, reserved }: ErrorEntry): string {
  return `### ${code}

**${capital(title)}.** ${explanation}${reserved === true ? ' (Not in use.)' : ''}

Usual cause: ${cause}

\`\`\`text
${example}
\`\`\`

What to do: ${remedy}`
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)
