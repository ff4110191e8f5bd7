/** A run from its flags to its exit code: programs, values, steps, what is printed, saved and told. */
import { Executor } from '../compiler/executor.ts'
import { choosePasses } from '../compiler/passes/pipelines.ts'
import { EnforceError, makeError } from '../errors.ts'
import { type Limits, withLimits } from '../framework/limits.ts'
import { counted } from '../framework/print_text.ts'
import type { Program } from '../framework/program.ts'
import { inferenceColumns } from '../io/inference_model.ts'
import { castParameters } from '../optimizer/amp/parameters.ts'
import { attachScheduler } from '../optimizer/lr/attach.ts'
import { ReduceOnPlateau } from '../optimizer/lr/reduce_on_plateau.ts'
import { MAX_PAGES, PAGE } from '../tensor/heap.ts'
import type { Value } from '../tensor/tensor.ts'
import { type Context, usage } from './command.ts'
import { DataSet, type Feed } from './feeds.ts'
import { defaultFetches, formatValue, resolveFetches, scalarOf } from './fetches.ts'
import type { StopSignal } from './io.ts'
import { loadProgram, programEntry, programFiles } from './load_program.ts'
import { errorJson, formatMs, shortNumber } from './output.ts'
import { Progress } from './progress.ts'
import { DEFAULT_BATCH, type RunFlags } from './run.ts'
import { RunCheckpoints } from './run_checkpoints.ts'
import { RunDocument } from './run_document.ts'
import { loadBeside, loadValues, missingParameters, ValueSaver } from './run_values.ts'
import { type StepPlan, stepPlan } from './step_plan.ts'
import { unsupportedReport } from './support_report.ts'
import { epochLine, Means, TestRunner } from './train_steps.ts'

/** A signal is noticed at the latest this long after a step ended. */
const LISTEN_MS = 50

interface Stopped {
  readonly by: StopSignal | '--timeout'
  readonly steps: number
  readonly total: number
}

export class Runner {
  readonly #path: string
  readonly #flags: RunFlags
  readonly #context: Context
  readonly #began = performance.now()
  readonly #limits: Partial<Limits>
  #stopped: Stopped['by'] | undefined

  constructor(path: string, flags: RunFlags, context: Context) {
    this.#path = path
    this.#flags = flags
    this.#context = context
    this.#limits = limitsOf(flags)
  }

  async run(): Promise<number> {
    try {
      return await this.#run()
    } catch (error) {
      throw error instanceof EnforceError ? withLimitFlag(error) : error
    }
  }

