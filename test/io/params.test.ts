/** Tensor streams and parameter files: those of Paddle 2.6.2, and wrong ones (rows F-16 to F-20 of the list of bad inputs). */
import { describe, expect, test } from 'vitest'
import { Program } from '../../src/index.ts'
import { ByteWriter } from '../../src/io/bytes.ts'
import {
  persistableVariables,
  readCombinedParams,
  readSeparateParams,
  writeCombinedParams,
  writeSeparateParams,
} from '../../src/io/params.ts'
import {
  readSelectedRowsStream,
  readSingleTensor,
  readTensorStream,
  writeSelectedRowsStream,
  writeTensorStream,
} from '../../src/io/tensor_stream.ts'
import { SelectedRows, Tensor, type Value } from '../../src/tensor/tensor.ts'
import type { TensorJson } from '../../src/tensor/tensor_json.ts'
import { rewrites } from './consistent.ts'
import { damageEverywhere, golden, goldenJson, goldenNames, thrown } from './damage.ts'
import { tensorFromJSON } from './values.ts'

describe('one tensor', () => {
  const { files } = goldenJson<{ files: Record<string, TensorJson> }>('tensor_streams/expected.json')
  test.each(Object.keys(files))('%s: every bit, and equal bytes when written', (name) => {
    const bytes = golden(`tensor_streams/${name}`)
    const tensor = readSingleTensor(bytes)
    expect(tensor).toEqual(tensorFromJSON(files[name]!))
    expect(writeTensorStream(tensor).finish()).toEqual(bytes)
  })

  test('selected rows come back', () => {
    const sparse = new SelectedRows([4, 1, 4], 6, new Tensor('float32', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)))
    const bytes = writeSelectedRowsStream(sparse).finish()
    expect(readSelectedRowsStream(bytes)).toEqual({ value: sparse, end: bytes.length })
    damageEverywhere(bytes, (damaged) => readSelectedRowsStream(damaged))
  })

  test('streams follow one another', () => {
    const to = new ByteWriter()
    writeTensorStream(Tensor.zeros('int8', [3]), to)
    const first = to.length
    const bytes = writeTensorStream(Tensor.zeros('float64', []), to).finish()
    expect(readTensorStream(bytes).end).toBe(first)
    expect(readTensorStream(bytes, first).value.dtype).toBe('float64')
    expect(readTensorStream(bytes, first).end).toBe(bytes.length)
  })

  /** The stream of a float32 [2] with parts replaced. */
  function stream(
    part: { version?: number; levels?: bigint; lod?: number[]; desc?: number[]; size?: number; data?: number } = {},
  ): Uint8Array {
    const desc = part.desc ?? [8, 5, 0x10, 2]
    const to = new ByteWriter().u32(part.version ?? 0).u64(part.levels ?? 0n)
    for (const number of part.lod ?? []) to.u64(number)
    to.u32(0).u32(part.size ?? desc.length)
    return to
      .u8(...desc)
      .raw(new Uint8Array(part.data ?? 8))
      .finish()
  }
  const dims = (...bytes: number[]): number[] => [8, 5, 0x10, ...bytes]
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]

  test.each<[string, Uint8Array, string]>([
    ['F-17 version 1', stream({ version: 1 }), 'E532'],
    ['F-17 2^63 levels', stream({ levels: 2n ** 63n }), 'E532'],
    ['F-17 2^40 levels', stream({ levels: 2n ** 40n }), 'E532'],
    ['F-17 a level of 9 bytes', stream({ levels: 1n, lod: [9, 0, 0] }), 'E532'],
    ['F-17 a level of 2^40 bytes', stream({ levels: 1n, lod: [2 ** 40] }), 'E532'],
    ['LoD that does not end at the rows', stream({ levels: 1n, lod: [16, 0, 3] }), 'E532'],
    ['LoD that falls', stream({ levels: 1n, lod: [32, 0, 2, 1, 2] }), 'E532'],
    ['F-18 a description of -1 bytes', stream({ size: 2 ** 32 - 1 }), 'E532'],
    ['F-18 a description of 2^31 - 1 bytes', stream({ size: 2 ** 31 - 1 }), 'E532'],
    ['F-18 no description', stream({ desc: [] }), 'E532'],
    ['F-18 2^63 - 1 elements', stream({ desc: dims(...huge) }), 'E532'],
    ['F-18 2^32 elements', stream({ desc: dims(0x80, 0x80, 0x80, 0x80, 0x10) }), 'E604'],
    [
      'F-18 2^40 times 0 elements',
      stream({ desc: dims(0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x10, 0), data: 0 }),
      'E604',
    ],
    ['F-18 too little data', stream({ data: 4 }), 'E532'],
    ['too much data', stream({ data: 12 }), 'E532'],
    ['rank 10', stream({ desc: dims(1, ...Array.from({ length: 9 }, () => [0x10, 1]).flat()) }), 'E532'],
    ['an unknown element type', stream({ desc: [8, 99, 0x10, 2] }), 'E532'],
    ['size_t', stream({ desc: [8, 19, 0x10, 2] }), 'E513'],
    ['a negative dimension', stream({ desc: dims(...Array<number>(9).fill(0xff), 1) }), 'E532'],
  ])('%s', (_, bytes, code) => {
    const error = thrown(() => readSingleTensor(bytes, { file: 'w' }))
    expect(error.code).toBe(code)
    expect(error.where).toMatchObject({ file: 'w' })
    expect(error.where?.offset).toBeGreaterThanOrEqual(0)
  })

  test('F-02, F-03 cut off or changed anywhere: a typed error or a tensor', () => {
    const good = writeTensorStream(
      new Tensor('float32', [4, 1], new Float32Array(4), [
        [0, 2],
        [0, 1, 4],
      ]),
    ).finish()
    const judge = rewrites(good, (tensor: Tensor) => writeTensorStream(tensor).finish())
    const { cut } = damageEverywhere(good, (bytes) => readSingleTensor(bytes), { judge })
    expect(cut).toEqual({ E532: good.length })
  })

  test('F-03 one bit of 1 KiB of parameters: an error, or values that differ only in that bit', {
    timeout: 60_000,
  }, () => {
    const program = Program.from(golden('inference/model.pdmodel'))
    const good = golden('inference/model.pdiparams')
    const judge = rewrites(good, (values: ReadonlyMap<string, Value>) =>
      writeCombinedParams(program, (name) => values.get(name)),
    )
    const { changed } = damageEverywhere(good, (bytes) => readCombinedParams(bytes, program), { judge })
    expect(changed['read']).toBeGreaterThan(0)
  })
})

