import { mkdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { Program } from '../../src/index.ts'
import { classifier, regression } from './programs.ts'
import { type FailedDocument, reluProgram, Workspace } from './workspace.ts'

const work = new Workspace()
work.write('relu.json', reluProgram())
const net = regression()
work.writeProgram('net/main.json', net.main)
work.writeProgram('net/startup.json', net.startup)
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

describe('without a command', () => {
  it('the screen', async () => {
    const { code, stdout, stderr } = await work.run([])
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^oarlock: .*\n\nTry\n {2}npx oarlock run /)
    for (const { name, group } of COMMANDS) if (group !== 'more') expect(stdout).toContain(name)
  })

  it.each([['--version'], ['-V'], ['version'], ['run', '--version']])(
    '%s: exactly the version of package.json',
    async (...argv) => {
      expect(await work.run(argv)).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    },
  )

  it('a file is shown', async () => {
    expect((await work.run(['relu.json'])).stdout).toBe((await work.run(['show', 'relu.json'])).stdout)
    expect((await work.run(['net'])).stdout).toContain('program net/main.json')
  })

  it('an unknown command: a suggestion, exit 2', async () => {
    const { code, stderr, stdout } = await work.run(['shwo', 'relu.json'])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('did you mean "show"?')
    expect((await work.document<FailedDocument>(['rnu'], 2)).error).toMatchObject({
      code: 'E701',
      hint: 'did you mean "run"?',
    })
  })

  it('a command that is planned: exit 5', async () => {
    expect((await work.document<FailedDocument>(['studio', 'relu.json'], 5)).error.code).toBe('E407')
  })

  it.each([
    [['run']],
    [['run', 'relu.json', '--stpes', '3']],
    [['show', 'relu.json', '#0', 'more']],
    [['show', 'relu.json', '--width']],
    [['show', 'relu.json', '--role', 'X']],
    [['--quiet']],
  ])('%j is wrong use: exit 2', async (argv) => {
    expect((await work.document<FailedDocument>(argv, 2)).error.code).toMatch(/^E70[23]$/)
  })

  it('an unknown flag is told the nearest', async () => {
    expect((await work.run(['run', 'x', '--stpes', '3'])).stderr).toContain('did you mean --steps?')
  })

  it('flags before the command', async () => {
    const before = await work.run(['--ascii', '--color', 'never', 'show', 'relu.json'])
    expect(before).toEqual(await work.run(['show', 'relu.json', '--ascii', '--color', 'never']))
    expect(before.stdout).toContain('x -> y')
  })

  it('a defect of ours: exit 70', async () => {
    // stdin fails with something that is no typed error.
    expect((await work.run(['show', '-'])).code).toBe(70)
    expect((await work.document<FailedDocument>(['show', '-'], 70)).error).toMatchObject({
      category: 'Fatal',
      code: 'E700',
    })
  })
})

