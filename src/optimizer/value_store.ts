/** Values by variable name: a Scope, or a map of loaded tensors. */
import type { Value } from '../tensor/tensor.ts'

export interface ValueStore {
  get(name: string): Value | undefined
  set(name: string, value: Value): void
}
