/**
 * The built package in a page of headless Chromium: the digits train to the bits that Node computes, the direction classifier gives the
 * probabilities that Node gives, with one thread and with two, and without a cross-origin isolated page there is one thread and a sentence.
 * CHROMIUM names the browser's executable; default is the one of Debian's package.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DirectionClassifier } from '../../examples/direction_classifier/classifier.ts'
import { TextLines } from '../../examples/direction_classifier/text_lines.ts'
import { Executor, Program, readNpy, type Tensor, tensor } from '../../src/index.ts'
import type { Classified, PageTests, Trained } from './page.ts'

declare const tests: PageTests

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' }
const LINES = 6

let folder: string
let browser: Browser
const servers: Server[] = []

/** Serves the page, and the repository's files under /files. */
async function serve(isolated: boolean): Promise<string> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://localhost').pathname))
    const file = path.startsWith('/files/') ? join(ROOT, path.slice(7)) : join(folder, path)
    const own = path.startsWith('/files/lines') ? join(folder, path.slice(7)) : file
    if (!existsSync(own)) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      'content-type': TYPES[extname(own)] ?? 'application/octet-stream',
      ...(isolated
        ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
        : {}),
    })
    response.end(readFileSync(own))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/page.html`
}

async function open(isolated: boolean): Promise<Page> {
  const page = await browser.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(String(error)))
  await page.goto(await serve(isolated))
  await page.waitForFunction('globalThis.tests !== undefined')
  expect(faults).toEqual([])
  return page
}

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'dist/index.js'))) throw new Error('dist is missing: run `npm run build` first')
  folder = mkdtempSync(join(tmpdir(), 'oarlock-page-'))
  await build({
    root: fileURLToPath(new URL('.', import.meta.url)),
    configFile: false,
    logLevel: 'warn',
    resolve: { alias: [{ find: /^.*\/src\/index\.ts$/, replacement: join(ROOT, 'dist/index.js') }] },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2022',
      rollupOptions: { input: fileURLToPath(new URL('page.html', import.meta.url)) },
    },
  })
  const lines = new TextLines('test').batch(Array.from({ length: LINES }, (_, i) => 10 * i)).image.data as Float32Array
  writeFileSync(join(folder, 'lines.f32'), new Uint8Array(lines.buffer, lines.byteOffset, lines.byteLength))
  // The test's own pages need no sandbox, which root may not have.
  browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
})

afterAll(async () => {
  await browser?.close()
  for (const server of servers) server.close()
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

const hex = ({ data }: Tensor): string => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')

/** The page's training, in Node. */
function trainInNode(steps: number, backend: 'wasm' | 'ts'): { losses: string[]; accuracy: number } {
  const read = (name: string): Uint8Array => readFileSync(join(ROOT, 'examples/digits', name))
  const programOf = (name: string): Program => Program.from(read(`${name}.json`).toString())
  const [x, y, testX, testY] = ['train_x', 'train_y', 'test_x', 'test_y'].map((name) => readNpy(read(`${name}.npy`)))
  const executor = new Executor({ seed: 1, backend })
  executor.run(programOf('startup'))
  const main = programOf('main')
  const losses = Array.from({ length: steps }, (_, step) => {
    const from = (step * 32) % (x!.shape[0]! - 32)
    const feed = {
      x: tensor((x!.data as Float32Array).slice(64 * from, 64 * (from + 32)), 'float32', [32, 64]),
      y: tensor((y!.data as BigInt64Array).slice(from, from + 32), 'int64', [32, 1]),
    }
    return hex(executor.run(main, { feed, fetch: ['loss'] })[0] as Tensor)
  })
  const [accuracy] = executor.run(programOf('test'), { feed: { x: testX!, y: testY! }, fetch: ['accuracy'] })
  return { losses, accuracy: Number((accuracy as Tensor).item()) }
}

describe('an isolated page', () => {
  let page: Page
  beforeAll(async () => {
    page = await open(true)
  })

  test('is isolated', async () => {
    expect(await page.evaluate(() => tests.isolated())).toBe(true)
  })

  test.each([
    ['wasm', 1, 1500],
    ['wasm', 2, 300],
    ['ts', 1, 300],
  ] as const)('digits on %s with %i thread(s): the bits of Node', async (backend, threads, steps) => {
    const found = (await page.evaluate((n, options) => tests.train(n, options), steps, { backend, threads })) as Trained
    const { losses, accuracy } = trainInNode(steps, backend)
    expect(found.losses).toEqual(losses)
    expect(found.accuracy).toBe(accuracy)
    expect(found.accuracy).toBeGreaterThan(steps > 1000 ? 0.95 : 0.8)
    expect(found.lastRun).toMatchObject({ engine: 'plan', backend })
  })

  test.each([1, 2])('the classifier with %i thread(s): the bits of Node', async (threads) => {
    const options = { backend: 'wasm', threads } as const
    const found = (await page.evaluate(
      (count, given) => tests.classify('lines.f32', count, given),
      LINES,
      options,
    )) as Classified
    const classifier = new DirectionClassifier()
    const lines = readFileSync(join(folder, 'lines.f32'))
    const input = new Float32Array(lines.buffer.slice(lines.byteOffset, lines.byteOffset + lines.byteLength))
    expect(found.probabilities).toBe(hex(classifier.probabilities(input)))
    classifier.dispose()
    expect(found.lastRun).toMatchObject({
      engine: 'plan',
      backend: 'wasm',
      threads: Math.min(threads, availableParallelism()),
    })
  })

  test('dygraph computes on both back ends', async () => {
    const [wasm, ts] = await page.evaluate(() => tests.eager())
    expect(wasm).toBe(ts)
  })

  test('a picture of the page can be taken', async () => {
    const path = process.env['OARLOCK_PAGE_PICTURE']
    const picture = await page.screenshot({ encoding: 'binary' })
    if (path !== undefined) writeFileSync(path, picture)
    expect(picture.length).toBeGreaterThan(1000)
  })
})

test('a page that is not isolated computes on one thread and says why', async () => {
  const page = await open(false)
  expect(await page.evaluate(() => tests.isolated())).toBe(false)
  const options = { backend: 'wasm', threads: 2 } as const
  const { lastRun } = (await page.evaluate((given) => tests.train(20, given), options)) as Trained
  expect(lastRun).toMatchObject({ engine: 'plan', backend: 'wasm', threads: 1 })
  expect(lastRun.threadsReason).toContain('cross-origin isolated')
})
