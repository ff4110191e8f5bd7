/** `oarlock run`: startup once, then main for N steps, over fixed feeds, a list of feeds or a data set. */
import { EnforceError, InvalidArgumentError, makeError } from '../errors.ts'
import { Executor } from '../executor/executor.ts'
import { counted } from '../framework/print_text.ts'
import type { Program } from '../framework/program.ts'
import { readTensorFile, tensorFileText, VALUE_FILE_LIMITS } from '../io/tensor_file.ts'
import { Generator } from '../tensor/random.ts'
import { compatibleShapes, formatShape } from '../tensor/shape.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
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
import { DataSet, type Feed, feedValue, readFeeds, shuffled } from './feeds.ts'
import { defaultFetches, formatValue, resolveFetches, scalarOf } from './fetches.ts'
import { isFolder, makeFolder, pathOf, readInput, refuseExisting, writeOutput } from './files.ts'
import type { StopSignal } from './io.ts'
import { loadProgram, programEntry, programFiles } from './load_program.ts'
import { errorJson, formatMs, shortNumber } from './output.ts'
import { Progress } from './progress.ts'
import { RunDocument } from './run_document.ts'

interface RunFlags {
  readonly startup?: string
  readonly feed?: readonly Named[]
  readonly feeds?: string
  readonly fetch?: readonly string[]
  readonly data?: readonly Named[]
  readonly batch?: number
  readonly epochs?: number
  readonly shuffle?: boolean
  readonly test?: string
  readonly testData?: readonly Named[]
  readonly steps?: number
  readonly seed?: number
  readonly load?: string
  readonly save?: string
  readonly force?: boolean
  readonly engine?: 'plan' | 'interpreter'
  readonly threads?: number
  readonly progress: boolean
  readonly full?: boolean
}

/** The file of saved values inside a folder. */
const VALUES_FILE = 'parameters.json'
const DEFAULT_BATCH = 32
/** A signal is noticed at the latest this long after a step ended. */
const LISTEN_MS = 50

export const run: CommandDefinition<RunFlags> = {
  usage: 'FILE [options]',
  examples: [
    ["oarlock run mlp.json --feed 'x=[[1,2,3,4]]' --fetch prob", 'one step with these numbers'],
    [
      'oarlock run trained/ --feed x=@x.npy --feed y=@y.npy --steps 100 --seed 1 --save out/',
      'train, keep the parameters',
    ],
    [
      'oarlock run trained/ --data x=@x.npy --data y=@y.npy --batch 64 --epochs 5 --shuffle --seed 1',
      'train over a data set',
    ],
  ],
  exits: {
    4: 'an operator failed, or a feed or fetch does not fit',
    5: 'an operator or option is not implemented',
    6: 'a limit was reached',
    130: 'stopped by Ctrl-C: the step is finished and --save has written it',
    143: 'stopped by SIGTERM, likewise',
  },
  notes: `A folder brings startup.json and test.json along, mlp.json brings
mlp.startup.json. With --feeds the entries are used round and round.`,
  define(command) {
    command.argument('<FILE>')
    addOption(command, '--startup FILE', 'run this once before', asPath)
    addListOption(command, '--feed NAME=VALUE', 'a number, nested lists, @x.json, @x.npy, random or zeros', asNamed)
    addOption(command, '--feeds FILE', 'a JSON list, one object of tensors a step', asPath)
    addOption(command, '--fetch NAMES', "variables to print: a,b or '*@GRAD'", asNames)
    addListOption(command, '--data NAME=@FILE', 'rows to train over', asNamed)
    addOption(command, '--batch N', `rows a step (${DEFAULT_BATCH})`, asCount(1))
    addOption(command, '--epochs N', 'times over the data (1)', asCount(1))
    command.option('--shuffle', 'a new order of rows each epoch')
    addOption(command, '--test FILE', 'test program, run after each epoch', asPath)
    addListOption(command, '--test-data NAME=@FILE', 'rows to test on', asNamed)
    addOption(command, '--steps N', 'steps to run (1, or all of the data)', asCount(1))
    addOption(command, '--seed N', 'seed of all random numbers', asWhole)
    addOption(command, '--load PATH', 'read saved values before the first step', asPath)
    addOption(command, '--save PATH', 'write all persistable values in the end', asPath)
    command.option('-f, --force', 'replace what --save would write')
    addOption(command, '--engine NAME', 'interpreter or plan', asChoice('interpreter', 'plan'))
    addOption(command, '--threads N', 'threads', asCount(1))
    command.option('--no-progress', 'no progress line')
    command.option('--full', 'print tensors whole')
  },
  async run({ args, options }, context) {
    checkFlags(options)
    return await new Runner(args[0]!, options, context).run()
  },
}