describe('help', () => {
  it.each(COMMANDS.map(({ name }) => name))(
    'of %s: one line, examples, flags, exit codes, in 80 columns',
    async (name) => {
      const { code, stdout } = await work.run(['help', name])
      expect(code).toBe(0)
      expect(stdout).toBe((await work.run([name, '--help'])).stdout)
      const lines = stdout.split('\n')
      expect(lines[0]).toMatch(new RegExp(`^oarlock ${name}: `))
      expect(lines[2]).toBe('Examples')
      expect(stdout).toMatch(/\n {2}(source <\()?oarlock /)
      expect(stdout).toContain('\nExit codes\n')
      expect(stdout).toContain('--json')
      expect(stdout).toContain('-h, --help')
      // Examples stay on one line, to be copied.
      const examples = lines.indexOf('Usage') === -1 ? lines.findIndex((line) => line.startsWith('Usage')) : 0
      for (const line of lines.slice(examples)) expect(line.length).toBeLessThanOrEqual(80)
    },
  )

  it('of everything', async () => {
    const { stdout } = await work.run(['--help'])
    expect(stdout).toBe((await work.run(['help'])).stdout)
    for (const { name, summary } of COMMANDS) expect(stdout).toMatch(new RegExp(`${name} +${summary}`))
  })

  it('of an unknown command: exit 2', async () => {
    expect((await work.run(['help', 'nope'])).code).toBe(2)
  })
})

describe('show', () => {
  it('lists the program', async () => {
    const { stdout } = await work.run(['show', 'relu.json'])
    expect(stdout).toMatch(
      /^program relu\.json {3}1 block · 1 op · 2 vars · 0 parameters {3}sha [0-9a-f]{6}\n\nblock 0\n/,
    )
    expect(stdout).toMatch(/0 {2}F +relu +x → y +\[-1,3\]/)
  })

  it('one operator, the variables, one variable, one block', async () => {
    expect((await work.run(['show', 'net', '#0'])).stdout).toMatch(/^b0#0 {2}mul/)
    expect((await work.run(['show', 'net', 'b0#1'])).stdout).toMatch(/^b0#1 {2}elementwise_add/)
    expect((await work.run(['show', 'net', 'vars'])).stdout).toMatch(/^parameters \(2\)\n/)
    expect((await work.run(['show', 'net', 'fc_0.w_0'])).stdout).toMatch(/^fc_0\.w_0 {3}float32 \[2,1\]/)
    expect((await work.run(['show', 'net', '0'])).stdout).toContain('block 0\n')
  })

  it.each(['#99', 'b3#0', '7', 'fc_0.w_O'])('%s is not there: exit 2', async (what) => {
    expect((await work.document<FailedDocument>(['show', 'net', what], 2)).error.code).toBe('E705')
  })

  it('--role', async () => {
    await work.run(['grad', 'net', '--loss', net.loss, '-o', 'grad.json'])
    const { stdout } = await work.run(['show', 'grad.json', '--role', 'B'])
    expect(stdout).toMatch(/ B {5}/)
    expect(stdout).not.toMatch(/\n +\d+ {2}F/)
  })

  it('--json', async () => {
    const whole = await work.document<{
      program: { sha256: string }
      blocks: { ops: { index: number; role: string; type: string }[] }[]
    }>(['show', 'net'])
    expect(whole.program.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(whole.blocks[0]?.ops[0]).toMatchObject({ index: 0, role: 'F', type: 'mul' })
    const one = await work.document<{ vars: { name: string; readers: { op: number }[] }[] }>([
      'show',
      'net',
      'fc_0.w_0',
    ])
    expect(one.vars).toMatchObject([
      { name: 'fc_0.w_0', is_parameter: true, shape: [2, 1], readers: [{ block: 0, op: 0, slot: 'Y' }] },
    ])
  })
})

describe('colours', () => {
  const hasEscapes = async (argv: readonly string[], settings: Parameters<typeof work.run>[1]): Promise<boolean> =>
    (await work.run(argv, settings)).stdout.includes('\x1b[')
  const show = ['show', 'relu.json']

  it('on a terminal, not in a pipe, and as environment and flag say', async () => {
    expect(await hasEscapes(show, {})).toBe(false)
    expect(await hasEscapes(show, { tty: true })).toBe(true)
    expect(await hasEscapes(show, { tty: true, env: { NO_COLOR: '1' } })).toBe(false)
    expect(await hasEscapes(show, { tty: true, env: { TERM: 'dumb' } })).toBe(false)
    expect(await hasEscapes(show, { env: { FORCE_COLOR: '1' } })).toBe(true)
    expect(await hasEscapes([...show, '--color', 'always'], { env: { NO_COLOR: '1' } })).toBe(true)
    expect(await hasEscapes([...show, '--color', 'never'], { tty: true, env: { FORCE_COLOR: '1' } })).toBe(false)
  })

  it('ASCII by flag and by locale; width of the terminal', async () => {
    const ascii = /^[\n\x20-\x7e]*$/
    expect((await work.run([...show, '--ascii'])).stdout).toMatch(ascii)
    expect((await work.run(show, { env: { LANG: 'C' } })).stdout).toMatch(ascii)
    const narrow = await work.run(['show', 'net', '--width', '60'])
    for (const line of narrow.stdout.split('\n').slice(2)) expect([...line].length).toBeLessThanOrEqual(60)
  })
})

describe('check', () => {
  it('a sound program: exit 0', async () => {
    expect(await work.run(['check', 'relu.json'])).toEqual({
      code: 0,
      stdout: 'relu.json: no errors, no warnings in 1 op of 1 block\n',
      stderr: '',
    })
    expect(await work.document(['check', 'relu.json'])).toMatchObject({ ok: true, issues: [] })
  })

  const bad = reluProgram({
    ops: [
      { type: 'relu', inputs: { X: ['z'] }, outputs: { Out: ['y'] } },
      { type: 'sofmax', inputs: { X: ['y'] }, outputs: { Out: ['y'] } },
    ],
  })

  it('finds what is wrong, with line and column: exit 1', async () => {
    work.write('bad.json', JSON.stringify(bad, null, 2))
    const { code, stdout } = await work.run(['check', 'bad.json'])
    expect(code).toBe(1)
    const lines = work.read('bad.json').split('\n')
    const line = lines.findIndex((text) => text.includes('"X"')) + 1
    expect(stdout).toMatch(
      new RegExp(`^error E207 at bad\\.json:${line}:\\d+ {3}block 0, op #0 relu\n {2}block 0 has no variable "z"\n`),
    )
    expect(stdout).toContain('did you mean "softmax"?')
    expect(stdout).toMatch(/\n2 errors, 0 warnings\. {3}More: oarlock explain E207\n$/)
  })

  it('--format gcc and json', async () => {
    const { stdout } = await work.run(['check', 'bad.json', '--format', 'gcc'])
    expect(stdout.split('\n')[0]).toMatch(/^bad\.json:\d+:\d+: error E207: /)
    const json = await work.run(['check', 'bad.json', '--format', 'json'])
    expect(json.code).toBe(1)
    const document = JSON.parse(json.stdout) as { ok: boolean; error: { code: string }; issues: { code: string }[] }
    expect(document).toMatchObject({ ok: false, error: { code: 'E207' } })
    expect(document.issues.map(({ code }) => code)).toEqual(['E207', 'E401'])
  })

  it('all faults of the schema are findings: exit 1', async () => {
    work.write(
      'schema.json',
      reluProgram({
        vars: [
          { name: 'x', shape: 'wide' },
          { name: 'y', persistable: 1 },
        ],
      }),
    )
    const { issues } = await work.document<{ issues: { code: string; where: { line: number } }[] }>(
      ['check', 'schema.json'],
      1,
    )
    expect(issues).toMatchObject([
      { code: 'E506', where: { line: 1 } },
      { code: 'E506', where: { line: 1 } },
    ])
  })

  it('warnings: exit 0, with --strict 1', async () => {
    const ops = [
      {
        type: 'relu',
        inputs: { X: ['x'] },
        outputs: { Out: ['y'] },
        attrs: { alpha: 1 },
        attr_types: { alpha: 'INT' },
      },
    ]
    work.write('warn.json', reluProgram({ ops }))
    const { code, stdout } = await work.run(['check', 'warn.json'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^warning W111/)
    expect((await work.run(['check', 'warn.json', '--strict'])).code).toBe(1)
  })

  it('all programs of a folder', async () => {
    expect((await work.run(['check', 'net'])).stdout.match(/no errors/g)).toHaveLength(2)
  })
})

describe('grad and minimize', () => {
  it('grad appends what appendBackward appends', async () => {
    await work.run(['grad', 'net', '--loss', net.loss, '-o', 'g.json'])
    const grad = Program.from(work.read('g.json'))
    expect(grad.globalBlock().ops.map(({ type }) => type)).toContain('mul_grad')
    const document = await work.document(['grad', 'net', '--loss', net.loss, '-o', 'g2.json'])
    expect(document).toMatchObject({
      ok: true,
      gradients: [
        { parameter: 'fc_0.w_0', gradient: 'fc_0.w_0@GRAD' },
        { parameter: 'fc_0.b_0', gradient: 'fc_0.b_0@GRAD' },
      ],
    })
  })

  it('grad -o - writes a program to stdout, nothing else', async () => {
    const { stdout } = await work.run(['grad', 'net', '--loss', net.loss, '-o', '-'])
    expect(() => Program.from(stdout)).not.toThrow()
  })

  it.each([
    [['grad', 'net', '-o', 'n.json'], 'E703'],
    [['grad', 'net', '--loss', 'los', '-o', 'n.json'], 'E705'],
    [['grad', 'net', '--loss', 'x', '-o', 'n.json'], 'E301'],
    [['grad', 'net', '--loss', net.out, '-o', 'n.json'], 'E301'],
    [['grad', 'net', '--loss', net.loss, '--param-list', 'nope', '-o', 'n.json'], 'E705'],
    [['grad', 'net', '--loss', net.loss, '--param-list', 'x', '-o', 'n.json'], 'E302'],
    [['minimize', 'net', '--loss', net.loss, '--optimizer', 'adma', '-o', 'n/'], 'E703'],
    [['minimize', 'net', '--loss', net.loss, '--optimizer', 'sgd', '--beta1', '0.9', '-o', 'n/'], 'E703'],
    [['minimize', 'net', '--loss', net.loss, '--optimizer', 'adam', '--beta1', '1', '-o', 'n/'], 'E310'],
    [['minimize', 'net', '--loss', net.loss, '--optimizer', 'adam', '-o', 'n.json'], 'E703'],
    [['minimize', 'relu.json', '--loss', 'y', '--optimizer', 'adam', '-o', 'n/'], 'E301'],
  ])('%j: exit 2, nothing written', async (argv, code) => {
    expect((await work.document<FailedDocument>(argv, 2)).error.code).toBe(code)
    expect(work.has('n.json') || work.has('n')).toBe(false)
  })

  it('minimize without a startup program makes one that sets what the optimizer keeps', async () => {
    work.write('alone.json', work.read('net/main.json'))
    const argv = ['minimize', 'alone.json', '--loss', net.loss, '--optimizer', 'adam', '--lr', '0.001']
    const outputs = ['-o', 'alone/main.json', '--startup-out', 'alone/startup.json']
    mkdirSync(work.path('alone'))
    const { code, stderr } = await work.run([...argv, ...outputs])
    expect([code, stderr]).toEqual([0, expect.stringContaining('no startup program was given')])
    const made = Program.from(work.read('alone/startup.json')).globalBlock()
    // The rate, and two moments and two powers for each of two parameters; nothing for the parameters themselves.
    expect(made.ops.map((op) => op.type)).toEqual(Array.from({ length: 9 }, () => 'fill_constant'))
    expect([...made.vars.keys()].filter((name) => /^fc_0\.[wb]_0$/.test(name))).toEqual([])
    await work.run(['minimize', 'net', '--loss', net.loss, '--optimizer', 'adam', '--lr', '0.001', '-o', 'both/'])
    expect(work.read('alone/main.json')).toBe(work.read('both/main.json'))
    const feeds = ['--feed', 'x=[[1,2]]', '--feed', 'y=[[1]]']
    expect((await work.document<FailedDocument>(['run', 'alone', ...feeds], 4)).error.code).toBe('E101')
    work.write('start.json', {
      'fc_0.w_0': { dtype: 'float32', shape: [2, 1], data: [0.5, -0.5] },
      'fc_0.b_0': { dtype: 'float32', shape: [1], data: [0.25] },
    })
    const trained = await work.run(['run', 'alone', '--load', 'start.json', ...feeds, '--fetch', net.loss])
    expect([trained.code, trained.stdout]).toEqual([0, expect.stringContaining('1.5625')])
  })

  it('minimize with sgd trains as the formula says', async () => {
    const argv = [
      'minimize',
      'net',
      '--loss',
      net.loss,
      '--optimizer',
      'sgd',
      '--lr',
      '0.1',
      '-o',
      'sgd.json',
      '--startup-out',
      'sgd.startup.json',
    ]
    const { code, stderr } = await work.run(argv)
    expect(code).toBe(0)
    expect(stderr).toContain('wrote sgd.json and sgd.startup.json')
    work.write('w.json', {
      'fc_0.w_0': { dtype: 'float32', shape: [2, 1], data: [0.5, -0.5] },
      'fc_0.b_0': { dtype: 'float32', shape: [1], data: [0.25] },
    })
    const { fetch } = await work.document<{ fetch: Record<string, { data: number[] }> }>([
      'run',
      'sgd.json',
      ...['--load', 'w.json', '--feed', 'x=[[1,2],[3,4]]', '--feed', 'y=[[1],[2]]', '--fetch', 'fc_0.w_0,fc_0.b_0'],
    ])
    // error = x w + b - y; gradients are 2/N x^T error and 2/N sum(error).
    const error = [0.5 - 1 + 0.25 - 1, 1.5 - 2 + 0.25 - 2]
    expect(fetch['fc_0.w_0']!.data[0]).toBeCloseTo(0.5 - 0.1 * (error[0]! * 1 + error[1]! * 3), 5)
    expect(fetch['fc_0.w_0']!.data[1]).toBeCloseTo(-0.5 - 0.1 * (error[0]! * 2 + error[1]! * 4), 5)
    expect(fetch['fc_0.b_0']!.data[0]).toBeCloseTo(0.25 - 0.1 * (error[0]! + error[1]!), 5)
  })

  it.each([
    ['mlp_adam_l2', 'adam', ['--lr', '0.01', '--weight-decay', '0.0001']],
    ['mlp_adamw_default', 'adamw', ['--lr', '0.01', '--epsilon', '1e-6']],
    ['mlp_momentum_nesterov_l2', 'momentum', ['--lr', '0.05', '--nesterov', '--weight-decay', '0.001']],
    ['mlp_rmsprop_centered', 'rmsprop', ['--lr', '0.01', '--rho', '0.9', '--momentum', '0.5', '--centered']],
    ['mlp_adadelta', 'adadelta', ['--lr', '1', '--rho', '0.9']],
    ['mlp_adamax', 'adamax', ['--lr', '0.02']],
  ])('minimize makes what Paddle recorded: %s', async (name, optimizer, flags) => {
    const recorded = (file: string): Uint8Array =>
      gunzipSync(readFileSync(new URL(`../golden/programs/${name}/${file}.json.gz`, import.meta.url)))
    work.write(`${name}.before.json`, recorded('main_before_backward'))
    work.write(`${name}.startup_before.json`, recorded('startup_before_backward'))
    work.write(`${name}.recorded.json`, recorded('main'))
    work.write(`${name}.recorded_startup.json`, recorded('startup'))
    const files = [
      '--startup',
      `${name}.startup_before.json`,
      '-o',
      `${name}.json`,
      '--startup-out',
      `${name}.startup.json`,
    ]
    const argv = [
      'minimize',
      `${name}.before.json`,
      '--loss',
      'mean_0.tmp_0',
      '--optimizer',
      optimizer,
      ...flags,
      ...files,
    ]
    expect((await work.run(argv)).code).toBe(0)
    expect((await work.run(['diff', `${name}.recorded.json`, `${name}.json`])).stdout).toBe('no differences\n')
    expect((await work.run(['diff', `${name}.recorded_startup.json`, `${name}.startup.json`])).stdout).toBe(
      'no differences\n',
    )
    expect((await work.run(['diff', `${name}.before.json`, `${name}.json`])).code).toBe(1)
  })

  it('minimize with adam into a folder, with all its flags', async () => {
    const flags = [
      '--lr',
      '1e-2',
      '--beta1',
      '0.8',
      '--beta2',
      '0.9',
      '--epsilon',
      '1e-6',
      '--weight-decay',
      '0.01',
      '--param-list',
      'fc_0.w_0',
    ]
    const document = await work.document([
      'minimize',
      'net',
      '--loss',
      net.loss,
      '--optimizer',
      'adam',
      ...flags,
      '-o',
      'adam/',
    ])
    expect(document).toMatchObject({ ok: true, output: 'adam/main.json', parameters: [{ parameter: 'fc_0.w_0' }] })
    const ops = Program.from(work.read('adam/main.json')).globalBlock().ops
    const adam = ops.filter(({ type }) => type === 'adam')
    expect(adam).toHaveLength(1)
    expect(adam[0]?.attrs['beta1']).toBeCloseTo(0.8)
    expect(ops.some(({ type }) => type === 'sum')).toBe(true)
    expect((await work.run(['check', 'adam'])).code).toBe(0)
    const again = await work.document<FailedDocument>(
      ['minimize', 'net', '--loss', net.loss, '--optimizer', 'adam', '-o', 'adam/'],
      2,
    )
    expect(again.error.code).toBe('E706')
  })
})

describe('diff', () => {
  it('0 for the same, 1 for others, 2 and up for trouble', async () => {
    expect((await work.run(['diff', 'net', 'net/main.json'])).code).toBe(0)
    await work.run(['grad', 'net', '--loss', net.loss, '-o', 'd.json'])
    const { code, stdout } = await work.run(['diff', 'net', 'd.json'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^\+ b0#\d+ +fill_constant/m)
    expect((await work.run(['diff', 'net', 'nope.json'])).code).toBe(3)
    expect((await work.run(['diff', 'net'])).code).toBe(2)
  })

  it('hints for other back ends count only when asked for', async () => {
    const op = { type: 'relu', inputs: { X: ['x'] }, outputs: { Out: ['y'] } }
    work.write(
      'hint.json',
      reluProgram({ ops: [{ ...op, attrs: { use_cudnn: true }, attr_types: { use_cudnn: 'BOOLEAN' } }] }),
    )
    expect((await work.run(['diff', 'relu.json', 'hint.json'])).code).toBe(0)
    expect((await work.run(['diff', 'relu.json', 'hint.json', '--hints'])).code).toBe(1)
  })

  it('--json', async () => {
    expect(await work.document(['diff', 'net', 'net'])).toMatchObject({ ok: true, same: true, differences: [] })
    const document = await work.document<{ same: boolean; differences: unknown[] }>(['diff', 'net', 'relu.json'], 1)
    expect(document.same).toBe(false)
    expect(document.differences.length).toBeGreaterThan(0)
  })
})

describe('stats', () => {
  it('counts', async () => {
    const { stdout } = await work.run(['stats', 'net'])
    expect(stdout).toContain('parameters   2 variables, 3 values, 12 B (2 trainable)')
    const document = await work.document(['stats', 'net', '--batch', '10'])
    expect(document).toMatchObject({
      ok: true,
      ops: net.main.globalBlock().ops.length,
      parameters: { count: 2, values: 3, bytes: 12 },
      roles: { B: 0, O: 0, L: 0 },
      memory: { batch: 10 },
    })
  })

  it('memory: relu of 4 rows of 3 floats holds x and y at once', async () => {
    expect(await work.document(['stats', 'relu.json', '--batch', '4'])).toMatchObject({
      memory: { peakBytes: 2 * 4 * 3 * 4, peakOp: 0 },
    })
  })
})

describe('fmt', () => {
  it('is stable, and --check tells', async () => {
    const { stdout } = await work.run(['fmt', 'relu.json'])
    work.write('canonical.json', stdout)
    expect((await work.run(['fmt', 'canonical.json'])).stdout).toBe(stdout)
    expect((await work.run(['fmt', 'canonical.json', '--check'])).code).toBe(0)
    expect(await work.run(['fmt', 'relu.json', '--check'])).toMatchObject({
      code: 1,
      stdout: 'relu.json would change\n',
    })
    expect(await work.document(['fmt', 'relu.json', '--check'], 1)).toMatchObject({ ok: false, canonical: false })
  })

  it('keeps operators that are not known', async () => {
    const ops = [
      { type: 'mystery', inputs: { In: ['x'] }, outputs: { Out: ['y'] }, attrs: { k: 3 }, attr_types: { k: 'LONG' } },
    ]
    work.write('mystery.json', reluProgram({ ops }))
    const { stdout } = await work.run(['fmt', 'mystery.json'])
    expect(JSON.parse(stdout)).toMatchObject({ blocks: [{ ops }] })
  })
})

describe('ops and explain', () => {
  it('lists operators and shows one', async () => {
    const { stdout } = await work.run(['ops'])
    expect(stdout).toMatch(/^adam +\S/m)
    const page = (await work.run(['ops', 'adam'])).stdout
    for (const part of ['inputs', 'Param', 'attrs', 'beta1', 'default 0.9', 'gradient', 'source', 'paddle/'])
      expect(page).toContain(part)
    expect(
      (await work.run(['ops', 'elementwise_*'])).stdout
        .trim()
        .split('\n')
        .every((line) => line.startsWith('elementwise_')),
    ).toBe(true)
  })

  it('--json', async () => {
    const { op } = await work.document<{
      op: { inputs: Record<string, { arity: string }>; attrs: Record<string, unknown> }
    }>(['ops', 'scale'])
    expect(op.inputs['X']?.arity).toBe('one')
    expect(op.attrs).toHaveProperty('scale')
  })

  it('unknown names: the nearest, exit 2', async () => {
    expect((await work.document<FailedDocument>(['ops', 'sofmax'], 2)).error.hint).toMatch(/softmax/)
    expect((await work.run(['ops', 'zz*'])).code).toBe(2)
    expect((await work.document<FailedDocument>(['explain', 'E111'], 2)).error.hint).toMatch(/E110/)
  })

  it('explains', async () => {
    const { stdout } = await work.run(['explain', 'e110'])
    expect(stdout).toMatch(/^E110 feeds are missing.*exit code 4\n/)
    expect(stdout).toContain('What to do: ')
    expect((await work.run(['explain'])).stdout.split('\n').length).toBeGreaterThan(50)
    expect(await work.document(['explain', 'E401'])).toMatchObject({ ok: true, entry: { code: 'E401', exit: 5 } })
  })
})

describe('completion', () => {
  const complete = async (...words: string[]): Promise<string[]> =>
    (await work.run(['__complete', '--', ...words])).stdout.split('\n').filter((line) => line !== '')

  it('scripts for bash, zsh and fish', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await work.run(['completion', shell])
      expect(code).toBe(0)
      expect(stdout).toContain('oarlock __complete --')
    }
    expect((await work.run(['completion', 'tcsh'])).code).toBe(2)
  })

  it('commands, flags, choices, operators, variables, files', async () => {
    expect(await complete('mi')).toEqual(['minimize', ':files'])
    expect(await complete('run', 'net', '--st')).toEqual(['--startup', '--steps'])
    expect(await complete('run', '--js')).toEqual(['--json'])
    expect(await complete('minimize', 'net', '--optimizer', '')).toEqual(['adam', 'sgd'])
    expect(await complete('ops', 'ada')).toContain('adam')
    expect(await complete('run', 'net', '--fetch', 'fc_0.w')).toEqual(['fc_0.w_0'])
    expect(await complete('show', 'net', 'fc_0.b')).toEqual(['fc_0.b_0'])
    expect(await complete('show', 'ne')).toEqual([':files'])
    expect(await complete('run', 'broken.json', '--fetch', 'x')).toEqual([])
    expect(await complete('help', 'che')).toEqual(['check'])
    expect(await complete('explain', 'E11')).toEqual(['E110'])
  })
})

it('every --json document of a failure has all members', async () => {
  const { error } = await work.document<FailedDocument>(['show', 'nope.json'], 3)
  expect(Object.keys(error)).toEqual(['category', 'code', 'message', 'where', 'expected', 'got', 'hint'])
})

it('a model of another test builds twice without clashes', () => {
  expect(classifier(2, 2).loss).toBe(classifier(2, 2).loss)
})
