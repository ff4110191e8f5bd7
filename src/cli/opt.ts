/** `oarlock opt`: passes over a program, with a check that its results stay, and a reproducer where they do not. */
import { checkResults } from '../compiler/check_results.ts'
import type { ComparedRuns } from '../compiler/compare_runs.ts'
import {
  countOps,
  defaultPipeline,
  type Optimized,
  optimize,
  PassFailure,
  type PassStep,
  programResults,
} from '../compiler/optimize.ts'
import type { Pass } from '../compiler/passes/pass.ts'
import { choosePasses, PASSES, PIPELINES } from '../compiler/passes/pipelines.ts'
import { diffPrograms, formatDiff } from '../framework/diff.ts'
import { counted, cut } from '../framework/print_text.ts'
import type { Program } from '../framework/program.ts'
import { writeNamedValues } from '../io/named_values.ts'
import { persistableVariables } from '../io/params.ts'
import type { Value } from '../tensor/tensor.ts'
import {
  addListOption,
  addOption,
  asCount,
  asNamed,
  asNames,
  asPath,
  asWhole,
  type CommandDefinition,
  type Context,
  type Named,
  usage,
} from './command.ts'
import { defaultFetches, resolveFetches } from './fetches.ts'
import { makeFolder, refuseExisting, writeOutput } from './files.ts'
import { type LoadedProgram, loadProgram, programEntry, programFiles } from './load_program.ts'
import { OPEN_SIZES, randomFeeds, startValues } from './opt_values.ts'
import type { Output } from './output.ts'
import { writeProgram } from './program_output.ts'
import { writeReproducer } from './reproducer.ts'

/** Steps of the check: the second runs on what the first has kept. */
const STEPS = 2
const DEFAULT_SEED = 1
const DEFAULT_ROWS = 2

export interface OptFlags {
  readonly passes?: readonly string[]
  readonly list?: boolean
  readonly printChanged?: boolean
  readonly fetch?: readonly string[]
  readonly feed?: readonly Named[]
  readonly batch?: number
  readonly seed?: number
  readonly startup?: string
  readonly load?: string
  readonly check: boolean
  readonly output?: string
  readonly force?: boolean
}

/** @param known the passes that can be named. */
export const optCommand = (known: readonly Pass[]): CommandDefinition<OptFlags> => ({
  usage: 'FILE [--passes LIST] [-o OUT]',
  examples: [
    ['oarlock opt mlp.json -o mlp.opt.json', 'the default passes; results are compared'],
    [
      'oarlock opt mlp.json --passes dead_code,cancel_casts --fetch loss --print-changed',
      'what each of two passes does',
    ],
    ['oarlock opt inference.pdmodel -o small.pdmodel', 'parameters too: small.pdiparams'],
    ['oarlock opt --list', 'all passes'],
  ],
  exits: { 70: 'a pass failed, or changed the results: a reproducer is written' },
  notes: `LIST is names of passes, training, inference or none; by default training for a
program with backward or optimizer operators, else inference. The program runs
before and after on random feeds and the values beside it (--load, --startup).`,
  define(command) {
    command.argument('[FILE]')
    addOption(command, '--passes LIST', 'passes in order: a,b or training, inference, none', asNames)
    command.option('--list', 'list the passes and what they do')
    command.option('--print-changed', 'print the difference that each pass makes')
    addOption(command, '--fetch NAMES', 'results that must stay (those of the program)', asNames)
    addListOption(command, '--feed NAME=VALUE', 'a value for the check, as in run (random)', asNamed)
    addOption(command, '--batch N', `rows of random feeds (${DEFAULT_ROWS})`, asCount(1))
    addOption(command, '--seed N', `seed of feeds and of the check (${DEFAULT_SEED})`, asWhole)
    addOption(command, '--startup FILE', 'initial values for the check', asPath)
    addOption(command, '--load PATH', 'values of parameters', asPath)
    command.option('--no-check', 'do not compare results')
    addOption(command, '-o, --output PATH', 'where to write; - is stdout', asPath)
    command.option('-f, --force', 'replace files')
  },
  async run({ args, options }, context) {
    const { out } = context
    if (options.list === true) {
      listPasses(known, out)
      return 0
    }
    if (args[0] === undefined) throw usage('FILE is missing', { hint: 'oarlock opt --list lists the passes' })
    const passes = options.passes === undefined ? undefined : choosePasses(options.passes, known)
    return await optimizeFile(args[0], passes, options, context)
  },
})

