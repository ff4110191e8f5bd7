/** What a pickle can hold here, the errors of reading one, and the conversions that several of its parts share. */
import { type EnforceError, InvalidArgumentError, makeError, UnimplementedError } from '../errors.ts'
import type { Limits } from '../framework/limits.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { PickleForms } from './pickle_forms.ts'

/** A Python tuple. */
export class PickleTuple {
  readonly items: readonly PickleValue[]

  constructor(items: readonly PickleValue[]) {
    this.items = items
  }
}

/** What `tuple` gave when called with a tuple: Paddle's form of a Tensor inside a list or dict, (name, array). */
export class PickleReduced extends PickleTuple {
  readonly inner: PickleTuple

  constructor(inner: PickleTuple) {
    super(inner.items)
    this.inner = inner
  }
}

/** A Python dict, in its order. Keys that are tuples or bytes are not read. */
export type PickleDict = Map<string | number | bigint | boolean | null, PickleValue>

/** A collections.OrderedDict, such as a layer's state inside of another dict. */
export class PickleOrderedDict extends Map<string | number | bigint | boolean | null, PickleValue> {}

/** What a pickle holds: None is null, an int beyond 2^53 a bigint, a list an array, an array of NumPy a Tensor (uint16: bfloat16). */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tensor
  | PickleTuple
  | PickleDict
  | PickleValue[]

export interface PickleOptions {
  /** Named in errors. */
  readonly file?: string
  readonly limits?: Partial<Limits>
  /** Filled with how the values stand in the file, so that writing can give the same bytes. */
  readonly forms?: PickleForms
}

export const damaged = (what: string, offset: number): InvalidArgumentError =>
  new InvalidArgumentError('E531', `a pickle is damaged: ${what}`, { where: { offset } })

export const notRead = (what: string, offset: number): UnimplementedError =>
  new UnimplementedError('E534', `${what} in a pickle is not read`, { where: { offset } })

export const refused = (name: string, offset: number): EnforceError =>
  makeError('PermissionDenied', 'E530', `this pickle names "${name}", which is not data`, {
    where: { offset },
    expected: 'dicts, lists, tuples, numbers, texts, bytes and NumPy arrays',
    got: name,
    hint: 'in Python, save plain arrays: paddle.save(layer.state_dict(), path)',
  })

/** Little-endian two's complement. */
export function longFrom(bytes: Uint8Array): number | bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = value * 256n + BigInt(bytes[i]!)
  if (bytes.length > 0 && bytes.at(-1)! >= 128) value -= 1n << BigInt(8 * bytes.length)
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value
}

export function latin1(bytes: Uint8Array): string {
  const piece = 8192
  let text = ''
  for (let i = 0; i < bytes.length; i += piece) text += String.fromCharCode(...bytes.subarray(i, i + piece))
  return text
}

/** The bytes that a text stands for, or undefined if it has other characters. */
export function bytesOf(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 255) return undefined
    bytes[i] = code
  }
  return bytes
}