interface Expected {
  variables: Record<string, TensorJson>
}

describe('a combined file', () => {
  const cases = [
    ['inference/model.pdmodel', 'inference/model.pdiparams', 'inference/expected.json'],
    ['jit_save/net.pdmodel', 'jit_save/net.pdiparams', 'jit_save/expected.json'],
    ['legacy_combined/__model__', 'legacy_combined/__params__', 'legacy_combined/expected.json'],
  ] as const
  test.each(cases)('%s: every value, and equal bytes when written', (model, params, expected) => {
    const program = Program.from(golden(model))
    const values = readCombinedParams(golden(params), program)
    const { variables } = goldenJson<Expected>(expected)
    expect([...values.keys()].sort()).toEqual(Object.keys(variables).sort())
    for (const [name, value] of values) expect(value, name).toEqual(tensorFromJSON(variables[name]!))
    expect(writeCombinedParams(program, (name) => values.get(name))).toEqual(golden(params))
  })

  const program = Program.from(golden('inference/model.pdmodel'))
  const good = golden('inference/model.pdiparams')
  const names = persistableVariables(program).map(({ name }) => name)

  test('names are sorted as Python sorts them', () => {
    const odd = new Program()
    for (const name of ['w_2', 'w_10', 'W', '_a', '\u{1F600}', '\uFB01', 'é']) {
      odd.globalBlock().createVar({ name, persistable: true })
    }
    odd.globalBlock().createVar({ name: 'feed', type: 'FEED_MINIBATCH', persistable: true })
    odd.globalBlock().createVar({ name: 'raw', type: 'RAW', persistable: true })
    odd.globalBlock().createVar({ name: 'temporary' })
    const sorted = ['W', '_a', 'w_10', 'w_2', 'é', '\uFB01', '\u{1F600}']
    expect(persistableVariables(odd).map(({ name }) => name)).toEqual(sorted)
  })

  test('F-16 too few or too many tensors, or bytes behind them: counts and lists', () => {
    const shorter = good.slice(0, -86)
    expect(thrown(() => readCombinedParams(shorter, program))).toMatchObject({
      code: 'E533',
      summary: 'the file holds 8 tensors, the program has 9 persistable variables',
      hint: 'the tensors would end before "fc_1.w_0"',
    })
    const longer = new Uint8Array([...good, ...writeTensorStream(Tensor.zeros('float32', [1])).finish()])
    const error = thrown(() => readCombinedParams(longer, program))
    expect(error.code).toBe('E533')
    expect(error.got).toHaveLength(10)
    expect(error.expected).toContain('fc_1.b_0: float32[3]')
    const trailing = new Uint8Array([...good, 0])
    expect(thrown(() => readCombinedParams(trailing, program)).summary).toBe(
      'the file holds 9 tensors and something behind them, the program has 9 persistable variables',
    )
  })

  test('a file that lacks its last 4 bytes is refused: Paddle loads it and computes wrong numbers', () => {
    const error = thrown(() => readCombinedParams(good.slice(0, -4), program, { file: 'model.pdiparams' }))
    expect(error).toMatchObject({ code: 'E532', where: { file: 'model.pdiparams', variable: 'fc_1.w_0' } })
  })

  test('F-19 another shape or element type names both', () => {
    const other = Program.from(golden('inference/model.pdmodel'))
    other.globalBlock().var('fc_0.b_0').shape = [6]
    expect(thrown(() => readCombinedParams(good, other))).toMatchObject({
      code: 'E533',
      summary: 'tensor 5 of the file is float32[5], but "fc_0.b_0" is float32[6]',
    })
    other.globalBlock().var('fc_0.b_0').shape = [-1]
    expect(readCombinedParams(good, other).size).toBe(9)
  })

  test('F-01 files of other kinds are named', () => {
    expect(thrown(() => readCombinedParams(golden('inference/model.pdmodel'), program)).message).toContain(
      'a ProgramDesc',
    )
    expect(thrown(() => readCombinedParams(golden('static_save/train.pdparams'), program)).message).toContain(
      'a Python pickle',
    )
    expect(thrown(() => readCombinedParams(new Uint8Array(0), program)).code).toBe('E533')
  })

  test('F-20 NaN, infinities, subnormals and -0 keep their bits', () => {
    const bits = Uint32Array.of(0x7fc12345, 0xff800000, 1, 0x80000000)
    const odd = new Tensor('float32', [4], new Float32Array(bits.buffer))
    const back = readSingleTensor(writeTensorStream(odd).finish())
    expect(new Uint32Array(back.data.buffer)).toEqual(bits)
  })

  test('values that are missing or do not fit are refused when writing', () => {
    expect(thrown(() => writeCombinedParams(program, () => undefined))).toMatchObject({
      code: 'E533',
      category: 'NotFound',
    })
    expect(thrown(() => writeCombinedParams(program, () => Tensor.zeros('float32', [3]))).code).toBe('E533')
    const sparse = new SelectedRows([], 3, Tensor.zeros('float32', [0, 1]))
    expect(thrown(() => writeCombinedParams(program, () => sparse)).code).toBe('E533')
  })

  test('cut off anywhere: a typed error', () => {
    for (let length = 0; length < good.length; length++) {
      expect(thrown(() => readCombinedParams(good.slice(0, length), program)).code).toMatch(/^E5(32|33|29)$/)
    }
  })

  test('separate files: every value, equal bytes, and what is missing', () => {
    const files = new Map(goldenNames('legacy_separate').map((name) => [name, golden(`legacy_separate/${name}`)]))
    const model = Program.from(files.get('__model__')!)
    const values = readSeparateParams(files, model)
    const { variables } = goldenJson<Expected>('legacy_separate/expected.json')
    expect([...values.keys()].sort()).toEqual(Object.keys(variables).sort())
    for (const [name, value] of values) expect(value, name).toEqual(tensorFromJSON(variables[name]!))
    for (const [name, bytes] of writeSeparateParams(model, (name) => values.get(name))) {
      expect(bytes, name).toEqual(files.get(name))
    }
    files.delete('fc_0.b_0')
    expect(thrown(() => readSeparateParams(files, model))).toMatchObject({
      code: 'E533',
      summary: 'there is no file for 1 persistable variables: fc_0.b_0',
    })
    files.set('fc_0.b_0', files.get('fc_1.b_0')!)
    expect(thrown(() => readSeparateParams(files, model)).where).toMatchObject({ file: 'fc_0.b_0' })
    expect(names).toEqual([...values.keys()])
  })
})
