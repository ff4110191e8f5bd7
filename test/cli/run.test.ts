import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { tensor } from '../../src/index.ts'
import { writeNpy } from '../../src/io/npy.ts'
import { classifier, regression } from './programs.ts'
import { type FailedDocument, reluProgram, Workspace } from './workspace.ts'

interface TensorDocument {
  readonly dtype: string
  readonly shape: number[]
  readonly data: (number | string)[]
}
interface RunDocument {
  readonly ok: boolean
  readonly fetch: Record<string, TensorDocument>
  readonly steps: Record<string, TensorDocument>[]
  readonly timing: { readonly steps: number }
  readonly epochs?: {
    readonly epoch: number
    readonly train: Record<string, number>
    readonly test: Record<string, number> | null
  }[]
  readonly warnings: string[]
}

const work = new Workspace()
work.write('relu.json', reluProgram())
const model = regression()
work.writeProgram('net/main.json', model.main)
work.writeProgram('net/startup.json', model.startup)

const feedXY = ['--feed', 'x=[[1,2],[3,4],[5,6]]', '--feed', 'y=[[1],[2],[3]]']

describe('feeds', () => {
  it('a literal; the fetched value is printed on stdout, talk on stderr', async () => {
    const { code, stdout, stderr } = await work.run(['run', 'relu.json', '--feed', 'x=[[1,-2,3]]', '--fetch', 'y'])
    expect(code).toBe(0)
    expect(stdout).toBe('y  float32 [1, 3]\n[[1. 0. 3.]]\n')
    expect(stderr).toMatch(/^✓ main +1 op +× 1 step\n/)
  })

  it('what the program makes is fetched when nobody says', async () => {
    const { stdout } = await work.run(['run', 'relu.json', '--feed', 'x=[[1,-2,3]]', '-q'])
    expect(stdout).toBe('y  float32 [1, 3]\n[[1. 0. 3.]]\n')
  })

  it.each([
    ['a tensor as JSON', 'x.json', { dtype: 'float32', shape: [1, 3], data: [-1, 'NaN', 2] }],
    ['nested lists as JSON', 'list.json', [[-1, 'NaN', 2]]],
    [
      'base64',
      'b.json',
      {
        dtype: 'float32',
        shape: [1, 3],
        base64: Buffer.from(Float32Array.of(-1, Number.NaN, 2).buffer).toString('base64'),
      },
    ],
    ['.npy', 'x.npy', writeNpy(tensor([[-1, Number.NaN, 2]], 'float32'))],
    ['.npy under another name', 'x.dat', writeNpy(tensor([[-1, Number.NaN, 2]], 'float32'))],
  ])('from a file: %s', async (_, name, content) => {
    work.write(name, content)
    const { fetch } = await work.document<RunDocument>(['run', 'relu.json', '--feed', `x=@${name}`, '--fetch', 'x,y'])
    expect(fetch['x']).toEqual({ dtype: 'float32', shape: [1, 3], data: [-1, 'NaN', 2] })
    expect(fetch['y']?.data[2]).toBe(2)
  })

  it('NaN and infinities in a literal run', async () => {
    const { fetch } = await work.document<RunDocument>([
      'run',
      'relu.json',
      '--feed',
      'x=[[NaN, -Infinity, Infinity]]',
      '--fetch',
      'x',
    ])
    expect(fetch['x']?.data).toEqual(['NaN', '-Infinity', 'Infinity'])
  })

  it('a batch of no rows runs', async () => {
    work.write('empty.json', { dtype: 'float32', shape: [0, 3], data: [] })
    const { fetch } = await work.document<RunDocument>(['run', 'relu.json', '--feed', 'x=@empty.json', '--fetch', 'y'])
    expect(fetch['y']).toEqual({ dtype: 'float32', shape: [0, 3], data: [] })
  })

  it('zeros and random: the seed decides, the rows come from --batch', async () => {
    const zeros = await work.document<RunDocument>(['run', 'relu.json', '--feed', 'x=zeros', '--fetch', 'x'])
    expect(zeros.fetch['x']).toEqual({ dtype: 'float32', shape: [1, 3], data: [0, 0, 0] })
    const draw = async (seed: string): Promise<TensorDocument | undefined> =>
      (
        await work.document<RunDocument>([
          'run',
          'relu.json',
          '--feed',
          'x=random',
          '--batch',
          '4',
          '--seed',
          seed,
          '--fetch',
          'x',
        ])
      ).fetch['x']
    const first = await draw('3')
    expect(first?.shape).toEqual([4, 3])
    expect(first).toEqual(await draw('3'))
    expect(first).not.toEqual(await draw('4'))
    for (const value of first?.data ?? []) expect(Math.abs(Number(value))).toBeLessThanOrEqual(1)
  })

  it('--feeds: one entry a step, used round and round', async () => {
    const step = (value: number): object => ({ x: { dtype: 'float32', shape: [1, 3], data: [value, -value, 0] } })
    work.write('feeds.json', [step(1), step(2)])
    const two = await work.document<RunDocument>(['run', 'relu.json', '--feeds', 'feeds.json', '--fetch', 'y'])
    expect(two.steps.map((each) => each['y']?.data)).toEqual([
      [1, 0, 0],
      [2, 0, 0],
    ])
    const five = await work.document<RunDocument>([
      'run',
      'relu.json',
      '--feeds',
      'feeds.json',
      '--fetch',
      'y',
      '--steps',
      '5',
    ])
    expect(five.steps.map((each) => each['y']?.data[0])).toEqual([1, 2, 1, 2, 1])
    expect(five.fetch['y']?.data).toEqual([1, 0, 0])
    expect(five.timing.steps).toBe(5)
  })

  it('int64 beyond 2^53 keeps its digits', async () => {
    const vars = [
      { name: 'x', dtype: 'int64', shape: [-1], need_check_feed: true },
      { name: 'y', dtype: 'int64', shape: [-1] },
    ]
    work.write(
      'copy.json',
      reluProgram({ vars, ops: [{ type: 'assign', inputs: { X: ['x'] }, outputs: { Out: ['y'] } }] }),
    )
    const { fetch } = await work.document<RunDocument>([
      'run',
      'copy.json',
      '--feed',
      'x=["9007199254740993", 2]',
      '--fetch',
      'y',
    ])
    expect(fetch['y']).toEqual({ dtype: 'int64', shape: [2], data: ['9007199254740993', 2] })
  })

  it('a program from stdin', async () => {
    const stdin = JSON.stringify(reluProgram())
    const { stdout } = await work.run(['run', '-', '--feed', 'x=[[1,-1,0]]', '--fetch', 'y', '-q'], { stdin })
    expect(stdout).toBe('y  float32 [1, 3]\n[[1. 0. 0.]]\n')
  })
})

