/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Runs programs over a scope: checks everything that can be checked before the first operator, runs, and copies the fetched values out.
 * Source: python/paddle/base/executor.py, class Executor (2.6.2).
 */
import {
  type EnforceError,
  InvalidArgumentError,
  NotFoundError,
  PreconditionNotMetError,
  suggest,
  UnimplementedError,
  withPlace,
} from '../errors.ts'
import { refuseFused } from '../framework/backend_hints.ts'
import type { Block } from '../framework/block.ts'
import { type Limits, withLimits } from '../framework/limits.ts'
import { EMPTY_VAR, findOp } from '../framework/op_def.ts'
import type { Operator } from '../framework/operator.ts'
import type { Program } from '../framework/program.ts'
import { checkStoredSlots } from '../framework/stored_slots.ts'
import { Variable } from '../framework/variable.ts'
import { isHalf } from '../tensor/dtype.ts'
import { defaultGenerator, Generator } from '../tensor/random.ts'
import { type Tensor, TensorArray, type Value, writeElement } from '../tensor/tensor.ts'
import type { Backend, Threading } from './backend.ts'
import { type FeedFault, type FeedValue, feedError, feedToValue, isFault } from './feed.ts'
import { interpretBlock, operatorPlace, RunBudget } from './interpreter.ts'
import type { RunObserver } from './observer.ts'
import { NotPlannable } from './plan.ts'
import { PlanCache } from './plan_cache.ts'
import { RepeatedRun } from './repeated_run.ts'
import { Scope, TensorSlot } from './scope.ts'
import { readSwitches } from './switches.ts'

export interface ExecutorOptions {
  /** Where persistable variables live. Default: a new scope. */
  readonly scope?: Scope
  /** Seeds a generator of this executor's own; without it random operators draw from the default one that `seed()` sets. */
  readonly seed?: number
  /** Default 'plan'. The interpreter is what the plan must agree with, bit for bit. */
  readonly engine?: 'plan' | 'interpreter'
  /**
   * Default 'wasm': operators that can be compiled run as WebAssembly, the others by their TypeScript kernels. 'ts': all by those.
   * {@link Executor.backend} says which one it is, since a platform may have no WebAssembly with SIMD.
   */
  readonly backend?: 'wasm' | 'ts'
  /**
   * Threads for large kernels of a plan on 'wasm', at most the machine's processors. Default 1. Results do not depend on it. While a program
   * runs, waiting threads spin. Where there are fewer threads than asked for, {@link LastRun.threadsReason} says why.
   */
  readonly threads?: number
  /**
   * Limits of a run: `opRuns` and `loopIterations`; of the values `tensorBytes`, `tensorElements` and `runBytes`, unless `scope` is given,
   * which has its own. Default {@link LIMITS}.
   */
  readonly limits?: Partial<Limits>
  /** Told of plans and runs, and if it wants of every operator; costs time only where it is given. */
  readonly observer?: RunObserver
}

export interface RunOptions {
  /** Values by name of the variable. Faults of all feeds are reported together, before anything runs. */
  readonly feed?: Readonly<Record<string, FeedValue>>
  /** Variables, or names, whose values to return, in this order. */
  readonly fetch?: readonly (Variable | string)[]
}

export interface LastRun {
  readonly engine: 'plan' | 'interpreter'
  readonly backend: 'wasm' | 'ts'
  /** Threads that the run's kernels could use. */
  readonly threads: number
  /** Why there were fewer threads than asked for. */
  readonly threadsReason?: string
  /** Operators that ran compiled, each counted once; the others ran by their TypeScript kernels. `feed` and `fetch` count in plans only. */
  readonly compiledOps: number
  /** Why a program was interpreted although plans were asked for. */
  readonly reason?: string
}

const TYPESCRIPT: Threading = { threads: 1, reason: 'TypeScript kernels run on one thread' }
const INTERPRETED: Threading = { threads: 1, reason: 'the interpreter runs on one thread' }

/** Variables that a program reads before it writes them, with the operator that reads each first. */
interface OutsideReads {
  readonly edits: number
  readonly reads: ReadonlyMap<string, number>
  /** Variables that an operator writes before any reads them, with the operator: what is fed to them is lost. */
  readonly overwritten: ReadonlyMap<string, number>
}

