/**
 * Measures oarlock against its peers, against PaddlePaddle and against the machine's own limits, in one run: the contenders of a work take
 * turns in short bursts, so that what disturbs the machine disturbs all of them, and the best and the median of the rounds are kept.
 *
 *   npm run bench:compare -- [--works a,b] [--contenders x,y] [--rounds 60] [--out bench/results.json] [--no-build]
 *
 * Peers are installed from bench/peers on first use. PaddlePaddle takes part if OARLOCK_PADDLE_PYTHON names a Python that has it.
 * `npm run generate` then writes docs/performance.md from the results.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundleSize } from './bundle_size.ts'
import { ContenderProcess } from './contender_process.ts'
import { best, median, outcomeOf, type Results, type Samples } from './results.ts'
import { BUNDLES, CONTENDERS, type ContenderName, type ContenderSpec, WORKS, type Work } from './works.ts'

const BURST_MS = 30
const WARM_UP_MS = 400
/** A contender that has used so much on one work takes no further turns: its calls are long, and their number matters little. */
const ENOUGH_MS = 6_000
/** Relative difference of results beyond which two contenders did not do the same. */
const AGREEMENT = 2e-4

const { values: flags } = parseArgs({
  options: {
    works: { type: 'string', default: '' },
    contenders: { type: 'string', default: '' },
    rounds: { type: 'string', default: '60' },
    out: { type: 'string', default: fileURLToPath(new URL('results.json', import.meta.url)) },
    'no-build': { type: 'boolean', default: false },
  },
})

const chosen = <T extends string>(given: string, all: readonly T[]): T[] => {
  const names = given === '' ? all : (given.split(',') as T[])
  for (const name of names) if (!all.includes(name)) throw new Error(`"${name}" is none of ${all.join(', ')}`)
  return [...names]
}
const works = chosen(
  flags.works,
  WORKS.map(({ name }) => name),
).map((name) => WORKS.find((work) => work.name === name)!)
const contenders = chosen(flags.contenders, Object.keys(CONTENDERS) as ContenderName[])
const rounds = Number(flags.rounds)
const python = process.env.OARLOCK_PADDLE_PYTHON

const results: Results = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0]!.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}, Node ${process.version}`,
  load: { before: loadavg()[0]!, most: loadavg()[0]!, after: 0 },
  rounds,
  versions: {},
  works: {},
  sizes: {},
  missing: {},
}

prepareFolders()
const processes = new Map<ContenderName, ContenderProcess>()
try {
  for (const work of works) {
    await compare(work)
    // What is measured is kept if the run is stopped.
    writeResults()
  }
} finally {
  for (const process of processes.values()) process.end()
}
results.load.after = loadavg()[0]!
for (const bundle of BUNDLES) results.sizes[bundle.title] = await bundleSize(bundle)
writeResults()
console.log(`\nwritten: ${flags.out}`)

function writeResults(): void {
  writeFileSync(flags.out, `${JSON.stringify(results)}\n`)
}

/** The built package, and the peers. */
function prepareFolders(): void {
  const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
  const run = (command: string, args: string[], cwd: string): void => {
    if (spawnSync(command, args, { cwd, stdio: 'inherit' }).status !== 0)
      throw new Error(`\`${[command, ...args].join(' ')}\` failed`)
  }
  if (!flags['no-build']) run(process.execPath, ['--import', 'tsx', 'tools/build.ts'], folder('..'))
  const wantsPeers = contenders.some((name) => (CONTENDERS[name] as ContenderSpec).peer)
  if (wantsPeers && !existsSync(folder('peers/node_modules')))
    run('npm', ['ci', '--no-audit', '--no-fund'], folder('peers'))
}

