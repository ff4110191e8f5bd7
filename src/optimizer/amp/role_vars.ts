/**
 * At O1 the gradient of a float32 parameter comes out of a cast. Programs that exchange gradients between machines exchange them before that
 * cast, so role variables move to the operator that makes the half gradient, and the casts behind everything else.
 * Source: python/paddle/static/amp/fp16_utils.py, update_role_var_grad (2.6.2).
 */
import type { ParamGrad } from '../../framework/autodiff/backward.ts'
import type { Block } from '../../framework/block.ts'
import { OP_ROLE, OP_ROLE_VAR, OpRole } from '../../framework/op_role.ts'
import { Operator } from '../../framework/operator.ts'

export function moveGradientCasts(block: Block, pairs: readonly ParamGrad[]): void {
  const casts: { readonly cast: Operator; readonly param: string }[] = []
  for (const { param, grad } of pairs) {
    const cast = grad.dtype === 'float32' ? block.lastWriter(grad.name) : undefined
    if (cast?.type === 'cast' && cast.role & OpRole.Backward) casts.push({ cast, param: param.name })
  }
  if (casts.length === 0) return
  const makers = writersOf(block, new Set(casts.map(({ cast }) => cast.inputs['X']![0]!)))
  const last = block.ops[block.ops.length - 1]!
  const moved: Operator[] = []
  const gone = new Set<Operator>()
  for (const { cast, param } of casts) {
    const half = cast.inputs['X']![0]!
    block.setAttr(cast, OP_ROLE_VAR, undefined)
    const maker = makers.get(half)!
    block.setAttr(maker, OP_ROLE_VAR, [param, half, ...maker.roleVars])
    block.setAttr(cast, OP_ROLE, OpRole.Optimize)
    // The operator that stands last stays there, as long as nothing was moved behind it.
    if (cast === last && moved.length === 0) continue
    gone.add(cast)
    moved.push(new Operator(cast.parts()))
  }
  block.replaceOps([...block.ops.filter((op) => !gone.has(op)), ...moved])
}

/** The operators that make the half gradients. */
function writersOf(block: Block, names: ReadonlySet<string>): Map<string, Operator> {
  const writers = new Map<string, Operator>()
  for (const op of block.ops) for (const name of op.outputNames()) if (names.has(name)) writers.set(name, op)
  return writers
}
