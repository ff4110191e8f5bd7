/** What of a program can be run and differentiated here: each type of operator with its count. */
import { findOp } from './op_def.ts'
import type { Program } from './program.ts'

export interface OperatorSupport {
  readonly type: string
  /** Operators of this type in all blocks. */
  readonly count: number
  /** False for a type that the program's library does not have: it is kept, but cannot run. */
  readonly known: boolean
  /** Kinds of kernel; none for a type that is not known. */
  readonly kernels: readonly string[]
  /** 'none': gradients end there, by definition. 'missing': asking for one is an error. */
  readonly gradient: 'yes' | 'none' | 'missing'
}

/** The most frequent types first. */
export function operatorSupport(program: Program): OperatorSupport[] {
  const counts = new Map<string, number>()
  for (const { ops } of program.blocks) for (const { type } of ops) counts.set(type, (counts.get(type) ?? 0) + 1)
  return [...counts]
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([type, count]): OperatorSupport => {
      const def = findOp(program.library, type)
      if (def === undefined) return { type, count, known: false, kernels: [], gradient: 'missing' }
      const gradient = def.grad === 'none' ? 'none' : def.grad === 'unregistered' ? 'missing' : 'yes'
      return { type, count, known: true, kernels: Object.keys(def.kernels), gradient }
    })
}

/** True if every operator has a kernel. */
export const isRunnable = (support: readonly OperatorSupport[]): boolean =>
  support.every(({ kernels }) => kernels.length > 0)
