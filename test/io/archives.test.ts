/** .npz and safetensors files, and wrong ones (rows L-01 to L-17 of the list of bad inputs). */
import { zipSync } from 'fflate'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src/io/bytes.ts'
import { writeNpy } from '../../src/io/npy.ts'
import { readNpz, writeNpz } from '../../src/io/npz.ts'
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.ts'
import { crc32, readZip, writeZip } from '../../src/io/zip.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { damageEverywhere, golden, thrown } from './damage.ts'

const TENSORS = new Map<string, Tensor>([
  ['half', new Tensor('float16', [3], Uint16Array.of(0x3c00, 0xc000, 0x7c00))],
  ['w', new Tensor('float32', [2, 3], Float32Array.of(1, -0, Number.NaN, Infinity, 1e-40, 6))],
  ['layer/0.bias', new Tensor('float64', [], Float64Array.of(0.1))],
  ['empty', new Tensor('int64', [0, 4], new BigInt64Array(0))],
  ['flags', new Tensor('bool', [3], Uint8Array.of(1, 0, 1))],
])

describe('.npz', () => {
  test.each([false, true])('comes back equal, compressed: %s', (compress) => {
    const bytes = writeNpz(TENSORS, { compress })
    expect(readNpz(bytes)).toEqual(TENSORS)
    expect(writeNpz(readNpz(bytes), { compress })).toEqual(bytes)
  })

  test('crc32 of the usual example', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
  })

  const npy = writeNpy(Tensor.zeros('int8', [2]))
  test.each(['../w.npy', '/w.npy', 'C:\\w.npy', 'a/../../w.npy', 'a\\w.npy', 'w\0.npy', 'readme.txt', 'folder/'])(
    'L-17 an entry %j is refused',
    (name) => {
      const error = thrown(() => readNpz(zipSync({ [name]: npy }), { file: 'w.npz' }))
      expect(error.code).toBe('E537')
      expect(error.where).toMatchObject({ file: 'w.npz' })
    },
  )

  test('L-17 an entry twice', () => {
    const bytes = writeZip(
      new Map([
        ['a.npy', npy],
        ['b.npy', npy],
      ]),
    )
    for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0x62 && bytes[i + 1] === 0x2e) bytes[i] = 0x61
    expect(thrown(() => readNpz(bytes)).code).toBe('E537')
  })

  test('L-16 a bomb is refused before it is unpacked', () => {
    const bomb = writeZip(new Map([['a.npy', new Uint8Array(70 * 2 ** 20)]]), 6)
    expect(bomb.length).toBeLessThan(100_000)
    const error = thrown(() => readNpz(bomb))
    expect(error).toMatchObject({ code: 'E605', category: 'ResourceExhausted' })
  })

  test('sizes that lie: less than there is, more than there is, entries on the same bytes', () => {
    const good = writeZip(new Map([['a.npy', new Uint8Array(5000)]]), 6)
    const view = new DataView(good.buffer)
    const directory = view.getUint32(good.length - 6, true)
    for (const size of [10, 4999, 5001, 100_000]) {
      view.setUint32(directory + 24, size, true)
      expect(thrown(() => readZip(good)).code).toBe('E536')
    }
    const two = writeZip(
      new Map([
        ['a.npy', npy],
        ['b.npy', npy],
      ]),
    )
    const of = new DataView(two.buffer)
    const start = of.getUint32(two.length - 6, true)
    const second = start + 46 + 5 + of.getUint16(start + 30, true) + of.getUint16(start + 32, true)
    of.setUint32(second + 42, 0, true)
    expect(thrown(() => readZip(two)).message).toContain('overlaps')
  })

  test('other files are named', () => {
    expect(thrown(() => readNpz(npy)).message).toContain('a NumPy array (.npy), not a .npz file')
    expect(thrown(() => readNpz(golden('static_save/train.pdparams'))).code).toBe('E529')
  })

  test.each([false, true])('cut off or changed anywhere, compressed: %s', (compress) => {
    const good = writeNpz(new Map([['w', new Tensor('float32', [2], Float32Array.of(1, 2))]]), { compress })
    const before = readNpz(good).get('w')
    const { cut } = damageEverywhere(good, (bytes) => {
      // The checksum leaves nothing but the same values.
      const after = [...readNpz(bytes).values()]
      for (const tensor of after) expect(tensor).toEqual(before)
    })
    expect(cut['read']).toBeUndefined()
  })
})

