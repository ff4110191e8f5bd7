/** Pickles: files of Paddle 2.6.2, files that name code, and damaged ones. */
import { describe, expect, test } from 'vitest'
import { type PickleDict, PickleTuple, type PickleValue, readPickle } from '../../src/io/pickle.ts'
import { writePickle } from '../../src/io/pickle_writer.ts'
import { readStateFile, writeStateFile } from '../../src/io/state_file.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import type { TensorJson } from '../../src/tensor/tensor_json.ts'
import { damageEverywhere, golden, goldenJson, thrown } from './damage.ts'
import { expectPickle, tensorFromJSON } from './values.ts'

/** Bytes from texts (a character is a byte) and numbers. */
const bytes = (...parts: (string | number)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part].map((c) => c.charCodeAt(0)))))

/** A pickle of protocol 2 with these steps. */
const pickle = (...steps: (string | number)[]): Uint8Array => bytes('\x80\x02', ...steps, '.')

describe('files of Paddle', () => {
  const { files } = goldenJson<{ files: Record<string, { pickle: unknown }> }>('dygraph_state/expected.json')
  test.each(Object.keys(files))('%s: every value', (name) => {
    expectPickle(readPickle(golden(`dygraph_state/${name}`)), files[name]!.pickle)
  })

  test('static_save: parameters and optimizer state', () => {
    const { pdparams, pdopt, variables } = goldenJson<{
      pdparams: string[]
      pdopt: string[]
      variables: Record<string, TensorJson>
    }>('static_save/expected.json')
    for (const [file, names] of [
      ['static_save/train.pdparams', pdparams],
      ['static_save/train.pdopt', pdopt],
    ] as const) {
      const { tensors } = readStateFile(golden(file))
      expect([...tensors.keys()]).toEqual(names)
      for (const [name, value] of tensors) expect(value, name).toEqual(tensorFromJSON(variables[name]!))
    }
  })

  test('jit_save: the table beside the parameters', () => {
    const { pdiparams_info: info } = goldenJson<{ pdiparams_info: Record<string, unknown> }>('jit_save/expected.json')
    expectPickle(readPickle(golden('jit_save/net.pdiparams.info')), info['net.pdiparams.info'])
  })

  test('the state of an optimizer: accumulators, schedule, table of names', () => {
    const state = readStateFile(golden('dygraph_state/opt_p4.pdopt'))
    expect(state.tensors.get('conv2d_0.w_0_moment1_0')?.shape).toEqual([2, 1, 3, 3])
    expect(state.others?.get('LR_Scheduler')).toBeInstanceOf(Map)
    const { parameterNames } = readStateFile(golden('dygraph_state/net_p2.pdparams'))
    expect(parameterNames?.get('conv.weight')).toBe('conv2d_0.w_0')
  })
})

describe('writing', () => {
  const value: PickleDict = new Map<string, PickleValue>([
    ['none', null],
    ['flags', [true, false]],
    ['ints', [0, -1, 255, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 40), 2n ** 70n, -(2n ** 63n)]],
    ['floats', [0.1, Number.NaN, -Infinity, 5e-324]],
    ['text', 'Grüße 😀'],
    ['bytes', Uint8Array.from({ length: 300 }, (_, i) => i & 255)],
    ['tuple', new PickleTuple([new PickleTuple([]), [], new Map([[5, 'five']])])],
    ['f4', new Tensor('float32', [2, 2], Float32Array.of(1, -0, 3, Number.NaN))],
    ['bf16', new Tensor('bfloat16', [2], Uint16Array.of(0x3f80, 0x7f80))],
    ['bool', new Tensor('bool', [], Uint8Array.of(1))],
    ['empty', new Tensor('int64', [0, 2], new BigInt64Array(0))],
  ])
  test.each([2, 3, 4] as const)('protocol %d comes back equal', (protocol) => {
    const written = writePickle(value, { protocol })
    expect(written[1]).toBe(protocol)
    expect(readPickle(written)).toEqual(value)
  })

  test('large arrays are cut up in protocols 2 and 3, and put together again', () => {
    const state = {
      tensors: new Map([
        [
          'w',
          new Tensor(
            'float32',
            [2, 5],
            Float32Array.from({ length: 10 }, (_, i) => i),
          ),
        ],
        ['b', new Tensor('float32', [3], new Float32Array(3))],
      ]),
      parameterNames: new Map([['w', 'linear_0.w_0']]),
    }
    const written = writeStateFile(state, { protocol: 3, sliceBytes: 16 })
    const root = readPickle(written) as Map<string, PickleValue>
    const parts = ['w@@.0', 'w@@.1', 'w@@.2', 'b', 'StructuredToParameterName@@', 'UnpackBigParamInfor@@']
    expect([...root.keys()]).toEqual(parts)
    const back = readStateFile(written)
    expect(back.tensors.get('w')).toEqual(state.tensors.get('w'))
    expect(back.tensors.get('b')).toEqual(state.tensors.get('b'))
    expect(back.parameterNames).toEqual(state.parameterNames)
    root.delete('w@@.1')
    expect(thrown(() => readStateFile(writePickle(root))).code).toBe('E531')
    expect(thrown(() => readStateFile(writePickle([1]))).code).toBe('E531')
  })
})

