/** Which back end computes the operators of dygraph. */
import { type BackendName, eagerCompiler } from '../compiler/backends.ts'
import type { EagerCompiler } from '../compiler/eager.ts'

let current: BackendName = 'wasm'

/**
 * Runs `body` with dygraph's operators on this back end; outside it is 'wasm', as for executors. The bits of a result depend on the back end
 * and on nothing else, so a program and dygraph agree bit for bit when both use the same one.
 *
 * @example
 * const loss = withBackend('ts', () => model.forward(x).mean())
 */
export function withBackend<T>(backend: BackendName, body: () => T): T {
  const before = current
  current = backend
  try {
    return body()
  } finally {
    current = before
  }
}

/** What compiles dygraph's operators at the moment; undefined where all run by their TypeScript kernels. */
export const currentCompiler = (): EagerCompiler | undefined => (current === 'wasm' ? eagerCompiler() : undefined)
