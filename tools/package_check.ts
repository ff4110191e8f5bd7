/**
 * Checks the package as its users get it: packs it, has publint and attw judge the tarball, installs it into an empty
 * project, checks a program of theirs against its types, trains with it in plain Node, starts its command line, bundles
 * a page with Vite and runs the bundle without anything of Node. All of it happens in a temporary folder, which is
 * removed in the end. `npm run build` must have run before.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build, createLogger } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
const temporary = mkdtempSync(join(tmpdir(), 'oarlock-package-'))

/** Of softmax; bundles for production have operators without documentation. */
const DOCUMENTATION = 'Scales the slices of X'

try {
  const tarball = pack()
  await step('publint', () => run('npx', ['--no-install', 'publint', 'run', tarball, '--strict'], root))
  await step('attw: types resolve for ES modules', () =>
    run('npx', ['--no-install', 'attw', tarball, '--profile', 'esm-only', '--no-definitely-typed', '--no-emoji'], root),
  )
  const consumer = await step('a Node project that installs the tarball', () => installInto('consumer', tarball))
  await step('types, in a project for Node and in one for pages', () => checkTypes(consumer))
  await step('training in Node', () => trainInNode(consumer))
  await step('command line', () => startCommandLine(consumer))
  await step('a page bundled by Vite', () => bundlePage(consumer))
  await step('training in the page', () => trainInPage(consumer))
  console.log('\npackage check: passed')
} catch (error) {
  console.error(`\npackage check: failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  rmSync(temporary, { recursive: true, force: true })
}

function pack(): string {
  console.log('\n== npm pack')
  for (const file of ['dist/index.js', 'dist/index.d.ts', 'dist/cli/main.js', 'dist/cli/main.cjs']) {
    if (!existsSync(join(root, file))) throw new Error(`${file} is missing: run \`npm run build\` first`)
  }
  run('npm', ['pack', '--silent', '--pack-destination', temporary], root)
  return join(temporary, `oarlock-${version}.tgz`)
}

function installInto(name: string, tarball: string): string {
  const folder = join(temporary, name)
  mkdirSync(folder)
  run('npm', ['init', '--yes', '--silent'], folder)
  run('npm', ['pkg', 'set', 'type=module'], folder)
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], folder)
  return folder
}

