/**
 * Sums over everything but the channels, of a group of channels at a time: planes of a group lie side by side, so memory is read in long runs.
 * Within a plane vectors of float32 are summed, from plane to plane numbers of float64.
 */
import type { ChannelView } from '../../ops/nn/channels.ts'
import { loadLanes } from './elements.ts'
import type { FunctionBuilder, I32, Local, Vector } from './function_builder.ts'
import { f32x4, f64, f64x2, i32, v128 } from './instructions.ts'
import { laneMask } from './reduction.ts'

/** Vectors of sums that are made side by side. */
const SUMS = 4

/** Bytes of a group in one image, for long runs; and in all images, so that a second reading finds them in a second-level cache. */
const RUN_BYTES = 1 << 13
const GROUP_BYTES = 1 << 18

/** Channels of a group. */
export function groupSize({ outer, inner }: ChannelView): number {
  const most = Math.floor(GROUP_BYTES / (4 * outer * inner))
  return Math.max(1, Math.min(Math.ceil(RUN_BYTES / (4 * inner)), most))
}

export interface SummedTensor {
  readonly address: I32
  /** True where all channels read the same plane. */
  readonly repeated: boolean
}

/**
 * Adds `count` values of every element of the channels [first, end) to the float64 numbers at `totals`, `stride` bytes from channel to channel.
 * `prepare` is called for each plane, and gives the function that makes the values of what is loaded from the tensors, which lie alike.
 */
export function emitChannelSums(
  f: FunctionBuilder,
  { outer, channels, inner }: ChannelView,
  range: { readonly first: I32; readonly end: I32 },
  tensors: readonly SummedTensor[],
  totals: I32,
  stride: number,
  count: number,
  prepare: (channel: Local<'i32'>) => (loaded: readonly Vector[]) => readonly Vector[],
): void {
  const chains = inner >= 64 ? SUMS / count : 1
  const sums = f.locals('v128', chains * count)
  const [channel, at, total] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const images = tensors.map(({ address, repeated }) =>
    repeated ? address : f.let(i32.add(address, i32.mul(range.first, i32.const(4 * inner)))),
  )
  const planes = tensors.map(({ address, repeated }) => (repeated ? address : f.local('i32')))
  const eachMoving = (move: (index: number) => void): void => {
    tensors.forEach(({ repeated }, i) => {
      if (!repeated) move(i)
    })
  }
  f.count(f.local('i32'), 0, outer, 1, () => {
    eachMoving((i) => f.set(planes[i] as Local<'i32'>, images[i]!))
    f.set(total, i32.add(totals, i32.mul(range.first, i32.const(stride))))
    f.count(channel, range.first, range.end, 1, () => {
      const values = prepare(channel)
      const add = (chain: number, offset: number, lanes: number): void => {
        const loaded = planes.map((plane) => f.let(loadLanes(i32.add(plane, at), lanes, offset)))
        values(loaded).forEach((value, i) => {
          const sum = sums[chain * count + i]!
          f.set(sum, f32x4.add(sum, lanes === 4 ? value : v128.and(value, laneMask(lanes))))
        })
      }
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
      for (let i = 0; i < count; i++) {
        let sum: Vector = sums[i]!
        for (let c = 1; c < chains; c++) sum = f32x4.add(sum, sums[c * count + i]!)
        const all = f.let(sum)
        const high = f64x2.promoteLowF32x4(v128.shuffle32(all, all, [2, 3, 2, 3]))
        const pair = f.let(f64x2.add(f64x2.promoteLowF32x4(all), high))
        const added = f64.add(f64x2.extractLane(pair, 0), f64x2.extractLane(pair, 1))
        f.do(f64.store(total, f64.add(f64.load(total, 8 * i), added), 8 * i))
      }
      f.advance(total, stride)
      eachMoving((i) => f.advance(planes[i] as Local<'i32'>, 4 * inner))
    })
    eachMoving((i) => f.advance(images[i] as Local<'i32'>, 4 * channels * inner))
  })
}
