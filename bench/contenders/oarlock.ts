/**
 * oarlock as its users get it, from the built package.
 *
 *   tsx bench/contenders/oarlock.ts [--threads 2] [--backend ts]
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Block, Executor, ExecutorOptions, Program, Tensor, Variable } from '../../src/index.ts'
import {
  ADAM_PARAMETERS,
  directionLine,
  expectClose,
  GEMM_SIZES,
  IMAGE,
  LAYER_BATCH,
  LAYER_WIDTH,
  LEARNING_RATE,
  MLPS,
  mlp,
  PUBLISHED_MODEL,
  randomNumbers,
  recordedTraining,
} from '../inputs.ts'
import { type Prepared, serve, type Works } from './protocol.ts'

const { values: flags } = parseArgs({
  options: { threads: { type: 'string', default: '1' }, backend: { type: 'string', default: 'wasm' } },
})
const threads = Number(flags.threads)
const backend = flags.backend === 'ts' ? 'ts' : 'wasm'
const built = new URL('../../dist/index.js', import.meta.url)
const oarlock = (await import(built.href)) as typeof import('../../src/index.ts')
const { build, input, nn, optimize, optimizer } = oarlock

const newExecutor = (options: ExecutorOptions = {}): Executor =>
  new oarlock.Executor({ backend, ...(threads === 1 ? {} : { threads }), ...options })

/** Figures would mean nothing if the run had fallen back to something slower. */
function expectPlanned({ lastRun }: Executor): void {
  if (lastRun?.engine !== 'plan') throw new Error(`interpreted: ${lastRun?.reason}`)
  if (lastRun.backend !== backend || lastRun.threads !== threads)
    throw new Error(`ran on ${lastRun.backend} with ${lastRun.threads} thread(s)`)
}

function prepared(executor: Executor, call: () => unknown, check: number): Prepared {
  expectPlanned(executor)
  return { call, check, drop: () => executor.dispose() }
}

const elementOf = (value: unknown, index = 0): number => Number((value as Tensor).data[index])
const float32 = (shape: readonly number[], data: Float32Array): Tensor => new oarlock.Tensor('float32', shape, data)

function persistable(block: Block, executor: Executor, name: string, shape: number[], data: Float32Array): void {
  block.createVar({ name, shape, dtype: 'float32', persistable: true })
  executor.scope.set(name, float32(shape, data))
}

/** C = A B of square matrices that stay where they are: a program of one operator, nothing fed or fetched. */
function gemm(n: number): Prepared {
  const program = new oarlock.Program()
  const block = program.globalBlock()
  const executor = newExecutor()
  persistable(block, executor, 'a', [n, n], randomNumbers(n * n, 1))
  persistable(block, executor, 'b', [n, n], randomNumbers(n * n, 2))
  block.createVar({ name: 'c', shape: [n, n], dtype: 'float32', persistable: true })
  block.appendOp({ type: 'matmul_v2', inputs: { X: 'a', Y: 'b' }, outputs: { Out: 'c' } })
  const call = (): unknown => executor.run(program)
  call()
  return prepared(executor, call, elementOf(executor.scope.get('c'), n + 1))
}

/** Forward, backward and Adam; x and y are copied in and the loss out. */
function mlpStep(name: string): Prepared {
  const { batch, features, hidden, classes, x, labels, w1, w2 } = mlp(name)
  const { main, startup, out } = build(() => {
    const y = input('y', [null, 1], 'int64')
    const h = nn.functional.fc(input('x', [null, features]), hidden, { activation: 'relu' })
    const loss = nn.functional.crossEntropy(nn.functional.fc(h, classes), y)
    new optimizer.Adam({ learningRate: LEARNING_RATE }).minimize(loss)
    return { loss }
  })
  const executor = newExecutor()
  executor.run(startup)
  executor.scope.set('fc_0.w_0', float32([features, hidden], w1))
  executor.scope.set('fc_1.w_0', float32([hidden, classes], w2))
  const program = optimized(main, executor, [out.loss])
  const y = new oarlock.Tensor(
    'int64',
    [batch, 1],
    BigInt64Array.from(labels, (label) => BigInt(label)),
  )
  const options = { feed: { x: float32([batch, features], x), y }, fetch: [out.loss.name] }
  const call = (): number => elementOf(executor.run(program, options)[0])
  return prepared(executor, call, call())
}