describe('what is wrong with feeds and fetches', () => {
  it('missing and unknown feeds are told at once, exit 4', async () => {
    const { error } = await work.document<FailedDocument>(['run', 'relu.json', '--feed', 'X=[[1,2,3]]'], 4)
    expect(error).toMatchObject({ category: 'InvalidArgument', code: 'E110' })
    expect(error.message).toMatch(/2 feeds are wrong/)
    expect(error.message).toMatch(/X +is not a variable/)
    expect(error.message).toMatch(/x +is missing: wanted float32 \[-1, 3\]/)
    expect(error.hint).toBe('did you mean "x"?')
  })

  it.each([
    ['a wrong shape', ['--feed', 'x=[[1,2]]'], /wrong shape.*\[-1, 3\].*\[1, 2\]/],
    ['a wrong element type', ['--feed', 'x=@f64.npy'], /wrong element type.*float32.*float64/],
    ['ragged lists', ['--feed', 'x=[[1,2,3],[4]]'], /differ in length/],
  ])('%s, exit 4', async (_, flags, message) => {
    work.write('f64.npy', writeNpy(tensor([[1, 2, 3]], 'float64')))
    const { error } = await work.document<FailedDocument>(['run', 'relu.json', ...flags], 4)
    expect(error.code).toBe('E110')
    expect(error.message).toMatch(message)
  })

  it('an unknown fetch has the nearest name, exit 4', async () => {
    const { error } = await work.document<FailedDocument>(['run', 'net', ...feedXY, '--fetch', 'fc_0.tmp_9'], 4)
    expect(error).toMatchObject({ category: 'NotFound', code: 'E120' })
    expect(error.hint).toMatch(/fc_0\.tmp_/)
  })

  it('a glob that nothing fits, exit 4', async () => {
    expect((await work.document<FailedDocument>(['run', 'net', ...feedXY, '--fetch', 'nope*'], 4)).error.code).toBe(
      'E120',
    )
  })

  it.each([
    ['a feed given twice', ['--feed', 'x=[[1,2,3]]', '--feed', 'x=zeros'], /fed twice/],
    ['no equals sign', ['--feed', 'x'], /NAME=VALUE/],
    ['a text for a value', ['--feed', 'x=abc'], /not JSON/],
    ['lost digits', ['--feed', 'x=9007199254740993'], /lose digits/],
    ['a bad number of steps', ['--feed', 'x=zeros', '--steps', 'ten'], /whole number/],
    ['no steps', ['--feed', 'x=zeros', '--steps', '0'], /1 or more/],
    ['a flag twice', ['--steps', '1', '--steps', '2'], /twice/],
    ['a flag for a value', ['--save', '--json'], /needs a value/],
    ['epochs without data', ['--epochs', '2'], /--data/],
    ['a test without data', ['--test', 'relu.json'], /--data/],
  ])('%s is wrong use, exit 2', async (_, flags, message) => {
    const { code, stderr, stdout } = await work.run(['run', 'relu.json', ...flags])
    expect(code).toBe(2)
    expect(stderr + stdout).toMatch(message)
    expect(work.has('--json')).toBe(false)
  })

  it.each([
    ['no such file', ['--feed', 'x=@nope.npy'], 'E520'],
    ['a cut .npy', ['--feed', 'x=@cut.npy'], 'E514'],
    ['a feeds file that is no list', ['--feeds', 'relu.json'], 'E525'],
    ['a bad tensor in a feeds file', ['--feeds', 'badfeeds.json'], 'E510'],
  ])('%s: exit 3', async (_, flags, code) => {
    work.write('cut.npy', writeNpy(tensor([[1, 2, 3]])).subarray(0, 136))
    work.write('badfeeds.json', [{ x: { dtype: 'float32', shape: [2], data: [1] } }])
    expect((await work.document<FailedDocument>(['run', 'relu.json', ...flags], 3)).error.code).toBe(code)
  })
})

