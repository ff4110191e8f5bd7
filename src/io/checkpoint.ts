/**
 * What a checkpoint holds of a training: the values of all persistable variables (parameters, accumulators, master weights, loss scale), the
 * state of the schedule and of random generators, and the step. Nothing is set before everything was found to fit.
 */
import { EnforceError, InvalidArgumentError, NotFoundError, PreconditionNotMetError } from '../errors.ts'
import type { Executor } from '../executor/executor.ts'
import type { Program } from '../framework/program.ts'
import { type ProgramJson, stringifyProgramJson } from '../framework/program_json.ts'
import type { Generator } from '../tensor/random.ts'
import { formatShape } from '../tensor/shape.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import { fits, persistableVariables, typeText } from './params.ts'

/** The training that a checkpoint is of. */
export interface Training {
  readonly executor: Executor
  readonly program: Program
  /** Generators beside the executor's, by a name of your own: the order of rows, augmentation. */
  readonly generators?: Readonly<Record<string, Generator>>
}

/** What is kept beside the values. */
export interface CheckpointState {
  readonly step: number
  readonly scheduler: { readonly type: string; readonly state: Readonly<Record<string, unknown>> } | null
  /** States of random engines, as hexadecimal text; `executor` is that of the executor. */
  readonly generators: Readonly<Record<string, string>>
  /** What the caller keeps: plain JSON. */
  readonly data: unknown
}

export interface Snapshot {
  readonly values: ReadonlyMap<string, Tensor>
  /** Persistable variables that had no value yet. */
  readonly unset: readonly string[]
  readonly state: CheckpointState
}

/** The executor's own generator among those of a checkpoint. */
const EXECUTOR = 'executor'

/**
 * The training as it is now.
 * @throws InvalidArgumentError E555 for a bad step, a generator called "executor", or a variable whose value is no tensor.
 */
export function takeSnapshot({ executor, program, generators = {} }: Training, step: number, data: unknown): Snapshot {
  if (!Number.isSafeInteger(step) || step < 0) throw cannotWrite('step', 'a whole number of 0 or more', step)
  if (Object.hasOwn(generators, EXECUTOR)) throw cannotWrite('the name of a generator', 'another one', EXECUTOR)
  const values = new Map<string, Tensor>()
  const unset: string[] = []
  for (const { name } of persistableVariables(program)) {
    const value = executor.scope.get(name)
    if (value === undefined) unset.push(name)
    else if (value instanceof Tensor) values.set(name, value)
    else throw cannotWrite(`"${name}"`, 'a tensor', 'selected rows or a tensor array', { variable: name })
  }
  const source = program.learningRateSource
  const states = { [EXECUTOR]: executor.generator, ...generators }
  return {
    values,
    unset,
    state: {
      step,
      scheduler: source === undefined ? null : { type: source.type, state: source.stateDict() },
      generators: Object.fromEntries(
        Object.entries(states).map(([name, generator]) => [name, toHex(generator.state)] as const),
      ),
      data: data ?? null,
    },
  }
}

export interface RestoreOptions {
  /** Accepts a program of other operators, as long as all its variables fit. Default false. */
  readonly anyProgram?: boolean
}

/**
 * Sets a training to what a snapshot holds. Nothing is changed if this throws.
 * @param sameProgram whether the snapshot was taken of this program.
 * @throws NotFoundError E553 for a variable without a value, naming it; InvalidArgumentError E552 for a value that fits no variable;
 * PreconditionNotMetError E554 for another program, schedule or set of generators; NotFoundError E317 for a state of another schedule.
 */
export function restoreSnapshot(
  { executor, program, generators = {} }: Training,
  { values, unset, state }: Snapshot,
  sameProgram: boolean,
  options: RestoreOptions = {},
): void {
  checkValues(program, executor, values, new Set(unset))
  if (!sameProgram && options.anyProgram !== true) {
    throw new PreconditionNotMetError('E554', 'the checkpoint was written by a program of other operators', {
      hint: 'all its variables fit: load it with { anyProgram: true } if the change is meant',
    })
  }
  const states = checkGenerators({ [EXECUTOR]: executor.generator, ...generators }, state.generators)
  setSchedule(program, state.scheduler)
  for (const [generator, words] of states) generator.state = words
  for (const [name, value] of values) executor.scope.set(name, value)
}

