/** What a plan will do with memory, found out before anything runs. */
import { EnforceError } from '../errors.ts'
import { NotPlannable, Plan } from '../executor/plan.ts'
import type { MemoryTimeline } from '../executor/plan_memory.ts'
import { Scope } from '../executor/scope.ts'
import type { Program } from '../framework/program.ts'
import type { Variable } from '../framework/variable.ts'
import { Generator } from '../tensor/random.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import { wasmBackend } from './backends.ts'

export interface PlannedMemoryOptions {
  /** What a dimension counts as that the program leaves open. Default 1. */
  readonly rows?: number
  readonly fetch?: readonly string[]
  /** Default 'wasm', as for executors. */
  readonly backend?: 'wasm' | 'ts'
}

/** The memory of a run, or why it cannot be planned. Nothing is run: persistable variables and feeds count as zeros. */
export function plannedMemory(
  program: Program,
  options: PlannedMemoryOptions = {},
): MemoryTimeline | { readonly reason: string } {
  const { rows = 1, fetch = [], backend = 'wasm' } = options
  const sized = ({ shape }: Variable): number[] => shape.map((dim) => (dim < 0 ? rows : dim))
  const scope = new Scope()
  const feeds = new Map<string, Value>()
  try {
    for (const variable of program.globalBlock().vars.values()) {
      const { name, dtype, type } = variable
      if (type !== 'LOD_TENSOR') continue
      if (variable.persistable) scope.allocate(name, dtype, sized(variable))
      else if (variable.needCheckFeed) feeds.set(name, Tensor.zeros(dtype, sized(variable)))
    }
    const compiler = backend === 'wasm' ? wasmBackend() : undefined
    return new Plan(program, scope, feeds, fetch, new Generator(0), compiler).memory
  } catch (error) {
    if (error instanceof NotPlannable) return { reason: error.reason }
    if (error instanceof EnforceError) return { reason: `${error.code} ${error.summary}` }
    throw error
  } finally {
    scope.drop()
  }
}
