/**
 * How much a page loads: the built package bundled and minified by Vite, gzipped, for what a page may need of it.
 *
 *   npx tsx bench/bundle_size.ts
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Rolldown } from 'vite'
import { BUNDLES, type Bundle } from './works.ts'

const ENTRY = 'virtual:page'
const dist = fileURLToPath(new URL('../dist', import.meta.url))

/** Bytes of the bundle, gzipped. */
export async function bundleSize({ entry, names }: Bundle): Promise<number> {
  const library = join(dist, entry ?? '', 'index.js')
  const text = `export ${names === undefined ? '*' : `{ ${names.join(', ')} }`} from ${JSON.stringify(library)}`
  const output = (await build({
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === ENTRY ? id : undefined),
        load: (id) => (id === ENTRY ? text : undefined),
      },
    ],
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      rolldownOptions: { input: ENTRY, preserveEntrySignatures: 'strict' },
    },
  })) as Rolldown.RolldownOutput
  const scripts = output.output.flatMap((part) => (part.type === 'chunk' ? [part.code] : []))
  return scripts.reduce((sum, code) => sum + gzipSync(code, { level: 9 }).length, 0)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const bundle of BUNDLES) {
    const bytes = await bundleSize(bundle)
    const wanted = bundle.atMost === undefined ? '' : `, wanted at most ${(bundle.atMost / 1000).toFixed(0)} KB`
    console.log(`${bundle.title}: ${(bytes / 1000).toFixed(1)} KB${wanted}`)
  }
}
