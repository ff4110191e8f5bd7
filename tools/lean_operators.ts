/**
 * The documentation of operators is a tenth of what a page loads, and no page shows it. A bundler that builds for production gets the
 * operators without it: `dist/ops_lean` is `dist/ops` with the documenting texts emptied, and what stands outside of that folder imports
 * operators as `#ops/…`, which package.json maps to the one or the other (condition `production`). Node, tests and development servers get
 * the whole.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import ts from 'typescript'

const OPERATORS = 'ops'
const LEAN = 'ops_lean'

/** Members of definitions and attributes that only tell people something. */
const DOCUMENTING = new Set(['doc', 'source', 'differs'])
/** Makers of slots, whose first argument is the slot's documentation. */
const SLOT_MAKERS = new Set(['one', 'optional', 'many'])

/** Writes the lean operators, and has the compiled modules outside of the folder import `#ops/…`. */
export function separateDocumentation(dist: string): void {
  const modules = (readdirSync(dist, { recursive: true }) as string[])
    .map((path) => path.replaceAll(sep, '/'))
    .filter((path) => path.endsWith('.js'))
  for (const path of modules) {
    const text = readFileSync(join(dist, path), 'utf8')
    if (!path.startsWith(`${OPERATORS}/`)) {
      const mapped = mapImports(text, join(dist, path), join(dist, OPERATORS))
      if (mapped !== text) writeFileSync(join(dist, path), mapped)
      continue
    }
    const lean = join(dist, LEAN, path.slice(OPERATORS.length + 1))
    mkdirSync(dirname(lean), { recursive: true })
    writeFileSync(lean, withoutDocumentation(text, path))
  }
}

function mapImports(text: string, file: string, operators: string): string {
  return text.replace(/\b(from|import\() ?"(\.{1,2}\/[^"]+)"/g, (whole, keyword: string, specifier: string) => {
    const path = relative(operators, join(dirname(file), specifier)).replaceAll(sep, '/')
    return path.startsWith('..') ? whole : `${keyword} "#${OPERATORS}/${path}"`
  })
}

function withoutDocumentation(text: string, name: string): string {
  const tree = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true)
  const emptied: ts.Expression[] = []
  const visit = (node: ts.Node): void => {
    const documents =
      (ts.isPropertyAssignment(node) && DOCUMENTING.has(node.name.getText()) && node.initializer) ||
      (ts.isCallExpression(node) && SLOT_MAKERS.has(node.expression.getText()) && node.arguments[0])
    if (documents && isText(documents)) emptied.push(documents)
    ts.forEachChild(node, (child) => {
      if (child !== documents) visit(child)
    })
  }
  visit(tree)
  let lean = ''
  let end = 0
  for (const literal of emptied) {
    lean += `${text.slice(end, literal.getStart())}""`
    end = literal.end
  }
  // The map beside the whole module does not fit this one.
  return (lean + text.slice(end)).replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n')
}

/** Texts that are put together from texts, too; what comes from elsewhere stays. */
const isText = (node: ts.Expression): boolean =>
  ts.isStringLiteral(node) ||
  ts.isNoSubstitutionTemplateLiteral(node) ||
  ts.isTemplateExpression(node) ||
  (ts.isBinaryExpression(node) && isText(node.left) && isText(node.right))