async function compare(work: Work): Promise<void> {
  console.log(`\n${work.title}`)
  const times: Partial<Record<ContenderName, Samples>> = (results.works[work.name] = {})
  const missing: Partial<Record<ContenderName, string>> = (results.missing[work.name] = {})
  const used = new Map<ContenderName, number>()
  const taking: ContenderName[] = []
  let agreed: { readonly name: ContenderName; readonly check: number } | undefined
  const without = (name: ContenderName, why: string): void => {
    missing[name] = why
    console.log(`  ${CONTENDERS[name].title}: left out, ${why}`)
  }
  const giveUp = (name: ContenderName, error: unknown): void => {
    processes.get(name)?.end()
    processes.delete(name)
    without(name, (error as Error).message)
  }
  for (const name of contenders) {
    if (!work.contenders.includes(name)) continue
    try {
      const contender = await processOf(name)
      const ready = await contender.prepare(work.name)
      if ('cannot' in ready) {
        without(name, ready.cannot)
        continue
      }
      const { check } = ready
      if (check !== undefined && agreed === undefined) agreed = { name, check }
      else if (check !== undefined && Math.abs(check - agreed!.check) > AGREEMENT * Math.abs(agreed!.check)) {
        without(name, `its result is ${check} where that of ${agreed!.name} is ${agreed!.check}`)
        continue
      }
      if (work.cold === undefined) await contender.run(work.name, WARM_UP_MS)
      taking.push(name)
    } catch (error) {
      giveUp(name, error)
    }
  }
  for (let round = 0; round < (work.rounds ?? rounds); round++) {
    for (const name of taking) {
      if (missing[name] !== undefined || (used.get(name) ?? 0) > ENOUGH_MS) continue
      const began = performance.now()
      try {
        const phases = await processes.get(name)!.run(work.name, work.ms ?? BURST_MS)
        const samples = (times[name] ??= {})
        for (const [phase, ms] of Object.entries(phases)) (samples[phase] ??= []).push(Number(ms.toPrecision(5)))
      } catch (error) {
        giveUp(name, error)
      }
      used.set(name, (used.get(name) ?? 0) + performance.now() - began)
    }
    results.load.most = Math.max(results.load.most, loadavg()[0]!)
  }
  for (const name of taking) await processes.get(name)?.drop(work.name)
  print(work)
}

/** The process of a contender, started on its first work. @throws Error if it cannot start. */
async function processOf(name: ContenderName): Promise<ContenderProcess> {
  const known = processes.get(name)
  if (known !== undefined) return known
  const spec: ContenderSpec = CONTENDERS[name]
  if (spec.file.endsWith('.py') && python === undefined)
    throw new Error('OARLOCK_PADDLE_PYTHON names no Python with PaddlePaddle')
  const started = new ContenderProcess(spec, python)
  processes.set(name, started)
  results.versions[name] = (await started.about()).about
  return started
}

function print(work: Work): void {
  for (const [name, samples] of Object.entries(results.works[work.name]!)) {
    for (const [phase, list] of Object.entries(samples)) {
      const title = `${CONTENDERS[name as ContenderName].title}${phase === '' ? '' : `, ${phase}`}`
      const rate = work.flop === undefined ? '' : `  ${(work.flop / best(list) / 1e6).toFixed(1)} GFLOP/s`
      const bytes = work.bytes === undefined ? '' : `  ${(work.bytes / best(list) / 1e6).toFixed(1)} GB/s`
      const each =
        work.things === undefined
          ? ''
          : `  ${((best(list) / work.things.count) * 1e6).toFixed(1)} ns a ${work.things.name}`
      console.log(
        `  ${title.padEnd(42)} best ${best(list).toPrecision(4).padStart(8)} ms  median ${median(list).toPrecision(4).padStart(8)} ms${rate}${bytes}${each}`,
      )
    }
  }
  for (const goal of work.goals) {
    const { reached, met } = outcomeOf(results, work, goal)
    const against = (goal.against ?? []).map((name) => CONTENDERS[name].title).join(' or ')
    const wanted = goal.atMostMs === undefined ? `${goal.atLeast} × ${against}` : `at most ${goal.atMostMs} ms`
    const got = reached === undefined ? 'not measured' : reached.toPrecision(3)
    console.log(
      `  ${met ? 'met   ' : 'MISSED'} ${CONTENDERS[goal.ours].title}${goal.phase === undefined ? '' : `, ${goal.phase}`}: ${got}, wanted ${wanted}`,
    )
  }
}
