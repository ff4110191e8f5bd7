/**
 * Reads protobuf messages in place: fields one after another, with positions for errors and nothing allocated by a length that the bytes
 * do not cover. Stricter than protobuf asks for: numbers must fit their field, known fields must have their wire type, groups (which
 * proto2 deprecates and Paddle never writes) are refused.
 */
import { InvalidArgumentError } from '../errors.ts'
import { WireType } from './wire_format.ts'

/** A ProgramDesc that breaks the wire format. @param offset where, in bytes from the start. */
const damaged = (what: string, offset: number, expected?: string, got?: unknown): InvalidArgumentError =>
  new InvalidArgumentError('E527', `a ProgramDesc is damaged: ${what}`, {
    where: { offset },
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
  })

/** A ProgramDesc whose wire format is right but which says something that cannot be. */
export const nonsense = (what: string, offset: number, expected?: string, got?: unknown): InvalidArgumentError =>
  new InvalidArgumentError('E528', what, {
    where: { offset },
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
  })

/** Takes a field that it knows and returns true, or leaves the reader where it is and returns false. */
type OnField = (field: number) => boolean
/** Takes the bytes of a field that nobody knows, its tag included. */
type OnUnknown = (bytes: Uint8Array) => void

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class WireReader {
  readonly bytes: Uint8Array
  readonly #view: DataView
  readonly #base: number
  #pos = 0
  /** End of the message that is being read. */
  #end: number
  /** Of the current field. */
  #type: WireType = WireType.Varint
  #start = 0

  /** @param base where `bytes` begin in the file, for errors. */
  constructor(bytes: Uint8Array, base = 0) {
    this.bytes = bytes
    this.#base = base
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#end = bytes.length
  }

  /** Where the current field starts in the file. */
  get start(): number {
    return this.#base + this.#start
  }

  #damaged(what: string, at: number, expected?: string, got?: unknown): InvalidArgumentError {
    return damaged(what, this.#base + at, expected, got)
  }

  /** Reads all fields up to the end of the current message. */
  fields(onField: OnField, onUnknown: OnUnknown): void {
    const end = this.#end
    while (this.#pos < end) {
      const start = (this.#start = this.#pos)
      const field = this.#tag()
      if (onField(field)) continue
      this.#skip()
      onUnknown(this.bytes.subarray(start, this.#pos))
    }
  }

  /** Reads a field that is a message: `body` is called with the reader inside it. */
  message(body: () => void): void {
    const length = this.#length()
    const outer = this.#end
    this.#end = this.#pos + length
    body()
    this.#end = outer
  }

  #tag(): number {
    const start = this.#pos
    const tag = this.#varint('a field number')
    if (typeof tag === 'bigint' || tag < 8 || tag > 0xffffffff) {
      throw this.#damaged('a field number that cannot be', start, 'a number from 1 to 2^29 - 1', String(tag))
    }
    const field = Math.floor(tag / 8)
    const type = tag % 8
    if (type === WireType.StartGroup || type === WireType.EndGroup) {
      throw this.#damaged(`field ${field} is a group, which is not read`, start, 'wire type 0, 1, 2 or 5', type)
    }
    if (type > 5) throw this.#damaged(`field ${field} has the wire type ${type}`, start, 'wire type 0, 1, 2 or 5', type)
    this.#type = type as WireType
    return field
  }

  /** A 64-bit two's complement number. */
  #varint(what: string): number | bigint {
    const { bytes } = this
    const start = this.#pos
    if (start < this.#end && bytes[start]! < 0x80) {
      this.#pos++
      return bytes[start]!
    }
    let stop = start
    while (stop < this.#end && bytes[stop]! >= 0x80 && stop < start + 10) stop++
    if (stop >= this.#end) throw this.#damaged(`${what} ends too early`, start, 'a varint', 'the end')
    if (stop >= start + 10)
      throw this.#damaged(`${what} has more than ten bytes`, start, 'a varint of at most ten bytes')
    this.#pos = stop + 1
    // Seven groups of seven bits are exact in a number.
    if (stop - start < 7) {
      let value = 0
      for (let i = stop; i >= start; i--) value = value * 128 + (bytes[i]! & 0x7f)
      return value
    }
    let wide = 0n
    for (let i = stop; i >= start; i--) wide = (wide << 7n) | BigInt(bytes[i]! & 0x7f)
    const value = BigInt.asIntN(64, wide)
    return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value
  }

  #length(): number {
    this.#need(WireType.LengthDelimited)
    const at = this.#pos
    const length = this.#varint('a length')
    const left = this.#end - this.#pos
    if (typeof length === 'bigint' || length < 0 || length > left) {
      throw this.#damaged(`a length of ${length} where ${left} bytes are left`, at, `at most ${left}`, String(length))
    }
    return length
  }

  #need(type: WireType): void {
    if (this.#type === type) return
    throw this.#damaged(`a known field has the wire type ${this.#type}`, this.#start, `wire type ${type}`, this.#type)
  }

  #skip(): void {
    switch (this.#type) {
      case WireType.Varint:
        this.#varint('a number')
        return
      case WireType.LengthDelimited:
        this.rawBytes()
        return
      default:
        this.#fixed(this.#type === WireType.Bit64 ? 8 : 4)
    }
  }

  /** Where a number of that many bytes begins; the reader is behind it. */
  #fixed(size: number): number {
    const start = this.#pos
    if (start + size > this.#end) {
      throw this.#damaged('a number ends too early', start, `${size} bytes`, `${this.#end - start}`)
    }
    this.#pos += size
    return start
  }

  /** An int64 field. */
  int64(): number | bigint {
    this.#need(WireType.Varint)
    return this.#varint('a number')
  }

  /** An int32 field or an enum. */
  int32(): number {
    this.#need(WireType.Varint)
    const at = this.#pos
    const value = this.#varint('a number')
    if (typeof value === 'bigint' || value < -2147483648 || value > 2147483647) {
      throw this.#damaged(`${value} in a field of 32 bits`, at, 'a 32-bit number', String(value))
    }
    return value
  }

  bool(): boolean {
    this.#need(WireType.Varint)
    return this.#varint('a number') !== 0
  }

  float(): number {
    this.#need(WireType.Bit32)
    return this.#view.getFloat32(this.#fixed(4), true)
  }

  double(): number {
    this.#need(WireType.Bit64)
    return this.#view.getFloat64(this.#fixed(8), true)
  }

  string(): string {
    const length = this.#length()
    const start = this.#pos
    this.#pos += length
    try {
      return utf8.decode(this.bytes.subarray(start, start + length))
    } catch {
      throw this.#damaged('a text is not UTF-8', start, 'UTF-8', 'other bytes')
    }
  }

  /** The bytes of a field of any length-delimited kind. */
  rawBytes(): Uint8Array {
    const length = this.#length()
    const start = this.#pos
    this.#pos += length
    return this.bytes.subarray(start, start + length)
  }

  /**
   * Elements of a repeated field, packed or one by one: `one` reads one with a method above. @param element their wire type; only numbers
   * are packed.
   */
  repeated(element: WireType, one: () => void): void {
    if (element === WireType.LengthDelimited || this.#type !== WireType.LengthDelimited) one()
    else {
      this.message(() => {
        this.#type = element
        while (this.#pos < this.#end) one()
      })
    }
  }
}
