import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ResourceExhaustedError } from '../../src/errors.ts'
import { Heap } from '../../src/tensor/heap.ts'

const PAGE = 65536

describe('Heap', () => {
  test('addresses are multiples of 16 and never 0, for every size', () => {
    const heap = new Heap()
    for (const bytes of [0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 100, 1000, 4097, 65535, 65536, 65537, 1_000_003]) {
      const address = heap.allocate(bytes)
      expect(address % 16, `${bytes} bytes`).toBe(0)
      expect(address).toBeGreaterThan(0)
      expect(address + bytes).toBeLessThanOrEqual(heap.buffer.byteLength)
    }
  })

  test('a block that was taken back is handed out again for the same size', () => {
    const heap = new Heap()
    const first = heap.allocate(100)
    const second = heap.allocate(100)
    expect(second).not.toBe(first)
    heap.release(first, 100)
    expect(heap.allocate(100)).toBe(first)
    const used = heap.used
    for (let i = 0; i < 10_000; i++) heap.release(heap.allocate(5000), 5000)
    expect(heap.used).toBe(used)
    expect(heap.buffer.byteLength).toBe(PAGE)
  })

  test('at most a quarter more than asked for is used, beyond 16 bytes', () => {
    for (let bytes = 17; bytes < 100_000; bytes = Math.ceil(bytes * 1.07)) {
      const heap = new Heap()
      heap.allocate(bytes)
      expect(heap.used).toBeGreaterThanOrEqual(bytes)
      expect(heap.used, `${bytes} bytes`).toBeLessThanOrEqual(Math.max(bytes + 15, bytes * 1.25))
    }
  })

  test('growth keeps the bytes, counts generations, and grows by half, so that growths are few', () => {
    const heap = new Heap()
    const address = heap.allocate(64)
    new Uint8Array(heap.buffer, address, 64).fill(7)
    const { generation } = heap
    for (let i = 0; i < 1000; i++) heap.allocate(PAGE)
    expect(new Uint8Array(heap.buffer, address, 64)).toEqual(new Uint8Array(64).fill(7))
    expect(heap.generation).toBeGreaterThan(generation)
    // From 1 page to 1000 by factors of 1.5: log(1000) / log(1.5) = 17, and a few at the start that are a page each.
    expect(heap.generation - generation).toBeLessThan(25)
  })

  test('what cannot fit is ResourceExhausted with the figures, and the heap goes on working', () => {
    const heap = new Heap()
    const kept = heap.allocate(1000)
    new Uint8Array(heap.buffer, kept, 1000).fill(3)
    const { used, generation } = heap
    for (const bytes of [2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      let error: unknown
      try {
        heap.allocate(bytes)
      } catch (caught) {
        error = caught
      }
      expect(error, `${bytes} bytes`).toBeInstanceOf(ResourceExhaustedError)
      expect((error as ResourceExhaustedError).code).toBe('E610')
      expect((error as ResourceExhaustedError).got).toBe(bytes)
      expect((error as ResourceExhaustedError).message).toContain(`${bytes}`)
    }
    expect(heap.used).toBe(used)
    expect(heap.generation).toBe(generation)
    const next = heap.allocate(16)
    new Uint8Array(heap.buffer, next, 16).fill(4)
    expect(new Uint8Array(heap.buffer, kept, 1000)).toEqual(new Uint8Array(1000).fill(3))
  })

  test('a size that is none is refused before it can lay blocks over each other', () => {
    const heap = new Heap()
    for (const bytes of [Number.NaN, -1, 0.5, Infinity]) expect(() => heap.allocate(bytes), `${bytes}`).toThrow()
    const a = heap.allocate(32)
    const b = heap.allocate(32)
    expect(Number.isInteger(a) && Number.isInteger(b)).toBe(true)
    expect(Math.abs(a - b)).toBeGreaterThanOrEqual(32)
  })

  test('blocks in use never overlap, whatever the order of allocations and releases', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 200_000 }))
    const step = fc.oneof(
      fc.record({ kind: fc.constant('allocate' as const), bytes: size }),
      fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const heap = new Heap()
        const live: { address: number; bytes: number }[] = []
        for (const action of steps) {
          if (action.kind === 'allocate') {
            const address = heap.allocate(action.bytes)
            for (const other of live) {
              const apart = address + action.bytes <= other.address || other.address + other.bytes <= address
              expect(apart, `${address}+${action.bytes} and ${other.address}+${other.bytes}`).toBe(true)
            }
            expect(address + action.bytes).toBeLessThanOrEqual(heap.buffer.byteLength)
            live.push({ address, bytes: action.bytes })
          } else if (live.length > 0) {
            const [freed] = live.splice(action.pick % live.length, 1)
            heap.release(freed!.address, freed!.bytes)
          }
        }
        for (const { address, bytes } of live) heap.release(address, bytes)
        expect(heap.used).toBe(0)
      }),
      { seed: 20260, numRuns: 150 },
    )
  })
})
