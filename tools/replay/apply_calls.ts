/** Applies to a recorded program, as it was before backward, the calls that its meta.json records. */
import { appendBackward, gradients } from '../../src/framework/autodiff/backward.ts'
import { OpRole } from '../../src/framework/op_role.ts'
import { Operator } from '../../src/framework/operator.ts'
import type { Program } from '../../src/framework/program.ts'
import type { Regularizer, Variable } from '../../src/framework/variable.ts'
import { ClipGradByGlobalNorm, ClipGradByNorm, ClipGradByValue, type GradClip } from '../../src/optimizer/clip.ts'
import * as optimizers from '../../src/optimizer/index.ts'
import { fromJSON } from '../../src/optimizer/lr/from_json.ts'
import type { SchedulerJson } from '../../src/optimizer/lr/scheduler.ts'
import type { Optimizer } from '../../src/optimizer/optimizer.ts'
import { L1Decay, L2Decay } from '../../src/optimizer/regularizer.ts'
import { decorated } from './amp_calls.ts'
import { camelCase } from './camel_case.ts'
import type { Meta, MinimizeRecord, Recording, SchedulerRecord } from './recording.ts'

export interface Replayed {
  readonly main: Program
  readonly startup: Program
  /** The program before backward as a test program that `ampInit` rewrote, where the recording has one. */
  readonly ampTest?: Program
  /** What the calls returned differently from the recording. */
  readonly faults: readonly string[]
}

/** The programs that our implementation makes of the recorded ones before backward. */
export function applyCalls(recording: Recording): Replayed {
  const { meta } = recording
  const main = recording.program('main_before_backward') ?? recording.program('main')!
  const startup = recording.program('startup_before_backward') ?? recording.program('startup')!
  main.startup = startup
  startup.isStartup = true
  setNames(main, meta)
  setParameters(main, meta)
  // Mixed precision puts casts among the forward operators, which look like additions of the user's.
  const added = meta.amp === undefined ? takeOverUserAdditions(recording, main, startup) : 0
  for (const [name, range] of Object.entries(meta.error_clip ?? {})) main.globalBlock().var(name).errorClip = range
  const faults: string[] = []
  const ampTest = meta.amp_init === undefined ? undefined : main.clone({ forTest: true })
  if (meta.append_backward !== undefined) {
    const { loss, params_grads: recorded } = meta.append_backward
    const pairs = appendBackward(
      main.globalBlock().var(loss),
      meta.append_backward.no_grad_set === undefined ? {} : { noGradSet: meta.append_backward.no_grad_set },
    )
    comparePairs(
      recorded,
      pairs.map(({ param, grad }) => [param.name, grad.name]),
      faults,
    )
  }
  if (meta.gradients !== undefined) applyGradients(main, meta.gradients, faults)
  for (const call of meta.minimize) {
    if (call.loss === undefined) continue
    const optimizer = optimizerOf(call, main, meta.scheduler)
    const mixed = meta.amp === undefined ? undefined : decorated(optimizer, meta)
    const { paramsGrads } = (mixed ?? optimizer).minimize(main.globalBlock().var(call.loss), {
      startup,
      ...(call.minimize_args?.no_grad_set === undefined ? {} : { noGradSet: call.minimize_args.no_grad_set }),
      ...(call.minimize_args?.parameters === undefined ? {} : { parameterList: call.minimize_args.parameters }),
    })
    if (ampTest !== undefined) {
      mixed?.ampInit(new Map(), { testProgram: ampTest, useFp16Test: meta.amp_init?.use_fp16_test ?? false })
    }
    const names = paramsGrads.map(({ param }) => param.name).sort()
    const recorded = call.params_grads?.map(([param]) => param).sort() ?? names
    if (names.join() !== recorded.join())
      faults.push(`minimize trains [${names.join()}], recorded [${recorded.join()}]`)
  }
  // Operators of the user's own moved counters that nobody recorded; a program that was recorded whole moves none.
  if (added === 0 && meta.unique_names_before_backward !== undefined) compareNames(meta, main, faults)
  return { main, startup, faults, ...(ampTest === undefined ? {} : { ampTest }) }
}