export const opt = optCommand(PASSES)

function listPasses(known: readonly Pass[], out: Output): void {
  if (out.json) {
    const passes = known.map(({ name, doc, changesBits, needsValues }) => ({
      name,
      doc,
      changesBits,
      needsValues: needsValues === true,
    }))
    const pipelines = Object.entries(PIPELINES).map(([name, list]) => [name, list.map((pass) => pass.name)])
    out.document({ ok: true, command: 'opt', passes, pipelines: Object.fromEntries(pipelines) })
    return
  }
  const lines = known.flatMap(({ name, doc, changesBits }) => [
    out.style('bold', name),
    `  ${doc}`,
    ...(changesBits === false
      ? []
      : [`  Changes bits: results may differ by ${changesBits} of the largest magnitude.`]),
  ])
  const pipelines = Object.entries(PIPELINES).map(
    ([name, list]) => `${name.padEnd(10)} ${list.map((pass) => pass.name).join(', ')}`,
  )
  out.data([...lines, '', ...pipelines.map((line) => line.trimEnd())].join('\n'))
}

async function optimizeFile(
  path: string,
  passes: readonly Pass[] | undefined,
  options: OptFlags,
  context: Context,
): Promise<number> {
  const { io, out } = context
  const files = programFiles(io, path)
  const loaded = await loadProgram(io, files.main)
  const main = loaded.program
  const { output } = options
  const valuesOut =
    output === undefined || output === '-' ? undefined : `${output.replace(/\.(json|pdmodel)$/, '')}.pdiparams`
  if (output !== undefined) refuseExisting(io, output, options.force === true)
  const fetch =
    options.fetch === undefined
      ? [...new Set([...defaultFetches(main), ...programResults(main)])]
      : resolveFetches(main, options.fetch)
  const seed = options.seed ?? DEFAULT_SEED
  const sources = { startup: options.startup ?? files.startup, load: options.load, seed }
  const { values, fromFiles } = await startValues(main, files, sources, context)
  const rows = options.batch ?? DEFAULT_ROWS
  const writesValues = fromFiles && valuesOut !== undefined
  if (writesValues) refuseExisting(io, valuesOut, options.force === true)
  const flags = [
    ...['--seed', String(seed), '--batch', String(rows)],
    ...(options.feed ?? []).flatMap(({ name, value }) => ['--feed', `${name}=${value}`]),
  ]
  let optimized: Optimized
  let checked: ComparedRuns | undefined
  try {
    optimized = optimize(main, {
      fetch,
      passes: passes ?? defaultPipeline(main),
      ...(fromFiles ? { values } : {}),
      onStep: dumper(main, context),
    })
    for (const size of options.check ? OPEN_SIZES : []) {
      const feed = await randomFeeds(main, options.feed ?? [], { seed, rows, size }, context)
      checked = checkResults(optimized, { feed, fetch, values, seed, steps: STEPS })
      if (checked.notRun === undefined) break
    }
  } catch (error) {
    if (!(error instanceof PassFailure)) throw error
    throw writeReproducer(error, { file: files.main, fetch, values, flags }, context)
  }
  if (output !== undefined) writeProgram(io, output, optimized.program, options.force === true)
  if (writesValues) writeValues(optimized, values, valuesOut, options.force === true, context)
  report(loaded, optimized, checked, { ...options, ...(writesValues ? { valuesOut } : {}) }, out)
  return 0
}

/** With DUMP=folder in the environment: the program as it is, then after each pass that changes it, as numbered files. */
function dumper(program: Program, { io }: Context): (step: PassStep) => void {
  const folder = io.env['DUMP']
  if (folder === undefined || folder === '') return () => undefined
  makeFolder(io, folder)
  let number = 0
  const write = (name: string, each: Program): void => {
    writeProgram(io, `${folder}/${String(number++).padStart(2, '0')}_${name}.json`, each, true)
  }
  write('before', program)
  return ({ pass, before, after }) => {
    if (before !== after) write(pass.name, after)
  }
}

function writeValues(
  { program, values: added }: Optimized,
  values: ReadonlyMap<string, Value>,
  path: string,
  force: boolean,
  { io }: Context,
): void {
  const kept = persistableVariables(program).flatMap(({ name }): [string, Value][] => {
    const value = added.get(name) ?? values.get(name)
    return value === undefined ? [] : [[name, value]]
  })
  writeOutput(io, path, writeNamedValues('pdiparams', new Map(kept), { program }), force)
}

