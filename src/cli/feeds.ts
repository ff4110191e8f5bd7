/** What `--feed`, `--feeds` and `--data` say, as values to run with. */
import { EnforceError, InvalidArgumentError, ResourceExhaustedError } from '../errors.ts'
import type { FeedValue } from '../executor/feed.ts'
import { requireRoom } from '../executor/room.ts'
import { parseJsonText } from '../framework/json_text.ts'
import { LIMITS, type Limits } from '../framework/limits.ts'
import type { Program } from '../framework/program.ts'
import type { Variable } from '../framework/variable.ts'
import { isNpy, readNpy } from '../io/npy.ts'
import { VALUE_FILE_LIMITS } from '../io/tensor_file.ts'
import { allocate, isComplex, isFloating } from '../tensor/dtype.ts'
import { type Generator, uniformFloat64 } from '../tensor/random.ts'
import { formatShape, product } from '../tensor/shape.ts'
import { type NestedArray, Tensor, type Value, writeElement } from '../tensor/tensor.ts'
import { isDataPointer, numberFromJson, valueFromJSON } from '../tensor/tensor_json.ts'
import { type Named, usage } from './command.ts'
import { readInput } from './files.ts'
import type { Io } from './io.ts'

export type Feed = Record<string, FeedValue>

export interface FeedOptions {
  /** Where `random` draws from: the numbers of the program itself stay the same. */
  readonly generator: Generator
  /** For an unknown first dimension of `random` and `zeros`. */
  readonly rows: number
  /** Default: those of the library. */
  readonly limits?: Limits
}

/** The value of one `--feed NAME=VALUE`. */
export async function feedValue(io: Io, program: Program, feed: Named, options: FeedOptions): Promise<FeedValue> {
  const { name, value } = feed
  const making = /^(random|zeros)(\[[\d, ]*\])?$/.exec(value)
  if (making !== null) {
    const variable = program.globalBlock().vars.get(name)
    const shape = making[2] === undefined ? undefined : shapeOf(making[2])
    // Of a name that is not there the run complains, together with all other faults of feeds.
    if (variable === undefined) return 0
    if (shape === undefined) requireKnown(variable, making[1]!)
    return made(variable, shape, making[1] === 'random', options)
  }
  if (value.startsWith('@')) return await readValueFile(io, value.slice(1))
  try {
    // As people write them, NaN and infinities need no quotes.
    const text = value.replace(/(?<![\w"])(-?Infinity|NaN)(?![\w"])/g, '"$1"')
    return fromJson(parseJsonText(text).value, '')
  } catch (error) {
    if (!(error instanceof EnforceError)) throw error
    throw usage(`--feed ${name}: ${error.summary}`, {
      expected: 'a number, nested lists, random, zeros, or @FILE',
      got: value.slice(0, 80),
      hint: error.hint ?? `to read a file write ${name}=@${value.slice(0, 40)}`,
    })
  }
}

/** A tensor in a file: .npy, or JSON (a tensor or nested lists). The content decides which. */
export async function readValueFile(io: Io, path: string): Promise<FeedValue> {
  const bytes = await readInput(io, path, VALUE_FILE_LIMITS.programBytes!)
  if (isNpy(bytes)) return readNpy(bytes, { file: path })
  const { value, locate } = parseJsonText(bytes, { file: path, limits: VALUE_FILE_LIMITS, bigIntegerAt: isDataPointer })
  return located(path, locate, () => fromJson(value, ''))
}

/**
 * The steps of `--feeds`: a list of objects of tensors by name.
 * @throws InvalidArgumentError E525 if it is no such list.
 */
