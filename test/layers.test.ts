/** Reads the import lines of src/ and enforces who may import whom (docs/architecture.md section 3), and a few rules that the linter lacks. */
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../src/', import.meta.url))

/** Folder of src/ → the folders it may import beside itself. `errors.ts` and the error catalogue are open to all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  tensor: [],
  framework: ['tensor'],
  ir: ['framework', 'tensor'],
  ops: ['framework', 'tensor'],
  executor: ['framework', 'tensor'],
  io: ['executor', 'framework', 'tensor'],
  compiler: ['executor', 'ops', 'framework', 'tensor'],
  modes: ['compiler', 'ops', 'executor', 'framework', 'tensor', 'io'],
  optimizer: ['framework', 'tensor', 'ops'],
  nn: ['modes', 'ops', 'framework', 'tensor'],
  data: ['modes', 'framework', 'tensor', 'io'],
}
const OPEN_TO_ALL: readonly string[] = ['errors.ts', 'error_catalogue.ts']

/** Edges beside the rule, each with its reason. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'nn/index.ts -> optimizer/clip.ts': 'Paddle has gradient clipping under paddle.nn too; the file only hands it on',
}

/** Packages, by the files that may import them. Everything else may import none. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  commander: /^cli\//,
  fflate: /^io\/zip\.ts$/,
}

interface Import {
  readonly file: string
  readonly line: number
  readonly from: string
  /** `import './x.ts'`, which is there for a side effect. */
  readonly bare: boolean
}

interface Source {
  readonly file: string
  readonly tree: ts.SourceFile
}

const sources: readonly Source[] = (readdirSync(SRC, { recursive: true }) as string[])
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'))
  .sort()
  .map((file) => ({
    file,
    tree: ts.createSourceFile(file, readFileSync(join(SRC, file), 'utf8'), ts.ScriptTarget.ES2022, true),
  }))

const lineOf = (tree: ts.SourceFile, node: ts.Node): number =>
  tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1

function importsOf({ file, tree }: Source): Import[] {
  const found: Import[] = []
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      const bare = ts.isImportDeclaration(node) && node.importClause === undefined
      found.push({ file, line: lineOf(tree, node), from: (node.moduleSpecifier as ts.StringLiteral).text, bare })
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push({
        file,
        line: lineOf(tree, node),
        from: (node.argument.literal as ts.StringLiteral).text,
        bare: false,
      })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [what] = node.arguments
      const text = what !== undefined && ts.isStringLiteral(what) ? what.text : 'a computed path'
      found.push({ file, line: lineOf(tree, node), from: text, bare: false })
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

const imports = sources.flatMap(importsOf)
const isRelative = ({ from }: Import): boolean => from.startsWith('.')
const target = ({ file, from }: Import): string => relative(SRC, join(SRC, dirname(file), from)).replaceAll('\\', '/')
const folderOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '')
const said = ({ file, line, from }: Import): string => `${file}:${line} imports ${from}`

/** Nodes of all files that `wanted` picks, as `file:line`. */
function places(wanted: (node: ts.Node, file: string) => boolean): string[] {
  const found: string[] = []
  for (const { file, tree } of sources) {
    const visit = (node: ts.Node): void => {
      if (wanted(node, file)) found.push(`${file}:${lineOf(tree, node)}`)
      ts.forEachChild(node, visit)
    }
    visit(tree)
  }
  return found
}