  async #run(): Promise<number> {
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
    const saver = flags.save === undefined ? undefined : new ValueSaver(flags.save, flags.force === true, this.#context)
    inferenceColumns(main)
    const report = unsupportedReport(main, out)
    if (report !== undefined) out.talk(report)

    const executor = new Executor({
      limits: this.#limits,
      ...(flags.seed === undefined ? {} : { seed: flags.seed }),
      ...(flags.engine === undefined ? {} : { engine: flags.engine }),
      ...(flags.threads === undefined ? {} : { threads: flags.threads }),
      ...(flags.passes === undefined ? {} : { passes: choosePasses(flags.passes) }),
    })
    const checkpoints =
      flags.checkpoint === undefined
        ? undefined
        : new RunCheckpoints({ ...flags, checkpoint: flags.checkpoint }, this.#context)
    attachScheduler(main)
    const resumed = checkpoints?.resumes
      ? checkpoints.load(executor, main, (text) => this.#warn(text, undefined))
      : undefined
    const seed = resumed?.seed ?? flags.seed ?? Math.floor(Math.random() * 2 ** 32)
    const fetch = flags.fetch === undefined ? defaultFetches(main) : resolveFetches(main, flags.fetch)
    const plan = await stepPlan(io, flags, main, seed, withLimits(this.#limits))
    const test = await this.#testRunner(executor, files.test, fetch, plan.fixed)
    const document = new RunDocument(programEntry(loaded))

    if (startup !== undefined && resumed === undefined) {
      const began = performance.now()
      executor.run(startup)
      document.startupMs = performance.now() - began
      // Programs of mixed precision begin in float32.
      castParameters(main, executor.scope)
      out.done(
        `startup  ${counted(operators(startup), 'op')}  ${formatMs(document.startupMs)}  ${parameterCounts(main)}`,
      )
    }
    let hasValues = true
    if (flags.load !== undefined)
      loadValues(executor, main, flags.load, this.#context, (text) => this.#warn(text, document))
    else if (startup === undefined && resumed === undefined)
      hasValues = loadBeside(executor, main, files, this.#context)

    const due = (step: number, end: boolean): void => checkpoints?.after(executor, main, step, seed, end)
    const stopped = await this.#train(executor, main, plan, fetch, test, document, resumed?.step ?? 0, due).catch(
      (error: unknown) => {
        throw hasValues ? error : missingParameters(error, files.main)
      },
    )
    saver?.save(executor, main)
    if (stopped !== undefined) return this.#tellStopped(stopped, saver?.files.join(', '), document)
    if (out.json) document.write(out, true)
    return 0
  }

  #warn(text: string, document: RunDocument | undefined): void {
    document?.warnings.push(text)
    if (!this.#context.out.json) this.#context.out.warn(text)
  }

  #tellStopped({ by, steps, total }: Stopped, saveTo: string | undefined, document: RunDocument): number {
    const { io, out } = this.#context
    const details = saveTo === undefined ? {} : { hint: `what was reached is saved in ${saveTo}` }
    const after = `after step ${steps} of ${total}`
    const error =
      by === '--timeout'
        ? makeError('ResourceExhausted', 'E621', `stopped by --timeout ${formatMs(this.#flags.timeout!)} ${after}`, {
            ...details,
            expected: this.#flags.timeout,
          })
        : makeError('Unavailable', 'E710', `stopped by ${by} ${after}`, { ...details, got: by })
    if (out.json) document.write(out, false, { error: errorJson(error) })
    else if (by === '--timeout') out.error(error)
    else io.stderr.write(`${error.summary}\n`)
    return by === 'SIGINT' ? 130 : by === 'SIGTERM' ? 143 : 6
  }

  /** Runs the steps. @returns how it was stopped, when it was. */
  async #train(
    executor: Executor,
    main: Program,
    plan: StepPlan,
    fetch: readonly string[],
    test: TestRunner | undefined,
    document: RunDocument,
    done: number,
    checkpoint: (step: number, end: boolean) => void,
  ): Promise<Stopped | undefined> {
    const { io, out } = this.#context
    const progress = new Progress(out, { total: plan.total, enabled: this.#flags.progress && plan.total > 1 })
    // A single step has nothing to finish in order: there a signal ends the process as usual.
    const deaf = plan.total > 1 ? io.onSignal((signal) => this.#signal(signal)) : () => undefined
    const schedule = attachScheduler(main)
    const advance = (each: 'step' | 'epoch', loss: number | undefined): void => {
      if (each !== (this.#flags.lrStep ?? 'step')) return
      if (schedule instanceof ReduceOnPlateau) schedule.step(loss)
      else schedule?.step()
    }
    const began = performance.now()
    const mean = new Means()
    let listened = began
    let step = 0
    let loss: number | undefined
    let last: Value[] = []
    try {
      for (const { feed, rows, epoch } of plan.steps) {
        // Steps that the checkpoint has behind it: their rows are passed over in the same order.
        if (step < done) {
          step++
          continue
        }
        last = executor.run(main, { feed, fetch })
        step++
        loss = last.map(scalarOf).find((value) => value !== undefined)
        if (out.json) document.addStep(fetch, last)
        mean.add(fetch, last, rows)
        progress.update(step, loss)
        advance('step', loss)
        if (epoch !== undefined) {
          advance('epoch', loss)
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
        if (now - this.#began > (this.#flags.timeout ?? Infinity)) this.#stopped ??= '--timeout'
        const broken = this.#stopped !== undefined && step < plan.total
        checkpoint(step, broken || step === plan.total)
        if (broken) break
      }
    } finally {
      progress.clear()
      deaf()
    }
    document.steps = step
    document.totalMs = performance.now() - began
    document.setFetch(fetch, last)
    this.#summary(main, step, loss, progress.spark(), document.totalMs)
    // A run that was complete when it was gone on with has nothing to show.
    if (!out.json && last.length > 0) {
      fetch.forEach((name, i) => {
        out.data(`${out.style('bold', name)}  ${formatValue(last[i]!, this.#flags.full === true)}`)
      })
    }
    return this.#stopped !== undefined && step < plan.total
      ? { by: this.#stopped, steps: step, total: plan.total }
      : undefined
  }

  #signal(signal: StopSignal): void {
    if (this.#stopped === 'SIGINT' || this.#stopped === 'SIGTERM')
      this.#context.io.exit(signal === 'SIGINT' ? 130 : 143)
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

  async #testRunner(
    executor: Executor,
    beside: string | undefined,
    fetch: readonly string[],
    fixed: Feed,
  ): Promise<TestRunner | undefined> {
    const { io } = this.#context
    const { data: trainData, testData, test, batch } = this.#flags
    if (testData === undefined && test === undefined) return undefined
    const file = test ?? beside
    if (file === undefined) {
      throw usage('--test-data needs a test program', { hint: '--test FILE, or test.json in the folder' })
    }
    const { program } = await loadProgram(io, file)
    const { vars } = program.globalBlock()
    // Without rows of its own the test program sees those that are trained on, as far as it reads them.
    const data =
      testData === undefined
        ? await DataSet.read(
            io,
            trainData!.filter(({ name }) => vars.has(name)),
            '--data',
          )
        : await DataSet.read(io, testData, '--test-data')
    const wanted = fetch.filter((name) => vars.has(name))
    if (wanted.length === 0) {
      throw usage(`the test program ${file} has none of the fetched variables`, {
        expected: fetch,
        hint: 'name some that both programs have with --fetch',
      })
    }
    const shared = Object.fromEntries(Object.entries(fixed).filter(([name]) => vars.has(name)))
    return new TestRunner(executor, program, { data, batch: batch ?? DEFAULT_BATCH, fixed: shared }, wanted)
  }
}

function limitsOf({ maxMemory, maxOps }: RunFlags): Partial<Limits> {
  // No tensor is larger than all together, and no memory larger than what 32-bit addresses reach.
  const bytes = maxMemory === undefined ? undefined : Math.min(maxMemory, MAX_PAGES * PAGE)
  return {
    ...(bytes === undefined ? {} : { runBytes: bytes, tensorBytes: bytes }),
    ...(maxOps === undefined ? {} : { opRuns: maxOps }),
  }
}

/** Names the flag that raises a limit. */
function withLimitFlag(error: EnforceError): EnforceError {
  const flag =
    error.code === 'E610' || error.summary.includes('tensorBytes')
      ? '--max-memory'
      : error.summary.includes('opRuns')
        ? '--max-ops'
        : undefined
  return flag === undefined || error.hint !== undefined ? error : error.with({ hint: `${flag} raises the limit` })
}

const operators = (program: Program): number => program.blocks.reduce((count, { ops }) => count + ops.length, 0)

function parameterCounts(program: Program): string {
  const parameters = program.parameters()
  const values = parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((count, dim) => count * Math.max(dim, 0), 1),
    0,
  )
  return `${counted(parameters.length, 'parameter')}, ${counted(values, 'value')}`
}