describe('startup, load and save', () => {
  it('a folder brings its startup program along; the seed decides', async () => {
    const draw = async (seed: string): Promise<unknown> =>
      (await work.document<RunDocument>(['run', 'net', ...feedXY, '--fetch', model.loss, '--seed', seed])).fetch[
        model.loss
      ]
    expect(await draw('1')).toEqual(await draw('1'))
    expect(await draw('1')).not.toEqual(await draw('2'))
  })

  it('--startup FILE', async () => {
    work.writeProgram('alone.json', model.main)
    const alone = await work.document<FailedDocument>(['run', 'alone.json', ...feedXY], 4)
    expect(alone.error.code).toBe('E101')
    const both = await work.document<RunDocument>(['run', 'alone.json', '--startup', 'net/startup.json', ...feedXY])
    expect(Object.keys(both.fetch)).toHaveLength(1)
  })

  it('NAME.startup.json beside NAME.json', async () => {
    work.writeProgram('reg.json', model.main)
    work.writeProgram('reg.startup.json', model.startup)
    expect((await work.run(['run', 'reg.json', ...feedXY])).code).toBe(0)
  })

  it('what is saved is loaded again, bit for bit', async () => {
    const first = await work.document<RunDocument>([
      'run',
      'net',
      ...feedXY,
      '--fetch',
      '*.w_0,*.b_0',
      '--seed',
      '5',
      '--save',
      'saved',
    ])
    expect(work.list('saved')).toEqual(['parameters.json'])
    const second = await work.document<RunDocument>([
      'run',
      'net',
      ...feedXY,
      '--fetch',
      '*.w_0,*.b_0',
      '--seed',
      '6',
      '--load',
      'saved',
    ])
    expect(second.fetch).toEqual(first.fetch)
    expect(second.warnings).toEqual([])
    const file = work.json<Record<string, { base64: string }>>('saved/parameters.json')
    expect(Object.keys(file).sort()).toEqual(['fc_0.b_0', 'fc_0.w_0'])
    expect(typeof file['fc_0.w_0']?.base64).toBe('string')
  })

  it('--save FILE.json, and not over a file unless -f', async () => {
    expect((await work.run(['run', 'net', ...feedXY, '--save', 'values.json'])).code).toBe(0)
    const before = work.read('values.json')
    const { error } = await work.document<FailedDocument>(['run', 'net', ...feedXY, '--save', 'values.json'], 2)
    expect(error).toMatchObject({ category: 'AlreadyExists', code: 'E706', hint: 'add -f to replace it' })
    expect(work.read('values.json')).toBe(before)
    expect((await work.run(['run', 'net', ...feedXY, '--save', 'values.json', '-f', '--seed', '9'])).code).toBe(0)
    expect(work.read('values.json')).not.toBe(before)
    expect(work.list().filter((name) => name.includes('.tmp'))).toEqual([])
  })

  it('a run that fails writes nothing', async () => {
    expect((await work.run(['run', 'net', '--save', 'never.json'])).code).toBe(4)
    expect(work.has('never.json')).toBe(false)
  })

  it.each([
    ['a value of another shape', { 'fc_0.w_0': { dtype: 'float32', shape: [1], data: [0] } }, 'E526'],
    ['a list', [1], 'E524'],
    ['a program', reluProgram(), 'E524'],
    ['no JSON', '{', 'E501'],
  ])('--load of %s: exit 3', async (_, content, code) => {
    work.write('bad_values.json', content)
    expect(
      (await work.document<FailedDocument>(['run', 'net', ...feedXY, '--load', 'bad_values.json'], 3)).error.code,
    ).toBe(code)
  })

  it('a value that fits no variable is a warning, values none of which fits are an error', async () => {
    const other = { dtype: 'float32', shape: [], data: [1] }
    work.write('other.json', { other })
    const argv = ['run', 'net', ...feedXY, '--load', 'other.json']
    expect((await work.document<FailedDocument>(argv, 3)).error).toMatchObject({ code: 'E533', got: ['other'] })
    work.write('more.json', { other, 'fc_0.b_0': { dtype: 'float32', shape: [1], data: [1] } })
    const { warnings } = await work.document<RunDocument>(['run', 'net', ...feedXY, '--load', 'more.json'])
    expect(warnings[0]).toMatch(/other/)
  })

  it('a folder for --save that cannot be made: exit 3', async () => {
    expect(
      (await work.document<FailedDocument>(['run', 'net', ...feedXY, '--save', 'relu.json/sub'], 3)).error.code,
    ).toBe('E522')
  })
})

