/** Mixed precision of a recorded call: the arguments of paddle.static.amp.decorate, as data, around the optimizer. */

import { ops } from '../../src/ops/index.ts'
import * as amp from '../../src/optimizer/amp/amp.ts'
import type { Optimizer } from '../../src/optimizer/optimizer.ts'
import { camelCase } from './camel_case.ts'
import type { Meta } from './recording.ts'

/** What a CPU build of Paddle can run in half precision; programs recorded from one (amp_cpu_*) take all other operators for unable. */
const HALF_ON_CPU: ReadonlySet<string> = new Set([
  ...['conditional_block', 'conditional_block_infer', 'select_input', 'while', 'cast', 'tensor_array_to_tensor'],
  ...['lod_array_length', 'write_to_array'],
])

export function decorated(optimizer: Optimizer, meta: Meta): amp.OptimizerWithMixedPrecision {
  const { amp_lists: custom, ...args } = meta.amp as {
    readonly amp_lists?: Readonly<Record<string, readonly string[]>>
    readonly dtype?: amp.HalfType
    readonly use_bf16?: boolean
  }
  const options = Object.fromEntries(Object.entries(args).map(([name, value]) => [camelCase(name), value]))
  const onCpu = meta.name.startsWith('amp_cpu_')
  const lists = Object.fromEntries(Object.entries(custom ?? {}).map(([name, value]) => [camelCase(name), value]))
  return amp.decorate(optimizer, {
    ...options,
    ampLists: new amp.AutoMixedPrecisionLists({
      dtype: args.dtype ?? (args.use_bf16 === true ? 'bfloat16' : 'float16'),
      ...lists,
      unsupportedList: onCpu ? Object.keys(ops).filter((type) => !HALF_ON_CPU.has(type)) : [],
    }),
  })
}
