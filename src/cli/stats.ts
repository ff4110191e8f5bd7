/** `oarlock stats`: what a program consists of, and how much memory a run of it needs at most. */
import { roleLetter } from '../framework/op_role.ts'
import { counted, formatBytes } from '../framework/print_text.ts'
import type { Program } from '../framework/program.ts'
import { isRunnable, type OperatorSupport, operatorSupport } from '../framework/support.ts'
import { isTensorKind, type Variable } from '../framework/variable.ts'
import { byteSize } from '../tensor/dtype.ts'
import { addOption, asChoice, asCount, type CommandDefinition } from './command.ts'
import { defaultFetches } from './fetches.ts'
import { type LoadedProgram, programEntry } from './load_program.ts'
import { isValues, type LoadedValues, loadAny } from './load_values.ts'
import { type Output, visible } from './output.ts'
import { supportTable } from './support_report.ts'
import { valueRow, valuesHead } from './value_table.ts'

interface StatsFlags {
  readonly batch?: number
  readonly backend?: 'wasm' | 'ts'
}

export const stats: CommandDefinition<StatsFlags> = {
  usage: 'FILE [--batch N] [--backend NAME]',
  examples: [
    ['oarlock stats mlp.json', 'parameters, bytes, operators by type and role'],
    ['oarlock stats mlp.json --batch 64', 'memory with 64 rows in place of unknown dimensions'],
  ],
  exits: {},
  define(command) {
    command.argument('<FILE>')
    addOption(command, '--batch N', 'what an unknown dimension counts as (1)', asCount(1))
    addOption(command, '--backend NAME', 'plan memory for wasm or ts (wasm)', asChoice('wasm', 'ts'))
  },
  async run({ args, options }, { io, out }) {
    const loaded = await loadAny(io, args[0]!)
    if (isValues(loaded)) {
      statsOfValues(loaded, out)
      return 0
    }
    const counts = programStats(loaded.program, options.batch ?? 1)
    const planned = await planOf(loaded.program, options)
    if (out.json) out.document({ ok: true, command: 'stats', program: programEntry(loaded), ...counts, planned })
    else out.data(format(loaded, counts, planned, out))
    return 0
  },
}

interface Planned {
  readonly backend: 'wasm' | 'ts'
  /** Bytes that the temporaries of a run share, and what they would take without; null where a run is interpreted. */
  readonly arenaBytes: number | null
  readonly temporaryBytes: number | null
  /** The operator where most is alive. */
  readonly peakOp: number | null
  readonly peakBytes: number | null
  /** Why there is no plan. */
  readonly reason: string | null
}

/** The memory that a run takes for its temporaries, from the plan that it would run by. */
async function planOf(program: Program, { batch = 1, backend = 'wasm' }: StatsFlags): Promise<Planned> {
  const none = { backend, arenaBytes: null, temporaryBytes: null, peakOp: null, peakBytes: null }
  if (!isRunnable(operatorSupport(program))) return { ...none, reason: 'operators that are not implemented' }
  const { plannedMemory } = await import('../compiler/planned_memory.ts')
  const found = plannedMemory(program, { rows: batch, backend, fetch: defaultFetches(program) })
  if ('reason' in found) return { ...none, reason: found.reason }
  const { arenaBytes, temporaryBytes, peak } = found
  return { backend, arenaBytes, temporaryBytes, peakOp: peak?.op ?? null, peakBytes: peak?.bytes ?? null, reason: null }
}

/** Counts of a file of values, by element type. */
function statsOfValues(loaded: LoadedValues, out: Output): void {
  const rows = [...loaded.found.values].map(([name, value]) => valueRow(name, value))
  const dtypes = new Map<string, { dtype: string; count: number; values: number; bytes: number }>()
  for (const { dtype, elements, bytes } of rows) {
    const entry = dtypes.get(dtype) ?? { dtype, count: 0, values: 0, bytes: 0 }
    dtypes.set(dtype, { dtype, count: entry.count + 1, values: entry.values + elements, bytes: entry.bytes + bytes })
  }
  const list = [...dtypes.values()].sort((a, b) => b.bytes - a.bytes)
  if (out.json) {
    const entry = { ...programEntry(loaded), format: loaded.found.format }
    out.document({ ok: true, command: 'stats', values: { ...entry, count: rows.length, dtypes: list } })
    return
  }
  const lines = list.map(
    ({ dtype, count, values, bytes }) =>
      `  ${dtype.padEnd(10)}  ${counted(count, 'tensor')}, ${counted(values, 'value')}, ${formatBytes(bytes)}`,
  )
  const bad = rows.filter(({ nonFinite }) => nonFinite > 0)
  if (bad.length > 0) lines.push(`  not finite in ${bad.map(({ name }) => visible(name)).join(', ')}`)
  out.data([valuesHead(loaded, rows, out), ...lines].join('\n'))
}

