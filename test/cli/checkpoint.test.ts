/** `oarlock run --checkpoint DIR --resume`: a run in pieces equals a run in one. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { amp, build, input, lr, nn, optimizer } from '../../src/index.ts'
import { type FailedDocument, Workspace } from './workspace.ts'

const work = new Workspace()

const { main, startup } = build(() => {
  const x = input('x', [null, 3])
  const y = input('y', [null, 1], 'int64')
  const hidden = nn.functional.dropout(nn.functional.fc(x, 4, { activation: 'relu' }), { p: 0.5 })
  const loss = nn.functional.crossEntropy(nn.functional.fc(hidden, 2), y)
  const learningRate = new lr.StepDecay({ learningRate: 0.05, stepSize: 3, gamma: 0.5 })
  amp
    .decorate(new optimizer.Adam({ learningRate }), { level: 'O2', incrEveryNSteps: 2, initLossScaling: 8 })
    .minimize(loss)
})
work.writeProgram('net/main.json', main)
work.writeProgram('net/startup.json', startup)
work.write('x.json', { dtype: 'float32', shape: [7, 3], data: Array.from({ length: 21 }, (_, i) => Math.sin(i * i)) })
work.write('y.json', { dtype: 'int64', shape: [7, 1], data: [0, 1, 1, 0, 1, 0, 1] })

const run = ['run', 'net', '--data', 'x=@x.json', '--data', 'y=@y.json', '--batch', '2', '--epochs', '5', '--shuffle']
const values = (path: string): string => readFileSync(`${work.folder}/${path}/parameters.json`, 'utf8')

describe('run --checkpoint --resume', () => {
  it('in pieces equals one run, to the last bit', async () => {
    await work.document([...run, '--seed', '5', '--steps', '20', '--save', 'whole'])
    const pieces = ['--checkpoint', 'kept', '--resume', '--checkpoint-every', '2']
    await work.document([...run, '--seed', '5', '--steps', '7', ...pieces])
    await work.document([...run, '--steps', '12', ...pieces])
    const { timing } = await work.document<{ timing: { steps: number } }>([
      ...run,
      ...['--steps', '20', ...pieces, '--save', 'pieces'],
    ])
    expect(timing.steps).toBe(20)
    expect(values('pieces')).toBe(values('whole'))
    expect(readdirSync(`${work.folder}/kept`)).toHaveLength(2)
  })

  it('refuses another seed, and flags that do not go together', async () => {
    const code = async (...flags: string[]): Promise<string> =>
      (await work.document<FailedDocument>([...run, ...flags], 2)).error.code
    expect(await code('--checkpoint', 'kept', '--resume', '--seed', '6')).toMatch(/^E70/)
    expect(await code('--resume')).toBe('E703')
    expect(await code('--checkpoint-every', '2')).toBe('E703')
    expect(await code('--checkpoint', 'kept', '--resume', '--load', 'whole')).toBe('E703')
  })

  it('begins anew where there is no checkpoint', async () => {
    await work.document([...run, '--seed', '5', '--steps', '3', '--checkpoint', 'none', '--resume'])
    expect(readdirSync(`${work.folder}/none`)).toHaveLength(1)
  })
})
