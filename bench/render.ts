/** Makes docs/performance.md of what compare.ts measured: all wanted figures, what is known of those that are missed, and all times. `npm run generate` writes it. */
import { readFileSync } from 'node:fs'
import { best, median, type Outcome, outcomeOf, type Results, type Samples } from './results.ts'
import { BUNDLES, CONTENDERS, type ContenderName, type Goal, LAYER_PHASES, WORKS, type Work } from './works.ts'

/** The file by its path from the project's root, for tools/check_generated.ts. */
export function performancePage(): Record<string, string> {
  const results = JSON.parse(readFileSync(new URL('results.json', import.meta.url), 'utf8')) as Results
  return { 'docs/performance.md': page(results) }
}

export function page(results: Results): string {
  const measured = WORKS.filter(({ name }) => results.works[name] !== undefined)
  const outcomes = measured.flatMap((work) =>
    work.goals.map((goal) => ({ work, outcome: outcomeOf(results, work, goal) })),
  )
  const missed = outcomes.filter(({ outcome }) => !outcome.met)
  const { before, most, after } = results.load
  const heavy = BUNDLES.filter((bundle) => results.sizes[bundle.title]! > (bundle.atMost ?? Infinity))
  const limited = BUNDLES.filter(({ title: what, atMost }) => atMost !== undefined && results.sizes[what] !== undefined)
  return `# Performance

Made by \`npm run generate\` from \`bench/results.json\`, which \`npm run bench:compare\` measures; not edited by hand. The contenders of a work
take turns in bursts of some 30 milliseconds for up to ${results.rounds} rounds, fewer where calls are long (then the best of few stands against the best of many), each in a process of its own that waits while others run. **best** is the least
disturbed round, **median** how it feels on a busy machine. Ratios are of best times. Contenders that return numbers must agree on them, or they are left out.
oarlock, and everything else, has one thread unless said.

* Date: ${results.date}. Machine: ${results.machine}.
* Load average: ${before.toFixed(1)} before, at most ${most.toFixed(1)}, ${after.toFixed(1)} after. The run itself is 1, 2 where a contender has two threads.${results.note === undefined ? '' : `\n* ${results.note}`}
${Object.entries(results.versions)
  .map(([name, about]) => `* ${CONTENDERS[name as ContenderName].title}: ${about}.`)
  .join('\n')}

## What is wanted, and what is reached

${outcomes.length + limited.length - missed.length - heavy.length} of ${outcomes.length + limited.length} figures are reached; sizes are at the end.

${table(
  ['work', 'figure', 'wanted', 'reached', ''],
  outcomes.map(({ work, outcome }) => [
    work.title,
    figure(outcome.goal),
    wanted(outcome.goal),
    reached(outcome),
    verdict(outcome),
  ]),
)}
${
  missed.length === 0
    ? ''
    : `\n### What is missed, and what is known of it\n\nWhere the medians below lie far above the best times, other work disturbed the rounds.\n\n${missed
        .map(({ work, outcome }, i) =>
          `* **${work.title}**: ${figure(outcome.goal)}. ${shortfall(outcome)} ${reason(
            missed.slice(0, i).map((other) => other.outcome.goal.why),
            outcome.goal.why,
          )}`.trimEnd(),
        )
        .join('\n')}\n`
}
## What was measured

${measured.map((work) => section(work, results)).join('\n')}
${growth(results)}
${sizes(results)}`
}

/** What is known of a figure that is missed; told once where several have it in common. */
function reason(earlier: readonly (string | undefined)[], why = ''): string {
  return why !== '' && earlier.includes(why) ? 'The reason is the same as above.' : why
}

function section(work: Work, results: Results): string {
  const times = results.works[work.name]!
  const own = times.oarlock
  const rows = Object.entries(times).flatMap(([name, samples]) =>
    Object.entries(samples).map(([phase, list]) => {
      const title = CONTENDERS[name as ContenderName].title
      const ours = own?.[phase]
      return [
        phase === '' ? title : `${title}: ${phase}`,
        time(best(list)),
        time(median(list)),
        String(list.length),
        ours === undefined ? '' : `${number(best(list) / best(ours))}`,
        rate(work, best(list)),
      ]
    }),
  )
  const rateTitle =
    work.flop !== undefined
      ? 'GFLOP/s'
      : work.bytes !== undefined
        ? 'GB/s'
        : work.things === undefined
          ? ''
          : `a ${work.things.name}`
  const columns = ['', 'best', 'median', 'rounds', 'oarlock = 1', rateTitle]
  const width = rateTitle === '' ? 5 : 6
  const left = Object.entries(results.missing[work.name] ?? {}).map(
    ([name, why]) => `* ${CONTENDERS[name as ContenderName].title} is left out: ${why.split('\n')[0]}.`,
  )
  return `### ${work.title}

${work.about}

${table(
  columns.slice(0, width),
  rows.map((row) => row.slice(0, width)),
)}
${left.length === 0 ? '' : `\n${left.join('\n')}\n`}`
}