export class Executor {
  readonly scope: Scope
  readonly generator: Generator
  readonly engine: 'plan' | 'interpreter'
  /** Which engine did the last run, and why it was not the one asked for. */
  lastRun: LastRun | undefined
  readonly limits: Limits
  #disposed = false
  readonly backend: 'wasm' | 'ts'
  /** Threads that were asked for; {@link lastRun} says how many there were. */
  readonly threads: number
  readonly #compiler: Backend | undefined
  readonly #plans: PlanCache
  /** By program, its last run where a plan did it. */
  #repeated = new WeakMap<Program, RepeatedRun>()
  readonly #observer: RunObserver | undefined
  readonly #checkFinite = readSwitches().checkNanInf
  #outside = new WeakMap<Program, OutsideReads>()
  /** Startup programs that ran in the scope, with the identities of the operators that ran. */
  #started = new WeakMap<Program, readonly number[]>()

  /** @param backend compiles operators; without one all run by their TypeScript kernels. */
  constructor(options: ExecutorOptions = {}, backend?: Backend) {
    if (options.backend === 'wasm' && backend === undefined) {
      throw new UnimplementedError('E405', 'this platform cannot compile WebAssembly with SIMD', {
        got: { backend: 'wasm' },
        hint: "leave the back end out, or ask for 'ts'; a page may need 'wasm-unsafe-eval' in its content security policy",
      })
    }
    const threads = options.threads ?? 1
    if (!Number.isSafeInteger(threads) || threads < 1)
      throw new InvalidArgumentError('E108', 'threads must be a whole number from 1', {
        expected: 'at least 1',
        got: threads,
      })
    this.#compiler = options.backend === 'ts' ? undefined : backend
    this.backend = this.#compiler?.name ?? 'ts'
    this.threads = threads
    this.#plans = new PlanCache(this.#compiler, threads, options.observer)
    this.#observer = options.observer
    this.engine = options.engine ?? 'plan'
    this.limits = withLimits(options.limits)
    this.scope = options.scope ?? new Scope(undefined, options.limits)
    this.generator = options.seed === undefined ? defaultGenerator : new Generator(options.seed)
  }

  /**
   * Runs the program once and returns the fetched values. A live learning-rate schedule of the program writes its variable first.
   *
   * A startup program is interpreted, and what it fills and draws is not compiled: it runs once, and to plan and compile it takes longer than
   * that. One that has grown since it ran here (by `minimize`) is run from its first new operator on, so that variables that are set already keep their values;
   * unchanged, it runs whole and sets everything anew.
   * @throws InvalidArgumentError E110 (feeds); NotFoundError E120 (fetch); PreconditionNotMetError E101 (startup not run), E102 (startup run
   * before minimize), E103 (no value), E105 (disposed), E107 (ampInit not called); UnimplementedError E401 listing all unknown operators; NotFoundError E205 and
   * InvalidArgumentError E206 for slots, NotFoundError E207 (undeclared variable); ResourceExhaustedError E604, E610, E620 (limits); and what operators throw.
   */
  run(program: Program, options: RunOptions = {}): Value[] {
    if (this.#observer?.finished === undefined) return this.#run(program, options)
    const begin = performance.now()
    const results = this.#run(program, options)
    this.#observer.finished(this.lastRun!, performance.now() - begin)
    return results
  }

  #run(program: Program, options: RunOptions): Value[] {
    if (this.#disposed) throw new PreconditionNotMetError('E105', 'this executor was disposed')
    const repeated = this.#repeated.get(program)
    if (repeated?.accepts(options)) {
      this.#writeLearningRate(program)
      this.lastRun = repeated.lastRun
      return repeated.run()
    }
    this.#repeated.delete(program)
    const block = program.globalBlock()
    const fetches = (options.fetch ?? []).map((item) => (item instanceof Variable ? item.name : item))
    const outside = this.#outsideReads(program)
    const values = this.#checkFeeds(block, options.feed ?? {}, outside)
    for (const name of fetches) this.#checkFetch(block, name)
    this.#checkInitialized(program, values, outside)

    this.#writeLearningRate(program)
    const from = this.#firstNewOperator(program)
    const results =
      this.#runPlanned(program, options, values, fetches) ?? this.#interpret(program, values, fetches, from)
    if (program.isStartup)
      this.#started.set(
        program,
        block.ops.map((op) => op.id),
      )
    return results
  }

