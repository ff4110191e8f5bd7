/**
 * Writes protobuf messages field by field. Callers have checked what they give: numbers that fit their field, text without half surrogate
 * pairs. Source: the encoding of protocol buffers, protobuf.dev/programming-guides/encoding.
 */
import type { WireType } from './wire_format.ts'

const utf8 = new TextEncoder()
/** Names are mostly short and ASCII, and a loop over them is faster than a call of the encoder. */
const SHORT_TEXT = 32
/** A varint of 64 bits. */
const LONGEST_VARINT = 10

export class WireWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #size = 0
  /** Where the messages that are open begin. */
  readonly #starts: number[] = []

  /** The bytes so far, as a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#size)
  }

  /** The number of the field whose value follows, and how it is written. */
  tag(field: number, type: WireType): this {
    return this.int64(field * 8 + type)
  }

  /** An int32 or an enum; a negative one takes ten bytes, as protobuf has it. */
  int32(value: number): this {
    return this.int64(value)
  }

  /** A whole number of 64 bits: a number where it is exact, or a bigint. */
  int64(value: number | bigint): this {
    this.#reserve(LONGEST_VARINT)
    if (typeof value === 'number' && value >= 0) {
      // In steps of seven bits; above 2^31 the operators on 32 bits do not serve.
      for (; value > 0x7f; value = Math.floor(value / 128)) this.#bytes[this.#size++] = (value % 128) | 0x80
      this.#bytes[this.#size++] = value
    } else {
      let rest = BigInt.asUintN(64, BigInt(value))
      for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#size++] = Number(rest & 0x7fn) | 0x80
      this.#bytes[this.#size++] = Number(rest)
    }
    return this
  }

  bool(value: boolean): this {
    return this.int64(value ? 1 : 0)
  }

  float(value: number): this {
    this.#reserve(4)
    this.#view.setFloat32(this.#size, value, true)
    this.#size += 4
    return this
  }

  double(value: number): this {
    this.#reserve(8)
    this.#view.setFloat64(this.#size, value, true)
    this.#size += 8
    return this
  }

  string(value: string): this {
    if (value.length <= SHORT_TEXT && this.#ascii(value)) return this
    return this.bytes(utf8.encode(value))
  }

  /** True once `value` is written: it is ASCII, so that its length is known before. */
  #ascii(value: string): boolean {
    this.#reserve(1 + SHORT_TEXT)
    const start = this.#size + 1
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) return false
      this.#bytes[start + i] = code
    }
    this.#bytes[start - 1] = value.length
    this.#size = start + value.length
    return true
  }

  /** Bytes with their length in front. */
  bytes(value: Uint8Array): this {
    return this.int64(value.length).raw(value)
  }

  /** Bytes as they are: fields that were read and kept. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#size)
    this.#size += value.length
    return this
  }

  /** Begins a message whose length is written when it ends; most take one byte for it. */
  fork(): this {
    this.#reserve(1)
    this.#starts.push(++this.#size)
    return this
  }

  /** Ends the message that was begun last. */
  join(): this {
    const start = this.#starts.pop()!
    const length = this.#size - start
    this.#size = start - 1
    if (length > 0x7f) {
      const prefix = Math.ceil(Math.log2(length + 1) / 7)
      this.#size = start + length
      this.#reserve(prefix)
      this.#bytes.copyWithin(start - 1 + prefix, start, start + length)
      this.#size = start - 1
    }
    this.int64(length)
    this.#size += length
    return this
  }

  /** Makes room for `count` more bytes. */
  #reserve(count: number): void {
    const needed = this.#size + count
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
    larger.set(this.#bytes.subarray(0, this.#size))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}
