/** Takes out operators whose results nobody uses. */
import type { Block } from '../../framework/block.ts'
import { EMPTY_VAR } from '../../framework/op_def.ts'
import type { Operator } from '../../framework/operator.ts'
import type { Pass } from './pass.ts'
import { Rewriter } from './rewriter.ts'

/**
 * Backwards over block 0: an operator stays if it has effects (optimizers, feeds and fetches, moving averages), draws random numbers (without
 * it the operators behind it would draw others), runs a block, writes a persistable or wanted variable or one that is no dense tensor, or
 * writes what an operator behind it reads. A variable that is written anew, and not read before, is not needed further up.
 */
export const deadCode: Pass = {
  name: 'dead_code',
  doc: 'Takes out operators whose results are neither used, fetched nor kept. Operators with effects and random ones stay.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    const block = program.globalBlock()
    const needed = new Set<string>()
    for (let i = block.ops.length - 1; i >= 0; i--) {
      const op = block.ops[i]!
      const pure = rewriter.pureDef(op) !== undefined
      const outputs = op.outputNames().filter((name) => name !== EMPTY_VAR)
      if (pure && !outputs.some((name) => needed.has(name) || isKept(block, name, rewriter))) {
        rewriter.replace(op)
        continue
      }
      if (pure) for (const name of outputs) if (overwrites(op, name)) needed.delete(name)
      for (const name of op.inputNames()) needed.add(name)
    }
    return rewriter.finish()
  },
}

function isKept(block: Block, name: string, rewriter: Rewriter): boolean {
  const variable = block.findVar(name)
  return variable === undefined || variable.persistable || variable.type !== 'LOD_TENSOR' || rewriter.isSeen(name)
}

const overwrites = (op: Operator, name: string): boolean => !op.inputNames().includes(name)
