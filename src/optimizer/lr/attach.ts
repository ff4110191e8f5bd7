/** The link between a program and its schedule: what the Executor writes into the learning-rate variable before each run. */
import { EnforceError, InvalidArgumentError } from '../../errors.ts'
import type { LearningRateSource, Program } from '../../framework/program.ts'
import { fromJSON } from './from_json.ts'
import type { LRScheduler } from './scheduler.ts'

/** A schedule as the source of a variable's value. */
class ScheduledRate implements LearningRateSource {
  readonly variable: string
  readonly scheduler: LRScheduler

  constructor(variable: string, scheduler: LRScheduler) {
    this.variable = variable
    this.scheduler = scheduler
  }

  value(): number {
    return this.scheduler.lastLr
  }

  get type(): string {
    return this.scheduler.type
  }

  stateDict(): Readonly<Record<string, unknown>> {
    return this.scheduler.stateDict()
  }

  setStateDict(state: Readonly<Record<string, unknown>>): void {
    this.scheduler.setStateDict(state)
  }
}

/** From now on every run of the program begins with the schedule's rate in `variable`; program files carry the schedule. */
export function linkScheduler(program: Program, variable: string, scheduler: LRScheduler): void {
  program.lrScheduler = { ...scheduler.toJSON(), var: variable }
  program.learningRateSource = new ScheduledRate(variable, scheduler)
}

/** The live schedule of a program, if it has one. */
export function schedulerOf(program: Program): LRScheduler | undefined {
  const source = program.learningRateSource
  return source instanceof ScheduledRate ? source.scheduler : undefined
}

/**
 * Brings the schedule of a program that was read from a file to life, and returns it: the caller calls its `step()`. A program that has a
 * live schedule keeps it unless another one is given; undefined if the program has none.
 * @param scheduler a schedule to use in place of the one in the file, for those that data cannot hold.
 * @throws InvalidArgumentError E318 (with the place in the file), E315; NotFoundError E317.
 */
export function attachScheduler(program: Program, scheduler?: LRScheduler): LRScheduler | undefined {
  const state = program.lrScheduler
  if (state === undefined) {
    if (scheduler === undefined) return undefined
    throw new InvalidArgumentError('E318', 'the program names no variable for a schedule to write', {
      hint: 'programs that were minimized with a schedule do: minimize with { learningRate: scheduler }',
    })
  }
  const live = schedulerOf(program)
  if (scheduler === undefined && live !== undefined) return live
  const place = { pointer: '/x_lr_scheduler' }
  if (program.globalBlock().findVar(state.var) === undefined) {
    throw new InvalidArgumentError('E318', `the schedule writes "${state.var}", which the program does not have`, {
      where: place,
      got: state.var,
    })
  }
  let made = scheduler
  try {
    made ??= fromJSON(state)
  } catch (error) {
    if (error instanceof EnforceError) throw error.at(place)
    throw error
  }
  if (scheduler === undefined) program.learningRateSource = new ScheduledRate(state.var, made)
  else linkScheduler(program, state.var, scheduler)
  return made
}
