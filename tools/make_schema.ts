/**
 * Writes `schema/program.schema.json`, the JSON Schema of program files for editors, from what the reader of program files checks.
 * `npx tsx tools/make_schema.ts` writes it; with `--check` nothing is written and a stale file gives exit code 1.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programJsonSchema } from '../src/framework/program_json_schema.ts'

/** The generated files, by path from the project's root. */
export function schemaFiles(): Record<string, string> {
  return { 'schema/program.schema.json': `${JSON.stringify(programJsonSchema(), null, 2)}\n` }
}

function main(): void {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const check = process.argv.includes('--check')
  for (const [path, text] of Object.entries(schemaFiles())) {
    const file = join(root, path)
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
    console.log(`${check ? 'stale' : 'written'}: ${path}`)
    if (check) process.exitCode = 1
    else {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