describe('training over a data set', () => {
  const rows = 50
  const xs = Array.from({ length: rows }, (_, i) => [Math.sin(i), Math.cos(i)])
  const ys = xs.map(([a, b]) => [(a! + 2 * b! > 0 ? 1 : 0) as number])
  const { main, startup, test, loss, accuracy } = classifier(2, 2)
  work.writeProgram('cls/main.json', main)
  work.writeProgram('cls/startup.json', startup)
  work.writeProgram('cls/test.json', test)
  work.write('rows_x.npy', writeNpy(tensor(xs, 'float32')))
  work.write('rows_y.npy', writeNpy(tensor(ys, 'int64')))
  const data = ['--data', 'x=@rows_x.npy', '--data', 'y=@rows_y.npy']

  it('trains: minimize, then run with epochs, batches, shuffle and a test program', async () => {
    expect(
      (await work.run(['minimize', 'cls', '--loss', loss, '--optimizer', 'adam', '--lr', '0.05', '-o', 'trained/']))
        .code,
    ).toBe(0)
    work.writeProgram('trained/test.json', test)
    const flags = ['--batch', '16', '--epochs', '12', '--shuffle', '--seed', '1', '--fetch', `${loss},${accuracy}`]
    const argv = ['run', 'trained', ...data, '--test-data', 'x=@rows_x.npy', '--test-data', 'y=@rows_y.npy', ...flags]
    const document = await work.document<RunDocument>(argv)
    expect(document.steps).toHaveLength(12 * 4)
    expect(document.epochs).toHaveLength(12)
    const [first, last] = [document.epochs![0]!, document.epochs![11]!]
    expect(last.train[loss]).toBeLessThan(first.train[loss]! / 2)
    expect(last.test?.[accuracy]).toBeGreaterThan(0.9)
    // The same seed gives the same run.
    expect((await work.document<RunDocument>(argv)).steps).toEqual(document.steps)

    const { stdout } = await work.run(argv)
    expect(stdout).toMatch(
      /^epoch 1\/12 {2}\S+ [\d.]+ {2}accuracy [\d.]+ % {2}test \S+ [\d.]+ {2}test accuracy [\d.]+ %\n/,
    )
    expect(stdout.match(/^epoch /gm)).toHaveLength(12)
  })

  it('means are weighted by rows: the last batch is smaller', async () => {
    const flags = ['--batch', '16', '--seed', '1', '--fetch', loss]
    const { steps, epochs } = await work.document<RunDocument>(['run', 'cls', ...data, ...flags])
    const losses = steps.map((step) => Number(step[loss]?.data[0]))
    expect(losses).toHaveLength(4)
    const wanted = (16 * (losses[0]! + losses[1]! + losses[2]!) + 2 * losses[3]!) / 50
    expect(epochs?.[0]?.train[loss]).toBeCloseTo(wanted, 6)
  })

  it('the order of an epoch holds every row once, and changes', async () => {
    const flags = ['--batch', '50', '--epochs', '2', '--shuffle', '--seed', '4', '--fetch', 'x']
    const { steps } = await work.document<RunDocument>(['run', 'cls', ...data, ...flags])
    const [a, b] = steps.map((step) => step['x']!.data.map(Number))
    expect(a).not.toEqual(b)
    expect([...a!].sort()).toEqual([...b!].sort())
    const whole = await work.document<RunDocument>(['run', 'cls', ...data, '--batch', '50', '--fetch', 'x'])
    expect([...a!].sort()).toEqual(whole.fetch['x']!.data.map(Number).sort())
  })

  it('--steps stops early, or makes as many epochs as it takes', async () => {
    const count = async (...flags: string[]): Promise<number> =>
      (await work.document<RunDocument>(['run', 'cls', ...data, '--batch', '16', '--fetch', loss, ...flags])).steps
        .length
    expect(await count('--steps', '3')).toBe(3)
    expect(await count('--steps', '9')).toBe(9)
    expect(await count('--steps', '9', '--epochs', '1')).toBe(4)
  })

  it('data of different length, or without rows: exit 2', async () => {
    work.write('short.npy', writeNpy(tensor([[1]], 'int64')))
    const short = await work.document<FailedDocument>(
      ['run', 'cls', '--data', 'x=@rows_x.npy', '--data', 'y=@short.npy'],
      2,
    )
    expect(short.error.message).toMatch(/x 50, y 1/)
    work.write('none.npy', writeNpy(tensor(new Float32Array(), 'float32', [0, 2])))
    expect((await work.document<FailedDocument>(['run', 'cls', '--data', 'x=@none.npy'], 2)).error.message).toMatch(
      /no rows/,
    )
  })

  it('a test set without a test program: exit 2', async () => {
    const { error } = await work.document<FailedDocument>(['run', 'net', ...data, '--test-data', 'x=@rows_x.npy'], 2)
    expect(error.hint).toMatch(/test\.json/)
  })
})

