/** A profile as people read it in a terminal: the slowest first, with bars. */
import type { Profile, TypeProfile, UnitProfile } from '../compiler/profiler.ts'
import { counted, cut, formatBytes } from '../framework/print_text.ts'
import type { LoadedProgram } from './load_program.ts'
import { formatMs, type Output, sparkline, visible } from './output.ts'

export interface ProfileTextOptions {
  /** A step without looks at the clock in between. */
  readonly wholeMs: number
  /** Operators to list. */
  readonly top: number
}

const BAR = 12
const NAME = 36
/** Values that are listed at the peak. */
const ALIVE = 5
const SPARKS = 40

export function profileText(
  { file, program }: LoadedProgram,
  profile: Profile,
  { wholeMs, top }: ProfileTextOptions,
  out: Output,
): string {
  const dot = out.ascii ? '|' : '·'
  const { run, steps, stepMs, types, units, memory } = profile
  const median = [...stepMs].sort((a, b) => a - b)[Math.floor(stepMs.length / 2)]!
  const timed = units.reduce((sum, { ms }) => sum + ms, 0)
  const rest = stepMs.reduce((sum, ms) => sum + ms, 0) - timed
  const ops = program.globalBlock().ops.length
  const how =
    run.engine === 'plan'
      ? `plan on ${run.backend}, ${run.compiledOps} of ${counted(ops, 'op')} compiled`
      : 'interpreter'
  const why = run.reason === undefined ? '' : ` (${run.reason})`
  const lines = [
    `profile ${visible(file)}   ${counted(steps, 'step')} ${dot} ${formatMs(median)} a step, ${formatMs(wholeMs)} without timing each operator ${dot} ${how}${why}`,
    '',
    head('operators of one type, or one kernel'),
    ...types.map((type) => row(type.type, type, out)),
    row('feeds, fetches, the timing itself', { calls: steps, ms: rest, share: 0, bytes: null, flops: null }, out),
  ]
  if (top > 0) {
    const slowest = [...units].sort((a, b) => b.ms - a.ms).slice(0, top)
    lines.push(
      '',
      head(`the ${counted(slowest.length, 'slowest operator')}`),
      ...slowest.map((unit) => row(placeOf(unit), inTotal(unit), out)),
    )
  }
  return [...lines, '', ...memoryLines(profile, memory, out)].join('\n')
}

type Row = Pick<TypeProfile, 'calls' | 'ms' | 'share' | 'bytes' | 'flops'>

const inTotal = (unit: UnitProfile): Row => ({
  ...unit,
  bytes: unit.bytes === null ? null : unit.bytes * unit.calls,
  flops: unit.flops === null ? null : unit.flops * unit.calls,
})

const head = (what: string): string =>
  `${what.padEnd(NAME)}  ${'calls'.padStart(7)}  ${'total'.padStart(9)}  ${'share'.padStart(6)}  ${''.padEnd(BAR)}  ${'bytes'.padStart(10)}  GFLOP/s`

function row(name: string, { calls, ms, share, bytes, flops }: Row, out: Output): string {
  const more = out.ascii ? '...' : '…'
  const percent = `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`
  const speed = flops === null || ms === 0 ? '' : (flops / ms / 1e6).toFixed(2)
  return [
    cut(visible(name), NAME, more).padEnd(NAME),
    String(calls).padStart(7),
    formatMs(ms).padStart(9),
    share === 0 ? ''.padStart(6) : percent.padStart(6),
    out.style('blue', bar(share, out.ascii).padEnd(BAR)),
    (bytes === null ? '' : formatBytes(bytes)).padStart(10),
    speed.padStart(7),
  ]
    .join('  ')
    .trimEnd()
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** `share` of the width of a bar, in eighths of a character. */
function bar(share: number, ascii: boolean): string {
  const eighths = Math.round(share * BAR * 8)
  return ascii ? '#'.repeat(Math.round(eighths / 8)) : '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]!
}

function placeOf({ block, first, last, types }: UnitProfile): string {
  return `b${block}#${first}${last === first ? '' : `-${last}`} ${types.join(' + ')}`
}

function memoryLines({ units }: Profile, memory: Profile['memory'], out: Output): string[] {
  if (memory === null) return ['memory  an interpreted program has no plan of it']
  const { arenaBytes, temporaryBytes, peak, alive, values } = memory
  const saved = `${formatBytes(temporaryBytes)} without sharing`
  const lines = [`memory  arena ${formatBytes(arenaBytes)} of temporaries (${saved})`]
  if (peak === null || peak.bytes === 0) return lines
  const unit = units.find(({ block, first, last }) => block === 0 && first <= peak.op && peak.op <= last)
  lines.push(`  most alive: ${formatBytes(peak.bytes)} at ${unit === undefined ? `b0#${peak.op}` : placeOf(unit)}`)
  lines.push(`  ${sparkline(squeezed(alive), SPARKS, out.ascii)}  from the first operator to the last`)
  const largest = values
    .filter(({ first, last }) => first <= peak.op && peak.op <= last)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, ALIVE)
  for (const { names, bytes, first, last } of largest) {
    const name = names.length === 0 ? '(scratch of a kernel)' : names.slice(0, 3).join(', ')
    const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
    lines.push(`  ${formatBytes(bytes).padStart(10)}  ${visible(name)}${more}  #${Math.max(0, first)} to #${last}`)
  }
  return lines
}

/** At most as many numbers as fit a line, each the largest of its part. */
function squeezed(values: readonly number[]): number[] {
  if (values.length <= SPARKS) return [...values]
  return Array.from({ length: SPARKS }, (_, i) => {
    const [from, to] = [i, i + 1].map((part) => Math.floor((part * values.length) / SPARKS)) as [number, number]
    let largest = 0
    for (let k = from; k < to; k++) largest = Math.max(largest, values[k]!)
    return largest
  })
}