describe('what is read besides what Paddle writes today', () => {
  const array = 'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R'
  const state = (dtype: string, order: string, fortran: string, data: string, shape = 'K\x02K\x02') =>
    `(K\x01(${shape}tcnumpy\ndtype\nU\x02${dtype}K\0K\x01\x87R(K\x03U\x01${order}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb${fortran}${data}tb`

  test('a pickle of Python 2: arrays as texts', () => {
    const data = `U${String.fromCharCode(8)}\x01\0\x02\0\x03\0\x04\0`
    expect(readPickle(pickle(array, state('i2', '<', '\x89', data)))).toEqual(
      new Tensor('int16', [2, 2], Int16Array.of(1, 2, 3, 4)),
    )
    // Columns first.
    expect(readPickle(pickle(array, state('i2', '<', '\x88', data)))).toEqual(
      new Tensor('int16', [2, 2], Int16Array.of(1, 3, 2, 4)),
    )
  })

  test('a LoDTensor, which Paddle writes by the name eval, and nothing else by that name', () => {
    const tensor = `${array}${state('i1', '|', '\x89', 'U\x04\x01\x02\x03\x04')}`
    const lod = pickle('cbuiltins\neval\nX\x04\0\0\0data}X\x04\0\0\0data', tensor, 's\x86R')
    expect(readPickle(lod)).toEqual(new Tensor('int8', [2, 2], Int8Array.of(1, 2, 3, 4)))
    const evil = pickle('cbuiltins\neval\nX\x05\0\0\0print}X\x04\0\0\0data', tensor, 's\x86R')
    expect(thrown(() => readPickle(evil)).code).toBe('E530')
    expect(thrown(() => readPickle(pickle('cbuiltins\neval\nX\x01\0\0\x001\x85R'))).code).toBe('E530')
  })

  test('numpy scalars are numbers', () => {
    const scalar = (code: string, data: string) =>
      pickle(
        `cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02${code}K\0K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbU${String.fromCharCode(data.length)}${data}\x86R`,
      )
    expect(readPickle(scalar('f8', '\0\0\0\0\0\0\xf8\x3f'))).toBe(1.5)
    expect(readPickle(scalar('i8', '\xff\xff\xff\xff\xff\xff\xff\xff'))).toBe(-1)
    expect(readPickle(scalar('b1', '\x01'))).toBe(true)
    expect(readPickle(scalar('u2', '\x80\x3f'))).toBe(0x3f80)
  })

  test.each([
    ['an array of objects', state('O8', '|', '\x89', ']')],
    ['big-endian numbers', state('i2', '>', '\x89', 'U\x08\0\0\0\0\0\0\0\0')],
    ['texts', state('U4', '<', '\x89', 'U\x08\0\0\0\0\0\0\0\0')],
    ['uint64', state('u8', '<', '\x89', 'U\0')],
  ])('%s: not held', (_, steps) => {
    expect(thrown(() => readPickle(pickle(array, steps)))).toMatchObject({ code: 'E513', category: 'Unimplemented' })
  })

  test('L-13 shape and bytes must fit', () => {
    const damaged = pickle(array, state('i2', '<', '\x89', 'U\x06\0\0\0\0\0\0'))
    expect(thrown(() => readPickle(damaged)).message).toContain('int16[2, 2] has 8 bytes, got 6')
    const huge = pickle(array, state('i2', '<', '\x89', 'U\0', `${'J\xff\xff\xff\x7f'.repeat(3)}`))
    expect(thrown(() => readPickle(huge)).code).toBe('E604')
    const negative = pickle(array, state('i2', '<', '\x89', 'U\0', 'J\xff\xff\xff\xff'))
    expect(thrown(() => readPickle(negative)).code).toBe('E531')
  })
})

