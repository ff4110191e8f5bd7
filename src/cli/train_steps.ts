/** The steps of a run, the means of an epoch, and the test program after it. */
import type { Executor } from '../compiler/executor.ts'
import type { Program } from '../framework/program.ts'
import type { Generator } from '../tensor/random.ts'
import type { Value } from '../tensor/tensor.ts'
import { type DataSet, type Feed, shuffled } from './feeds.ts'
import { scalarOf } from './fetches.ts'
import { shortNumber } from './output.ts'

/** One step to run. */
export interface Step {
  readonly feed: Feed
  readonly rows: number
  /** Set in the last step of an epoch. */
  readonly epoch?: number
}

export function* overData(
  data: DataSet,
  batch: number,
  total: number,
  fixed: Feed,
  generator: Generator | undefined,
): Iterable<Step> {
  for (let step = 0, epoch = 1; step < total; epoch++) {
    const order = generator === undefined ? undefined : shuffled(data.rows, generator)
    for (let start = 0; start < data.rows && step < total; start += batch) {
      step++
      const end = Math.min(start + batch, data.rows)
      const isLast = end === data.rows || step === total
      yield { feed: { ...fixed, ...data.batch(start, end, order) }, rows: end - start, ...(isLast ? { epoch } : {}) }
    }
  }
}

export function* overList(list: readonly Feed[], total: number, fixed: Feed): Iterable<Step> {
  for (let step = 0; step < total; step++) yield { feed: { ...fixed, ...list[step % list.length] }, rows: 1 }
}

/** Means of the fetched numbers, weighted by rows. */
export class Means {
  #sums = new Map<string, { sum: number; rows: number }>()

  add(names: readonly string[], values: readonly Value[], rows: number): void {
    names.forEach((name, i) => {
      const value = scalarOf(values[i])
      if (value === undefined) return
      const entry = this.#sums.get(name) ?? { sum: 0, rows: 0 }
      this.#sums.set(name, { sum: entry.sum + value * rows, rows: entry.rows + rows })
    })
  }

  values(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, { sum, rows }]) => [name, sum / rows]))
  }

  clear(): void {
    this.#sums.clear()
  }
}

interface TestSet {
  readonly data: DataSet
  readonly batch: number
  /** Fed with every batch. */
  readonly fixed: Feed
}

/** The test program over the test data. */
export class TestRunner {
  readonly #executor: Executor
  readonly #program: Program
  readonly #set: TestSet
  readonly #fetch: readonly string[]

  constructor(executor: Executor, program: Program, set: TestSet, fetch: readonly string[]) {
    this.#executor = executor
    this.#program = program
    this.#set = set
    this.#fetch = fetch
  }

  /** Means of the fetched numbers over all rows. */
  run(): Record<string, number> {
    const { data, batch, fixed } = this.#set
    const means = new Means()
    for (let start = 0; start < data.rows; start += batch) {
      const end = Math.min(start + batch, data.rows)
      const feed = { ...fixed, ...data.batch(start, end) }
      means.add(this.#fetch, this.#executor.run(this.#program, { feed, fetch: this.#fetch }), end - start)
    }
    return means.values()
  }
}

/** `epoch 3/20  loss 0.12  test accuracy 97.2 %`. */
export function epochLine(
  epoch: number,
  epochs: number,
  trained: Readonly<Record<string, number>>,
  tested: Readonly<Record<string, number>> | undefined,
): string {
  const parts = [`epoch ${epoch}/${epochs}`, ...numbers(trained)]
  if (tested !== undefined) parts.push(...numbers(tested).map((text) => `test ${text}`))
  return parts.join('  ')
}

/** An accuracy is a share of rows, whatever Paddle made of its name. */
const numbers = (values: Readonly<Record<string, number>>): string[] =>
  Object.entries(values).map(([name, value]) =>
    /^acc(uracy)?(_|$)/.test(name) ? `accuracy ${(value * 100).toFixed(1)} %` : `${name} ${shortNumber(value)}`,
  )