export interface ProgramStats {
  readonly blocks: number
  readonly ops: number
  readonly vars: number
  readonly parameters: {
    readonly count: number
    readonly values: number
    readonly bytes: number
    readonly trainable: number
  }
  readonly persistable: { readonly count: number; readonly bytes: number }
  readonly roles: Readonly<Record<'F' | 'B' | 'O' | 'L', number>>
  readonly opTypes: readonly OperatorSupport[]
  readonly memory: {
    readonly batch: number
    readonly peakBytes: number
    readonly peakOp: number | null
    readonly allBytes: number
  }
}

/** @param batch what an unknown dimension counts as. */
export function programStats(program: Program, batch: number): ProgramStats {
  const vars = program.blocks.flatMap((block) => [...block.vars.values()])
  const allOps = program.blocks.flatMap((block) => block.ops)
  const parameters = program.parameters()
  const persistable = vars.filter((variable) => variable.persistable && isTensorKind(variable.type))
  const roles = { F: 0, B: 0, O: 0, L: 0 }
  for (const { role } of allOps) roles[roleLetter(role)]++
  const bytes = (list: readonly Variable[]): number => list.reduce((sum, variable) => sum + bytesOf(variable, batch), 0)
  return {
    blocks: program.blocks.length,
    ops: allOps.length,
    vars: vars.length,
    parameters: {
      count: parameters.length,
      values: parameters.reduce((sum, { shape }) => sum + elements(shape, batch), 0),
      bytes: bytes(parameters),
      trainable: parameters.filter(({ trainable }) => trainable).length,
    },
    persistable: { count: persistable.length, bytes: bytes(persistable) },
    roles,
    opTypes: operatorSupport(program),
    memory: { batch, ...peakMemory(program, batch) },
  }
}

const elements = (shape: readonly number[], batch: number): number =>
  shape.reduce((count, dim) => count * (dim < 0 ? batch : dim), 1)

const bytesOf = ({ shape, dtype, type }: Variable, batch: number): number =>
  isTensorKind(type) ? elements(shape, batch) * byteSize(dtype) : 0

/**
 * The most bytes that are alive at once in block 0 when each variable lives from its first operator to its last; persistable ones live
 * throughout. Blocks inside count whole, at all times.
 */
function peakMemory(program: Program, batch: number): { peakBytes: number; peakOp: number | null; allBytes: number } {
  const block = program.globalBlock()
  const first = new Map<Variable, number>()
  const last = new Map<Variable, number>()
  block.ops.forEach((op, i) => {
    for (const name of [...op.inputNames(), ...op.outputNames()]) {
      const variable = block.vars.get(name)
      if (variable === undefined || variable.persistable) continue
      if (!first.has(variable)) first.set(variable, i)
      last.set(variable, i)
    }
  })
  const always = program.blocks
    .flatMap((each) => [...each.vars.values()])
    .filter((variable) => variable.persistable || variable.block !== block)
    .reduce((sum, variable) => sum + bytesOf(variable, batch), 0)
  const change = new Float64Array(block.ops.length + 1)
  let temporaries = 0
  for (const [variable, start] of first) {
    const bytes = bytesOf(variable, batch)
    temporaries += bytes
    // Fed values are there from the beginning.
    change[variable.needCheckFeed ? 0 : start]! += bytes
    change[last.get(variable)! + 1]! -= bytes
  }
  let alive = always
  let peakBytes = always
  let peakOp: number | null = null
  for (let i = 0; i < block.ops.length; i++) {
    alive += change[i]!
    if (alive > peakBytes) {
      peakBytes = alive
      peakOp = i
    }
  }
  return { peakBytes, peakOp, allBytes: always + temporaries }
}

function format({ file, program }: LoadedProgram, counts: ProgramStats, planned: Planned, out: Output): string {
  const dot = out.ascii ? '|' : '·'
  const { parameters, persistable, roles, memory } = counts
  const peak =
    memory.peakOp === null ? '' : ` at b0#${memory.peakOp} ${visible(program.globalBlock().ops[memory.peakOp]!.type)}`
  return [
    `program ${visible(file)}   ${counted(counts.blocks, 'block')} ${dot} ${counted(counts.ops, 'op')} ${dot} ${counted(counts.vars, 'var')}`,
    `  parameters   ${counted(parameters.count, 'variable')}, ${counted(parameters.values, 'value')}, ${formatBytes(parameters.bytes)} (${parameters.trainable} trainable)`,
    `  persistable  ${counted(persistable.count, 'variable')}, ${formatBytes(persistable.bytes)}`,
    `  roles        forward ${roles.F} ${dot} backward ${roles.B} ${dot} optimize ${roles.O} ${dot} learning rate ${roles.L}`,
    `  memory       peak ${formatBytes(memory.peakBytes)}${peak}, ${formatBytes(memory.allBytes)} without reuse (unknown dimensions as ${memory.batch})`,
    `  planned      ${plannedText(planned)}`,
    '',
    ...supportTable(counts.opTypes, out),
  ].join('\n')
}

function plannedText({ backend, arenaBytes, temporaryBytes, reason }: Planned): string {
  if (arenaBytes === null) return `no plan, the run is interpreted: ${visible(reason ?? '')}`
  return `arena of ${formatBytes(arenaBytes)} for temporaries, ${formatBytes(temporaryBytes!)} without sharing (${backend})`
}
