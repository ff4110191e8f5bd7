/** The steps that the feeding flags of run and profile mean: fixed feeds, a list of feeds, or a data set cut into batches. */
import type { Limits } from '../framework/limits.ts'
import type { Program } from '../framework/program.ts'
import { Generator } from '../tensor/random.ts'
import { usage } from './command.ts'
import { DataSet, type Feed, feedValue, readFeeds } from './feeds.ts'
import type { Io } from './io.ts'
import { DEFAULT_BATCH, type RunFlags } from './run.ts'
import { overData, overList, type Step } from './train_steps.ts'

export type FeedingFlags = Pick<RunFlags, 'feed' | 'feeds' | 'data' | 'batch' | 'epochs' | 'shuffle' | 'steps'>

export interface StepPlan {
  readonly total: number
  readonly epochs: number
  readonly steps: Iterable<Step>
  /** What is fed in every step. */
  readonly fixed: Feed
}

/** @throws InvalidArgumentError E703 for flags that do not go together, and what reading files throws. */
export async function stepPlan(
  io: Io,
  flags: FeedingFlags,
  main: Program,
  seed: number,
  limits?: Limits,
): Promise<StepPlan> {
  const fixed: Feed = {}
  const rows = flags.batch ?? 1
  const options = { generator: new Generator(seed), rows, ...(limits === undefined ? {} : { limits }) }
  for (const feed of flags.feed ?? []) setFeed(fixed, feed.name, await feedValue(io, main, feed, options))
  if (flags.data !== undefined) {
    const data = await DataSet.read(io, flags.data, '--data')
    const batch = Math.min(flags.batch ?? DEFAULT_BATCH, data.rows)
    const perEpoch = Math.ceil(data.rows / batch)
    const epochs = flags.epochs ?? (flags.steps === undefined ? 1 : Math.ceil(flags.steps / perEpoch))
    const total = Math.min(flags.steps ?? Infinity, epochs * perEpoch)
    const order = flags.shuffle === true ? new Generator(seed) : undefined
    return { total, epochs, steps: overData(data, batch, total, fixed, order), fixed }
  }
  const list = flags.feeds === undefined ? [{}] : await readFeeds(io, flags.feeds)
  for (const name of Object.keys(fixed)) {
    if (list.some((step) => Object.hasOwn(step, name))) {
      throw usage(`"${name}" is fed twice: by --feed and in ${flags.feeds}`, { got: name })
    }
  }
  const total = flags.steps ?? list.length
  return { total, epochs: 1, steps: overList(list, total, fixed), fixed }
}

/** By definition, not by assignment: a variable may be called __proto__. */
function setFeed(feed: Feed, name: string, value: Feed[string]): void {
  Object.defineProperty(feed, name, { value, enumerable: true, configurable: true, writable: true })
}
