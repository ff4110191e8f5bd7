/**
 * The bytes of a pickle as they are written. Protocol 4 puts them in frames: a frame ends at the first object that begins after 64 KiB of
 * it, a text or array of 64 KiB or more stands between frames, and fewer than 4 bytes make no frame.
 * Source: PEP 3154; Modules/_pickle.c (CPython 3.11), _Pickler_OpcodeBoundary and _Pickler_write_bytes.
 */
import { ByteWriter } from './bytes.ts'

const FRAME_TARGET = 64 * 1024
const FRAME_LEAST = 4
const FRAME = 0x95

export class PickleOutput {
  readonly #framed: boolean
  readonly #to = new ByteWriter()
  /** What waits for its frame; without frames, what waits for its piece to be full. */
  #open = new Uint8Array(2 * FRAME_TARGET)
  #length = 0

  constructor(protocol: 2 | 3 | 4) {
    this.#to.u8(0x80, protocol)
    this.#framed = protocol === 4
  }

  /** To be called before each object. */
  boundary(): void {
    if (this.#length >= FRAME_TARGET) this.#close()
  }

  op(...bytes: number[]): void {
    this.#room(bytes.length)
    for (const byte of bytes) this.#open[this.#length++] = byte
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#open.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** A step and its length, in as many bytes as the step has, and what it carries. */
  payload(op: number, lengthBytes: 1 | 4 | 8, data: Uint8Array): void {
    const header = new Uint8Array(1 + lengthBytes)
    header[0] = op
    for (let i = 0, rest = data.length; i < lengthBytes; i++, rest = Math.floor(rest / 256)) header[1 + i] = rest % 256
    if (data.length < FRAME_TARGET) {
      this.raw(header)
      this.raw(data)
      return
    }
    this.#close()
    this.#to.raw(header).raw(data)
  }

  finish(): Uint8Array {
    this.op(0x2e) // STOP
    this.#close()
    return this.#to.finish()
  }

  #room(more: number): void {
    if (this.#length + more <= this.#open.length) return
    const larger = new Uint8Array(2 * (this.#length + more))
    larger.set(this.#open.subarray(0, this.#length))
    this.#open = larger
  }

  #close(): void {
    if (this.#length === 0) return
    if (this.#framed && this.#length >= FRAME_LEAST) this.#to.u8(FRAME).u64(this.#length)
    this.#to.raw(this.#open.slice(0, this.#length))
    this.#length = 0
  }
}