/** A user's program, and all declarations it reads: `skipLibCheck` stays off. */
function checkTypes(consumer: string): void {
  copyFileSync(join(root, 'tools', 'package_check_program.ts'), join(consumer, 'program.ts'))
  const require = createRequire(import.meta.url)
  const typeRoots = [dirname(dirname(require.resolve('@types/node/package.json')))]
  const shared = { strict: true, exactOptionalPropertyTypes: true, target: 'es2022' }
  const projects = {
    node: {
      ...shared,
      module: 'nodenext',
      lib: ['es2022'],
      types: ['node'],
      typeRoots,
      rootDir: '.',
      outDir: 'compiled',
    },
    page: { ...shared, module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'dom'], types: [], noEmit: true },
  }
  for (const [name, compilerOptions] of Object.entries(projects)) {
    const file = `tsconfig.${name}.json`
    writeFileSync(join(consumer, file), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
    run(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', file], consumer)
    console.log(`${name}: no errors`)
  }
}

function trainInNode(consumer: string): void {
  writeFileSync(
    join(consumer, 'main.js'),
    `import { ops } from 'oarlock'
import { check, train } from './compiled/program.js'
console.log(check(train(200)))
// Pages do without, Node does not.
if (ops.softmax.doc === '' || ops.softmax.inputs.X.doc === '') throw new Error('the documentation of operators is missing')
`,
  )
  run(process.execPath, ['main.js'], consumer)
}

/** Twice, the second time from its compile cache. */
function startCommandLine(consumer: string): void {
  const cache = join(consumer, 'compile-cache')
  for (const start of ['first', 'second']) {
    const environment = { NODE_COMPILE_CACHE: cache }
    const printed = run('npx', ['--no-install', 'oarlock', '--version'], consumer, 'pipe', environment).trim()
    console.log(`oarlock --version, ${start} start: ${printed}`)
    if (printed !== version) throw new Error(`oarlock --version must print ${version}, got "${printed}"`)
  }
  // npm and Node itself may use the folder too.
  const entries = readdirSync(cache).filter((name) => name.startsWith('other-'))
  if (entries.length !== 1)
    throw new Error(`the compile cache must have one entry, has ${entries.join(', ') || 'none'}`)
}

/**
 * Bundles the whole public surface, so that a Node module reached from any export is found. Vite replaces such a
 * module by an empty one and only warns, and the page then fails when it is opened; here the warning is a failure.
 */
async function bundlePage(consumer: string): Promise<void> {
  writeFileSync(join(consumer, 'index.html'), '<!doctype html>\n<script type="module" src="/page.js"></script>\n')
  writeFileSync(
    join(consumer, 'page.js'),
    `import * as oarlock from 'oarlock'
import { check, train } from './program.ts'
globalThis.oarlock = oarlock
document.title = check(train(200))
`,
  )
  const warnings: string[] = []
  const logger = createLogger('warn')
  logger.warn = (message) => void warnings.push(message)
  logger.warnOnce = logger.warn
  await build({
    root: consumer,
    configFile: false,
    customLogger: logger,
    build: { outDir: 'page', chunkSizeWarningLimit: 10_000, modulePreload: { polyfill: false } },
  })
  for (const warning of warnings) console.log(warning)

  const scripts = readdirSync(join(consumer, 'page', 'assets')).filter((file) => file.endsWith('.js'))
  if (scripts.length === 0) throw new Error('Vite wrote no script')
  let bytes = 0
  for (const script of scripts) {
    const text = readFileSync(join(consumer, 'page', 'assets', script), 'utf8')
    bytes += text.length
    if (text.includes(DOCUMENTATION)) throw new Error(`${script} holds the documentation of operators`)
    if (text.includes('__vite-browser-external')) throw new Error(`${script} stands in for a Node module`)
  }
  const nodeModules = warnings.filter((warning) => /externalized|node:/.test(warning))
  if (nodeModules.length > 0) throw new Error(`the page needs Node modules:\n${nodeModules.join('\n')}`)
  console.log(`page: ${scripts.length} script(s), ${bytes} bytes`)
}

/** The bundle in a world of its own that has what pages have as far as it is needed, and nothing of Node. */
function trainInPage(consumer: string): void {
  const assets = join(consumer, 'page', 'assets')
  const document = { title: '' }
  const page = createContext({ document, console, performance, TextEncoder, TextDecoder, URL })
  for (const script of readdirSync(assets)) {
    if (!script.endsWith('.js')) continue
    // One script that imports nothing: all that makes it a module is its own address.
    const text = readFileSync(join(assets, script), 'utf8').replaceAll('import.meta.url', '"https://page.test/page.js"')
    runInContext(text, page, { filename: script })
  }
  console.log(`the page's title: ${document.title}`)
  if (!document.title.startsWith('learned')) throw new Error('the page did not train')
}

async function step<T>(title: string, action: () => T | Promise<T>): Promise<T> {
  console.log(`\n== ${title}`)
  return await action()
}

/** Runs a program and returns what it printed if `stdout` is `pipe`. Throws if it fails. */
function run(
  command: string,
  args: string[],
  cwd: string,
  stdout: 'inherit' | 'pipe' = 'inherit',
  environment: Readonly<Record<string, string>> = {},
): string {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...outerEnvironment(), ...environment },
    encoding: 'utf8',
    stdio: ['ignore', stdout, 'inherit'],
    shell: process.platform === 'win32', // npm and npx are batch files there
  })
  if (result.error) throw result.error
  if (result.status !== 0) throw new Error(`\`${[command, ...args].join(' ')}\` ended with exit code ${result.status}`)
  return result.stdout ?? ''
}

/** The environment without what `npm run` adds about this project: the inner npm works on another one. */
function outerEnvironment(): NodeJS.ProcessEnv {
  const inner = /^(npm_package_|npm_lifecycle_|npm_config_local_prefix$|npm_command$|INIT_CWD$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !inner.test(name)))
}