describe('stopping', () => {
  it('the first signal finishes the step, saves, and tells where it stopped', async () => {
    const argv = ['run', 'net', ...feedXY, '--steps', '10000000', '--save', 'stopped.json']
    const { code, stderr } = await work.run(argv, { signals: ['SIGINT'] })
    expect(code).toBe(130)
    expect(stderr).toMatch(/stopped by SIGINT after step \d+ of 10000000/)
    expect(Object.keys(work.json('stopped.json'))).toContain('fc_0.w_0')
  })

  it('SIGTERM gives 143, and with --json a document with what was reached', async () => {
    const { error, steps } = await work.document<FailedDocument & RunDocument>(
      ['run', 'net', ...feedXY, '--steps', '10000000'],
      143,
      { signals: ['SIGTERM'] },
    )
    expect(error).toMatchObject({ category: 'Unavailable', code: 'E710', got: 'SIGTERM' })
    expect(steps.length).toBeGreaterThan(0)
  })
})

describe('stopping at once', () => {
  it('the second signal does not wait', async () => {
    await work.run(['run', 'net', ...feedXY, '--steps', '10000000'], { signals: ['SIGINT', 'SIGINT'] })
    expect(work.exits).toEqual([130])
  })
})

describe('handwritten digits', () => {
  const digits = (name: string): string =>
    `@${fileURLToPath(new URL(`../../examples/digits/${name}.npy`, import.meta.url))}`
  const digitsModel = classifier(64, 10)
  work.writeProgram('digits/main.json', digitsModel.main)
  work.writeProgram('digits/startup.json', digitsModel.startup)

  it('are learnt by commands alone: minimize, then run over the .npy files', async () => {
    const { loss, accuracy } = digitsModel
    await work.run(['minimize', 'digits', '--loss', loss, '--optimizer', 'adam', '--lr', '0.01', '-o', 'digits-adam/'])
    work.writeProgram('digits-adam/test.json', digitsModel.test)
    const data = ['--data', `x=${digits('train_x')}`, '--data', `y=${digits('train_y')}`]
    const test = ['--test-data', `x=${digits('test_x')}`, '--test-data', `y=${digits('test_y')}`]
    const flags = ['--batch', '64', '--epochs', '8', '--shuffle', '--seed', '1', '--fetch', `${loss},${accuracy}`]
    const { epochs } = await work.document<RunDocument>(['run', 'digits-adam', ...data, ...test, ...flags])
    expect(epochs?.at(-1)?.test?.[accuracy]).toBeGreaterThan(0.93)
  })
})

