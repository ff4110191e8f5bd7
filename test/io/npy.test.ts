import { describe, expect, it } from 'vitest'
import { EnforceError, Tensor, tensor } from '../../src/index.ts'
import { isNpy, readNpy, writeNpy } from '../../src/io/npy.ts'
import { allocate, DTYPES, isComplex } from '../../src/tensor/dtype.ts'

/** A file by the description in numpy/lib/format.py, made without the code under test. */
function npy(
  header: string,
  body: Uint8Array | readonly number[],
  version: readonly [number, number] = [1, 0],
): Uint8Array {
  const text = new TextEncoder().encode(`${header}\n`)
  const size = version[0] === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0]
  return Uint8Array.from([0x93, ...new TextEncoder().encode('NUMPY'), ...version, ...size, ...text, ...body])
}

const dict = (descr: string, shape: string, fortran = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`

const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

function codeOf(body: () => unknown): string {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return `${error.category} ${error.code}`
    throw error
  }
  return 'nothing thrown'
}

describe('reading', () => {
  it('reads version 1, float32, C order', () => {
    const file = npy(dict('<f4', '(2, 3)'), bytesOf(Float32Array.of(1, 2, 3, 4, 5, 6)))
    const { dtype, shape, data } = readNpy(file)
    expect({ dtype, shape, data: [...(data as Float32Array)] }).toEqual({
      dtype: 'float32',
      shape: [2, 3],
      data: [1, 2, 3, 4, 5, 6],
    })
  })

  it('reads a header padded to 128 bytes, as numpy.save pads it', () => {
    const header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"
    const file = npy(header.padEnd(128 - 10 - 1), bytesOf(BigInt64Array.of(0n, 1n, 2n)))
    expect(file.length).toBe(128 + 24)
    expect(readNpy(file).toArray()).toEqual([0, 1, 2])
  })

  it.each([
    [1, 0],
    [2, 0],
    [3, 0],
  ] as const)('reads format version %i.%i', (major, minor) => {
    expect(readNpy(npy(dict('|u1', '(2,)'), [7, 8], [major, minor])).toArray()).toEqual([7, 8])
  })

  it('turns Fortran order into rows', () => {
    const columns = Float64Array.of(1, 4, 2, 5, 3, 6)
    expect(readNpy(npy(dict('<f8', '(2, 3)', 'True'), bytesOf(columns))).toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
  })

  it('turns Fortran order of three dimensions into rows', () => {
    const [a, b, c] = [2, 3, 4]
    const stored = new Int32Array(a * b * c)
    for (let i = 0; i < a; i++)
      for (let j = 0; j < b; j++) for (let k = 0; k < c; k++) stored[i + a * j + a * b * k] = 100 * i + 10 * j + k
    const read = readNpy(npy(dict('<i4', '(2, 3, 4)', 'True'), bytesOf(stored)))
    const wanted = Array.from({ length: a }, (_, i) =>
      Array.from({ length: b }, (_, j) => Array.from({ length: c }, (_, k) => 100 * i + 10 * j + k)),
    )
    expect(read.toArray()).toEqual(wanted)
  })

  it('reads 0-D, empty and Python 2 shapes, and members in any order', () => {
    expect(readNpy(npy(dict('<f4', '()'), bytesOf(Float32Array.of(2.5)))).item()).toBe(2.5)
    expect(readNpy(npy(dict('<f4', '(0, 4)'), [])).shape).toEqual([0, 4])
    expect(readNpy(npy(dict('|b1', '(2L,)'), [1, 0])).toArray()).toEqual([true, false])
    expect(readNpy(npy("{'shape': (1,), 'fortran_order': False, 'descr': '|i1'}", [255])).toArray()).toEqual([-1])
  })

  it('keeps every bit of NaN, infinities and -0', () => {
    const bits = Uint32Array.of(0x7fc00001, 0xff800000, 0x80000000)
    const { data } = readNpy(npy(dict('<f4', '(3,)'), bytesOf(bits)))
    expect([...new Uint32Array(data.buffer)]).toEqual([...bits])
  })

  it('makes every true byte 1', () => {
    expect([...readNpy(npy(dict('|b1', '(3,)'), [0, 2, 255])).data]).toEqual([0, 1, 1])
  })

  it('does not share memory with the file', () => {
    const file = npy(dict('|u1', '(1,)'), [5])
    const read = readNpy(file)
    file[file.length - 1] = 9
    expect(read.item()).toBe(5)
  })
})

describe('bad files', () => {
  const cut = npy(dict('<f4', '(4,)'), new Uint8Array(16))
  it.each([
    ['nothing', new Uint8Array(), 'InvalidArgument E511'],
    ['text', new TextEncoder().encode('1,2,3\n'), 'InvalidArgument E511'],
    ['the magic alone', cut.subarray(0, 6), 'InvalidArgument E511'],
    ['a cut header', cut.subarray(0, 30), 'InvalidArgument E511'],
    ['a cut body', cut.subarray(0, cut.length - 1), 'InvalidArgument E514'],
    ['a byte too many', Uint8Array.from([...cut, 0]), 'InvalidArgument E514'],
    ['version 4', npy(dict('<f4', '(0,)'), [], [4, 0]), 'Unimplemented E512'],
    ['an object array', npy(dict('|O', '(1,)'), [0x80, 4]), 'Unimplemented E513'],
    ['texts', npy(dict('<U5', '(0,)'), []), 'Unimplemented E513'],
    ['big-endian numbers', npy(dict('>f4', '(1,)'), [0, 0, 0, 0]), 'Unimplemented E513'],
    ['records', npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (0,), }", []), 'Unimplemented E513'],
    ['no shape', npy("{'descr': '<f4', 'fortran_order': False, }", []), 'InvalidArgument E511'],
    ['a negative dimension', npy(dict('<f4', '(-1,)'), []), 'InvalidArgument E511'],
    ['a call in the header', npy("{'descr': __import__('os'), }", []), 'InvalidArgument E511'],
    ['an unknown member', npy("{'descr': '<f4', 'x': 1}", []), 'InvalidArgument E511'],
    ['something behind the dict', npy(`${dict('<f4', '(0,)')} + 1`, []), 'InvalidArgument E511'],
    ['too many dimensions', npy(dict('<f4', '(1,1,1,1,1,1,1,1,1,1)'), [0, 0, 0, 0]), 'ResourceExhausted E604'],
    ['an exabyte', npy(dict('<f8', '(9007199254740991, 1024)'), []), 'ResourceExhausted E604'],
    ['2^31 elements', npy(dict('|u1', '(2147483648,)'), []), 'ResourceExhausted E604'],
  ])('%s', (_, file, wanted) => {
    expect(codeOf(() => readNpy(file))).toBe(wanted)
  })

  it('names the file', () => {
    expect(() => readNpy(new Uint8Array(3), { file: 'x.npy' })).toThrow(/x\.npy/)
  })

  it('a header length that lies allocates nothing', () => {
    const file = npy(dict('<f4', '(4,)'), [], [2, 0])
    file.set([255, 255, 255, 255], 8)
    expect(codeOf(() => readNpy(file))).toBe('InvalidArgument E511')
  })
})

describe('writing', () => {
  it('writes what the format description says', () => {
    const bytes = writeNpy(tensor([[1, 2]], 'float32'))
    const text = String.fromCharCode(...bytes.subarray(0, 128))
    expect(text.startsWith('\x93NUMPY\x01\x00')).toBe(true)
    const header = new DataView(bytes.buffer).getUint16(8, true)
    expect((10 + header) % 64).toBe(0)
    expect(text.slice(10, 10 + header)).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(1, 2\), \} *\n$/)
    expect(bytes.length).toBe(10 + header + 8)
  })

  it('writes shapes as Python tuples', () => {
    const header = (value: Tensor): string => String.fromCharCode(...writeNpy(value).subarray(10, 80))
    expect(header(tensor(1, 'float32'))).toContain("'shape': (),")
    expect(header(tensor([1], 'float32'))).toContain("'shape': (1,),")
  })

  it.each(DTYPES)('%s comes back bit for bit', (dtype) => {
    const data = allocate(dtype, 6)
    const bytes = bytesOf(data)
    for (let i = 0; i < bytes.length; i++) bytes[i] = dtype === 'bool' ? i % 2 : (i * 37 + 11) % 251
    const value = new Tensor(dtype, [2, 3], data)
    const back = readNpy(writeNpy(value))
    expect(back.dtype).toBe(dtype)
    expect(back.shape).toEqual([2, 3])
    expect(bytesOf(back.data)).toEqual(bytes)
    expect(back.data.length).toBe(isComplex(dtype) ? 12 : 6)
  })

  it('knows its own files', () => {
    expect(isNpy(writeNpy(tensor([1])))).toBe(true)
    expect(isNpy(Uint8Array.of(0x93))).toBe(false)
  })
})
