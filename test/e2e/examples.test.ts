/** The examples run as a reader would run them, each in a process of its own. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { Program, verify } from '../../src/index.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const runExample = (path: string, ...args: string[]): string => runIn(root, path, ...args)

function runIn(cwd: string, path: string, ...args: string[]): string {
  const loader = import.meta.resolve('tsx')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', loader, path, ...args], {
    cwd,
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  return stdout
}

const lossesOf = (text: string): number[] =>
  text
    .split('\n')
    .map((line) => /^ *\d+ {2}(\S+) +(\S+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, fromProgram, fromTensors]) => {
      expect(fromTensors).toBe(fromProgram)
      return Number(fromProgram)
    })

test('mlp_static_and_dygraph: both modes print the same falling loss', () => {
  const text = runExample('examples/mlp_static_and_dygraph.ts')
  const losses = lossesOf(text)
  expect(losses).toHaveLength(10)
  expect(losses.every(Number.isFinite)).toBe(true)
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)
  expect(text).toContain('equal in all 10 steps, bit for bit')
})

test('half_master_weights: small steps are lost without master weights, and only there', () => {
  const rows = runExample('examples/half_master_weights.ts').split(/^learning rate .*$/m)[2]!
  const found = [...rows.matchAll(/^ {2}(.*?) {2,}(\S+) % of 2410 weights moved, test accuracy (\S+) %$/gm)]
  expect(found.map((row) => row[1])).toEqual(['float32', 'float16 with master weights', 'float16 without'])
  const [wide, master, without] = found.map((row) => ({ moved: Number(row[2]), accuracy: Number(row[3]) }))
  // Both are compared with the float32 training, which is the reference.
  expect(Math.abs(master!.accuracy - wide!.accuracy)).toBeLessThanOrEqual(1)
  expect(without!.accuracy).toBeLessThan(wide!.accuracy - 20)
  expect(without!.moved).toBeLessThan(wide!.moved / 2)
})

test('adam_by_hand: minimize appends backward and updates, and training finds the line', () => {
  const text = runExample('examples/adam_by_hand.ts')
  const [, before, after, startup] = text.split(/^--- .*$/m)
  const typesIn = (listing: string): string[] =>
    [...listing.matchAll(/^ +\d+ {2}[FBOL] +(\S+)/gm)].map((match) => match[1]!)
  const forward = ['matmul_v2', 'elementwise_add', 'elementwise_sub', 'square', 'reduce_mean']
  expect(typesIn(before!)).toEqual(forward)
  expect(typesIn(after!)).toEqual([
    ...forward,
    'fill_constant',
    ...forward.toReversed().map((type) => `${type}_grad`),
    'adam',
    'adam',
  ])
  // w and b, the learning rate, and four values of Adam for each parameter.
  expect(typesIn(startup!)).toEqual(Array(2 + 1 + 2 * 4).fill('fill_constant'))
  const [w0, w1, b] = [...text.slice(text.indexOf('\nw ')).matchAll(/-?\d+\.\d+/g)].map(Number)
  // The points lie on y = 3 x0 - x1 + 0.5; after 200 steps Adam is within a hundredth of it.
  expect(w0).toBeCloseTo(3, 1.7)
  expect(w1).toBeCloseTo(-1, 1.7)
  expect(b).toBeCloseTo(0.5, 1.7)
})

test('digits: build_program --check agrees with the files', () => {
  expect(runExample('examples/digits/build_program.ts', '--check').trim().split('\n')).toEqual([
    'equal: examples/digits/main.json',
    'equal: examples/digits/startup.json',
    'equal: examples/digits/test.json',
  ])
})

// Examples with a test of their own are above; of the others it is asked that they end without an error.
const tested = ['adam_by_hand.ts', 'mlp_static_and_dygraph.ts']
const others = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.ts') && !tested.includes(name))

test.each(others)('%s runs', (name) => {
  expect(runExample(`examples/${name}`)).not.toBe('')
})

/** The code blocks of the README in one language. */
const readmeBlocks = (language: string): string[] =>
  [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map((match) => match[2]!)

test('the programs in the README are sound', () => {
  const programs = readmeBlocks('json')
  expect(programs).toHaveLength(2)
  for (const text of programs) expect(verify(Program.from(text))).toEqual([])
})

test('the code in the README prints what the README says, in both modes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'oarlock-readme-'))
  try {
    const source = (path: string): string => pathToFileURL(join(root, 'src', path)).href
    const printed = readmeBlocks('ts').map((code, i) => {
      const file = join(folder, `readme_${i}.ts`)
      writeFileSync(
        file,
        code
          .replace("from 'oarlock'", `from '${source('index.ts')}'`)
          .replace("from 'oarlock/ir'", `from '${source('ir/index.ts')}'`)
          .replace("'examples/", `'${root}/examples/`),
      )
      return runIn(folder, file)
    })
    expect(printed).toHaveLength(4)
    const [model, ...others] = printed
    const listing = others.pop()!
    const modes = others
    // The model that was written and read again computes what the program did.
    const [made, loaded, ...rest] = model!
      .trim()
      .split('\n\n')[0]!
      .split(/\n(?=float32)/)
    expect(made).toMatch(/^float32 \[1, 1\]/)
    expect(loaded).toBe(made)
    expect(rest).toEqual([])
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['line.pdmodel', 'line.pdiparams']))
    const losses = readmeBlocks('').find((text) => text.startsWith('float32 []'))
    expect(modes).toEqual([losses, losses])
    const [bytes, sound, ...table] = listing.trim().split('\n').reverse()
    expect(bytes).toMatch(/^\d{4,5}$/)
    expect(sound).toBe('[]')
    expect(table.some((line) => line.includes('adam'))).toBe(true)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