  /** undefined where the program must be interpreted. */
  #runPlanned(
    program: Program,
    options: RunOptions,
    feeds: ReadonlyMap<string, Value>,
    fetches: readonly string[],
  ): Value[] | undefined {
    const asked = this.engine === 'plan'
    if (program.isStartup) return this.#ran('interpreter', asked ? 'a startup program runs once' : undefined)
    if (!asked) return this.#ran('interpreter')
    if (this.#checkFinite) return this.#ran('interpreter', 'FLAGS_check_nan_inf is set')
    const plan = this.#plans.get(program, this.scope, feeds, fetches, this.generator)
    if (plan instanceof NotPlannable) return this.#ran('interpreter', plan.reason)
    // A plan runs every operator once; the interpreter counts them and names the one that is too many.
    if (program.globalBlock().ops.length > this.limits.opRuns)
      return this.#ran('interpreter', 'the limit opRuns is lower')
    // A plan has dense feeds only.
    const results = plan.run([...feeds.values()].map((value) => (value as Tensor).data))
    this.#ran('plan', undefined, plan.coverage.compiled, this.backend === 'wasm' ? plan.threading : TYPESCRIPT)
    // While threads are missing, each run looks whether they have come.
    const alone = this.lastRun!.threads === 1 && this.threads > 1
    const repeated = alone ? undefined : RepeatedRun.after(program, this.scope, plan, options, feeds, this.lastRun!)
    if (repeated !== undefined) this.#repeated.set(program, repeated)
    return results
  }

  #ran(engine: LastRun['engine'], reason?: string, compiledOps = 0, threading = INTERPRETED): undefined {
    const { backend } = this
    const fewer = this.threads > threading.threads && threading.reason !== undefined
    this.lastRun = {
      engine,
      backend,
      threads: threading.threads,
      compiledOps,
      ...(reason === undefined ? {} : { reason }),
      ...(fewer ? { threadsReason: threading.reason } : {}),
    }
    return undefined
  }

  #interpret(program: Program, values: ReadonlyMap<string, Value>, fetches: readonly string[], from: number): Value[] {
    const block = program.globalBlock()
    const local = new Scope(this.scope)
    try {
      for (const [name, value] of values) local.set(name, value)
      this.#placeFeedHolders(block, local, values)
      const budget = new RunBudget(this.limits)
      const compiled = new Set<Operator>()
      interpretBlock(block, local, {
        generator: this.generator,
        from,
        budget,
        backend: this.#compiler,
        runsOnce: program.isStartup,
        compiled,
        observer: this.#observer?.units === true ? this.#observer : undefined,
        checkFinite: this.#checkFinite,
      })
      this.lastRun = { ...this.lastRun!, compiledOps: compiled.size }
      return fetches.map((name) => {
        const value = local.get(name)
        if (value !== undefined) return value
        throw new PreconditionNotMetError('E121', `"${name}" has no value after the run, so it cannot be fetched`, {
          where: { variable: name },
          hint: 'no operator of the program writes it',
        })
      })
    } finally {
      local.drop()
    }
  }

  /** Frees the memory of a scope that this executor made. */
  dispose(): void {
    this.#disposed = true
    this.#plans.clear()
    this.scope.drop()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #checkFeeds(block: Block, feed: Readonly<Record<string, FeedValue>>, outside: OutsideReads): Map<string, Value> {
    const faults: FeedFault[] = []
    const values = new Map<string, Value>()
    const known = (): string[] =>
      [...block.vars.values()].filter((variable) => variable.needCheckFeed).map((variable) => variable.name)
    for (const [name, given] of Object.entries(feed)) {
      const variable = block.vars.get(name)
      if (variable === undefined) {
        faults.push({ name, problem: 'is not a variable of the program' })
        continue
      }
      if (variable.persistable) {
        faults.push({ name, problem: 'is persistable and cannot be fed', expected: 'Scope.set to change its value' })
        continue
      }
      const writer = outside.overwritten.get(name)
      if (writer !== undefined) {
        const op = block.ops[writer]!
        faults.push({
          name,
          problem: `cannot be fed: operator ${writer} (${op.type}) writes it before anything reads it`,
          expected: 'a variable that is read before it is written',
        })
        continue
      }
      const result = feedToValue(variable, given)
      if (isFault(result)) faults.push(result)
      else values.set(name, result)
    }
    for (const variable of block.vars.values()) {
      const needed = variable.needCheckFeed && outside.reads.has(variable.name)
      if (!needed || Object.hasOwn(feed, variable.name) || this.scope.has(variable.name)) continue
      faults.push({
        name: variable.name,
        problem: 'is missing',
        expected: `${variable.dtype} [${variable.shape.join(', ')}]`,
      })
    }
    if (faults.length > 0) throw feedError(faults, known())
    return values
  }

  #checkFetch(block: Block, name: string): void {
    if (typeof name !== 'string') {
      throw new NotFoundError('E120', `fetch takes variables and their names, got ${String(name)}`, {
        expected: 'a variable or a name',
        got: name,
        hint: 'gradients() gives null for what a target does not depend on',
      })
    }
    if (block.findVar(name) !== undefined || this.scope.has(name)) return
    const hint = suggest(name, [...block.vars.keys(), ...this.scope.names()])
    throw new NotFoundError('E120', `there is no variable "${name}" to fetch`, {
      where: { variable: name },
      got: name,
      hint,
    })
  }

  /** Every variable that the program reads from outside must have a value in the scope or a feed. */
  #checkInitialized(program: Program, fed: ReadonlyMap<string, Value>, outside: OutsideReads): void {
    const block = program.globalBlock()
    const missing = [...outside.reads].filter(([name]) => !fed.has(name) && !this.scope.has(name))
    if (missing.length === 0) {
      if (!program.isStartup) this.#checkRounded(block, outside)
      return
    }
    const names = missing.map(([name]) => name)
    const [first, op] = missing[0]!
    const list =
      names.length > 4
        ? `${names.slice(0, 4).map(quoted).join(', ')} and ${names.length - 4} more`
        : names.map(quoted).join(', ')
    const where = { block: 0, op, opType: block.ops[op]!.type, variable: first }
    if (block.findVar(first)?.persistable !== true) {
      throw new PreconditionNotMetError(
        'E103',
        `${list} ${names.length === 1 ? 'is' : 'are'} read before anything writes ${names.length === 1 ? 'it' : 'them'}`,
        {
          where,
          got: names,
          hint: 'feed it, or put the operator that writes it first',
        },
      )
    }
    const { startup } = program
    const ran = startup === undefined ? undefined : this.#started.get(startup)
    if (startup !== undefined && ran !== undefined && ran.length < startup.globalBlock().ops.length) {
      throw new PreconditionNotMetError(
        'E102',
        `the startup program ran before minimize: since then ${list} ${names.length === 1 ? 'was' : 'were'} added`,
        { where, got: names, hint: 'run the startup program again; only the new variables are set' },
      )
    }
    const setter = startup?.globalBlock().lastWriter(first)
    const why = startup === undefined ? 'nothing has loaded or set them' : 'the startup program has not been run'
    throw new PreconditionNotMetError(
      'E101',
      `${list} ${names.length === 1 ? 'has' : 'have'} no value: ${names.length === 1 ? why.replace('them', 'it') : why}`,
      {
        where,
        got: names,
        hint:
          setter === undefined
            ? 'load the parameters (of a saved model: loadInferenceModel), or run the startup program first'
            : `run the startup program first; its operator ${startup!.globalBlock().ops.indexOf(setter)} (${setter.type}) sets "${first}"`,
      },
    )
  }

  /** A startup program sets parameters in float32; those that mixed precision wants in a half type are rounded after it. */
  #checkRounded(block: Block, outside: OutsideReads): void {
    for (const [name, op] of outside.reads) {
      const variable = block.vars.get(name)
      if (variable === undefined || !variable.persistable || !isHalf(variable.dtype)) continue
      const slot = this.scope.find(name)
      if (!(slot instanceof TensorSlot) || slot.dtype !== 'float32') continue
      throw new PreconditionNotMetError(
        'E107',
        `"${name}" is ${variable.dtype} in the program, but its value is still float32`,
        {
          where: { block: block.idx, op, opType: block.ops[op]!.type, variable: name },
          expected: variable.dtype,
          got: slot.dtype,
          hint: 'after the startup program ran, call ampInit(executor.scope) of the decorated optimizer',
        },
      )
    }
  }

  /** Puts the rate of a live schedule into its variable, rounded to the variable's type; nothing where the scope lacks the variable. */
  #writeLearningRate({ learningRateSource: source }: Program): void {
    const slot = source === undefined ? undefined : this.scope.find(source.variable)
    if (slot instanceof TensorSlot) writeElement(slot.dtype, slot.data, 0, source!.value())
  }

  /** Slots, attributes that are refused, and that every variable is declared; lists of feeds and fetches need not be. @throws E205, E206, E410, NotFoundError E207. */
  #checkOperator(program: Program, block: Block, op: Operator): void {
    const def = findOp(program.library, op.type)!
    checkStoredSlots(program, def, op)
    refuseFused(op.type, op.attrs)
    if (def.effects === 'io') return
    for (const slots of [op.inputs, op.outputs]) {
      for (const slot in slots) {
        for (const name of slots[slot]!) {
          if (name !== EMPTY_VAR && block.findVar(name) === undefined && !this.scope.has(name)) block.var(name)
        }
      }
    }
  }

  #firstNewOperator(program: Program): number {
    const ran = program.isStartup ? this.#started.get(program) : undefined
    const { ops } = program.globalBlock()
    if (ran === undefined || ran.length >= ops.length) return 0
    return ran.every((id, i) => ops[i]!.id === id) ? ran.length : 0
  }

  /** Programs saved for inference carry `feed` operators, which take their values from a list. */
  #placeFeedHolders(block: Block, local: Scope, values: ReadonlyMap<string, Value>): void {
    const holders = new Map<string, TensorArray>()
    for (const op of block.ops) {
      const def = findOp(block.program.library, op.type)
      if (def?.effects !== 'io' || def.feedHolder === undefined) continue
      const { holder, target, col } = def.feedHolder(op)
      const value = values.get(target)
      if (value === undefined) continue
      const items = [...(holders.get(holder)?.items ?? [])]
      items[col] = value as (typeof items)[number]
      holders.set(holder, new TensorArray(items))
    }
    for (const [name, array] of holders) local.put(name, array)
  }

  /**
   * Cached until the program is edited. Linear in the number of operators.
   * @throws UnimplementedError E401 (all operators that are not known), NotFoundError E205, InvalidArgumentError E206.
   */
  #outsideReads(program: Program): OutsideReads {
    const cached = this.#outside.get(program)
    if (cached?.edits === program.edits) return cached
    const block = program.globalBlock()
    const written = new Set<string>([EMPTY_VAR])
    const reads = new Map<string, number>()
    /** Read through a slot that may be empty. */
    const mayRead = new Set<string>()
    const overwritten = new Map<string, number>()
    const unknownOps = new Map<string, number>()
    block.ops.forEach((op, index) => {
      const def = findOp(program.library, op.type)
      if (def === undefined) {
        unknownOps.set(op.type, (unknownOps.get(op.type) ?? 0) + 1)
      } else {
        for (const [slot, names] of Object.entries(op.inputs)) {
          if (def.feedHolder !== undefined) continue
          const needed = def.inputs[slot]?.arity !== 'optional'
          for (const name of names) {
            if (written.has(name)) continue
            if (!needed) mayRead.add(name)
            else if (!reads.has(name)) reads.set(name, index)
          }
        }
      }
      for (const name of op.outputNames()) {
        const isRead = reads.has(name) || mayRead.has(name)
        if (def?.feedHolder === undefined && !written.has(name) && !isRead) overwritten.set(name, index)
        written.add(name)
      }
    })
    for (const inner of program.blocks.slice(1)) {
      for (const op of inner.ops) {
        if (findOp(program.library, op.type) === undefined) unknownOps.set(op.type, (unknownOps.get(op.type) ?? 0) + 1)
      }
    }
    if (unknownOps.size > 0) throw unknownOperators(unknownOps, program)
    for (const each of program.blocks) {
      each.ops.forEach((op, index) => {
        withPlace(
          () => operatorPlace(each, op, index),
          () => this.#checkOperator(program, each, op),
        )
      })
    }
    const result: OutsideReads = { edits: program.edits, reads, overwritten }
    this.#outside.set(program, result)
    return result
  }
}

const quoted = (name: string): string => `"${name}"`

function unknownOperators(found: ReadonlyMap<string, number>, program: Program): EnforceError {
  const list = [...found].map(([type, count]) => `${type}${count === 1 ? '' : ` (${count} times)`}`).join(', ')
  const [first] = found.keys()
  const hint = suggest(first!, Object.keys(program.library))
  return new UnimplementedError('E401', `operators that are not implemented: ${list}`, {
    got: [...found.keys()],
    hint,
  })
}