describe('what is refused', () => {
  test.each([
    ['os.system', pickle('cos\nsystem\nX\x02\0\0\0id\x85R')],
    ['posix.system', bytes('\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.')],
    ['builtins.exec', pickle('cbuiltins\nexec\nX\0\0\0\0\x85R')],
    [
      'numpy.core.multiarray._reconstruct(…)',
      pickle('cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\nK\0\x85U\x01b\x87R'),
    ],
    ['builtins.getattr', pickle('cbuiltins\ngetattr\n')],
    ['constructor.constructor', pickle('cconstructor\nconstructor\n')],
    ['torch._utils._rebuild_tensor_v2', pickle('ctorch._utils\n_rebuild_tensor_v2\n')],
    ['paddle.base.core.LoDTensor', pickle('cpaddle.base.core\nLoDTensor\n')],
  ])('%s', (name, file) => {
    const error = thrown(() => readPickle(file, { file: 'evil.pdparams' }))
    expect(error).toMatchObject({ code: 'E530', category: 'PermissionDenied', got: name })
    expect(error.where).toMatchObject({ file: 'evil.pdparams' })
    expect(error.where?.offset).toBeGreaterThan(0)
  })

  test('a name that is allowed is still no value', () => {
    for (const steps of [
      'cnumpy\nndarray\n',
      ']cnumpy\nndarray\na',
      'cnumpy\nndarray\n\x85',
      '}K\x01cnumpy\nndarray\ns',
    ]) {
      expect(thrown(() => readPickle(pickle(steps))).code).toBe('E530')
    }
  })

  test.each([
    ['sets', bytes('\x80\x04\x8f.')],
    ['objects of classes', pickle('N)\x81')],
    ['references elsewhere', pickle('NQ')],
    ['extensions', pickle('\x82\x01')],
    ['protocol 5', bytes('\x80\x05N.')],
    ['protocol 1', bytes('\x80\x01N.')],
    ['a key that is a tuple', pickle('})Ns')],
    ['a list in itself', pickle(']q\0h\0a')],
    ['an object with a state', pickle('}}b')],
  ])('%s', (_, file) => {
    expect(thrown(() => readPickle(file)).code).toBe('E534')
  })

  test.each([
    ['an empty stack', pickle('')],
    ['a missing mark', pickle('Nt')],
    ['nothing kept', pickle('h\x05')],
    ['two values', pickle('NN')],
    ['no step', pickle('\x01')],
    ['a length beyond the end', pickle('X\xff\xff\xff\xffab')],
    ['a length of 2^63', bytes('\x80\x04\x8e\0\0\0\0\0\0\0\x80')],
    ['a long of 2^31 - 1 bytes', pickle('\x8b\xff\xff\xff\x7f')],
    ['a string of -1 bytes', pickle('T\xff\xff\xff\xff')],
    ['a frame beyond the end', bytes('\x80\x04\x95\x08\0\0\0\0\0\0\0N.')],
    ['a frame that ends in a step', bytes('\x80\x04\x95\x02\0\0\0\0\0\0\0\x8c\x01a.')],
    ['a frame in a frame', bytes('\x80\x04\x95\x0b\0\0\0\0\0\0\0\x95\x02\0\0\0\0\0\0\0N.')],
    ['bytes behind the end', bytes('\x80\x02N.N')],
    ['an array without elements', pickle('cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R')],
    ['it appends to what is no list', pickle('NNa')],
  ])('%s', (_, file) => {
    expect(thrown(() => readPickle(file)).code).toBe('E531')
  })

  test('nesting that would overflow, and shared parts that would multiply', () => {
    expect(thrown(() => readPickle(pickle(']'.repeat(100_000), 'a'.repeat(99_999)))).code).toBe('E602')
    // 40 levels, each holding the one below twice: 2^40 paths to 41 lists.
    const doubled = pickle(']', 'q\0', ...Array.from({ length: 40 }, () => '0]h\0ah\0aq\0'))
    expect(readPickle(doubled)).toHaveLength(2)
  })

  test('other files are named', () => {
    expect(thrown(() => readPickle(golden('inference/model.pdmodel'))).code).toBe('E529')
    expect(thrown(() => readPickle(bytes('(dp0\n.'))).message).toContain('this is text, not a pickle')
  })

  test('cut off or changed anywhere: a typed error or a value', () => {
    for (const protocol of [2, 4] as const) {
      const good = writeStateFile(
        {
          tensors: new Map([['w', new Tensor('float32', [2], Float32Array.of(1, 2))]]),
          others: new Map<string, PickleValue>([['list', [1, 2.5, 'x', new PickleTuple([2n ** 65n])]]]),
        },
        { protocol },
      )
      const { cut, changed } = damageEverywhere(good, (file) => readStateFile(file))
      expect(cut['read']).toBeUndefined()
      expect(changed['E530']).toBeGreaterThan(0)
    }
    damageEverywhere(golden('dygraph_state/one_tensor.pdtensor'), (file) => readPickle(file))
  })
})