describe('safetensors', () => {
  test('comes back equal, largest elements first', () => {
    const bytes = writeSafetensors(TENSORS, { made: 'here' })
    const { tensors, metadata } = readSafetensors(bytes)
    expect(metadata).toEqual({ made: 'here' })
    // `empty` takes no bytes, so it stands where it begins: before or behind its neighbour.
    expect(new Set(tensors.keys())).toEqual(new Set(['empty', 'layer/0.bias', 'w', 'half', 'flags']))
    for (const [name, tensor] of TENSORS) expect(tensors.get(name), name).toEqual(tensor)
    expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0)
    expect(writeSafetensors(tensors, metadata)).toEqual(bytes)
    expect(readSafetensors(writeSafetensors(new Map())).tensors.size).toBe(0)
  })

  /** A file of this header and so many bytes. */
  const file = (header: string | Record<string, unknown>, size = 0): Uint8Array => {
    const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
    return new ByteWriter().u64(text.length).raw(text).raw(new Uint8Array(size)).finish()
  }
  const f32 = (begin: number, end: number, shape: readonly number[] = [(end - begin) / 4], dtype = 'F32') => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  })

  test.each<[string, Uint8Array, string]>([
    ['L-01 a length beyond the end', new ByteWriter().u64(1000).u8(0x7b).finish(), 'E535'],
    ['L-01 less than 8 bytes', Uint8Array.of(1, 0, 0), 'E535'],
    ['L-01 a header of 100,000,001 bytes', new ByteWriter().u64(100_000_001).finish(), 'E605'],
    ['L-01 2^63', new ByteWriter().u64(2n ** 63n).finish(), 'E535'],
    ['L-02 two tensors on the same bytes', file({ a: f32(0, 16), b: f32(0, 16) }, 16), 'E535'],
    ['L-03 a hole', file({ a: f32(0, 4), b: f32(8, 12) }, 12), 'E535'],
    ['L-03 end before begin', file({ a: f32(4, 0, []) }, 4), 'E535'],
    ['L-03 bytes behind the last', file({ a: f32(0, 4) }, 5), 'E535'],
    ['L-03 beyond the end', file({ a: f32(0, 8) }, 4), 'E535'],
    ['L-04 shape and size', file({ a: f32(0, 4, [2]) }, 4), 'E535'],
    ['L-04 2^53 elements', file({ a: f32(0, 4, [2, 2 ** 52]) }, 4), 'E604'],
    ['L-04 2^64 - 2', file('{"a":{"dtype":"F32","shape":[2,18446744073709551614],"data_offsets":[0,4]}}', 4), 'E503'],
    ['L-05 not UTF-8', new ByteWriter().u64(3).u8(0x7b, 0xff, 0x7d).finish(), 'E501'],
    ['L-05 not JSON', file('{"a":'), 'E501'],
    ['L-05 not an object', file('[]'), 'E535'],
    ['L-05 a name twice', file('{"a":1,"a":2}'), 'E502'],
    ['L-05 metadata that is no text', file({ __metadata__: { a: 1 } }), 'E535'],
    ['an element type that is not held', file({ a: f32(0, 4, [4], 'F8_E4M3') }, 4), 'E513'],
    ['an element type that is none', file({ a: f32(0, 4, [4], 'f32') }, 4), 'E535'],
    ['no shape', file({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), 'E535'],
    ['a dimension of -1', file({ a: f32(0, 4, [-1]) }, 4), 'E535'],
    ['a tensor that is a number', file({ a: 5 }), 'E535'],
    ['offsets that are texts', file({ a: { dtype: 'F32', shape: [1], data_offsets: ['0', '4'] } }, 4), 'E535'],
  ])('%s', (_, bytes, code) => {
    const error = thrown(() => readSafetensors(bytes, { file: 'w.safetensors' }))
    expect(error.code).toBe(code)
    expect(error.where).toMatchObject({ file: 'w.safetensors' })
  })

  test('names that mean something to JavaScript are names', () => {
    const { tensors } = readSafetensors(file('{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4))
    expect([...tensors.keys()]).toEqual(['__proto__'])
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('dtype')
  })

  test('cut off or changed anywhere', () => {
    const good = writeSafetensors(new Map([['w', new Tensor('float32', [2], Float32Array.of(1, 2))]]))
    const { cut } = damageEverywhere(good, (bytes) => readSafetensors(bytes))
    expect(cut['read']).toBeUndefined()
  })
})
