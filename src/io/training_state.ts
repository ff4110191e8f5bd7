/**
 * The state of a training program as paddle.static.save writes it: parameters (.pdparams) and the other persistable variables (.pdopt) as
 * pickles of arrays by name, and the program (.pdmodel). Works on bytes; files are in `node/training_state_files.ts`.
 * Source: python/paddle/static/io.py, save and load (2.6.2).
 */
import { InvalidArgumentError, NotFoundError } from '../errors.ts'
import type { Program } from '../framework/program.ts'
import { Parameter, type Variable } from '../framework/variable.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import { listed } from './bytes.ts'
import { fits, fitted, persistableVariables, typeText } from './params.ts'
import { writeStateFile } from './state_file.ts'

export interface TrainingStateFiles {
  /** The .pdparams file. */
  readonly params: Uint8Array
  /** The .pdopt file: accumulators, learning rates, whatever else is persistable. */
  readonly optimizer: Uint8Array
  /** The .pdmodel file: the whole program. */
  readonly model: Uint8Array
}

/**
 * The three files of a program and its values.
 * @param lookUp the value of a variable, as Scope.get gives it.
 * @throws NotFoundError E533 for variables without a value, InvalidArgumentError E533 for one that is no tensor.
 */
export function trainingStateFiles(program: Program, lookUp: (name: string) => Value | undefined): TrainingStateFiles {
  const params = new Map<string, Tensor>()
  const others = new Map<string, Tensor>()
  const missing: string[] = []
  for (const variable of inOrder(program)) {
    const value = lookUp(variable.name)
    if (value === undefined) missing.push(variable.name)
    else if (!(value instanceof Tensor)) throw noTensor(variable.name)
    else if (variable instanceof Parameter) params.set(variable.name, value)
    else if (!variable.needCheckFeed) others.set(variable.name, value)
  }
  if (missing.length > 0) throw noValue(missing)
  return {
    params: writeStateFile({ tensors: params }),
    optimizer: writeStateFile({ tensors: others }),
    model: program.toProto(),
  }
}

/** Persistable variables in the order in which they stand in the program, as Paddle writes them. */
function inOrder(program: Program): Variable[] {
  const wanted = new Set(persistableVariables(program))
  return program.blocks.flatMap(({ vars }) => [...vars.values()].filter((variable) => wanted.has(variable)))
}

const noTensor = (name: string): InvalidArgumentError =>
  new InvalidArgumentError('E533', `"${name}" is no dense tensor, so a state file cannot hold it`, {
    where: { variable: name },
  })

const noValue = (missing: readonly string[]): NotFoundError =>
  new NotFoundError('E533', `${missing.length} persistable variables have no value: ${listed(missing)}`, {
    expected: 'a value for every persistable variable',
    got: missing,
    hint: 'run the startup program, or load them',
  })

/** What {@link fitValues} found. */
export interface FittedValues {
  /** By the names of the program. */
  readonly values: ReadonlyMap<string, Value>
  /** Names that fit no persistable variable. */
  readonly unused: readonly string[]
  /** Persistable variables that got nothing. */
  readonly missing: readonly string[]
}

/**
 * Values as the program's variables need them.
 * @param names from names in the file to names of parameters, as a layer's state has them (`conv.weight` to `conv2d_0.w_0`).
 * @throws InvalidArgumentError E526 for a value of another element type or shape than its variable.
 */
export function fitValues(
  program: Program,
  given: ReadonlyMap<string, Value>,
  options: { readonly names?: ReadonlyMap<string, string> | undefined; readonly file?: string } = {},
): FittedValues {
  const variables = new Map(persistableVariables(program).map((variable) => [variable.name, variable] as const))
  const values = new Map<string, Value>()
  const unused: string[] = []
  for (const [givenName, value] of given) {
    const name = variables.has(givenName) ? givenName : (options.names?.get(givenName) ?? givenName)
    const variable = variables.get(name)
    if (variable === undefined) {
      unused.push(givenName)
      continue
    }
    if (value instanceof Tensor && !fits(variable, value)) throw misfit(variable, value, options.file)
    values.set(name, value instanceof Tensor ? fitted(variable, value) : value)
  }
  return { values, unused, missing: [...variables.keys()].filter((name) => !values.has(name)) }
}

const misfit = (variable: Variable, value: Tensor, file?: string): InvalidArgumentError =>
  new InvalidArgumentError('E526', `the saved value of "${variable.name}" does not fit its variable`, {
    where: { ...(file === undefined ? {} : { file }), variable: variable.name },
    expected: typeText(variable),
    got: typeText(value),
  })