function report(
  loaded: LoadedProgram,
  optimized: Optimized,
  checked: ComparedRuns | undefined,
  options: OptFlags & { readonly valuesOut?: string },
  out: Output,
): void {
  const { steps, tolerance } = optimized
  const { output, valuesOut } = options
  const before = countOps(loaded.program)
  const after = countOps(optimized.program)
  if (out.json) {
    // The program itself is what stdout is for then.
    if (output === '-') return
    out.document({
      ok: true,
      command: 'opt',
      program: programEntry(loaded),
      passes: steps.map((step) => stepEntry(step, options.printChanged === true)),
      ops: { before, after },
      check: checkEntry(checked, tolerance),
      output: output ?? null,
      valuesOutput: valuesOut ?? null,
    })
    return
  }
  const room = Math.max(0, ...steps.map(({ pass }) => pass.name.length))
  const lines = steps.flatMap((step) => stepLines(step, room, options.printChanged === true, out))
  if (output === '-') for (const line of lines) out.talk(line)
  else if (lines.length > 0) out.data(lines.join('\n'))
  const arrow = out.ascii ? '->' : '→'
  const wrote = [output, valuesOut].filter((path) => path !== undefined && path !== '-')
  const parts = [
    `${before} ${arrow} ${counted(after, 'op')}`,
    checkText(checked, tolerance, optimized),
    ...(wrote.length > 0 ? [`wrote ${wrote.join(' and ')}`] : []),
  ]
  out.done(parts.join(out.ascii ? ' | ' : ' · '))
}

/** How many operators of each type came (positive) and went. */
function typeChanges(before: Program, after: Program): [type: string, change: number][] {
  const counts = new Map<string, number>()
  const count = ({ blocks }: Program, by: number): void => {
    for (const { ops } of blocks) for (const { type } of ops) counts.set(type, (counts.get(type) ?? 0) + by)
  }
  count(after, 1)
  count(before, -1)
  return [...counts].filter(([, change]) => change !== 0)
}

function stepLines(
  { pass, before, after, opsBefore, opsAfter }: PassStep,
  room: number,
  prints: boolean,
  out: Output,
): string[] {
  const name = `  ${pass.name.padEnd(room)}  `
  if (before === after) return [`${name}unchanged`]
  const signed = (change: number): string => `${change < 0 ? (out.ascii ? '-' : '−') : '+'}${Math.abs(change)}`
  const types = typeChanges(before, after).map(([type, change]) => `${signed(change)} ${type}`)
  const size =
    opsAfter === opsBefore
      ? 'same number of ops'
      : `${signed(opsAfter - opsBefore)} op${Math.abs(opsAfter - opsBefore) === 1 ? '' : 's'}`
  const line = `${name}${size.padEnd(10)}  ${types.join(', ')}`.trimEnd()
  if (!prints) return [line]
  const text = formatDiff(diffPrograms(before, after), { programs: [before, after], ascii: out.ascii })
  const width = out.width ?? Infinity
  return [line, ...text.split('\n').map((each) => cut(`    ${each}`, width, out.ascii ? '...' : '…'))]
}

function stepEntry({ pass, before, after, opsBefore, opsAfter, ms }: PassStep, prints: boolean): object {
  return {
    name: pass.name,
    changed: before !== after,
    changesBits: pass.changesBits,
    opsBefore,
    opsAfter,
    types: Object.fromEntries(typeChanges(before, after)),
    ms,
    ...(prints ? { differences: before === after ? [] : diffPrograms(before, after) } : {}),
  }
}

function checkText(checked: ComparedRuns | undefined, tolerance: number, { steps }: Optimized): string {
  if (steps.every(({ before, after }) => before === after)) return 'nothing to do'
  if (checked === undefined) return 'results not compared'
  if (checked.notRun !== undefined) return `results not compared: ${checked.notRun.code} ${checked.notRun.summary}`
  const how =
    tolerance === 0 ? 'equal bit for bit' : `within ${checked.largest.toExponential(1)} (allowed ${tolerance})`
  const weak = checked.nonFinite === 0 ? '' : `, ${checked.nonFinite} of them not finite`
  return `results ${how} on random feeds (${counted(checked.compared, 'value')} in ${STEPS} steps${weak})`
}

function checkEntry(checked: ComparedRuns | undefined, tolerance: number): object | null {
  if (checked === undefined) return null
  const { compared, largest, nonFinite, notRun } = checked
  return { compared, largest, tolerance, nonFinite, notRun: notRun === undefined ? null : notRun.toJSON() }
}
