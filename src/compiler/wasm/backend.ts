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
import { callResult, FunctionBuilder } from './function_builder.ts'
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

interface Line {
  readonly calls: readonly Kernel[]
  /** The last of the units that the line runs. */
  readonly lastUnit: number
}

export class WasmBackend implements Backend {
  readonly name = 'wasm'
  readonly #modules = new Map<string, WebAssembly.Module>()

  compile(ops: readonly PlannedOp[], options: CompileOptions): CompiledOps {
    const groups = fuse(ops.map(lower), options)
    const units: Unit[] = []
    const lines: Line[] = []
    let open: { readonly calls: Kernel[] } | undefined
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
      const scratch = [...new Set(kernels.flatMap(({ args }) => args.filter(isScratch)))]
      const mayFail = kernels.some((kernel) => kernel.mayFail)
      // A line that may stop ends with the unit that stops it, so that what follows is a line of its own.
      if (mayFail) close()
      open ??= { calls: [] }
      open.calls.push(...kernels)
      units.push({ first, last, compiled: true, scratch, unstored })
      if (mayFail || options.callPerUnit === true || open.calls.length >= CALLS_PER_LINE) close()
    }
    close()
    const instances = new WeakMap<WebAssembly.Memory, WebAssembly.Exports>()
    const exportsFor = (memory: WebAssembly.Memory): WebAssembly.Exports => {
      let exports = instances.get(memory)
      if (exports === undefined) {
        exports = new WebAssembly.Instance(this.#module(lines, memory), { env: { memory } }).exports
        instances.set(memory, exports)
      }
      return exports
    }
    return {
      units,
      link: (memory, addressOf, allocate) => link(lines, units, memory, exportsFor, addressOf, allocate),
    }
  }

  /** The module of these lines, compiled once while it is remembered. */
  #module(lines: readonly Line[], memory: WebAssembly.Memory): WebAssembly.Module {
    const shared = typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer
    const key = `${shared}\n${lines.map(({ calls }) => calls.map(callKey).join('\n')).join('\n\n')}`
    const known = this.#modules.get(key)
    if (known !== undefined) {
      this.#modules.delete(key)
      this.#modules.set(key, known)
      return known
    }
    const module = new WebAssembly.Module(emitLines(lines, shared))
    this.#modules.set(key, module)
    if (this.#modules.size > MODULES) this.#modules.delete(this.#modules.keys().next().value!)
    return module
  }
}

function link(
  lines: readonly Line[],
  units: readonly Unit[],
  memory: WebAssembly.Memory,
  exportsFor: (memory: WebAssembly.Memory) => WebAssembly.Exports,
  addressOf: (tensor: PlannedTensor | UnitScratch) => number,
  allocate: (bytes: number) => number,
): LinkedOps {
  const runs: ((() => boolean) | 'idle' | undefined)[] = units.map(({ compiled }) => (compiled ? 'idle' : undefined))
  if (lines.length === 0) return { runs }
  const exports = exportsFor(memory)
  const records: KernelArgument[] = lines.flatMap(({ calls }) => calls.flatMap(({ args }) => args))
  const table = allocate(4 * records.length)
  // The view is made only now: allocation may have grown the memory.
  const words = new Int32Array(memory.buffer, table, records.length)
  records.forEach((arg, i) => {
    words[i] = addressOf(arg)
  })
  let at = table
  lines.forEach(({ calls, lastUnit }, line) => {
    const run = exports[`line${line}`] as (table: number) => number
    const start = at
    runs[lastUnit] = () => run(start) === 0
    at += 4 * calls.reduce((sum, { args }) => sum + args.length, 0)
  })
  return { runs }
}

const callKey = ({ key, units, args }: Kernel): string => `${key}|${units ?? ''}|${args.length}`

function lower(op: PlannedOp): readonly Piece[] | undefined {
  const lowering = Object.hasOwn(lowerings, op.def.type) ? lowerings[op.def.type] : undefined
  return lowering && (lowering(new OpReader(op)) ?? lowerWidened(op, lowering))
}

function emitLines(lines: readonly Line[], shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  const functions = new Map<string, number>()
  lines.forEach(({ calls }, line) => {
    const f = new FunctionBuilder(['i32'], ['i32'])
    let offset = 0
    for (const kernel of calls) {
      let index = functions.get(kernel.key)
      if (index === undefined) functions.set(kernel.key, (index = kernel.emit(module)))
      const status = callResult(index, [
        i32.add(f.param(0), i32.const(offset)),
        i32.const(0),
        i32.const(kernel.units ?? 1),
      ])
      if (kernel.mayFail) f.if(status, () => f.return(i32.const(1)))
      else f.drop(status)
      offset += 4 * kernel.args.length
    }
    f.result(i32.const(0))
    module.add(f, `line${line}`)
  })
  return module.bytes({ shared, maximum: MAX_PAGES })
}
