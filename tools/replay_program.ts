/**
 * Replays a program recorded from real Paddle: applies the recorded calls to the program before backward and compares what comes out.
 *
 *   npx tsx tools/replay_program.ts FOLDER [--out DIR] [--run] [--ops optimizer]
 *
 * --out writes the programs made as JSON; --run also compares initial values and the training trace; --ops optimizer compares only the
 * operators whose role has the Optimize bit, and their startup operators. Exit code 0 only when all of it agrees.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type CompareOptions, comparePrograms } from '../src/framework/diff.ts'
import { OpRole } from '../src/framework/op_role.ts'
import type { Operator } from '../src/framework/operator.ts'
import { stringifyProgramJson } from '../src/framework/program_json.ts'
import type { Variable } from '../src/framework/variable.ts'
import { applyCalls, type Replayed } from './replay/apply_calls.ts'
import { Recording } from './replay/recording.ts'
import { runTrace } from './replay/run_trace.ts'

export interface ReplayOptions {
  readonly out?: string | undefined
  readonly run?: boolean
  readonly ops?: string | undefined
}

/** What differs from the recording, first difference first; empty when all agrees. */
export function replay(folder: string, options: ReplayOptions = {}): string[] {
  const recording = new Recording(folder)
  const before = recording.program('main_before_backward')
  const made = applyCalls(recording)
  const faults = [...made.faults]
  const only: ReturnType<typeof optimizerOnly> = options.ops === 'optimizer' ? optimizerOnly(made) : {}
  for (const [name, program] of [
    ['main', made.main],
    ['startup', made.startup],
  ] as const) {
    const recorded = recording.program(name)
    const compared = name === 'main' ? only.main : only.startup
    if (recorded !== undefined)
      faults.push(...comparePrograms(recorded, program, compared).map((fault) => `${name}: ${fault}`))
  }
  for (const [name, source] of [
    ['test', before],
    ['test_after_minimize', made.main],
  ] as const) {
    const recorded = recording.program(name)
    if (recorded === undefined || source === undefined || options.ops !== undefined) continue
    faults.push(...comparePrograms(recorded, source.clone({ forTest: true })).map((fault) => `${name}: ${fault}`))
  }
  const ampTest = recording.program('test_after_amp_init')
  if (ampTest !== undefined && made.ampTest !== undefined && options.ops === undefined) {
    faults.push(...comparePrograms(ampTest, made.ampTest).map((fault) => `test_after_amp_init: ${fault}`))
  }
  if (options.out !== undefined) {
    mkdirSync(options.out, { recursive: true })
    writeFileSync(join(options.out, 'main.json'), stringifyProgramJson(made.main.toJSON()))
    writeFileSync(join(options.out, 'startup.json'), stringifyProgramJson(made.startup.toJSON()))
  }
  if (options.run === true) faults.push(...runTrace(recording, made))
  return faults
}

/** Only operators with the Optimize bit, and in startup only those that set a variable which such an operator names. */
function optimizerOnly({ main }: Replayed): { main?: CompareOptions; startup?: CompareOptions } {
  const updates = (op: Operator): boolean => (op.role & OpRole.Optimize) !== 0
  const named = new Set(
    main
      .globalBlock()
      .ops.filter(updates)
      .flatMap((op) => [...op.inputNames(), ...op.outputNames()]),
  )
  const vars = (variable: Variable): boolean => named.has(variable.name)
  return {
    main: { ops: updates, vars },
    startup: { ops: (op) => op.outputNames().some((name) => named.has(name)), vars },
  }
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { out: { type: 'string' }, run: { type: 'boolean' }, ops: { type: 'string' } },
  })
  if (positionals.length === 0) {
    console.error('usage: npx tsx tools/replay_program.ts FOLDER… [--out DIR] [--run] [--ops optimizer]')
    process.exitCode = 2
    return
  }
  for (const folder of positionals) {
    const faults = replay(folder, { out: values.out, run: values.run ?? false, ops: values.ops })
    if (faults.length === 0) {
      console.log(`${folder}: equal`)
      continue
    }
    process.exitCode = 1
    console.log(`${folder}: ${faults.length} differences`)
    for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`)
  }
}

if (process.argv[1] !== undefined && import.meta.url === new URL(`file://${process.argv[1]}`).href) main()
