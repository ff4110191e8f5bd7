/** Rows of the list of bad inputs on loaders of weights and models that no single format's tests have (P, Q, T, L). */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  build,
  Executor,
  input,
  loadCheckpoint,
  nn,
  Program,
  readNamedValues,
  readNpy,
  readSafetensors,
  readStateFile,
  saveCheckpoint,
  Tensor,
  writeNpy,
  writeNpz,
  writeSafetensors,
  writeStateFile,
} from '../../src/index.ts'
import { ByteWriter } from '../../src/io/bytes.ts'
import { readSingleTensor, writeTensorStream } from '../../src/io/tensor_stream.ts'
import { writeZip } from '../../src/io/zip.ts'
import { bitsOf } from './consistent.ts'
import { damageEverywhere, golden, thrown } from './damage.ts'

const bytes = (...parts: (string | number)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part].map((c) => c.charCodeAt(0)))))

const safetensors = (header: string, size = 0): Uint8Array => {
  const text = new TextEncoder().encode(header)
  return new ByteWriter().u64(text.length).raw(text).raw(new Uint8Array(size)).finish()
}

test.each([2, 3, 4, 5])('P-28 a pickle of protocol %d is named, not opened, where a program is wanted', (protocol) => {
  const error = thrown(() => Program.from(bytes(0x80, protocol, '}.')))
  expect(error.code).toBe('E529')
  expect(error.message).toContain('Python pickle')
})

test('P-28, L-16 an archive of PyTorch is no .npz file', () => {
  const archive = writeZip(new Map([['archive/data.pkl', bytes(0x80, 2, '}.')]]))
  expect(thrown(() => readNamedValues(archive, { file: 'model.pt' }))).toMatchObject({ where: { file: 'model.pt' } })
  expect(thrown(() => Program.from(archive)).code).toBe('E529')
})

test('Q-01 a level of sequence offsets whose bytes are no multiple of 8', () => {
  for (const size of [1, 7, 9, 15]) {
    const stream = new ByteWriter().u32(0).u64(1).u64(size).raw(new Uint8Array(size)).u32(0).u32(2).u8(8, 5).finish()
    expect(thrown(() => readSingleTensor(stream)).code).toBe('E532')
  }
})

test.each([
  ['builtins eval', 'cbuiltins\neval\nX\x10\0\0\0__import__("os")\x85R'],
  ['a class that rebuilds itself', 'ccopyreg\n_reconstructor\n'],
  ['runpy', 'crunpy\n_run_code\n'],
  ['a name with dots', '\x8c\x02os\x8c\x0bpath.system\x93'],
])('Q-29, L-13 %s', (_, steps) => {
  const protocol = steps.startsWith('\x8c') ? 4 : 2
  const file = bytes(0x80, protocol, steps, '.')
  expect(thrown(() => readStateFile(file))).toMatchObject({ code: 'E530', category: 'PermissionDenied' })
  expect(thrown(() => readNamedValues(file, { file: 'w.pdparams' })).code).toBe('E530')
})

test('L-02 many tensors on the same bytes: a small file asks for nothing', () => {
  const entries = (count: number, shape: string, size: number): string =>
    `{${Array.from({ length: count }, (_, i) => `"t${i}":{"dtype":"F32","shape":${shape},"data_offsets":[0,${size}]}`).join(',')}}`
  const before = process.memoryUsage().arrayBuffers
  // Both attempts of the library's own attacks, at a hundredth of the size of the first.
  expect(thrown(() => readSafetensors(safetensors(entries(100_000, '[2,2]', 16), 16))).code).toMatch(/E535|E60/)
  expect(thrown(() => readSafetensors(safetensors(entries(1000, '[200,200]', 160_000), 160_000))).code).toBe('E535')
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 2 ** 20)
})

test('L-06 tensors of no elements and of no dimensions, NaN', () => {
  const values = new Map([
    ['none', new Tensor('float32', [0, 3], new Float32Array(0))],
    ['scalar', new Tensor('float64', [], Float64Array.of(Number.NaN))],
  ])
  expect(readSafetensors(writeSafetensors(values)).tensors.get('scalar')!.data).toEqual(Float64Array.of(Number.NaN))
  expect(readSafetensors(writeSafetensors(values)).tensors.get('none')!.shape).toEqual([0, 3])
})

