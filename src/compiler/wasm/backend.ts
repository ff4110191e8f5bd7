/**
 * The WASM back end: lowers operators to pieces, joins them, emits one module for all kernels of a plan, and links it to a memory. The plan
 * becomes a table of records in memory and straight lines of calls, one record each.
 */
import type {
  Backend,
  CompiledOps,
  CompileOptions,
  LinkedOps,
  PlannedOp,
  PlannedTensor,
  Unit,
  UnitScratch,
} from '../../executor/backend.ts'
import { MAX_PAGES } from '../../tensor/heap.ts'
import { type KernelFunction, type ThreadPool, threadingFor, threadPool } from '../threads/pool.ts'
import { callResult, FunctionBuilder, type I32 } from './function_builder.ts'
import { fuse, kernelsOf } from './fuse.ts'
import { i32 } from './instructions.ts'
import { isScratch, type Kernel, type KernelArgument, type Piece } from './ir.ts'
import { lowerings } from './lowerings.ts'
import { ModuleBuilder } from './module.ts'
import { OpReader } from './op_reader.ts'
import { lowerWidened } from './widen.ts'

/** Calls in one emitted function. V8 optimizes short functions sooner. */
const CALLS_PER_LINE = 100

/** Compiled modules that are kept for programs, feeds or single operators that come again. */
const MODULES = 256

/** Multiply-adds or bytes below which a kernel is done before other threads have heard of it. */
const FORKING_WORK = 150_000

/** A kernel with its arguments, once for each thread if it is forked: then each has scratch memory of its own. */
interface Call {
  readonly kernel: Kernel
  readonly records: readonly (readonly KernelArgument[])[]
  readonly forks: boolean
}

interface Line {
  readonly calls: readonly Call[]
  /** The last of the units that the line runs. */
  readonly lastUnit: number
}

export class WasmBackend implements Backend {
  readonly name = 'wasm'
  readonly #forkingWork: number
  readonly #modules = new Map<string, WebAssembly.Module>()

  /** @param forkingWork multiply-adds or bytes from which a kernel is split among threads. */
  constructor(forkingWork = FORKING_WORK) {
    this.#forkingWork = forkingWork
  }

