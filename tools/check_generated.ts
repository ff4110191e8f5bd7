/**
 * Generated files are committed, and this script keeps them true: it runs every generator of the list below and
 * compares what they give with the files on disk. `npm run generated` names the stale ones and fails;
 * `npm run generate` writes them.
 *
 * A generator returns its files, by path from the project's root, and writes nothing itself.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { performancePage } from '../bench/render.ts'
import { digitsPrograms } from '../examples/digits/build_program.ts'
import { digitsFiles } from './make_digits.ts'
import { errorsDocFiles } from './make_errors_doc.ts'
import { opsPages } from './make_ops_doc.ts'
import { passesPage } from './make_passes_doc.ts'
import { schemaFiles } from './make_schema.ts'
import { signatureFiles } from './make_signatures.ts'

type Files = Record<string, string | Uint8Array>

const generators: (() => Files | Promise<Files>)[] = [
  digitsFiles,
  digitsPrograms,
  errorsDocFiles,
  opsPages,
  passesPage,
  performancePage,
  schemaFiles,
  signatureFiles,
]

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const write = process.argv.includes('--write')
let checked = 0
let stale = 0

for (const generator of generators) {
  for (const [path, content] of Object.entries(await generator())) {
    checked++
    const file = join(root, path)
    const wanted = Buffer.from(content)
    if (existsSync(file) && wanted.equals(readFileSync(file))) continue
    stale++
    if (write) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, wanted)
    }
    console.log(`${write ? 'written' : 'stale'}: ${path}`)
  }
}

console.log(`generated files: ${checked} checked, ${stale} ${write ? 'written' : 'stale'}`)
if (stale > 0 && !write) {
  console.log('run `npm run generate` and look at the difference')
  process.exitCode = 1
}
