/**
 * Static mode: inside `build` every operator call appends a line to a program that is run later.
 * Source: python/paddle/base/framework.py, program_guard, and python/paddle/static/input.py (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import type { OpLibrary } from '../framework/op_def.ts'
import { Program as BaseProgram, type ProgramOptions } from '../framework/program.ts'
import { requirePrograms, withPrograms } from '../framework/program_guard.ts'
import type { Variable } from '../framework/variable.ts'
import { ops } from '../ops/index.ts'
import type { DType } from '../tensor/dtype.ts'

/** A program over the standard operators, or over a library of one's own. */
export class Program extends BaseProgram {
  constructor(library: OpLibrary = ops, options: ProgramOptions = {}) {
    super(library, options)
  }

  /**
   * A program from a JSON object, JSON text or bytes.
   * @throws InvalidArgumentError E5xx with the JSON pointer, and line and column when text was given.
   */
  static override from(
    source: unknown,
    options: { readonly library?: OpLibrary; readonly file?: string } = {},
  ): BaseProgram {
    return BaseProgram.from(source, { library: ops, ...options })
  }
}

export interface BuildOptions {
  /** Default: a new program. */
  readonly main?: BaseProgram
  /** Default: the startup program of `main`, or a new one. */
  readonly startup?: BaseProgram
  /** randomSeed of both programs: random operators then repeat the same numbers. Default 0: they draw from the run's generator. */
  readonly seed?: number
  readonly library?: OpLibrary
}

export interface Built<T> {
  readonly main: BaseProgram
  readonly startup: BaseProgram
  /** What the callback returned. */
  readonly out: T
}

/**
 * Records the operators that `body` calls into a main program, and those that initialize its parameters into a startup program.
 *
 * @example
 * const { main, startup, out } = build(() => {
 *   const x = input('x', [null, 4])
 *   return nn.functional.fc(x, 8).relu().mean()
 * })
 * @throws InvalidArgumentError E041 if `body` is asynchronous; PreconditionNotMetError E040 inside another build.
 */
export function build<T>(body: () => T extends PromiseLike<unknown> ? never : T, options: BuildOptions = {}): Built<T> {
  const library = options.library ?? options.main?.library ?? ops
  const main = options.main ?? new BaseProgram(library)
  const startup = options.startup ?? main.startup ?? new BaseProgram(library, { names: main.names })
  if (startup.library !== main.library) {
    throw new InvalidArgumentError('E043', 'main and startup program must have the same operator library')
  }
  main.startup = startup
  startup.isStartup = true
  if (options.seed !== undefined) main.randomSeed = startup.randomSeed = options.seed
  const out = withPrograms({ main, startup }, body) as T
  if (typeof out === 'object' && out !== null && 'then' in out && typeof out.then === 'function') {
    throw new InvalidArgumentError('E041', 'the callback of build is asynchronous', {
      hint: 'await before build: while a callback waits, other code would append to the same program',
    })
  }
  return { main, startup, out }
}

/**
 * A variable that every run must feed. `null` or -1 stands for a dimension that may differ from run to run.
 * @throws PreconditionNotMetError E040 outside of build, AlreadyExistsError E208 for a name in use.
 */
export function input(name: string, shape: readonly (number | null)[], dtype: DType = 'float32'): Variable {
  const { main } = requirePrograms('input')
  return main.globalBlock().createVar({
    name,
    dtype,
    shape: shape.map((dim) => dim ?? -1),
    needCheckFeed: true,
    stopGradient: true,
  })
}
