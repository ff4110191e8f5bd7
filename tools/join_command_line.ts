/** Joins the compiled modules of the command line, and the packages they use, to what the package carries of it. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'

/**
 * The command line in the folder `from` is some 500 modules with what it imports; Node takes half a second of processor time to find and
 * read them one by one. They become one script, `main.cjs`: a script, because Node 20 can keep the compiled form of one, but not of modules
 * (`src/cli/compile_cache.ts`). `main.js` starts it. Stack traces keep their names: white space and comments go, nothing is renamed.
 */
export async function joinCommandLine(from: string, to: string): Promise<void> {
  const minify = { compress: true, mangle: false, codegen: { removeWhitespace: true } }
  const outputs = [
    { entry: 'main.js', output: { entryFileNames: 'main.cjs', format: 'cjs', codeSplitting: false, minify } },
    { entry: 'launch.js', output: { entryFileNames: 'main.js', format: 'es' } },
  ] as const
  for (const { entry, output } of outputs) {
    await build({
      root: from,
      configFile: false,
      logLevel: 'warn',
      ssr: { noExternal: ['commander', 'fflate'] },
      build: {
        ssr: join(from, entry),
        outDir: to,
        emptyOutDir: false,
        target: 'node20',
        minify: false,
        license: entry === 'main.js' ? { fileName: 'licenses.md' } : false,
        rolldownOptions: { output },
      },
    })
  }
  const script = join(to, 'main.cjs')
  writeFileSync(script, inAscii(readFileSync(script, 'utf8').replace(/^#!.*\n/, '')))
  chmodSync(join(to, 'main.js'), 0o755)
}

/**
 * JavaScript without characters beyond ASCII, which reads four times as fast. They are found in texts and regular expressions only, where
 * `\u` and a number mean the same; names and comments have none.
 */
const inAscii = (code: string): string =>
  code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
