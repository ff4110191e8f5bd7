/**
 * Builds the package into `dist`: empties the folder, compiles `src`, copies the JSON schemas of `schema/` (if there
 * are any) beside the code, joins the modules of the command line, and makes it executable. What the result must
 * satisfy as a package is checked by `package_check.ts`.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

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

const commandLine = join(dist, 'cli', 'main.js')
if (existsSync(commandLine)) {
  await joinCommandLine()
  chmodSync(commandLine, 0o755)
}

/**
 * The command line is some 500 modules with what it imports; Node takes half a second of processor time to find and read them one by one.
 * Joined, with what commands share in files of their own, it takes a third of that. Packages are joined
 * too, with their licences. Stack traces keep their names: nothing is made shorter.
 */
async function joinCommandLine(): Promise<void> {
  const joined = join(dist, 'cli-joined')
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    ssr: { noExternal: ['commander', 'fflate'] },
    build: {
      ssr: commandLine,
      outDir: joined,
      target: 'node20',
      minify: false,
      license: { fileName: 'licenses.md' },
      // Flat: modules find package.json by their own place.
      rolldownOptions: { output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' } },
    },
  })
  rmSync(join(dist, 'cli'), { recursive: true })
  renameSync(joined, join(dist, 'cli'))
}
