/**
 * Parameters of a program that mixed precision rewrote: the startup program sets them in float32, the main program reads half numbers.
 * Source: python/paddle/static/amp/fp16_utils.py, cast_parameters_to_fp16 (2.6.2).
 */
import type { Program } from '../../framework/program.ts'
import { isHalf } from '../../tensor/dtype.ts'
import { float32ToHalf, halfToFloat32 } from '../../tensor/half.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { masterPairs } from '../master_weights.ts'
import type { ValueStore } from '../value_store.ts'
import type { HalfType } from './lists.ts'

export interface CastParametersOptions {
  /** Only these. Default: all parameters that the program has in a half type. */
  readonly names?: ReadonlySet<string>
  /** Sets master weights from the rounded parameters. */
  readonly rewriteMasterWeight?: boolean
}

/**
 * Rounds the float32 values of half parameters to nearest even, in place of Paddle's truncation on a CPU. Values that are half already stay.
 * @returns the names of the parameters that were rounded.
 */
export function castParameters(program: Program, values: ValueStore, options: CastParametersOptions = {}): string[] {
  const masters =
    options.rewriteMasterWeight === true
      ? new Map(masterPairs(program).map(({ param, master }) => [param, master]))
      : new Map<string, string>()
  const cast: string[] = []
  for (const param of program.parameters()) {
    if (!isHalf(param.dtype) || (options.names !== undefined && !options.names.has(param.name))) continue
    const value = values.get(param.name)
    if (!(value instanceof Tensor) || value.dtype !== 'float32') continue
    const bits = new Uint16Array(value.size)
    float32ToHalf(param.dtype as HalfType, value.data as Float32Array, bits)
    values.set(param.name, new Tensor(param.dtype, value.shape, bits))
    cast.push(param.name)
    const master = masters.get(param.name)
    if (master === undefined) continue
    const wide = new Float32Array(value.size)
    halfToFloat32(param.dtype as HalfType, bits, wide)
    values.set(master, new Tensor('float32', value.shape, wide))
  }
  return cast
}
