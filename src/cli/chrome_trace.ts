/** A profile as trace events, the JSON that chrome://tracing, Perfetto and Speedscope read. Times in it are microseconds. */
import type { Profile, ProfileEvent } from '../compiler/profiler.ts'

const PROCESS = 1
const THREAD = 1

/** The document, piece by piece: a long trace may not fit into one text. */
export function* chromeTrace(
  events: readonly ProfileEvent[],
  { memory, run }: Profile,
  file: string,
): Iterable<string> {
  const named = (name: string, value: string): object => ({
    name,
    ph: 'M',
    pid: PROCESS,
    tid: THREAD,
    args: { name: value },
  })
  const origin = events[0]?.unit.begin ?? 0
  const at = (ms: number): number => Math.round((ms - origin) * 1e6) / 1000
  yield `{"displayTimeUnit":"ms","otherData":${JSON.stringify({ file, engine: run.engine, backend: run.backend })},"traceEvents":[\n`
  yield `${JSON.stringify(named('process_name', `oarlock ${file}`))},\n${JSON.stringify(named('thread_name', 'operators'))}`
  let step: { readonly number: number; readonly begin: number; end: number } | undefined
  const stepEvent = (): string =>
    step === undefined
      ? ''
      : `,\n${JSON.stringify({ name: `step ${step.number}`, cat: 'step', ph: 'X', ts: at(step.begin), dur: at(step.end) - at(step.begin), pid: PROCESS, tid: THREAD })}`
  for (const { step: number, unit, types } of events) {
    if (step?.number !== number) {
      yield stepEvent()
      step = { number, begin: unit.begin, end: unit.end }
    }
    step.end = Math.max(step.end, unit.end)
    const { block, first, last, compiled } = unit
    yield `,\n${JSON.stringify({
      name: types.join(' + '),
      cat: compiled ? 'compiled' : 'kernel',
      ph: 'X',
      ts: at(unit.begin),
      dur: at(unit.end) - at(unit.begin),
      pid: PROCESS,
      tid: THREAD,
      args: { block, first, last },
    })}`
    const alive = block === 0 ? memory?.alive[first] : undefined
    if (alive !== undefined) {
      yield `,\n${JSON.stringify({ name: 'alive temporaries', ph: 'C', ts: at(unit.begin), pid: PROCESS, args: { bytes: alive } })}`
    }
  }
  yield stepEvent()
  yield '\n]}\n'
}
