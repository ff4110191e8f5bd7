/** `oarlock profile`: where the time and the memory of a program go, operator by operator. */
import type { Executor } from '../compiler/executor.ts'
import { Profiler } from '../compiler/profiler.ts'
import { EnforceError } from '../errors.ts'
import type { Program } from '../framework/program.ts'
import { attachScheduler } from '../optimizer/lr/attach.ts'
import { chromeTrace } from './chrome_trace.ts'
import {
  addListOption,
  addOption,
  asChoice,
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
import type { Feed } from './feeds.ts'
import { defaultFetches, resolveFetches } from './fetches.ts'
import { refuseExisting, writeOutput } from './files.ts'
import { loadProgram, programEntry, programFiles } from './load_program.ts'
import { OPEN_SIZES, randomFeeds, startValues } from './opt_values.ts'
import { profileText } from './profile_text.ts'
import { type FeedingFlags, stepPlan } from './step_plan.ts'

const DEFAULT_STEPS = 20
const DEFAULT_WARMUP = 3
const DEFAULT_SEED = 1

interface ProfileFlags {
  readonly startup?: string
  readonly feed?: readonly Named[]
  readonly feeds?: string
  readonly data?: readonly Named[]
  readonly batch?: number
  readonly fetch?: readonly string[]
  readonly steps?: number
  readonly warmup?: number
  readonly seed?: number
  readonly load?: string
  readonly engine?: 'plan' | 'interpreter'
  readonly backend?: 'wasm' | 'ts'
  readonly top?: number
  readonly trace?: string
  readonly force?: boolean
}

export const profile: CommandDefinition<ProfileFlags> = {
  usage: 'FILE [options]',
  examples: [
    ['oarlock profile mlp.json', 'time by operator and memory, on random feeds'],
    ['oarlock profile trained/ --data x=@x.npy --data y=@y.npy --batch 64', 'on steps of a training'],
    ['oarlock profile net.json --backend ts --trace trace.json', 'a trace for chrome://tracing or Perfetto'],
  ],
  exits: {
    4: 'an operator failed, or a feed or fetch does not fit',
    5: 'an operator is not implemented',
  },
  notes: `Each operator, or kernel of several, is timed, so compiled code runs one call
for each; the same steps are timed as a whole too. Values come from --load, from
beside FILE, from the startup program or by chance; feeds that are missing, too.`,
  define(command) {
    command.argument('<FILE>')
    addOption(command, '--startup FILE', 'run this once before', asPath)
    addListOption(command, '--feed NAME=VALUE', 'as in run; what is not fed is random', asNamed)
    addOption(command, '--feeds FILE', 'a JSON list, one object of tensors a step', asPath)
    addListOption(command, '--data NAME=@FILE', 'rows, cut into batches', asNamed)
    addOption(command, '--batch N', 'rows a step', asCount(1))
    addOption(command, '--fetch NAMES', 'what is fetched in each step', asNames)
    addOption(command, '--steps N', `steps that are measured (${DEFAULT_STEPS})`, asCount(1))
    addOption(command, '--warmup N', `steps before that (${DEFAULT_WARMUP})`, asCount(0))
    addOption(command, '--seed N', 'seed of all random numbers', asWhole)
    addOption(command, '--load PATH', 'read saved values', asPath)
    addOption(command, '--engine NAME', 'interpreter or plan', asChoice('interpreter', 'plan'))
    addOption(command, '--backend NAME', 'wasm (compiled) or ts', asChoice('wasm', 'ts'))
    addOption(command, '--top N', 'operators to list (10)', asCount(0))
    addOption(command, '--trace FILE', 'write Chrome trace events', asPath)
    command.option('-f, --force', 'replace what --trace would write')
  },
  async run({ args, options }, context) {
    if (options.feeds !== undefined && options.data !== undefined) {
      throw usage('--feeds and --data cannot both be given')
    }
    return await profileFile(args[0]!, options, context)
  },
}

async function profileFile(path: string, options: ProfileFlags, context: Context): Promise<number> {
  // Loaded only now: help and wrong flags need no compiler.
  const { Executor } = await import('../compiler/executor.ts')
  const { io, out } = context
  if (options.trace !== undefined) refuseExisting(io, options.trace, options.force === true)
  const files = programFiles(io, path)
  const loaded = await loadProgram(io, files.main)
  const main = loaded.program
  const seed = options.seed ?? DEFAULT_SEED
  const fetch = options.fetch === undefined ? defaultFetches(main) : resolveFetches(main, options.fetch)
  const sources = { startup: options.startup ?? files.startup, load: options.load, seed }
  const { values } = await startValues(main, files, sources, context)
  attachScheduler(main)
  const settings = {
    seed,
    backend: options.backend ?? 'wasm',
    ...(options.engine === undefined ? {} : { engine: options.engine }),
  } as const
  const start = (executor: Executor): Executor => {
    for (const [name, value] of values) executor.scope.set(name, value)
    return executor
  }
  const warmup = options.warmup ?? DEFAULT_WARMUP
  const total = warmup + (options.steps ?? DEFAULT_STEPS)
  const profiler = new Profiler()
  const measured = start(new Executor({ ...settings, observer: profiler }))
  const whole = start(new Executor(settings))
  const random = await fittingFeeds(whole, main, options, { seed, fetch }, context)
  const plan = await stepPlan(io, { ...options, steps: total } as FeedingFlags, main, seed)
  let ms = 0
  let step = 0
  for (const { feed } of plan.steps) {
    if (step === warmup) profiler.start()
    const given = { feed: { ...random, ...feed }, fetch }
    measured.run(main, given)
    const began = performance.now()
    whole.run(main, given)
    if (step++ >= warmup) ms += performance.now() - began
  }
  const result = profiler.report()
  const wholeMs = ms / Math.max(1, step - warmup)
  measured.dispose()
  whole.dispose()
  if (options.trace !== undefined) {
    writeOutput(io, options.trace, chromeTrace(profiler.events, result, loaded.file), options.force === true)
  }
  if (out.json) {
    const { run, steps, stepMs, types, units, memory } = result
    out.document({
      ok: true,
      command: 'profile',
      program: programEntry(loaded),
      ...{ run, steps, stepMs, wholeStepMs: wholeMs, types, units, memory },
      trace: options.trace ?? null,
    })
  } else out.data(profileText(loaded, result, { wholeMs, top: options.top ?? 10 }, out))
  if (options.trace !== undefined) {
    const dropped = profiler.dropped === 0 ? '' : `, without the last ${profiler.dropped} of its events`
    out.done(`wrote ${options.trace}${dropped}`)
  }
  return 0
}

/** Random feeds for what no flag feeds, of the first sizes with which the program runs. */
async function fittingFeeds(
  executor: Executor,
  main: Program,
  options: ProfileFlags,
  { seed, fetch }: { readonly seed: number; readonly fetch: readonly string[] },
  context: Context,
): Promise<Feed> {
  const rows = options.batch ?? 1
  const first = async (): Promise<Feed> => {
    const { steps } = await stepPlan(context.io, { ...options, steps: 1 } as FeedingFlags, main, seed)
    for (const { feed } of steps) return feed
    return {}
  }
  const given = await first()
  let fault: unknown
  for (const size of OPEN_SIZES) {
    const feed = await randomFeeds(main, [], { seed, rows, size }, context)
    for (const name of Object.keys(given)) delete feed[name]
    if (Object.keys(feed).length === 0) return {}
    try {
      executor.run(main, { feed: { ...feed, ...given }, fetch })
      return feed
    } catch (error) {
      if (!(error instanceof EnforceError)) throw error
      fault ??= error
    }
  }
  throw fault
}
