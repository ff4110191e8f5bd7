/**
 * Small good files of every format, cut off at every byte and changed in every byte: a typed error, or what the changed file says (see
 * consistent.ts), soon and in little memory; through the library, and a sample of it through the command line. OARLOCK_ALL_VALUES=1 gives
 * every byte every value, which takes minutes. Formats whose own tests do the same in more detail
 * (streams, archives, pickles, ProgramDesc) are here too, behind the functions that users call.
 */
import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  build,
  EnforceError,
  Executor,
  inferenceModelFiles,
  input,
  nn,
  type PickleValue,
  Program,
  readInferenceModel,
  readNamedValues,
  readNpy,
  readStateFile,
  type StateFile,
  stringifyProgramJson,
  Tensor,
  type Value,
  type ValueFormat,
  writeNamedValues,
  writeNpy,
  writeNpz,
  writeStateFile,
} from '../../src/index.ts'
import { writeTensorStream } from '../../src/io/tensor_stream.ts'
import { Workspace } from '../cli/workspace.ts'
import { rewrites, rewritesOrAgrees, sameArray, sameFields, sameHeader, sameJson, sameValues } from './consistent.ts'
import { damageEverywhere, type Judge } from './damage.ts'

/** y = x W + b, with values. */
const { main, executor, x, y } = (() => {
  const made = build(() => {
    const x = input('x', [null, 2])
    return { x, y: nn.functional.fc(x, 2) }
  })
  const executor = new Executor({ seed: 3 })
  executor.run(made.startup)
  return { main: made.main, executor, x: made.out.x, y: made.out.y }
})()
const values = new Map(['fc_0.b_0', 'fc_0.w_0'].map((name) => [name, executor.scope.get(name) as Tensor] as const))
const model = inferenceModelFiles(x, y, executor.scope)

const joined = (pieces: Iterable<string | Uint8Array>): Uint8Array =>
  new Uint8Array(Buffer.concat([...pieces].map((piece) => Buffer.from(piece as Uint8Array))))
const valueFile = (format: ValueFormat): Uint8Array => joined(writeNamedValues(format, values, { program: main }))
const json = new TextEncoder().encode(stringifyProgramJson(main.toJSON()))

const FORMATS: readonly ValueFormat[] = ['json', 'npz', 'pdiparams', 'pdparams', 'safetensors']
/** Vectors, whose elements have one order: with the mark for columns first they are what they were. */
const state = writeStateFile({
  tensors: new Map([
    ['fc_0.b_0', values.get('fc_0.b_0')!],
    ['w', new Tensor('int64', [2], BigInt64Array.of(1n, -1n))],
  ]),
  parameterNames: new Map([['fc_0.b_0', 'linear_0.b_0']]),
  others: new Map<string, PickleValue>([
    [
      'LR_Scheduler',
      new Map<string, PickleValue>([
        ['last_epoch', 3],
        ['last_lr', 0.25],
      ]),
    ],
  ]),
})

interface Reader<T> {
  readonly good: Uint8Array
  readonly read: (bytes: Uint8Array) => T
  readonly judge: Judge<T>
}
const reader = <T>(good: Uint8Array, read: (bytes: Uint8Array) => T, judge: Judge<T>): Reader<T> => ({
  good,
  read,
  judge,
})

/** What the tensors of a combined file are once more, and the file that they make. */
const combined = (program: Program) => (found: ReadonlyMap<string, Value>) =>
  joined(writeNamedValues('pdiparams', found, { program }))

/** What models are read into. */
const shared = new Executor()

const READERS: Readonly<Record<string, Reader<never>>> = {
  'program JSON': reader(json, (bytes) => Program.from(bytes), sameJson),
  '.pdmodel': reader(main.toProto(), (bytes) => Program.from(bytes), sameFields),
  // Its parameters go with it: a program that needs others is refused.
  __model__: reader(
    model.model,
    (bytes) => {
      readInferenceModel(Program.from(bytes), model.params!, shared)
      return Program.from(bytes)
    },
    sameFields,
  ),
  '.pdiparams': reader(
    model.params!,
    (bytes) => readNamedValues(bytes, { program: main }).values,
    rewrites(model.params!, combined(main)),
  ),
  '.pdiparams behind its model': reader(
    model.params!,
    (bytes) => {
      readInferenceModel(Program.from(model.model), bytes, shared)
      return new Map([...values.keys()].map((name) => [name, shared.scope.get(name)!] as const))
    },
    rewrites(model.params!, combined(main)),
  ),
  'a variable in a file of its own': reader(
    writeTensorStream(values.get('fc_0.w_0')!).finish(),
    (bytes) => readNamedValues(bytes, { file: 'fc_0.w_0' }).values,
    rewrites(writeTensorStream(values.get('fc_0.w_0')!).finish(), (found) =>
      writeTensorStream([...found.values()][0] as Tensor).finish(),
    ),
  ),
  // The steps of a pickle may become other steps, which mean something else: that is what the file then says, and Python reads the same.
  '.pdparams': reader(
    state,
    readStateFile,
    rewritesOrAgrees(
      state,
      (found: StateFile) => writeStateFile(found),
      readStateFile,
      (found) => inspect({ ...found, layout: undefined }, { depth: 20 }),
    ),
  ),
  '.npy': reader(writeNpy(values.get('fc_0.w_0')!), (bytes) => readNpy(bytes), sameArray),
  '.npz': reader(valueFile('npz'), (bytes) => readNamedValues(bytes).values, sameValues(values)),
  '.npz, compressed': reader(
    writeNpz(values, { compress: true }),
    (bytes) => readNamedValues(bytes).values,
    sameValues(values),
  ),
  '.safetensors': reader(valueFile('safetensors'), (bytes) => readNamedValues(bytes).values, sameHeader),
  'values in JSON': reader(
    valueFile('json'),
    (bytes) => readNamedValues(bytes).values,
    rewrites(valueFile('json'), (found) => joined(writeNamedValues('json', found))),
  ),
} as unknown as Readonly<Record<string, Reader<never>>>

