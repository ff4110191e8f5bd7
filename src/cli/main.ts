#!/usr/bin/env node
/**
 * The executable `oarlock`, as it is run from source. For the package the build joins all of it to one script, `main.cjs`, which `launch.ts`
 * runs.
 */
import { main } from './command_line.ts'
import { nodeIo } from './io.ts'

// No await: the joined script is no module. Set, not exited with: output that is still on its way to a pipe must arrive.
void main(process.argv.slice(2), nodeIo()).then((code) => {
  process.exitCode = code
})
