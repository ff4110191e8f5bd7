/** Runs a replayed program and compares initial values bit for bit, and every step with the recorded trace. */
import { Executor } from '../../src/compiler/executor.ts'
import { schedulerOf } from '../../src/optimizer/lr/attach.ts'
import { dtypeToProto } from '../../src/tensor/dtype.ts'
import { seed } from '../../src/tensor/random.ts'
import { SelectedRows, Tensor, tensor, type Value } from '../../src/tensor/tensor.ts'
import { valueFromJSON } from '../../src/tensor/tensor_json.ts'
import type { Replayed } from './apply_calls.ts'
import type { Recording, Trace } from './recording.ts'

/** Each tensor within this share of its largest magnitude, each scalar within this share of itself. */
const TOLERANCE = 1e-5

/** What differs, one line each. */
export function runTrace(recording: Recording, { main, startup }: Replayed): string[] {
  const faults: string[] = []
  const { meta } = recording
  const executor = new Executor()
  seed(meta.paddle_seed)
  executor.run(startup)
  const initial = recording.json<Record<string, unknown>>('initial') ?? {}
  for (const [name, json] of Object.entries(initial)) {
    if (json === null) continue
    const fault = compareBits(valueFromJSON(json), executor.scope.get(name))
    if (fault !== undefined) faults.push(`initial ${name}: ${fault}`)
    executor.scope.set(name, valueFromJSON(json))
  }
  // The recorded steps start from the seed again.
  seed(meta.paddle_seed)
  const feeds = recording.json<Record<string, unknown>[]>('feeds') ?? []
  const sets = recording.json<Record<string, unknown>[]>('sets')
  const trace = recording.json<Trace>('trace')
  // Paddle's CPU build cannot run half precision, so of such programs there is the text alone.
  if (trace === undefined) return faults
  const scheduler = schedulerOf(main)
  if (meta.scheduler !== undefined && scheduler === undefined) faults.push('the program has no live schedule')
  const fetch = meta.fetches
  for (const step of trace.steps) {
    const set = Object.entries(sets?.[step.step] ?? {}).map(([name, json]) => [name, valueFromJSON(json)] as const)
    // A live schedule must write the rate itself; only the shape [1], which the recording gave it, is taken over.
    for (const [name, value] of set) executor.scope.set(name, scheduler === undefined ? value : unknownLike(value))
    const rate = meta.lr_values?.[step.step]
    if (rate !== undefined && scheduler !== undefined && !isClose(scheduler.lastLr, rate)) {
      faults.push(`step ${step.step} schedule: ${scheduler.lastLr}, recorded ${rate}`)
    }
    const got = executor.run(main, { feed: feedOf(feeds, step.step), fetch })
    fetch.forEach((name, i) => {
      compare(`step ${step.step} ${name}`, step.fetches[name], got[i], faults)
    })
    for (const [name, json] of Object.entries(step.vars ?? {})) {
      compare(`step ${step.step} ${name}`, json, executor.scope.get(name), faults)
    }
    for (const [name, value] of set) {
      const fault = compareBits(value, executor.scope.get(name))
      if (fault !== undefined) faults.push(`step ${step.step} set ${name}: ${fault}`)
    }
    scheduler?.step()
    if (faults.length > 20) return faults
  }
  for (const [name, json] of Object.entries(trace.final ?? {}))
    compare(`final ${name}`, json, executor.scope.get(name), faults)
  const test = recording.program('test')
  if (test !== undefined && trace.test !== undefined) {
    const names = Object.keys(trace.test.fetches)
    const all = feedOf(feeds, trace.test.feed_index)
    const feed = Object.fromEntries(Object.entries(all).filter(([name]) => test.globalBlock().hasVar(name)))
    const got = executor.run(test, { feed, fetch: names })
    names.forEach((name, i) => {
      compare(`test ${name}`, trace.test!.fetches[name], got[i], faults)
    })
  }
  executor.dispose()
  return faults
}

function feedOf(feeds: readonly Record<string, unknown>[], step: number): Record<string, Value> {
  const feed = feeds.length === 0 ? {} : feeds[step % feeds.length]!
  return Object.fromEntries(Object.entries(feed).map(([name, json]) => [name, valueFromJSON(json)]))
}

/** NaN in place of every element. */
function unknownLike(value: Value): Value {
  return value instanceof Tensor ? tensor(Array(value.size).fill(Number.NaN), value.dtype, value.shape) : value
}

const isClose = (got: number, wanted: number): boolean => Math.abs(got - wanted) <= 1e-12 * Math.abs(wanted)

function compareBits(wanted: Value, got: Value | undefined): string | undefined {
  if (!(wanted instanceof Tensor)) return undefined
  if (!(got instanceof Tensor)) return 'has no value'
  if (wanted.dtype !== got.dtype || wanted.shape.join() !== got.shape.join()) {
    return `is ${got.dtype} [${got.shape}], recorded ${wanted.dtype} [${wanted.shape}] (type ${dtypeToProto(wanted.dtype)})`
  }
  const bytes = (value: Tensor): Uint8Array =>
    new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength)
  const a = bytes(wanted)
  const b = bytes(got)
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at < 0 ? undefined : `differs in its bits from byte ${at} on`
}

function compare(label: string, json: unknown, got: Value | undefined, faults: string[]): void {
  if (json === null || json === undefined) return
  const wanted = valueFromJSON(json)
  const a = wanted instanceof SelectedRows ? wanted.value : wanted
  const b = got instanceof SelectedRows ? got.value : got
  if (!(a instanceof Tensor)) return
  if (!(b instanceof Tensor)) {
    faults.push(`${label}: has no value`)
    return
  }
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) {
    faults.push(`${label}: is ${b.dtype} [${b.shape}], recorded ${a.dtype} [${a.shape}]`)
    return
  }
  let largest = 0
  for (let i = 0; i < a.size; i++)
    if (Number.isFinite(Number(a.at(i)))) largest = Math.max(largest, Math.abs(Number(a.at(i))))
  for (let i = 0; i < a.size; i++) {
    const p = Number(a.at(i))
    const r = Number(b.at(i))
    if (Object.is(p, r) || p === r || Math.abs(p - r) <= TOLERANCE * largest) continue
    faults.push(`${label}: element ${i} is ${r}, recorded ${p}`)
    return
  }
}
