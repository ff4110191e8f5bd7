/** Plans by program, edit counter, feed signature and fetch list, so that `run` in a loop plans once. */
import type { Program } from '../framework/program.ts'
import type { Generator } from '../tensor/random.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import type { Backend } from './backend.ts'
import type { RunObserver } from './observer.ts'
import { NotPlannable, Plan } from './plan.ts'
import type { Scope } from './scope.ts'

/** Plans kept per program: each feed shape needs one, with an arena of its own. */
const PLANS_PER_PROGRAM = 8

export class PlanCache {
  #byProgram = new WeakMap<Program, Map<string, Plan | NotPlannable>>()
  #all = new Set<Plan>()

  readonly #backend: Backend | undefined
  readonly #threads: number
  readonly #observer: RunObserver | undefined

  constructor(backend?: Backend, threads = 1, observer?: RunObserver) {
    this.#backend = backend
    this.#threads = threads
    this.#observer = observer
  }

  /** The plan, or why there is none. @throws what inference throws. */
  get(
    program: Program,
    scope: Scope,
    feeds: ReadonlyMap<string, Value>,
    fetch: readonly string[],
    generator: Generator,
  ): Plan | NotPlannable {
    let plans = this.#byProgram.get(program)
    if (plans === undefined) this.#byProgram.set(program, (plans = new Map()))
    const key = signature(program, feeds, fetch)
    const known = plans.get(key)
    if (known instanceof Plan) {
      plans.delete(key)
      if (known.isCurrent) {
        plans.set(key, known)
        return known
      }
      this.#forget(known)
    } else if (known !== undefined) return known
    const made = tryPlan(program, scope, feeds, fetch, generator, this.#backend, this.#threads, this.#observer)
    if (made instanceof Plan) this.#all.add(made)
    plans.set(key, made)
    if (plans.size > PLANS_PER_PROGRAM) {
      const [oldest, plan] = plans.entries().next().value!
      plans.delete(oldest)
      this.#forget(plan)
    }
    return made
  }

  clear(): void {
    for (const plan of this.#all) plan.dispose()
    this.#all.clear()
    this.#byProgram = new WeakMap()
  }

  #forget(plan: Plan | NotPlannable): void {
    if (!(plan instanceof Plan)) return
    plan.dispose()
    this.#all.delete(plan)
  }
}

function tryPlan(...args: ConstructorParameters<typeof Plan>): Plan | NotPlannable {
  try {
    return new Plan(...args)
  } catch (error) {
    if (error instanceof NotPlannable) return error
    throw error
  }
}

function signature(program: Program, feeds: ReadonlyMap<string, Value>, fetch: readonly string[]): string {
  let key = `${program.edits}|${fetch.join(',')}`
  for (const [name, value] of feeds) {
    key += value instanceof Tensor ? `|${name}:${value.dtype}:${value.shape.join('x')}` : `|${name}:sparse`
  }
  return key
}
