/**
 * What the browser test runs in a page; its import is turned to the built package: the digits are trained, the direction classifier classifies. Files come from
 * the server, tensors and bits go back as hexadecimal text.
 */
import {
  Executor,
  type LastRun,
  Program,
  readInferenceModel,
  readNpy,
  seed,
  type Tensor,
  tensor,
  withBackend,
} from '../../src/index.ts'

const bytesOf = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await (await fetch(`/files/${path}`)).arrayBuffer())
const programOf = async (path: string): Promise<Program> => Program.from(await (await fetch(`/files/${path}`)).text())
const npy = async (name: string): Promise<Tensor> => readNpy(await bytesOf(`examples/digits/${name}.npy`))

const hex = ({ data }: Tensor): string =>
  [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')

export interface Trained {
  readonly losses: string[]
  readonly accuracy: number
  readonly lastRun: LastRun
}

interface Options {
  readonly backend: 'wasm' | 'ts'
  readonly threads: number
}

/** `steps` steps of the digits program on rows in their order, 32 at a time; then the test rows. */
async function train(steps: number, options: Options): Promise<Trained> {
  const [main, startup, test] = await Promise.all(
    ['main', 'startup', 'test'].map((name) => programOf(`examples/digits/${name}.json`)),
  )
  const [x, y, testX, testY] = await Promise.all(['train_x', 'train_y', 'test_x', 'test_y'].map(npy))
  const executor = new Executor({ seed: 1, ...options })
  executor.run(startup!)
  const rows = 32
  const losses: string[] = []
  for (let step = 0; step < steps; step++) {
    const from = (step * rows) % (x!.shape[0]! - rows)
    const feed = {
      x: tensor((x!.data as Float32Array).slice(64 * from, 64 * (from + rows)), 'float32', [rows, 64]),
      y: tensor((y!.data as BigInt64Array).slice(from, from + rows), 'int64', [rows, 1]),
    }
    losses.push(hex(executor.run(main!, { feed, fetch: ['loss'] })[0] as Tensor))
    // Lets the page start its workers and draw.
    if (step % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0))
  }
  const { lastRun } = executor
  const [accuracy] = executor.run(test!, { feed: { x: testX!, y: testY! }, fetch: ['accuracy'] }) as [Tensor]
  document.querySelector('#log')!.textContent +=
    `digits, ${steps} steps: accuracy ${accuracy.item()} ${JSON.stringify(lastRun)}\n`
  return { losses, accuracy: Number(accuracy.item()), lastRun: lastRun! }
}

export interface Classified {
  readonly probabilities: string
  readonly lastRun: LastRun
}

/** The classifier's output for lines of float32 bytes at this path. */
async function classify(path: string, count: number, options: Options): Promise<Classified> {
  const folder = 'examples/direction_classifier/model/inference'
  const executor = new Executor(options)
  const model = Program.from(await bytesOf(`${folder}.pdmodel`))
  const { program, feedNames, fetchVars } = readInferenceModel(model, await bytesOf(`${folder}.pdiparams`), executor)
  const lines = new Float32Array((await bytesOf(path)).buffer as ArrayBuffer)
  const feed = { [feedNames[0]!]: tensor(lines, 'float32', [count, 3, 48, 192]) }
  const run = (): Tensor => executor.run(program, { feed, fetch: fetchVars })[0] as Tensor
  let output = run()
  for (let i = 0; i < 100 && executor.lastRun!.threads < options.threads; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    output = run()
  }
  document.querySelector('#log')!.textContent +=
    `classifier, ${count} lines: ${output.data.join(' ')} ${JSON.stringify(executor.lastRun)}\n`
  return { probabilities: hex(output), lastRun: executor.lastRun! }
}

/** Dygraph on both back ends: two losses and a gradient. */
function eager(): string[] {
  const once = (): string => {
    seed(3)
    const w = tensor([
      [1, -2],
      [0.5, 3],
    ])
    w.stopGradient = false
    const x = tensor([
      [0.25, -1],
      [2, 1.5],
    ])
    const loss = x.matmul(w).mean()
    loss.backward()
    return hex(loss) + hex(w.grad!)
  }
  return [withBackend('wasm', once), withBackend('ts', once)]
}

const tests = { train, classify, eager, isolated: () => crossOriginIsolated }
export type PageTests = typeof tests
Object.assign(globalThis, { tests })
