#!/usr/bin/env node
/**
 * The executable `oarlock`. What it does is in `command_line.ts`, which is imported only after the compile cache of newer Node versions is on:
 * reading and compiling the modules is a quarter of a short run.
 */
import module from 'node:module'

// Since Node 22.8; in a folder of the system's for temporary files, or where NODE_COMPILE_CACHE says.
if ('enableCompileCache' in module) (module.enableCompileCache as () => unknown)()
const [{ main }, { nodeIo }] = await Promise.all([import('./command_line.ts'), import('./io.ts')])

// Set, not exited with: output that is still on its way to a pipe must arrive.
process.exitCode = await main(process.argv.slice(2), nodeIo())
