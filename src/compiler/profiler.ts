/** Times of operators, collected while programs run: an observer for an Executor. */
import type { LastRun } from '../executor/executor.ts'
import type { RunObserver, UnitRun } from '../executor/observer.ts'
import type { Plan } from '../executor/plan.ts'
import type { MemoryTimeline } from '../executor/plan_memory.ts'
import { findOp } from '../framework/op_def.ts'
import type { Operator } from '../framework/operator.ts'
import { flopsOf } from '../ops/index.ts'
import { byteSize } from '../tensor/dtype.ts'
import { numel } from '../tensor/shape.ts'

/** Events that are kept for a trace: those of a million operators. */
const MOST_EVENTS = 1_000_000

/** An operator, or several that run as one kernel. */
export interface UnitProfile {
  readonly block: number
  /** Indices of the first and the last operator. */
  readonly first: number
  readonly last: number
  readonly types: readonly string[]
  readonly compiled: boolean
  readonly calls: number
  /** All calls together, without what operators of blocks inside took. */
  readonly ms: number
  /** Of the time of all units. */
  readonly share: number
  /** Bytes that one call reads and writes, each tensor once; null where only the interpreter knows. */
  readonly bytes: number | null
  /** Of products and convolutions in one call; null for others. */
  readonly flops: number | null
}

export interface TypeProfile {
  /** An operator type, or those of one kernel with ` + ` between. */
  readonly type: string
  readonly calls: number
  readonly ms: number
  readonly share: number
  /** All calls together. */
  readonly bytes: number | null
  readonly flops: number | null
  readonly compiled: boolean
}

export interface Profile {
  readonly run: LastRun
  readonly steps: number
  /** Whole steps, from the checks of feeds to the copies of fetched values. */
  readonly stepMs: readonly number[]
  /** The slowest first. */
  readonly types: readonly TypeProfile[]
  /** In the order in which they run. */
  readonly units: readonly UnitProfile[]
  /** Null where the program was interpreted. */
  readonly memory: MemoryTimeline | null
}

/** One run of a unit, for a trace; times as in {@link UnitRun}. */
export interface ProfileEvent {
  readonly step: number
  readonly unit: UnitRun
  readonly types: readonly string[]
}

interface Collected {
  readonly unit: UnitRun
  readonly types: readonly string[]
  calls: number
  ms: number
}

/**
 * @example
 * const profiler = new Profiler()
 * const executor = new Executor({ observer: profiler })
 * executor.run(main, options)   // plans and compiles
 * profiler.start()
 * executor.run(main, options)
 * console.log(profiler.report().types)
 */
export class Profiler implements RunObserver {
  readonly units = true
  readonly events: ProfileEvent[] = []
  /** Events beyond the limit, which were counted but not kept. */
  dropped = 0
  #recording = false
  #plan: Plan | undefined
  #lastRun: LastRun | undefined
  #stepMs: number[] = []
  readonly #collected = new Map<string, Collected>()
  /** Units that no operator around them has claimed yet. */
  #unclaimed: { readonly begin: number; readonly ms: number }[] = []

  /** From here on runs are measured. */
  start(): void {
    this.#recording = true
  }

  planned(plan: Plan): void {
    this.#plan = plan
  }

  ran(unit: UnitRun, ops: readonly Operator[]): void {
    if (!this.#recording) return
    const whole = unit.end - unit.begin
    let own = whole
    // What ran while this unit ran, ran inside it.
    for (
      let inner = this.#unclaimed.at(-1);
      inner !== undefined && inner.begin >= unit.begin;
      inner = this.#unclaimed.at(-1)
    ) {
      own -= inner.ms
      this.#unclaimed.pop()
    }
    if (unit.block !== 0) this.#unclaimed.push({ begin: unit.begin, ms: whole })
    const key = `${unit.block}:${unit.first}:${unit.last}`
    let entry = this.#collected.get(key)
    if (entry === undefined) {
      const types = ops.slice(unit.first, unit.last + 1).map(({ type }) => type)
      this.#collected.set(key, (entry = { unit, types, calls: 0, ms: 0 }))
    }
    entry.calls++
    entry.ms += own
    if (this.events.length < MOST_EVENTS) this.events.push({ step: this.#stepMs.length, unit, types: entry.types })
    else this.dropped++
  }

  finished(run: LastRun, ms: number): void {
    this.#lastRun = run
    if (this.#recording) this.#stepMs.push(ms)
  }

  /** What was measured since `start`. At least one run must have been. */
  report(): Profile {
    const plan = this.#lastRun?.engine === 'plan' ? this.#plan : undefined
    const collected = [...this.#collected.values()].sort(
      (a, b) => a.unit.block - b.unit.block || a.unit.first - b.unit.first,
    )
    const total = collected.reduce((sum, { ms }) => sum + ms, 0)
    const units = collected.map(({ unit, types, calls, ms }): UnitProfile => {
      const { block, first, last, compiled } = unit
      const work = plan === undefined || block !== 0 ? { bytes: null, flops: null } : workOf(plan, first, last)
      return { block, first, last, types, compiled, calls, ms, share: total === 0 ? 0 : ms / total, ...work }
    })
    return {
      run: this.#lastRun!,
      steps: this.#stepMs.length,
      stepMs: this.#stepMs,
      types: byType(units),
      units,
      memory: plan?.memory ?? null,
    }
  }
}

function workOf(plan: Plan, first: number, last: number): { bytes: number; flops: number | null } {
  const bytes = plan.tensorsOf(first, last).reduce((sum, { shape, dtype }) => sum + numel(shape) * byteSize(dtype), 0)
  const { program } = plan
  let flops: number | null = null
  for (let index = first; index <= last; index++) {
    const op = program.globalBlock().ops[index]!
    const { inputs, outputs } = plan.slotsOf(index)
    const shapes = Object.fromEntries(
      [...Object.entries(inputs), ...Object.entries(outputs)].map(([slot, list]) => [slot, list[0]?.shape]),
    )
    const count = flopsOf(op.type, op.filledAttrs(findOp(program.library, op.type)!), shapes)
    if (count !== undefined) flops = (flops ?? 0) + count
  }
  return { bytes, flops }
}

function byType(units: readonly UnitProfile[]): TypeProfile[] {
  const found = new Map<string, TypeProfile>()
  const add = (a: number | null, b: number | null, calls: number): number | null =>
    b === null ? a : (a ?? 0) + b * calls
  for (const { types, calls, ms, share, bytes, flops, compiled } of units) {
    const type = types.join(' + ')
    const known = found.get(type) ?? { type, calls: 0, ms: 0, share: 0, bytes: null, flops: null, compiled: false }
    found.set(type, {
      type,
      calls: known.calls + calls,
      ms: known.ms + ms,
      share: known.share + share,
      bytes: add(known.bytes, bytes, calls),
      flops: add(known.flops, flops, calls),
      compiled: known.compiled || compiled,
    })
  }
  return [...found.values()].sort((a, b) => b.ms - a.ms)
}
