/** Whole models in the layouts of Paddle 2.6.2, read from files and run: the numbers that Paddle computed; and training state saved and loaded. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  build,
  Executor,
  input,
  load,
  loadInferenceModel,
  nn,
  optimizer,
  Program,
  readNamedValues,
  save,
  type Tensor,
  tensor,
  valueFromJSON,
  writeNamedValues,
} from '../../src/index.ts'
import type { TensorJson } from '../../src/tensor/tensor_json.ts'
import { golden, goldenJson, goldenNames, thrown } from './damage.ts'
import { tensorFromJSON } from './values.ts'

const folder = mkdtempSync(join(tmpdir(), 'oarlock-models-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = (name: string): string => join(folder, name)

function put(name: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path(name)), { recursive: true })
  writeFileSync(path(name), bytes)
}
for (const layout of ['inference', 'jit_save', 'legacy_combined', 'legacy_separate', 'static_save']) {
  for (const name of goldenNames(layout)) put(`${layout}/${name}`, golden(`${layout}/${name}`))
}

interface Expected {
  readonly feed: Record<string, TensorJson>
  readonly fetch: TensorJson[]
  readonly variables: Record<string, TensorJson>
}

describe('an inference model', () => {
  test.each([
    ['inference', 'inference/model'],
    ['inference', 'inference/model.pdmodel'],
    ['inference', 'inference'],
    ['jit_save', 'jit_save/net'],
    ['legacy_combined', 'legacy_combined'],
    ['legacy_combined', 'legacy_combined/__model__'],
    ['legacy_separate', 'legacy_separate'],
  ])('%s as %s computes what Paddle computed', (layout, name) => {
    const { feed, fetch, variables } = goldenJson<Expected>(`${layout}/expected.json`)
    for (const engine of ['plan', 'interpreter'] as const) {
      const executor = new Executor({ engine })
      const { program, feedNames, fetchVars } = loadInferenceModel(path(name), executor)
      expect(feedNames).toEqual(Object.keys(feed))
      const values = Object.fromEntries(Object.entries(feed).map(([each, json]) => [each, valueFromJSON(json)]))
      const results = executor.run(program, { feed: values, fetch: fetchVars })
      expect(results).toHaveLength(fetch.length)
      results.forEach((result, i) => {
        const want = tensorFromJSON(fetch[i]!)
        expect((result as Tensor).shape).toEqual(want.shape)
        const largest = Math.max(...(want.data as Float32Array).map(Math.abs))
        ;(result as Tensor).data.forEach((value, k) => {
          expect(Math.abs(Number(value) - Number(want.data[k]))).toBeLessThan(1e-6 * largest)
        })
      })
      // Running a model for inference leaves its parameters as they are.
      for (const [each, json] of Object.entries(variables)) {
        expect(executor.scope.get(each), each).toEqual(tensorFromJSON(json))
      }
    }
  })

  test('parameters that are missing, or of another model', () => {
    put('alone/model.pdmodel', golden('inference/model.pdmodel'))
    expect(thrown(() => loadInferenceModel(path('alone/model'), new Executor()))).toMatchObject({
      code: 'E533',
      category: 'NotFound',
    })
    put('mixed/model.pdmodel', golden('inference/model.pdmodel'))
    put('mixed/model.pdiparams', golden('jit_save/net.pdiparams'))
    const executor = new Executor()
    const error = thrown(() => loadInferenceModel(path('mixed/model'), executor))
    expect(error).toMatchObject({ code: 'E533', where: { file: path('mixed/model.pdiparams') } })
    expect(error.expected).toContain('fc_0.b_0: float32[5]')
    expect(error.got).toHaveLength(8)
    expect(executor.scope.names()).toEqual([])
  })

  test('a folder without a model, and one with several', () => {
    mkdirSync(path('none'))
    expect(thrown(() => loadInferenceModel(path('none'), new Executor())).code).toBe('E523')
    put('several/a.pdmodel', golden('inference/model.pdmodel'))
    put('several/b.pdmodel', golden('inference/model.pdmodel'))
    expect(thrown(() => loadInferenceModel(path('several'), new Executor())).message).toContain('a.pdmodel, b.pdmodel')
  })

  test('a variable named after a path outside of the folder is looked for nowhere', () => {
    const program = new Program()
    const block = program.globalBlock()
    block.createVar({ name: '../legacy_separate/fc_0.b_0', shape: [5], persistable: true })
    put('evil/__model__', program.toProto())
    expect(thrown(() => loadInferenceModel(path('evil'), new Executor())).code).toBe('E533')
    expect(thrown(() => load(program, path('evil'), new Executor())).code).toBe('E541')
  })
})

describe('training state', () => {
  test("of Paddle's static.save: every value, and the next step runs", () => {
    const program = Program.from(golden('static_save/train.pdmodel'))
    const executor = new Executor()
    const { unused, missing } = load(program, path('static_save/train'), executor)
    expect({ unused, missing }).toEqual({ unused: [], missing: [] })
    const { variables } = goldenJson<Expected>('static_save/expected.json')
    for (const [name, json] of Object.entries(variables)) {
      expect(executor.scope.get(name), name).toEqual(tensorFromJSON(json))
    }
    save(program, path('again/train'), executor)
    expect(new Uint8Array(readFileSync(path('again/train.pdmodel')))).toEqual(golden('static_save/train.pdmodel'))
    for (const ending of ['pdparams', 'pdopt']) {
      const read = (file: string) => readNamedValues(new Uint8Array(readFileSync(path(file)))).values
      const want = read(`static_save/train.${ending}`)
      const got = read(`again/train.${ending}`)
      expect([...got.keys()].sort()).toEqual([...want.keys()].sort())
      for (const [name, value] of want) expect(got.get(name), name).toEqual(value)
    }
    expect(readdirSync(path('again')).sort()).toEqual(['train.pdmodel', 'train.pdopt', 'train.pdparams'])
  })

  const { main, startup, out } = build(
    () => {
      const x = input('x', [null, 3])
      const loss = nn.functional.fc(x, 2).square().mean()
      new optimizer.Adam({ learningRate: 0.1 }).minimize(loss)
      return { loss }
    },
    { seed: 5 },
  )
  const feed = { x: [[1, 2, 3]] }
  const step = (executor: Executor, program = main) => executor.run(program, { feed, fetch: [out.loss.name] })[0]

  test('goes on bit for bit, from any kind of file', () => {
    const executor = new Executor()
    executor.run(startup)
    step(executor)
    save(main, path('own/train'), executor)
    const values = new Map(executor.scope.names().map((name) => [name, executor.scope.get(name)!] as const))
    const want = [step(executor), step(executor)]
    const places = [path('own/train'), path('own/train.pdparams')]
    for (const format of ['npz', 'safetensors', 'json', 'pdparams', 'pdiparams'] as const) {
      const text = [...writeNamedValues(format, values, { program: main })]
      const bytes = text.map((part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part))
      put(`own/all.${format}`, Buffer.concat(bytes))
      places.push(path(`own/all.${format}`))
    }
    // Alone the file is not the prefix of a pair.
    for (const place of places.filter((each) => !each.endsWith('all.pdparams'))) {
      const other = new Executor()
      const { missing, unused } = load(main, place, other)
      expect({ missing, unused }, place).toEqual({ missing: [], unused: [] })
      expect([step(other), step(other)], place).toEqual(want)
      // The program from its bytes: only the learning rate of a schedule would be lost.
      const third = new Executor()
      const read = Program.from(readFileSync(path('own/train.pdmodel')))
      load(read, place, third)
      expect([step(third, read), step(third, read)], place).toEqual(want)
    }
  })

  test('what is missing or does not fit is said, and nothing is set', () => {
    const executor = new Executor()
    expect(thrown(() => load(main, path('own/nothing'), executor)).code).toBe('E520')
    expect(thrown(() => load(main, path('static_save/train'), executor)).code).toBe('E526')
    put('few.npz', Buffer.concat([...writeNamedValues('npz', new Map())] as Uint8Array[]))
    expect(thrown(() => load(main, path('few.npz'), executor))).toMatchObject({ code: 'E533', category: 'NotFound' })
    put('image.png', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10))
    expect(thrown(() => load(main, path('image.png'), executor)).message).toContain('a PNG image')
    put('program.pdparams', golden('inference/model.pdmodel'))
    expect(thrown(() => load(main, path('program.pdparams'), executor)).message).toContain('a ProgramDesc')
    expect(executor.scope.names()).toEqual([])
    expect(thrown(() => save(main, path('half/train'), executor)).code).toBe('E533')
    expect(readdirSync(folder)).not.toContain('half')
  })
})

describe('values by name', () => {
  const values = new Map<string, Tensor>([
    ['b', tensor([1, 2])],
    ['a', tensor([[3]], 'int64')],
  ])
  const bytesOf = (format: Parameters<typeof writeNamedValues>[0], of = values): Uint8Array =>
    new Uint8Array(
      Buffer.concat(
        [...writeNamedValues(format, of)].map((part) => (typeof part === 'string' ? Buffer.from(part) : part)),
      ),
    )
  const plain = (read: ReadonlyMap<string, unknown>) =>
    Object.fromEntries([...read].map(([name, value]) => [name, (value as Tensor).toJSON()]))

  test.each(['npz', 'safetensors', 'json', 'pdparams'] as const)('%s comes back equal', (format) => {
    const read = readNamedValues(bytesOf(format))
    expect(read.format).toBe(format)
    expect(plain(read.values)).toEqual(plain(values))
    expect(bytesOf(format, read.values as Map<string, Tensor>)).toEqual(bytesOf(format))
  })

  test('a .pdiparams file without its program has positions for names', () => {
    const read = readNamedValues(bytesOf('pdiparams'))
    expect(read.unnamed).toBe(true)
    // In the order of the sorted names.
    expect(plain(read.values)).toEqual({ '#0': values.get('a')!.toJSON(), '#1': values.get('b')!.toJSON() })
  })

  test('one array: the name of its file', () => {
    const one = new Map([['b', values.get('b')!]])
    expect([...readNamedValues(bytesOf('npy', one), { file: 'dir/weight.npy' }).values.keys()]).toEqual(['weight'])
    expect(thrown(() => bytesOf('npy')).code).toBe('E540')
  })

  test('master weights of an optimizer are values, and stay where they were', () => {
    const state = readNamedValues(golden('dygraph_state/opt_p4.pdopt')).state!
    const [name, weight] = ['w_fp32_master_0', tensor([0.5])]
    const others = new Map([...(state.others ?? []), ['master_weights', new Map([['w', weight]])] as const])
    const written = [...writeNamedValues('pdparams', values, { state: { ...state, tensors: values, others } })]
    const read = readNamedValues(written[0] as Uint8Array)
    expect((read.values.get(name) as Tensor).toJSON()).toEqual(weight.toJSON())
    const again = [...writeNamedValues('pdparams', read.values, { state: read.state! })]
    expect(again).toEqual(written)
  })
})