function checkValues(
  program: Program,
  executor: Executor,
  values: ReadonlyMap<string, Tensor>,
  unset: ReadonlySet<string>,
): void {
  const variables = new Map(persistableVariables(program).map((variable) => [variable.name, variable]))
  for (const variable of variables.values()) {
    const value = values.get(variable.name)
    if (value === undefined) {
      if (unset.has(variable.name)) continue
      throw new NotFoundError('E553', `the checkpoint has no ${partOf(program, variable.name)}`, {
        where: { variable: variable.name },
        expected: typeText(variable),
        hint: 'go on with the program that wrote the checkpoint',
      })
    }
    if (fits(variable, value) || fitsPresent(executor.scope.get(variable.name), value)) continue
    throw new InvalidArgumentError(
      'E552',
      `${partOf(program, variable.name)} is ${typeText(value)} in the checkpoint, ${typeText(variable)} in the program`,
      { where: { variable: variable.name }, expected: typeText(variable), got: typeText(value) },
    )
  }
  for (const [name, value] of values) {
    if (variables.has(name)) continue
    throw new InvalidArgumentError(
      'E552',
      `the checkpoint has "${name}" (${typeText(value)}), which is no persistable variable of the program`,
      { where: { variable: name }, got: typeText(value), hint: 'go on with the program that wrote the checkpoint' },
    )
  }
}

/** Where the program declares another type than training works with, that of the value that is there counts. */
const fitsPresent = (present: Value | undefined, value: Tensor): boolean =>
  present instanceof Tensor && present.dtype === value.dtype && formatShape(present.shape) === formatShape(value.shape)

/** A variable by its part in an update operator, `Moment1 of "w" ("w_moment1_0")`, else by its name. */
function partOf(program: Program, name: string): string {
  for (const { ops } of program.blocks) {
    for (const op of ops) {
      const param = op.inputs['Param']?.[0]
      if (param === undefined || param === name) continue
      for (const [slot, names] of Object.entries(op.inputs)) {
        if (names[0] === name && Object.hasOwn(op.outputs, `${slot}Out`)) return `${slot} of "${param}" ("${name}")`
      }
    }
  }
  return `"${name}"`
}

function checkGenerators(
  here: Readonly<Record<string, Generator>>,
  saved: Readonly<Record<string, string>>,
): [Generator, Uint32Array][] {
  const wanted = Object.keys(here).sort()
  const got = Object.keys(saved).sort()
  if (wanted.join() !== got.join()) {
    throw new PreconditionNotMetError(
      'E554',
      `the checkpoint has generators ${got.join(', ')}, this training ${wanted.join(', ')}`,
      { expected: wanted, got },
    )
  }
  return wanted.map((name) => {
    const words = fromHex(saved[name]!)
    here[name]!.engine.clone().loadState(words)
    return [here[name]!, words]
  })
}

function setSchedule(program: Program, saved: CheckpointState['scheduler']): void {
  const source = program.learningRateSource
  if ((source?.type ?? null) !== (saved?.type ?? null)) {
    throw new PreconditionNotMetError(
      'E554',
      `the checkpoint was written with ${saved?.type ?? 'no schedule'}, this training has ${source?.type ?? 'none'}`,
      {
        ...(source === undefined ? {} : { where: { variable: source.variable } }),
        expected: saved?.type ?? null,
        got: source?.type ?? null,
        hint: 'minimize with the same schedule, or attach it: lr.attachScheduler(program)',
      },
    )
  }
  if (source === undefined || saved === null) return
  const before = source.stateDict()
  try {
    source.setStateDict(saved.state)
  } catch (error) {
    source.setStateDict(before)
    throw error instanceof EnforceError ? error.at({ variable: source.variable }) : error
  }
}

/** The program without what does not change its course: members of the user's own, and the schedule, which has a state of its own. */
export function programText(program: Program): string {
  const cached = TEXTS.get(program)
  if (cached?.edits === program.edits) return cached.text
  const json = JSON.parse(JSON.stringify(program.toJSON()), (key, value) =>
    key.startsWith('$') || key.startsWith('x_') ? undefined : value,
  ) as ProgramJson
  const text = stringifyProgramJson(json)
  TEXTS.set(program, { edits: program.edits, text })
  return text
}

const TEXTS = new WeakMap<Program, { readonly edits: number; readonly text: string }>()

const toHex = (words: Uint32Array): string => Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('')

const fromHex = (text: string): Uint32Array =>
  Uint32Array.from({ length: Math.ceil(text.length / 8) }, (_, i) => Number.parseInt(text.slice(8 * i, 8 * i + 8), 16))

export function cannotWrite(what: string, wanted: string, got: unknown, where?: object): InvalidArgumentError {
  return new InvalidArgumentError('E555', `${what} must be ${wanted}, got ${String(got)}`, {
    ...(where === undefined ? {} : { where }),
    expected: wanted,
    got,
  })
}