describe('imports of src/', () => {
  test('are found at all', () => {
    expect(sources.length).toBeGreaterThan(100)
    expect(imports.length).toBeGreaterThan(500)
    expect(imports.map(said)).toContainEqual(
      expect.stringMatching(/^ops\/loss\/table\.ts:\d+ imports \.\/accuracy\.ts$/),
    )
  })

  test('name the file, with its ending, and the file is there', () => {
    const files = new Set(sources.map(({ file }) => file))
    expect(
      imports
        .filter(isRelative)
        .filter((found) => !files.has(target(found)))
        .map(said),
    ).toEqual([])
  })

  test('go down the layers only', () => {
    const used = new Set<string>()
    const faults = imports.filter(isRelative).filter((found) => {
      const from = folderOf(found.file)
      const path = target(found)
      const to = folderOf(path)
      if (from === to) return from === '' && found.file !== 'index.ts' && !OPEN_TO_ALL.includes(path)
      if (OPEN_TO_ALL.includes(path)) return false
      // The public surface names everything but the command line; the command line may use everything.
      if (found.file === 'index.ts') return to === 'cli'
      if (from === 'cli') return false
      const edge = `${found.file} -> ${path}`
      if (EXCEPTIONS[edge] !== undefined) used.add(edge)
      return MAY_IMPORT[from]?.includes(to) !== true && EXCEPTIONS[edge] === undefined
    })
    expect(faults.map(said)).toEqual([])
    expect([...used].sort(), 'an exception that nobody needs').toEqual(Object.keys(EXCEPTIONS).sort())
  })

  test('the rule itself has no cycle, and knows every folder', () => {
    const done = new Set<string>()
    const walk = (folder: string, path: readonly string[]): void => {
      if (path.includes(folder)) throw new Error(`cycle: ${[...path, folder].join(' → ')}`)
      if (done.has(folder)) return
      for (const next of MAY_IMPORT[folder] ?? []) walk(next, [...path, folder])
      done.add(folder)
    }
    for (const folder of Object.keys(MAY_IMPORT)) walk(folder, [])
    const folders = new Set(sources.map(({ file }) => folderOf(file)).filter((folder) => folder !== ''))
    expect([...folders].filter((folder) => folder !== 'cli' && MAY_IMPORT[folder] === undefined)).toEqual([])
  })

  test('make no cycle between folders, exceptions and the command line included', () => {
    const edges = new Map<string, Set<string>>()
    for (const found of imports.filter(isRelative)) {
      const from = folderOf(found.file)
      const to = folderOf(target(found))
      if (from === to || from === '' || to === '') continue
      edges.set(from, (edges.get(from) ?? new Set()).add(to))
    }
    const cycles: string[] = []
    const walk = (folder: string, path: readonly string[]): void => {
      if (path.includes(folder)) {
        cycles.push([...path.slice(path.indexOf(folder)), folder].join(' → '))
        return
      }
      for (const next of edges.get(folder) ?? []) walk(next, [...path, folder])
    }
    for (const folder of edges.keys()) walk(folder, [])
    expect(cycles).toEqual([])
  })

  test('of packages are those agreed on', () => {
    const builtin = (from: string): boolean => from.startsWith('node:') || builtinModules.includes(from)
    const packages = imports.filter((found) => !isRelative(found) && !builtin(found.from))
    expect(packages.filter(({ file, from }) => PACKAGES[from]?.test(file) !== true).map(said)).toEqual([])
  })

  test('of Node are in the command line alone, with the prefix node:', () => {
    const ofNode = imports.filter(({ from }) => from.startsWith('node:') || builtinModules.includes(from))
    expect(ofNode.length).toBeGreaterThan(0)
    // Only a type is named there: Node's modules are asked of the running process, so that a page can bundle the library.
    const typesOnly = 'io/node/file_system.ts'
    const wrong = ofNode.filter(
      ({ file, from }) => !from.startsWith('node:') || (folderOf(file) !== 'cli' && file !== typesOnly),
    )
    expect(wrong.map(said)).toEqual([])
  })

  test('are made for what they name, never for a side effect', () => {
    expect(imports.filter(({ bare }) => bare).map(said)).toEqual([])
  })

  test('nobody but the table imports single operators from outside ops/', () => {
    const operators = new Set(imports.filter(({ file }) => /^ops\/\w+\/table\.ts$/.test(file)).map(target))
    expect(operators.size).toBeGreaterThan(80)
    const faults = imports
      .filter(isRelative)
      .filter((found) => folderOf(found.file) !== 'ops' && /^ops\/(?!index\.ts$)/.test(target(found)))
      // Lowerings share with kernels what operators are made of: how windows lie over planes, but no operator.
      .filter((found) => folderOf(found.file) !== 'compiler' || operators.has(target(found)))
    expect(faults.map(said)).toEqual([])
  })
})

describe('src/ has', () => {
  test('no `any` outside op_def.ts', () => {
    const any = places((node) => node.kind === ts.SyntaxKind.AnyKeyword)
    expect(
      any.some((place) => place.startsWith('framework/op_def.ts:')),
      'the search finds those of op_def.ts',
    ).toBe(true)
    expect(any.filter((place) => !place.startsWith('framework/op_def.ts:'))).toEqual([])
  })

  test('no default exports', () => {
    const isDefault = (node: ts.Node): boolean =>
      (ts.isExportAssignment(node) && !node.isExportEquals) ||
      (node.kind === ts.SyntaxKind.DefaultKeyword && !ts.isDefaultClause(node.parent)) ||
      (ts.isExportSpecifier(node) && node.name.text === 'default')
    expect(places(isDefault)).toEqual([])
  })

  test('no enums, namespaces or decorators', () => {
    const isOne = (node: ts.Node): boolean =>
      ts.isEnumDeclaration(node) || ts.isModuleDeclaration(node) || ts.isDecorator(node)
    expect(places(isOne)).toEqual([])
  })

  test('nothing that turns text into code or starts a process', () => {
    const named = (node: ts.Node, ...names: string[]): boolean => ts.isIdentifier(node) && names.includes(node.text)
    const isOne = (node: ts.Node): boolean => {
      if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
        if (named(node.expression, 'eval', 'Function')) return true
        const timer = named(node.expression, 'setTimeout', 'setInterval')
        const first = node.arguments?.[0]
        if (timer && first !== undefined && ts.isStringLiteralLike(first)) return true
      }
      // `constructor.constructor` reaches Function without naming it.
      return (
        ts.isPropertyAccessExpression(node) &&
        node.name.text === 'constructor' &&
        ts.isPropertyAccessExpression(node.expression) &&
        node.expression.name.text === 'constructor'
      )
    }
    expect(places(isOne)).toEqual([])
    // The compile cache runs the joined command line of the package, which Node would otherwise read by itself, and no other text.
    const isAllowed = ({ file, from }: Import): boolean => file === 'cli/compile_cache.ts' && from === 'node:vm'
    expect(
      imports
        .filter(({ from }) => /^(node:)?(child_process|vm|worker_threads|cluster)$/.test(from))
        .filter((each) => !isAllowed(each))
        .map(said),
    ).toEqual([])
    expect(imports.filter(({ from }) => from === 'a computed path').map(said)).toEqual([])
  })

  test('no index files but those of the package, its entry ir, the table, nn and optimizer', () => {
    const index = sources.map(({ file }) => file).filter((file) => /(^|\/)index\.ts$/.test(file))
    expect(index).toEqual(['index.ts', 'ir/index.ts', 'nn/index.ts', 'ops/index.ts', 'optimizer/index.ts'])
  })
})
