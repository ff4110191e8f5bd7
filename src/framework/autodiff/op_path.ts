/**
 * Which operators lie between inputs and targets, so that their gradients are wanted.
 * Source: python/paddle/base/backward.py, _find_op_path_ and _find_no_grad_vars (2.6.2).
 */
import { UnimplementedError } from '../../errors.ts'
import type { Block } from '../block.ts'
import { findOp } from '../op_def.ts'
import type { Operator } from '../operator.ts'

/** True for operators that end every path: Paddle's empty grad maker. An unknown operator does not count as one. */
export function hasEmptyGradMaker(block: Block, type: string): boolean {
  return findOp(block.program.library, type)?.grad === 'none'
}

/**
 * The operators of `block` on a path from `inputs` (undefined: from anywhere) to `targets`, in block order.
 * @param noGrad names (without @GRAD) that no gradient flows into; with `inputs`, stop-gradient variables read on the path are added to it.
 * @throws UnimplementedError E404 for an operator with a sub-block on the path.
 */
export function opPath(
  block: Block,
  targets: Iterable<string>,
  inputs: Iterable<string> | undefined,
  noGrad: Set<string>,
): Operator[] {
  const { ops } = block
  const reached = new Set(targets)
  const onPath = new Array<boolean>(ops.length).fill(true)
  const from = inputs === undefined ? undefined : new Set(inputs)
  if (from !== undefined) {
    ops.forEach((op, i) => {
      if (op.inputNames().some((name) => from.has(name)) && !hasEmptyGradMaker(block, op.type)) {
        for (const name of op.outputNames()) if (!noGrad.has(name)) from.add(name)
      } else onPath[i] = false
    })
  }
  for (let i = ops.length - 1; i >= 0; i--) {
    const op = ops[i]!
    const writes = op.outputNames().some((name) => reached.has(name))
    if (writes && !hasEmptyGradMaker(block, op.type)) {
      if (op.subBlock !== undefined && onPath[i]) {
        throw new UnimplementedError(
          'E404',
          `the gradient of ${op.type}, an operator with a sub-block, is not implemented yet`,
          {
            where: { block: block.idx, op: i, opType: op.type },
          },
        )
      }
      for (const name of op.inputNames()) if (!noGrad.has(name)) reached.add(name)
    } else onPath[i] = false
  }
  const path = ops.filter((_, i) => onPath[i])
  if (from !== undefined) {
    for (const op of path) {
      for (const name of op.inputNames()) {
        if (!from.has(name) && block.findVar(name)?.stopGradient === true) noGrad.add(name)
      }
    }
  }
  return path
}

/**
 * Outputs on the path that nothing needs (XShape, Mask, Softmax, …): they never get a gradient.
 * @param stops whether a variable stops gradients.
 */
export function unusedOutputs(
  path: readonly Operator[],
  stops: (name: string) => boolean,
  targets: Iterable<string>,
  noGrad: ReadonlySet<string>,
): Set<string> {
  const needed = new Set(targets)
  const unused = new Set<string>()
  for (let i = path.length - 1; i >= 0; i--) {
    const op = path[i]!
    const inputs = op.inputNames()
    if (op.subBlock === undefined) {
      const read = new Set(inputs)
      for (const name of op.outputNames()) {
        if (!needed.has(name) && !read.has(name) && !stops(name)) unused.add(name)
      }
    }
    for (const name of inputs) if (!noGrad.has(name)) needed.add(name)
  }
  return unused
}
