/** What `oarlock opt` runs a program on: values of persistable variables from files, from the startup program or by chance, and feeds. */
import { Executor } from '../compiler/executor.ts'
import type { Program } from '../framework/program.ts'
import { inferenceColumns } from '../io/inference_model.ts'
import type { ModelFiles } from '../io/model_files.ts'
import { persistableVariables } from '../io/params.ts'
import { castParameters } from '../optimizer/amp/parameters.ts'
import { isFloating } from '../tensor/dtype.ts'
import { Generator, uniformFloat64 } from '../tensor/random.ts'
import { Tensor, type Value, writeElement } from '../tensor/tensor.ts'
import type { Context, Named } from './command.ts'
import { type Feed, feedValue } from './feeds.ts'
import { loadProgram } from './load_program.ts'
import { loadBeside, loadValues } from './run_values.ts'

export interface StartValues {
  /** Of every persistable variable. */
  readonly values: ReadonlyMap<string, Value>
  /** True if they were read from files: then passes may compute with them. */
  readonly fromFiles: boolean
}

export interface ValueSources {
  readonly startup?: string | undefined
  readonly load?: string | undefined
  readonly seed: number
}

/** Files go before the startup program; what neither of them sets is drawn from [0.25, 0.75), where logarithms, roots and powers are defined. */
export async function startValues(
  main: Program,
  files: ModelFiles,
  { startup, load, seed }: ValueSources,
  context: Context,
): Promise<StartValues> {
  const executor = new Executor({ seed, backend: 'ts' })
  const { scope } = executor
  try {
    if (load !== undefined) loadValues(executor, main, load, context, (text) => context.out.warn(text))
    else if (startup === undefined) loadBeside(executor, main, files, context)
    const fromFiles = scope.names().length > 0
    if (startup !== undefined && !fromFiles) {
      const { program } = await loadProgram(context.io, startup)
      program.isStartup = true
      executor.run(program)
      castParameters(main, scope)
    }
    const generator = new Generator(seed)
    const values = new Map<string, Value>()
    for (const variable of persistableVariables(main)) {
      values.set(variable.name, scope.get(variable.name) ?? drawn(variable, generator))
    }
    return { values, fromFiles }
  } finally {
    executor.dispose()
  }
}

/** One element where the program leaves a dimension open. */
function drawn({ dtype, shape }: { dtype: Tensor['dtype']; shape: readonly number[] }, generator: Generator): Tensor {
  const tensor = Tensor.zeros(
    dtype,
    shape.map((dim) => Math.abs(dim)),
  )
  for (let i = 0; i < tensor.data.length; i++) {
    const draw = uniformFloat64(generator.engine)
    writeElement(dtype, tensor.data, i, isFloating(dtype) ? 0.25 + draw / 2 : draw < 0.5 ? 0 : 1)
  }
  return tensor
}

/** Sizes that are tried for dimensions that a program leaves open, but for the first: small ones, and those of images. */
export const OPEN_SIZES: readonly number[] = [1, 32, 64, 224]

export interface RandomFeedOptions {
  readonly seed: number
  /** For a first dimension that the program leaves open. */
  readonly rows: number
  /** For other dimensions that it leaves open. */
  readonly size: number
}

/** A value for everything that must be fed: given ones, and the others by chance. */
export async function randomFeeds(
  main: Program,
  given: readonly Named[],
  { seed, rows, size }: RandomFeedOptions,
  { io }: Context,
): Promise<Feed> {
  const options = { generator: new Generator(seed), rows }
  const feed: [string, Feed[string]][] = []
  const { vars } = main.globalBlock()
  const needed = [...vars.values()].filter(({ needCheckFeed }) => needCheckFeed).map(({ name }) => name)
  for (const name of new Set([...needed, ...inferenceColumns(main).feedNames])) {
    const variable = vars.get(name)
    if (variable === undefined || given.some((each) => each.name === name)) continue
    const shape = variable.shape.map((dim, i) => (dim >= 0 ? dim : i === 0 ? rows : size))
    feed.push([name, await feedValue(io, main, { name, value: `random[${shape}]` }, options)])
  }
  for (const each of given) feed.push([each.name, await feedValue(io, main, each, options)])
  return Object.fromEntries(feed)
}