export async function readFeeds(io: Io, path: string): Promise<Feed[]> {
  const bytes = await readInput(io, path, VALUE_FILE_LIMITS.programBytes!)
  const { value, locate } = parseJsonText(bytes, { file: path, limits: VALUE_FILE_LIMITS, bigIntegerAt: isDataPointer })
  const fail = (pointer: string, got: unknown): InvalidArgumentError =>
    new InvalidArgumentError('E525', '--feeds needs a list with one object of tensors for each step', {
      where: { file: path, pointer, ...locate(pointer) },
      expected: '[ { NAME: tensor, … }, … ]',
      got: Array.isArray(got) ? `a list of ${got.length}` : got === null ? 'null' : typeof got,
    })
  if (!Array.isArray(value) || value.length === 0) throw fail('', value)
  return value.map((step: unknown, i) => {
    if (typeof step !== 'object' || step === null || Array.isArray(step)) throw fail(`/${i}`, step)
    const entries = Object.entries(step).map(([name, json]) => {
      const pointer = `/${i}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
      return [name, located(path, locate, () => fromJson(json, pointer))] as const
    })
    return Object.fromEntries(entries)
  })
}

function located<T>(
  file: string,
  locate: (pointer: string) => { line: number; column: number } | undefined,
  body: () => T,
): T {
  try {
    return body()
  } catch (error) {
    if (error instanceof EnforceError) throw error.at({ file, ...locate(error.where?.pointer ?? '') })
    throw error
  }
}

/** An object is a tensor of program-json.md; everything else is nested lists or a number. */
function fromJson(json: unknown, pointer: string): FeedValue {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return valueFromJSON(json, pointer)
  if (json === null) {
    throw new InvalidArgumentError('E510', 'a feed cannot be null', {
      where: { pointer },
      expected: 'a tensor or numbers',
      got: null,
    })
  }
  return numbersFrom(json)
}

/** Nested lists with the texts of program-json.md as the numbers they stand for. */
function numbersFrom(json: unknown): NestedArray {
  if (Array.isArray(json)) return json.map(numbersFrom)
  if (typeof json !== 'string') return json as NestedArray
  return numberFromJson(json) ?? (/^-?\d{1,20}$/.test(json) ? BigInt(json) : json)
}

/** `[2, 3]`, `[]`. */
const shapeOf = (text: string): number[] => text.match(/\d+/g)?.map(Number) ?? []

/** How many rows is anybody's choice, but not how large an image is. @throws InvalidArgumentError E703 naming the shape. */
function requireKnown({ name, shape }: Variable, what: string): void {
  if (shape.every((dim, i) => dim >= 0 || i === 0)) return
  const unknown = shape.flatMap((dim, i) => (dim < 0 && i > 0 ? [i] : []))
  throw usage(
    `--feed ${name}=${what}: "${name}" is declared as ${formatShape(shape)}, of which dimension${unknown.length === 1 ? '' : 's'} ${unknown.join(' and ')} could be anything`,
    {
      expected: 'a shape',
      got: what,
      hint: `give one, such as ${name}=${what}[${shape.map((dim, i) => (dim >= 0 ? dim : i === 0 ? 1 : 32)).join(',')}]`,
    },
  )
}

/**
 * Zeros, or with a generator numbers from [-1, 1); integers are 0 or 1, which are labels and indexes almost anywhere. Unknown dimensions
 * become `rows` in front; others must be given. @throws ResourceExhaustedError E604, before anything is allocated.
 */
function made(
  { name, dtype, shape }: Variable,
  given: readonly number[] | undefined,
  isRandom: boolean,
  { generator, rows, limits }: FeedOptions,
): Tensor {
  const known = given ?? shape.map((dim) => (dim >= 0 ? dim : rows))
  const count = known.reduce((size, dim) => size * dim, 1)
  if (count > LIMITS.tensorElements) {
    throw new ResourceExhaustedError(
      'E604',
      `feed "${name}" of ${dtype} ${formatShape(known)} would have ${count} elements, beyond the limit tensorElements of ${LIMITS.tensorElements}`,
      { expected: `at most ${LIMITS.tensorElements}`, got: count },
    )
  }
  requireRoom(`feed "${name}"`, { dtype, shape: known }, limits)
  const tensor = Tensor.zeros(dtype, known)
  if (!isRandom) return tensor
  const parts = isComplex(dtype) ? 2 * tensor.size : tensor.size
  for (let i = 0; i < parts; i++) {
    const draw = uniformFloat64(generator.engine)
    if (isComplex(dtype)) tensor.data[i] = 2 * draw - 1
    else writeElement(dtype, tensor.data, i, isFloating(dtype) ? 2 * draw - 1 : draw < 0.5 ? 0 : 1)
  }
  return tensor
}

/** Tensors of equally many rows, cut into batches along their first dimension. */
export class DataSet {
  readonly rows: number
  readonly #columns: readonly (readonly [name: string, tensor: Tensor])[]

  /** @throws InvalidArgumentError E703 if the tensors differ in rows, or have none. */
  constructor(columns: readonly (readonly [name: string, tensor: Tensor])[], flag: string) {
    this.#columns = columns
    this.rows = columns[0]![1].shape[0] ?? 0
    for (const [name, { shape }] of columns) {
      if (shape.length === 0 || shape[0] === 0) {
        throw usage(`${flag} ${name} has no rows: its shape is ${formatShape(shape)}`, { got: shape })
      }
    }
    if (columns.some(([, { shape }]) => shape[0] !== this.rows)) {
      const counts = Object.fromEntries(columns.map(([name, { shape }]) => [name, shape[0]]))
      throw usage(
        `${flag}: all data must have the same number of rows, got ${Object.entries(counts)
          .map(([name, count]) => `${name} ${count}`)
          .join(', ')}`,
        { got: counts },
      )
    }
  }

  /** Reads `--data NAME=@FILE` flags. */
  static async read(io: Io, flags: readonly Named[], flag: string): Promise<DataSet> {
    const columns: [string, Tensor][] = []
    for (const { name, value } of flags) {
      if (!value.startsWith('@')) throw usage(`${flag} needs NAME=@FILE, got ${name}=${value}`, { got: value })
      const read = await readValueFile(io, value.slice(1))
      if (!(read instanceof Tensor)) {
        throw usage(`${flag} ${name} must be a tensor: a .npy file or JSON with dtype, shape and data`, { got: value })
      }
      columns.push([name, read])
    }
    return new DataSet(columns, flag)
  }

  get names(): string[] {
    return this.#columns.map(([name]) => name)
  }

  /** Row `start` up to but not including `end`, of the data as it is or in the given order. */
  batch(start: number, end: number, order?: Uint32Array): Feed {
    const feed: Feed = {}
    for (const [name, { dtype, shape, data }] of this.#columns) {
      const size = product(shape, 1) * (isComplex(dtype) ? 2 : 1)
      const count = end - start
      let part = data.subarray(start * size, end * size)
      if (order !== undefined) {
        part = allocate(dtype, count * product(shape, 1))
        for (let row = 0; row < count; row++) {
          const from = order[start + row]! * size
          ;(part as Float32Array).set(data.subarray(from, from + size) as Float32Array, row * size)
        }
      }
      feed[name] = new Tensor(dtype, [count, ...shape.slice(1)], part)
    }
    return feed
  }
}

/** The numbers 0 to n - 1 in an order drawn from the generator. */
export function shuffled(n: number, generator: Generator): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(uniformFloat64(generator.engine) * (i + 1))
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}

export const isTensor = (value: Value | undefined): value is Tensor => value instanceof Tensor
