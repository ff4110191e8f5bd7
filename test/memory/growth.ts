/**
 * Measures how much memory many runs leave behind; prints `{ plan, dygraph }` in bytes as JSON. Run with --expose-gc.
 * Growth is counted after a warm-up and a collection on both ends: heap used plus array buffers.
 */
import { build, Executor, input, nn, optimizer, seed, tensor } from '../../src/index.ts'

const collect = (globalThis as { gc?: () => void }).gc
if (collect === undefined) throw new Error('run with --expose-gc')

/** Bytes in use after collections: the smallest of several readings, since finalizers free in rounds. */
async function inUse(): Promise<number> {
  let least = Infinity
  for (let i = 0; i < 6; i++) {
    collect!()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    least = Math.min(least, heapUsed + arrayBuffers)
  }
  return least
}

async function growth(step: () => void, warmUp: number, count: number): Promise<number> {
  for (let i = 0; i < warmUp; i++) step()
  const before = await inUse()
  for (let i = 0; i < count; i++) step()
  return (await inUse()) - before
}

async function main(): Promise<void> {
  seed(1)
  const { main, startup, out } = build(() => {
    const x = input('x', [null, 8])
    const y = input('y', [null, 1], 'int64')
    const loss = nn.functional.crossEntropy(nn.functional.fc(nn.functional.fc(x, 8, { activation: 'relu' }), 3), y)
    new optimizer.Adam({ learningRate: 0.01 }).minimize(loss)
    return loss
  })
  const executor = new Executor()
  executor.run(startup)
  const feed = { x: new Float32Array(32).map((_, i) => Math.sin(i)), y: new BigInt64Array([0n, 1n, 2n, 1n]) }
  const plan = await growth(() => executor.run(main, { feed, fetch: [out] }), 1000, 100_000)
  if (executor.lastRun?.engine !== 'plan') throw new Error('the plan did not run')

  const layer = new nn.Linear(8, 3)
  const adam = new optimizer.Adam({ learningRate: 0.01, parameters: layer.parameters() })
  const x = tensor(feed.x, 'float32', [4, 8])
  const y = tensor(feed.y, 'int64', [4, 1])
  const dygraph = await growth(
    () => {
      nn.functional.crossEntropy(layer.forward(x), y).backward()
      adam.step()
      adam.clearGrad()
    },
    1000,
    10_000,
  )
  console.log(JSON.stringify({ plan, dygraph }))
}

await main()
