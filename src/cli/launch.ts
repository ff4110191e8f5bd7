#!/usr/bin/env node
/**
 * The executable `oarlock` of the package, where the build calls it `main.js`: runs the joined command line beside it, with what was compiled
 * of it when the same command ran before.
 */
import { fileURLToPath } from 'node:url'
import { compileCacheFolder, runCached } from './compile_cache.ts'

/** After a longer run V8 has thrown away what only the start of it needed, and nobody would notice what the next such run gains. */
const LONGEST_RUN_MS = 5000

const [command = ''] = process.argv.slice(2)
const { keep } = runCached(
  fileURLToPath(new URL('main.cjs', import.meta.url)),
  compileCacheFolder(process.env),
  // Flags, files and the like have one entry together: any entry fits any command, it only may lack some functions.
  /^[a-z]+$/.test(command) ? command : 'other',
)
process.once('exit', (code) => {
  if (code === 0 && performance.now() < LONGEST_RUN_MS) keep()
})
