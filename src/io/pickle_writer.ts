/**
 * Writes data as a Python pickle that plain `pickle.load` and paddle.load read, with NumPy 1 and 2: arrays are named by
 * `numpy.core.multiarray`, which both know. A number that is whole is written as an int.
 */
import { InvalidArgumentError } from '../errors.ts'
import { Tensor } from '../tensor/tensor.ts'
import { ByteWriter, dataBytes } from './bytes.ts'
import { CODES } from './pickle_numpy.ts'
import { PickleTuple, type PickleValue } from './pickle_values.ts'

export interface WritePickleOptions {
  /** Default 4. Protocol 2 doubles most of the bytes of arrays. */
  readonly protocol?: 2 | 3 | 4
}

/** What is kept under a number once it was written, so that it is written once. */
const KEPT = ['numpy.core.multiarray _reconstruct', 'numpy ndarray', 'numpy dtype', '_codecs encode'] as const

/** @throws InvalidArgumentError E531 for a text that is not Unicode. */
export function writePickle(value: PickleValue, options: WritePickleOptions = {}): Uint8Array {
  return new Pickler(options.protocol ?? 4).write(value)
}

class Pickler {
  readonly #to = new ByteWriter()
  readonly #protocol: 2 | 3 | 4
  readonly #kept = new Map<string, number>()

  constructor(protocol: 2 | 3 | 4) {
    this.#protocol = protocol
  }

  write(value: PickleValue): Uint8Array {
    this.#to.u8(0x80, this.#protocol)
    this.#value(value)
    return this.#to.u8(0x2e).finish()
  }

  #value(value: PickleValue): void {
    const to = this.#to
    if (value === null) to.u8(0x4e)
    else if (typeof value === 'boolean') to.u8(value ? 0x88 : 0x89)
    else if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'bigint') this.#long(value)
    else if (typeof value === 'number') this.#number(value)
    else if (value instanceof Uint8Array) this.#bytes(value)
    else if (value instanceof Tensor) this.#array(value)
    else if (value instanceof PickleTuple) this.#tuple(value.items)
    else if (value instanceof Map) {
      to.u8(0x7d, 0x28) // EMPTY_DICT, MARK
      for (const [key, item] of value) {
        this.#value(key)
        this.#value(item)
      }
      to.u8(0x75) // SETITEMS
    } else {
      to.u8(0x5d, 0x28) // EMPTY_LIST, MARK
      for (const item of value) this.#value(item)
      to.u8(0x65) // APPENDS
    }
  }

  #tuple(items: readonly PickleValue[]): void {
    this.#to.u8(0x28)
    for (const item of items) this.#value(item)
    this.#to.u8(0x74)
  }

  #number(value: number): void {
    if (Object.is(value, -0) || !Number.isInteger(value)) {
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setFloat64(0, value, false)
      this.#to.u8(0x47).raw(bytes) // BINFLOAT
    } else if (value >= -2147483648 && value <= 2147483647)
      this.#to.u8(0x4a).u32(value >>> 0) // BININT
    else this.#long(BigInt(value))
  }

  /** LONG1: two's complement in as many bytes as it takes. */
  #long(value: bigint): void {
    const bytes: number[] = []
    for (let rest = value; ; rest >>= 8n) {
      const byte = Number(rest & 255n)
      bytes.push(byte)
      const signed = byte >= 128 ? -1n : 0n
      if (rest >> 8n === signed) break
    }
    this.#to.u8(0x8a, bytes.length, ...bytes)
  }

  #text(value: string): void {
    if (/\p{Surrogate}/u.test(value)) {
      throw new InvalidArgumentError('E531', `${JSON.stringify(value)} is not Unicode, so a pickle cannot hold it`)
    }
    const bytes = new TextEncoder().encode(value)
    this.#to.u8(0x58).u32(bytes.length).raw(bytes) // BINUNICODE
  }

  #bytes(value: Uint8Array): void {
    const to = this.#to
    if (this.#protocol === 2) {
      // Protocol 2 has no bytes: Python writes them as a text to be encoded.
      this.#global('_codecs encode')
      const encoded = latin1ToUtf8(value)
      to.u8(0x58).u32(encoded.length).raw(encoded)
      this.#text('latin1')
      to.u8(0x86, 0x52) // TUPLE2, REDUCE
    } else if (value.length < 256) to.u8(0x43, value.length).raw(value)
    else if (value.length < 2 ** 32) to.u8(0x42).u32(value.length).raw(value)
    else to.u8(0x8e).u64(value.length).raw(value)
  }

  /** A name of Python, kept for the next time. */
  #global(name: (typeof KEPT)[number]): void {
    const index = this.#kept.get(name)
    if (index !== undefined) {
      this.#to.u8(0x68, index) // BINGET
      return
    }
    this.#to.u8(0x63) // GLOBAL
    for (const char of `${name.replace(' ', '\n')}\n`) this.#to.u8(char.charCodeAt(0))
    this.#keep(name)
  }

  #keep(what: string): void {
    this.#to.u8(0x71, this.#kept.size) // BINPUT
    this.#kept.set(what, this.#kept.size)
  }

  /** What numpy.ndarray.__reduce__ gives: an empty array, then its state. */
  #array(tensor: Tensor): void {
    const to = this.#to
    this.#global('numpy.core.multiarray _reconstruct')
    this.#global('numpy ndarray')
    this.#tuple([0])
    this.#bytes(Uint8Array.of(0x62))
    to.u8(0x87, 0x52) // TUPLE3, REDUCE
    to.u8(0x28, 0x4b, 1) // MARK, version 1
    this.#tuple(tensor.shape)
    this.#dtype(CODES[tensor.dtype])
    to.u8(0x89) // rows first
    this.#bytes(dataBytes(tensor))
    to.u8(0x74, 0x62) // TUPLE, BUILD
  }

  #dtype(code: string): void {
    const to = this.#to
    const index = this.#kept.get(code)
    if (index !== undefined) {
      to.u8(0x68, index)
      return
    }
    this.#global('numpy dtype')
    this.#text(code)
    to.u8(0x89, 0x88, 0x87, 0x52) // (code, False, True): TUPLE3, REDUCE
    this.#tuple([3, /[a-z]1$/.test(code) ? '|' : '<', null, null, null, -1, -1, 0])
    to.u8(0x62) // BUILD
    this.#keep(code)
  }
}

function latin1ToUtf8(bytes: Uint8Array): Uint8Array {
  let high = 0
  for (const byte of bytes) if (byte >= 128) high++
  const out = new Uint8Array(bytes.length + high)
  let at = 0
  for (const byte of bytes) {
    if (byte >= 128) {
      out[at++] = 0xc0 | (byte >> 6)
      out[at++] = 0x80 | (byte & 0x3f)
    } else out[at++] = byte
  }
  return out
}
