/** The Executor that users get: the one of executor/ with the WASM back end handed to it, passes, and what DEBUG tells. */
import {
  Executor as PlainExecutor,
  type ExecutorOptions as PlainExecutorOptions,
  type RunOptions,
} from '../executor/executor.ts'
import type { Program } from '../framework/program.ts'
import type { Value } from '../tensor/tensor.ts'
import { wasmBackend } from './backends.ts'
import { debugObserver } from './debug.ts'
import type { OptimizeOptions } from './optimize.ts'
import { OptimizedPrograms } from './optimized_programs.ts'

export interface ExecutorOptions extends PlainExecutorOptions {
  /**
   * Passes that each program goes through before it is planned, for the fetches of the run; they change no bit here, as those that would
   * need the values of parameters. Default 'none'. A position in an error is one in the program after the passes.
   */
  readonly passes?: OptimizeOptions['passes']
}

/** Runs programs, compiled to WebAssembly where operators have a lowering; see {@link PlainExecutor}. */
export class Executor extends PlainExecutor {
  readonly #programs: OptimizedPrograms

  constructor(options: ExecutorOptions = {}) {
    const observer = options.observer ?? debugObserver()
    const plain = observer === undefined ? options : { ...options, observer }
    super(plain, options.backend === 'ts' ? undefined : wasmBackend())
    this.#programs = new OptimizedPrograms(options.passes)
  }

  /** See {@link PlainExecutor.run}. @throws besides what {@link optimize} throws. */
  override run(program: Program, options: RunOptions = {}): Value[] {
    return super.run(this.#programs.of(program, options.fetch ?? []), options)
  }
}
