/**
 * A run like the one before: the program unedited, the scope with the same variables in the same places, the same fetches, and feeds of the
 * same types and sizes. What was checked then holds still, so a training loop pays for a few comparisons and its operators, and allocates
 * nothing but what it returns. Every doubt is answered with no: then the executor checks everything anew.
 */
import type { Program } from '../framework/program.ts'
import { Variable } from '../framework/variable.ts'
import type { DType, TensorData } from '../tensor/dtype.ts'
import { type Shape, sameShape } from '../tensor/shape.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import type { LastRun, RunOptions } from './executor.ts'
import type { FeedValue } from './feed.ts'
import type { Plan } from './plan.ts'
import type { Scope } from './scope.ts'

/** What a feed was: a tensor of this type and shape, or a bare typed array of this class and length. */
interface FeedKind {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  readonly length: number
  /** Of a bare typed array. */
  readonly type: unknown
}

export class RepeatedRun {
  readonly lastRun: LastRun
  readonly #program: Program
  readonly #edits: number
  readonly #scope: Scope
  readonly #scopeVersion: number
  readonly #plan: Plan
  readonly #fetches: readonly string[]
  readonly #kinds: readonly FeedKind[]
  /** Emptied by each run: no array of the caller is kept alive. */
  readonly #feeds: TensorData[] = []

  private constructor(
    program: Program,
    scope: Scope,
    plan: Plan,
    fetches: readonly string[],
    kinds: readonly FeedKind[],
    lastRun: LastRun,
  ) {
    this.#program = program
    this.#edits = program.edits
    this.#scope = scope
    this.#scopeVersion = scope.version
    this.#plan = plan
    this.#fetches = fetches
    this.#kinds = kinds
    this.lastRun = lastRun
  }

  /** After a run by `plan`. @returns undefined where a feed, such as nested lists, must be looked at each time. */
  static after(
    program: Program,
    scope: Scope,
    plan: Plan,
    options: RunOptions,
    fed: ReadonlyMap<string, Value>,
    lastRun: LastRun,
  ): RepeatedRun | undefined {
    const kinds: FeedKind[] = []
    for (const [name, given] of Object.entries(options.feed ?? {})) {
      const value = fed.get(name)
      if (!(value instanceof Tensor) || value.data.length === 0) return undefined
      if (!(given instanceof Tensor) && !ArrayBuffer.isView(given)) return undefined
      const type = given instanceof Tensor ? undefined : given.constructor
      const { dtype, shape, data } = value
      kinds.push({ name, dtype, shape: [...shape], length: data.length, type })
    }
    const fetches = (options.fetch ?? []).map((item) => (item instanceof Variable ? item.name : item))
    return new RepeatedRun(program, scope, plan, fetches, kinds, lastRun)
  }

  /** Takes the feeds of a run like the one before; false if it is another one. */
  accepts({ feed, fetch }: RunOptions): boolean {
    if (this.#program.edits !== this.#edits || this.#scope.version !== this.#scopeVersion) return false
    const count = fetch === undefined ? 0 : fetch.length
    if (count !== this.#fetches.length) return false
    for (let i = 0; i < count; i++) {
      const item = fetch![i]
      if ((item instanceof Variable ? item.name : item) !== this.#fetches[i]) return false
    }
    const feeds = this.#feeds
    feeds.length = 0
    for (const name in feed) {
      const kind = this.#kinds[feeds.length]
      const known = kind?.name === name && Object.hasOwn(feed, name)
      const data = known ? elements(kind, feed[name]!) : undefined
      if (data === undefined) return false
      feeds.push(data)
    }
    return feeds.length === this.#kinds.length
  }

  /** Runs on the feeds that {@link accepts} took. */
  run(): Value[] {
    try {
      return this.#plan.run(this.#feeds)
    } finally {
      this.#feeds.length = 0
    }
  }
}

/** The elements of a feed of this kind; one that was transferred to another thread has none left, so its length is another. */
function elements({ type, dtype, shape, length }: FeedKind, given: FeedValue): TensorData | undefined {
  let data: TensorData
  if (type === undefined) {
    if (!(given instanceof Tensor) || given.dtype !== dtype || !sameShape(given.shape, shape)) return undefined
    data = given.data
  } else {
    if (!ArrayBuffer.isView(given) || given.constructor !== type) return undefined
    data = given as TensorData
  }
  return data.length === length ? data : undefined
}