  compile(ops: readonly PlannedOp[], options: CompileOptions): CompiledOps {
    const threading = threadingFor(options.threads ?? 1)
    const { threads } = threading
    const pieces = ops.map((op) => lowerSafely(op, options.memoryOf))
    const groups = fuse(pieces, options)
    const units: Unit[] = []
    const lines: Line[] = []
    let open: { readonly calls: Call[] } | undefined
    const close = (): void => {
      if (open !== undefined && open.calls.length > 0) lines.push({ calls: open.calls, lastUnit: units.length - 1 })
      open = undefined
    }
    for (const group of groups) {
      const { first, last, stages } = group
      if (stages === undefined) {
        close()
        units.push({ first, last, compiled: false, scratch: [], unstored: [] })
        continue
      }
      const { kernels, unstored } = kernelsOf(group, options)
      const calls = callsOf(kernels, threads, this.#forkingWork)
      const scratch = new Set(calls.flatMap(({ records }) => records.flat().filter(isScratch)))
      const mayFail = kernels.some((kernel) => kernel.mayFail)
      // A line that may stop ends with the unit that stops it, so that what follows is a line of its own.
      if (mayFail) close()
      open ??= { calls: [] }
      open.calls.push(...calls)
      units.push({ first, last, compiled: true, scratch: [...scratch], unstored })
      if (mayFail || options.callPerUnit === true || open.calls.length >= CALLS_PER_LINE) close()
    }
    close()
    const forks = lines.some(({ calls }) => calls.some((call) => call.forks))
    const pool = forks ? threadPool(threads) : undefined
    const instances = new WeakMap<WebAssembly.Memory, WebAssembly.Exports>()
    const exportsFor = (memory: WebAssembly.Memory): WebAssembly.Exports => {
      let exports = instances.get(memory)
      if (exports === undefined) {
        exports = instantiate(this.#module(lines, memory, forks), memory, pool)
        instances.set(memory, exports)
      }
      return exports
    }
    return {
      units,
      link: (memory, addressOf, allocate) => ({
        runs: link(lines, units, memory as WebAssembly.Memory, exportsFor, addressOf, allocate),
        wake: () => pool?.wake(),
        threading: () => {
          const failure = pool?.failure
          return failure === undefined ? threading : { threads: 1, reason: failure }
        },
      }),
    }
  }

  /** The module of these lines, compiled once while it is remembered. */
  #module(lines: readonly Line[], memory: WebAssembly.Memory, forks: boolean): WebAssembly.Module {
    const shared = typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer
    const key = `${shared}\n${lines.map(({ calls }) => calls.map(callKey).join('\n')).join('\n\n')}`
    const known = this.#modules.get(key)
    if (known !== undefined) {
      this.#modules.delete(key)
      this.#modules.set(key, known)
      return known
    }
    const module = new WebAssembly.Module(emitLines(lines, shared, forks))
    this.#modules.set(key, module)
    if (this.#modules.size > MODULES) this.#modules.delete(this.#modules.keys().next().value!)
    return module
  }
}

/** Scratch memory that one kernel alone uses is each thread's own; what kernels hand to one another is shared. */
function callsOf(kernels: readonly Kernel[], threads: number, forkingWork: number): Call[] {
  const users = new Map<UnitScratch, number>()
  for (const { args } of kernels)
    for (const scratch of new Set(args.filter(isScratch))) users.set(scratch, (users.get(scratch) ?? 0) + 1)
  return kernels.map((kernel): Call => {
    const { args, units = 1, work = 0, mayFail } = kernel
    const forks = threads > 1 && units > 1 && work >= forkingWork && mayFail !== true
    const isPrivate = (arg: KernelArgument): boolean => isScratch(arg) && arg.bytes > 0 && users.get(arg) === 1
    const copies = forks && args.some(isPrivate) ? threads : 1
    const copyOf = (args: readonly KernelArgument[]): readonly KernelArgument[] => {
      const own = new Map<KernelArgument, UnitScratch>()
      return args.map((arg) => {
        if (!isPrivate(arg)) return arg
        const known = own.get(arg) ?? { bytes: (arg as UnitScratch).bytes }
        own.set(arg, known)
        return known
      })
    }
    return { kernel, forks, records: [args, ...Array.from({ length: copies - 1 }, () => copyOf(args))] }
  })
}

/**
 * The pieces of an operator; undefined also where it writes to an input that its definition does not name for that output, and its pieces
 * could read of that input what they have written: then the TypeScript kernel runs on a copy.
 */
function lowerSafely(op: PlannedOp, memoryOf: CompileOptions['memoryOf']): readonly Piece[] | undefined {
  const pieces = lower(op)
  const overwritten = pieces === undefined ? [] : overwrittenInputs(op, memoryOf)
  if (pieces === undefined || overwritten.length === 0) return pieces
  const [piece] = pieces
  // A loop is looked at by `fuse`, element by element.
  const isSafe = (tensor: PlannedTensor): boolean =>
    piece?.kind === 'loop' || piece?.overwrites?.includes(tensor) === true
  return pieces.length === 1 && overwritten.every(isSafe) ? pieces : undefined
}

/** Inputs that are the memory of an output without being the one that the definition names for it. */
function overwrittenInputs({ def, inputs, outputs }: PlannedOp, memoryOf: CompileOptions['memoryOf']): PlannedTensor[] {
  const written = new Map<object, { readonly slot: string; readonly index: number }>()
  for (const [slot, list] of Object.entries(outputs)) {
    list.forEach((tensor, index) => {
      if (tensor !== undefined) written.set(memoryOf(tensor), { slot, index })
    })
  }
  return Object.entries(inputs).flatMap(([slot, list]) =>
    list.filter((tensor, index): tensor is PlannedTensor => {
      const target = tensor && written.get(memoryOf(tensor))
      return target !== undefined && !(def.inplace?.[target.slot] === slot && target.index === index)
    }),
  )
}

/** An instance over the memory; with a pool, one whose kernels the pool's threads can run too. */
function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  pool: ThreadPool | undefined,
): WebAssembly.Exports {
  if (pool === undefined) return new WebAssembly.Instance(module, { env: { memory } }).exports
  const kernels: KernelFunction[] = []
  let id = 0
  const fork = (index: number, record: number, stride: number, units: number, work: number): number =>
    pool.fork(kernels[index]!, id, index, record, stride, units, work)
  const { exports } = new WebAssembly.Instance(module, { env: { memory, fork } })
  for (let i = 0; exports[`kernel${i}`] !== undefined; i++) kernels.push(exports[`kernel${i}`] as KernelFunction)
  id = pool.register(module, memory, exports)
  pool.waitUntilReady()
  return exports
}

function link(
  lines: readonly Line[],
  units: readonly Unit[],
  memory: WebAssembly.Memory,
  exportsFor: (memory: WebAssembly.Memory) => WebAssembly.Exports,
  addressOf: (tensor: PlannedTensor | UnitScratch) => number,
  allocate: (bytes: number) => number,
): LinkedOps['runs'] {
  const runs: ((() => boolean) | 'idle' | undefined)[] = units.map(({ compiled }) => (compiled ? 'idle' : undefined))
  if (lines.length === 0) return runs
  const exports = exportsFor(memory)
  const words = lines.flatMap(({ calls }) => calls.flatMap(({ records }) => records.flat()))
  const table = allocate(4 * words.length)
  // The view is made only now: allocation may have grown the memory.
  const view = new Int32Array(memory.buffer, table, words.length)
  words.forEach((arg, i) => {
    view[i] = addressOf(arg)
  })
  let at = table
  lines.forEach(({ calls, lastUnit }, line) => {
    const run = exports[`line${line}`] as (table: number) => number
    const start = at
    runs[lastUnit] = () => run(start) === 0
    at += calls.reduce((sum, call) => sum + recordBytes(call) * call.records.length, 0)
  })
  return runs
}

const recordBytes = ({ kernel }: Call): number => 4 * kernel.args.length

const callKey = ({ kernel: { key, units, args, work }, forks, records }: Call): string =>
  `${key}|${units ?? ''}|${args.length}${forks ? `|${records.length}|${work}` : ''}`

function lower(op: PlannedOp): readonly Piece[] | undefined {
  const lowering = Object.hasOwn(lowerings, op.def.type) ? lowerings[op.def.type] : undefined
  return lowering && (lowering(new OpReader(op)) ?? lowerWidened(op, lowering))
}

const FORK = { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] } as const

