/** The commands on files that Paddle 2.6.2 wrote: models in every layout, parameters, state dicts, and conversions between all of them. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { comparePrograms, Program, readNamedValues, Tensor, writeNamedValues, writeNpy } from '../../src/index.ts'
import type { TensorJson } from '../../src/tensor/tensor_json.ts'
import { golden, goldenJson, goldenNames } from '../io/damage.ts'
import { tensorFromJSON } from '../io/values.ts'
import { type FailedDocument, reluProgram, Workspace } from './workspace.ts'

const work = new Workspace()
for (const layout of ['inference', 'jit_save', 'legacy_combined', 'legacy_separate', 'static_save', 'dygraph_state']) {
  for (const name of goldenNames(layout)) {
    if (!name.endsWith('expected.json')) work.write(`${layout}/${name}`, golden(`${layout}/${name}`))
  }
}
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(work.path(name)))

interface Expected {
  readonly feed: Record<string, TensorJson>
  readonly fetch: TensorJson[]
}
const { feed, fetch } = goldenJson<Expected>('inference/expected.json')
const img = tensorFromJSON(feed['img']!)
work.write('img.npy', writeNpy(img))
work.write('img.json', feed['img']!)
const want = fetch[0]!.data as number[]

interface RunResult {
  readonly fetch: Record<string, TensorJson>
}
async function expectPaddlesNumbers(argv: readonly string[]): Promise<void> {
  const { fetch: got } = await work.document<RunResult>(['run', ...argv])
  const [only, ...others] = Object.values(got)
  expect(others).toEqual([])
  expect(only!.shape).toEqual(fetch[0]!.shape)
  ;(only!.data as number[]).forEach((value, i) => {
    expect(Math.abs(value - want[i]!)).toBeLessThan(1e-6)
  })
}

describe('values that belong elsewhere, and folders with a model already', () => {
  it('--load of another model: nothing is run, and both sides are listed', async () => {
    const argv = ['run', 'inference', '--feed', 'img=@img.npy', '--load', 'dygraph_state/opt_p4.pdopt']
    const { error } = await work.document<FailedDocument>(argv, 3)
    expect(error).toMatchObject({ code: 'E533', message: expect.stringContaining('belongs to the program') })
    expect(error.expected).toContain('fc_0.b_0: float32[5]')
    expect(error.got).toContain('conv2d_0.w_0_moment1_0')
    const { code, stderr } = await work.run(argv)
    expect(code).toBe(3)
    expect(stderr).toMatch(/expected batch_norm_0\.b_0: float32\[\d+\], .* and 1 more\n {2}got {6}conv2d_0/)
  })

  it('convert does not put a second model into a folder', async () => {
    work.write('twice/model.pdmodel', golden('inference/model.pdmodel'))
    work.write('twice/model.pdiparams', golden('inference/model.pdiparams'))
    const { error } = await work.document<FailedDocument>(['convert', 'twice', '-o', 'twice'], 2)
    expect(error).toMatchObject({
      code: 'E706',
      message: expect.stringContaining('holds a model already: model.pdmodel'),
    })
    await work.document(['convert', 'twice', '-o', 'twice', '-f'])
  })
})

describe('run', () => {
  it.each([
    ['inference/model.pdmodel'],
    ['inference/model'],
    ['inference'],
    ['legacy_combined'],
    ['legacy_separate/__model__'],
    ['legacy_separate'],
  ])('%s finds its parameters and gives the numbers of Paddle', async (model) => {
    await expectPaddlesNumbers([model, '--feed', 'img=@img.npy'])
    await expectPaddlesNumbers([model, '--feed', 'img=@img.json', '--engine', 'interpreter'])
  })

  it.each(['inference/model.pdiparams', 'legacy_separate', 'static_save/train', 'static_save/train.pdparams'])(
    '--load %s in place of what stands beside the program',
    async (values) => {
      work.write('alone/model.pdmodel', golden('inference/model.pdmodel'))
      await expectPaddlesNumbers(['alone/model.pdmodel', '--feed', 'img=@img.npy', '--load', values])
    },
  )

  it('without parameters: which are missing', async () => {
    work.write('alone/model.pdmodel', golden('inference/model.pdmodel'))
    const { error } = await work.document<FailedDocument>(['run', 'alone', '--feed', 'img=@img.npy'], 4)
    expect(error.code).toBe('E101')
    expect(error.got).toContain('fc_0.w_0')
    expect(error.message).not.toContain('startup')
    expect(error.hint).toContain('alone/model.pdiparams')
    expect(error.hint).toContain('--load PATH')
  })

  it('random values for an image of any size need its size', async () => {
    const argv = ['run', 'sized', '--feed']
    const { blocks, ...rest } = Program.from(golden('inference/model.pdmodel')).toJSON()
    const open = JSON.parse(JSON.stringify(blocks).replace('[-1,2,6,6]', '[-1,2,-1,-1]')) as unknown
    work.write('sized/main.json', { ...rest, blocks: open })
    work.write('sized/main.pdiparams', golden('inference/model.pdiparams'))
    for (const what of ['random', 'zeros']) {
      const { error } = await work.document<FailedDocument>([...argv, `img=${what}`], 2)
      expect(error.code).toBe('E703')
      expect(error.message).toContain('dimensions 2 and 3')
      expect(error.hint).toContain(`img=${what}[1,2,32,32]`)
    }
    const { fetch: got } = await work.document<RunResult>([...argv, 'img=random[2,2,6,6]'])
    expect(Object.values(got)[0]!.shape).toEqual([2, 3])
  })

  it('goes on with a training program that Paddle saved, and saves it in every kind of file', async () => {
    const label = new Tensor('int64', [2, 1], BigInt64Array.of(0n, 1n))
    work.write('y.npy', writeNpy(label))
    const train = ['run', 'static_save/train.pdmodel', '--feed', 'img=@img.npy', '--feed', 'y=@y.npy']
    const next = [...train, '--fetch', 'fc_1.w_0', '--steps', '2']
    const { fetch: two } = await work.document<RunResult>(next)
    for (const place of ['kept', 'kept.json', 'kept.npz', 'kept.safetensors', 'kept.pdparams', 'kept.pdiparams']) {
      await work.document([...train, '--save', place, '--steps', '1'])
      const { fetch: second } = await work.document<RunResult>([...next.slice(0, -1), '1', '--load', place])
      expect(second, place).toEqual(two)
      const { error } = await work.document<FailedDocument>([...train, '--save', place], 2)
      expect(error.code).toBe('E706')
    }
    expect(work.list().filter((name) => name.startsWith('kept'))).toEqual([
      'kept',
      'kept.json',
      'kept.npz',
      'kept.pdiparams',
      'kept.pdopt',
      'kept.pdparams',
      'kept.safetensors',
    ])
  })

  it('a parameter file that is 4 bytes short is refused', async () => {
    work.write('short/model.pdmodel', golden('inference/model.pdmodel'))
    work.write('short/model.pdiparams', golden('inference/model.pdiparams').slice(0, -4))
    const { error } = await work.document<FailedDocument>(['run', 'short', '--feed', 'img=@img.npy'], 3)
    expect(error).toMatchObject({ code: 'E532', where: { file: 'short/model.pdiparams', variable: 'fc_1.w_0' } })
  })

  it('parameters of another model: both lists', async () => {
    work.write('other/model.pdmodel', golden('inference/model.pdmodel'))
    work.write('other/model.pdiparams', golden('jit_save/net.pdiparams'))
    const { error } = await work.document<FailedDocument>(['run', 'other', '--feed', 'img=@img.npy'], 3)
    expect(error.code).toBe('E533')
    expect(error.expected).toHaveLength(9)
    expect(error.got).toHaveLength(8)
  })

  it('a pickle that names code is refused by its name', async () => {
    const evil = Uint8Array.from([0x80, 2, ...Buffer.from('cos\nsystem\nX\x02\0\0\0id'), 0x85, 0x52, 0x2e])
    work.write('evil.pdparams', evil)
    for (const command of [
      ['run', 'inference', '--load', 'evil.pdparams'],
      ['show', 'evil.pdparams'],
      ['convert', 'evil.pdparams', '-o', 'evil.npz'],
    ]) {
      const { error } = await work.document<FailedDocument>(command, 3)
      expect(error).toMatchObject({ code: 'E530', got: 'os.system' })
    }
    expect(work.has('evil.npz')).toBe(false)
  })

  it.each([
    ['static_save/train.pdparams', 'a Python pickle', '--load'],
    ['inference/model.pdiparams', 'tensors as Paddle saves them', '.pdmodel'],
    ['img.npy', 'a NumPy array', '--feed'],
  ])('%s is no program: what it is, and what to do with it', async (file, name, hint) => {
    const { error } = await work.document<FailedDocument>(['run', file], 3)
    expect(error.code).toBe('E529')
    expect(error.message).toContain(name)
    expect(error.hint).toContain(hint)
  })

  it('operators that are not there: the report of all operators first, then one error', async () => {
    const x = { inputs: { X: ['x'] }, outputs: { Out: ['y'] } }
    work.write(
      'odd.json',
      reluProgram({
        ops: [
          { type: 'relu', ...x },
          { type: 'py_func', ...x },
          { type: 'py_func', ...x },
        ],
      }),
    )
    const { stderr, code } = await work.run(['run', 'odd.json', '--feed', 'x=[[1,2,3]]'])
    expect(code).toBe(5)
    const lines = stderr.split('\n').map((line) => line.trimEnd())
    expect(lines[0]).toBe('2 operators of 3 cannot run here, of 1 type of 2:')
    expect(
      lines.slice(1, 4).map((line) =>
        line
          .replace(/ +█.*?(?= |$)/, '')
          .trim()
          .split(/ {2,}/),
      ),
    ).toEqual([
      ['op', 'count', 'kernel', 'gradient'],
      ['py_func', '2', 'unknown', 'not implemented here'],
      ['relu', '1', 'yes', 'yes'],
    ])
    expect(stderr).toContain('error E401: operators that are not implemented: py_func (2 times)')
    expect((await work.run(['check', 'odd.json'])).stderr).toContain('2 operators of 3 cannot run here')
    const { opTypes } = await work.document<{ opTypes: object[] }>(['stats', 'odd.json'])
    expect(opTypes).toContainEqual({ type: 'py_func', count: 2, known: false, kernels: [], gradient: 'missing' })
  })
})

describe('convert', () => {
  const convert = async (source: string, output: string, ...more: string[]): Promise<string[]> =>
    (await work.document<{ outputs: string[] }>(['convert', source, '-o', output, ...more])).outputs

  it('a program to JSON and back: the same program; .pdmodel to .pdmodel: the same bytes', async () => {
    expect(await convert('inference/model.pdmodel', 'copy.pdmodel')).toEqual(['copy.pdmodel'])
    expect(bytes('copy.pdmodel')).toEqual(golden('inference/model.pdmodel'))
    await convert('inference/model.pdmodel', 'copy.json')
    await convert('copy.json', 'again.pdmodel')
    expect((await work.run(['diff', 'again.pdmodel', 'copy.pdmodel', '--hints'])).code).toBe(0)
    // What JSON does not keep: the order of the variables, and flags that the file wrote although they hold their default.
    expect(comparePrograms(Program.from(bytes('again.pdmodel')), Program.from(bytes('copy.pdmodel')))).toEqual([])
    await convert('copy.json', 'listing.txt')
    expect(work.read('listing.txt')).toContain('conv2d')
  })

  it('parameters through every kind of file come back byte for byte', async () => {
    const good = golden('inference/model.pdiparams')
    let from = 'inference/model.pdiparams'
    for (const name of ['w.npz', 'w.safetensors', 'w.json', 'w.pdparams', 'w/', 'w.pdiparams']) {
      if (name === 'w.pdiparams') {
        // Separate files are a model only beside a program.
        work.write('w/__model__', golden('inference/model.pdmodel'))
        from = 'w'
      }
      await convert(from, name)
      from = name
    }
    expect(bytes('w.pdiparams')).toEqual(good)
    expect(work.list('w')).toEqual(
      [...goldenNames('legacy_separate').filter((name) => name !== 'expected.json')].sort(),
    )
    for (const name of goldenNames('legacy_separate')) {
      if (/\.[wb]_/.test(name)) expect(bytes(`w/${name}`), name).toEqual(golden(`legacy_separate/${name}`))
    }
  })

  it('a whole model through every layout gives the numbers of Paddle in each', async () => {
    for (const [source, output, kind, files] of [
      ['legacy_combined', 'm1', 'pdmodel', ['inference.pdiparams', 'inference.pdmodel']],
      ['m1', 'm2', 'json', ['main.json', 'parameters.json']],
      ['m2', 'm3', 'legacy', goldenNames('legacy_separate').filter((name) => name !== 'expected.json')],
      ['m3', 'm4/model.pdmodel', undefined, ['model.pdiparams', 'model.pdmodel']],
    ] as const) {
      work.write('m4/.keep', '')
      await convert(source, output, ...(kind === undefined ? [] : ['--to', kind]))
      const folder = output.replace(/\/.*/, '')
      expect(work.list(folder).filter((name) => name !== '.keep')).toEqual([...files].sort())
      await expectPaddlesNumbers([folder, '--feed', 'img=@img.npy'])
    }
    expect(bytes('m1/inference.pdiparams')).toEqual(golden('legacy_combined/__params__'))
    expect(bytes('m4/model.pdiparams')).toEqual(golden('legacy_combined/__params__'))
  })

  it('a training program of JSON is cut to an inference model', async () => {
    await convert('static_save', 't')
    expect(work.list('t')).toEqual(['main.json', 'parameters.json'])
    // The recorded program already has the scale that Paddle appends to the one it is given.
    await convert('t', 'cut/', '--feed', 'img', '--fetch', 'softmax_0.tmp_0')
    expect(work.list('cut')).toEqual(['inference.pdiparams', 'inference.pdmodel'])
    expect(bytes('cut/inference.pdiparams')).toEqual(golden('inference/model.pdiparams'))
    await expectPaddlesNumbers(['cut', '--feed', 'img=@img.npy'])
  })

  it('state of a layer: structured names, and what only a state file can hold', async () => {
    await convert('dygraph_state/net_p4.pdparams', 'net.safetensors')
    expect([...readNamedValues(bytes('net.safetensors')).values.keys()].sort()).toContain('conv.weight')
    const { stderr } = await work.run(['convert', 'dygraph_state/opt_p4.pdopt', '-o', 'opt.npz'])
    expect(stderr).toContain('left out, because only a state file can hold it: LR_Scheduler')
    await convert('dygraph_state/opt_p4.pdopt', 'opt.pdopt')
    expect(readNamedValues(bytes('opt.pdopt'))).toEqual(readNamedValues(golden('dygraph_state/opt_p4.pdopt')))
  })

  it('--only picks values; one of them makes a .npy file', async () => {
    await convert('inference/model.pdmodel', 'fc.npz', '--only', 'fc_*')
    expect([...readNamedValues(bytes('fc.npz')).values.keys()]).toEqual([
      'fc_0.b_0',
      'fc_0.w_0',
      'fc_1.b_0',
      'fc_1.w_0',
    ])
    await convert('fc.npz', 'bias.npy', '--only', 'fc_1.b_0')
    expect((await work.document<FailedDocument>(['convert', 'fc.npz', '-o', 'no.npy'], 3)).error.code).toBe('E540')
    const { error } = await work.document<FailedDocument>(['convert', 'fc.npz', '-o', 'no.npy', '--only', 'fc_9'], 2)
    expect(error.code).toBe('E705')
  })

  it('a .pdiparams file must hold what its program needs', async () => {
    const argv = ['convert', 'fc.npz', '-o', 'fc.pdiparams', '--program', 'inference/model.pdmodel']
    // The program names no tensor of a .npz file, but decides what a .pdiparams file holds.
    const { error } = await work.document<FailedDocument>(argv, 3)
    expect(error.code).toBe('E533')
    expect(error.message).toContain('batch_norm_0.b_0')
    expect(work.has('fc.pdiparams')).toBe(false)
  })

  it('refuses to overwrite without -f, and says what it cannot do', async () => {
    work.write('there.json', '1')
    const { error } = await work.document<FailedDocument>(['convert', 'inference', '-o', 'there.json'], 2)
    expect(error.code).toBe('E706')
    expect(work.read('there.json')).toBe('1')
    for (const argv of [
      ['inference/model.pdiparams', '-o', 'x.pdmodel'],
      ['inference/model.pdmodel', '-o', 'x.unknown'],
      ['inference/model.pdmodel', '-o', 'x.pdmodel', '--to', 'legacy'],
      ['inference/model.pdmodel', '-o', 'x.pdmodel', '--feed', 'img'],
      ['inference/model.pdmodel'],
    ]) {
      expect((await work.document<FailedDocument>(['convert', ...argv], 2)).error.code).toBe('E703')
    }
    expect(work.list().filter((name) => name.startsWith('x'))).toEqual([])
  })

  it('writes bytes to stdout as they are', async () => {
    const { stdout } = await work.run(['convert', 'inference/model.pdmodel', '-o', '-', '--to', 'pdmodel'])
    expect(new Uint8Array(Buffer.from(stdout, 'latin1'))).toEqual(golden('inference/model.pdmodel'))
  })

  it('a name that leads out of the folder is no file', async () => {
    const npz = { '../w': { dtype: 'float32', shape: [1], data: [0] } }
    work.write('names.json', npz)
    expect((await work.document<FailedDocument>(['convert', 'names.json', '-o', 'names/'], 3)).error.code).toBe('E541')
    expect(work.has('names')).toBe(false)
  })
})

