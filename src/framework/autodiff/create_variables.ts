/**
 * The last step of a backward pass: operators without use are dropped, gradient variables are made with type and shape of their forward
 * variables. Source: python/paddle/base/backward.py, _append_backward_vars_ (2.6.2).
 */
import type { Block } from '../block.ts'
import type { MetaKind } from '../op_def.ts'
import { EMPTY_VAR, findOp } from '../op_def.ts'
import { Operator } from '../operator.ts'
import { fillDefaults } from './grad_maker.ts'
import { type GradOp, inputNames, outputNames } from './grad_op.ts'
import { isGradName, stripGradSuffix } from './names.ts'

/** Where the gradient of a forward variable ended up. */
export type GradInfo = Map<string, { readonly grad: string; readonly block: Block }>

/**
 * Appends `ops` to `block` for good and makes their variables.
 * @param gradToVar gradient name to forward name. @param info filled: forward name to its gradient.
 */
export function appendWithVariables(
  block: Block,
  ops: readonly GradOp[],
  gradToVar: ReadonlyMap<string, string>,
  info: GradInfo,
): void {
  const { library } = block.program
  for (const op of ops) {
    const outputs = outputNames(op)
    if (outputs.every((name) => name === EMPTY_VAR)) continue
    const gradInputs = inputNames(op).filter(isGradName)
    if (gradInputs.length > 0 && !gradInputs.some((name) => isVisible(block, name))) continue
    if (op.type === 'sum') op.inputs['X'] = op.inputs['X']!.filter((name) => isVisible(block, name))
    fillDefaults(library, op)
    for (const name of outputs) {
      if (name === EMPTY_VAR || isVisible(block, name)) continue
      const forward = block.findVar(stripGradSuffix(name))
      block.createVar({
        name,
        type: kindOf(block, op, name),
        dtype: forward?.dtype ?? 'float32',
        shape: forward?.shape ?? [],
      })
      const variable = gradToVar.get(name)
      if (variable !== undefined) info.set(variable, { grad: name, block })
    }
    block.insertOperator(block.ops.length, new Operator(op))
  }
}

function isVisible(block: Block, name: string): boolean {
  return name !== EMPTY_VAR && block.findVar(name) !== undefined
}

/** Selected rows and tensor arrays keep their kind where the definition says so; everything else is a dense tensor. */
function kindOf(block: Block, op: GradOp, name: string): MetaKind {
  const def = findOp(block.program.library, op.type)
  return def?.outputKind?.(op, name, (input) => block.findVar(input)?.type as MetaKind | undefined) ?? 'LOD_TENSOR'
}