/** Flags that mean nothing without another one. */
function checkFlags(flags: RunFlags): void {
  const needs = (given: unknown, flag: string, other: string): void => {
    if (given !== undefined) throw usage(`${flag} needs ${other}`, { expected: other, got: flag })
  }
  if (flags.data === undefined) {
    needs(flags.batch !== undefined && !madeFeed(flags.feed) ? flags.batch : undefined, '--batch', '--data')
    needs(flags.epochs, '--epochs', '--data')
    needs(flags.shuffle, '--shuffle', '--data')
    needs(flags.testData, '--test-data', '--data')
  } else if (flags.feeds !== undefined) {
    throw usage('--feeds and --data cannot both be given', { hint: 'feed what is the same in every step with --feed' })
  }
  if (flags.testData === undefined) needs(flags.test, '--test', '--test-data NAME=@FILE')
  const once = (flag: string, named: readonly Named[]): void => {
    const seen = new Set<string>()
    for (const { name } of named) {
      if (seen.has(name)) throw usage(`"${name}" is fed twice`, { got: name, expected: `one ${flag} for each name` })
      seen.add(name)
    }
  }
  once('--feed', [...(flags.feed ?? []), ...(flags.data ?? [])])
  once('--test-data', flags.testData ?? [])
}

const madeFeed = (feeds: readonly Named[] | undefined): boolean =>
  feeds?.some(({ value }) => value === 'random' || value === 'zeros') === true

/** One step to run. */
interface Step {
  readonly feed: Feed
  readonly rows: number
  /** Set in the last step of an epoch. */
  readonly epoch?: number
}

class Runner {
  readonly #path: string
  readonly #flags: RunFlags
  readonly #context: Context
  #stopped: StopSignal | undefined

  constructor(path: string, flags: RunFlags, context: Context) {
    this.#path = path
    this.#flags = flags
    this.#context = context
  }

