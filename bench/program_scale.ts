/**
 * How the work on programs grows with their size: build, verify, appendBackward, print, save and load at 1,000, 10,000 and 100,000
 * operators. If all of it is linear, the time per operator is about the same at every size.
 *
 *   npx tsx bench/program_scale.ts [--sizes 1000,10000,100000] [--model layers|shared] [--json]
 *
 * `layers` is a stack of residual blocks with a weight each; `shared` uses one weight everywhere, as an unrolled recurrent network does, so
 * that one gradient is the sum of as many as there are blocks.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { appendBackward, Program, stringifyProgramJson, type Variable, verify } from '../src/index.ts'

type Model = 'layers' | 'shared'

interface Measurement {
  readonly task: string
  /** Operators of the program that the task worked on. */
  readonly operators: number
  readonly ms: number
  /** Processor time: what counts where the machine has other work to do. Garbage is collected on several threads, so it may be more than `ms`. */
  readonly cpuMs: number
}

const OPERATORS_OF_A_BLOCK = 4

// Each task starts on a swept heap, so that it does not pay for the garbage of the one before it. Sweeping would also throw compiled code
// away that has not run for a while, and small programs would then pay for compiling it anew.
setFlagsFromString('--expose-gc')
setFlagsFromString('--no-flush-bytecode')
const collectGarbage = runInNewContext('gc') as () => void

/** A program of `operators` operators, the last of which writes the loss. */
function buildModel(operators: number, model: Model): Variable {
  const program = new Program()
  const block = program.globalBlock()
  block.createVar({ name: 'x', shape: [-1, 8], needCheckFeed: true, stopGradient: true })
  const blocks = Math.floor((operators - 1) / OPERATORS_OF_A_BLOCK)
  const parameters = (i: number): { w: string; b: string } => {
    const suffix = model === 'shared' ? '' : String(i)
    if (i === 0 || model === 'layers') {
      block.createParameter({ name: `w${suffix}`, shape: [8, 8] })
      block.createParameter({ name: `b${suffix}`, shape: [8] })
    }
    return { w: `w${suffix}`, b: `b${suffix}` }
  }
  let h = 'x'
  for (let i = 0; i < blocks; i++) {
    const { w, b } = parameters(i)
    block.appendOp({ type: 'matmul_v2', inputs: { X: h, Y: w }, outputs: { Out: `xw${i}` } })
    block.appendOp({ type: 'elementwise_add', inputs: { X: `xw${i}`, Y: b }, outputs: { Out: `a${i}` } })
    block.appendOp({ type: 'relu', inputs: { X: `a${i}` }, outputs: { Out: `r${i}` } })
    block.appendOp({ type: 'elementwise_add', inputs: { X: `r${i}`, Y: h }, outputs: { Out: `h${i}` } })
    h = `h${i}`
  }
  for (let i = block.ops.length; i < operators - 1; i++) {
    block.appendOp({ type: 'relu', inputs: { X: h }, outputs: { Out: `tail${i}` } })
    h = `tail${i}`
  }
  block.appendOp({ type: 'reduce_mean', inputs: { X: h }, outputs: { Out: 'loss' }, attrs: { reduce_all: true } })
  return block.var('loss')
}

/** All tasks once. Each works on what the one before it left. */
function measure(operators: number, model: Model): Measurement[] {
  const measurements: Measurement[] = []
  const timed = <T>(task: string, count: () => number, body: () => T): T => {
    collectGarbage()
    const cpu = process.cpuUsage()
    const began = performance.now()
    const result = body()
    const ms = performance.now() - began
    const { user, system } = process.cpuUsage(cpu)
    measurements.push({ task, operators: count(), ms, cpuMs: (user + system) / 1000 })
    return result
  }
  const loss = timed(
    'build',
    () => operators,
    () => buildModel(operators, model),
  )
  const { program } = loss.block
  const all = (): number => program.globalBlock().ops.length
  // A task must not profit from having found nothing to do.
  const expect = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(`${operators} operators: ${what}`)
  }
  expect(all() === operators, `${all()} were built`)
  timed(
    'appendBackward',
    () => operators,
    () => appendBackward(loss),
  )
  expect(all() > 2 * operators - 2, 'no gradients were appended')
  const issues = timed('verify', all, () => verify(program))
  expect(issues.length === 0, `verify: ${issues[0]?.message}`)
  const listing = timed('print', all, () => String(program))
  expect(listing.split('\n').length > all(), 'the listing is short')
  const text = timed('save', all, () => stringifyProgramJson(program.toJSON()))
  const loaded = timed('load', all, () => Program.from(text))
  expect(loaded.globalBlock().ops.length === all(), 'operators were lost')
  return measurements
}

/** The best time of each task, after one run to warm up: the least disturbed by whatever else the machine does. */
function best(operators: number, model: Model, repeats: number): Measurement[] {
  measure(Math.min(operators, 10_000), model)
  const runs = Array.from({ length: repeats }, () => measure(operators, model))
  const least = (i: number, of: 'ms' | 'cpuMs'): number => Math.min(...runs.map((run) => run[i]![of]))
  return runs[0]!.map((first, i) => ({ ...first, ms: least(i, 'ms'), cpuMs: least(i, 'cpuMs') }))
}

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000' },
    model: { type: 'string', default: 'layers' },
    json: { type: 'boolean', default: false },
  },
})
if (values.model !== 'layers' && values.model !== 'shared') throw new Error('--model must be layers or shared')
const { model } = values
const sizes = values.sizes.split(',').map(Number)
const machine = `Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} cores`

const results = sizes.map((operators) => ({
  operators,
  tasks: best(operators, model, operators <= 1000 ? 20 : operators <= 10_000 ? 6 : 3),
}))

const perOperator = (item: Measurement, of: 'ms' | 'cpuMs'): number => (item[of] * 1000) / item.operators

if (values.json) {
  console.log(JSON.stringify({ machine, model, results }, null, 2))
} else {
  const columns = ['task', ...sizes.map((size) => size.toLocaleString('en')), 'ratio', 'cpu ratio']
  const rows = results[0]!.tasks.map(({ task }, i) => {
    const measured = results.map(({ tasks }) => tasks[i]!)
    const cells = measured.map(
      (item) => `${item.ms.toFixed(1)} ms ${perOperator(item, 'ms').toFixed(1).padStart(6)} µs/op`,
    )
    const ratio = (of: 'ms' | 'cpuMs'): string =>
      (perOperator(measured.at(-1)!, of) / perOperator(measured[0]!, of)).toFixed(2)
    return [task, ...cells, ratio('ms'), ratio('cpuMs')]
  })
  console.log(`${machine}; model: ${model}`)
  console.log('Columns: forward operators. verify, print, save and load work on the program after appendBackward,')
  console.log('and their time per operator counts all of its operators. Each time is the best of several runs.')
  console.log('Ratio: time (and processor time) per operator, last column to first.\n')
  const widths = columns.map((_, i) => Math.max(...[columns, ...rows].map((row) => row[i]!.length)))
  for (const row of [columns, ...rows]) {
    console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
  }
}