function setNames(main: Program, meta: Meta): void {
  if (meta.unique_names_before_backward === undefined) return
  main.names.clear()
  for (const [key, next] of Object.entries(meta.unique_names_before_backward)) main.names.set(key, next)
}

/** Parameters in the order in which they were created, with the attributes that a ProgramDesc cannot hold. */
function setParameters(main: Program, meta: Meta): void {
  const block = main.globalBlock()
  for (const record of meta.parameters ?? []) {
    const variable = block.vars.get(record.name)
    if (variable === undefined) continue
    block.removeVar(record.name)
    const { regularizer } = record
    block.createParameter(
      { ...variable, stopGradient: variable.stopGradient },
      {
        trainable: record.trainable,
        learningRate: record.learning_rate,
        regularizer: regularizer === null ? null : { type: regularizer.class, coeff: regularizer.coeff },
        needClip: record.need_clip,
      },
    )
  }
}

/**
 * Operators that the user added after the stored stage and before the calls stand in main.json alone: everything behind the stored operators
 * up to the first one of backward, with its variables, and what initializes them.
 */
function takeOverUserAdditions(recording: Recording, main: Program, startup: Program): number {
  const recorded = recording.program('main')
  const recordedStartup = recording.program('startup')
  if (
    recorded === undefined ||
    recordedStartup === undefined ||
    recording.meta.unique_names_before_backward === undefined
  )
    return 0
  const block = main.globalBlock()
  const { ops } = recorded.globalBlock()
  // A step counter of a learning-rate schedule stands in front of everything.
  const first = block.ops[0]
  const front = Math.max(
    0,
    ops.findIndex((op) => op.type === first?.type && op.outputNames().join() === first.outputNames().join()),
  )
  const inFront = ops.slice(0, front)
  const behind: Operator[] = []
  for (const op of ops.slice(front + block.ops.length)) {
    if (op.role & (OpRole.Backward | OpRole.Optimize)) break
    behind.push(op)
  }
  const added = [...inFront, ...behind]
  const wanted = new Set(added.flatMap((op) => [...op.inputNames(), ...op.outputNames()]))
  for (const call of recording.meta.minimize) {
    for (const value of Object.values(call.args)) {
      const name = variableName(value)
      if (name !== undefined) wanted.add(name)
    }
  }
  for (const [name, variable] of recorded.globalBlock().vars) {
    if (wanted.has(name) && !block.hasVar(name)) block.createVar({ ...variable })
  }
  for (const sub of recorded.blocks.slice(main.blocks.length)) {
    const copy = main.createBlock(sub.parentIdx, sub.forwardBlockIdx)
    main.rollback()
    for (const variable of sub.vars.values()) copy.createVar({ ...variable })
    for (const op of sub.ops) copy.insertOperator(copy.ops.length, new Operator(op.parts()))
  }
  inFront.forEach((op, i) => {
    block.insertOperator(i, new Operator(op.parts()))
  })
  for (const op of behind) block.insertOperator(block.ops.length, new Operator(op.parts()))
  const startupBlock = startup.globalBlock()
  for (const op of recordedStartup.globalBlock().ops.slice(startupBlock.ops.length)) {
    if (!op.outputNames().some((name) => wanted.has(name))) break
    for (const name of op.outputNames()) {
      const variable = recordedStartup.globalBlock().vars.get(name)
      if (variable !== undefined && !startupBlock.hasVar(name)) startupBlock.createVar({ ...variable })
    }
    startupBlock.insertOperator(startupBlock.ops.length, new Operator(op.parts()))
  }
  return added.length
}

const variableName = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null && 'variable' in value ? String(value.variable) : undefined

function applyGradients(main: Program, call: NonNullable<Meta['gradients']>, faults: string[]): void {
  const block = main.globalBlock()
  if (call.chain !== undefined) {
    const input = block.var(call.input!)
    let target: Variable = block.var(call.chain[0]!)
    for (const recorded of call.chain.slice(1)) {
      const [result] = gradients([target], [input])
      if (result?.name !== recorded) faults.push(`gradients gives ${result?.name}, recorded ${recorded}`)
      if (result === null || result === undefined) return
      target = result
    }
    return
  }
  const made = gradients(
    call.targets!.map((name) => block.var(name)),
    call.inputs!.map((name) => block.var(name)),
    call.target_gradients === undefined
      ? {}
      : { targetGradients: call.target_gradients.map((name) => (name === null ? null : block.var(name))) },
  )
  const names = made.map((variable) => variable?.name ?? null)
  if (JSON.stringify(names) !== JSON.stringify(call.result)) {
    faults.push(`gradients gives ${JSON.stringify(names)}, recorded ${JSON.stringify(call.result)}`)
  }
}

