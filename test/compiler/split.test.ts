/**
 * Threads will run a kernel on parts of its units, each thread with scratch memory of its own. However units are cut, in whatever order the parts
 * run, and whatever scratch memory holds, the bits must be those of one call.
 */
import { describe, expect, test } from 'vitest'
import { callResult, FunctionBuilder } from '../../src/compiler/wasm/function_builder.ts'
import { fuse, kernelsOf } from '../../src/compiler/wasm/fuse.ts'
import type { Kernel, KernelArgument } from '../../src/compiler/wasm/ir.ts'
import { lowerings } from '../../src/compiler/wasm/lowerings.ts'
import { ModuleBuilder } from '../../src/compiler/wasm/module.ts'
import { OpReader } from '../../src/compiler/wasm/op_reader.ts'
import type { CompileOptions, PlannedOp } from '../../src/executor/backend.ts'
import { byteSize } from '../../src/tensor/dtype.ts'
import { numel } from '../../src/tensor/shape.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { CASES } from './cases/table.ts'
import { type LoweringCase, plannedOp, Random } from './lowering_case.ts'

const ROUNDS = 4
const PAGE = 65536

const options: CompileOptions = { isReadAfter: () => true, memoryOf: (tensor) => tensor }

/** The kernels of one operator, as a plan would call them. */
function kernelsFor(op: PlannedOp): Kernel[] {
  const pieces = lowerings[op.def.type]!(new OpReader(op))
  return pieces === undefined ? [] : fuse([pieces], options).flatMap((group) => kernelsOf(group, options).kernels)
}

type Call = (record: number, begin: number, end: number) => number
type Cut = (units: number) => readonly (readonly [number, number])[]

const sizeOf = (arg: KernelArgument): number => ('dtype' in arg ? numel(arg.shape) * byteSize(arg.dtype) : arg.bytes)

/** What runs the kernels over memory full of bytes `left`, each on the parts that `cut` makes of its units, and gives what they wrote. */
function runnerOf(
  kernels: readonly Kernel[],
  values: ReadonlyMap<object, Tensor>,
): (cut: Cut, left: number) => Uint8Array[] {
  let top = PAGE
  const allocate = (bytes: number): number => {
    const address = top
    top += Math.ceil(bytes / 64) * 64 + 64
    return address
  }
  const addresses = new Map<KernelArgument, number>()
  for (const arg of kernels.flatMap(({ args }) => args)) {
    if (!addresses.has(arg)) addresses.set(arg, allocate(sizeOf(arg)))
  }
  const tables = kernels.map(({ args }) => allocate(4 * args.length))
  const memory = new WebAssembly.Memory({ initial: Math.ceil(top / PAGE) + 1, maximum: PAGE })
  const bytes = new Uint8Array(memory.buffer)
  const module = new ModuleBuilder()
  kernels.forEach((kernel, i) => {
    const f = new FunctionBuilder(['i32', 'i32', 'i32'], ['i32'])
    f.result(callResult(kernel.emit(module), [f.param(0), f.param(1), f.param(2)]))
    module.add(f, `kernel${i}`)
  })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes({ shared: false, maximum: PAGE })), {
    env: { memory },
  })
  const written = new Set(kernels.flatMap(({ writes }) => writes))
  return (cut, left) => {
    bytes.fill(left)
    for (const [tensor, address] of addresses) {
      const data = values.get(tensor)?.data
      if (data !== undefined) bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), address)
    }
    kernels.forEach(({ args, units = 1 }, i) => {
      new Int32Array(memory.buffer, tables[i]!, args.length).set(args.map((arg) => addresses.get(arg)!))
      for (const part of cut(units)) expect((exports[`kernel${i}`] as Call)(tables[i]!, ...part)).toBe(0)
    })
    return [...written].map((tensor) => {
      const address = addresses.get(tensor)!
      return bytes.slice(address, address + sizeOf(tensor))
    })
  }
}

const CUTS: Readonly<Record<string, Cut>> = {
  'in two, the second first': (units) => [
    [Math.ceil(units / 2), units],
    [0, Math.ceil(units / 2)],
  ],
  'one by one': (units) => Array.from({ length: units }, (_, unit) => [unit, unit + 1] as const),
  'with nothing in one part': (units) => [
    [0, 0],
    [0, units],
    [units, units],
  ],
}

describe('the same bits however units are cut', () => {
  test.each(Object.entries(CASES))('%s', (type, make) => {
    for (let round = 0; round < ROUNDS; round++) {
      const given: LoweringCase = make(new Random(500 * type.length + round))
      const { op, values } = plannedOp(type, given)
      const kernels = kernelsFor(op).filter(({ mayFail }) => mayFail !== true)
      const run = runnerOf(kernels, values)
      const whole = run((units) => [[0, units]], 0)
      for (const [name, cut] of Object.entries(CUTS)) {
        // All ones are NaN: nothing may be read that was not written.
        const parts = run(cut, 0xff)
        const same = whole.every((bytes, i) => Buffer.compare(bytes, parts[i]!) === 0)
        expect(same, `${name}, round ${round}`).toBe(true)
      }
    }
  })
})
