/** Pickles of real Paddle 2.6.2 (protocols 2, 3 and 4), read and written: the same bytes; and the bytes of files that were never read. */
import { readFileSync } from 'node:fs'
import { unzipSync } from 'fflate'
import { describe, expect, test } from 'vitest'
import { PickleForms, readPickle } from '../../src/io/pickle.ts'
import { writePickle } from '../../src/io/pickle_writer.ts'
import { readStateFile, type StateFile, writeStateFile } from '../../src/io/state_file.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { golden } from './damage.ts'

const recorded = unzipSync(readFileSync(new URL('../golden/files/pickles.zip', import.meta.url)))
/** With NumPy 2, which names its module differently. */
const elsewhere = [
  ...['nested.pdckpt', 'net_p2.pdparams', 'net_p4.pdparams', 'one_tensor.pdtensor', 'opt_p2.pdopt', 'opt_p4.pdopt'].map(
    (name) => `dygraph_state/${name}`,
  ),
  'static_save/train.pdparams',
  'static_save/train.pdopt',
  'jit_save/net.pdiparams.info',
]
const FILES = [...Object.entries(recorded), ...elsewhere.map((name) => [name, golden(name)] as const)]
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('the recording holds each object in three protocols', () => {
  expect(Object.keys(recorded).length).toBeGreaterThan(200)
  for (const name of Object.keys(recorded)) expect(recorded[name]![1], name).toBe(Number(name.at(-1)))
})

test.each(FILES)('%s: read and written again', (_, bytes) => {
  const forms = new PickleForms()
  const value = readPickle(bytes, { forms })
  expect(hex(writePickle(value, { forms }))).toBe(hex(bytes))
  // Through the functions that users call, if it is a dict.
  if (value instanceof Map) expect(hex(writeStateFile(readStateFile(bytes)))).toBe(hex(bytes))
})

/** Nothing of how a file stood, and no float that is a whole number, of which nothing is left then. */
function forgotten({ tensors, parameterNames, others }: StateFile): StateFile {
  return {
    tensors,
    ...(parameterNames === undefined ? {} : { parameterNames }),
    ...(others === undefined ? {} : { others }),
  }
}

describe('written from values alone', () => {
  const names = Object.keys(recorded).filter((name) =>
    /^(dtype|all_dtypes|random|layer|tied|many|mixed|opt_(sgd|adam\b|adamw_cosine)|static_(pd|state))/.test(name),
  )
  test.each(names)('%s', (name) => {
    const bytes = recorded[name]!
    const written = writeStateFile(forgotten(readStateFile(bytes)), { protocol: Number(name.at(-1)) as 2 | 3 | 4 })
    expect(hex(written)).toBe(hex(bytes))
  })

  test('master weights: all arrays are pairs of a name and an array, and the scheduler stands as it is', () => {
    const bytes = recorded['masters.p4']!
    const state = readStateFile(bytes)
    expect([...state.tensors.keys()]).toEqual(['linear_0.w_0_fp32_master_0_moment1_0'])
    const again = readStateFile(writeStateFile(forgotten(state)))
    expect(again.tensors).toEqual(state.tensors)
    expect(again.others).toEqual(state.others)
  })
})

test('a changed file keeps what did not change', () => {
  const state = readStateFile(recorded['checkpoint_momentum_warmup.p4']!)
  const others = new Map(state.others).set('epoch', 4).set('note', 'new')
  const again = readStateFile(writeStateFile({ ...state, others }))
  expect(again.others).toEqual(others)
  expect([...again.others!.keys()]).toEqual([...state.others!.keys(), 'note'])
  const optimizer = readStateFile(recorded['opt_adam.p2']!)
  const [first] = optimizer.tensors.keys()
  const other = new Tensor('float32', [2], Float32Array.of(1, 2))
  const tensors = new Map(optimizer.tensors).set(first!, other)
  const written = writeStateFile({ ...optimizer, tensors })
  expect(written[1], 'the protocol of the file').toBe(2)
  expect(readStateFile(written).tensors).toEqual(tensors)
  expect(readStateFile(written).parameterNames).toEqual(optimizer.parameterNames)
})

test('what is too deep is refused by name', () => {
  let deep: (readonly unknown[] | number)[] = [1]
  for (let i = 0; i < 100; i++) deep = [deep]
  expect(() => writePickle(deep as never)).toThrow(/nesting deeper than the limit of 64/)
})