describe('the library', () => {
  test.each(Object.keys(READERS))('F-02, F-03 %s cut off or changed anywhere', { timeout: 600_000 }, (name) => {
    const { good, read, judge } = READERS[name]!
    expect(judge(read(good), good)).toBeUndefined()
    const { cut } = damageEverywhere(good, read, { judge, allValues: process.env['OARLOCK_ALL_VALUES'] === '1' })
    // A ProgramDesc may end where a field of it ends, text before its last line break.
    const whole = cut['read'] ?? 0
    expect(whole, 'files that were read although something was missing').toBeLessThanOrEqual(
      /program|model/i.test(name) ? 4 : 1,
    )
  })

  test('F-07: groups are refused however deep, and unknown messages are bytes that nobody enters', () => {
    const depth = 10_000
    const groups = new Uint8Array(2 * depth).fill(0x33, 0, depth).fill(0x34, depth)
    // Field 6 of a ProgramDesc does not exist; 100 messages, each inside of the one before.
    let nested = new Uint8Array(0)
    for (let i = 0; i < 2000; i++) nested = new Uint8Array([0x32, ...varint(nested.length), ...nested])
    const good = main.toProto()
    expect(() => Program.from(new Uint8Array([...good, ...groups]))).toThrow(EnforceError)
    const kept = new Uint8Array([...good, ...nested])
    expect(Program.from(kept).toProto()).toEqual(kept)
  })
})

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128)
  return [...bytes, value]
}

describe('the command line', () => {
  const work = new Workspace()
  // Done, findings, a bad file, a program that cannot run so, something that is not implemented.
  const EXITS = new Set([0, 1, 3, 4, 5])
  work.write('good/model.pdmodel', model.model)
  work.write('good/model.pdiparams', model.params!)

  const SAMPLES: readonly (readonly [string, Uint8Array, (file: string) => readonly (readonly string[])[]])[] = [
    [
      'p.json',
      json,
      (file) => [
        ['show', file],
        ['check', file],
      ],
    ],
    [
      'm.pdmodel',
      model.model,
      (file) => [
        ['check', file],
        ['convert', file, '-o', 'out.json', '-f'],
      ],
    ],
    [
      'w.npz',
      valueFile('npz'),
      (file) => [
        ['show', file],
        ['run', 'good', '--feed', 'x=[[1,2]]', '--load', file],
      ],
    ],
    ['w.safetensors', valueFile('safetensors'), (file) => [['stats', file]]],
    ['w.pdparams', valueFile('pdparams'), (file) => [['convert', file, '-o', 'out.npz', '-f']]],
    [
      'folder/model.pdiparams',
      model.params!,
      () => [
        ['run', 'folder', '--feed', 'x=[[1,2]]'],
        ['check', 'folder'],
      ],
    ],
    [
      'x.npy',
      writeNpy(new Tensor('float32', [1, 2], Float32Array.of(1, 2))),
      (file) => [['run', 'good', '--feed', `x=@${file}`]],
    ],
  ]
  work.write('folder/model.pdmodel', model.model)

  test.each(SAMPLES)(
    '%s: a document and an exit code of the catalogue, and the good file works after it',
    async (file, good, commands) => {
      const faults: string[] = []
      const step = Math.max(1, Math.floor(good.length / 12))
      for (let at = 0; at < good.length; at += step) {
        const changed = good.slice()
        changed[at] = changed[at]! ^ (1 << (at % 8))
        for (const [what, bytes] of [
          ['cut off', good.slice(0, at)],
          ['changed', changed],
        ] as const) {
          work.write(file, bytes)
          for (const argv of commands(file)) {
            const { code, stdout } = await work.run([...argv, '--json'])
            const document = JSON.parse(stdout) as { ok: boolean; error?: { code: string } }
            if (!EXITS.has(code) || document.ok !== (code === 0) || document.error?.code === 'E001')
              faults.push(`${argv.join(' ')}, ${what} at ${at}: exit ${code}, ${document.error?.code}`)
          }
        }
      }
      expect(faults).toEqual([])
      work.write(file, good)
      for (const argv of commands(file)) await work.document(argv)
    },
  )
})

test.each([118, 120, 126, 128, 374, 382, 384, 640, 768, 1024, 1280])(
  'a safetensors header of %i bytes is not taken for a pickle',
  (length) => {
    const header = JSON.stringify({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }).padEnd(length, ' ')
    const bytes = new Uint8Array(8 + length + 4)
    new DataView(bytes.buffer).setUint32(0, length, true)
    bytes.set(new TextEncoder().encode(header), 8)
    expect(readNamedValues(bytes)).toMatchObject({ format: 'safetensors', values: new Map([['w', expect.anything()]]) })
  },
)

test('reading and writing again gives the same bytes, where an order is defined', () => {
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  expect(digest(Program.from(main.toProto()).toProto())).toBe(digest(main.toProto()))
  for (const format of FORMATS) {
    const good = valueFile(format)
    const { values: read, state } = readNamedValues(good, { program: main })
    const again = joined(writeNamedValues(format, read, { program: main, ...(state === undefined ? {} : { state }) }))
    expect(digest(again), format).toBe(digest(good))
  }
})
