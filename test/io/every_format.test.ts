/**
 * Small good files of every format, cut off at every byte and changed in every byte: a typed error, or values of the same names, types and
 * shapes, soon; through the library, and a sample of it through the command line. Formats whose own tests do the same in more detail
 * (streams, archives, pickles, ProgramDesc) are here too, behind the functions that users call.
 */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  build,
  EnforceError,
  Executor,
  inferenceModelFiles,
  input,
  nn,
  Program,
  readInferenceModel,
  readNamedValues,
  readNpy,
  stringifyProgramJson,
  Tensor,
  type ValueFormat,
  writeNamedValues,
  writeNpy,
} from '../../src/index.ts'
import { Workspace } from '../cli/workspace.ts'
import { damageEverywhere } from './damage.ts'

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

/** Whatever was read has nothing of the wrong size. */
function sound(found: ReadonlyMap<string, unknown>): void {
  for (const value of found.values()) {
    if (!(value instanceof Tensor)) continue
    const count = value.shape.reduce((product, dim) => product * dim, 1)
    if (value.data.length !== count && !value.dtype.startsWith('complex')) throw new Error('a tensor of the wrong size')
    if (count > 1000) throw new Error(`${count} elements out of a file of four`)
  }
}

const FORMATS: readonly ValueFormat[] = ['json', 'npz', 'pdiparams', 'pdparams', 'safetensors']
const READERS: readonly (readonly [string, Uint8Array, (bytes: Uint8Array) => unknown])[] = [
  ['program JSON', json, (bytes) => Program.from(bytes).toJSON()],
  ['.pdmodel', main.toProto(), (bytes) => Program.from(bytes).toProto()],
  ['.npy', writeNpy(values.get('fc_0.w_0')!), (bytes) => sound(new Map([['x', readNpy(bytes)]]))],
  ...FORMATS.map(
    (format) =>
      [
        format,
        valueFile(format),
        (bytes: Uint8Array) => sound(readNamedValues(bytes, { program: main }).values),
      ] as const,
  ),
  [
    'an inference model, its program',
    model.model,
    (bytes) => readInferenceModel(Program.from(bytes), model.params!, new Executor()),
  ],
  [
    'an inference model, its parameters',
    model.params!,
    (bytes) => readInferenceModel(Program.from(model.model), bytes, new Executor()),
  ],
]

describe('the library', () => {
  test.each(READERS)('%s: %# cut off or changed anywhere', (name, good, read) => {
    expect(() => read(good)).not.toThrow()
    const start = performance.now()
    const { cut } = damageEverywhere(good, read)
    // Nothing takes long: a damaged number is not believed.
    expect((performance.now() - start) / (11 * good.length), 'ms a file').toBeLessThan(20)
    // A ProgramDesc may end where a field of it ends, text before its last line break.
    const whole = cut['read'] ?? 0
    expect(whole, 'files that were read although something was missing').toBeLessThanOrEqual(
      /program|pdmodel/i.test(name) ? 4 : 1,
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
