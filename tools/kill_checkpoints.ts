/**
 * Kills a process that trains and writes checkpoints, at random moments, and looks at what it left.
 *
 *   npx tsx tools/kill_checkpoints.ts [ROUNDS]
 *
 * A thousand rounds take half an hour so, most of it for starting tsx; bundled into one file first (esbuild --bundle), five minutes.
 * Every parameter is a function of the step, so a checkpoint that mixes two steps is known by its values.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  build,
  Executor,
  input,
  loadCheckpoint,
  nn,
  optimizer,
  type Program,
  saveCheckpoint,
  Tensor,
} from '../src/index.ts'

const SELF = fileURLToPath(import.meta.url)

export interface KillResult {
  readonly rounds: number
  /** Saves that were reported before a kill. */
  readonly saves: number
  /** Rounds after which no checkpoint could be loaded although one had been reported. */
  readonly unreadable: number
  /** Rounds after which values of several steps stood in one checkpoint, or a damaged one lay in the folder. */
  readonly mixed: number
  /** Rounds after which the checkpoint was older than the last one reported. */
  readonly older: number
}

interface Net {
  readonly main: Program
  readonly executor: Executor
}

function net(): Net {
  const { main, startup } = build(() => {
    const x = input('x', [null, 64])
    const loss = nn.functional.fc(nn.functional.fc(x, 128), 64).mean()
    new optimizer.Adam({ learningRate: 0.01 }).minimize(loss)
    return {}
  })
  const executor = new Executor({ seed: 1 })
  executor.run(startup)
  return { main, executor }
}

/** Sets every value to the number of the step. */
function mark({ main, executor }: Net, step: number): void {
  for (const { name, dtype } of main.globalBlock().vars.values()) {
    const value = executor.scope.get(name)
    if (!(value instanceof Tensor) || dtype !== 'float32') continue
    executor.scope.set(name, new Tensor('float32', value.shape, new Float32Array(value.size).fill(step)))
  }
}

/** The step that all values hold, or undefined if they hold several. */
function marked({ main, executor }: Net): number | undefined {
  const steps = new Set<number>()
  for (const { name } of main.globalBlock().vars.values()) {
    const value = executor.scope.get(name)
    if (value instanceof Tensor) for (const step of value.data as Float32Array) steps.add(step)
  }
  return steps.size === 1 ? [...steps][0] : undefined
}

/** What the killed process does: goes on from the folder, saves again and again, and reports each save. */
function saveForEver(dir: string): void {
  const training = net()
  const { executor, main: program } = training
  let step = 0
  try {
    step = loadCheckpoint(dir, { executor, program }).step
  } catch {
    // The first round finds none.
  }
  for (;;) {
    mark(training, ++step)
    saveCheckpoint(dir, { executor, program, step })
    process.stdout.write(`${step}\n`)
  }
}

/** Starts the process, kills it a random while after its first save, and returns the last step it reported. */
async function round(dir: string, wait: number): Promise<{ last: number; saves: number }> {
  const child: ChildProcess = spawn(
    process.execPath,
    [...(import.meta.url.endsWith('.ts') ? ['--import', 'tsx'] : []), SELF, '--save-for-ever', dir],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  let armed = false
  child.stdout!.on('data', (piece: Buffer) => {
    text += piece.toString()
    if (armed) return
    armed = true
    setTimeout(() => child.kill('SIGKILL'), wait)
  })
  await new Promise((resolve) => child.on('close', resolve))
  // A line that was cut off was not reported.
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .trim()
    .split('\n')
  return { last: Number(lines.at(-1)), saves: lines.length }
}

export async function killRounds(rounds: number, dir: string, tell?: (done: number) => void): Promise<KillResult> {
  const sum = { saves: 0, unreadable: 0, mixed: 0, older: 0 }
  for (let i = 0; i < rounds; i++) {
    const { last, saves } = await round(dir, Math.random() * 60)
    sum.saves += saves
    const training = net()
    try {
      const loaded = loadCheckpoint(dir, { executor: training.executor, program: training.main })
      if (loaded.damaged.length > 0 || marked(training) !== loaded.step) sum.mixed++
      if (loaded.step < last) sum.older++
    } catch {
      sum.unreadable++
    }
    training.executor.dispose()
    tell?.(i + 1)
  }
  return { rounds, ...sum }
}

async function main(): Promise<void> {
  if (process.argv[2] === '--save-for-ever') {
    saveForEver(process.argv[3]!)
    return
  }
  const dir = mkdtempSync(join(tmpdir(), 'oarlock-kill-'))
  const result = await killRounds(Number(process.argv[2] ?? 100), dir, (done) => {
    if (done % 50 === 0) console.log(`${done} kills`)
  })
  rmSync(dir, { recursive: true, force: true })
  console.log(JSON.stringify(result))
  if (result.unreadable + result.mixed + result.older > 0) process.exitCode = 1
}

if (process.argv[1] === SELF) await main()