/** A recorded schedule as the data that `fromJSON` reads. */
export function schedulerJson({ class: type, args }: SchedulerRecord): SchedulerJson {
  const options = Object.entries(args).map(([name, value]) => [name, isScheduler(value) ? schedulerJson(value) : value])
  return { ...Object.fromEntries(options), type }
}

const isScheduler = (value: unknown): value is SchedulerRecord =>
  typeof value === 'object' && value !== null && 'class' in value && 'args' in value

/** The optimizer of a recorded call, from Paddle's class name and argument names; of a schedule the call records the class alone. */
export function optimizerOf(call: MinimizeRecord, main: Program, scheduler?: SchedulerRecord): Optimizer {
  const name = call.optimizer.replace(/^LarsMomentumOptimizer$/, 'LarsMomentum')
  const Class = (optimizers as unknown as Record<string, new (options: object) => Optimizer>)[name]
  if (Class === undefined) throw new Error(`the optimizer ${call.optimizer} is not implemented yet`)
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(call.args)) {
    const isSchedule = scheduler !== undefined && name === 'learning_rate' && isClass(value, scheduler.class)
    // LarsMomentumOptimizer still has the argument's name of Paddle 1.
    options[name === 'regularization' ? 'weightDecay' : camelCase(name)] = isSchedule
      ? fromJSON(schedulerJson(scheduler))
      : argument(value, main)
  }
  return new Class(options)
}

/** `[parameter] name ends with S`, `contains S`, several joined by `or`. */
function nameTest(text: string): (given: string | { readonly name: string }) => boolean {
  const parts = text.split(/\s+or\s+/).map((part) => /(ends with|contains)\s+(\S+)/.exec(part))
  return (given) => {
    const name = typeof given === 'string' ? given : given.name
    return parts.some(
      (match) => match !== null && (match[1] === 'ends with' ? name.endsWith(match[2]!) : name.includes(match[2]!)),
    )
  }
}

const isClass = (value: unknown, name: string): boolean =>
  typeof value === 'object' && value !== null && 'class' in value && value.class === name

function argument(value: unknown, main: Program): unknown {
  if (typeof value === 'object' && value !== null && 'function' in value) return nameTest(String(value.function))
  const name = variableName(value)
  if (name !== undefined) return main.globalBlock().var(name)
  if (typeof value !== 'object' || value === null || !('class' in value)) return value
  const { class: type, ...args } = value as unknown as { class: string } & Record<string, number>
  const makers: Readonly<Record<string, () => Regularizer | GradClip>> = {
    L1Decay: () => L1Decay(args['coeff']!),
    L2Decay: () => L2Decay(args['coeff']!),
    ClipGradByGlobalNorm: () => ClipGradByGlobalNorm(args['clip_norm']!),
    ClipGradByNorm: () => ClipGradByNorm(args['clip_norm']!),
    ClipGradByValue: () => ClipGradByValue(args['max']!, args['min']!),
  }
  const make = makers[type]
  if (make === undefined) throw new Error(`${type} is not implemented yet`)
  return make()
}

function comparePairs(
  recorded: readonly (readonly string[])[],
  made: readonly (readonly string[])[],
  faults: string[],
): void {
  if (JSON.stringify(recorded) !== JSON.stringify(made)) {
    faults.push(`pairs ${JSON.stringify(made)}, recorded ${JSON.stringify(recorded)}`)
  }
}

/** The counters that the recording left behind. */
function compareNames(meta: Meta, main: Program, faults: string[]): void {
  for (const [key, next] of Object.entries(meta.unique_names_after ?? {})) {
    if (main.names.count(key) !== next) faults.push(`name counter ${key} is ${main.names.count(key)}, recorded ${next}`)
  }
}
