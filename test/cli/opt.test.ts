import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { findCommand } from '../../src/cli/commands.ts'
import { readFlags } from '../../src/cli/declare.ts'
import type { Io } from '../../src/cli/io.ts'
import { type OptFlags, optCommand } from '../../src/cli/opt.ts'
import { Output } from '../../src/cli/output.ts'
import { EnforceError, PASSES, type Pass, Program, verify } from '../../src/index.ts'
import { classifier } from './programs.ts'
import { type FailedDocument, reluProgram, Workspace } from './workspace.ts'

const work = new Workspace()
const GOLDEN = new URL('../golden/programs/', import.meta.url)
const MODEL = fileURLToPath(new URL('../../examples/direction_classifier/model/inference.pdmodel', import.meta.url))
work.write('relu.json', reluProgram())
for (const name of ['main', 'startup', 'feeds']) {
  work.write(`lenet/${name}.json`, gunzipSync(readFileSync(new URL(`lenet/${name}.json.gz`, GOLDEN))))
}

interface OptDocument {
  readonly ok: true
  readonly passes: readonly {
    readonly name: string
    readonly changed: boolean
    readonly opsBefore: number
    readonly opsAfter: number
    readonly types: Readonly<Record<string, number>>
    readonly differences?: readonly object[]
  }[]
  readonly ops: { readonly before: number; readonly after: number }
  readonly check: { readonly compared: number; readonly largest: number; readonly tolerance: number } | null
  readonly output: string | null
  readonly valuesOutput: string | null
}