function sizes(results: Results): string {
  const rows = BUNDLES.flatMap(({ title: what, atMost }) => {
    const bytes = results.sizes[what]
    return bytes === undefined
      ? []
      : [[what, `${(bytes / 1000).toFixed(1)} KB`, atMost === undefined ? '' : `≤ ${atMost / 1000} KB`]]
  })
  const reasons = BUNDLES.filter(({ title: what, atMost }) => (results.sizes[what] ?? 0) > (atMost ?? Infinity))
    .map(({ title: what, why }) => `\n${what}: ${why}\n`)
    .join('')
  return `### What a page loads

The built package, bundled and minified by Vite, gzipped.

${table(['', 'size', 'wanted'], rows)}
${reasons}`
}

/** Time of a layer by the number of layers: what is linear stays level. */
function growth(results: Results): string {
  const counts = [100, 1000, 10_000].filter((count) => results.works[`layers-${count}`]?.oarlock !== undefined)
  if (counts.length < 2) return ''
  const each = (phase: string, count: number, name: ContenderName): number | undefined => {
    const samples: Samples | undefined = results.works[`layers-${count}`]?.[name]
    return samples?.[phase] === undefined ? undefined : best(samples[phase]) / count
  }
  const rows = (['oarlock', 'paddle'] as const).flatMap((name) =>
    LAYER_PHASES.map((phase) => [
      `${CONTENDERS[name].title}: ${phase}`,
      ...counts.map((count) => {
        const ms = each(phase, count, name)
        return ms === undefined ? '' : time(ms)
      }),
    ]),
  )
  return `### Growth: time of one layer by the number of layers

${table(['', ...counts.map((count) => count.toLocaleString('en'))], rows)}
`
}

const table = (columns: readonly string[], rows: readonly (readonly string[])[]): string =>
  [columns, columns.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')

const number = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

function time(ms: number): string {
  if (ms >= 1000) return `${number(ms / 1000)} s`
  if (ms >= 1) return `${number(ms)} ms`
  return ms >= 1e-3 ? `${number(ms * 1e3)} µs` : `${number(ms * 1e6)} ns`
}

function rate({ flop, bytes, things }: Work, ms: number): string {
  if (flop !== undefined) return number(flop / ms / 1e6)
  if (bytes !== undefined) return number(bytes / ms / 1e6)
  return things === undefined ? '' : time(ms / things.count)
}

const title = (name: ContenderName): string => CONTENDERS[name].title
const isShare = ({ against }: Goal): boolean => against?.[0] === 'limit'

function figure({ ours, phase, against }: Goal): string {
  const subject = phase === undefined ? title(ours) : `${title(ours)}, ${phase}`
  if (against === undefined) return `${subject}: time`
  return isShare({ ours, against })
    ? `${subject}: share of the limit`
    : `${subject} against ${against.map(title).join(' or ')}`
}

function wanted(goal: Goal): string {
  if (goal.atMostMs !== undefined) return `≤ ${time(goal.atMostMs)}`
  return isShare(goal) ? `${goal.atLeast! * 100} %` : `${goal.atLeast} ×`
}

function reached({ goal, reached: value }: Outcome): string {
  if (value === undefined) return 'not measured'
  if (goal.atMostMs !== undefined) return time(value)
  return isShare(goal) ? `${number(value * 100)} %` : `${number(value)} ×`
}

const verdict = ({ met, reached: value }: Outcome): string =>
  met ? 'reached' : value === undefined ? '' : '**missed**'

function shortfall(outcome: Outcome): string {
  const { goal, reached: value } = outcome
  if (value === undefined) return 'Not measured.'
  const share = goal.atMostMs === undefined ? goal.atLeast! / value : value / goal.atMostMs
  return `${reached(outcome)} in place of ${wanted(goal)}: a factor of ${share.toFixed(2)} is missing.`
}