  async run(): Promise<number> {
    const { io, out } = this.#context
    const flags = this.#flags
    const files = programFiles(io, this.#path)
    const loaded = await loadProgram(io, files.main)
    const main = loaded.program
    const startupFile = flags.startup ?? files.startup
    const startup = startupFile === undefined ? undefined : (await loadProgram(io, startupFile)).program
    if (startup !== undefined) {
      startup.isStartup = true
      main.startup = startup
    }
    const saveTo = flags.save === undefined ? undefined : valuesFile(flags.save)
    if (saveTo !== undefined) refuseExisting(io, saveTo, flags.force === true)

    const executor = new Executor({
      ...(flags.seed === undefined ? {} : { seed: flags.seed }),
      ...(flags.engine === undefined ? {} : { engine: flags.engine }),
      ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    })
    const fetch = flags.fetch === undefined ? defaultFetches(main) : resolveFetches(main, flags.fetch)
    const test = await this.#testRunner(executor, files.test, fetch)
    const plan = await this.#steps(main)
    const document = new RunDocument(programEntry(loaded))

    if (startup !== undefined) {
      const began = performance.now()
      executor.run(startup)
      document.startupMs = performance.now() - began
      out.done(
        `startup  ${counted(operators(startup), 'op')}  ${formatMs(document.startupMs)}  ${parameterCounts(main)}`,
      )
    }
    if (flags.load !== undefined) await this.#load(executor, main, flags.load)

    const failure = await this.#train(executor, main, plan, fetch, test, document)
    if (saveTo !== undefined && !(failure instanceof EnforceError)) this.#save(executor, main, flags.save!, saveTo)
    if (failure instanceof EnforceError) throw failure
    if (failure !== undefined) {
      const { signal, steps, total } = failure
      const error = makeError('Unavailable', 'E710', `stopped by ${signal} after step ${steps} of ${total}`, {
        got: signal,
        ...(saveTo === undefined ? {} : { hint: `what was reached is saved in ${saveTo}` }),
      })
      if (out.json) document.write(out, false, { error: errorJson(error) })
      else out.io.stderr.write(`${error.summary}\n`)
      return signal === 'SIGINT' ? 130 : 143
    }
    if (out.json) document.write(out, true)
    return 0
  }

  /** Runs the steps. @returns how it was stopped, when it was. */
  async #train(
    executor: Executor,
    main: Program,
    plan: { readonly total: number; readonly epochs: number; readonly steps: Iterable<Step> },
    fetch: readonly string[],
    test: TestRunner | undefined,
    document: RunDocument,
  ): Promise<{ signal: StopSignal; steps: number; total: number } | undefined> {
    const { io, out } = this.#context
    const progress = new Progress(out, { total: plan.total, enabled: this.#flags.progress && plan.total > 1 })
    // A single step has nothing to finish in order: there a signal ends the process as usual.
    const deaf = plan.total > 1 ? io.onSignal((signal) => this.#signal(signal)) : () => undefined
    const began = performance.now()
    const mean = new Means()
    let listened = began
    let step = 0
    let loss: number | undefined
    let last: Value[] = []
    try {
      for (const { feed, rows, epoch } of plan.steps) {
        last = executor.run(main, { feed, fetch })
        step++
        loss = last.map(scalarOf).find((value) => value !== undefined)
        if (out.json) document.addStep(fetch, last)
        mean.add(fetch, last, rows)
        progress.update(step, loss)
        if (epoch !== undefined) {
          const tested = test?.run()
          document.addEpoch(epoch, mean.values(), tested)
          progress.clear()
          if (!out.json) out.data(epochLine(epoch, plan.epochs, mean.values(), tested))
          mean.clear()
        }
        const now = performance.now()
        if (now - listened > LISTEN_MS || step === plan.total) {
          await new Promise((resolve) => setImmediate(resolve))
          listened = performance.now()
        }
        if (this.#stopped !== undefined && step < plan.total) break
      }
    } finally {
      progress.clear()
      deaf()
    }
    document.steps = step
    document.totalMs = performance.now() - began
    document.setFetch(fetch, last)
    this.#summary(main, step, loss, progress.spark(), document.totalMs)
    if (!out.json) {
      fetch.forEach((name, i) => {
        out.data(`${out.style('bold', name)}  ${formatValue(last[i]!, this.#flags.full === true)}`)
      })
    }
    return this.#stopped !== undefined && step < plan.total
      ? { signal: this.#stopped, steps: step, total: plan.total }
      : undefined
  }

  #signal(signal: StopSignal): void {
    if (this.#stopped !== undefined) this.#context.io.exit(signal === 'SIGINT' ? 130 : 143)
    this.#stopped = signal
  }

  #summary(main: Program, steps: number, loss: number | undefined, spark: string, ms: number): void {
    const { out } = this.#context
    out.done(`main     ${counted(operators(main), 'op')}  ${out.ascii ? 'x' : '×'} ${counted(steps, 'step')}`)
    const parts = [`  step ${steps}`]
    if (loss !== undefined) parts.push(`loss ${shortNumber(loss)}`)
    if (spark !== '') parts.push(spark)
    parts.push(formatMs(ms))
    if (steps > 1) parts.push(`${formatMs(ms / steps)}/step`)
    out.talk(parts.join('  '))
  }

  async #steps(main: Program): Promise<{ total: number; epochs: number; steps: Iterable<Step> }> {
    const { io } = this.#context
    const flags = this.#flags
    const seed = flags.seed ?? Math.floor(Math.random() * 2 ** 32)
    const fixed: Feed = {}
    const options = { generator: new Generator(seed), rows: flags.batch ?? 1 }
    for (const feed of flags.feed ?? []) setFeed(fixed, feed.name, await feedValue(io, main, feed, options))
    if (flags.data !== undefined) {
      const data = await DataSet.read(io, flags.data, '--data')
      const batch = Math.min(flags.batch ?? DEFAULT_BATCH, data.rows)
      const perEpoch = Math.ceil(data.rows / batch)
      const epochs = flags.epochs ?? (flags.steps === undefined ? 1 : Math.ceil(flags.steps / perEpoch))
      const total = Math.min(flags.steps ?? Infinity, epochs * perEpoch)
      const order = flags.shuffle === true ? new Generator(seed) : undefined
      return { total, epochs, steps: overData(data, batch, total, fixed, order) }
    }
    const list = flags.feeds === undefined ? [{}] : await readFeeds(io, flags.feeds)
    for (const name of Object.keys(fixed)) {
      if (list.some((step) => Object.hasOwn(step, name))) {
        throw usage(`"${name}" is fed twice: by --feed and in ${flags.feeds}`, { got: name })
      }
    }
    const total = flags.steps ?? list.length
    return { total, epochs: 1, steps: overList(list, total, fixed) }
  }

  async #testRunner(
    executor: Executor,
    beside: string | undefined,
    fetch: readonly string[],
  ): Promise<TestRunner | undefined> {
    const { io } = this.#context
    const { testData, test, batch } = this.#flags
    if (testData === undefined) return undefined
    const file = test ?? beside
    if (file === undefined) {
      throw usage('--test-data needs a test program', { hint: '--test FILE, or test.json in the folder' })
    }
    const { program } = await loadProgram(io, file)
    const data = await DataSet.read(io, testData, '--test-data')
    const wanted = fetch.filter((name) => program.globalBlock().vars.has(name))
    if (wanted.length === 0) {
      throw usage(`the test program ${file} has none of the fetched variables`, {
        expected: fetch,
        hint: 'name some that both programs have with --fetch',
      })
    }
    return new TestRunner(executor, program, data, batch ?? DEFAULT_BATCH, wanted)
  }

  async #load(executor: Executor, main: Program, path: string): Promise<void> {
    const { io, out } = this.#context
    const file = isFolder(pathOf(io, path)) ? `${path.replace(/[/\\]+$/, '')}/${VALUES_FILE}` : path
    const values = readTensorFile(await readInput(io, file, VALUE_FILE_LIMITS.programBytes!), { file })
    const unused: string[] = []
    for (const [name, value] of values) {
      const variable = main.globalBlock().vars.get(name)
      if (variable?.persistable !== true) {
        unused.push(name)
        continue
      }
      if (
        value instanceof Tensor &&
        (value.dtype !== variable.dtype || !compatibleShapes(variable.shape, value.shape))
      ) {
        throw new InvalidArgumentError('E526', `the saved value of "${name}" does not fit its variable`, {
          where: { file, variable: name },
          expected: `${variable.dtype} ${formatShape(variable.shape)}`,
          got: `${value.dtype} ${formatShape(value.shape)}`,
        })
      }
      executor.scope.set(name, value)
    }
    out.done(`loaded   ${counted(values.size - unused.length, 'value')} from ${file}`)
    if (unused.length > 0 && !out.json) {
      out.warn(
        `${counted(unused.length, 'value')} of ${file} fit no persistable variable of the program: ${unused.slice(0, 4).join(', ')}`,
      )
    }
  }

  #save(executor: Executor, main: Program, path: string, file: string): void {
    const { io, out } = this.#context
    const names = [...main.globalBlock().vars.values()].filter(({ persistable }) => persistable).map(({ name }) => name)
    const kept = names.filter((name) => executor.scope.has(name))
    if (file !== path) makeFolder(io, path)
    const values = function* (): Generator_<readonly [string, Value]> {
      for (const name of kept) yield [name, executor.scope.get(name)!]
    }
    writeOutput(io, file, tensorFileText(values()), this.#flags.force === true)
    out.done(`saved    ${counted(kept.length, 'value')} to ${file}`)
  }
}

type Generator_<T> = IterableIterator<T>

/** `--save PATH` means a file if PATH ends with .json, else a folder. */
const valuesFile = (path: string): string =>
  /\.json$/.test(path) ? path : `${path.replace(/[/\\]+$/, '')}/${VALUES_FILE}`

/** By definition, not by assignment: a variable may be called __proto__. */
function setFeed(feed: Feed, name: string, value: Feed[string]): void {
  Object.defineProperty(feed, name, { value, enumerable: true, configurable: true, writable: true })
}

function* overData(
  data: DataSet,
  batch: number,
  total: number,
  fixed: Feed,
  generator: Generator | undefined,
): Iterable<Step> {
  for (let step = 0, epoch = 1; step < total; epoch++) {
    const order = generator === undefined ? undefined : shuffled(data.rows, generator)
    for (let start = 0; start < data.rows && step < total; start += batch) {
      step++
      const end = Math.min(start + batch, data.rows)
      const isLast = end === data.rows || step === total
      yield { feed: { ...fixed, ...data.batch(start, end, order) }, rows: end - start, ...(isLast ? { epoch } : {}) }
    }
  }
}

function* overList(list: readonly Feed[], total: number, fixed: Feed): Iterable<Step> {
  for (let step = 0; step < total; step++) yield { feed: { ...fixed, ...list[step % list.length] }, rows: 1 }
}

/** Means of the fetched numbers, weighted by rows. */
class Means {
  #sums = new Map<string, { sum: number; rows: number }>()

