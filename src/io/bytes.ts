/** Reading and writing little-endian bytes in order, and elements of tensors from bytes; what the readers of binary files share. */
import { type EnforceError, ResourceExhaustedError, UnimplementedError } from '../errors.ts'
import { byteSize, type DType, makeView } from '../tensor/dtype.ts'
import { formatShape, type Shape } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

/** Reads numbers one after another. `damaged` makes the error for what is missing at an offset. */
export class ByteReader {
  readonly bytes: Uint8Array
  pos: number
  readonly #view: DataView
  readonly #damaged: (what: string, offset: number) => EnforceError

  constructor(bytes: Uint8Array, damaged: (what: string, offset: number) => EnforceError, pos = 0) {
    this.bytes = bytes
    this.pos = pos
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#damaged = damaged
  }

  get left(): number {
    return this.bytes.length - this.pos
  }

  /** Moves on by `count` bytes and returns where they begin. */
  take(count: number, what: string): number {
    if (!(count >= 0 && count <= this.left)) {
      throw this.#damaged(`${what} needs ${count} bytes, but ${this.left} are left`, this.pos)
    }
    const start = this.pos
    this.pos += count
    return start
  }

  u8(what: string): number {
    return this.bytes[this.take(1, what)]!
  }
  u16(what: string): number {
    return this.#view.getUint16(this.take(2, what), true)
  }
  u32(what: string): number {
    return this.#view.getUint32(this.take(4, what), true)
  }
  i32(what: string): number {
    return this.#view.getInt32(this.take(4, what), true)
  }
  f64be(what: string): number {
    return this.#view.getFloat64(this.take(8, what), false)
  }

  /** An unsigned 64-bit number as a count: beyond 2^53 it can only be damage. */
  u64(what: string): number {
    const at = this.pos
    const value = this.#view.getBigUint64(this.take(8, what), true)
    if (value > 9007199254740991n) throw this.#damaged(`${what} cannot be ${value}`, at)
    return Number(value)
  }

  i64(what: string): bigint {
    return this.#view.getBigInt64(this.take(8, what), true)
  }

  slice(count: number, what: string): Uint8Array {
    const start = this.take(count, what)
    return this.bytes.subarray(start, start + count)
  }
}

/** Collects pieces and joins them once. */
export class ByteWriter {
  readonly #parts: Uint8Array[] = []
  length = 0

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    this.length += bytes.length
    return this
  }

  u8(...values: number[]): this {
    return this.raw(Uint8Array.from(values))
  }

  u32(value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value, true)
    return this.raw(bytes)
  }

  u64(value: number | bigint): this {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true)
    return this.raw(bytes)
  }

  finish(): Uint8Array {
    const all = new Uint8Array(this.length)
    let at = 0
    for (const part of this.#parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }
}

/** The bytes of a tensor's elements, without a copy. */
export const dataBytes = ({ data }: Tensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** A tensor with its own copy of `bytes`, which hold exactly its elements. */
export function tensorFromBytes(dtype: DType, shape: Shape, bytes: Uint8Array, lod?: Tensor['lod']): Tensor {
  const buffer = new ArrayBuffer(bytes.length)
  const own = new Uint8Array(buffer)
  own.set(bytes)
  // A kernel may rely on true being 1.
  if (dtype === 'bool') for (let i = 0; i < own.length; i++) if (own[i] !== 0) own[i] = 1
  return new Tensor(dtype, shape, makeView(dtype, buffer, 0, bytes.length / byteSize(dtype)), lod)
}

/**
 * Elements of a shape from a file: dimensions are whole and not negative.
 * @throws ResourceExhaustedError E604 beyond the limit, also where a zero makes the product small.
 */
export function countOf(shape: Shape, limit: number, where: { readonly offset?: number } = {}): number {
  let count = 1
  for (const dim of shape) if (dim !== 0) count *= dim
  if (count > limit) {
    throw new ResourceExhaustedError('E604', `an array of ${count} elements is beyond the limit of ${limit}`, {
      where,
      expected: `at most ${limit} elements`,
      got: formatShape(shape),
    })
  }
  return shape.includes(0) ? 0 : count
}

export const notHeld = (what: string, where: { readonly offset?: number } = {}, hint?: string): UnimplementedError =>
  new UnimplementedError('E513', `arrays of ${what} are not read`, {
    where,
    got: what,
    hint,
  })

/** Up to five names, then how many more. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}