describe('oarlock opt', () => {
  it('a recorded training program: updates merged, results compared, and the same training', async () => {
    const result = await work.document<OptDocument>(['opt', 'lenet', '-o', 'lenet.opt.json'])
    expect(result.passes.filter(({ changed }) => changed)).toMatchObject([
      { name: 'merge_updates', types: { adam: -8, merged_adam: 1 } },
    ])
    expect(result.ops.before - result.ops.after).toBe(7)
    expect(result.check).toMatchObject({ largest: 0, tolerance: 0 })
    expect(result.check!.compared).toBeGreaterThan(20)
    const run = (file: string): Promise<{ steps: object[] }> =>
      work.document(['run', file, '--startup', 'lenet/startup.json', '--feeds', 'lenet/feeds.json', '--seed', '5'])
    const [before, after] = [await run('lenet/main.json'), await run('lenet.opt.json')]
    expect(before.steps.length).toBeGreaterThan(1)
    expect(after.steps).toEqual(before.steps)
    const flags = [
      '--startup',
      'lenet/startup.json',
      '--feeds',
      'lenet/feeds.json',
      '--seed',
      '5',
      '--passes',
      'training',
    ]
    expect((await work.document<{ steps: object[] }>(['run', 'lenet/main.json', ...flags])).steps).toEqual(before.steps)
    const wrong = await work.document<FailedDocument>(['run', 'lenet', '--passes', 'trainin'], 2)
    expect(wrong.error).toMatchObject({ code: 'E801', hint: 'did you mean "training"?' })
  })

  it("Paddle's model: batch_norm folded, parameters written, and the same classes", async () => {
    const result = await work.document<OptDocument>([
      'opt',
      MODEL,
      '-o',
      'small.pdmodel',
      '--batch',
      '1',
      '--fetch',
      'linear_1.tmp_1,softmax_0.tmp_0',
    ])
    expect(result.passes.find(({ name }) => name === 'fold_batch_norm')!.types).toEqual({
      batch_norm: -35,
      elementwise_add: 35,
    })
    expect(result.check!.tolerance).toBe(1e-5)
    expect(result.check!.largest).toBeGreaterThan(0)
    expect(result.check!.largest).toBeLessThan(1e-5)
    expect(result.valuesOutput).toBe('small.pdiparams')
    expect(
      verify(Program.from(readFileSync(work.path('small.pdmodel')))).filter(({ severity }) => severity === 'error'),
    ).toEqual([])
    const run = async (file: string): Promise<readonly number[]> => {
      const { fetch } = await work.document<{ fetch: Record<string, { data: number[] }> }>([
        'run',
        file,
        '--feed',
        'x=random[1,3,48,192]',
        '--seed',
        '9',
      ])
      return Object.values(fetch)[0]!.data
    }
    const [before, after] = [await run(MODEL), await run('small.pdmodel')]
    for (const [i, value] of before.entries()) expect(Math.abs(after[i]! - value)).toBeLessThan(1e-5)
  })

  it("Paddle's layers and Paddle's model: what the passes for inference fuse, seen, saved, and with the same results", async () => {
    for (const name of ['plain', 'conv_plain']) {
      const values = name === 'plain' ? 'plain' : 'conv'
      const bytes = (file: string): Uint8Array =>
        gunzipSync(readFileSync(new URL(`../golden/fused/${file}.gz`, import.meta.url)))
      work.write(`${name}.pdmodel`, bytes(`${name}.pdmodel`))
      work.write(`${name}.pdiparams`, bytes(`${values}.pdiparams`))
      const { code, stdout, stderr } = await work.run([
        ...[
          'opt',
          `${name}.pdmodel`,
          '-o',
          `${name}_fused.pdmodel`,
          '--passes',
          'inference',
          '--print-changed',
          '--ascii',
        ],
      ])
      expect(code).toBe(0)
      if (name === 'plain') {
        expect(stdout).toMatch(/\n {2}fc_fuse +-5 ops +\+3 fc, -3 mul, -3 elementwise_add, -2 relu\n/)
        expect(stdout).toMatch(/\n {4}\+ b0#1 +fc +fc_0\.b_0, x, fc_0\.w_0 -> fc_0\.tmp_2\n/)
        expect(stderr).toMatch(/ok 11 -> 6 ops \| results equal bit for bit on random feeds/)
      } else {
        expect(stdout).toMatch(/\n {2}conv_elementwise_add_act_fuse +-4 ops +/)
        expect(stdout).toMatch(/\n {2}conv_elementwise_add2_act_fuse +-3 ops +/)
        expect(stdout).toMatch(/\n {2}conv_elementwise_add_fuse +-1 op +/)
        expect(stderr).toMatch(/ok 15 -> 7 ops \| results equal bit for bit on random feeds/)
      }
      const run = async (file: string): Promise<object> => {
        const feed = name === 'plain' ? 'x=random[3,6]' : 'x=random[2,3,6,5]'
        const result = await work.document<{ fetch: object }>(['run', file, '--feed', feed, '--seed', '9'])
        return result.fetch
      }
      expect(await run(`${name}_fused.pdmodel`)).toEqual(await run(`${name}.pdmodel`))
    }
    const model = await work.document<OptDocument>(['opt', MODEL, '--batch', '1', '--no-check'])
    const changed = model.passes.filter(({ name }) => name.endsWith('_fuse'))
    expect(changed.map(({ name, opsBefore, opsAfter }) => [name, opsAfter - opsBefore])).toEqual([
      ['fc_fuse', -1],
      ['conv_elementwise_add_act_fuse', -30],
      ['conv_elementwise_add2_act_fuse', -14],
      ['conv_elementwise_add_fuse', -31],
    ])
    expect(model.ops).toEqual({ before: 184, after: 108 })
  })

  it('text: a line for each pass, and with --print-changed what it did', async () => {
    const { main, loss } = classifier(4, 3)
    work.writeProgram('net.json', main)
    const { code, stdout, stderr } = await work.run([
      'opt',
      'net.json',
      '--fetch',
      loss,
      '--passes',
      'dead_code',
      '--print-changed',
      '--ascii',
    ])
    expect(code).toBe(0)
    expect(stdout.split('\n')[0]).toMatch(/^ {2}dead_code +-3 ops +-1 softmax, -1 top_k_v2, -1 accuracy$/)
    expect(stdout).toMatch(/\n {4}- b0#\d+ +softmax /)
    expect(stderr).toMatch(
      /ok \d+ -> \d+ ops \| results equal bit for bit on random feeds \(\d+ values in 2 steps\)\n$/,
    )
  })

  it('-o -: the program on stdout, what is told on stderr', async () => {
    const { stdout, stderr } = await work.run(['opt', 'relu.json', '-o', '-'])
    expect(
      Program.from(stdout)
        .globalBlock()
        .ops.map(({ type }) => type),
    ).toEqual(['relu'])
    expect(stderr).toContain('dead_code')
    expect(stderr).toContain('nothing to do')
  })

  it('DUMP: the program before and after each pass that did something', async () => {
    const { code } = await work.run(['opt', 'lenet'], { env: { DUMP: 'dumped' } })
    expect(code).toBe(0)
    expect(work.list('dumped')).toEqual(['00_before.json', '01_merge_updates.json'])
    const [before, after] = work.list('dumped').map((name) => Program.from(work.read(`dumped/${name}`)))
    expect(before!.globalBlock().ops.length - after!.globalBlock().ops.length).toBe(7)
  })

  it('--passes none does nothing, --list lists, a program of unknown operators is not compared', async () => {
    expect((await work.document<OptDocument>(['opt', 'relu.json', '--passes', 'none'])).passes).toEqual([])
    const list = await work.document<{ passes: { name: string; doc: string }[]; pipelines: Record<string, string[]> }>([
      'opt',
      '--list',
    ])
    expect(list.passes.map(({ name }) => name)).toEqual(PASSES.map(({ name }) => name))
    expect(Object.keys(list.pipelines)).toEqual(['none', 'training', 'inference'])
    for (const { name, doc } of PASSES) {
      const { stdout } = await work.run(['opt', '--list'])
      expect(stdout).toContain(`${name}\n  ${doc}\n`)
    }
    work.write(
      'unknown.json',
      reluProgram({
        vars: [
          { name: 'x', shape: [2], need_check_feed: true },
          { name: 'y', shape: [2] },
          { name: 'z', shape: [2] },
        ],
        ops: [
          { type: 'not_here', inputs: { X: ['x'] }, outputs: { Out: ['y'] } },
          { type: 'relu', inputs: { X: ['x'] }, outputs: { Out: ['z'] } },
        ],
      }),
    )
    const { stderr, code } = await work.run(['opt', 'unknown.json', '--fetch', 'y'])
    expect(code).toBe(0)
    expect(stderr).toContain('results not compared: E401')
  })

  it.each([
    [['opt'], 'E703'],
    [['opt', 'relu.json', '--passes', 'dead_cod'], 'E801'],
    [['opt', 'relu.json', '--fetch', 'z*'], 'E120'],
    [['opt', 'relu.json', '-o', 'relu.json'], 'E706'],
    [['opt', 'relu.json', '--batch', '0'], 'E703'],
  ])('%j: %s', async (argv, code) => {
    const { error } = await work.document<FailedDocument>(argv, code === 'E120' ? 4 : 2)
    expect(error.code).toBe(code)
  })
})

describe('a pass that is broken', () => {
  const pass = (name: string, run: Pass['run']): Pass => ({ name, doc: 'Breaks programs.', changesBits: false, run })
  const throwing = pass('throws', () => {
    throw new TypeError('the pass is broken')
  })
  /** Takes out the first operator, so that what it writes has no value. */
  const unsound = pass('unsound', (program) => {
    const copy = program.clone()
    copy.globalBlock().replaceOps(copy.globalBlock().ops.slice(1))
    return copy
  })
  /** Takes relu for tanh. */
  const wrong = pass('wrong', (program) => {
    const copy = program.clone()
    const block = copy.globalBlock()
    const { ops } = block
    block.replaceOps([])
    for (const op of ops) {
      if (op.type === 'relu') block.appendOp({ type: 'tanh', inputs: op.inputs, outputs: op.outputs })
      else block.insertOperator(block.ops.length, op)
    }
    return copy
  })
  const known = [...PASSES, throwing, unsound, wrong]

  async function run(
    argv: readonly string[],
  ): Promise<{ code: number; error: EnforceError | undefined; stderr: string }> {
    let stderr = ''
    const sink = { write: () => undefined, isTTY: false, columns: undefined }
    const io: Io = {
      stdout: sink,
      stderr: { ...sink, write: (part) => (stderr += String(part)) },
      readStdin: async () => new Uint8Array(),
      env: {},
      cwd: work.folder,
      onSignal: () => () => undefined,
      exit: () => {
        throw new Error('exit')
      },
    }
    const definition = optCommand(known)
    const read = readFlags(findCommand('opt')!, definition, argv, '0')
    if ('text' in read) throw new Error(read.text)
    const out = new Output(io, { json: false, quiet: false, color: 'never', ascii: true, width: undefined })
    try {
      return {
        code: await definition.run(read as { args: string[]; options: OptFlags }, { io, out }),
        error: undefined,
        stderr,
      }
    } catch (error) {
      if (error instanceof EnforceError) return { code: 70, error, stderr }
      throw error
    }
  }

  /** The words of the command behind `oarlock opt`, as a shell takes them apart. */
  const wordsOf = (hint: string): string[] =>
    [...hint.replace(/^try again with: oarlock opt /, '').matchAll(/'([^']*)'|(\S+)/g)].map(([, a, b]) => a ?? b!)

  it.each([
    ['throws', 'E802', 'the pass throws failed: the pass is broken'],
    ['unsound', 'E803', 'the pass unsound left an unsound program: E220'],
    ['wrong', 'E804', 'after the pass wrong "'],
  ])('%s: %s, and a reproducer that reproduces it', async (name, code, summary) => {
    const { main, loss } = classifier(4, 3)
    work.writeProgram(`${name}/main.json`, main)
    work.writeProgram(`${name}/startup.json`, main.startup!)
    const first = await run([
      name,
      '--passes',
      `dead_code,${name},common_subexpressions`,
      '--fetch',
      loss,
      '--seed',
      '3',
    ])
    expect(first.error?.code).toBe(code)
    expect(first.error!.summary).toContain(summary)
    expect(first.error!.hint).toMatch(/^try again with: oarlock opt /)
    const words = wordsOf(first.error!.hint!)
    expect(work.has(words[0]!)).toBe(true)
    expect(first.stderr).toContain(`wrote ${words[0]}`)
    // The program before the pass: sound, without what dead_code took out, and with a note of what happened.
    const program = Program.from(work.read(words[0]!))
    expect(verify(program).filter(({ severity }) => severity === 'error')).toEqual([])
    expect(program.globalBlock().ops.some((op) => op.type === 'accuracy')).toBe(false)
    expect(program.extra!['x_reproducer']).toMatchObject({ pass: name })
    const second = await run(words)
    expect([second.error?.code, second.error?.summary]).toEqual([code, first.error!.summary])
    const third = await run([...words.slice(0, 1), '--passes', 'none'])
    expect(third.code).toBe(0)
    // A second failure does not overwrite the first one's files.
    expect(wordsOf(second.error!.hint!)[0]).not.toBe(words[0])
  })
})
