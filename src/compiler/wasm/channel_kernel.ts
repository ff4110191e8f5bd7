/** Kernels that make statistics of each channel, or each row, a group at a time: sums over the elements, then float64 numbers of them. */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { ChannelView } from '../../ops/nn/channels.ts'
import { emitChannelSums, groupSize } from './channel_sums.ts'
import type { FunctionBuilder, I32, Vector } from './function_builder.ts'
import { type Code, f32, f32x4, f64, i32 } from './instructions.ts'
import type { Kernel, KernelArgument } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'

export type F64 = Code<'f64'>

/** The numbers of one channel. Tensors are named; one that is not there is not written, and read as the given constant. */
export interface Channel {
  load(name: string, otherwise?: number): F64
  store(name: string, value: F64): void
  /** Numbers that live while the kernel works on the group; sums are added to them. */
  number(index: number): F64
  keep(index: number, value: F64): void
}

/** Channels that are worked on together. */
export interface ChannelGroup {
  readonly f: FunctionBuilder
  each(body: (channel: Channel) => void): void
  /**
   * Puts sums over the elements of tensors into `count` numbers from number `first` on. `repeated` tensors have one plane for all channels.
   * `prepare` gives what makes the values of four elements.
   */
  sum(
    sums: {
      readonly first: number
      readonly count: number
      readonly tensors: readonly string[]
      readonly repeated?: readonly string[]
    },
    prepare: (channel: Channel) => (loaded: readonly Vector[]) => readonly Vector[],
  ): void
}

interface ChannelKernel {
  readonly key: string
  readonly view: ChannelView
  /** Bytes that are read. */
  readonly work: number
  /** Numbers that are kept for each channel. */
  readonly numbers: number
  readonly reads: Readonly<Record<string, PlannedTensor | undefined>>
  readonly writes: Readonly<Record<string, PlannedTensor | undefined>>
  readonly body: (group: ChannelGroup) => void
}

export function channelKernel({ key, view, work, numbers, reads, writes, body }: ChannelKernel): Kernel {
  const named = Object.entries({ ...reads, ...writes }).filter(([, tensor]) => tensor !== undefined)
  const args = named.map(([, tensor]) => tensor as KernelArgument)
  const places = new Map(named.map(([name], i) => [name, i]))
  const stride = 8 * numbers
  const size = groupSize(view)
  return {
    kind: 'kernel',
    key: `${key}|${JSON.stringify(view)}|${[...places.keys()].join()}`,
    args: [...args, { bytes: stride * view.channels }],
    writes: Object.values(writes).filter((tensor) => tensor !== undefined),
    units: view.channels,
    work,
    emit: (module) =>
      kernelFunction(module, args.length + 1, (f, addresses, begin, unitEnd) => {
        const scratch = addresses[args.length]!
        const address = (name: string): I32 => addresses[places.get(name)!]!
        const channelAt = (index: I32): Channel => {
          const at = (name: string): I32 => i32.add(address(name), i32.shl(index, i32.const(2)))
          const slot = i32.add(scratch, i32.mul(index, i32.const(stride)))
          return {
            load: (name, otherwise = 0) =>
              places.has(name) ? f.let(f64.promoteF32(f32.load(at(name)))) : f64.const(otherwise),
            store(name, value) {
              if (places.has(name)) f.do(f32.store(at(name), f32.demoteF64(value)))
            },
            number: (i) => f.let(f64.load(slot, 8 * i)),
            keep: (i, value) => f.do(f64.store(slot, value, 8 * i)),
          }
        }
        const first = f.let(begin)
        const [index, end] = [f.local('i32'), f.local('i32')]
        const group: ChannelGroup = {
          f,
          each: (run) => f.count(index, first, end, 1, () => run(channelAt(index))),
          sum({ first: from, count, tensors, repeated = [] }, prepare) {
            group.each((channel) => {
              for (let i = 0; i < count; i++) channel.keep(from + i, f64.const(0))
            })
            const summed = [
              ...tensors.map((name) => ({ address: address(name), repeated: false })),
              ...repeated.map((name) => ({ address: address(name), repeated: true })),
            ]
            const totals = f.let(i32.add(scratch, i32.const(8 * from)))
            emitChannelSums(f, view, { first, end }, summed, totals, stride, count, (channel) =>
              prepare(channelAt(channel)),
            )
          },
        }
        f.if(i32.ltS(first, unitEnd), () =>
          f.repeat(() => {
            f.set(end, i32.add(first, i32.const(size)))
            f.set(end, i32.select(i32.ltS(end, unitEnd), end, unitEnd))
            body(group)
            f.set(first, end)
            return i32.ltS(first, unitEnd)
          }),
        )
      }),
  }
}

export const inverseRoot = (variance: F64, epsilon: number): F64 =>
  f64.div(f64.const(1), f64.sqrt(f64.add(variance, f64.const(epsilon))))

/** Mean (number 0), and mean of the squared distance from it (number 1), of the elements of a channel. */
export function emitStatistics(group: ChannelGroup, { outer, inner }: ChannelView): void {
  const { f } = group
  const count = f64.const(outer * inner)
  group.sum({ first: 0, count: 1, tensors: ['X'] }, () => ([x]) => [x!])
  group.each((channel) => channel.keep(0, f64.div(channel.number(0), count)))
  group.sum({ first: 1, count: 1, tensors: ['X'] }, (channel) => {
    const middle = f.let(f32x4.splat(f32.demoteF64(channel.number(0))))
    return ([x]) => {
      const distance = f.let(f32x4.sub(x!, middle))
      return [f32x4.mul(distance, distance)]
    }
  })
  group.each((channel) => channel.keep(1, f64.div(channel.number(1), count)))
}
