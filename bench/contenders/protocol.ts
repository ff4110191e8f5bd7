/**
 * The side of a contender: a process that prepares works and runs short bursts of them when the orchestrator asks. One JSON object a line;
 * lines of answers begin with `@`, so that what a library prints does no harm.
 *
 *   {"prepare": WORK}          → {"ready": true, "check": a number that all contenders must agree on} or {"cannot": "why"}
 *   {"run": WORK, "ms": 20}    → {"times": {PHASE: milliseconds a call}}; PHASE is "" where a call is one measurement
 *   {"drop": WORK}             → {"dropped": true}
 *   {"about": true}            → {"about": "library and version"}
 */
import { createInterface } from 'node:readline'

/** Milliseconds by phase, for calls that take their own times. */
export type Phases = Readonly<Record<string, number>>

export interface Prepared {
  /** One call of the work. What it returns, or its promise gives, are phases or nothing. */
  readonly call: () => unknown
  /** Of the first result: a loss, or an element of an output. Contenders whose numbers differ do not do the same work. */
  readonly check?: number
  readonly drop?: () => void
}

/** How to prepare each work that the contender can do. A throw is the reason why it cannot. */
export type Works = Readonly<Record<string, () => Prepared | Promise<Prepared>>>

export async function serve(about: string, works: Works): Promise<void> {
  const prepared = new Map<string, Prepared>()
  const answer = async (request: { prepare?: string; run?: string; ms?: number; drop?: string }): Promise<object> => {
    if (request.prepare !== undefined) {
      const prepare = works[request.prepare]
      if (prepare === undefined) return { cannot: 'has no way to do it' }
      try {
        const ready = await prepare()
        prepared.set(request.prepare, ready)
        return { ready: true, ...(ready.check === undefined ? {} : { check: ready.check }) }
      } catch (error) {
        return { cannot: error instanceof Error ? error.message : String(error) }
      }
    }
    if (request.run !== undefined) return { times: await burst(prepared.get(request.run)!, request.ms!) }
    if (request.drop !== undefined) {
      prepared.get(request.drop)?.drop?.()
      prepared.delete(request.drop)
      return { dropped: true }
    }
    return { about }
  }
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`@${JSON.stringify(await answer(JSON.parse(line)))}\n`)
  }
  process.exit(0)
}

/** Calls for about `ms` milliseconds, at least once; the mean of a call. Of phases the least: they are one shot each. */
async function burst({ call }: Prepared, ms: number): Promise<Phases> {
  const began = performance.now()
  let calls = 0
  let elapsed = 0
  let phases: Phases | undefined
  do {
    const result = call()
    const given = result instanceof Promise ? await result : result
    calls++
    if (isPhases(given)) phases = phases === undefined ? given : least(phases, given)
    elapsed = performance.now() - began
  } while (elapsed < ms)
  return phases ?? { '': elapsed / calls }
}

const isPhases = (value: unknown): value is Phases =>
  typeof value === 'object' &&
  value !== null &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Object.values(value).every((ms) => typeof ms === 'number')

const least = (a: Phases, b: Phases): Phases =>
  Object.fromEntries(Object.entries(a).map(([phase, ms]) => [phase, Math.min(ms, b[phase]!)]))