describe('values', () => {
  it('show: a table, one value, and data', async () => {
    const { stdout } = await work.run(['show', 'inference/model.pdiparams'])
    expect(stdout.split('\n')[0]).toBe(
      'values inference/model.pdiparams   .pdiparams · 9 tensors · 329 values · 1.3 KiB · names from inference/model.pdmodel',
    )
    expect(stdout).toContain('fc_0.w_0          float32  [48, 5]')
    expect((await work.run(['show', 'inference/model.pdiparams', 'fc_1.b_0'])).stdout).toContain('float32 [3]')
    const document = await work.document<{ values: { tensors: { name: string; shape: number[] }[] } }>([
      'show',
      'dygraph_state/net_p2.pdparams',
    ])
    expect(document.values.tensors.find(({ name }) => name === 'conv.weight')?.shape).toEqual([2, 1, 3, 3])
    const { error } = await work.document<FailedDocument>(['show', 'inference/model.pdiparams', 'fc_1.b'], 2)
    expect(error).toMatchObject({ code: 'E705' })
    expect(error.hint).toContain('fc_1.b_0')
  })

  it('stats and check', async () => {
    const { values } = await work.document<{ values: { count: number; dtypes: object[] } }>([
      'stats',
      'static_save/train.pdopt',
    ])
    expect(values).toMatchObject({ count: 29, dtypes: [{ dtype: 'float32', count: 29, values: 661, bytes: 2644 }] })
    expect((await work.run(['check', 'inference/model.pdiparams'])).stdout).toBe(
      'inference/model.pdiparams: no errors in 9 tensors, all of inference/model.pdmodel\n',
    )
    work.write('cut.pdparams', golden('static_save/train.pdparams').slice(0, -20))
    expect((await work.document<FailedDocument>(['check', 'cut.pdparams'], 3)).error.code).toBe('E531')
  })

  it('diff: what differs and by how much; exit 1', async () => {
    await work.run(['convert', 'inference/model.pdmodel', '-o', 'a.npz'])
    expect((await work.run(['diff', 'a.npz', 'inference/model.pdiparams'])).code).toBe(0)
    const values = new Map(readNamedValues(bytes('a.npz')).values)
    ;(values.get('fc_0.b_0') as Tensor).data[1] = 5
    values.delete('fc_1.b_0')
    work.write('b.json', Object.fromEntries([...values].map(([name, value]) => [name, value.toJSON()])))
    const { stdout, code } = await work.run(['diff', 'a.npz', 'b.json'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^~ fc_0\.b_0 {3}1 elements differ, by 5\.\d+ at most\n− fc_1\.b_0\n$/)
    expect((await work.document<FailedDocument>(['diff', 'a.npz', 'inference/model.pdmodel'], 3)).error.code).toBe(
      'E529',
    )
  })
})

describe('check of a folder looks at the parameters too', () => {
  const model = golden('inference/model.pdmodel')
  const params = golden('inference/model.pdiparams')

  it('all are there and whole', async () => {
    const { code, stdout } = await work.run(['check', 'inference'])
    expect([code, stdout]).toEqual([0, expect.stringContaining('model.pdiparams: no errors in 9 tensors')])
    const { files } = await work.document<{ files: { file: string }[] }>(['check', 'legacy_separate'])
    expect(files.map(({ file }) => file)).toEqual(['legacy_separate/__model__', 'legacy_separate/'])
  })

  it.each([
    ['cut off', params.slice(0, -4), 'E532'],
    ['of another model', golden('jit_save/net.pdiparams'), 'E533'],
    ['no parameters at all', new TextEncoder().encode('hello'), 'E529'],
  ])('%s: a finding, exit 1', async (_, bytes, code) => {
    work.write('damaged/model.pdmodel', model)
    work.write('damaged/model.pdiparams', bytes)
    const { issues } = await work.document<{ issues: { code: string; where: { file: string } }[] }>(
      ['check', 'damaged'],
      1,
    )
    expect(issues).toMatchObject([{ code, where: { file: 'damaged/model.pdiparams' } }])
  })

  it('a variable without a value is named', async () => {
    const some = [...readNamedValues(params, { program: Program.from(model) }).values].slice(1)
    work.write('partly/model.pdmodel', model)
    work.write('partly/model.parameters.json', [...writeNamedValues('json', new Map(some))].join(''))
    const { issues } = await work.document<{ issues: { code: string; where: { variable: string } }[] }>(
      ['check', 'partly'],
      1,
    )
    expect(issues).toHaveLength(1)
    expect(issues[0]!.code).toBe('E533')
  })
})

it('fmt --check of a ProgramDesc says that there is no canonical text, and what to do', async () => {
  const { error } = await work.document<FailedDocument>(['fmt', 'inference/model.pdmodel', '--check'], 3)
  expect([error.code, error.hint]).toEqual(['E529', expect.stringContaining('oarlock convert')])
  expect((await work.run(['fmt', 'inference/model.pdmodel'])).stdout).toContain('"conv2d"')
})