describe('exit codes of a run', () => {
  it('5: unknown operators, with the nearest name', async () => {
    work.write('sofmax.json', reluProgram({ ops: [{ type: 'sofmax', inputs: { X: ['x'] }, outputs: { Out: ['y'] } }] }))
    const { error } = await work.document<FailedDocument>(['run', 'sofmax.json', '--feed', 'x=zeros'], 5)
    expect(error).toMatchObject({ category: 'Unimplemented', code: 'E401', got: ['sofmax'] })
    expect(error.hint).toMatch(/"softmax"/)
  })

  it('5: an engine that is not there yet', async () => {
    const { code } = await work.run(['run', 'relu.json', '--feed', 'x=zeros', '--threads', '1000'])
    expect([0, 5]).toContain(code)
  })

  it('4: an operator that fails, with its place', async () => {
    const vars = [
      { name: 'x', dtype: 'int64', shape: [-1], need_check_feed: true },
      { name: 'z', dtype: 'int64', shape: [-1], need_check_feed: true },
      { name: 'y', dtype: 'int64', shape: [-1] },
    ]
    work.write(
      'div.json',
      reluProgram({
        vars,
        ops: [{ type: 'elementwise_div', inputs: { X: ['x'], Y: ['z'] }, outputs: { Out: ['y'] } }],
      }),
    )
    const { error } = await work.document<FailedDocument>(
      ['run', 'div.json', '--feed', 'x=[1,2]', '--feed', 'z=[1,0]'],
      4,
    )
    expect(error.code).toBe('E224')
    expect(error.where).toMatchObject({ block: 0, op: 0, opType: 'elementwise_div' })
  })
})
