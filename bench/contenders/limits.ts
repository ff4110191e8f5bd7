/**
 * What this machine can do in WebAssembly at best, measured beside everything else: multiply-add on vectors of 128 bits for products, and
 * streams of memory for updates. Each limit takes the time of exactly the arithmetic or the bytes of the work whose name it answers to.
 */
import { spawnSync } from 'node:child_process'
import { FunctionBuilder } from '../../src/compiler/wasm/function_builder.ts'
import { f32x4, i32, v128 } from '../../src/compiler/wasm/instructions.ts'
import { ModuleBuilder } from '../../src/compiler/wasm/module.ts'
import { ADAM_PARAMETERS, GEMM_SIZES } from '../inputs.ts'
import { type Prepared, serve } from './protocol.ts'

/** Dependent operations in flight: each takes about 3 cycles, and two of each kind start in a cycle. */
const CHAINS = 6
const LANES = 4
const PAGE = 65536

/** The exported function `run` of a module with one function, over a memory of `pages`. */
function instantiate(
  code: FunctionBuilder,
  pages: number,
): { run: (count: number) => void; memory: WebAssembly.Memory } {
  const module = new ModuleBuilder()
  module.add(code, 'run')
  const maximum = Math.max(pages, 1)
  const memory = new WebAssembly.Memory({ initial: maximum, maximum })
  const binary = new WebAssembly.Module(module.bytes({ shared: false, maximum }))
  const { run } = new WebAssembly.Instance(binary, { env: { memory } }).exports
  return { run: run as (count: number) => void, memory }
}

/** Multiplications and additions in registers, side by side: as many as a product of two n by n matrices has. Nothing is loaded or stored. */
function multiplyAdd(n: number): Prepared {
  const code = new FunctionBuilder(['i32'])
  const products = code.locals('v128', CHAINS)
  const sums = code.locals('v128', CHAINS)
  const operand = code.let(v128.load32Splat(i32.const(0)))
  const left = code.let(code.param(0))
  code.repeat(() => {
    for (let i = 0; i < CHAINS; i++) {
      code.set(products[i]!, f32x4.mul(products[i]!, operand))
      code.set(sums[i]!, f32x4.add(sums[i]!, operand))
    }
    code.set(left, i32.sub(left, i32.const(1)))
    return left
  })
  for (const [i, chain] of [...products, ...sums].entries()) code.do(v128.store(i32.const(16 * (i + 1)), chain))
  const { run, memory } = instantiate(code, 1)
  new Float32Array(memory.buffer)[0] = 1
  const rounds = Math.round(n ** 3 / (CHAINS * LANES))
  const call = (): void => run(rounds)
  call()
  return { call }
}

/** Reads four arrays of 10 million float32 and writes three of them, as Adam does, with one addition for each: 28 bytes a parameter. */
function streams(): Prepared {
  const bytes = ADAM_PARAMETERS * 4
  // Arrays that begin at the same place of a page would push one another out of the cache.
  const starts = [0, 1, 2, 3].map((i) => i * (bytes + 4096 + 64 * i))
  const code = new FunctionBuilder(['i32'])
  const at = code.let(i32.const(0))
  const UNROLL = 4
  code.repeat(() => {
    for (let i = 0; i < UNROLL; i++) {
      const offset = (array: number): number => starts[array]! + 16 * i
      const gradient = code.let(v128.load(at, offset(0)))
      for (const array of [1, 2, 3])
        code.do(v128.store(at, f32x4.add(v128.load(at, offset(array)), gradient), offset(array)))
    }
    code.advance(at, 16 * UNROLL)
    return i32.ltS(at, code.param(0))
  })
  const { run, memory } = instantiate(code, Math.ceil((starts[3]! + bytes) / PAGE))
  // Pages that were never written are all the same one.
  new Float32Array(memory.buffer).fill(1)
  const call = (): void => run(bytes)
  call()
  return { call }
}

/** A Node process that does nothing. */
const emptyProcess = (): Prepared => ({
  call: () => {
    const began = performance.now()
    spawnSync(process.execPath, ['--eval', '0'])
    return { 'whole process': performance.now() - began }
  },
})

await serve(`limits of the machine, Node ${process.version}`, {
  ...Object.fromEntries(GEMM_SIZES.map((n) => [`gemm-${n}`, () => multiplyAdd(n)])),
  'adam-10m': streams,
  'oarlock-run': emptyProcess,
})
