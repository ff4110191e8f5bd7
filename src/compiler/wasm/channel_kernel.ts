/** Kernels that do one thing for each channel, or each row: they make its statistics, in float64 where they are single numbers. */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { ChannelView } from '../../ops/nn/channels.ts'
import { emitChannelSums } from './channel_sums.ts'
import type { FunctionBuilder, I32, Local } from './function_builder.ts'
import { type Code, f32, f32x4, f64, i32 } from './instructions.ts'
import type { Kernel, KernelArgument } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'

export type F64 = Code<'f64'>

/** One number for each channel, by name; a name that has no tensor is not written, and read as the given constant. */
export interface Channel {
  readonly f: FunctionBuilder
  readonly index: Local<'i32'>
  address(name: string): I32
  has(name: string): boolean
  load(name: string, otherwise?: number): F64
  store(name: string, value: F64): void
}

export interface ChannelKernel {
  readonly key: string
  readonly channels: number
  /** Bytes that are read. */
  readonly work: number
  readonly reads: Readonly<Record<string, PlannedTensor | undefined>>
  readonly writes: Readonly<Record<string, PlannedTensor | undefined>>
  readonly body: (channel: Channel) => void
}

/** A kernel that does one thing for each channel. */
export function channelKernel({ key, channels, work, reads, writes, body }: ChannelKernel): Kernel {
  const named = Object.entries({ ...reads, ...writes }).filter(([, tensor]) => tensor !== undefined)
  const args = named.map(([, tensor]) => tensor as KernelArgument)
  const places = new Map(named.map(([name], i) => [name, i]))
  return {
    kind: 'kernel',
    key: `${key}|${[...places.keys()].join()}`,
    args,
    writes: Object.values(writes).filter((tensor) => tensor !== undefined),
    units: channels,
    work,
    emit: (module) =>
      kernelFunction(module, args.length, (f, addresses, begin, end) => {
        const index = f.local('i32')
        const at = (name: string): I32 => i32.add(addresses[places.get(name)!]!, i32.shl(index, i32.const(2)))
        f.count(index, begin, end, 1, () =>
          body({
            f,
            index,
            address: (name) => addresses[places.get(name)!]!,
            has: (name) => places.has(name),
            load: (name, otherwise = 0) =>
              places.has(name) ? f.let(f64.promoteF32(f32.load(at(name)))) : f64.const(otherwise),
            store(name, value) {
              if (places.has(name)) f.do(f32.store(at(name), f32.demoteF64(value)))
            },
          }),
        )
      }),
  }
}

/** Addresses of the first element of a channel. */
export const planesOf = ({ f, index, address }: Channel, { inner }: ChannelView, ...names: string[]): I32[] =>
  names.map((name) => f.let(i32.add(address(name), i32.mul(index, i32.const(4 * inner)))))

export const inverseRoot = (variance: F64, epsilon: number): F64 =>
  f64.div(f64.const(1), f64.sqrt(f64.add(variance, f64.const(epsilon))))

/** Mean, and mean of the squared distance from it, of the elements of a channel. */
export function emitStatistics(channel: Channel, view: ChannelView): { readonly mean: F64; readonly variance: F64 } {
  const { f } = channel
  const count = f64.const(view.outer * view.inner)
  const x = planesOf(channel, view, 'X')
  const [total] = emitChannelSums(f, view, x, 1, ([value]) => [value!])
  const mean = f.let(f64.div(total!, count))
  const middle = f.let(f32x4.splat(f32.demoteF64(mean)))
  const [squares] = emitChannelSums(f, view, x, 1, ([value]) => {
    const distance = f.let(f32x4.sub(value!, middle))
    return [f32x4.mul(distance, distance)]
  })
  return { mean, variance: f.let(f64.div(squares!, count)) }
}