  add(names: readonly string[], values: readonly Value[], rows: number): void {
    names.forEach((name, i) => {
      const value = scalarOf(values[i])
      if (value === undefined) return
      const entry = this.#sums.get(name) ?? { sum: 0, rows: 0 }
      this.#sums.set(name, { sum: entry.sum + value * rows, rows: entry.rows + rows })
    })
  }

  values(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, { sum, rows }]) => [name, sum / rows]))
  }

  clear(): void {
    this.#sums.clear()
  }
}

/** The test program over the test data. */
class TestRunner {
  readonly #executor: Executor
  readonly #program: Program
  readonly #data: DataSet
  readonly #batch: number
  readonly #fetch: readonly string[]

  constructor(executor: Executor, program: Program, data: DataSet, batch: number, fetch: readonly string[]) {
    this.#executor = executor
    this.#program = program
    this.#data = data
    this.#batch = batch
    this.#fetch = fetch
  }

  run(): Record<string, number> {
    const means = new Means()
    for (let start = 0; start < this.#data.rows; start += this.#batch) {
      const end = Math.min(start + this.#batch, this.#data.rows)
      const values = this.#executor.run(this.#program, { feed: this.#data.batch(start, end), fetch: this.#fetch })
      means.add(this.#fetch, values, end - start)
    }
    return means.values()
  }
}

/** `epoch 3/20  loss 0.12  test accuracy 97.2 %`. */
function epochLine(
  epoch: number,
  epochs: number,
  trained: Readonly<Record<string, number>>,
  tested: Readonly<Record<string, number>> | undefined,
): string {
  const parts = [`epoch ${epoch}/${epochs}`, ...numbers(trained)]
  if (tested !== undefined) parts.push(...numbers(tested).map((text) => `test ${text}`))
  return parts.join('  ')
}

/** An accuracy is a share of rows, whatever Paddle made of its name. */
const numbers = (values: Readonly<Record<string, number>>): string[] =>
  Object.entries(values).map(([name, value]) =>
    /^acc(uracy)?(_|$)/.test(name) ? `accuracy ${(value * 100).toFixed(1)} %` : `${name} ${shortNumber(value)}`,
  )

const operators = (program: Program): number => program.blocks.reduce((count, { ops }) => count + ops.length, 0)

function parameterCounts(program: Program): string {
  const parameters = program.parameters()
  const values = parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((count, dim) => count * Math.max(dim, 0), 1),
    0,
  )
  return `${counted(parameters.length, 'parameter')}, ${counted(values, 'value')}`
}