/** The program after the default passes, with the values that they add set. */
function optimized(program: Program, executor: Executor, fetch: readonly (Variable | string)[]): Program {
  const result = optimize(program, { fetch, values: executor.scope })
  for (const [name, value] of result.values) executor.scope.set(name, value)
  return result.program
}

function directionInference(): Prepared {
  const executor = newExecutor()
  const model = oarlock.loadInferenceModel(fileURLToPath(PUBLISHED_MODEL), executor)
  const program = optimized(model.program, executor, model.fetchVars)
  const { x, expected } = directionLine()
  const feed = { [model.feedNames[0]!]: float32([1, ...IMAGE], x) }
  const call = (): unknown => executor.run(program, { feed, fetch: model.fetchVars })[0]
  expectClose((call() as Tensor).data as Float32Array, expected, 1e-5)
  return prepared(executor, call, elementOf(call()))
}

function directionTraining(): Prepared {
  const main = oarlock.Program.from(recordedTraining('main.pdmodel.gz'))
  const { loss } = JSON.parse(new TextDecoder().decode(recordedTraining('run.json.gz'))) as { loss: string }
  const executor = newExecutor()
  const initial = oarlock.readCombinedParams(recordedTraining('initial.pdiparams.gz'), main)
  for (const [name, value] of initial) executor.scope.set(name, value)
  const program = optimized(main, executor, [loss])
  const rows = 32
  const image = float32([rows, ...IMAGE], randomNumbers(rows * IMAGE[0] * IMAGE[1] * IMAGE[2], 5))
  const label = new oarlock.Tensor(
    'int64',
    [rows, 1],
    BigInt64Array.from({ length: rows }, (_, i) => BigInt(i % 2)),
  )
  const call = (): number => elementOf(executor.run(program, { feed: { image, label }, fetch: [loss] })[0])
  return prepared(executor, call, call())
}

/** Programs of `layers` fully connected layers with Adam: each stage takes its own time. */
function manyLayers(layers: number): Prepared {
  const data = randomNumbers(LAYER_BATCH * LAYER_WIDTH, 6)
  const call = (): Record<string, number> => {
    const phases: Record<string, number> = {}
    const timed = <T>(phase: string, body: () => T): T => {
      const began = performance.now()
      const result = body()
      phases[phase] = performance.now() - began
      return result
    }
    const { main, startup, out } = build(() => {
      const loss = timed('build', () => {
        let h: Variable = input('x', [null, LAYER_WIDTH])
        for (let i = 0; i < layers; i++) h = nn.functional.fc(h, LAYER_WIDTH)
        return nn.functional.mean(h)
      })
      timed('minimize', () => new optimizer.Adam({ learningRate: LEARNING_RATE }).minimize(loss))
      return { loss }
    })
    const executor = newExecutor({ seed: 1 })
    timed('startup', () => executor.run(startup))
    const options = { feed: { x: float32([LAYER_BATCH, LAYER_WIDTH], data) }, fetch: [out.loss] }
    timed('first step', () => executor.run(main, options))
    expectPlanned(executor)
    timed('second step', () => executor.run(main, options))
    executor.dispose()
    return phases
  }
  return { call }
}

/**
 * 10,000 additions on small tensors. Two chains take turns, one on 4 floats and one on 5: neighbours of different size are not joined to one
 * loop, so each operator remains a call of its own.
 */
