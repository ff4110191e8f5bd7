/**
 * Parameters as Paddle's inference models hold them: all persistable variables of a program, either in one file (.pdiparams: streams
 * without names, in the order of the sorted names) or each in a file of its name.
 * Source: python/paddle/static/io.py, save_vars and load_vars (2.6.2).
 */
import { EnforceError, InvalidArgumentError, NotFoundError } from '../errors.ts'
import { FILE_KINDS, fileKind } from '../framework/file_kind.ts'
import type { Program } from '../framework/program.ts'
import { compareNames } from '../framework/program_desc.ts'
import type { Variable } from '../framework/variable.ts'
import { formatShape, type Shape } from '../tensor/shape.ts'
import { SelectedRows, Tensor, type Value } from '../tensor/tensor.ts'
import { ByteWriter, listed } from './bytes.ts'
import {
  inFile,
  readSelectedRowsStream,
  readSingleTensor,
  readTensorStream,
  type StreamOptions,
  writeSelectedRowsStream,
  writeTensorStream,
} from './tensor_stream.ts'

/** Kinds of persistable variable that are saved nowhere. */
const UNSAVED: ReadonlySet<string> = new Set(['FEED_MINIBATCH', 'FETCH_LIST', 'READER', 'RAW'])

/** The variables of a program that its parameter files hold: persistable ones of all blocks, each name once, sorted by name. */
export function persistableVariables(program: Program): Variable[] {
  const found = new Map<string, Variable>()
  for (const block of program.blocks) {
    for (const variable of block.vars.values()) {
      if (variable.persistable && !UNSAVED.has(variable.type)) found.set(variable.name, variable)
    }
  }
  return [...found.values()].sort((a, b) => compareNames(a.name, b.name))
}

export const typeText = (value: { readonly dtype: string; readonly shape: Shape }): string =>
  `${value.dtype}${formatShape(value.shape)}`

/**
 * -1 in the program stands for any dimension. A single element may be written [] or [1]: Paddle 2.6 declares the learning rate of a schedule
 * as [] and sets it to a tensor of [1] at each run, which is what its files then hold. A matrix may be written [] too: Paddle's fc_fuse_pass
 * adds padded weights of which it does not say the shape.
 */
export function fits(variable: Variable, value: Tensor): boolean {
  if (variable.dtype !== value.dtype) return false
  if (isSingle(variable.shape) && isSingle(value.shape)) return true
  if (variable.shape.length === 0 && value.shape.length === 2) return true
  return (
    variable.shape.length === value.shape.length && variable.shape.every((dim, i) => dim < 0 || dim === value.shape[i])
  )
}

const isSingle = (shape: Shape): boolean => shape.length === 0 || (shape.length === 1 && shape[0] === 1)

/** A value that {@link fits}, in the shape that its variable has. */
export const fitted = (variable: Variable, value: Tensor): Tensor =>
  isSingle(variable.shape) && isSingle(value.shape) && variable.shape.length !== value.shape.length
    ? new Tensor(value.dtype, variable.shape, value.data)
    : value

/**
 * The tensors of a .pdiparams file, by the names that the program gives them.
 * @throws InvalidArgumentError E533 if number, element types or shapes differ from the program's, with both lists; E532 for a damaged
 * stream, also where the last tensor was cut off; E529 for a file of another kind.
 */
export function readCombinedParams(
  bytes: Uint8Array,
  program: Program,
  options: StreamOptions = {},
): Map<string, Tensor> {
  const variables = persistableVariables(program)
  return inFile(options.file, () => {
    const sparse = variables.filter(({ type }) => type === 'SELECTED_ROWS')
    if (sparse.length > 0) {
      throw new InvalidArgumentError('E533', `a combined file cannot hold selected rows: ${listed(sparse.map(nameOf))}`)
    }
    const tensors: Tensor[] = []
    for (let at = 0; at < bytes.length; ) {
      try {
        const { value, end } = readTensorStream(bytes, at, options)
        tensors.push(value)
        at = end
      } catch (error) {
        if (!(error instanceof EnforceError)) throw error
        throw streamFault(error, bytes, variables, tensors)
      }
    }
    const values = new Map<string, Tensor>()
    const misfit = variables.findIndex((variable, i) => tensors[i] !== undefined && !fits(variable, tensors[i]))
    if (tensors.length !== variables.length) throw wrongCount(variables, tensors, misfit)
    if (misfit >= 0) {
      const variable = variables[misfit]!
      const got = typeText(tensors[misfit]!)
      const expected = typeText(variable)
      const what = `tensor ${misfit} of the file is ${got}, but "${variable.name}" is ${expected}`
      throw new InvalidArgumentError('E533', what, { where: { variable: variable.name }, expected, got })
    }
    variables.forEach((variable, i) => {
      values.set(variable.name, fitted(variable, tensors[i]!))
    })
    return values
  })
}

const nameOf = ({ name }: Variable): string => name

function streamFault(
  error: EnforceError,
  bytes: Uint8Array,
  variables: readonly Variable[],
  tensors: readonly Tensor[],
): EnforceError {
  if (tensors.length === 0) {
    const kind = fileKind(bytes)
    if (kind !== 'tensor-stream' && kind !== 'unknown') {
      return new InvalidArgumentError('E529', `this is ${FILE_KINDS[kind]}, not a .pdiparams file`, {
        expected: FILE_KINDS['tensor-stream'],
        got: FILE_KINDS[kind],
      })
    }
  }
  const variable = variables[tensors.length]
  if (variable === undefined) return wrongCount(variables, tensors, -1, error)
  return error.at({ variable: variable.name })
}

