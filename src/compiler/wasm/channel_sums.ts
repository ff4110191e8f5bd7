/** Sums over everything but the channels: vectors of float32 within a plane, added up in float64 from plane to plane. */
import type { ChannelView } from '../../ops/nn/channels.ts'
import { loadLanes } from './elements.ts'
import type { FunctionBuilder, I32, Local, Vector } from './function_builder.ts'
import { f32x4, f64, f64x2, i32, v128 } from './instructions.ts'
import { laneMask } from './reduction.ts'

/** Vectors of sums that are made side by side. */
const SUMS = 4

/**
 * Emits the sums of `count` values at every element of one channel. `tensors` are the addresses of the channel's first element in tensors that
 * lie alike, and `values` makes the values of what is loaded from them.
 */
export function emitChannelSums(
  f: FunctionBuilder,
  { outer, channels, inner }: ChannelView,
  tensors: readonly I32[],
  count: number,
  values: (loaded: readonly Vector[]) => readonly Vector[],
): Local<'f64'>[] {
  const totals = Array.from({ length: count }, () => f.let(f64.const(0)))
  const bases = tensors.map((address) => f.let(address))
  const chains = inner >= 64 ? SUMS / count : 1
  const sums = f.locals('v128', chains * count)
  const at = f.local('i32')
  const add = (chain: number, offset: number, lanes: number): void => {
    const loaded = bases.map((base) => f.let(loadLanes(i32.add(base, at), lanes, offset)))
    values(loaded).forEach((value, i) => {
      const sum = sums[chain * count + i]!
      f.set(sum, f32x4.add(sum, lanes === 4 ? value : v128.and(value, laneMask(lanes))))
    })
  }
  f.count(f.local('i32'), 0, outer, 1, () => {
    for (const sum of sums) f.set(sum, f32x4.const(0))
    f.set(at, i32.const(0))
    const turns = Math.floor(inner / (4 * chains))
    f.count(f.local('i32'), 0, turns, 1, () => {
      for (let c = 0; c < chains; c++) add(c, 16 * c, 4)
      f.advance(at, 16 * chains)
    })
    for (let done = turns * 4 * chains, offset = 0; done < inner; done += 4, offset += 16) {
      add(0, offset, Math.min(4, inner - done))
    }
    totals.forEach((total, i) => {
      let sum: Vector = sums[i]!
      for (let c = 1; c < chains; c++) sum = f32x4.add(sum, sums[c * count + i]!)
      const all = f.let(sum)
      const high = f64x2.promoteLowF32x4(v128.shuffle32(all, all, [2, 3, 2, 3]))
      const pair = f.let(f64x2.add(f64x2.promoteLowF32x4(all), high))
      f.set(total, f64.add(total, f64.add(f64x2.extractLane(pair, 0), f64x2.extractLane(pair, 1))))
    })
    for (const base of bases) f.advance(base, 4 * channels * inner)
  })
  return totals
}
