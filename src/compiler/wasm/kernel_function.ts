/**
 * The one signature of kernels: (record, begin, end) → status. The record is a list of addresses in memory, one for each argument; begin and
 * end are units of work; status 0 means done. So a plan is a list of records, and every kernel is called alike.
 */
import { FunctionBuilder, type I32 } from './function_builder.ts'
import { i32 } from './instructions.ts'
import type { ModuleBuilder } from './module.ts'

const SIGNATURE = ['i32', 'i32', 'i32'] as const

/** Adds a kernel whose body is written by `body`, given the addresses of its arguments; `fail` ends it with a status. */
export function kernelFunction(
  module: ModuleBuilder,
  args: number,
  body: (f: FunctionBuilder, addresses: readonly I32[], begin: I32, end: I32, fail: (status: number) => void) => void,
): number {
  const f = new FunctionBuilder(SIGNATURE, ['i32'])
  const record = f.param(0)
  const addresses = Array.from({ length: args }, (_, i) => f.let(i32.load(record, 4 * i)))
  body(f, addresses, f.param(1), f.param(2), (status) => f.return(i32.const(status)))
  f.result(i32.const(0))
  return module.add(f)
}
