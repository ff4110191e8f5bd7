/** The direction classifier against what PaddlePaddle 2.6.2 computes with the same model, and the command as a user runs it. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DirectionClassifier, PUBLISHED_MODEL } from '../../examples/direction_classifier/classifier.ts'
import { classifyFiles, imageFiles } from '../../examples/direction_classifier/classify_files.ts'
import { rotate180 } from '../../examples/direction_classifier/image.ts'
import { LINE_SIZE, preprocess } from '../../examples/direction_classifier/preprocess.ts'
import { readImage } from '../../examples/direction_classifier/read_image.ts'
import { TextLines } from '../../examples/direction_classifier/text_lines.ts'
import { Executor, loadInferenceModel, Tensor, valueFromJSON } from '../../src/index.ts'
import { readGolden } from '../golden.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const images = join(root, 'examples/direction_classifier/images')

interface Case {
  readonly name: string
  /** Made from this image. */
  readonly image?: string
  readonly width?: number
  readonly height?: number
  /** File of the tensor that was fed; none for a batch. */
  readonly input?: string
  /** Cases whose tensors make the batch. */
  readonly members?: readonly string[]
  readonly output: { readonly data: readonly number[] }
  readonly label: readonly string[]
  readonly score: readonly number[]
  readonly rotate: readonly boolean[]
}

const { cases } = readGolden<{ cases: readonly Case[] }>('direction_classifier/inference.json.gz')
const golden = (path: string): Buffer =>
  gunzipSync(readFileSync(new URL(`../golden/direction_classifier/${path}`, import.meta.url)))
const recordedTensor = (name: string): Float32Array => {
  const bytes = golden(`tensors/${name}.f32.gz`)
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}
const photographed = cases.filter((one) => one.image !== undefined)

let classifier: DirectionClassifier
beforeAll(() => {
  classifier = new DirectionClassifier()
})
afterAll(() => classifier.dispose())

test('there are twelve images, two random tensors and a batch', () => {
  expect([photographed.length, cases.length]).toEqual([12, 15])
})

test.each(cases.map((one) => [one.name, one] as const))(
  '%s: probabilities within 1e-5',
  (_name, { name, members, output }) => {
    const lines = (members ?? [name]).map(recordedTensor)
    const fed = new Float32Array(lines.reduce((sum, { length }) => sum + length, 0))
    lines.forEach((line, i) => {
      fed.set(line, i * LINE_SIZE)
    })
    const got = classifier.probabilities(fed).data
    expect(got).toHaveLength(output.data.length)
    output.data.forEach((value, i) => {
      expect(Math.abs((got[i] as number) - value)).toBeLessThanOrEqual(1e-5)
    })
  },
)

test('17 activations of each kind of operator are within 1e-4 of the largest value', () => {
  const { values } = readGolden<{ values: Record<string, never> }>('direction_classifier/activations.json.gz')
  const executor = new Executor()
  const { program } = loadInferenceModel(PUBLISHED_MODEL, executor)
  const x = new Tensor('float32', [1, 3, 48, 192], recordedTensor('render_0'))
  const names = Object.keys(values)
  expect(names).toHaveLength(17)
  const got = executor.run(program, { feed: { x }, fetch: names }) as Tensor[]
  names.forEach((name, i) => {
    const expected = valueFromJSON(values[name]!) as Tensor
    // Paddle 2.3, which wrote the file, had no 0-D tensors; 2.6.2 makes one of the slice.
    if (name !== 'shape_0.tmp_0_slice_0') expect(got[i]!.shape, name).toEqual(expected.shape)
    let largest = 0
    for (const value of expected.data) largest = Math.max(largest, Math.abs(Number(value)))
    expected.data.forEach((value, k) => {
      expect(Math.abs(Number(got[i]!.data[k]) - Number(value)), name).toBeLessThanOrEqual(1e-4 * largest)
    })
  })
})

test.each(photographed.map((one) => [one.image!, one] as const))(
  '%s: the network is fed the same bits, and says the same',
  async (path, { name, label, score, rotate }) => {
    const image = await readImage(join(images, path.replace('images/', '')))
    const fed = preprocess([image])
    const recorded = recordedTensor(name)
    expect(Buffer.from(fed.buffer).equals(Buffer.from(recorded.buffer))).toBe(true)
    const [direction] = classifier.classify([image])
    expect([direction!.label, direction!.rotate]).toEqual([label[0], rotate[0]])
    expect(Math.abs(direction!.score - score[0]!)).toBeLessThanOrEqual(1e-3)
  },
)

