#!/usr/bin/env node
/** The executable `oarlock`. What it does is in `command_line.ts`. */
import { main } from './command_line.ts'
import { nodeIo } from './io.ts'

// Set, not exited with: output that is still on its way to a pipe must arrive.
process.exitCode = await main(process.argv.slice(2), nodeIo())
