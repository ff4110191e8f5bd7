/** Training from the command line: learning-rate schedules in program files, master weights in files of values. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { build, callOp, input, lr, nn, ops, optimizer } from '../../src/index.ts'
import { Recording } from '../../tools/replay/recording.ts'
import { type FailedDocument, Workspace } from './workspace.ts'

interface Values {
  readonly steps: Record<string, { readonly data: number[] }>[]
  readonly warnings: string[]
}

const work = new Workspace()

describe('a schedule in the file', () => {
  const folder = new URL('../golden/programs/lr_piecewise/', import.meta.url)
  const { meta } = new Recording(folder.pathname)
  const json = (name: string): string => gunzipSync(readFileSync(new URL(`${name}.json.gz`, folder))).toString('utf8')
  work.write('lr/startup.json', json('startup'))
  work.write('feeds.json', json('feeds'))
  const program = JSON.parse(json('main'))
  const { boundaries, values } = meta.scheduler!.args as { boundaries: number[]; values: number[] }
  program.x_lr_scheduler = { type: 'PiecewiseDecay', boundaries, values, var: 'learning_rate_0' }
  work.write('lr/main.json', program)
  const run = ['run', 'lr', '--feeds', 'feeds.json', '--fetch', 'learning_rate_0', '--seed', '1']

  it('each step has the rate that Paddle had', async () => {
    const wanted = (meta.lr_values as number[]).map(Math.fround)
    const { steps } = await work.document<Values>([...run, '--steps', String(wanted.length)])
    expect(steps.map((step) => Math.fround(step['learning_rate_0']!.data[0]!))).toEqual(wanted)
  })

  it('--lr-step epoch needs --data', async () => {
    const { error } = await work.document<FailedDocument>([...run, '--lr-step', 'epoch'], 2)
    expect(error.code).toBe('E703')
  })

  it('--lr-step epoch advances after the last step of an epoch', async () => {
    const { main, startup } = build(() => {
      const loss = nn.functional
        .fc(input('x', [null, 1]), 1)
        .square()
        .mean()
      new optimizer.SGD({
        learningRate: new lr.StepDecay({ learningRate: 0.5, stepSize: 1, gamma: 0.5 }),
      }).minimize(loss)
    })
    work.writeProgram('epochs/main.json', main)
    work.writeProgram('epochs/startup.json', startup)
    work.write('rows.json', { dtype: 'float32', shape: [4, 1], data: [1, 2, 3, 4] })
    const { steps } = await work.document<Values>(
      [
        'run',
        'epochs',
        '--data',
        'x=@rows.json',
        '--batch',
        '2',
        '--epochs',
        '3',
        '--seed',
        '1',
        '--lr-step',
        'epoch',
      ].concat('--fetch', 'learning_rate_0'),
    )
    expect(steps.map((step) => step['learning_rate_0']!.data[0])).toEqual([0.5, 0.5, 0.25, 0.25, 0.125, 0.125])
  })
})

describe('a test program', () => {
  const { main, startup, out } = build(() =>
    nn.functional
      .fc(input('x', [null, 1]), 1)
      .square()
      .mean(),
  )
  const forward = main.clone({ forTest: true })
  new optimizer.SGD({ learningRate: 0.1 }).minimize(out, { startup })
  work.writeProgram('tested/main.json', main)
  work.writeProgram('forward.json', forward)
  work.writeProgram('init.json', startup)
  work.write('column.json', { dtype: 'float32', shape: [4, 1], data: [1, 2, 3, 4] })
  const run = ['run', 'tested/main.json', '--startup', 'init.json', '--data', 'x=@column.json', '--batch', '2', '--epochs', '3', '--shuffle', '--seed', '1'] // biome-ignore format: one command

  it('without rows of its own sees those that are trained on', async () => {
    const lines = async (...more: string[]): Promise<string[]> =>
      (await work.run([...run, '--fetch', out.name, ...more])).stdout
        .split('\n')
        .filter((line) => line.startsWith('epoch'))
    const alone = await lines('--test', 'forward.json')
    expect(alone).toHaveLength(3)
    expect(alone[0]).toMatch(/^epoch 1\/3 .* test /)
    expect(alone).toEqual(await lines('--test', 'forward.json', '--test-data', 'x=@column.json'))
    expect((await lines()).join()).not.toContain('test')
  })
})

describe('half parameters and their master weights in files of values', () => {
  const { main, startup, out } = build(() => {
    const x = callOp(ops.cast, { X: input('x', [null, 2]) }, { in_dtype: 'float32', out_dtype: 'float16' }).Out
    return { loss: nn.functional.fc(x, 1).square().mean() }
  })
  new optimizer.Adam({ learningRate: 0.01, multiPrecision: true }).minimize(out.loss, { startup })
  work.writeProgram('half/main.json', main)
  work.writeProgram('half/startup.json', startup)
  const half = (data: number[]): object => ({ dtype: 'float16', shape: [2, 1], data })
  const wide = (data: number[]): object => ({ dtype: 'float32', shape: [2, 1], data })
  const run = (file: string): string[] => [
    'run',
    'half',
    '--feed',
    'x=[[0,0]]',
    '--load',
    file,
    '--fetch',
    'fc_0.w_0,fc_0.w_0_fp32_master_0',
  ]
  const after = async (file: string): Promise<[number[], number[], string[]]> => {
    const { steps, warnings } = await work.document<Values>(run(file))
    return [steps[0]!['fc_0.w_0']!.data, steps[0]!['fc_0.w_0_fp32_master_0']!.data, warnings]
  }

  // With x = 0 the gradient of w is 0, and so is Adam's step: what is fetched is what was loaded.
  it('only the parameter: the master follows, with a sentence', async () => {
    work.write('p.json', { 'fc_0.w_0': half([0.5, -0.25]) })
    const [param, master, warnings] = await after('p.json')
    expect([param, master]).toEqual([
      [0.5, -0.25],
      [0.5, -0.25],
    ])
    expect(warnings.join()).toMatch(/fc_0\.w_0_fp32_master_0/)
  })

  it('only the master: the parameter is the master rounded', async () => {
    work.write('m.json', { 'fc_0.w_0_fp32_master_0': wide([0.5001, -0.25]) })
    const [param, master] = await after('m.json')
    // Printed as the shortest text that reads back as the same float32.
    expect(master[0]).toBe(0.5001)
    // float16 has 11 bits: next to 0.5 its numbers are 2^-11 apart.
    expect(param).toEqual([Math.round(0.5001 * 2 ** 11) / 2 ** 11, -0.25])
  })

  it('both, but not equal: refused', async () => {
    work.write('both.json', { 'fc_0.w_0': half([0.5, 1]), 'fc_0.w_0_fp32_master_0': wide([0.5, 2]) })
    const { error } = await work.document<FailedDocument>(run('both.json'), 4)
    expect(error.code).toBe('E314')
    expect(error.where).toMatchObject({ variable: 'fc_0.w_0' })
  })
})