test('a turned image has the other label', async () => {
  const image = await readImage(join(images, 'sample_ch_word_1.png'))
  const [upright, turned] = classifier.classify([image, rotate180(image)])
  expect([upright!.label, turned!.label]).toEqual(['0', '180'])
})

test('the result of an image does not depend on its batch, bit for bit', async () => {
  const files = await imageFiles([images])
  const results = async (batch: number): Promise<unknown[]> => {
    const found: unknown[] = []
    for await (const result of classifyFiles(classifier, files, batch)) {
      if ('error' in result) throw result.error
      found.push([result.file, result.label, result.score])
    }
    return found
  }
  expect(await results(1)).toEqual(await results(5))
})

test('797 of the 800 test lines are right, as with Paddle', () => {
  const lines = new TextLines('test')
  expect(lines.count).toBe(800)
  let right = 0
  for (let start = 0; start < lines.count; start += 50) {
    const rows = Array.from({ length: 50 }, (_, i) => start + i)
    classifier.classifyLines(lines.batch(rows).image.data as Float32Array).forEach(({ label }, i) => {
      if (label === (lines.labels[rows[i]!] === 1 ? '180' : '0')) right++
    })
  }
  expect(right).toBe(797)
})

test('the threshold decides what is turned, and must be passed', async () => {
  const image = await readImage(join(images, 'render_4.png'))
  const [{ score } = { score: 0 }] = classifier.classify([image])
  for (const [threshold, rotate] of [
    [score - 1e-3, true],
    [score, false],
  ] as const) {
    const other = new DirectionClassifier({ threshold })
    expect(other.classify([image])[0]!.rotate).toBe(rotate)
    other.dispose()
  }
})

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'direction-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, ['--import', 'tsx', 'examples/direction_classifier/classify.ts', ...args], {
      cwd: root,
      encoding: 'utf8',
    })

  test('prints a line for each image of a folder, and saves them upright', async () => {
    const saved = join(folder, 'upright')
    const { status, stdout, stderr } = run(images, '--save', saved)
    expect(stderr).toBe('12 images, 5 to turn, 0 not read\n')
    expect(status).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(12)
    expect(lines[1]).toMatch(/render_1\.png +180 {2}1\.0000 {2}turn$/)
    expect(readdirSync(saved)).toHaveLength(12)
    expect(await readImage(join(saved, 'render_1.png'))).toEqual(
      rotate180(await readImage(join(images, 'render_1.png'))),
    )
    expect(await readImage(join(saved, 'render_0.png'))).toEqual(await readImage(join(images, 'render_0.png')))
    // A second time there is something to lose.
    const again = run(images, '--save', saved)
    expect([again.status, again.stdout]).toEqual([3, ''])
    expect(again.stderr).toContain('exists already')
  })

  test('a file that is no image is named, and the others are classified', () => {
    const text = join(folder, 'text.png')
    writeFileSync(text, 'text')
    const { status, stdout } = run(text, join(images, 'render_0.png'), join(folder, 'none.jpg'), '--json')
    expect(status).toBe(3)
    const { width, height } = photographed.find(({ name }) => name === 'render_0')!
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      images: [
        { file: text, error: { category: 'InvalidArgument', code: 'IMAGE_KIND' } },
        { label: '0', rotate: false, width, height },
        { error: { category: 'NotFound', code: 'IMAGE_FILE' } },
      ],
    })
  })

  test.each([
    [[], 2],
    [['--batch', '0', 'x.png'], 2],
    [['--threshold', '2', 'x.png'], 2],
    [['--frobnicate'], 2],
    [['--help'], 0],
    [[mkdtempSync(join(folder, 'empty-'))], 3],
    [['--model', join(folder, 'nothing'), join(images, 'render_0.png')], 3],
  ])('%j ends with %i', (args, code) => {
    const { status, stdout, stderr } = run(...args)
    expect(status, stderr).toBe(code)
    expect(code === 0 ? stderr : stdout).toBe('')
    expect(stderr).not.toContain('    at ')
  })
})
