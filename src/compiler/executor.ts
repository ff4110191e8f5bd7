/** The Executor that users get: the one of executor/ with the WASM back end handed to it. */
import { type ExecutorOptions, Executor as PlainExecutor } from '../executor/executor.ts'
import { WasmBackend } from './wasm/backend.ts'

/** Runs programs, compiled to WebAssembly where operators have a lowering; see {@link PlainExecutor}. */
export class Executor extends PlainExecutor {
  constructor(options: ExecutorOptions = {}) {
    super(options, options.backend === 'wasm' ? sharedBackend() : undefined)
  }
}

let backend: WasmBackend | undefined
/** One for all executors, so that equal programs share compiled modules. */
const sharedBackend = (): WasmBackend => (backend ??= new WasmBackend())