function emitLines(lines: readonly Line[], shared: boolean, forks: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  const fork = forks ? module.import('fork', FORK) : -1
  const functions = new Map<string, number>()
  /** Numbers that forked kernels are exported under. */
  const exported = new Map<number, number>()
  lines.forEach(({ calls }, line) => {
    const f = new FunctionBuilder(['i32'], ['i32'])
    let offset = 0
    for (const call of calls) {
      const { kernel, records } = call
      let index = functions.get(kernel.key)
      if (index === undefined) functions.set(kernel.key, (index = kernel.emit(module)))
      const record = i32.add(f.param(0), i32.const(offset))
      const units = i32.const(kernel.units ?? 1)
      let status: I32
      if (call.forks) {
        let number = exported.get(index)
        if (number === undefined) {
          exported.set(index, (number = exported.size))
          module.export(`kernel${number}`, index)
        }
        const stride = i32.const(records.length > 1 ? recordBytes(call) : 0)
        const work = i32.const(Math.min(2 ** 31 - 1, Math.round(kernel.work!)))
        status = callResult(fork, [i32.const(number), record, stride, units, work])
      } else status = callResult(index, [record, i32.const(0), units])
      if (kernel.mayFail) f.if(status, () => f.return(i32.const(1)))
      else f.drop(status)
      offset += recordBytes(call) * records.length
    }
    f.result(i32.const(0))
    module.add(f, `line${line}`)
  })
  return module.bytes({ shared, maximum: MAX_PAGES })
}
