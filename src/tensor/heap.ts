/**
 * The memory of a run: one WebAssembly.Memory, so that kernels in WASM and in TypeScript see the same bytes. Blocks are handed out by size
 * class and taken back; the memory grows when it is full. Growth detaches views of unshared memory: `generation` counts it, and whoever
 * keeps views makes them anew when it has changed.
 */
import { assert, ResourceExhaustedError } from '../errors.ts'

/** Bytes of a page of WebAssembly memory. */
export const PAGE = 65536
/** Every block starts at a multiple of this, enough for any element type and for SIMD. */
const ALIGNMENT = 16
/** 65,535 pages: 64 KiB below the 4 GiB that 32-bit addresses reach. */
export const MAX_PAGES = 65535

/** A WebAssembly.Memory. The name itself is declared for pages, not for Node, so it must stay out of the types that users read. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike
  grow(pages: number): number
}

export class Heap {
  readonly memory: WasmMemory
  /** Counts the growths of the memory. */
  generation = 0
  /** Bytes handed out and not yet taken back, rounded up to size classes. */
  used = 0
  #top = ALIGNMENT
  #free = new Map<number, number[]>()

  /** The most bytes that may be handed out at a time. */
  readonly maxBytes: number

  /** @param maxBytes refuses to hand out more. @param initialPages 64 KiB pages at the start. */
  constructor(maxBytes = MAX_PAGES * PAGE, initialPages = 1) {
    this.maxBytes = maxBytes
    this.memory = makeMemory(initialPages)
  }

  get buffer(): ArrayBufferLike {
    return this.memory.buffer
  }

  /**
   * The address of `bytes` bytes that may hold anything, a multiple of 16. Zero bytes get an address too.
   * @throws ResourceExhaustedError E610 if that would be more than `maxBytes`, or the memory cannot grow that far.
   */
  allocate(bytes: number): number {
    // NaN would pass every comparison below and lay all later blocks over each other.
    assert(Number.isSafeInteger(bytes) && bytes >= 0, `${bytes} bytes cannot be allocated`)
    const size = sizeClass(bytes)
    if (this.used + size > this.maxBytes) throw this.#full(bytes)
    const reused = this.#free.get(size)?.pop()
    this.used += size
    if (reused !== undefined) return reused
    const address = this.#top
    const end = address + size
    if (end > this.memory.buffer.byteLength) this.#grow(end, bytes)
    this.#top = end
    return address
  }

  /** Takes back a block that `allocate(bytes)` handed out. */
  release(address: number, bytes: number): void {
    const size = sizeClass(bytes)
    this.used -= size
    const list = this.#free.get(size)
    if (list === undefined) this.#free.set(size, [address])
    else list.push(address)
  }

  #grow(end: number, bytes: number): void {
    const have = this.memory.buffer.byteLength / PAGE
    const need = Math.ceil(end / PAGE)
    // Growing by half of what is there keeps the number of growths logarithmic.
    for (const pages of [Math.min(MAX_PAGES, Math.max(need, Math.ceil(have * 1.5))), need]) {
      // The maximum itself may be less than what is needed.
      if (pages > MAX_PAGES || pages < need) continue
      try {
        this.memory.grow(pages - have)
        this.generation++
        return
      } catch {
        // Try the smallest growth that suffices.
      }
    }
    this.used -= sizeClass(bytes)
    throw this.#full(bytes)
  }

  #full(bytes: number): ResourceExhaustedError {
    return new ResourceExhaustedError(
      'E610',
      `no room for ${bytes} more bytes: ${this.used} of at most ${this.maxBytes} bytes are in use`,
      { expected: `at most ${this.maxBytes} bytes in all`, got: bytes },
    )
  }
}

/** Shared where the platform allows it (Node, cross-origin-isolated pages), so that worker threads can compute in it. */
function makeMemory(initial: number): WasmMemory {
  if (typeof SharedArrayBuffer !== 'undefined') {
    try {
      return new WebAssembly.Memory({ initial, maximum: MAX_PAGES, shared: true })
    } catch {
      // Not enough address space for a shared reservation: unshared memory serves one thread.
    }
  }
  return new WebAssembly.Memory({ initial, maximum: MAX_PAGES })
}

/** `bytes` rounded up to one of four classes per power of two: at most a quarter is lost. */
function sizeClass(bytes: number): number {
  if (bytes <= ALIGNMENT) return ALIGNMENT
  const step = Math.max(ALIGNMENT, 2 ** (Math.ceil(Math.log2(bytes)) - 3))
  return Math.ceil(bytes / step) * step
}