function wrongCount(
  variables: readonly Variable[],
  tensors: readonly Tensor[],
  misfit: number,
  cause?: EnforceError,
): InvalidArgumentError {
  const first = variables[misfit < 0 ? tensors.length : misfit]
  const found =
    cause === undefined ? `${tensors.length} tensors` : `${tensors.length} tensors and something behind them`
  const hint =
    first === undefined
      ? 'the file belongs to another program'
      : misfit < 0
        ? `the tensors would end before "${first.name}"`
        : `"${first.name}" is the first that does not fit: it is ${typeText(first)}, the file has ${typeText(tensors[misfit]!)}`
  return new InvalidArgumentError(
    'E533',
    `the file holds ${found}, the program has ${variables.length} persistable variables`,
    {
      expected: variables.map((variable) => `${variable.name}: ${typeText(variable)}`),
      got: tensors.map(typeText),
      hint,
      ...(cause === undefined ? {} : { cause }),
    },
  )
}

/**
 * The bytes of a .pdiparams file.
 * @param lookUp the value of a variable, as Scope.get gives it.
 * @throws NotFoundError E533 for variables without a value; InvalidArgumentError E533 for one that is no tensor or does not fit.
 */
export function writeCombinedParams(program: Program, lookUp: (name: string) => Value | undefined): Uint8Array {
  const to = new ByteWriter()
  for (const [variable, value] of valuesOf(program, lookUp)) {
    if (!(value instanceof Tensor)) {
      throw new InvalidArgumentError('E533', `a combined file cannot hold "${variable.name}": it is no dense tensor`, {
        where: { variable: variable.name },
        hint: 'write separate files',
      })
    }
    writeTensorStream(value, to)
  }
  return to.finish()
}

function valuesOf(program: Program, lookUp: (name: string) => Value | undefined): [Variable, Value][] {
  const pairs = persistableVariables(program).map((variable) => [variable, lookUp(variable.name)] as const)
  const missing = pairs.filter(([, value]) => value === undefined).map(([{ name }]) => name)
  if (missing.length > 0) {
    throw new NotFoundError('E533', `${missing.length} persistable variables have no value: ${listed(missing)}`, {
      expected: 'a value for every persistable variable',
      got: missing,
      hint: 'run the startup program, or load them',
    })
  }
  for (const [variable, value] of pairs) {
    if (!(value instanceof Tensor) || fits(variable, value)) continue
    throw new InvalidArgumentError(
      'E533',
      `"${variable.name}" is ${typeText(value)}, but in the program ${typeText(variable)}`,
      {
        where: { variable: variable.name },
        expected: typeText(variable),
        got: typeText(value),
      },
    )
  }
  return pairs as [Variable, Value][]
}

/**
 * The values of separate files, each named as its variable. Files of other names are left alone.
 * @throws NotFoundError E533 listing variables without a file; InvalidArgumentError E532, E533 as for a combined file.
 */
export const readSeparateParams = (
  files: ReadonlyMap<string, Uint8Array>,
  program: Program,
  options: StreamOptions = {},
): Map<string, Tensor | SelectedRows> => readVariableFiles(files, persistableVariables(program), options)

/** As {@link readSeparateParams}, of these variables. */
export function readVariableFiles(
  files: ReadonlyMap<string, Uint8Array>,
  variables: readonly Variable[],
  options: StreamOptions = {},
): Map<string, Tensor | SelectedRows> {
  const missing = variables.map(nameOf).filter((name) => !files.has(name))
  if (missing.length > 0) {
    throw new NotFoundError(
      'E533',
      `there is no file for ${missing.length} persistable variables: ${listed(missing)}`,
      {
        expected: variables.map(nameOf),
        got: [...files.keys()],
      },
    )
  }
  const values = new Map<string, Tensor | SelectedRows>()
  for (const variable of variables) {
    const { name } = variable
    const bytes = files.get(name)!
    if (variable.type === 'SELECTED_ROWS') {
      values.set(
        name,
        inFile(name, () => readSelectedRowsStream(bytes, 0, options).value),
      )
      continue
    }
    const value = readSingleTensor(bytes, { ...options, file: name })
    if (!fits(variable, value)) {
      throw new InvalidArgumentError(
        'E533',
        `the file of "${name}" holds ${typeText(value)}, the program has ${typeText(variable)}`,
        {
          where: { file: name, variable: name },
          expected: typeText(variable),
          got: typeText(value),
        },
      )
    }
    values.set(name, fitted(variable, value))
  }
  return values
}

/** One file per persistable variable, by name. @throws as {@link writeCombinedParams}. */
export function writeSeparateParams(
  program: Program,
  lookUp: (name: string) => Value | undefined,
): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (const [{ name }, value] of valuesOf(program, lookUp)) {
    if (value instanceof Tensor) files.set(name, writeTensorStream(value).finish())
    else if (value instanceof SelectedRows) files.set(name, writeSelectedRowsStream(value).finish())
    else
      throw new InvalidArgumentError('E533', `"${name}" is a tensor array, which no file holds`, {
        where: { variable: name },
      })
  }
  return files
}