function smallOperators(): Prepared {
  const program = new oarlock.Program()
  const block = program.globalBlock()
  const executor = newExecutor()
  const sizes = [4, 5]
  for (const size of sizes) {
    persistable(block, executor, `start${size}`, [size], randomNumbers(size, 1))
    persistable(block, executor, `step${size}`, [size], randomNumbers(size, 2, 1e-3))
  }
  const last = new Map(sizes.map((size) => [size, `start${size}`]))
  for (let i = 0; i < 10_000; i++) {
    const size = sizes[i % 2]!
    const Out = `sum${i}`
    block.createVar({ name: Out, shape: [size], dtype: 'float32' })
    block.appendOp({ type: 'elementwise_add', inputs: { X: last.get(size)!, Y: `step${size}` }, outputs: { Out } })
    last.set(size, Out)
  }
  const options = { fetch: [...last.values()] }
  const call = (): unknown => executor.run(program, options)[0]
  return prepared(executor, call, elementOf(call()))
}

/** One `adam` operator on 10 million parameters. */
function adamUpdate(): Prepared {
  const program = new oarlock.Program()
  const block = program.globalBlock()
  const executor = newExecutor()
  const declare = (name: string, shape: number[], data: Float32Array): void =>
    persistable(block, executor, name, shape, data)
  for (const name of ['p', 'g']) declare(name, [ADAM_PARAMETERS], randomNumbers(ADAM_PARAMETERS, 1))
  for (const name of ['m', 'v']) declare(name, [ADAM_PARAMETERS], new Float32Array(ADAM_PARAMETERS))
  declare('rate', [1], Float32Array.of(LEARNING_RATE))
  declare('power1', [1], Float32Array.of(0.9))
  declare('power2', [1], Float32Array.of(0.999))
  block.appendOp({
    type: 'adam',
    inputs: {
      Param: 'p',
      Grad: 'g',
      LearningRate: 'rate',
      Moment1: 'm',
      Moment2: 'v',
      Beta1Pow: 'power1',
      Beta2Pow: 'power2',
    },
    outputs: { ParamOut: 'p', Moment1Out: 'm', Moment2Out: 'v', Beta1PowOut: 'power1', Beta2PowOut: 'power2' },
  })
  const call = (): unknown => executor.run(program)
  call()
  return prepared(executor, call, elementOf(executor.scope.get('p')))
}

/** `oarlock run` from the start of its process. */
function commandLine(): Prepared {
  const file = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))
  const data = (name: string): string => `@${file(`examples/digits/${name}.npy`)}`
  const args = ['run', file('examples/digits'), '--data', `x=${data('train_x')}`, '--data', `y=${data('train_y')}`]
  const command = [file('dist/cli/main.js'), ...args, '--batch', '32', '--steps', '1', '--seed', '1', '--fetch', 'loss']
  return { call: () => processTimes(command) }
}

/** Milliseconds to the first output of a Node process, and to its end. */
function processTimes(args: readonly string[]): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    let first: number | undefined
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.on('data', () => {
      first ??= performance.now() - began
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code !== 0 || first === undefined) reject(new Error(`oarlock run ended with ${code}`))
      else resolve({ 'first output': first, 'whole process': performance.now() - began })
    })
  })
}

const works: Works = {
  ...Object.fromEntries(GEMM_SIZES.map((n) => [`gemm-${n}`, () => gemm(n)])),
  ...Object.fromEntries(Object.keys(MLPS).map((name) => [name, () => mlpStep(name)])),
  'direction-inference': directionInference,
  'direction-training': directionTraining,
  ...Object.fromEntries([100, 1000, 10_000].map((layers) => [`layers-${layers}`, () => manyLayers(layers)])),
  'small-operators': smallOperators,
  'adam-10m': adamUpdate,
  'oarlock-run': commandLine,
}

const { default: manifest } = (await import('../../package.json', { with: { type: 'json' } })) as {
  default: { version: string }
}
await serve(`oarlock ${manifest.version}, ${backend}, ${threads} thread(s), Node ${process.version}`, works)
