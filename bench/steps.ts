/**
 * Time of one training step: forward, backward and Adam, with feeds copied in and the loss copied out, on the plan and on the interpreter.
 *
 *   npx tsx bench/steps.ts [--seconds 2] [--json]
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { buildDigits } from '../examples/digits/build_program.ts'
import { BATCH, batches, readDigits, shuffledRows } from '../examples/digits/train.ts'
import { build, Executor, Generator, input, nn, optimizer, type Program, Tensor } from '../src/index.ts'

interface Case {
  readonly name: string
  readonly main: Program
  readonly startup: Program
  readonly loss: string
  readonly feed: Readonly<Record<string, Tensor>>
}

function digits(): Case {
  const { main, startup } = buildDigits()
  const [first] = batches(readDigits('train'), shuffledRows(1437, new Generator(1)))
  return { name: `digits MLP, batch ${BATCH}`, main, startup, loss: 'loss', feed: { ...first! } }
}

/** Two layers, 64-64-10, batch 32: small enough that the time around the kernels shows. */
function smallMlp(): Case {
  const { main, startup, out } = build(() => {
    const x = input('x', [null, 64])
    const y = input('y', [null, 1], 'int64')
    const hidden = nn.functional.fc(x, 64, { activation: 'relu' })
    const loss = nn.functional.crossEntropy(nn.functional.fc(hidden, 10), y)
    new optimizer.Adam().minimize(loss)
    return { loss }
  })
  const rows = 32
  const x = new Tensor(
    'float32',
    [rows, 64],
    Float32Array.from({ length: rows * 64 }, (_, i) => Math.sin(i)),
  )
  const y = new Tensor(
    'int64',
    [rows, 1],
    BigInt64Array.from({ length: rows }, (_, i) => BigInt(i % 10)),
  )
  return { name: 'MLP 64-64-10, batch 32', main, startup, loss: out.loss.name, feed: { x, y } }
}

/** Microseconds of a step: the median and the best of samples of 20 steps, after a tenth of the time to warm up. */
function timeSteps(item: Case, engine: 'plan' | 'interpreter', seconds: number): { median: number; best: number } {
  const executor = new Executor({ engine, seed: 1 })
  executor.run(item.startup)
  const sample = (): number => {
    const began = performance.now()
    for (let i = 0; i < 20; i++) executor.run(item.main, { feed: item.feed, fetch: [item.loss] })
    return ((performance.now() - began) * 1000) / 20
  }
  const until = (end: number): number[] => {
    const samples: number[] = []
    while (performance.now() < end || samples.length < 3) samples.push(sample())
    return samples.sort((a, b) => a - b)
  }
  until(performance.now() + seconds * 100)
  const samples = until(performance.now() + seconds * 1000)
  if (executor.lastRun?.engine !== engine) throw new Error(`ran on the ${executor.lastRun?.engine}`)
  executor.dispose()
  return { median: samples[Math.floor(samples.length / 2)]!, best: samples[0]! }
}

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '2' }, json: { type: 'boolean', default: false } },
})
const machine = `Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} cores`
const results = [digits(), smallMlp()].flatMap((item) =>
  (['plan', 'interpreter'] as const).map((engine) => ({
    name: item.name,
    operators: item.main.globalBlock().ops.length,
    engine,
    microseconds: timeSteps(item, engine, Number(values.seconds)),
  })),
)

if (values.json) console.log(JSON.stringify({ machine, results }, null, 2))
else {
  console.log(`${machine}; microseconds a step\n`)
  console.log(`${'program'.padEnd(26)}  ops  ${'engine'.padEnd(11)}  median    best`)
  for (const { name, operators, engine, microseconds } of results) {
    const { median, best } = microseconds
    const numbers = `${median.toFixed(0).padStart(6)}  ${best.toFixed(0).padStart(6)}`
    console.log(`${name.padEnd(26)}  ${String(operators).padStart(3)}  ${engine.padEnd(11)}  ${numbers}`)
  }
}
