/**
 * Measures how much memory many runs leave behind, of plans (argument `ts` or `wasm`, the back end) or of dygraph: prints as JSON the bytes by
 * which heap used plus array buffers grow after a warm-up, with collections on both ends, and how much of that is machine code by V8's own
 * count. Run with --expose-gc.
 */
import { getHeapCodeStatistics } from 'node:v8'
import { build, Executor, input, nn, optimizer, seed, tensor } from '../../src/index.ts'

const collect = (globalThis as { gc?: () => void }).gc
if (collect === undefined) throw new Error('run with --expose-gc')

interface Use {
  readonly bytes: number
  /** Of these, machine code with its tables. */
  readonly code: number
}

/** What is in use after collections: the smallest of several readings, since memory is freed in rounds. */
async function inUse(): Promise<Use> {
  let least: Use = { bytes: Infinity, code: 0 }
  for (let i = 0; i < 12; i++) {
    collect!()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    const bytes = heapUsed + arrayBuffers
    if (bytes < least.bytes) least = { bytes, code: getHeapCodeStatistics().code_and_metadata_size }
  }
  return least
}

async function growth(step: () => void, warmUp: number, count: number): Promise<Use> {
  // What measuring itself loads is there before it counts.
  await inUse()
  for (let i = 0; i < warmUp; i++) step()
  const before = await inUse()
  for (let i = 0; i < count; i++) step()
  const after = await inUse()
  return { bytes: after.bytes - before.bytes, code: after.code - before.code }
}

async function planGrowth(backend: 'ts' | 'wasm'): Promise<Use> {
  seed(1)
  const { main, startup, out } = build(() => {
    const x = input('x', [null, 8])
    const y = input('y', [null, 1], 'int64')
    const loss = nn.functional.crossEntropy(nn.functional.fc(nn.functional.fc(x, 8, { activation: 'relu' }), 3), y)
    new optimizer.Adam({ learningRate: 0.01 }).minimize(loss)
    return loss
  })
  const executor = new Executor({ backend })
  executor.run(startup)
  const use = await growth(() => executor.run(main, { feed, fetch: [out] }), 1000, 100_000)
  const { lastRun } = executor
  if (lastRun?.engine !== 'plan' || lastRun.backend !== backend) throw new Error(`the ${backend} plan did not run`)
  return use
}

const feed = { x: new Float32Array(32).map((_, i) => Math.sin(i)), y: new BigInt64Array([0n, 1n, 2n, 1n]) }

function dygraphGrowth(): Promise<Use> {
  const layer = new nn.Linear(8, 3)
  const adam = new optimizer.Adam({ learningRate: 0.01, parameters: layer.parameters() })
  const x = tensor(feed.x, 'float32', [4, 8])
  const y = tensor(feed.y, 'int64', [4, 1])
  const step = (): void => {
    nn.functional.crossEntropy(layer.forward(x), y).backward()
    adam.step()
    adam.clearGrad()
  }
  return growth(step, 1000, 10_000)
}

const what = process.argv[2]
console.log(JSON.stringify(what === 'ts' || what === 'wasm' ? await planGrowth(what) : await dygraphGrowth()))
