/**
 * Builds the package into `dist`: empties the folder, compiles `src`, copies the JSON schemas of `schema/` (if there
 * are any) beside the code, joins the modules of the command line to one script, and sets the documentation of operators
 * apart. What the result must
 * satisfy as a package is checked by `package_check.ts`.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { joinCommandLine } from './join_command_line.ts'
import { separateDocumentation } from './lean_operators.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')

// A file that has left `src` would otherwise stay in the package.
rmSync(dist, { recursive: true, force: true })

const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const compiled = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (compiled.status !== 0) process.exit(compiled.status ?? 1)

const schemas = join(root, 'schema')
if (existsSync(schemas)) {
  cpSync(schemas, join(dist, 'schema'), {
    recursive: true,
    filter: (path) => path === schemas || path.endsWith('.json'),
  })
}

const commandLine = join(dist, 'cli')
if (existsSync(commandLine)) {
  const joined = join(dist, 'cli-joined')
  await joinCommandLine(commandLine, joined)
  rmSync(commandLine, { recursive: true })
  renameSync(joined, commandLine)
}
separateDocumentation(dist)