test('L-07 to L-09 sizes that wrap at 2^64 or promise exabytes', () => {
  for (const shape of [
    '[4294967296,4294967296]',
    '[4398046511105]',
    '[1152921504606846976]',
    '[2,9223372036854775807]',
  ]) {
    const error = thrown(() =>
      readSafetensors(safetensors(`{"a":{"dtype":"I32","shape":${shape},"data_offsets":[0,4]}}`, 4)),
    )
    expect(error.code, shape).toMatch(/E604|E503|E535/)
  }
  const npy = (shape: string): Uint8Array => {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }\n`
    return bytes(0x93, 'NUMPY', 1, 0, header.length, 0, header, 0, 0, 0, 0)
  }
  for (const shape of ['(4294967296, 4294967296)', '(1099511627776, 1099511627776, 0)', '(9007199254740993,)']) {
    expect(thrown(() => readNpy(npy(shape))).code, shape).toMatch(/E604|E511|E514/)
  }
})

test('L-05, T-67 lists of sizes that are no sizes', () => {
  for (const part of ['"shape":[1.5]', '"shape":["1"]', '"shape":[null]', '"shape":5', '"shape":[-0.5]']) {
    const file = safetensors(`{"a":{"dtype":"F32",${part},"data_offsets":[0,4]}}`, 4)
    expect(thrown(() => readSafetensors(file)).code, part).toBe('E535')
  }
  for (const part of ['[0]', '[0,4,8]', '[-4,0]', '[0,4.5]', '[null,4]', '{}']) {
    const file = safetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":${part}}}`, 4)
    expect(thrown(() => readSafetensors(file)).code, part).toBe('E535')
  }
})

describe('L-15 a limit holds for every format', () => {
  const tensor = new Tensor('float32', [100], new Float32Array(100))
  const values = new Map([['w', tensor]])
  const files: Readonly<Record<string, Uint8Array>> = {
    npy: writeNpy(tensor),
    npz: writeNpz(values),
    'npz, compressed': writeNpz(values, { compress: true }),
    safetensors: writeSafetensors(values),
    pdparams: writeStateFile({ tensors: values }),
    'tensor stream': writeTensorStream(tensor).finish(),
    json: new TextEncoder().encode(JSON.stringify({ w: tensor })),
  }
  test.each(Object.keys(files))('%s: elements', (name) => {
    const limits = { tensorElements: 99 }
    expect(thrown(() => readNamedValues(files[name]!, { limits })).category).toBe('ResourceExhausted')
    expect(bitsOf(readNamedValues(files[name]!, { limits: { tensorElements: 100 } }).values)).toContain('float32')
  })
})

test('L-18 nesting in a header and in a pickle is bounded', () => {
  const deep = `${'['.repeat(200)}${']'.repeat(200)}`
  expect(thrown(() => readSafetensors(safetensors(`{"a":${deep}}`))).code).toBe('E602')
  expect(
    thrown(() => readStateFile(bytes(0x80, 2, '}X\x01\0\0\0a', ']'.repeat(200), 'a'.repeat(199), 's.'))).code,
  ).toBe('E602')
})

test('T-62 a saved model whose required keys have other names', () => {
  const json = Program.from(golden('inference/model.pdmodel')).toJSON() as unknown as Record<string, unknown>
  const { blocks, ...rest } = json
  expect(thrown(() => Program.from({ ...rest, blokcs: blocks })).code).toBe('E506')
})

describe('T-66 a checkpoint that was altered on disk', () => {
  const { main, startup } = build(() => ({ y: nn.functional.fc(input('x', [null, 2]), 1) }))
  const executor = new Executor({ seed: 1 })
  executor.run(startup)
  const dir = mkdtempSync(join(tmpdir(), 'oarlock-'))
  const path = saveCheckpoint(dir, { executor, program: main, step: 7, data: { note: 'x' } })
  const other = new Executor({ seed: 2 })
  const state = (of: Executor): string =>
    bitsOf(new Map(of.scope.names().map((name) => [name, of.scope.get(name)!] as const)))
  other.run(startup)
  const untouched = state(other)

  test.each(readdirSync(path))('%s: refused, or what was saved; nothing is half set', { timeout: 600_000 }, (name) => {
    const file = join(path, name)
    const good = new Uint8Array(readFileSync(file))
    const saved = state(executor)
    const { changed } = damageEverywhere(
      good,
      (damaged) => {
        writeFileSync(file, damaged)
        try {
          return loadCheckpoint(dir, { executor: other, program: main })
        } finally {
          if (state(other) !== saved) expect(state(other)).toBe(untouched)
        }
      },
      {
        judge: ({ step, data }) => {
          const whole = step === 7 && JSON.stringify(data) === '{"note":"x"}' && state(other) === saved
          // The next damage meets an executor that holds something else.
          for (const [key, value] of before) other.scope.set(key, value)
          return whole ? undefined : 'something else than what was saved'
        },
      },
    )
    writeFileSync(file, good)
    // Digests protect the values and the state: no change of them goes through.
    if (!name.startsWith('manifest')) expect(changed['read']).toBeUndefined()
    if (name === readdirSync(path).at(-1)) rmSync(dir, { recursive: true })
  })
  const before = other.scope.names().map((name) => [name, other.scope.get(name)!] as const)
})
